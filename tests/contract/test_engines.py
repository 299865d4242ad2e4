"""Whichever engine answers, the caller sees the same (X-29; design, section 4)."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from harness import Server, convert, copy_program
from runtime.models import artifact
from runtime.tabular.schema import Schema

PREDICTOR = """
from runtime import Rows, load

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir, fast=True)

    def predict(self, rows: Rows):
        shares = self.model.predict_proba(rows)
        labels = self.model.classes_[shares.argmax(axis=1)]
        return {"label": labels, "share": shares[:, 0]}
"""
ENGINES = ("onnx", "scikit-learn")
ASKED = {"x-amzn-sagemaker-custom-attributes": "outputs=label,share"}
FEW = 20  # rows, which the ONNX engine answers in the event loop
MANY = 3000  # which wait for a slice of their own


def rows(n_rows: int) -> pd.DataFrame:
    chance = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "size": chance.normal(size=n_rows).astype("float32"),
            "kind": chance.choice(["cat", "dog", "élan"], n_rows),
            "wild": chance.choice([True, False], n_rows),
        }
    )
    frame.loc[::5, "size"] = np.nan
    return frame.astype({"kind": "str"})


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a model that converts, in a folder with the program that serves it."""
    folder = tmp_path_factory.mktemp("engines")
    X = rows(300)
    columns = make_column_transformer(
        (SimpleImputer(), ["size", "wild"]),
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
    )
    model = make_pipeline(columns, RandomForestClassifier(20, random_state=0))
    model.fit(X, np.where(X["kind"].eq("cat") & X["wild"], "yes", "no"))
    description = {"columns": Schema.learn(X).to_json(), "classes": ["no", "yes"]}
    artifact.save(folder / "model", model, description)
    convert(folder / "model", X)
    return copy_program(folder / "program", PREDICTOR)


@pytest.fixture
def servers(program: Path, tmp_path: Path) -> Iterator[list[Server]]:
    """Serve it by each engine."""
    bases = [tmp_path / engine for engine in ENGINES]
    for base in bases:
        shutil.copytree(program.parent / "model", base / "model")
    one, other = (
        Server(program, base, MODEL_ENGINE=engine)
        for engine, base in zip(ENGINES, bases, strict=True)
    )
    with one, other:
        yield [one.ready(), other.ready()]


def bodies(n_rows: int) -> dict[str, str]:
    frame = rows(n_rows)
    records = frame.astype(object).where(frame.notna(), None)
    return {
        "text/csv": frame.to_csv(header=False, index=False),
        "application/json": json.dumps({"instances": records.to_numpy().tolist()}),
        "application/jsonlines": records.to_json(orient="records", lines=True),
    }


def test_both_engines_answer_alike_in_every_format_few_rows_or_many(
    servers: list[Server],
) -> None:
    for n_rows in (FEW, MANY):
        for content_type, body in bodies(n_rows).items():
            answers = [
                server.invoke(body, content_type, **ASKED).json()["predictions"]
                for server in servers
            ]
            fast, slow = map(pd.DataFrame, answers)
            assert len(fast) == n_rows
            assert fast["label"].tolist() == slow["label"].tolist()
            assert np.allclose(fast["share"], slow["share"], atol=1e-5)


def test_each_server_says_which_engine_it_has(servers: list[Server]) -> None:
    fast, slow = (server.log() for server in servers)
    assert "scikit-learn answers" not in fast
    assert "scikit-learn answers, not ONNX: MODEL_ENGINE=scikit-learn" in slow


@pytest.mark.parametrize("body", ["oops,cat,true\n", "1,cat\n", "1,cat,maybe\n"])
def test_both_engines_refuse_alike(servers: list[Server], body: str) -> None:
    """H-25, H-73."""
    answers = [server.invoke(body) for server in servers]
    problems = [answer.json()["problems"] for answer in answers]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert problems[0] == problems[1]
