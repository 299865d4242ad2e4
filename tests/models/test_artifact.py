import contextlib
import io
import json
import pickle
import platform
import random
import subprocess
import tarfile
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import joblib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runtime
from runtime.errors import ModelError
from runtime.models import artifact


class Unpicklable:
    """An estimator that no pickle can hold."""

    def __reduce__(self) -> str:
        msg = "no pickle of me"
        raise TypeError(msg)


class Half:
    """An estimator whose file is cut while it is written: after the first half."""

    def __init__(self) -> None:
        self.first = b"x" * 2**20
        self.second = Unpicklable()


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    artifact.save(tmp_path, {"any": "object"}, {"columns": []})
    assert artifact.load(tmp_path) == {"any": "object"}
    assert files(tmp_path) == ["model.joblib", "model.json"]


def test_a_folder_that_does_not_exist_is_made(tmp_path: Path) -> None:
    artifact.save(tmp_path / "new/model", 1, {"columns": []})
    assert artifact.load(tmp_path / "new/model") == 1


def test_the_description_says_what_made_the_model(tmp_path: Path) -> None:
    """X-29."""
    optional = ("lightgbm", "skops", "xgboost", "xgboost-cpu")
    installed = {found.name for found in distributions()}
    artifact.save(tmp_path, 1, {"columns": [{"name": "a"}], "job": "j"})
    description = artifact.describe(tmp_path)
    assert description == {
        "runtime": runtime.__version__,
        "versions": {
            "python": platform.python_version(),
            **{p: version(p) for p in ("scikit-learn", "numpy", "pandas", "joblib")},
            **{p: version(p) for p in optional if p in installed},
        },
        "columns": [{"name": "a"}],
        "job": "j",
    }


def test_a_model_that_came_without_a_description_has_none(tmp_path: Path) -> None:
    joblib.dump(1, tmp_path / "model.joblib")
    assert artifact.describe(tmp_path) is None
    assert artifact.describe(tmp_path / "no such folder") is None


@pytest.mark.parametrize("model", [Unpicklable(), Half()], ids=["at once", "halfway"])
def test_a_write_that_fails_leaves_nothing(tmp_path: Path, model: Any) -> None:
    """T-42: what lies in the folder is uploaded, also after a failure."""
    with pytest.raises(TypeError, match="no pickle of me"):
        artifact.save(tmp_path, model, {"columns": []})
    assert files(tmp_path) == []


@pytest.mark.parametrize("model", [Unpicklable(), Half()], ids=["at once", "halfway"])
def test_a_write_that_fails_leaves_the_older_model_as_it_was(
    tmp_path: Path, model: Any
) -> None:
    """T-42."""
    artifact.save(tmp_path, "older", {"columns": []})
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    with pytest.raises(TypeError):
        artifact.save(tmp_path, model, {"columns": [{}]})
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before


def test_a_description_that_is_not_json_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        artifact.save(tmp_path, 1, {"columns": [], "metrics": {"a": float("nan")}})
    assert not tmp_path.exists() or files(tmp_path) == []


def test_model_json_is_valid_json_for_any_reader(tmp_path: Path) -> None:
    artifact.save(tmp_path, 1, {"columns": [], "folder": Path("/opt/ml")})
    text = (tmp_path / "model.json").read_text()
    assert json.loads(text)["folder"] == "/opt/ml"
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps(list(range(1000)))[:100],
        b"cno_such\nThing\n.",
    ],
    ids=["empty", "no pickle", "cut off", "a class that is not there"],
)
def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.joblib"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=f"^cannot load {file}: ") as refused:
        artifact.load(tmp_path)
    assert refused.value.__cause__ is not None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"{}", b'"columns"', b"null"],
    ids=["empty", "cut off", "binary", "a list", "no columns", "text", "null"],
)
def test_a_description_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "model.json"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=f"^cannot read {file}: "):
        artifact.describe(tmp_path)


@pytest.mark.parametrize(
    "name", ["model.joblib", "forest.joblib", "model.pkl", "clf.v2.pickle"]
)
def test_the_one_pickle_in_the_folder_is_the_model(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps("theirs"))
    assert artifact.load(tmp_path) == "theirs"


@pytest.mark.parametrize(
    "name",
    [
        "model.tar.gz",
        "output.tar.gz",
        ".model.pkl",
        "._model.joblib",
        ".model.joblib.17",
        "model.onnx",
        "README.md",
    ],
)
def test_hidden_files_archives_and_others_do_not_count(
    tmp_path: Path, name: str
) -> None:
    """H-33, R-06, X-40."""
    (tmp_path / name).write_bytes(b"not a pickle")
    with pytest.raises(ModelError, match=r"no model\.joblib in "):
        artifact.load(tmp_path)
    (tmp_path / "theirs.pkl").write_bytes(pickle.dumps("theirs"))
    assert artifact.load(tmp_path) == "theirs"


def test_of_several_pickles_model_joblib_is_the_model(tmp_path: Path) -> None:
    for name in ("a.pkl", "model.joblib", "scaler.joblib"):
        (tmp_path / name).write_bytes(pickle.dumps(name))
    assert artifact.load(tmp_path) == "model.joblib"


def test_two_pickles_of_other_names_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("encoder.pkl", "forest.joblib"):
        (tmp_path / name).write_bytes(pickle.dumps(name))
    with pytest.raises(ModelError, match=r"instead: encoder\.pkl, forest\.joblib$"):
        artifact.load(tmp_path)


@pytest.mark.parametrize("folder", [".", "no such folder"], ids=["empty", "absent"])
def test_a_folder_without_a_model_is_refused_with_what_is_looked_for(
    tmp_path: Path, folder: str
) -> None:
    with pytest.raises(ModelError) as refused:
        artifact.load(tmp_path / folder)
    assert str(tmp_path) in str(refused.value)
    assert "none of *.joblib, *.pkl, *.pickle" in str(refused.value)


def minor(shift: int) -> str:
    major, middle, *_ = version("scikit-learn").split(".")
    return f"{major}.{int(middle) + shift}.0"


@pytest.mark.parametrize("shift", [-1, 1])
def test_another_minor_version_of_scikit_learn_is_said_with_both(
    shift: int,
) -> None:
    """X-29."""
    skew = artifact.version_skew({"versions": {"scikit-learn": minor(shift)}})
    assert skew is not None
    for word in (minor(shift), version("scikit-learn")):
        assert word in skew


@pytest.mark.parametrize(
    "description",
    [{"versions": {"scikit-learn": minor(0)}}, {"versions": {}}, {}],
    ids=["another patch", "unknown", "no versions"],
)
def test_the_same_minor_version_or_an_unknown_one_is_no_skew(
    description: dict[str, Any],
) -> None:
    assert artifact.version_skew(description) is None


def packed(folder: Path, model_dir: Path) -> Path:
    """Pack a model folder as SageMaker does, its contents at the top (T-36)."""
    folder.mkdir(parents=True)
    archive = folder / "model.tar.gz"
    command = ["tar", "-C", str(model_dir), "-czf", str(archive), "."]
    subprocess.run(command, check=True)
    return archive


def saved(folder: Path, model: Any = "earlier", **description: Any) -> Path:
    artifact.save(folder, model, {"columns": [], **description})
    return folder


def test_a_model_of_an_earlier_job_is_loaded_packed_or_not(tmp_path: Path) -> None:
    """T-48: the channel holds it as it lies in S3."""
    model_dir = saved(tmp_path / "model")
    packed(tmp_path / "channel", model_dir)
    before = files(tmp_path / "channel")
    assert artifact.load_earlier(tmp_path / "channel") == "earlier"
    assert files(tmp_path / "channel") == before  # T-28: nothing is unpacked in place
    assert artifact.load_earlier(model_dir) == "earlier"


def test_an_earlier_model_may_lack_a_description(tmp_path: Path) -> None:
    """T-48: it may come from elsewhere."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/forest.pkl").write_bytes(pickle.dumps("theirs"))
    packed(tmp_path / "channel", tmp_path / "model")
    assert artifact.load_earlier(tmp_path / "channel") == "theirs"


@pytest.mark.parametrize("archived", [True, False], ids=["packed", "unpacked"])
def test_an_earlier_model_of_another_scikit_learn_is_refused(
    tmp_path: Path, *, archived: bool
) -> None:
    """T-48, X-29: before it is unpickled."""
    folder = saved(tmp_path / "model", versions={"scikit-learn": "0.1.0"})
    (folder / "model.joblib").write_bytes(b"cno_such\nThing\n.")
    if archived:
        folder = packed(tmp_path / "channel", folder).parent
    with pytest.raises(ModelError, match=r"with scikit-learn 0\.1\.0, this image"):
        artifact.load_earlier(folder)


def member(
    name: str, content: bytes = b"", **fields: Any
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


EVIL = {
    "above": [member("../evil", b"x")],
    "far above": [member("a/../../../evil", b"x")],
    "link": [member("evil", type=tarfile.SYMTYPE, linkname="../../outside")],
    "through a link": [
        member("to", type=tarfile.SYMTYPE, linkname="/"),
        member("to/evil", b"x"),
    ],
    "hard link": [member("evil", type=tarfile.LNKTYPE, linkname="../../etc/passwd")],
    "device": [member("evil", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "absolute": [member("{tmp}/evil", b"x")],
}


@pytest.mark.parametrize("kind", EVIL)
def test_an_archive_writes_nothing_outside(tmp_path: Path, kind: str) -> None:
    """T-48: an archive is data, whoever made it."""
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:
        for info, content in EVIL[kind]:
            info.name = info.name.format(tmp=tmp_path)
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(ModelError, match=r"model\.tar\.gz|no single pickle"):
        artifact.load_earlier(tmp_path)
    assert files(tmp_path) == ["model.tar.gz"]
    assert not Path("/evil").exists()
    assert not (tmp_path.parent / "evil").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give an archive whose bytes no checksum but gzip's own protects."""
    folder = tmp_path_factory.mktemp("whole")
    model_dir = saved(folder / "model", random.Random(0).randbytes(2**16))
    return packed(folder / "channel", model_dir).read_bytes()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_an_archive_with_a_flipped_bit_gives_no_other_model(
    tmp_path: Path, whole: bytes, where: float, bit: int
) -> None:
    """T-48."""
    flipped = bytearray(whole)
    flipped[int(where * len(whole))] ^= 1 << bit
    (tmp_path / "model.tar.gz").write_bytes(flipped)
    with contextlib.suppress(ModelError):
        assert artifact.load_earlier(tmp_path) == random.Random(0).randbytes(2**16)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True))
def test_an_archive_that_was_cut_off_anywhere_is_refused_by_name(
    tmp_path: Path, whole: bytes, where: float
) -> None:
    """T-48."""
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(whole[: int(where * len(whole))])
    with pytest.raises(ModelError, match=f"^cannot unpack {archive}: "):
        artifact.load_earlier(tmp_path)


def test_a_class_of_a_notebook_has_a_cure(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_bytes(b"c__main__\nRatio\n.")
    with pytest.raises(ModelError, match="move it to a module beside"):
        artifact.load(tmp_path)
