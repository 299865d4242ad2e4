"""What stands in predictor.py is understood, or refused as soon as it is loaded."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness import answer_of
from runtime.errors import ModelError, PredictionFailed
from runtime.formats import CSV
from runtime.models.owner import Owner, wants_frame
from runtime.models.served import ServedModel
from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema
from runtime.tabular.table import Table

X = pd.DataFrame({"a": [1.0, 2.0], "b": [4, 8], "kind": ["cat", None]})
BODY = b"1,4,cat\n2,8,\n"


def owners(source: str) -> Any:
    """Run a predictor.py. Returns: its class."""
    names: dict[str, Any] = {"__name__": "predictor"}
    exec(compile(source, "predictor.py", "exec", dont_inherit=True), names)
    return names["Predictor"]


def predicting(line: str, head: str = "", body: str = "return [0] * len(rows)") -> Any:
    """Make a class with one method, given by its first line."""
    return owners(
        f"{head}\nclass Predictor:\n    def __init__(self, model_dir):\n        pass\n"
        f"    {line}\n        {body}\n"
    )


CHECKING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
LATE = "from __future__ import annotations\n"
DECORATED = """
from functools import wraps
from runtime import Rows
def logged(f):
    @wraps(f)
    def call(self, *args): return f(self, *args)
    return call
"""


@pytest.mark.parametrize(
    ("annotation", "head"),
    [
        ("Rows", "from runtime import Rows"),
        ("runtime.Rows", "import runtime"),
        ("Columns", "from runtime import Rows as Columns"),
        ("'Rows'", "from runtime import Rows"),
        ("'runtime.Rows'", "import runtime"),
        ("Rows", f"{LATE}from runtime import Rows"),
        ("'Rows'", f"{LATE}from runtime import Rows"),
        ("runtime.Rows", f"{LATE}import runtime"),
        ("'Rows'", f"{CHECKING}from runtime import Rows"),
        ("Rows", f"{LATE}{CHECKING}from runtime import Rows"),
        ("'Rows'", f"{LATE}{CHECKING}from runtime import Rows"),
        ("runtime.Rows", f"{LATE}{CHECKING}import runtime"),
    ],
)
def test_rows_that_are_annotated_as_rows_are_columns(
    annotation: str, head: str
) -> None:
    """D16: however the annotation is spelt, and whenever it is known."""
    kind = predicting(f"def predict(self, rows: {annotation}):", head)
    assert not wants_frame(kind)
    assert not Owner(kind(Path())).wants_frame


def test_an_answer_that_only_a_type_checker_knows_hides_no_rows() -> None:
    head = f"from runtime import Rows\n{CHECKING}import pandas as pd"
    kind = predicting("def predict(self, rows: Rows) -> 'pd.Series':", head)
    assert not wants_frame(kind)


def test_rows_behind_a_decorator_are_found() -> None:
    kind = predicting("@logged\n    def predict(self, X: Rows):", DECORATED)
    assert not wants_frame(kind)


@pytest.mark.parametrize(
    ("line", "head"),
    [
        ("def predict(self, rows):", ""),
        ("def predict(self, rows: pd.DataFrame):", "import pandas as pd"),
        ("def predict(self, rows: 'pd.DataFrame'):", ""),
        ("def predict(self, rows: pd.DataFrame):", f"{LATE}{CHECKING}import pandas"),
        ("def predict(self, rows: Rows):", "class Rows(dict): pass"),
        ("def predict(self, *args, **kwargs):", ""),
    ],
)
def test_all_other_rows_are_a_dataframe(line: str, head: str) -> None:
    """D16: also those of a class that has the same name."""
    kind = predicting(line, head)
    assert wants_frame(kind)
    assert Owner(kind(Path())).wants_frame


class ByColumn:
    """What is computed of columns, by name."""

    schema: Schema | None = Schema.learn(X)

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir

    def predict(self, rows: Rows) -> Any:
        """Give a share and what is known of the kind."""
        return {"share": rows["a"] / rows["b"], "cat": rows["kind"] == "cat"}


def test_columns_can_be_computed_with() -> None:
    """D16: `rows["a"] / rows["b"]` works."""
    found, _ = answer_of(ServedModel(ByColumn(Path())), BODY)
    assert found == b"0.25,True\n0.25,False\n"


def test_columns_of_a_model_without_types_are_arrays_as_they_look() -> None:
    class Untyped(ByColumn):
        schema = Schema.of_names(X.columns)

    found, _ = answer_of(ServedModel(Untyped(Path())), BODY)
    assert found == b"0.25,True\n0.25,False\n"

    class Unknown(ByColumn):
        schema = None

        def predict(self, rows: Rows) -> Any:
            assert isinstance(rows[0], np.ndarray)
            return rows[0]

    assert answer_of(ServedModel(Unknown(Path())), BODY)[0] == b"1.0\n2.0\n"


@pytest.mark.parametrize(
    "example", [{"a": 1.0, "b": 4}, X, [{"a": 1.0, "b": 4}]], ids=type
)
@pytest.mark.parametrize("schema", [Schema.learn(X), Schema.of_names("ab"), None])
def test_an_example_reaches_rows_as_rows(example: Any, schema: Schema | None) -> None:
    class Warm(ByColumn):
        def predict(self, rows: Rows) -> Any:
            assert isinstance(rows, Rows)
            return rows["a"]

    predictor = Warm(Path())
    predictor.schema = schema
    predictor.example = example  # type: ignore[attr-defined]  # optional
    ServedModel(predictor).warm_up()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("def predict(self):", "arguments: write `def predict(self, rows)` in predic"),
        ("def predict(rows):", "with (rows), too many positional arguments: write"),
        (
            "def predict(self, rows, threshold):",
            "with (rows), missing a required argument: 'threshold': write",
        ),
        ("def predict(self, *, rows):", "Predictor.predict cannot be called with"),
        ("async def predict(self, rows):", "predict is async, and nobody would"),
        ("def predicts(self, rows):", "Predictor.predict is missing: write `def p"),
        ("def predict(self, rows): ...\n    def decode(self, body):", "self, body, me"),
        (
            "def predict(self, rows): ...\n    def encode(self, answer):",
            "elf, answer, accept",
        ),
        ("def predict(self, rows): ...\n    def start(self, x):", "`def start(self)`"),
        ("def predict(self, rows): ...\n    def healthy(self, x):", "def healthy(self"),
        ("def predict(self, rows): ...\n    async def healthy(self):", "is async"),
    ],
)
def test_a_method_that_cannot_be_called_is_a_sentence_at_load(
    tmp_path: Path, line: str, sentence: str
) -> None:
    """X-10: and no 500 for each request."""
    with pytest.raises(ModelError) as failed:
        ServedModel.load(tmp_path, predicting(line, body="return 0"))
    assert sentence in str(failed.value)
    assert "\n" not in str(failed.value)


def test_an_attribute_that_is_gone_is_a_sentence_at_load(tmp_path: Path) -> None:
    """D16: or `predict` would get a DataFrame, and fail for each request."""
    kind = predicting("frame = False\n    def predict(self, rows):")
    with pytest.raises(ModelError) as failed:
        ServedModel.load(tmp_path, kind)
    assert str(failed.value) == (
        "`frame = False` is gone: write `def predict(self, rows: Rows)`"
    )
    Owner(predicting("frame = ()\n    def predict(self, rows):")(Path()))


@pytest.mark.parametrize(
    "line",
    [
        "def predict(self, X):",
        "def predict(self, rows, threshold=0.5):",
        "def predict(self, *rows):",
        "@staticmethod\n    def predict(rows):",
        "@classmethod\n    def predict(cls, rows):",
    ],
)
def test_whatever_can_be_called_with_rows_is_a_predict(line: str) -> None:
    Owner(predicting(line, body="return 0")(Path())).predict([])


def test_a_method_of_an_estimator_may_be_the_predict() -> None:
    class Passing:
        def __init__(self, model_dir: Path) -> None:
            self.predict = {"1": model_dir}.get  # in C

    assert ServedModel(Passing(Path()))


def answering(answer: Any, outputs: Any) -> ServedModel:
    class Chosen:
        def __init__(self, model_dir: Path) -> None:
            self.outputs = outputs
            self.model_dir = model_dir

        def predict(self, rows: Any) -> Any:
            del rows
            return answer

    return ServedModel(Chosen(Path()))


SEVERAL = {"label": ["a"], "score": [0.5], "n": [1]}


@pytest.mark.parametrize(
    ("outputs", "line"),
    [
        (("label",), b"a\n"),
        ("label", b"a\n"),
        (["n", "score"], b"1,0.5\n"),
        ((), b"a,0.5,1\n"),
    ],
)
def test_the_owner_may_choose_the_outputs_that_are_answered(
    outputs: Any, line: bytes
) -> None:
    """D17."""
    for answer in (SEVERAL, pd.DataFrame(SEVERAL)):
        assert answer_of(answering(answer, outputs), b"1")[0] == line


def test_a_request_and_a_setting_choose_among_all_outputs() -> None:
    """D17, H-19."""
    model = answering(SEVERAL, ("label",))
    asked = "outputs=score"
    assert answer_of(model, b"1", CSV, CSV, asked)[0] == b"0.5\n"
    assert answer_of(model, b"1", CSV, CSV, "outputs=*")[0] == b"a,0.5,1\n"
    set_ = ServedModel(model.owner.predictor, outputs=("n", "label"))
    assert answer_of(set_, b"1")[0] == b"1,a\n"
    assert answer_of(set_, b"1", CSV, CSV, asked)[0] == b"0.5\n"


@pytest.mark.parametrize("answer", [[0.5], {"score": [0.5]}])
def test_one_output_is_answered_whatever_is_chosen_of_several(answer: Any) -> None:
    """D17: the sample answers classes with several, and numbers with one."""
    assert answer_of(answering(answer, ("label",)), b"1")[0] == b"0.5\n"


@pytest.mark.parametrize("outputs", [("labels",), ("label", "labels")])
def test_an_output_that_predict_does_not_give_is_a_sentence_at_the_warm_up(
    outputs: Any,
) -> None:
    """D17, H-15."""
    model = answering(SEVERAL, outputs)
    model.owner.example = {"a": 1}
    with pytest.raises(ModelError) as failed:
        model.warm_up()
    assert str(failed.value) == (
        f"Predictor has outputs = {outputs}, and predict gives no output 'labels': "
        "there are label, score, n"
    )


def test_an_output_that_is_a_function_runs_where_it_is_asked_for() -> None:
    """D17: with the rows of that request alone, of those that share a call."""
    asked: list[Any] = []

    def reasons(rows: Any) -> Any:
        asked.append(rows)
        return [f"{word}!" for word in rows["a"]]

    model = answering({"label": ["x", "y", "z"], "reasons": reasons}, "label")
    prediction = model.predict(pd.DataFrame({"a": ["x", "y", "z"]}))
    assert prediction.outputs().columns == {"label": ["x", "y", "z"]}
    assert asked == []
    rows = Schema.learn(pd.DataFrame({"a": ["x", "y"]})).read(
        Table([[c] for c in "xyz"])
    )
    prediction = model.predict(rows)
    found = prediction.outputs(("reasons", "label"), slice(1, 3)).columns
    assert found == {"reasons": ["y!", "z!"], "label": ["y", "z"]}
    assert asked.pop()["a"].tolist() == ["y", "z"]  # as `predict` has it: a DataFrame


def test_a_function_that_gives_an_answer_too_few_is_the_owners_fault() -> None:
    model = answering({"label": ["x"], "reasons": lambda _: []}, "label")
    with pytest.raises(PredictionFailed) as failed:
        model.predict(pd.DataFrame({"a": ["x"]})).outputs(("reasons",))
    assert str(failed.value.__cause__) == "0 answers to 1 rows, in 'reasons'"


@pytest.mark.parametrize("outputs", [None, 1, {"label"}, ("label", 1), [b"label"]])
def test_outputs_that_are_no_names_are_a_sentence_at_load(outputs: Any) -> None:
    with pytest.raises(ModelError, match=r"Predictor has outputs = .*: write the name"):
        answering(SEVERAL, outputs)
