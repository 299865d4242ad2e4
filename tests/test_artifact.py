import json
import pickle
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import pytest

import runtime
from runtime import artifact
from runtime.errors import ModelError


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
    artifact.save(tmp_path, 1, {"columns": [{"name": "a"}], "job": "j"})
    description = artifact.describe(tmp_path)
    assert description == {
        "runtime": runtime.__version__,
        "versions": {
            "python": platform.python_version(),
            **{p: version(p) for p in ("scikit-learn", "numpy", "pandas", "joblib")},
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
    """R-06, X-40."""
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
def test_another_minor_version_of_scikit_learn_is_said_with_the_repair(
    shift: int,
) -> None:
    """X-29."""
    skew = artifact.version_skew({"versions": {"scikit-learn": minor(shift)}})
    assert skew is not None
    for word in (minor(shift), version("scikit-learn"), "MODEL_VERSION_CHECK=warn"):
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
