"""Where ONNX answers nothing is unpickled, and nowhere with MODEL_ALLOW_PICKLE=false.

A pickle runs what its maker has written into it. So the one here makes a file.
"""

import re
from contextlib import suppress
from pathlib import Path
from pickle import PicklingError
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from pydantic import create_model
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from harness import Server, Training, convert, copy_program
from runtime import Job
from runtime.errors import ModelError
from runtime.models import artifact, engine
from runtime.tabular.schema import Schema

X = pd.DataFrame({"size": np.arange(40.0), "weight": np.arange(40.0) % 7})
Y = np.where(X["size"] > X["weight"] * 3, "large", "small")
ROW, ANSWER = "30,1\n", {"predictions": ["large"]}
SERVES = """
from runtime import Rows, load

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir, fast=True, trusted=TRUSTED)

    def predict(self, rows: Rows):
        return self.model.predict(rows)
"""
UNPICKLES = """
import joblib

class Predictor:
    def __init__(self, model_dir):
        self.model = joblib.load(model_dir / "model.joblib")

    def predict(self, rows):
        return self.model.predict(rows)
"""


class Trap:
    """An object whose pickle makes a file when it is opened."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return open, (str(self.file), "w")


def fitted() -> RandomForestClassifier:
    return RandomForestClassifier(5, random_state=0).fit(X, Y)


def saved(folder: Path, *, pickle: bool = True) -> list[str]:
    """Save a model and its ONNX, as a job does. Returns: types to trust."""
    columns = Schema.learn(X).to_json()
    content, types = (b"", []) if pickle else artifact.without_pickle(fitted())
    described = {"columns": columns, "classes": ["large", "small"]}
    artifact.save(folder, fitted(), described, content)
    convert(folder, X)
    return types


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return copy_program(tmp_path / "program", SERVES.replace("TRUSTED", "()"))


def trapped(tmp_path: Path) -> Path:
    """Put a trap in the place of the pickle of which model.onnx was made."""
    model_dir = tmp_path / "ml/model"
    saved(model_dir)
    joblib.dump(Trap(tmp_path / "sprung"), model_dir / artifact.ESTIMATOR)
    made_of = {artifact.ONNX_ORIGIN: artifact.origin(model_dir)}
    artifact.amend(model_dir, made_of)
    return tmp_path / "sprung"


def test_no_pickle_is_opened_where_onnx_answers(program: Path, tmp_path: Path) -> None:
    """R-05: from the start of the server to its answers."""
    sprung = trapped(tmp_path)
    with Server(program, tmp_path / "ml") as server:
        assert server.ready().invoke(ROW).json() == ANSWER
    assert not sprung.exists()


def test_the_trap_is_one(program: Path, tmp_path: Path) -> None:
    sprung = trapped(tmp_path)
    with Server(program, tmp_path / "ml", MODEL_ENGINE="scikit-learn") as server:
        assert server.process.wait(30) == 1
    assert sprung.exists()


@pytest.mark.parametrize("predictor", [SERVES.replace("TRUSTED", "()"), UNPICKLES])
def test_without_leave_no_pickle_is_opened_by_anybody(
    tmp_path: Path, predictor: str
) -> None:
    """H-74: the owner's own code is refused too, and the reason is in the log."""
    program = copy_program(tmp_path / "program", predictor)
    sprung = trapped(tmp_path)
    variables = {"MODEL_ENGINE": "scikit-learn", "MODEL_ALLOW_PICKLE": "false"}
    with Server(program, tmp_path / "ml", **variables) as server:
        assert server.process.wait(30) == 1
        assert "and MODEL_ALLOW_PICKLE=false opens none" in server.log()
    assert not sprung.exists()


def test_a_model_without_its_pickle_is_answered_by_onnx(
    program: Path, tmp_path: Path
) -> None:
    saved(tmp_path / "ml/model")
    (tmp_path / "ml/model/model.joblib").unlink()
    with Server(program, tmp_path / "ml", MODEL_ALLOW_PICKLE="false") as server:
        assert server.ready().invoke(ROW).json() == ANSWER


def test_skops_answers_where_no_pickle_may(tmp_path: Path) -> None:
    types = saved(tmp_path / "ml/model", pickle=False)
    names = {path.name for path in (tmp_path / "ml/model").iterdir()}
    assert names == {"model.skops", "model.json", "model.onnx"}
    predictor = SERVES.replace("TRUSTED", repr(types))
    program = copy_program(tmp_path / "program", predictor)
    variables = {"MODEL_ENGINE": "scikit-learn", "MODEL_ALLOW_PICKLE": "false"}
    with Server(program, tmp_path / "ml", **variables) as server:
        assert server.ready().invoke(ROW).json() == ANSWER


def test_a_type_that_nobody_trusts_is_not_made(tmp_path: Path) -> None:
    types = saved(tmp_path, pickle=False)
    assert types
    with pytest.raises(ModelError, match="does not trust") as refused:
        engine.load(tmp_path, trusted=types[1:])
    assert f"load(model_dir, trusted={types})" in str(refused.value)
    loaded = engine.load(tmp_path, trusted=types)
    assert (loaded.predict_proba(X) == fitted().predict_proba(X)).all()


def test_a_model_is_kept_in_the_format_that_was_saved_last(tmp_path: Path) -> None:
    for pickle, name in [(True, "model.joblib"), (False, "model.skops")] * 2:
        saved(tmp_path / "model", pickle=pickle)
        kept = {path.name for path in (tmp_path / "model").iterdir()}
        assert kept == {name, "model.json", "model.onnx"}
        assert engine.load(tmp_path / "model", fast=True).predict(X[:2]).shape == (2,)


def test_what_skops_cannot_save_is_pickled_and_said(
    base_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_pipeline(FunctionTransformer(lambda X: X), fitted()).fit(X, Y)
    with suppress(PicklingError):  # nor can joblib save this one
        Job(base_dir, create_model("None_")()).save(model, X, pickle=False)
    assert "model.joblib is saved, a pickle, as skops cannot" in capsys.readouterr().out


TRAINS = """
import pandas as pd
from pydantic import BaseModel
from runtime import Job, run
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from features import Double

class Hyperparameters(BaseModel):
    pass

def train(job):
    X = pd.DataFrame({"size": range(40)})
    model = make_pipeline(Double(), DecisionTreeClassifier()).fit(X, X["size"] > 20)
    job.save(model, X, pickle=False)

run(train, Hyperparameters)
"""
FEATURES = """
from sklearn.base import BaseEstimator, TransformerMixin

class Double(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = 1
        return self

    def transform(self, X):
        return X.to_numpy() * 2
"""


def test_a_job_says_the_types_that_the_server_has_to_trust(
    base_dir: Path, tmp_path: Path
) -> None:
    """T-39: the job itself trusts what it has fitted, so the model is not lost."""
    untrusting = SERVES.replace("TRUSTED", "()")
    program = copy_program(tmp_path / "program", untrusting, TRAINS)
    (program / "features.py").write_text(FEATURES)
    with Training(program, base_dir) as job:
        assert job.ended() == 0, job.log()
        said = re.search(r"trusted=(\[.*\])\)", job.out())
    assert said
    assert "features.Double" in said[1]
    described = artifact.describe(base_dir / "model") or {}
    assert repr(described[artifact.TRUSTED]) == said[1]
    with Server(program, base_dir) as server:
        assert server.process.wait(30) == 1
        assert f"load(model_dir, trusted={said[1]})" in server.log()
    trusting = SERVES.replace("TRUSTED", said[1])
    (program / "predictor.py").write_text(trusting)
    with Server(program, base_dir, MODEL_ALLOW_PICKLE="false") as server:
        assert server.ready().invoke("30\n").json() == {"predictions": [True]}
