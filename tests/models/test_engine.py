"""ONNX Runtime answers where it may; else scikit-learn does, and nothing breaks."""

import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder

from harness import ROOT, convert, environment
from runtime.errors import BadInput
from runtime.models import artifact, engine, onnx_session
from runtime.models.engine import Framed, framed
from runtime.models.onnx_session import OnnxClassifier
from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema

FRAME = pd.DataFrame(
    {
        "size": np.array([1, 2, 3, np.nan, 5, 6], dtype="float32"),
        "unused": np.array([0, 0, 0, 0, 0, 1], dtype="float32"),
        "kind": pd.array(["cat", "dog", None, "cat", "cat", "dog"], dtype="str"),
    }
)
SCHEMA = Schema.learn(FRAME)
ROWS = Rows(SCHEMA, [[*FRAME[name]] for name in FRAME])


def fitted() -> Any:
    columns = make_column_transformer(
        (SimpleImputer(), ["size"]),
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
    )
    model = make_pipeline(columns, LogisticRegression())
    return model.fit(FRAME, [0, 1, 0, 0, 0, 1])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save and export a model, as the last steps of a job do."""
    folder = tmp_path_factory.mktemp("exported")
    columns = {"columns": SCHEMA.to_json(), "classes": [0, 1]}
    artifact.save(folder, fitted(), columns)
    convert(folder, FRAME)
    return folder


@pytest.fixture
def model_dir(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "model"))


def test_an_exported_model_is_answered_by_onnx_runtime(model_dir: Path) -> None:
    slow, fast = engine.load(model_dir), engine.load(model_dir, fast=True)
    assert isinstance(fast, OnnxClassifier)
    assert fast.instant
    assert fast.classes_.tolist() == slow.classes_.tolist()
    rows: Any
    for rows in (ROWS, FRAME):
        assert fast.predict(rows).tolist() == slow.predict(FRAME).tolist()
        shares = fast.predict_proba(rows)
        assert np.allclose(shares, slow.predict_proba(FRAME), atol=1e-5)


def test_without_being_asked_for_onnx_never_answers(model_dir: Path) -> None:
    assert type(engine.load(model_dir)) is type(fitted())


def test_a_setting_turns_it_off(
    model_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.preferring("scikit-learn"):
        assert by_scikit_learn(model_dir, caplog) == "MODEL_ENGINE=scikit-learn"


def by_scikit_learn(model_dir: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Give the reason for which scikit-learn answers; it has to answer right."""
    caplog.set_level(logging.INFO)
    model = engine.load(model_dir, fast=True)
    assert isinstance(model, Framed)
    for rows in (ROWS, FRAME):
        assert (model.predict_proba(rows) == fitted().predict_proba(FRAME)).all()
    assert model.classes_.tolist() == [0, 1]
    (line,) = [m for m in caplog.messages if m.startswith("scikit-learn answers")]
    return line.partition(": ")[2]


def without_onnx(folder: Path) -> None:
    (folder / "model.onnx").unlink()


def of_another_model(folder: Path) -> None:
    """Change the estimator's file, as one that was trained again would."""
    with (folder / "model.joblib").open("ab") as file:
        file.write(b"\n")


def cut(folder: Path) -> None:
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])


def empty(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"")


def without_description(folder: Path) -> None:
    (folder / "model.json").unlink()


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (without_onnx, "there is no model.onnx"),
        (of_another_model, "model.onnx was made of another estimator"),
        (without_description, "model.onnx was made of another estimator"),
        (cut, "model.onnx cannot be loaded: "),
        (empty, "model.onnx cannot be loaded: "),
    ],
)
def test_where_onnx_cannot_be_trusted_scikit_learn_answers(
    model_dir: Path,
    caplog: pytest.LogCaptureFixture,
    harm: Callable[[Path], None],
    reason: str,
) -> None:
    harm(model_dir)
    assert by_scikit_learn(model_dir, caplog).startswith(reason)


@pytest.mark.parametrize("kind", [list, pd.Series, lambda v: np.array(v, object)])
def test_missing_text_and_its_spelling_are_told_apart(kind: Any) -> None:
    """skl2onnx spells a missing category `nan`."""
    found = onnx_session.texts(kind(["cat", np.nan, "nan"]))
    assert found.tolist() == [["cat"], ["nan"], ["\0nan"]]


def test_a_number_beyond_float32_is_refused_with_its_row() -> None:
    with pytest.raises(BadInput, match=r"beyond 3\.4e38") as caught:
        onnx_session.refuse_large([[1.0, 2.0], [3.0, -1e39]])
    assert caught.value.problems[0].row == 2


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(10, random_state=0),
        GridSearchCV(RandomForestClassifier(5, random_state=0), {"max_depth": [2, 9]}),
        FixedThresholdClassifier(LogisticRegression(), threshold=0.9),
        KNeighborsClassifier(2),
        LogisticRegression(),
    ],
)
def test_the_label_is_that_of_predict_whatever_the_shares_are(classifier: Any) -> None:
    """What the report measures is what the endpoint answers."""
    X = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7})
    y = np.array(["no", "yes"])[(np.arange(40) % 3 == 0).astype(int)]
    model = make_pipeline(SimpleImputer(), classifier).fit(X, y)
    labels, shares = framed(model).predict_and_proba(X)
    assert labels.tolist() == model.predict(X).tolist()
    assert np.array_equal(shares, model.predict_proba(X))


def test_onnx_gives_labels_and_shares_in_one_call(model_dir: Path) -> None:
    fast = engine.load(model_dir, fast=True)
    labels, shares = fast.predict_and_proba(ROWS)
    assert labels.tolist() == fast.predict(ROWS).tolist()
    assert np.array_equal(shares, fast.predict_proba(ROWS))


SERVED = """
import sys
from io import BytesIO
from pathlib import Path
import asyncio
from runtime import Rows, load
from runtime.models.served import ServedModel
from runtime.observability.logs import RequestRecord
from runtime.serving.executor import Executor
from runtime.serving.invocation import Invocations, RequestHeaders

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir, fast=True)

    def predict(self, rows: Rows):
        return self.model.predict(rows)

model = ServedModel.load(Path(sys.argv[1]), Predictor)
model.warm_up()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
body = BytesIO(b"1.5,0,cat\\n,0,NA\\n" * 10_000)
record = RequestRecord("id", bytes=body.getbuffer().nbytes)
invocations = Invocations(model, Executor(1, 60))
asyncio.run(invocations.respond(body, RequestHeaders("text/csv"), record))
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_predictor_without_frames_imports_no_pandas_and_no_scikit_learn(
    model_dir: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVED, model_dir],
        cwd=ROOT / "model",
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    at_start, after_many_rows = (set(line.split()) for line in done.stdout.splitlines())
    assert "onnxruntime" in at_start
    assert not at_start & {"pandas", "sklearn", "joblib", "scipy", "pyarrow"}
    assert not after_many_rows & {"pandas", "sklearn", "joblib", "scipy"}


def test_words_of_rows_are_counted_as_those_of_a_frame(tmp_path: Path) -> None:
    """A request has rows; the column of a vectorizer is no input of the graph."""
    texts = ["a good cat", "no dog", "good dog good", "no cat no"]
    frame = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "text": texts})
    columns = make_column_transformer(
        (TfidfVectorizer(), "text"), (SimpleImputer(), ["size"])
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, [1, 0, 1, 0])
    schema = Schema.learn(frame)
    stored = {"columns": schema.to_json(), "classes": [0, 1]}
    artifact.save(tmp_path, model, stored)
    convert(tmp_path, frame)
    fast = engine.load(tmp_path, fast=True)
    rows = Rows(schema, [[*frame[name]] for name in frame])
    assert fast.instant
    np.testing.assert_allclose(
        fast.predict_proba(rows), model.predict_proba(frame), atol=1e-7
    )


TEXTS = pd.DataFrame({"text": ["good day", "bad day", "good night", "bad one"] * 5})
MOOD = np.array(["glad", "sad"] * 10)
OF_DOCUMENTS = {
    "pipeline": make_pipeline(TfidfVectorizer(), LogisticRegression()),
    "search": GridSearchCV(
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
        {"logisticregression__C": [1, 2]},
        cv=2,
    ),
    "calibrated": CalibratedClassifierCV(
        make_pipeline(CountVectorizer(), MultinomialNB()), cv=2
    ),
    "union": make_pipeline(
        make_union(TfidfVectorizer(), HashingVectorizer(n_features=8)),
        LogisticRegression(),
    ),
    "vote": VotingClassifier(
        [("one", make_pipeline(TfidfVectorizer(), LogisticRegression()))]
    ),
}


@pytest.mark.parametrize("name", OF_DOCUMENTS)
def test_a_model_of_texts_is_given_texts_and_no_table(name: str) -> None:
    """It would take a table for one text, the name of its column."""
    model = OF_DOCUMENTS[name].fit(TEXTS["text"], MOOD)
    expected = model.predict(TEXTS["text"]).tolist()
    schema = Schema.learn(TEXTS["text"])
    given: Any
    for given in (Rows(schema, [[*TEXTS["text"]]]), TEXTS, TEXTS["text"]):
        assert framed(model).predict(given).tolist() == expected
    if hasattr(model, "predict_proba"):
        labels, _ = framed(model).predict_and_proba(TEXTS)
        assert labels.tolist() == expected


@pytest.mark.parametrize("words", ["text", ["text"]], ids=["column", "table"])
def test_a_model_of_a_table_with_texts_is_given_the_table(words: Any) -> None:
    encoder = TfidfVectorizer() if words == "text" else OneHotEncoder()
    columns = make_column_transformer((encoder, words))
    model = make_pipeline(columns, LogisticRegression()).fit(TEXTS, MOOD)
    assert framed(model).predict(TEXTS).tolist() == model.predict(TEXTS).tolist()


NUMBERS = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=[*"abc"])
SEVERAL = (NUMBERS > 0).astype(int)


@pytest.mark.parametrize(
    "model",
    [
        OneVsRestClassifier(LogisticRegression()),
        MLPClassifier(max_iter=5),
        RidgeClassifier(),
        KNeighborsClassifier(),
    ],
)
@pytest.mark.parametrize("where", ["alone", "last", "searched", "last and searched"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_several_labels_a_row_are_known_wherever_the_model_stands(
    model: Any, where: str
) -> None:
    found = make_pipeline(SimpleImputer(), model) if "last" in where else model
    found = GridSearchCV(found, {}, cv=2) if "searched" in where else found
    assert engine.answers_several(found.fit(NUMBERS, SEVERAL))
    assert not engine.answers_several(found.fit(NUMBERS, SEVERAL["a"]))
    assert not hasattr(framed(found.fit(NUMBERS, SEVERAL)), "predict_and_proba")
