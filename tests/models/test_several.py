"""Several labels or numbers a row are answered by ONNX as by scikit-learn."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from harness import convert
from runtime.models import artifact, engine
from runtime.models.artifact import classes_of
from runtime.models.conversion.onnx_export import proved
from runtime.models.conversion.refusal import Different
from runtime.models.onnx_session import Onnx, OnnxLabels
from runtime.models.served import ServedModel
from runtime.tabular.schema import Schema
from runtime.tabular.table import Table

VALUES, TAGS = make_multilabel_classification(400, 6, n_classes=3, random_state=0)
X = pd.DataFrame(VALUES).set_axis([f"c{n}" for n in range(6)], axis=1)
WORDS = np.array(["no", "yes"], object)[TAGS]
FOREST = RandomForestClassifier(8, random_state=0)


def described(model: Any) -> dict[str, Any]:
    """Give what model.json says of a model."""
    return {"columns": Schema.learn(X).to_json(), "classes": classes_of(model)}


def saved(folder: Path, model: Any) -> Any:
    """Save a fitted model with its model.onnx. Returns: what answers fast."""
    artifact.save(folder / "model", model, described(model))
    convert(folder / "model", X)
    return engine.load(folder / "model", fast=True)


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (FOREST, TAGS),
        (FOREST, WORDS),
        (FOREST, np.column_stack([TAGS.sum(axis=1), TAGS[:, 0]])),
        (MultiOutputClassifier(LogisticRegression()), TAGS),
        (MultiOutputClassifier(LogisticRegression()), WORDS),
        (make_pipeline(StandardScaler(), MultiOutputClassifier(FOREST)), TAGS),
        (MultiOutputClassifier(make_pipeline(StandardScaler(), LinearSVC())), TAGS),
        (ClassifierChain(LogisticRegression(), order=[2, 0, 1]), TAGS),
        (ClassifierChain(FOREST), TAGS),
        (MLPClassifier((5,), random_state=0, tol=1.0), TAGS),
        (RidgeClassifier(), TAGS),
        (OneVsRestClassifier(LogisticRegression()), TAGS),
        (OneVsRestClassifier(LinearSVC()), TAGS),
        (OneVsRestClassifier(FOREST), TAGS),
    ],
)
def test_several_labels_are_equal(tmp_path: Path, model: Any, y: Any) -> None:
    """Also their type, and the form of their shares: a list, where it is one."""
    model.fit(X, y)
    fast = saved(tmp_path, model)
    assert OnnxLabels in type(fast).__mro__
    expected, found = model.predict(X), fast.predict(X)
    assert found.tolist() == expected.tolist()
    assert [[*map(type, r)] for r in found.tolist()] == [
        [*map(type, r)] for r in expected.tolist()
    ]
    assert hasattr(fast, "predict_proba") == hasattr(model, "predict_proba")
    if not hasattr(model, "predict_proba"):
        return
    right, given = model.predict_proba(X), fast.predict_proba(X)
    assert isinstance(given, list) == isinstance(right, list)
    for one, other in zip(given, right, strict=True):
        assert one.shape == other.shape
        assert np.allclose(one, other, atol=1e-9)
    classes = zip(list(fast.classes_), list(_final(model).classes_), strict=True)
    assert all(np.array_equal(one, other) for one, other in classes)


def _final(model: Any) -> Any:
    return model[-1] if hasattr(model, "steps") else model


@pytest.mark.parametrize(
    "model",
    [
        ExtraTreesRegressor(8, random_state=0),
        MultiOutputRegressor(Ridge()),
        RegressorChain(Ridge(), order=[1, 0]),
        MLPRegressor(hidden_layer_sizes=(5,), random_state=0, tol=1e3),
    ],
)
def test_several_numbers_are_equal(tmp_path: Path, model: Any) -> None:
    model.fit(X, VALUES[:, :2] @ [[1.0, 2.0], [3.0, 4.0]])
    fast = saved(tmp_path, model)
    assert Onnx in type(fast).__mro__
    assert fast.predict(X).shape == (len(X), 2)
    assert np.allclose(fast.predict(X), model.predict(X), rtol=1e-9)


def test_one_class_against_all_others_is_the_largest_score(tmp_path: Path) -> None:
    """Of shares several may be 1, as of a row that is far from all others."""
    y = np.array(["few", "some", "many"], object)[VALUES[:, 0].astype(int) % 3]
    model = OneVsRestClassifier(LogisticRegression()).fit(X, y)
    fast = saved(tmp_path, model)
    far = X * 1e6
    assert (fast.predict(far) == model.predict(far)).all()
    assert np.allclose(fast.predict_proba(far), model.predict_proba(far), atol=1e-9)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (ClassifierChain(LogisticRegression(), chain_method="predict_proba"), "chain"),
        (DummyClassifier(), "DummyClassifier"),
    ],
)
def test_what_answers_several_labels_otherwise_is_named(model: Any, why: str) -> None:
    model.fit(X, TAGS)
    with pytest.raises(Different, match=why):
        proved(model, described(model), X)


def test_a_label_of_text_beside_one_of_numbers_is_refused() -> None:
    estimators = [LogisticRegression().fit(X, TAGS[:, 0])]
    estimators.append(LogisticRegression().fit(X, WORDS[:, 0]))
    model = MultiOutputClassifier(LogisticRegression()).fit(X, TAGS[:, :2])
    model.estimators_ = estimators
    model.classes_ = [each.classes_ for each in estimators]
    with pytest.raises(Different, match="labels of text beside numbers"):
        proved(model, described(model), X)


@pytest.mark.sample
@pytest.mark.parametrize("preferred", ["onnx", "scikit-learn"])
def test_the_sample_answers_several_labels_with_both_engines(
    tmp_path: Path, preferred: str
) -> None:
    """There is a list of them for each row; no share belongs to it alone."""
    from predictor import Predictor  # noqa: PLC0415 -- an owner may have another

    model = RandomForestClassifier(8, random_state=0).fit(X, WORDS)
    saved(tmp_path, model)
    served = ServedModel.load(tmp_path / "model", Predictor, preferred=preferred)
    rows = served.schema.read(Table(X.to_numpy().tolist())) if served.schema else None
    assert served.predict(rows).outputs().columns == {
        "predicted_label": model.predict(X).tolist()
    }
