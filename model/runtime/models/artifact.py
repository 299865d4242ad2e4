"""What lies in the model folder: the estimator, and `model.json` that describes it.

Each file appears whole or not at all (T-42). `Job` says what model.json holds, and
`validation` amends it at the end of a job; `ServedModel.load` reads it. The estimator
is `model.joblib`, a pickle, which may run any code when it is opened, or `model.skops`,
which runs none. The folder may also come from elsewhere: then there is one file of any
name for it, and no model.json.
"""

import gzip
import hashlib
import json
import os
import platform
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

import runtime
from runtime.errors import ModelError

ESTIMATOR = "model.joblib"
SKOPS = "model.skops"
DESCRIPTION = "model.json"
ONNX = "model.onnx"
ONNX_NOTE, ONNX_ORIGIN = "onnx", "onnx_of"  # what model.json says of it
SPEED = "milliseconds_a_row"  # of what answers, measured where the job ran
# Why `serve` goes without a warm-up row; most models have one, and no such key.
WARM_UP_NOTE = "warm_up"
PREDICTOR_NOTE = "predictor"  # how its answers differ from those of `model.predict`
_NO_ONNX = "scikit-learn will answer, which is right and slower than ONNX: "
ARCHIVE = "model.tar.gz"
PICKLES = (".joblib", ".pkl", ".pickle")
TRUSTED = "trusted_types"  # of model.skops: those that skops does not know
PACKAGES = ("scikit-learn", "numpy", "pandas", "joblib")
OPTIONAL = ("lightgbm", "skops", "xgboost", "xgboost-cpu")  # where they are installed
Write = Callable[[IO[bytes]], object]  # of a file's content


def members(
    model: Any, description: dict[str, Any], skops: bytes = b""
) -> dict[str, Write]:
    """Give what writes each file: the estimator, then its description with versions.

    `skops` is the estimator's content without a pickle, as `without_pickle` gives it.
    """
    import joblib  # noqa: PLC0415 -- with numpy, which `serve` may not need

    made_by = {"runtime": runtime.__version__, "versions": versions()}
    pickled: dict[str, Write] = {ESTIMATOR: lambda file: joblib.dump(model, file)}
    estimator = {SKOPS: lambda file: file.write(skops)} if skops else pickled
    return {**estimator, DESCRIPTION: _writing({**made_by, **description})}


def classes_of(model: Any) -> Any:
    """List the classes of a classifier, or those of each label; else there are none."""
    known = getattr(model, "classes_", None)
    if isinstance(known, list):
        return [classes.tolist() for classes in known]
    return getattr(known, "tolist", lambda: None)()


def save(
    model_dir: Path, model: Any, description: dict[str, Any], skops: bytes = b""
) -> None:
    """Write the files of a model, each whole or not at all, as of `members`."""
    for name, content in members(model, description, skops).items():
        write(model_dir / name, content)
    # One that was saved before, in the other format.
    (model_dir / (ESTIMATOR if skops else SKOPS)).unlink(missing_ok=True)


def keep_frames(model: Any) -> None:
    """Let a model give frames between its steps where `sklearn.set_config` says so.

    That holds for one thread of this process, and a server has others.
    """
    import sklearn  # noqa: PLC0415 -- `serve` may not need it

    form = sklearn.get_config()["transform_output"]
    pipeline = getattr(model, "best_estimator_", model)
    if form != "default" and hasattr(pipeline, "set_output"):
        pipeline.set_output(transform=form)


def without_pickle(model: Any) -> tuple[bytes, list[str]]:
    """Give the content of model.skops, and the types in it that skops does not know.

    Raises: ModelError where skops is absent, or what it saves cannot be loaded.
    """
    try:
        import skops.io  # noqa: PLC0415 -- optional
    except ModuleNotFoundError as exc:
        message = (
            f"{SKOPS} needs the package skops, which is not installed: "
            "local-test/add-package.sh skops"
        )
        raise ModelError(message) from exc
    try:
        content: bytes = skops.io.dumps(model)
        types: list[str] = skops.io.get_untrusted_types(data=content)
        skops.io.loads(content, trusted=types)  # it saves what it cannot load
    except Exception as exc:  # skops', of many kinds
        first = str(exc).partition("\n")[0]
        name = type(model).__name__
        message = f"skops cannot save {name}: {first}"
        raise ModelError(message) from exc
    return content, types


def load(model_dir: Path, trusted: Sequence[str] | None = None) -> Any:
    """Load the estimator: model.joblib, model.skops, or the one such file there is.

    Of a file of skops only types are made that skops knows or that are `trusted`; None
    trusts all, as a pickle has to be. Raises: ModelError, which names the file.
    """
    file = _estimator(model_dir)
    try:
        return _read(file, trusted)
    except ModelError:
        raise
    except Exception as exc:  # pickles raise anything
        message = f"cannot load {file}: {type(exc).__name__}: {exc}"
        if "__main__" in str(exc):
            message += (
                "; it was defined in a notebook or a script: move it to a module "
                "beside predictor.py, import it from there, and save the model again"
            )
        raise ModelError(message) from exc


def _read(file: Path, trusted: Sequence[str] | None) -> Any:
    if file.suffix in PICKLES:
        import joblib  # noqa: PLC0415 -- with numpy, which `serve` may not need

        return joblib.load(file)
    import skops.io  # noqa: PLC0415 -- optional

    needed = skops.io.get_untrusted_types(file=file)
    if trusted is not None and not {*needed} <= {*trusted}:
        message = (
            f"{file} has types that predictor.py does not trust. If it is yours, write "
            f"load(model_dir, trusted={needed}) there"
        )
        raise ModelError(message)
    return skops.io.load(file, trusted=needed)


def forbid_pickles() -> None:
    """Let this process, and those that it forks, open no pickle any more.

    That goes for the owner's code too. Only plain values, in which no class and no
    function is named, are still read.
    """
    sys.addaudithook(_refuse_pickle)


def _refuse_pickle(event: str, args: tuple[Any, ...]) -> None:
    if event == "pickle.find_class":
        name = ".".join(map(str, args))
        message = f"a pickle asks for {name}, and MODEL_ALLOW_PICKLE=false opens none"
        raise PermissionError(message)


def load_earlier(folder: Path) -> Any:
    """Load the estimator of an earlier job, packed as it lies in S3 or not (T-48).

    Raises: ModelError, also where another scikit-learn made it.
    """
    with tempfile.TemporaryDirectory() as unpacked:
        if (folder / ARCHIVE).exists():
            _unpack(folder / ARCHIVE, Path(unpacked))
            folder = Path(unpacked)
        skew = version_skew(describe(folder) or {})
        if skew:
            message = f"{skew}: train that model again in this image"
            raise ModelError(message)
        return load(folder)


def describe(model_dir: Path) -> dict[str, Any] | None:
    """Read model.json; None where the model came without one. Raises: ModelError."""
    file = model_dir / DESCRIPTION
    if not file.exists():
        return None
    try:
        description = json.loads(file.read_bytes())
        return {"columns": description["columns"], **description}
    except (OSError, ValueError, KeyError, TypeError) as exc:
        message = f"cannot read {file}: {type(exc).__name__}: {exc}"
        raise ModelError(message) from exc


def amend(model_dir: Path, changes: dict[str, Any], onnx: bytes = b"") -> None:
    """Add model.onnx where there is one, and change some of what model.json says."""
    if onnx:
        write(model_dir / ONNX, lambda file: file.write(onnx))
    if changes:
        whole = {**(describe(model_dir) or {}), **changes}
        write(model_dir / DESCRIPTION, _writing(whole))


def without_onnx(why: str) -> dict[str, str]:
    """Give what model.json says of a model without model.onnx."""
    return {ONNX_NOTE: f"{_NO_ONNX}{why}"}


def why_no_onnx(description: dict[str, Any]) -> str:
    """Give the reason that `without_onnx` has noted, where there is no model.onnx."""
    before, _, why = str(description.get(ONNX_NOTE, "")).partition(_NO_ONNX)
    return why if not before and why else f"there is no {ONNX}"


def _writing(description: dict[str, Any]) -> Write:
    text = json.dumps(description, indent=2, default=str, allow_nan=False) + "\n"
    return lambda file: file.write(text.encode())


def origin(model_dir: Path) -> str:
    """Give the SHA-256 of the estimator's file, "" where `save` has written none.

    model.json has that of what was converted.
    """
    for file in (model_dir / ESTIMATOR, model_dir / SKOPS):
        if file.exists():
            with file.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
    return ""


def is_changed(model_dir: Path, description: dict[str, Any]) -> bool:
    """Say whether model.onnx was made of another estimator than lies beside it.

    Where none lies there, because no pickle may, model.onnx is the model.
    """
    found = origin(model_dir) or description.get(ONNX_ORIGIN)
    return found is None or found != description.get(ONNX_ORIGIN)


def version_skew(description: dict[str, Any]) -> str | None:
    """Say how scikit-learn differs from the one that fitted, by major.minor (X-29)."""
    fitted = description.get("versions", {}).get("scikit-learn")
    installed = version("scikit-learn")
    if fitted is None or fitted.split(".")[:2] == installed.split(".")[:2]:
        return None
    return f"fitted with scikit-learn {fitted}, this image has {installed}"


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream) as tar:
            tar.extractall(folder, filter="data")  # nothing outside of the folder
            while stream.read(2**20):
                pass  # to the end, where gzip compares the checksum
    except (OSError, EOFError, tarfile.TarError, zlib.error) as exc:
        message = f"cannot unpack {archive}: {exc}"
        raise ModelError(message) from exc


def _estimator(model_dir: Path) -> Path:
    """Find the file of the estimator; hidden files and archives do not count (R-06)."""
    kinds = (*PICKLES, ".skops")
    found = sorted(f for f in model_dir.glob("[!.]*") if f.suffix in kinds)
    for name in (ESTIMATOR, SKOPS):
        if model_dir / name in found:
            return model_dir / name
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found) or f"none of *{', *'.join(kinds)}"
    message = f"no {ESTIMATOR} in {model_dir}, and no single pickle instead: {names}"
    raise ModelError(message)


def versions() -> dict[str, str]:
    """Give the versions that a model depends on."""
    found = {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}}
    for package in OPTIONAL:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def write(file: Path, content: Write) -> None:
    """Write a file beside its place, then move it there (T-42)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with partial.open("wb") as stream:
            content(stream)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
