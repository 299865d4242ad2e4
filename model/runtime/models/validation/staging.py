"""model.onnx put where it might be, and asked through the owner's Predictor there."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runtime.models import artifact
from runtime.models.conversion.refusal import Different
from runtime.models.owner import Predictor
from runtime.models.validation.folder import validated

MEMORY = 8 * 2**30  # bytes that a conversion may take
NEEDED = ("onnxruntime", "skl2onnx")


def converted(
    model_dir: Path, kind: type[Predictor], folder: Path, found: dict[str, Any]
) -> dict[str, Any]:
    """Make model.onnx, if ONNX answers the same, also through the owner's Predictor.

    Returns: what model.json is to say of it.
    """
    if absent := [name for name in NEEDED if find_spec(name) is None]:
        return artifact.without_onnx(f"{absent[0]} is not installed")
    from runtime.models.conversion import onnx_export  # noqa: PLC0415 -- a second, and may be absent

    try:
        whole = {**(artifact.describe(model_dir) or {}), **found}
        content, news = onnx_export.export(model_dir, whole, folder / "sample.pkl")
        if not content:
            return news
        staged = _staged(model_dir, folder, {**found, **news}, content)
        _refuse_worse(validated(staged, kind, folder), found)
        (staged / artifact.ONNX).rename(folder / artifact.ONNX)
    except Different as exc:
        return artifact.without_onnx(str(exc))
    except MemoryError:
        why = f"the conversion needs over {MEMORY / 2**30:g} GB of memory"
        return artifact.without_onnx(why)
    except Exception as exc:  # noqa: BLE001 -- of the owner's code, of any kind
        first = str(exc).strip().partition("\n")[0][:200]
        why = f"predictor.py fails with it: {type(exc).__name__}: {first}"
        return artifact.without_onnx(why)
    return news


def _refuse_worse(answer: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise Different where Predictor is well served by the estimator alone."""
    for name in (artifact.WARM_UP_NOTE, artifact.PREDICTOR_NOTE):
        if name in answer and name not in found:
            raise Different(answer[name])


def _staged(
    model_dir: Path, folder: Path, changes: dict[str, Any], onnx: bytes
) -> Path:
    """Lay out the model folder as it would be with ONNX."""
    staged = folder / "staged"
    staged.mkdir()
    for path in model_dir.iterdir():
        (staged / path.name).symlink_to(path.resolve())
    artifact.amend(staged, changes, onnx)
    return staged
