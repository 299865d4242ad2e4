import csv
import io
import json
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from harness import answer_of, table_of
from runtime.errors import (
    BadInput,
    ModelError,
    NotAcceptable,
    PredictionFailed,
    UnsupportedType,
)
from runtime.formats import CSV, JSON, JSONLINES, NPY, Table
from runtime.models import artifact
from runtime.models.owner import Owner
from runtime.models.served import ServedModel
from runtime.tabular.schema import Schema, found_in

X = pd.DataFrame({"age": [33, 44], "city": ["Rome", "Bonn"]})
ROWS = b"33,Rome\n44,Bonn\n"


class Predictor:
    """The smallest there is: it answers with a column of its rows."""

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir

    def predict(self, rows: Any) -> Any:
        """Give the first column."""
        return rows[rows.columns[0]]


class Learned(Predictor):
    """The same with a schema."""

    schema = Schema.learn(X)


def answering(answer: Any, **options: Any) -> ServedModel:
    """Make a model whose `predict` gives the same answer whatever it is asked."""

    class Fixed(Predictor):
        def predict(self, rows: Any) -> Any:
            del rows
            return answer

    return ServedModel(Fixed(Path()), **options)


def raising(exc: Exception) -> ServedModel:
    class Broken(Predictor):
        def predict(self, rows: Any) -> Any:
            del rows
            raise exc

    return ServedModel(Broken(Path()))


def save(folder: Path, **description: Any) -> Path:
    columns = Schema.learn(X).to_json()
    artifact.save(folder, "the model", {"columns": columns, **description})
    return folder


def rows_of(model: ServedModel, table: Table) -> pd.DataFrame:
    schema = model.schema or found_in(table)
    return schema.read(table).frame()


def ask(model: ServedModel, body: bytes, content_type: str = CSV) -> Any:
    content, media_type = answer_of(model, body, content_type, JSON)
    assert media_type == JSON
    return json.loads(content)["predictions"]


def ask_csv(model: ServedModel, body: bytes) -> list[list[str]]:
    content, media_type = answer_of(model, body)
    assert media_type == CSV
    return list(csv.reader(content.decode().splitlines()))


def test_the_rows_of_a_body_get_one_answer_each(tmp_path: Path) -> None:
    model = ServedModel.load(save(tmp_path), Predictor)
    assert ask(model, ROWS) == [33, 44]
    assert ask(model, b'[{"city": "Rome", "age": 33}]', JSON) == [33]
    assert ask_csv(model, ROWS) == [["33"], ["44"]]


def test_the_answer_has_the_type_that_the_request_accepts() -> None:
    """H-21."""
    model = answering([1])
    assert answer_of(model, b"1", accept="*/*", default_accept=CSV) == (b"1\n", CSV)
    assert answer_of(model, b"1", accept="") == (b'{"predictions":[1]}\n', JSON)


def test_a_request_that_cannot_be_answered_is_not_predicted() -> None:
    model = raising(AssertionError("predict was called"))
    with pytest.raises(NotAcceptable):
        answer_of(model, b"1", CSV, "image/png")
    with pytest.raises(UnsupportedType):
        answer_of(model, b"1", "image/png")
    with pytest.raises(BadInput):
        answer_of(model, b"")


def test_the_schema_is_that_of_model_json(tmp_path: Path) -> None:
    model = ServedModel.load(save(tmp_path), Predictor)
    assert model.schema == Schema.learn(X)
    with pytest.raises(BadInput, match="row 1, column 'age': expected a number"):
        answer_of(model, b"old,Rome")


def test_the_owners_word_on_the_schema_wins(tmp_path: Path) -> None:
    class Unchecked(Predictor):
        schema = None

    model = ServedModel.load(save(tmp_path), Unchecked)
    assert model.schema is None
    assert ask(model, b"old,Rome\nnew,Bonn") == ["old", "new"]
    assert ask(model, b"1,2,3") == [1]


def test_without_model_json_the_estimators_names_are_the_schema() -> None:
    fitted = LinearRegression().fit(
        pd.DataFrame({"b": [1.0, 2], "a": [3.0, 5]}), [1, 2]
    )
    predictor = Predictor(Path())
    predictor.model = fitted  # type: ignore[attr-defined]  # where `ServedModel` looks for it
    model = ServedModel(predictor)
    rows = rows_of(model, table_of(b'{"a": 1, "b": 2}', JSON))
    assert rows.to_dict("split")["columns"] == ["b", "a"]
    assert rows.to_dict("split")["data"] == [[2, 1]]
    assert ask(model, b"1,2") == [1]
    with pytest.raises(BadInput, match="missing: b"):
        rows_of(model, table_of(b'{"a": 1}', JSON))


def test_without_names_the_estimators_width_is_the_schema() -> None:
    predictor = Predictor(Path())
    estimator = LinearRegression().fit(np.array([[1.0, 2], [3, 5]]), [1, 2])
    predictor.model = estimator  # type: ignore[attr-defined]  # as above
    model = ServedModel(predictor)
    assert ask(model, b"1,2\n3,4") == [1, 3]
    with pytest.raises(BadInput, match="3 columns, expected 2"):
        rows_of(model, table_of(b"1,2,3", CSV))


def test_without_any_schema_the_types_are_as_they_look() -> None:
    model = ServedModel(Predictor(Path()))
    assert model.schema is None
    assert ask(model, b"1.5,x\n,y") == [1.5, None]
    assert rows_of(model, table_of(b'[{"a": 1, "b": "x"}]', JSON)).to_dict("list") == {
        "a": [1],
        "b": ["x"],
    }


@pytest.mark.parametrize(
    ("answer", "predictions"),
    [
        (np.array([1, 2]), [1, 2]),
        (np.array([0.5, np.nan]), [0.5, None]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([True, False]), [True, False]),
        (np.array(["a", None], dtype=object), ["a", None]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (pd.Series([1.5, 2.5], index=[7, 8]), [1.5, 2.5]),
        (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        ([1, 2], [1, 2]),
        (["a", None], ["a", None]),
        ([np.int64(1), np.float32(0.5)], [1, 0.5]),
        ([np.array([1, 2]), np.array([3])], [[1, 2], [3]]),
        ([{"score": 0.5}, {"score": 1.0}], [{"score": 0.5}, {"score": 1.0}]),
    ],
    ids=[
        "integers",
        "floats",
        "text",
        "booleans",
        "objects",
        "two axes",
        "series",
        "categories",
        "list",
        "list with None",
        "list of scalars",
        "list of arrays",
        "list of objects",
    ],
)
def test_one_output_is_a_value_a_row(answer: Any, predictions: list[Any]) -> None:
    """F-12: numpy's numbers are numbers."""
    assert ask(answering(answer), b"1\n2\n") == predictions


@pytest.mark.parametrize(
    "answer",
    [
        {"label": np.array([1, 0]), "score": np.array([[0.25, 0.75], [1.0, 0.0]])},
        {"label": [1, 0], "score": [[0.25, 0.75], [1.0, 0.0]]},
        {
            "label": pd.Series([1, 0], index=[7, 8]),
            "score": pd.Series([[0.25, 0.75], [1.0, 0.0]]),
        },
        pd.DataFrame({"label": [1, 0], "score": [[0.25, 0.75], [1.0, 0.0]]}),
        pd.DataFrame(
            {
                "label": np.array([1, 0], dtype="int8"),
                "score": [np.array([0.25, 0.75]), np.array([1.0, 0.0])],
            }
        ),
    ],
    ids=["arrays", "lists", "series", "frame", "frame of arrays"],
)
def test_several_outputs_are_an_object_a_row(answer: Any) -> None:
    """D17; F-09 to F-11: in every format, without being asked for."""
    model = answering(answer)
    lines, _ = answer_of(model, b"1\n2\n", CSV, JSONLINES)
    assert lines.splitlines()[0] == b'{"label":1,"score":[0.25,0.75]}'
    array = np.load(io.BytesIO(answer_of(model, b"1\n2\n", CSV, NPY)[0]))
    assert array.dtype.names == ("label", "score")
    assert array["score"].tolist() == [[0.25, 0.75], [1.0, 0.0]]
    assert ask(model, b"1\n2\n") == [
        {"label": 1, "score": [0.25, 0.75]},
        {"label": 0, "score": [1.0, 0.0]},
    ]
    assert ask_csv(model, b"1\n2\n") == [["1", "[0.25,0.75]"], ["0", "[1.0,0.0]"]]


def test_all_outputs_are_answered_unless_some_are_named() -> None:
    """D17."""
    answer = {"label": ["a"], "score": [0.5], "n": [1]}
    model = answering(answer)
    assert ask(model, b"1") == [{"label": "a", "score": 0.5, "n": 1}]
    assert ask(answering(answer, outputs=("score",)), b"1") == [0.5]
    content, _ = answer_of(model, b"1", CSV, CSV, "trace=7; outputs=n, label")
    assert content == b"1,a\n"
    content, _ = answer_of(model, b"1", CSV, CSV, "outputs=*")
    assert content == b"a,0.5,1\n"


@pytest.mark.parametrize("attributes", ["outputs=probability", "outputs=n,../../x"])
def test_an_output_that_there_is_not_is_refused_with_those_that_there_are(
    attributes: str,
) -> None:
    model = answering({"label": ["a"], "n": [1]})
    with pytest.raises(BadInput, match="there are label, n"):
        answer_of(model, b"1", CSV, CSV, attributes)


def test_other_custom_attributes_are_the_clients_own() -> None:
    """H-19, H-20: they are read for what is ours, and not echoed."""
    model = answering({"label": ["a"], "n": [1]})
    for attributes in ("", "c000b4f9-df62-4c85-a0bf", "output=n", "a=outputs=n"):
        assert answer_of(model, b"1", CSV, CSV, attributes)[0] == b"a,1\n"


def test_a_frame_of_one_column_is_one_output() -> None:
    assert ask(answering(pd.DataFrame({"label": ["a", "b"]})), b"1\n2\n") == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "predictions"),
    [
        ([[np.float32(0.5), np.int64(1)]], [[0.5, 1]]),
        ([{"score": np.float32(0.5), "n": np.int64(1)}], [{"score": 0.5, "n": 1}]),
        ([{"score": np.array([0.5])}], [{"score": [0.5]}]),
        ([("a", np.float32(0.5))], [["a", 0.5]]),
        ([[np.float32("nan")]], [[None]]),
    ],
    ids=["lists", "objects", "arrays in objects", "tuples", "NaN"],
)
def test_numpys_numbers_are_numbers_at_any_depth(
    answer: Any, predictions: list[Any]
) -> None:
    """F-12."""
    assert ask(answering(answer), b"1") == predictions


@pytest.mark.parametrize(
    "answer",
    [
        pd.Series([1, None], dtype="Int64"),
        pd.Series(["1", None], dtype="string"),
        [1, pd.NA],
        [(1, 2), (float("nan"), 2)],
    ],
    ids=["integers", "text", "list", "tuples"],
)
def test_a_missing_answer_of_any_kind_is_null(answer: Any) -> None:
    """F-12."""
    missing = ask(answering(answer), b"1\n2\n")[1]
    assert missing in (None, [None, 2])
    assert ask_csv(answering(answer), b"1\n2\n")[1][0] == ""


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [1],
        [1, 2, 3],
        np.array([[1, 2]]),
        {"a": [1, 2], "b": [1]},
        {},
        pd.DataFrame(index=[0, 1]),
        pd.Series([1]),
    ],
    ids=[
        "none",
        "fewer",
        "more",
        "one row of two",
        "one output short",
        "no output",
        "a frame without columns",
        "a short series",
    ],
)
def test_a_wrong_number_of_answers_is_ours_to_repair(answer: Any) -> None:
    with pytest.raises(PredictionFailed) as failed:
        ask(answering(answer), b"1\n2\n")
    assert failed.value.status == 500
    assert failed.value.__cause__ is not None


@pytest.mark.parametrize("answer", [None, 1.5, np.float64(1.5), object()], ids=type)
def test_an_answer_that_is_no_column_is_ours_to_repair(answer: Any) -> None:
    with pytest.raises(PredictionFailed):
        ask(answering(answer), b"1\n2\n")


def test_an_exception_in_predict_keeps_its_text_from_the_caller() -> None:
    """H-25: the cause is for the log."""
    cause = KeyError("the secret column")
    with pytest.raises(PredictionFailed) as failed:
        ask(raising(cause), b"1")
    assert failed.value.__cause__ is cause
    assert "secret" not in json.dumps(failed.value.body())


def test_bad_input_that_predict_raises_reaches_the_caller() -> None:
    with pytest.raises(BadInput, match="row 3: age must be positive"):
        ask(raising(BadInput("age must be positive", row=3)), b"1")


def test_the_owners_decode_stands_in_for_formats_and_schema(tmp_path: Path) -> None:
    class Reversing(Predictor):
        def decode(self, body: bytes, media_type: str) -> list[str]:
            return [media_type, *body.decode().split()]

        def predict(self, rows: Any) -> Any:
            return rows[::-1]

    model = ServedModel.load(save(tmp_path), Reversing)
    assert ask(model, b"a b", "Image/PNG; x=1") == ["b", "a", "image/png"]
    assert ask(model, b"", "") == ["text/csv"]  # H-58, as without a decode


def test_a_body_in_which_the_owners_decode_finds_no_row_is_refused() -> None:
    """H-25: no estimator predicts nothing."""

    class Listing(Predictor):
        def decode(self, body: bytes, media_type: str) -> list[str]:
            del media_type
            return body.decode().split()

        def encode(self, answer: Any, accept: str) -> str:
            return f"{answer} {accept}"

    for name in ("Listing", "Encoding"):
        without = {"encode": None} if name == "Listing" else {}
        model = ServedModel(type(name, (Listing,), without)(Path()))
        with pytest.raises(BadInput, match="no row in the body"):
            ask(model, b" ")


def test_what_the_owners_decode_raises_is_told_apart() -> None:
    class Choosy(Predictor):
        def decode(self, body: bytes, media_type: str) -> Any:
            del media_type
            if body == b"bad":
                msg = "no image"
                raise BadInput(msg)
            raise ValueError(body)

    model = ServedModel(Choosy(Path()))
    with pytest.raises(BadInput, match="no image"):
        ask(model, b"bad")
    with pytest.raises(PredictionFailed):
        ask(model, b"worse")


def test_the_owners_encode_stands_in_for_ours() -> None:
    class Drawing(Learned):
        def encode(self, answer: Any, accept: str) -> tuple[bytes, str]:
            return f"{accept}: {answer.tolist()}".encode(), "image/png"

    model = ServedModel(Drawing(Path()))
    answer = answer_of(model, ROWS, CSV, "image/png")
    assert answer == (b"image/png: [33, 44]", "image/png")


@pytest.mark.parametrize(
    ("found", "content", "media_type"),
    [
        ("æ", "æ".encode(), CSV),
        (b"\xe6", b"\xe6", CSV),
        (bytearray(b"a"), b"a", CSV),
        (("æ", "text/html"), "æ".encode(), "text/html"),
        ((b"a", "image/png"), b"a", "image/png"),
    ],
)
def test_an_owners_encode_may_give_text_bytes_or_either_with_a_media_type(
    found: Any, content: bytes, media_type: str
) -> None:
    """D18: as `output_fn` of script mode does; text is UTF-8, of the accepted type."""

    class Plain(Learned):
        def encode(self, answer: Any, accept: str) -> Any:
            del answer, accept
            return found

    model = ServedModel(Plain(Path()))
    assert answer_of(model, ROWS, CSV, CSV) == (content, media_type)


@pytest.mark.parametrize("found", [None, 5, {"a": 1}, [1], ("a", "b", "c")], ids=type)
def test_what_an_encode_gives_that_is_no_body_is_ours_to_repair(found: Any) -> None:
    class Wrong(Learned):
        def encode(self, answer: Any, accept: str) -> Any:
            del answer, accept
            return found

    with pytest.raises(PredictionFailed):
        answer_of(ServedModel(Wrong(Path())), ROWS)


@pytest.mark.parametrize(
    ("header", "accept", "sent"),
    [
        ("", JSON, JSON),
        ("*/*", JSON, JSON),
        ("application/*, */*;q=0.1", JSON, JSON),
        ("text/*", CSV, CSV),
        ("image/png", "image/png", "image/png"),
        ("Image/PNG; x=1", "image/png", "image/png"),
        ("image/png;q=0.5, text/html", "text/html", "text/html"),
        ("text/csv; charset=utf-8", CSV, "text/csv; charset=utf-8"),
        ("image/*", JSON, JSON),
        ("*/*;q=0", JSON, JSON),
    ],
)
def test_an_owners_encode_gets_one_media_type(
    header: str, accept: str, sent: str
) -> None:
    """D18, H-21: never a list, a wildcard or nothing."""

    class Telling(Learned):
        def encode(self, answer: Any, accept: str) -> Any:
            del answer
            return accept

    model = ServedModel(Telling(Path()))
    assert answer_of(model, ROWS, CSV, header) == (accept.encode(), sent)


def test_what_the_owners_encode_raises_is_ours_to_repair() -> None:
    class Broken(Learned):
        def encode(self, answer: Any, accept: str) -> tuple[bytes, str]:
            raise KeyError(accept, answer)

    with pytest.raises(PredictionFailed):
        answer_of(ServedModel(Broken(Path())), ROWS, CSV, "image/png")


def seen_on_warm_up(model: ServedModel) -> list[Any]:
    """Give the rows that `predict` saw."""
    seen: list[Any] = []

    def predict(rows: Any) -> Any:
        seen.append(rows)
        return rows[rows.columns[0]]

    model.owner.predict = predict  # a spy of our own
    model.warm_up()
    return seen


def test_the_warm_up_row_is_that_of_the_schema(tmp_path: Path) -> None:
    """H-15."""
    (rows,) = seen_on_warm_up(ServedModel.load(save(tmp_path), Predictor))
    assert len(rows) == 1
    assert rows.dtypes.to_dict() == X.dtypes.to_dict()


@pytest.mark.parametrize(
    ("example", "n_rows"),
    [({"age": 1, "city": "x"}, 1), (X, 2), ([{"age": 1}, {"age": 2}], 2)],
    ids=["an object", "a frame", "a list of objects"],
)
def test_the_owners_example_wins(tmp_path: Path, example: Any, n_rows: int) -> None:
    model = ServedModel.load(save(tmp_path), Predictor)
    model.owner.example = example
    (rows,) = seen_on_warm_up(model)
    assert isinstance(rows, pd.DataFrame)
    assert len(rows) == n_rows


@pytest.mark.parametrize(
    "schema", [None, Schema.of_names(["a"])], ids=["none", "names"]
)
def test_without_types_there_is_no_warm_up_row(schema: Schema | None) -> None:
    predictor = Predictor(Path())
    predictor.schema = schema  # type: ignore[attr-defined]  # optional
    assert seen_on_warm_up(ServedModel(predictor)) == []


def test_an_example_of_some_columns_is_filled_up_from_the_schema(
    tmp_path: Path,
) -> None:
    model = ServedModel.load(save(tmp_path), Predictor)
    model.owner.example = [{"age": 1}, {"city": "x"}]
    (rows,) = seen_on_warm_up(model)
    assert model.schema is not None
    (synthetic,) = model.schema.example().frame().to_dict("records")
    assert rows.to_dict("records") == [
        {**synthetic, "age": 1},
        {**synthetic, "city": "x"},
    ]
    assert rows.dtypes.to_dict() == X.dtypes.to_dict()


def without_warm_up(folder: Path) -> ServedModel:
    """Load a model whose job has noted that its warm-up row fails."""
    artifact.amend(save(folder), {"warm_up": "none: a made-up row fails"})
    return ServedModel.load(folder, Predictor)


def test_a_model_is_served_without_the_warm_up_row_that_it_fails_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """C11."""
    caplog.set_level("INFO", "serve")
    model = without_warm_up(tmp_path)
    assert seen_on_warm_up(model) == []
    assert caplog.messages[-1] == "warm-up row: none: a made-up row fails"


def test_an_example_of_later_warms_up_such_a_model_and_may_fail(tmp_path: Path) -> None:
    model = without_warm_up(tmp_path)
    model.owner.example = {"age": 1}
    assert len(seen_on_warm_up(model)) == 1
    model.owner.example = {"age": "no number"}
    model.warm_up()


def test_a_model_that_fails_on_its_warm_up_row_says_so(tmp_path: Path) -> None:
    class Broken(Predictor):
        def predict(self, rows: Any) -> Any:
            raise ValueError(rows)

    with pytest.raises(PredictionFailed):
        ServedModel.load(save(tmp_path), Broken).warm_up()


def test_start_and_healthy_are_the_owners_if_there_are_any() -> None:
    class Lively(Predictor):
        started = False

        def start(self) -> None:
            self.started = True

        def healthy(self) -> bool:
            return self.started

    lively, plain = Owner(Lively(Path())), Owner(Predictor(Path()))
    assert (lively.healthy(), plain.healthy()) == (False, True)
    lively.start()
    plain.start()
    assert (lively.healthy(), plain.healthy()) == (True, True)


def test_a_model_is_batchable_unless_its_owner_says_no() -> None:
    class Ranking(Predictor):
        batchable = False

    assert Owner(Predictor(Path())).batchable
    assert not Owner(Ranking(Path())).batchable


OLDER = {"versions": {"scikit-learn": "0.1.0"}}


def test_a_model_of_another_scikit_learn_is_refused(tmp_path: Path) -> None:
    """X-29."""
    with pytest.raises(ModelError, match=r"model\.json: fitted with scikit-learn 0\.1"):
        ServedModel.load(save(tmp_path, **OLDER), Predictor)
    with pytest.raises(ModelError, match=version("scikit-learn")):
        ServedModel.load(tmp_path, Predictor, "fail")


def test_a_model_of_another_scikit_learn_is_refused_before_it_is_loaded(
    tmp_path: Path,
) -> None:
    """X-29: unpickling it is what fails in a way that nobody understands."""

    class Never(Predictor):
        def __init__(self, model_dir: Path) -> None:
            raise AssertionError(model_dir)

    with pytest.raises(ModelError, match="fitted with scikit-learn"):
        ServedModel.load(save(tmp_path, **OLDER), Never)


def test_a_model_of_another_scikit_learn_is_loaded_with_a_warning_on_demand(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """X-29."""
    ServedModel.load(save(tmp_path, **OLDER), Predictor, "warn")
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert "fitted with scikit-learn 0.1.0" in record.getMessage()


def test_a_model_of_another_scikit_learn_is_loaded_in_silence_on_demand(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """X-29."""
    ServedModel.load(save(tmp_path, **OLDER), Predictor, "off")
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_a_model_without_model_json_is_loaded_and_the_log_says_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert ServedModel.load(tmp_path, Predictor).schema is None
    assert "no model.json" in caplog.text


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (KeyError("a"), "Predictor({}) failed: KeyError: 'a'"),
        (
            ImportError("No module named 'features'"),
            "Predictor({}) failed: ImportError: No module named 'features'",
        ),
        (ModelError("there are no weights"), "there are no weights"),
    ],
    ids=["any", "import", "our own"],
)
def test_a_predictor_that_cannot_be_made_is_one_sentence(
    tmp_path: Path, raised: Exception, sentence: str
) -> None:
    """X-10."""

    class Broken(Predictor):
        def __init__(self, model_dir: Path) -> None:
            del model_dir
            raise raised

    with pytest.raises(ModelError) as failed:
        ServedModel.load(tmp_path, Broken)
    assert str(failed.value) == sentence.format(tmp_path)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    "columns",
    [[{}], [{"name": "a"}], ["a"], {"a": "int64"}, [{"name": "a", "dtype": "date"}]],
    ids=["empty", "name alone", "text", "object", "a type that nobody reads"],
)
def test_a_model_json_with_columns_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, columns: Any
) -> None:
    """X-10."""
    with pytest.raises(ModelError, match=r"model\.json"):
        ServedModel.load(save(tmp_path, columns=columns), Predictor)
