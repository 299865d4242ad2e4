import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC

from runtime.errors import ClientError
from runtime.evaluation import METRICS, Evaluation, evaluate, importance

RANDOM = np.random.default_rng(0)
X = pd.DataFrame(RANDOM.normal(size=(300, 3)), columns=["a", "b", "c"])
NOISY = X["a"] + RANDOM.normal(size=300)
TWO = np.where(NOISY > 0, "yes", "no")
THREE = np.array(["low", "mid", "high"])[np.digitize(NOISY, [-0.7, 0.7])]
NUMBER = NOISY * 1000


class Says:
    """A model of no library: it says what it was told to, of the column `said`."""

    def predict(self, rows: pd.DataFrame) -> Any:  # noqa: D102 -- the class says it
        return rows["said"].to_numpy()


def says(said: Any, y: Any) -> Evaluation:
    return evaluate(Says(), pd.DataFrame({"said": said}), np.array(y))


def written(evaluation: Evaluation, folder: Path) -> dict[str, Any]:
    """Write, and read as strictly as anyone does."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    evaluation.write(folder)
    text = (folder / "evaluation.json").read_text()
    whole: dict[str, Any] = json.loads(text, parse_constant=refuse)
    (kind,) = whole
    assert kind == f"{evaluation.kind}_metrics"
    return dict(whole[kind])


def points(curve: dict[str, list[float]]) -> list[tuple[float, float]]:
    return list(zip(*curve.values(), strict=True))


def test_two_classes_are_written_as_sagemaker_writes_them(tmp_path: Path) -> None:
    """The keys of Model Monitor's model quality metrics, read by the model registry."""
    model = LogisticRegression().fit(X, TWO)
    found = written(evaluate(model, X, TWO), tmp_path)
    said, odds = model.predict(X), model.predict_proba(X)[:, 1]
    asked = {"pos_label": "yes"}
    expected = {
        "accuracy": sk.accuracy_score(TWO, said),
        "precision": sk.precision_score(TWO, said, **asked),
        "recall": sk.recall_score(TWO, said, **asked),
        "f0_5": sk.fbeta_score(TWO, said, beta=0.5, **asked),
        "f1": sk.f1_score(TWO, said, **asked),
        "f2": sk.fbeta_score(TWO, said, beta=2, **asked),
        "auc": sk.roc_auc_score(TWO, odds),
        "log_loss": sk.log_loss(TWO, odds),
    }
    assert {n: found[n]["value"] for n in expected} == pytest.approx(expected)
    assert all(set(found[n]) == {"value", "standard_deviation"} for n in expected)
    counts = sk.confusion_matrix(TWO, said).tolist()
    matrix = found["confusion_matrix"]
    assert [[matrix[t][p] for p in ("no", "yes")] for t in ("no", "yes")] == counts


def test_the_curves_of_two_classes_are_those_of_scikit_learn(tmp_path: Path) -> None:
    model = LogisticRegression().fit(X, TWO)
    found = written(evaluate(model, X, TWO), tmp_path)
    odds = model.predict_proba(X)[:, 1]
    roc = found["receiver_operating_characteristic_curve"]
    pr = found["precision_recall_curve"]
    assert list(roc) == ["false_positive_rates", "true_positive_rates"]
    assert list(pr) == ["precisions", "recalls"]
    true = sk.roc_curve(TWO, odds, pos_label="yes", drop_intermediate=False)
    assert set(points(roc)) <= set(zip(true[0], true[1], strict=True))
    true = sk.precision_recall_curve(TWO, odds, pos_label="yes")
    assert set(points(pr)) <= set(zip(true[0], true[1], strict=True))
    assert points(roc)[0] == (0, 0)
    assert points(roc)[-1] == (1, 1)


def test_a_curve_has_two_hundred_points_at_most(tmp_path: Path) -> None:
    odds = pd.DataFrame({"odds": RANDOM.random(20_000)})
    y = odds["odds"] > RANDOM.random(20_000)
    model = LogisticRegression().fit(odds, y)
    found = written(evaluate(model, odds, y), tmp_path)
    for name in ("receiver_operating_characteristic_curve", "precision_recall_curve"):
        assert {len(axis) for axis in found[name].values()} == {200}


def test_many_classes_are_written_as_sagemaker_writes_them(tmp_path: Path) -> None:
    model = LogisticRegression().fit(X, THREE)
    found = written(evaluate(model, X, THREE), tmp_path)
    said = model.predict(X)
    asked = {"average": "weighted"}
    expected = {
        "accuracy": sk.accuracy_score(THREE, said),
        "weighted_recall": sk.recall_score(THREE, said, **asked),
        "weighted_precision": sk.precision_score(THREE, said, **asked),
        "weighted_f0_5": sk.fbeta_score(THREE, said, beta=0.5, **asked),
        "weighted_f1": sk.f1_score(THREE, said, **asked),
        "weighted_f2": sk.fbeta_score(THREE, said, beta=2, **asked),
        "accuracy_best_constant_classifier": DummyClassifier()
        .fit(X, THREE)
        .score(X, THREE),
    }
    assert {n: found[n]["value"] for n in expected} == pytest.approx(expected)
    assert set(found["confusion_matrix"]) == {"low", "mid", "high"}
    assert found["confusion_matrix"]["low"]["high"] == np.sum(
        (THREE == "low") & (said == "high")
    )


@pytest.mark.parametrize("kind", ["int64", "float32", "float64", "Int64"])
def test_numbers_are_written_as_sagemaker_writes_them(
    tmp_path: Path, kind: str
) -> None:
    y = NUMBER.round().astype(pd.api.types.pandas_dtype(kind))
    model = Ridge().fit(X, y)
    found = written(evaluate(model, X, y), tmp_path)
    said, true = model.predict(X), y.to_numpy(dtype="float64")
    expected = {
        "mae": sk.mean_absolute_error(true, said),
        "mse": sk.mean_squared_error(true, said),
        "rmse": sk.root_mean_squared_error(true, said),
        "r2": sk.r2_score(true, said),
    }
    assert {n: m["value"] for n, m in found.items()} == pytest.approx(expected)


def test_metrics_have_the_names_that_the_log_can_show() -> None:
    seen = [
        *evaluate(LogisticRegression().fit(X, TWO), X, TWO).metrics,
        *evaluate(LogisticRegression().fit(X, THREE), X, THREE).metrics,
        *evaluate(Ridge().fit(X, NUMBER), X, NUMBER).metrics,
    ]
    assert set(seen) == set(METRICS)
    assert {"accuracy", "rmse", "r2"} <= set(METRICS)
    assert all(re.fullmatch(r"\w+", name) for name in METRICS)


LABELS = {
    "text": np.array(["no", "yes"]),
    "integers": np.array([7, 3]),
    "true and false": np.array([False, True]),
    "numbers with a point": np.array([1.0, 2.0]),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("as_series", [True, False])
def test_classes_may_be_of_any_type(labels: Any, as_series: bool) -> None:  # noqa: FBT001
    y: Any = labels[(NOISY > 0).astype(int)]
    model = LogisticRegression().fit(X, y)
    found = evaluate(model, X, pd.Series(y) if as_series else y)
    assert found.metrics["accuracy"] == pytest.approx(model.score(X, y))
    assert found.kind == "binary_classification"
    assert found.predictions.labels == tuple(sorted(labels.tolist()))
    assert found.predictions.table()["y"].tolist() == y.tolist()


def test_a_class_is_the_same_as_a_float_as_it_is_as_an_integer() -> None:
    """A missing y among the held-out rows makes floats of the others."""
    y = (NOISY > 0).astype(int)
    model = LogisticRegression().fit(X, y)
    whole, point = evaluate(model, X, y), evaluate(model, X, y.astype(float))
    assert whole.metrics == point.metrics


SCORED = {
    "predict_proba": (LogisticRegression(), "probability", {"auc", "log_loss"}),
    "decision_function": (RidgeClassifier(), "score", {"auc"}),
    "one against one": (SVC(decision_function_shape="ovo"), "score", {"auc"}),
}


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize(("model", "score", "names"), SCORED.values(), ids=SCORED)
def test_a_classifier_is_measured_by_what_it_offers(
    model: Any, score: str, names: set[str], y: Any
) -> None:
    found = evaluate(model.fit(X, y), X, y)
    assert {"auc", "log_loss"} & set(found.metrics) == names
    assert {"auc", "log_loss"} - names == set(found.undefined)
    columns = [f"{score}:{label}" for label in model.classes_]
    assert list(found.predictions.table())[3:] == columns


def test_scores_that_are_not_one_for_each_class_are_left_out() -> None:
    y = RANDOM.integers(4, size=300)  # four classes make six pairs
    model = SVC(decision_function_shape="ovo").fit(X, y)
    found = evaluate(model, X, y)
    assert found.predictions.scores is None
    assert set(found.undefined) == {"auc", "log_loss"}


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_left_out(tmp_path: Path, odd: float) -> None:
    class Odd(LogisticRegression):  # type: ignore[misc]  # sklearn has no types
        def predict_proba(self, rows: Any) -> Any:
            return np.full((len(rows), 2), odd)

        def decision_function(self, rows: Any) -> Any:
            return np.full(len(rows), odd)

    found = evaluate(Odd().fit(X, TWO), X, TWO)
    assert {"auc", "log_loss"} <= set(found.undefined)
    written(found, tmp_path)


def test_a_model_of_no_library_classifies_what_is_not_a_number() -> None:
    assert says(["a", "b"], ["a", "a"]).kind == "binary_classification"
    assert says([True, False], [True, True]).kind == "binary_classification"
    assert says([1, 2], [1, 2]).kind == "regression"
    assert says([1.5, 2], [1, 2]).kind == "regression"


def test_a_model_of_no_kind_with_probabilities_classifies_numbers() -> None:
    class Odd(BaseEstimator):  # type: ignore[misc]  # sklearn has no types
        def predict(self, rows: Any) -> Any:
            return np.zeros(len(rows), int)

        def predict_proba(self, rows: Any) -> Any:
            return np.tile([0.75, 0.25], (len(rows), 1))

    found = evaluate(Odd(), X, (NOISY > 0).astype(int))
    assert found.kind == "binary_classification"
    assert {"auc", "log_loss"} <= set(found.metrics)


def test_labels_that_the_model_never_saw_are_errors(tmp_path: Path) -> None:
    model = LogisticRegression().fit(X, TWO)
    y = TWO.astype(object)
    y[:30] = "perhaps"
    evaluation = evaluate(model, X, y)
    found = written(evaluation, tmp_path)
    assert evaluation.kind == "multiclass_classification"
    assert evaluation.metrics["accuracy"] == np.mean(model.predict(X) == y)
    assert sum(found["confusion_matrix"]["perhaps"].values()) == 30
    assert "log_loss" in evaluation.undefined
    assert list(evaluation.predictions.table())[3:] == [
        "probability:no",
        "probability:yes",
    ]


def test_labels_of_another_type_than_the_models_are_errors() -> None:
    y = (NOISY > 0).astype(int)
    found = evaluate(LogisticRegression().fit(X, y), X, y.astype(str))
    assert found.metrics["accuracy"] == 0
    assert found.predictions.labels == (0, 1, "0", "1")
    assert found.predictions.names == ("0", "1", "'0'", "'1'")


def test_a_class_without_rows_changes_no_number_of_the_others() -> None:
    model = LogisticRegression().fit(X, THREE)
    some = THREE != "mid"
    found = evaluate(model, X[some], THREE[some])
    said = model.predict(X[some])
    f1 = sk.f1_score(THREE[some], said, average="weighted")
    assert found.metrics["weighted_f1"] == pytest.approx(f1)
    assert found.undefined == {}


def test_what_needs_two_classes_is_left_out_with_a_reason(tmp_path: Path) -> None:
    model = LogisticRegression().fit(X, TWO)
    some = TWO == "no"
    evaluation = evaluate(model, X[some], TWO[some])
    found = written(evaluation, tmp_path)
    assert set(evaluation.undefined) == {"auc", "recall"}
    assert all(len(reason) > 10 for reason in evaluation.undefined.values())
    assert "receiver_operating_characteristic_curve" not in found
    assert found["accuracy"]["value"] == model.score(X[some], TWO[some])


def test_what_no_row_is_predicted_to_be_has_no_precision() -> None:
    found = says(["a", "a", "a"], ["a", "a", "b"])
    assert "precision" in found.undefined
    assert found.metrics["recall"] == 0
    assert found.metrics["f1"] == 0


def test_one_value_of_y_has_no_r2(tmp_path: Path) -> None:
    found = says([1.0, 2.0, 6.0], [3.0, 3.0, 3.0])
    assert set(found.undefined) == {"r2"}
    assert set(written(found, tmp_path)) == {"mae", "mse", "rmse"}


@pytest.mark.parametrize("odd", [np.nan, np.inf, 1e200])
def test_what_is_not_finite_is_left_out(tmp_path: Path, odd: float) -> None:
    evaluation = says([1.0, 2.0, odd], [1.0, 2.0, 3.0])
    assert "rmse" in evaluation.undefined
    written(evaluation, tmp_path)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression().fit(X, TWO),
        LogisticRegression().fit(X, THREE),
        Ridge().fit(X, NUMBER),
    ],
    ids=["two classes", "three", "numbers"],
)
def test_one_row_will_do(tmp_path: Path, model: Any) -> None:
    written(evaluate(model, X[:1], model.predict(X[:1])), tmp_path)
    assert len(pd.read_csv(tmp_path / "predictions.csv")) == 1


def test_fifty_classes_and_more_are_measured(tmp_path: Path) -> None:
    y, many = (np.array([f"c{i % k:03}" for i in range(300)]) for k in (50, 120))
    model = LogisticRegression().fit(X, y)
    fifty = written(evaluate(model, X, y), tmp_path)
    assert {len(row) for row in fifty["confusion_matrix"].values()} == {50}
    assert "auc" in fifty
    hundreds = evaluate(LogisticRegression(max_iter=5, tol=1).fit(X, many), X, many)
    found = written(hundreds, tmp_path)
    assert 0 not in found["confusion_matrix"]["c000"].values()
    assert "auc" in hundreds.undefined


CELLS = st.sampled_from(["a", "b", 1, 2, 2.5, True, "1", None])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_nothing_that_is_written_is_infinite_or_no_number(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[Any, Any]]
) -> None:
    y = [true if true is not None else "none" for true, _ in cells]
    said = pd.Series([said for _, said in cells], dtype=object)
    found = says(said, np.array(y, dtype=object))
    written(found, tmp_path_factory.mktemp("out"))
    assert set(found.metrics) | set(found.undefined) <= set(METRICS)
    assert sum(found.predictions.confusion.values()) == len(cells)


def test_predictions_stand_row_by_row(tmp_path: Path) -> None:
    rows = X.rename(columns={"a": "y", "b": "prediction", "c": "row"})[100:110]
    numbers = evaluate(Ridge().fit(rows, NUMBER[100:110]), rows, NUMBER[100:110])
    numbers.write(tmp_path / "new/folder")
    table = pd.read_csv(tmp_path / "new/folder/predictions.csv")
    assert list(table) == ["row", "y", "prediction", "residual"]
    assert table["row"].tolist() == list(range(100, 110))
    assert np.allclose(table["residual"], table["y"] - table["prediction"])


def test_no_label_takes_the_name_of_another_column(tmp_path: Path) -> None:
    y = np.array(["row", "y", "prediction"])[RANDOM.integers(3, size=300)]
    model = LogisticRegression().fit(X, y)
    evaluate(model, X, y).write(tmp_path)
    table = pd.read_csv(tmp_path / "predictions.csv")
    labels = ["prediction", "row", "y"]
    odds = [f"probability:{label}" for label in labels]
    assert list(table) == ["row", "y", "prediction", *odds]
    assert np.allclose(table[odds], model.predict_proba(X))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([], r"y has the shape \(0,\): evaluate takes \(300,\)"),
        (np.zeros((300, 2)), r"y has the shape \(300, 2\)"),
        (NUMBER.where(NUMBER > 0), r"y is missing in \d+ of 300 held-out rows"),
    ],
    ids=["none", "two columns", "some missing"],
)
def test_rows_without_one_y_each_are_refused(y: Any, message: str) -> None:
    with pytest.raises(ClientError, match=message):
        evaluate(Ridge().fit(X, NUMBER), X, y)


def test_no_rows_are_refused() -> None:
    with pytest.raises(ClientError, match="0 of 0 held-out rows"):
        evaluate(Ridge().fit(X, NUMBER), X[:0], NUMBER[:0])


def test_several_answers_a_row_are_refused() -> None:
    model = Ridge().fit(X, np.c_[NUMBER, NUMBER])
    with pytest.raises(ClientError, match=r"predicts has the shape \(300, 2\)"):
        evaluate(model, X, NUMBER)


def test_a_table_of_one_column_is_a_column() -> None:
    model = Ridge().fit(X, NUMBER.to_frame())
    assert evaluate(model, X, NUMBER.to_frame()).metrics["r2"] > 0


@pytest.mark.parametrize("y", [TWO, NUMBER], ids=["classes", "numbers"])
def test_an_array_is_measured_like_a_frame(tmp_path: Path, y: Any) -> None:
    model: Any = LogisticRegression() if y is TWO else Ridge()
    frame = evaluate(clone(model).fit(X, y), X, y)
    array = evaluate(model.fit(X.to_numpy(), y), X.to_numpy(), y)
    assert written(frame, tmp_path / "frame") == written(array, tmp_path / "array")
    assert array.predictions.table().equals(frame.predictions.table())
    found = importance.measure(array.predictions, 60)
    assert set(found.harm) == {0, 1, 2}
    assert found.harm[0] == importance.measure(frame.predictions, 60).harm[0]


def test_a_series_of_texts_is_measured() -> None:
    texts = pd.Series(np.where(NOISY > 0, "good day", "bad day"))
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, TWO)
    found = evaluate(model, texts, TWO)
    assert found.metrics["accuracy"] == 1
    assert np.mean(importance.measure(found.predictions, 60).harm[0]) > 0.2


@pytest.mark.parametrize("name", ["a_b", 7, None])
def test_the_name_of_y_is_the_target(name: Any) -> None:
    y = pd.Series(NUMBER.to_numpy(), name=name)
    model = Ridge().fit(X, y)
    target = "" if name is None else str(name)
    assert evaluate(model, X, y).predictions.target == target
    assert evaluate(model, X, y.to_numpy()).predictions.target == ""
    if name:
        assert evaluate(model, X, y.to_frame()).predictions.target == target


def test_importance_is_that_of_scikit_learn() -> None:
    y = np.where(X["a"] + X["b"] / 2 > 0, "yes", "no")
    model = LogisticRegression().fit(X, y)
    found = importance.measure(evaluate(model, X, y).predictions, 60)
    true = permutation_importance(model, X, y, n_repeats=5, random_state=1)
    assert found.rows == 200
    means = [np.mean(found.harm[column]) for column in range(3)]
    assert means == pytest.approx(true["importances_mean"], abs=0.05)


def test_importance_of_numbers_is_what_the_error_grows_by() -> None:
    model = Ridge(alpha=1e-9).fit(X[["a", "b"]], X["a"] * 100)
    found = importance.measure(
        evaluate(model, X[["a", "b"]], X["a"] * 100).predictions, 60
    )
    assert np.mean(found.harm[0]) == pytest.approx(100 * np.sqrt(2), rel=0.2)
    assert np.mean(found.harm[1]) == pytest.approx(0, abs=1e-3)


def test_importance_takes_columns_of_any_type() -> None:
    columns = {"t": pd.Series(TWO, dtype="category"), "d": NOISY > 1}
    rows = pd.DataFrame(columns | {"s": pd.Series(TWO, dtype="str")})
    encoded = make_column_transformer((OneHotEncoder(), [0, 1, 2]))
    model = make_pipeline(encoded, LogisticRegression()).fit(rows, TWO)
    before = rows.copy()
    found = importance.measure(evaluate(model, rows, TWO).predictions, 60)
    assert set(found.harm) == {0, 1, 2}
    pd.testing.assert_frame_equal(rows, before)


def test_the_importance_of_all_columns_is_measured_or_of_none() -> None:
    """D22: as long as there is time, and each equally often."""
    wide = pd.DataFrame(RANDOM.normal(size=(50, 3000)))
    y = RANDOM.integers(2, size=50)
    model = RandomForestClassifier(50, random_state=0).fit(wide, y)
    started = os.times().elapsed
    found = importance.measure(evaluate(model, wide, y).predictions, 0.3)
    assert os.times().elapsed - started < 3
    assert found.harm == {}
    assert found.seconds > 0.3
    few = wide.iloc[:, :40]
    asked = evaluate(model.fit(few, y), few, y).predictions
    for seconds in (0.0, 0.2, 0.5, 60.0):
        repeats = [
            len(harm) for harm in importance.measure(asked, seconds).harm.values()
        ]
        assert len(repeats) in (0, 40)
        assert len({*repeats}) <= 1
    assert repeats[0] == importance.REPEATS
