"""A forest without joblib answers as scikit-learn's own does, to the last bit."""

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from runtime.models.forests import MOST_ROWS, without_joblib

CHANCE = np.random.default_rng(0)
X = CHANCE.normal(size=(300, 6)) * [1, 10, 0.1, 1e3, 1, 1]
HOLES = np.where(CHANCE.random(X.shape) < 0.1, np.nan, X)
SCORE = X @ [1, 0.2, 3, 0.001, 0, -1] + CHANCE.normal(size=300)
MANY = CHANCE.normal(size=(MOST_ROWS, 6)) * [1, 10, 0.1, 1e3, 1, 1]
TEXTS = np.array(["cat", "dog", "été"])[np.digitize(SCORE, [-1, 2])]
TARGETS = [SCORE > 0, np.digitize(SCORE, [-3, -1, 0, 2]), TEXTS]


def same(model: Any, rows: Any) -> None:
    """Compare all methods, of a model and of the same without joblib."""
    ours = without_joblib(copy.deepcopy(model))
    methods = ("predict", "predict_proba")
    for method in (m for m in methods if hasattr(model, m)):
        expected = getattr(model, method)(rows)
        found = getattr(ours, method)(rows)
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("y", TARGETS, ids=["two", "five", "texts"])
@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"class_weight": "balanced_subsample", "max_depth": 3},
        {"n_estimators": 37, "min_samples_leaf": 4, "bootstrap": True},
        {"n_estimators": 1, "max_features": None, "criterion": "entropy"},
        {"n_estimators": 7, "max_leaf_nodes": 5, "ccp_alpha": 0.01},
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(2))
def test_a_classifier(y: Any, kind: Any, options: dict[str, Any], seed: int) -> None:
    model = kind(random_state=seed, **options).fit(X, y)
    for rows in (X[:1], X, MANY, MANY.astype("float32"), X[:5].tolist()):
        same(model, rows)


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
@pytest.mark.parametrize(
    "options",
    [{}, {"criterion": "absolute_error", "n_estimators": 9}, {"max_depth": 4}],
    ids=str,
)
def test_a_regressor_of_rows_with_missing_values(
    kind: Any, options: dict[str, Any]
) -> None:
    model = kind(random_state=0, **options).fit(HOLES, SCORE * 1e6)
    for rows in (HOLES[:1], HOLES, MANY, sparse.csr_array(np.nan_to_num(HOLES))):
        same(model, rows)


def test_more_rows_are_left_to_scikit_learn_and_get_the_same() -> None:
    model = RandomForestClassifier(11, random_state=0).fit(X, TEXTS)
    rows = np.concatenate([MANY, X])
    same(model, rows)
    alone = without_joblib(copy.deepcopy(model)).predict_proba(rows[:MOST_ROWS])
    np.testing.assert_array_equal(alone, model.predict_proba(rows)[:MOST_ROWS])


def pipeline(forest: Any) -> Any:
    columns = make_column_transformer(
        (SimpleImputer(), [*"abcdef"]),
        (OneHotEncoder(handle_unknown="ignore"), ["text"]),
    )
    return make_pipeline(columns, forest)


def test_a_forest_at_the_end_of_a_pipeline() -> None:
    frame = pd.DataFrame(HOLES, columns=[*"abcdef"]).assign(text=TEXTS)
    model = pipeline(RandomForestClassifier(20, random_state=0)).fit(frame, SCORE > 0)
    same(model, frame)
    same(model, frame[:1])
    regressor = pipeline(ExtraTreesRegressor(20, random_state=0)).fit(frame, SCORE)
    same(regressor, frame[:1])


def test_a_copy_has_its_own_trees() -> None:
    """A deep copy, or one out of a pickle, does not answer for the first."""
    first = without_joblib(RandomForestClassifier(5, random_state=0).fit(X, SCORE > 0))
    expected = first.predict_proba(X)
    copies = [copy.deepcopy(first), pickle.loads(pickle.dumps(first))]
    first.estimators_ = first.estimators_[:1]
    for other in copies:
        np.testing.assert_array_equal(other.predict_proba(X), expected)
    assert "predict_proba" not in vars(clone(first))


@pytest.mark.parametrize("rows", [X[:, :5], np.full((1, 6), np.inf), X[0]])
def test_rows_that_scikit_learn_refuses_are_refused_with_its_words(rows: Any) -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X, SCORE > 0)
    with pytest.raises(ValueError) as expected:  # noqa: PT011 -- compared
        model.predict_proba(rows)
    with pytest.raises(ValueError) as found:  # noqa: PT011
        without_joblib(model).predict_proba(rows)
    assert str(found.value) == str(expected.value)


class Own(RandomForestClassifier):  # type: ignore[misc]
    """A forest with an answer of its own."""

    def predict_proba(self, X: Any) -> Any:
        """Give halves."""
        return np.full((len(X), 2), 0.5)


class Named(RandomForestClassifier):  # type: ignore[misc]
    """A forest that answers as scikit-learn's do."""


@pytest.mark.parametrize(
    "model",
    [
        Own(3).fit(X, SCORE > 0),
        RandomForestClassifier(3).fit(X, np.stack([SCORE > 0, SCORE > 1], axis=1)),
        RandomForestRegressor(3).fit(X, np.stack([SCORE, SCORE], axis=1)),
        GradientBoostingClassifier(n_estimators=3).fit(X, SCORE > 0),
        IsolationForest(n_estimators=3).fit(X),
        RandomTreesEmbedding(3).fit(X),
        GridSearchCV(RandomForestClassifier(2), {"max_depth": [2]}).fit(X, SCORE > 0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_is_no_forest_or_more_than_one_stays_as_it_is(model: Any) -> None:
    """Several outputs, a method of its own, or none of scikit-learn's forests."""
    before = dict(vars(model))
    without_joblib(model)
    assert vars(model).keys() == before.keys()


def test_a_class_that_keeps_scikit_learns_methods_is_a_forest() -> None:
    model = Named(5, random_state=0).fit(X, TEXTS)
    same(model, X)
    assert "predict_proba" in vars(without_joblib(model))
