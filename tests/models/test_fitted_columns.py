"""Without model.json a column has the type that `fit` saw, never that of a request."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from harness import answer_of
from runtime.errors import MAX_PROBLEMS, BadInput, PredictionFailed
from runtime.formats import CSV, JSON
from runtime.models.engine import Framed
from runtime.models.fitted_columns import fitted_columns
from runtime.models.served import ServedModel
from runtime.tabular.columns import Column
from runtime.tabular.schema import Schema

X = pd.DataFrame(
    {
        "code": ["40", "41", "X", None] * 3,
        "n": [1.0, 2.0, 3.0, 4.0] * 3,
        "flag": [True, False, True, True] * 3,
        "gap": pd.Series([True, None, False, True] * 3, dtype="object"),
        "text": ["aa bb", "cc dd", "aa", "dd"] * 3,
        "left": [1, 2, 3, 4] * 3,
    }
)
Y = [0, 1] * 6


def encoded() -> Any:
    fill = SimpleImputer(strategy="most_frequent")
    return make_column_transformer(
        (make_pipeline(fill, OneHotEncoder()), ["code"]),
        (StandardScaler(), ["n"]),
        (OneHotEncoder(handle_unknown="ignore"), ["flag", "gap"]),
        (CountVectorizer(), "text"),
        remainder="passthrough",
    )


def pipeline() -> Pipeline:
    return make_pipeline(encoded(), RandomForestClassifier(2, random_state=0))


WITH_CLASSES: dict[str, Any] = {
    "pipeline": pipeline(),
    "search": GridSearchCV(
        pipeline(), {"randomforestclassifier__n_estimators": [2]}, cv=2
    ),
    "threshold": FixedThresholdClassifier(pipeline()),
    "calibrated": CalibratedClassifierCV(pipeline(), cv=2),
    "voting": VotingClassifier([("a", pipeline()), ("b", pipeline())]),
    "stacking": StackingClassifier([("a", pipeline())]),
    "target": TransformedTargetRegressor(
        make_pipeline(encoded(), RandomForestRegressor(2))
    ),
}


@pytest.mark.parametrize("kind", WITH_CLASSES)
def test_a_fitted_estimator_knows_the_types_of_its_columns(kind: str) -> None:
    """A2: whatever stands around its encoders."""
    fitted = WITH_CLASSES[kind].fit(X, Y)
    for estimator in (fitted, Framed(fitted)):
        columns = fitted_columns(estimator)
        assert columns is not None
        assert {column.name: column.dtype for column in columns} == {
            "code": "str",
            "n": "float64[bool]",
            "flag": "bool",
            "gap": "object[bool]",
            "text": "str",
            "left": "any",
        }


def test_columns_given_by_a_selector_a_mask_or_places_are_known() -> None:
    frame = X[["code", "n"]].dropna()
    for text, numbers in (
        (make_column_selector(dtype_include="str"), make_column_selector("n")),
        ([True, False], [1]),
        (slice(0, 1), slice(1, 2)),
    ):
        columns = make_column_transformer(
            (OrdinalEncoder(), text), (StandardScaler(), numbers)
        )
        found = fitted_columns(columns.fit(frame))
        assert found is not None
        assert [column.dtype for column in found] == ["str", "float64[bool]"]


class Own(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """An owner's transformer, of which nothing is known."""

    def fit(self, X: Any, y: Any = None) -> "Own":
        """Learn nothing."""
        del y
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        return self

    def transform(self, X: Any) -> Any:
        """Take the length of the names, and half of the numbers."""
        return np.column_stack([X["code"].str.len(), X["n"] / 2])


@pytest.mark.parametrize(
    "first", [Own(), FunctionTransformer(Own().transform)], ids=["class", "function"]
)
def test_what_an_own_transformer_takes_is_unknown(first: Any) -> None:
    """Its tags are scikit-learn's defaults, and say nothing."""
    frame = X[["code", "n"]].dropna()
    model = make_pipeline(first, LinearRegression()).fit(frame, frame["n"])
    columns = fitted_columns(model)
    assert columns == (Column("code", "any"), Column("n", "any"))


def test_gradient_boosting_with_categories_may_take_any() -> None:
    frame = X[["code", "n"]].astype({"code": "category"})
    model = HistGradientBoostingRegressor(max_iter=1).fit(frame, Y)
    columns = fitted_columns(model)
    assert columns is not None
    assert columns[0].is_unknown


@pytest.mark.parametrize("what", [None, 1.5, "model", [1, 2]], ids=str)
def test_what_is_no_estimator_knows_nothing(what: Any) -> None:
    assert fitted_columns(what) is None


def served(*, unknown: str, numbers: Any) -> ServedModel:
    """Serve A2's model: text that looks like numbers, and numbers."""
    rows = "code,n\n40,1\n41,2\nX,3\n,4\n"
    frame = pd.read_csv(io.StringIO(rows), dtype={"code": "str"})
    encoder = OneHotEncoder(handle_unknown=unknown)
    columns = make_column_transformer((encoder, ["code"]), (numbers, ["n"]))
    model = make_pipeline(columns, LinearRegression())
    fitted = model.fit(frame, [1.0, 2, 3, 4])
    return ServedModel(own(fitted))


def own(estimator: Any) -> Any:
    """Give an owner's Predictor, as in script mode."""

    class Predictor:
        def __init__(self, model_dir: Path) -> None:
            self.model = estimator
            del model_dir

        def predict(self, rows: Any) -> Any:
            """Ask scikit-learn."""
            return self.model.predict(rows)

    return Predictor(Path())


def answers(model: ServedModel, body: Any, media_type: str = CSV) -> list[float]:
    sent = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    content, _ = answer_of(model, sent, media_type, JSON)
    return [round(value, 6) for value in json.loads(content)["predictions"]]


NUMBERS: dict[str, Any] = {
    "scaler": StandardScaler(),
    "passthrough": "passthrough",
    "own": FunctionTransformer(lambda frame: frame / 2),
}


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("unknown", ["ignore", "error"])
def test_a_row_has_one_answer_alone_and_in_company(unknown: str, numbers: str) -> None:
    """A2, A2b."""
    model = served(unknown=unknown, numbers=NUMBERS[numbers])
    rows = ["40,1", "41,2", "X,3", ",4"]
    alone = [answers(model, row)[0] for row in rows]
    assert alone == pytest.approx([1, 2, 3, 4])
    for n_rows in range(2, 5):
        assert answers(model, "\n".join(rows[:n_rows])) == alone[:n_rows]
        assert answers(model, "\n".join(rows[-n_rows:])) == alone[-n_rows:]
    for spelt in ("40", 40, 40.0):
        assert answers(model, [[spelt, 1]], JSON) == alone[:1]
    assert answers(model, [[None, 4]], JSON) == alone[3:]


TOLD = {
    "scaler": "expected a number, got 'X'",
    "passthrough": "the model fails on the text 'X': expected a number",
}


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("body", ["40,X", "40,1\n40,X"])
def test_text_that_the_model_refuses_is_the_callers(numbers: str, body: str) -> None:
    """A2: 400, never 500, and the column is named."""
    model = served(unknown="ignore", numbers=NUMBERS[numbers])
    with pytest.raises(BadInput) as refused:
        answers(model, body)
    message = str(refused.value)
    assert message == (
        "the model fails on the text in column n: expected numbers"
        if numbers == "own"
        else f"row {body.count('40')}, column 'n': {TOLD[numbers]}"
    )


def test_text_in_several_columns_that_the_model_refuses_is_the_callers() -> None:
    """A2: the columns are named where the model does not say which it is."""

    class Sum:
        def __init__(self, model_dir: Path) -> None:
            del model_dir

        def predict(self, rows: Any) -> Any:
            if any(rows[name].dtype != "float64" for name in rows):
                message = "text!"
                raise TypeError(message)
            return rows.sum(axis=1)

    model = ServedModel(Sum(Path()))
    assert answers(model, [{"a": 1, "b": 2}], JSON) == [3]
    with pytest.raises(BadInput, match="text in columns a, b: expected num"):
        answers(model, [{"a": "x", "b": "y"}], JSON)
    with pytest.raises(BadInput, match="the model fails on the text in column b: exp"):
        answers(model, [{"a": 1, "b": 2}, {"a": 1, "b": "y"}], JSON)


@pytest.mark.parametrize(
    ("body", "row", "told"),
    [
        ("2024-01-31\nsoon\n", 2, "the model fails on the text 'soon': "),
        ("2024-01-31\n\N{SNOWMAN}'\n", None, "the model fails on the text in column"),
    ],
    ids=["named", "not named"],
)
def test_no_other_row_is_blamed_for_a_text_that_fails(
    body: str, row: int | None, told: str
) -> None:
    """A2: a date of row 1 is no fault."""

    def year(frame: Any) -> Any:
        days = frame[["when"]].iloc[:, 0]
        if days.dtype != "float64" and (odd := days[days.str.len() < 10]).size:
            message = f"no date {odd.iloc[0]!r}" if row else "no date"
            raise ValueError(message)
        return np.zeros((len(frame), 1))

    rows = pd.DataFrame({"when": ["2024-01-31", "2024-02-29"]})
    model = make_pipeline(FunctionTransformer(year), LinearRegression())
    served = ServedModel(own(model.fit(rows, [0, 1])))
    with pytest.raises(BadInput, match=told) as refused:
        answers(served, f"when\n{body}")
    assert refused.value.problems[0].row == row


def test_what_is_no_fault_of_text_is_the_models() -> None:
    """H-25: a service that is away is a 500, though the next call finds it."""
    away = [ConnectionError("away from 'x'")]

    class Asking:
        def __init__(self, model_dir: Path) -> None:
            del model_dir

        def predict(self, rows: Any) -> Any:
            if away:
                raise away.pop()
            return [0] * len(rows)

    with pytest.raises(PredictionFailed):
        answers(ServedModel(Asking(Path())), "x,1")


@pytest.mark.parametrize("rows", [X[["n", "flag"]], X[["n", "flag"]].to_numpy()])
def test_flags_are_one_and_zero_to_a_model_that_takes_numbers(rows: Any) -> None:
    """A3: pd.get_dummies makes true and false."""
    fitted = RandomForestClassifier(5, random_state=0).fit(rows, X["flag"])
    model = ServedModel(own(fitted))
    for cells in (["True", "False"], ["true", "FALSE"], ["1", "0"]):
        body = "".join(f"1,{cell}\n" for cell in cells)
        found = answer_of(model, body.encode(), CSV, JSON)[0]
        assert json.loads(found)["predictions"] == [True, False]
    sent = json.dumps([[1, True], [1, False], [1, "true"], [1, 0.0]]).encode()
    found = answer_of(model, sent, JSON, JSON)[0]
    assert json.loads(found)["predictions"] == [True, False, True, False]


def test_what_an_encoder_refuses_its_column_refuses() -> None:
    """A2: OneHotEncoder's default is to raise."""
    model = served(unknown="error", numbers=StandardScaler())
    for body, media_type in (("99,1", CSV), ([["1", 1]], JSON)):
        with pytest.raises(BadInput, match="column 'code': expected one of 40, 41, X"):
            answers(model, body, media_type)
    assert len(answers(served(unknown="ignore", numbers="passthrough"), "99,1")) == 1


def test_a_missing_value_that_an_encoder_refuses_is_asked_for() -> None:
    frame = X[["code", "left"]].dropna()
    encoder = OrdinalEncoder().fit(frame)
    columns = fitted_columns(encoder)
    assert columns is not None
    assert [column.required for column in columns] == [True, True]
    columns = fitted_columns(OrdinalEncoder().fit(X[["code"]]))
    assert columns is not None
    assert not columns[0].required


def test_a_gap_that_a_step_before_the_encoder_fills_is_none() -> None:
    fill = SimpleImputer(strategy="most_frequent")
    model = make_pipeline(fill, OneHotEncoder()).fit(X[["code"]])
    columns = fitted_columns(model)
    assert columns is not None
    assert (columns[0].closed, columns[0].required) == (True, False)


def failing(exc: Exception) -> ServedModel:
    class Broken:
        def __init__(self, model_dir: Path) -> None:
            del model_dir

        def predict(self, rows: Any) -> Any:
            del rows
            raise exc

    return ServedModel(Broken(Path()))


@pytest.mark.parametrize("body", ["1,2", "1,x"])
def test_a_fault_of_the_model_is_not_laid_to_text(body: str) -> None:
    """H-25: with numbers in its place the model fails too."""
    cause = ValueError("could not convert string to float: 'x'")
    with pytest.raises(PredictionFailed) as failed:
        answers(failing(cause), body)
    assert failed.value.__cause__ is cause


def test_a_missing_value_that_scikit_learn_refuses_is_the_callers() -> None:
    """A2: 400, with row and column, also of a model without an imputer."""
    model = served(unknown="ignore", numbers=StandardScaler())
    with pytest.raises(BadInput, match="takes no missing value here") as refused:
        answers(model, "40,1\n40,")
    (problem,) = refused.value.problems
    assert (problem.row, problem.column) == (2, "n")


def strict(encoder: Any, X: pd.DataFrame) -> ServedModel:
    """Serve a model with model.json, whose encoder refuses what `fit` has not seen."""
    model = make_pipeline(
        make_column_transformer((encoder, [*X]), remainder="passthrough"),
        LinearRegression(),
    ).fit(X, range(len(X)))
    return ServedModel(WithModel(model), Schema.learn(X).to_json())


class WithModel:
    """A Predictor of one line."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, rows: pd.DataFrame) -> Any:
        """Give what the estimator gives."""
        return self.model.predict(rows)


PLANS = pd.DataFrame({"plan": ["free", "pro", "it's"], "n": [1, 2, 3]})


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()])
@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        ([["free", 1], ["new", 2], ["pro", 3], ["x", 1]], [(2, "plan"), (4, "plan")]),
        ([['say "it\'s"', 1]], [(1, "plan")]),
        ([["free", 1], ["pro", 9], ["pro", 9.5]], [(2, "n"), (3, "n")]),
    ],
)
def test_a_category_that_an_encoder_refuses_is_the_callers(
    encoder: Any, rows: Any, problems: Any
) -> None:
    """H-25, H-73: text that `fit` has not seen is passed on to the model."""
    served = strict(encoder, PLANS)
    with pytest.raises(BadInput, match="a value that the model knows, got") as refused:
        answer_of(served, json.dumps(rows).encode(), JSON)
    assert [(p.row, p.column) for p in refused.value.problems] == problems


def test_where_the_column_is_not_sure_no_row_is_blamed() -> None:
    served = strict(OneHotEncoder(), pd.DataFrame({"a": [1, 2], "b": [1, 9]}))
    with pytest.raises(BadInput, match=r"knows, got np.int64\(9\)$") as refused:
        answer_of(served, b"[[9, 9]]", JSON)
    assert refused.value.problems[0].row is None


def test_a_refused_category_is_marked_among_the_others() -> None:
    """H-55: one bad row costs no file."""
    served = strict(OneHotEncoder(), PLANS)
    body = b"free,1\n" + b"new,2\n" * 20 + b"pro,2\n"
    found, _ = answer_of(served, body, accept=JSON, mark_bad_records=True)
    answers = json.loads(found)["predictions"]
    assert answers[1:-1] == ["ERROR"] * 20
    assert [answers[0], answers[-1]] == pytest.approx([0, 1])
    with pytest.raises(BadInput) as refused:
        answer_of(served, body)
    told: Any = refused.value.body()["problems"]
    assert len(told) == MAX_PROBLEMS


@pytest.mark.parametrize("described", [True, False], ids=["model.json", "without"])
def test_a_word_that_fit_saw_as_text_is_text(*, described: bool) -> None:
    """NA is Namibia where an encoder has it as a category, N/A an answer."""
    X = pd.DataFrame({"land": ["NA", "N/A", "DE"]}, dtype="str")
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LinearRegression())
    model.fit(X, range(len(X)))
    columns = Schema.learn(X).to_json() if described else None
    served = ServedModel(WithModel(model), columns)
    found, _ = answer_of(served, X.to_csv(index=False).encode(), accept=JSON)
    assert json.loads(found)["predictions"] == pytest.approx([0, 1, 2])
