"""ONNX answers what scikit-learn answers, or there is no ONNX."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from runtime.models import onnx_export, onnx_session
from runtime.models.equivalence import Comparison, Different
from runtime.models.onnx_export import proved
from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema

CANCER = load_breast_cancer(as_frame=True)
DIABETES = load_diabetes(as_frame=True)
X = CANCER.data.astype("float32")


def described(model: Any, rows: pd.DataFrame) -> dict[str, Any]:
    """Give what model.json says of a model."""
    classes = model.classes_.tolist() if hasattr(model, "classes_") else None
    return {"columns": Schema.learn(rows).to_json(), "classes": classes}


def converted(model: Any, rows: pd.DataFrame) -> Any:
    """Give what answers in the place of a fitted model."""
    description = described(model, rows)
    return onnx_session.load(proved(model, description, rows)[0], description)


def pets(n_rows: int = 300) -> tuple[pd.DataFrame, Any]:
    """Give rows of text and numbers, some of them missing, and a label for each."""
    chance = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "kind": chance.choice(np.array(["cat", "dog", None], object), n_rows),
            "size": chance.normal(size=n_rows).astype("float32"),
        }
    ).astype({"kind": "str"})
    rows.loc[::7, "size"] = np.nan
    return rows, np.where(rows["kind"].eq("cat"), "yes", "no")


def mixed(model: Any) -> Any:
    """Give a pipeline for pets."""
    return make_pipeline(
        make_column_transformer(
            (SimpleImputer(), ["size"]),
            (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
        ),
        model,
    )


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(SimpleImputer(), RandomForestClassifier(20, random_state=0)),
    ],
    ids=["linear", "forest"],
)
def test_a_classifier_of_numbers_is_equal(model: Any) -> None:
    model.fit(X, CANCER.target)
    fast = converted(model, X)
    assert (fast.predict(X) == model.predict(X)).all()
    assert np.abs(fast.predict_proba(X) - model.predict_proba(X)).max() < 1e-5
    assert fast.classes_.tolist() == model.classes_.tolist()


@pytest.mark.parametrize(
    "model", [LinearRegression(), GradientBoostingRegressor()], ids=["linear", "trees"]
)
def test_a_regressor_is_equal(model: Any) -> None:
    rows = DIABETES.data.astype("float32")
    model.fit(rows, DIABETES.target)
    fast = converted(model, rows)
    assert np.allclose(fast.predict(rows), model.predict(rows), rtol=1e-5)


def test_text_and_missing_values_are_equal_from_rows_and_from_a_frame() -> None:
    rows, y = pets()
    model = mixed(RandomForestClassifier(20, random_state=0)).fit(rows, y)
    fast = converted(model, rows)
    values = [[*rows["kind"]], [*rows["size"]]]
    same = Rows(Schema.learn(rows), values)
    for given in (rows, same):
        assert (
            np.abs(fast.predict_proba(given) - model.predict_proba(rows)).max() < 1e-5
        )
        assert (fast.predict(given) == model.predict(rows)).all()


HIST = [HistGradientBoostingClassifier, HistGradientBoostingRegressor]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "numbers"])
def test_boosted_histograms_are_equal_with_missing_values(
    kind: str, dtype: Any
) -> None:
    """F2: the model that people reach for first."""
    rows = X.astype(dtype).iloc[:, :8].mask(X.iloc[:, :8] > 300)
    y = pd.qcut(CANCER.data["worst area"], 3, labels=False)
    y = {"binary": CANCER.target, "multiclass": y, "numbers": X["worst area"]}[kind]
    model = HIST[kind == "numbers"](max_iter=20).fit(rows, y)
    fast = converted(model, rows)
    near = at_thresholds(model, rows)
    if kind == "numbers":
        assert np.allclose(fast.predict(near), model.predict(near), rtol=1e-12)
        return
    assert (fast.predict(near) == model.predict(near)).all()
    assert np.abs(fast.predict_proba(near) - model.predict_proba(near)).max() < 1e-12


def at_thresholds(model: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """Make rows of which one value is a threshold, or the next number to it."""
    nodes = np.concatenate([trees[0].nodes for trees in model._predictors])
    nodes = nodes[(nodes["is_leaf"] == 0) & np.isfinite(nodes["num_threshold"])]
    at = nodes["num_threshold"].astype(rows.dtypes.iloc[0])
    made = []
    for values in at, np.nextafter(at, -9e9), np.nextafter(at, 9e9):
        x = rows.to_numpy()[np.arange(len(nodes)) % len(rows)]
        x[np.arange(len(nodes)), nodes["feature_idx"]] = values
        made.append(x)
    return pd.DataFrame(np.concatenate(made), columns=rows.columns)


def test_boosted_histograms_are_equal_behind_columns_of_text() -> None:
    rows, y = pets()
    model = mixed(HistGradientBoostingClassifier(max_iter=20))
    model[0].set_params(sparse_threshold=0)
    model.fit(rows, y)
    fast = converted(model, rows)
    assert np.abs(fast.predict_proba(rows) - model.predict_proba(rows)).max() < 1e-12


def test_a_forest_sends_missing_values_where_scikit_learn_does() -> None:
    model = RandomForestClassifier(20, random_state=0).fit(X, CANCER.target)
    holes = X.mask(np.random.default_rng(0).random(X.shape) < 0.3)
    fast = converted(model, X)
    assert (fast.predict_proba(holes) == model.predict_proba(holes)).all()


def test_half_of_a_forest_is_not_more_than_half() -> None:
    """Votes are added up in float64, as in scikit-learn: a tie is one."""
    rows = pd.DataFrame({"a": np.arange(300.0)})
    y = np.random.default_rng(0).integers(2, size=300)
    model = RandomForestClassifier(10, random_state=0).fit(rows, y)
    shares = model.predict_proba(rows)
    assert (shares[:, 0] == shares[:, 1]).any()
    assert (converted(model, rows).predict(rows) == model.predict(rows)).all()


def test_numbers_that_are_one_in_float32_stay_apart() -> None:
    rows = pd.DataFrame({"a": [1e8 + 0.5, 1e8 + 1.5, 1e8 + 2.5, 1e8 + 3.5]})
    model = LinearRegression().fit(rows, range(4))
    assert np.allclose(converted(model, rows).predict(rows), range(4), atol=1e-5)


def test_a_scaler_before_trees_is_exact_where_scikit_learn_has_float64() -> None:
    rows = CANCER.data
    model = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0))
    model.fit(rows, CANCER.target)
    fast = converted(model, rows)
    assert (fast.predict_proba(rows) == model.predict_proba(rows)).all()


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (
            make_pipeline(StandardScaler(), DecisionTreeRegressor()),
            "StandardScaler before trees rounds to float32: let column 'mean rad",
        ),
        (
            make_pipeline(SimpleImputer(), KNeighborsClassifier()),
            "lets rounding choose between equal distances",
        ),
        (
            make_pipeline(PCA(3), HistGradientBoostingClassifier(max_iter=2)),
            "HistGradientBoostingClassifier sees the last bit of PCA",
        ),
    ],
    ids=["a scaler of float32", "neighbours", "the last bit"],
)
def test_what_jumps_where_a_number_is_rounded_is_refused(model: Any, why: str) -> None:
    """Rows that are near a border are too rare to be found by comparing."""
    rows = CANCER.data if "last bit" in why else X
    model.fit(rows, CANCER.target)
    with pytest.raises(Different, match=why):
        proved(model, described(model, rows), rows)


def test_a_classifier_without_probabilities_has_none_here() -> None:
    """Its scores are no probabilities."""
    model = make_pipeline(StandardScaler(), RidgeClassifier()).fit(X, CANCER.target)
    fast = converted(model, X)
    assert not hasattr(fast, "predict_proba")
    assert fast.classes_.tolist() == [0, 1]
    assert (fast.predict(X) == model.predict(X)).all()


@pytest.mark.parametrize("classes", [[False, True], [1.0, 2.0], ["no", "yes"], [3, 7]])
def test_labels_have_the_type_of_the_classes(classes: list[Any]) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(X, np.array(classes)[CANCER.target])
    labels = converted(model, X).predict(X)
    assert type(labels.tolist()[0]) is type(classes[0])
    assert (labels == model.predict(X)).all()


def test_several_numbers_a_row_are_so_here_too() -> None:
    rows = DIABETES.data.astype("float32")
    model = LinearRegression().fit(rows, rows.iloc[:, :2])
    assert np.allclose(converted(model, rows).predict(rows), model.predict(rows))


def test_small_targets_are_compared_by_their_range() -> None:
    rows, y = DIABETES.data.astype("float32"), DIABETES.target * 1e-7
    model = make_pipeline(SimpleImputer(), DecisionTreeRegressor()).fit(rows, y)
    assert np.allclose(converted(model, rows).predict(rows), y, rtol=1e-5, atol=0)
    other = converted(make_pipeline(model).fit(rows, y * 1.001), rows)
    columns = Schema.learn(rows).columns
    with pytest.raises(Different, match="answers differ"):
        Comparison(model.fit(rows, y), other, rows, columns).run()


def test_a_number_between_two_categories_is_none() -> None:
    """skl2onnx makes 2 of 2.5, which is no category."""
    rows = pd.DataFrame({"n": np.array([1, 2, 3] * 10, dtype="float32")})
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    model.fit(rows, [0, 1, 1] * 10)
    other = pd.DataFrame({"n": np.array([2.5, 2, 0], dtype="float32")})
    shares = converted(model, rows).predict_proba(other)
    assert np.allclose(shares, model.predict_proba(other))


def test_text_that_spells_a_missing_value_is_none() -> None:
    rows, y = pets()
    model = mixed(LogisticRegression()).fit(rows, y)
    odd = pd.DataFrame({"kind": ["nan", None], "size": np.ones(2, "float32")})
    odd = odd.astype({"kind": "str"})
    shares = model.predict_proba(odd)
    assert abs(shares[0, 0] - shares[1, 0]) > 0.01
    assert np.abs(converted(model, rows).predict_proba(odd) - shares).max() < 1e-5


def test_integers_that_float64_rounds_are_found() -> None:
    rows = pd.DataFrame({"customer": [2**53, 2**53 + 1, 3, 4]})
    model = LinearRegression().fit(rows, [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(Different, match="column 'customer' has integers beyond"):
        proved(model, described(model, rows), rows)


def test_trees_of_too_many_nodes_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "MOST_NODES", 100)
    forest = RandomForestClassifier(20).fit(X, CANCER.target)
    with pytest.raises(Different, match=r"its trees have .* nodes, over 100"):
        proved(make_pipeline(SimpleImputer(), forest), described(forest, X), X)


def test_a_column_that_the_model_needs_is_required_of_requests_too() -> None:
    """H-73: ONNX would answer a row without it."""
    model = LogisticRegression(max_iter=10_000).fit(X, CANCER.target)
    _, required = proved(model, described(model, X), X)
    assert required == [*X]


@pytest.mark.parametrize("dtype", ["int64", "Int64", "uint8"])
def test_columns_of_integers_are_answered_with_and_without_a_value(dtype: Any) -> None:
    """A hole turns integers into float64, in a request as in the comparison."""
    rows = pd.DataFrame({"n": range(50), "m": [1, 2] * 25}).astype(dtype)
    y = 2.0 * rows["n"].to_numpy("float64")
    assert proved(LinearRegression().fit(rows, y), described(None, rows), rows)[1] == [
        "n",
        "m",
    ]
    filled = make_pipeline(SimpleImputer(), LinearRegression()).fit(rows, y)
    assert proved(filled, described(filled, rows), rows)[1] == []


def test_a_model_that_refuses_unseen_text_is_not_kept() -> None:
    rows, y = pets()
    strict = make_column_transformer((OneHotEncoder(), ["kind"]))
    model = make_pipeline(strict, LogisticRegression()).fit(rows, y)
    with pytest.raises(Different, match="it refuses what ONNX would answer"):
        proved(model, described(model, rows), rows)


ODD_NAMES = ["sepal length (cm)", "Unnamed: 0", "age.1", "Âge", "probabilities", "x1"]


@pytest.mark.parametrize("names", [ODD_NAMES, range(1, 7)], ids=["odd", "no header"])
@pytest.mark.parametrize("text", ["with text", ""], ids=["text", "numbers"])
def test_the_names_of_columns_never_matter(names: Any, text: str) -> None:
    """E: the inputs of the graph are columns by their place."""
    rows = X.iloc[:, :6].set_axis(list(names), axis=1)
    if text:
        rows[names[0]] = np.where(rows[names[0]] > 14, "big", "small")
    first, last = (names[0], names[-1]) if names == ODD_NAMES else (0, -1)
    encoder = OneHotEncoder(handle_unknown="ignore")
    others = make_column_transformer((SimpleImputer(), [last]), remainder="passthrough")
    columns = make_column_transformer(
        (encoder if text else SimpleImputer(), [first]), remainder=others
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=9000)).fit(
        rows, CANCER.target
    )
    fast = converted(model, rows)
    assert np.abs(fast.predict_proba(rows) - model.predict_proba(rows)).max() < 1e-5


def test_a_model_of_an_earlier_release_says_so_when_it_is_loaded() -> None:
    rows = X.iloc[:, :1]
    model = LinearRegression().fit(rows, CANCER.target)
    named = to_onnx(model, initial_types=[("mean radius", FloatTensorType([None, 1]))])
    with pytest.raises(ValueError, match="an earlier release made it"):
        onnx_session.load(named.SerializeToString(), described(model, rows))
