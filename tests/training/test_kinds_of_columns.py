"""From a channel to an answer: what a notebook calls one value has one answer."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

import runtime
from harness import answer_of, copy_program
from runtime import Job, load, split_target
from runtime.errors import ClientError
from runtime.formats import CSV, JSON, NPY, PARQUET
from runtime.models.served import ServedModel
from runtime.training.validation import validate

PREDICTOR = """
from runtime import load

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir)

    def predict(self, rows):
        return self.model.predict_proba(rows)[:, 1]
"""
ROWS = pd.DataFrame(
    {
        "vip": ["true", "false", "", "true", "", "false"] * 20,
        "zip": [1, 2, 3, 10, 2, 1] * 20,
        "age": range(120),
        "label": ["yes", "no", "no", "yes", "yes", "no"] * 20,
    }
)


class Hyperparameters(BaseModel):
    """None."""


class Predictor:
    """As in predictor.py."""

    def __init__(self, model_dir: Path) -> None:
        self.model = load(model_dir)

    def predict(self, rows: Any) -> Any:
        """Give the share of the second class."""
        return self.model.predict_proba(rows)[:, 1]


@pytest.fixture
def job(
    base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Job[Hyperparameters]:
    program = copy_program(tmp_path / "program", PREDICTOR)
    monkeypatch.setattr(runtime, "PROGRAM", program)
    (base_dir / "input/data/training").mkdir()
    return Job(base_dir, Hyperparameters())


def sample() -> Any:
    """Make the sample's pipeline."""
    return make_pipeline(
        make_column_transformer(
            (
                SimpleImputer(strategy="median"),
                make_column_selector(dtype_include="number"),
            ),
            (
                OneHotEncoder(handle_unknown="ignore"),
                make_column_selector(dtype_exclude="number"),
            ),
        ),
        RandomForestClassifier(5, random_state=0),
    )


def saved(job: Job[Hyperparameters], model: Any, X: Any, y: Any) -> ServedModel:
    """End a job as `run` does, and load what it left."""
    job.evaluate(model, X, y)
    job.save(model, X)
    validate(job.model_dir, job._state.held_out)
    served = ServedModel.load(job.model_dir, Predictor)
    assert served.schema is not None
    assert "warm_up" not in json.loads((job.model_dir / "model.json").read_text())
    served.warm_up()
    return served


def answer(model: ServedModel, body: bytes, media_type: str) -> list[float]:
    content, _ = answer_of(model, body, media_type, JSON)
    return [*json.loads(content)["predictions"]]


def packed(record: dict[str, Any], media_type: str) -> bytes:
    """Write one row."""
    file = io.BytesIO()
    if media_type == JSON:
        return json.dumps(record).encode()
    if media_type == CSV:
        return ",".join(map(str, record.values())).encode()
    if media_type == PARQUET:
        pd.DataFrame([record]).to_parquet(file)
    else:
        kinds = [(name, np.array(value).dtype) for name, value in record.items()]
        np.save(file, np.array([tuple(record.values())], kinds))
    return file.getvalue()


def answers_to(
    model: ServedModel, name: str, spellings: Any, **rest: Any
) -> set[float]:
    """Give the different answers to a row whose one value is spelt in many ways."""
    return {
        answer(model, packed({name: value, **rest}, media_type), media_type)[0]
        for value, media_type in spellings
    }


@pytest.mark.parametrize("kind", ["CSV", "Parquet", "text"])
def test_true_false_and_empty_cells_train_and_answer(
    job: Job[Hyperparameters], kind: str
) -> None:
    """A3, A3b, A3d: `text` is a column that is read with dtype str."""
    rows = ROWS[["vip", "age", "label"]]
    if kind == "Parquet":
        flags = rows["vip"].map({"true": True, "false": False}).astype("boolean")
        path = job.channel("training") / "rows.parquet"
        rows.assign(vip=flags).to_parquet(path)
    else:
        rows.to_csv(job.channel("training") / "rows.csv", index=False)
    options = {"dtype": {"vip": "str"}} if kind == "text" else {}
    X, y = split_target(job.read("training", **options), "label")
    assert X["vip"].dtype == ("str" if kind == "text" else "object")
    fitted = sample().fit(X, y)
    model = saved(job, fitted, X, y)
    expected = fitted.predict_proba(X.head(3))[:, 1].tolist()
    spelt: dict[str, Any] = {
        "true": [
            *[(v, JSON) for v in ("true", True, "True")],
            *[(v, CSV) for v in ("true", "True", "TRUE")],
            *[(v, media_type) for v in ("true", True) for media_type in (PARQUET, NPY)],
        ],
        "false": [("false", CSV), ("False", CSV), (False, JSON), (False, PARQUET)],
        "": [("", CSV), ("NA", CSV) if kind != "text" else ("", CSV), (None, JSON)],
    }
    for place, spellings in enumerate(spelt.values()):
        found = answers_to(model, "vip", spellings, age=place)
        assert found == {expected[place]}
    body = X.head(3).to_csv(index=False, header=False).encode()
    assert answer(model, body, CSV) == expected


@pytest.mark.parametrize("gaps", [False, True])
def test_categories_that_are_integers_answer_as_in_fit(
    job: Job[Hyperparameters], *, gaps: bool
) -> None:
    """A4: `from_dtype` sees the same codes."""
    ROWS.to_csv(job.channel("training") / "rows.csv", index=False)
    X, y = split_target(job.read("training")[["zip", "age", "label"]], "label")
    if gaps:
        X["zip"] = X["zip"].where(X["zip"] != 3)
    X["zip"] = X["zip"].astype("category")
    model = HistGradientBoostingClassifier(
        categorical_features="from_dtype", max_iter=5, min_samples_leaf=1
    ).fit(X, y)
    served = saved(job, model, X, y)
    expected = model.predict_proba(X.head(6))[:, 1].tolist()
    body = X.head(6).to_csv(index=False, header=False).encode()
    assert answer(served, body, CSV) == expected
    assert answer(served, X.head(6).to_json(orient="records").encode(), JSON) == (
        expected
    )
    spellings = [
        *((v, media_type) for v in (10, 10.0) for media_type in (JSON, PARQUET, NPY)),
        *(("10", CSV), ("10.0", CSV), ("10", JSON)),
    ]
    assert answers_to(served, "zip", spellings, age=3) == {expected[3]}


def months(frame: pd.DataFrame) -> Any:
    """Make numbers of dates."""
    return frame[["when"]].apply(lambda when: when.dt.month)


def test_a_column_of_dates_answers_as_in_fit(job: Job[Hyperparameters]) -> None:
    """A4b."""
    days = pd.date_range("2025-01-01", periods=120, freq="3D").strftime("%Y-%m-%d")
    rows = pd.DataFrame({"when": days, "label": ROWS["label"]})
    rows.to_csv(job.channel("training") / "rows.csv", index=False)
    X, y = split_target(job.read("training"), "label")
    X["when"] = pd.to_datetime(X["when"])
    model = make_pipeline(FunctionTransformer(months), RandomForestClassifier(3))
    job.save(model.fit(X, y), X)
    served = ServedModel.load(job.model_dir, Predictor)
    served.warm_up()
    expected = model.predict_proba(X.tail(1))[:, 1].tolist()[0]
    last = days[-1]
    spellings = [
        *((last, CSV), (f"{last} 00:00:00", CSV), (last, JSON), (last, NPY)),
        *((pd.Timestamp(last), PARQUET), (pd.Timestamp(last).date(), PARQUET)),
    ]
    for value, media_type in spellings:
        body = packed({"when": value}, media_type)
        assert answer(served, body, media_type) == [expected]


@pytest.mark.parametrize("by", ["check_columns", "evaluate", "save"])
def test_what_no_request_can_spell_is_refused_before_it_is_measured(
    job: Job[Hyperparameters], by: str
) -> None:
    """A4b."""
    X = pd.DataFrame({"a": pd.to_timedelta([1, 2], unit="s"), "b": [1, 2]})
    model, y = sample(), pd.Series(["x", "y"])
    given = {"check_columns": [X], "evaluate": [model, X, y], "save": [model, X]}
    with pytest.raises(ClientError) as refused:
        getattr(job, by)(*given[by])
    assert str(refused.value) == (
        "column 'a' has dtype timedelta64[us], which no request can spell: before fit,"
        " X['a'] = X['a'].dt.total_seconds()"
    )
    assert job.metrics == {}
    assert not [*job.model_dir.iterdir()]
