"""The last step of a job refuses what cannot be served, and ONNX costs no model."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsRegressor

import runtime
from harness import copy_program
from runtime import Job
from runtime.errors import ModelError
from runtime.models import artifact
from runtime.models.engine import hindrance
from runtime.tabular.schema import Schema
from runtime.training.sampling import MOST_ROWS, with_extremes
from runtime.training.validation import FreshProcess, validate

X = pd.DataFrame({"n": np.arange(50, dtype="float32"), "m": [0.5] * 50})
PREDICTOR = """
from runtime import load

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir, fast=True)

    def predict(self, rows):
        return self.model.predict(rows)
"""
# What ends the process in the middle of a conversion, after its first answer.
DURING = """
import os, sys, time
from runtime.models.conversion import onnx_export

def during(*_):
    {action}

onnx_export.export = during
"""
NO_ONNX = "scikit-learn will answer, which is right and slower than ONNX: "
SAME = "ONNX answers the same, to 1e-05"
PLAIN = ["model.joblib", "model.json"]


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let an owner's files be there whose Predictor asks for the fast engine."""
    folder = copy_program(tmp_path / "program", PREDICTOR)
    monkeypatch.setattr(runtime, "PROGRAM", folder)
    return folder


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return saved(tmp_path / "model", LinearRegression())


def saved(folder: Path, model: Any) -> Path:
    """Save a model of X, as a job does."""
    description = {"columns": Schema.learn(X).to_json(), "classes": None}
    artifact.save(folder, model.fit(X, X["n"]), description)
    return folder


def noted(model_dir: Path, **limits: Any) -> dict[str, Any]:
    """Validate with a conversion, and give what model.json says then."""
    said = validate(model_dir, X.head(), X, **limits)
    description = dict(json.loads((model_dir / "model.json").read_bytes()))
    note, _, speed = said.partition("\n")
    assert description["onnx"] == note
    if speed:  # H-73: what answers is told with its time, measured on the spot
        engine = "scikit-learn" if note.startswith(NO_ONNX) else "ONNX"
        spent = description["milliseconds_a_row"]
        assert speed == f"answers from {engine}: {spent:g} ms a row"
    return description


class Nothing(BaseModel):
    """What the owner declares."""


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_model_that_is_equal_is_kept_and_noted(model_dir: Path) -> None:
    assert noted(model_dir)["onnx"] == SAME
    assert files(model_dir) == [*PLAIN, "model.onnx"]


def test_columns_that_the_estimator_needs_are_required_of_requests(
    model_dir: Path,
) -> None:
    """H-73: ONNX would answer a row without them."""
    columns = noted(model_dir)["columns"]
    assert [column["required"] for column in columns] == [True, True]


def test_without_rows_of_x_there_is_no_conversion(model_dir: Path) -> None:
    assert validate(model_dir, X.head()) == ""
    assert files(model_dir) == PLAIN


def test_a_model_that_cannot_be_converted_is_as_it_was(tmp_path: Path) -> None:
    model = KNeighborsRegressor()
    found = noted(saved(tmp_path / "model", model))
    assert found["onnx"].startswith(f"{NO_ONNX}KNeighborsRegressor lets rounding")
    assert found["milliseconds_a_row"] > 0
    assert files(tmp_path / "model") == PLAIN


def test_a_predictor_that_onnx_does_not_suit_is_served_without(
    model_dir: Path, program: Path
) -> None:
    """What the estimator has and ONNX has not is found before `serve` looks for it."""
    text = PREDICTOR.replace(
        "self.model.predict(rows)", "rows['n'] * self.model.coef_[0]"
    )
    (program / "predictor.py").write_text(text)
    said = noted(model_dir)["onnx"]
    assert said.startswith(NO_ONNX)
    assert files(model_dir) == PLAIN


def test_a_job_that_is_being_stopped_goes_without(
    model_dir: Path, program: Path
) -> None:
    """T-43: but not without the validation."""
    during(program, "time.sleep(60)")
    started = time.monotonic()
    assert noted(model_dir, is_stopping=lambda: True)["onnx"] == (
        f"{NO_ONNX}the job is stopping"
    )
    assert time.monotonic() - started < 30
    assert files(model_dir) == PLAIN
    (program / "predictor.py").write_text(PREDICTOR.replace("rows)", "1 / 0)"))
    with pytest.raises(ModelError):
        validate(model_dir, X, X, is_stopping=lambda: True)


def during(program: Path, action: str) -> None:
    """Let something happen in the place of a conversion."""
    text = PREDICTOR + DURING.format(action=action)
    (program / "predictor.py").write_text(text)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("time.sleep(60)", "it took over 0.5 s"),
        ("os.kill(os.getpid(), 11)", "the conversion ended with status -11"),
        ("os._exit(3)", "the conversion ended with status 3"),
        ("bytearray(2**36)", "the conversion needs over 8 GB of memory"),
    ],
    ids=["hang", "crash", "exit", "memory"],
)
def test_whatever_becomes_of_a_conversion_the_validation_stands(
    model_dir: Path, program: Path, action: str, said: str
) -> None:
    """H-73: what was found before is noted."""
    during(program, action)
    found = noted(model_dir, seconds=0.5 if "sleep" in action else 60)
    assert found["onnx"] == f"{NO_ONNX}{said}"
    assert [column["required"] for column in found["columns"]] == [True, True]
    assert files(model_dir) == PLAIN


BY_SHARE = PREDICTOR.replace(
    "self.model.predict(rows)",
    "self.model.classes_[self.model.predict_proba(rows).argmax(axis=1)]",
)


@pytest.mark.parametrize("predictor", [BY_SHARE, PREDICTOR], ids=["share", "label"])
def test_a_predictor_that_contradicts_the_report_is_told_of(
    tmp_path: Path, program: Path, capfd: pytest.CaptureFixture[str], predictor: str
) -> None:
    """A1: a tuned threshold decides otherwise than the largest probability."""
    (program / "predictor.py").write_text(predictor)
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"n": random.normal(size=900)})
    y = np.where(rows["n"] + random.normal(size=900) > 1.7, "yes", "no")
    model = TunedThresholdClassifierCV(
        LogisticRegression(), scoring=make_scorer(f1_score, pos_label="yes")
    )
    made = Job(tmp_path / "ml", Nothing())
    made.evaluate(model.fit(rows[:500], y[:500]), rows[500:], y[500:])
    made.save(model, rows[:500], onnx=False)
    state = made._state
    validate(made.model_dir, state.held_out, state.sample, answers=state.answers)
    found = json.loads((made.model_dir / "model.json").read_bytes())
    log = capfd.readouterr().err
    if predictor is PREDICTOR:
        assert "predictor" not in found
        assert log == ""
        return
    told = model.predict(rows[500:])
    most = model.classes_[model.predict_proba(rows[500:]).argmax(axis=1)]
    first = int(np.flatnonzero(told != most)[0])
    assert found["predictor"].startswith(
        f"gives {(told != most).sum()} of 400 held-out rows another answer than "
        "model.predict, which was measured: 'no' in the place of 'yes' in row "
        f"{500 + first}. "
    )
    assert log == f"WARNING:validate:Predictor {found['predictor']}\n"


def test_an_answer_that_onnx_alone_gets_wrong_is_no_onnx(
    model_dir: Path, program: Path
) -> None:
    """A1: with either engine."""
    doubled = "self.model.predict(rows) * (1 + hasattr(self.model, 'instant'))"
    text = PREDICTOR.replace("self.model.predict(rows)", doubled)
    (program / "predictor.py").write_text(text)
    said = noted(model_dir, answers=X["n"].tolist()[:5])["onnx"]
    assert said.startswith(f"{NO_ONNX}gives 4 of 5 held-out rows another answer")
    assert files(model_dir) == PLAIN


def test_a_train_may_do_without_onnx(tmp_path: Path) -> None:
    """D22: the log of the job is silent, and `serve` says why scikit-learn answers."""
    made = Job(tmp_path / "ml", Nothing())
    made.save(LinearRegression().fit(X, X["n"]), X, onnx=False)
    said = validate(made.model_dir, made._state.held_out, made._state.sample)
    assert said == ""
    assert files(made.model_dir) == PLAIN
    reason = hindrance(made.model_dir, artifact.describe(made.model_dir), "onnx")
    assert reason == "train says onnx=False"


def test_a_model_that_cannot_be_loaded_is_refused_with_its_file(
    model_dir: Path,
) -> None:
    """T-39."""
    (model_dir / "model.joblib").write_bytes(b"broken")
    with pytest.raises(ModelError, match=r"cannot be served: cannot load .*joblib"):
        validate(model_dir, X, X)


def test_a_process_that_ends_without_an_answer_is_no_model(
    model_dir: Path, program: Path
) -> None:
    """T-39: native code may end it."""
    (program / "predictor.py").write_text("import os; os._exit(0)")
    with pytest.raises(
        ModelError, match=r"cannot be validated: the process .* status 0"
    ):
        validate(model_dir, X, X)


def test_what_the_owner_prints_is_no_answer(
    model_dir: Path, program: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is in the log, on stderr."""
    printing = PREDICTOR.replace(
        "        return", "        print('{}')\n        return"
    )
    (program / "predictor.py").write_text(printing)
    assert noted(model_dir)["onnx"] == SAME
    assert "{}\n" in capfd.readouterr().err


def test_a_disk_without_room_for_onnx_costs_no_model(model_dir: Path) -> None:
    """T-42: where its file cannot be written, the model is as it was saved."""
    before = (model_dir / "model.json").read_bytes()
    (model_dir / f".model.onnx.{os.getpid()}").mkdir()  # where it would be written
    assert validate(model_dir, X, X).startswith(f"{NO_ONNX}[Errno ")
    assert (model_dir / "model.json").read_bytes() == before
    assert not (model_dir / "model.onnx").exists()


def test_the_rows_to_compare_have_the_ends_of_each_column() -> None:
    rows = pd.DataFrame({"n": np.arange(10_000.0), "text": ["a"] * 10_000})
    rows.loc[0, "n"] = np.nan
    some = with_extremes(rows)
    assert len(some) <= MOST_ROWS + 2
    assert {some["n"].min(), some["n"].max()} == {1.0, 9999.0}


def test_a_text_with_a_lone_carriage_return_costs_no_job(
    tmp_path: Path, program: Path
) -> None:
    """T-39: the rows arrive as they are."""
    rows = pd.DataFrame({"n": [1, 2], "text": ["a\rb", "c"]})
    description = {"columns": Schema.learn(rows).to_json(), "classes": None}
    artifact.save(tmp_path / "model", 2, description)
    text = PREDICTOR.replace("self.model.predict(rows)", "rows['text'].str.len()")
    (program / "predictor.py").write_text(text.replace(", fast=True", ""))
    assert validate(tmp_path / "model", rows, answers=[3, 1]) == ""
    described = artifact.describe(tmp_path / "model") or {}
    assert artifact.PREDICTOR_NOTE not in described


def test_a_process_that_was_killed_while_the_job_trained_is_begun_anew(
    model_dir: Path,
) -> None:
    """Its memory may have been needed; the model is validated all the same."""
    process = FreshProcess()
    process._child.kill()
    process._child.wait()
    assert validate(model_dir, X.head(), X, process=process).startswith(SAME)


def test_a_process_that_nobody_asks_ends_with_its_job() -> None:
    """T-39: what reads from the job sees it end, however that was."""
    process = FreshProcess()
    assert process._child.stdin is not None
    process._child.stdin.close()
    assert process._child.wait(60) == 0
    process._answer.close()
