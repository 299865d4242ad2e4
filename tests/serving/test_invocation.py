import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from harness import answer_of
from runtime.errors import BadInput, NotAcceptable, PredictionFailed, UnsupportedType
from runtime.formats import CSV, JSON, JSONLINES, NPY, PLAIN
from runtime.models.served import ServedModel
from runtime.observability.logs import RequestRecord, request_id
from runtime.tabular import table
from runtime.tabular.schema import Schema

X = pd.DataFrame({"age": [33.0, 44.0], "city": ["Rome", "Bonn"]})
TEXT = pd.DataFrame({"text": ["good", "bad"]})
MARKING: dict[str, Any] = {"batch": True, "mark_bad_records": True}


class Ages:
    """Answers with the first column, and refuses children."""

    schema: Schema | None = Schema.learn(X)

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir
        self.calls: list[int] = []

    def predict(self, rows: Any) -> Any:
        """Give the first column."""
        self.calls.append(len(rows))
        values = list(rows[rows.columns[0]])
        for number, value in enumerate(values, 1):
            if value == 0:
                message = "a newborn"
                raise BadInput(message, row=number)
        return values


def model(kind: type[Any] = Ages, **options: Any) -> ServedModel:
    return ServedModel(kind(Path()), **options)


def lines(body: str, **options: Any) -> list[str]:
    content, _ = answer_of(model(), body.encode(), **options)
    assert content.endswith(b"\n")
    return content.decode().splitlines()


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut bodies of two columns into slices of three rows."""
    monkeypatch.setattr(table, "SLICE_CELLS", 6)


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("accept", [CSV, JSON, JSONLINES, NPY])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 6, 7, 20])
def test_slices_make_one_answer(n_rows: int, accept: str) -> None:
    """H-47, H-54: one row out per row in, in order."""
    body = "".join(f"{n}.5,Rome\n" for n in range(n_rows)).encode()
    sliced = model()
    whole = model(type("Whole", (Ages,), {"batchable": False}))
    assert answer_of(sliced, body, CSV, accept) == answer_of(whole, body, CSV, accept)
    assert max(sliced.owner.predictor.calls) <= 3  # type: ignore[attr-defined]
    assert whole.owner.predictor.calls == [n_rows]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("row", [1, 3, 4, 8])
@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ("old,Rome", r"row {}, column 'age': expected a number, got 'old'"),
        ("1", r"row {}: 1 columns, expected 2: age, city"),
        ("0,Rome", r"row {}: a newborn"),
    ],
)
def test_a_bad_row_has_its_number_in_the_body(
    row: int, bad: str, sentence: str
) -> None:
    """H-25: whatever slice it is in, and whoever refuses it."""
    rows = ["33,Rome"] * 8
    rows[row - 1] = bad
    with pytest.raises(BadInput, match=sentence.format(row)):
        lines("\n".join(rows))


def test_a_header_line_is_known_by_its_names_and_orders_the_columns() -> None:
    assert lines("city,age\nRome,33\nBonn,44\n") == ["33.0", "44.0"]
    assert lines("age,city\n33,Rome") == ["33.0"]
    assert lines("id,city,age\n7,Rome,33\n") == ["33.0"]


def test_a_header_line_in_batch_is_refused_with_the_cure() -> None:
    """H-53: only the first part of a file has it."""
    with pytest.raises(BadInput, match="remove it from the files"):
        lines("age,city\n33,Rome\n", batch=True)


def test_half_a_header_line_names_what_is_missing() -> None:
    with pytest.raises(BadInput, match="header line, which lacks city"):
        lines("age,town\n33,Rome\n")


def test_a_header_line_is_never_one_that_could_be_a_row() -> None:
    """X-22: a column's name may be another column's value."""
    assert lines("33,age\n44,city\n") == ["33.0", "44.0"]

    class Numbered(Ages):
        schema = Schema.learn(pd.DataFrame([[0, 1], [5, 6]]))

    assert answer_of(model(Numbered), b"1,0\n5,6\n")[0] == b"1\n5\n"

    class Digits(Ages):
        schema = Schema.learn(pd.DataFrame({"1": [1, 2], "2": [3, 4]}))

    assert answer_of(model(Digits), b"1,2\n2,9\n")[0] == b"1\n2\n"


def test_a_document_a_line_is_for_models_of_one_text() -> None:
    class Documents(Ages):
        schema = Schema.learn(TEXT)

    content, _ = answer_of(model(Documents), b"good, or so\nbad\n", PLAIN, JSON)
    assert json.loads(content) == {"predictions": ["good, or so", "bad"]}
    content, _ = answer_of(model(Documents), b"null\n\nNA\n", PLAIN, JSON)
    assert json.loads(content) == {"predictions": ["null", "", "NA"]}
    content, _ = answer_of(model(Documents), b'{"instances": ["a", "b"]}', JSON, JSON)
    assert json.loads(content) == {"predictions": ["a", "b"]}
    with pytest.raises(UnsupportedType, match="one column, of text"):
        answer_of(model(), b"good\n", PLAIN, JSON)


def test_columns_that_the_model_does_not_have_are_ignored_and_counted() -> None:
    record = RequestRecord("id")
    body = b'{"instances": [{"age": 33, "city": "Rome", "id": 7, "x": null}]}'
    assert answer_of(model(), body, JSON, record=record)[0] == b"33.0\n"
    assert (record.ignored_columns, record.rows) == (2, 1)


def test_text_that_fit_has_not_seen_passes_or_is_refused_and_never_rewritten() -> None:
    class Cities(Ages):
        def predict(self, rows: Any) -> Any:
            """Give the city as it came."""
            return list(rows["city"])

    body = b"33,Rome\n44,Atlantis\n55,\n"
    assert answer_of(model(Cities), body)[0] == b'Rome\nAtlantis\n""\n'
    with pytest.raises(BadInput, match="row 2, column 'city': expected one of Bonn"):
        answer_of(model(Cities, closed=True), body)


@pytest.mark.usefixtures("small_slices")
@given(bad=st.sets(st.integers(0, 9)), kinds=st.lists(st.integers(0, 3), min_size=10))
def test_marked_are_the_bad_rows_and_no_others(bad: set[int], kinds: list[int]) -> None:
    """H-55."""
    spellings = ["old,Rome", "1", "0,Rome", "1,2,3"]
    rows = [spellings[kinds[n]] if n in bad else f"{n}1,Rome" for n in range(10)]
    found = lines("\n".join(rows), **MARKING)
    assert found == ["ERROR" if n in bad else f"{float(f'{n}1')}" for n in range(10)]


def test_marks_stand_in_every_output_and_in_every_cell_of_a_list() -> None:
    """H-54, H-55: a line has as many cells as any other."""

    class Wide(Ages):
        def predict(self, rows: Any) -> Any:
            """Give two outputs."""
            return {"label": ["a"] * len(rows), "p": [[0.5, 0.5]] * len(rows)}

    class Spread(Ages):
        def predict(self, rows: Any) -> Any:
            """Give a list for each row."""
            return [[0.5, 0.25]] * len(rows)

    body = b"33,Rome\nold,Rome\n"
    content, _ = answer_of(model(Spread), body, **MARKING)
    assert content == b"0.5,0.25\nERROR,ERROR\n"
    content, _ = answer_of(model(Wide, outputs=("label", "p")), body, **MARKING)
    assert [len(row) for row in csv.reader(io.StringIO(content.decode()))] == [2, 2]
    content, _ = answer_of(model(Spread), b"old,Rome\n", **MARKING)
    assert content == b"ERROR,ERROR\n"
    content, _ = answer_of(model(), body, CSV, JSONLINES, **MARKING)
    assert content == b'{"prediction":33.0}\n{"prediction":"ERROR"}\n'


def test_a_record_that_lacks_a_column_is_marked_also_when_it_is_alone() -> None:
    """H-55: with the strategy SingleRecord every record is."""
    body = b'{"age": 1}\n{"city": "Rome"}\n'
    assert answer_of(model(), body, JSONLINES, **MARKING)[0] == b"ERROR\nERROR\n"


def test_what_is_wrong_with_a_whole_body_is_not_marked() -> None:
    with pytest.raises(BadInput, match="not CSV"):
        lines('33,"Rome\n', **MARKING)
    with pytest.raises(BadInput, match="missing: city"):
        answer_of(model(), b'{"columns": ["age"], "data": [[1]]}', JSON, **MARKING)
    with pytest.raises(BadInput, match="no output"):
        lines("33,Rome", attributes="outputs=x", **MARKING)


def test_a_request_that_nobody_could_read_the_answer_of_is_not_predicted() -> None:
    asked = model()
    with pytest.raises(NotAcceptable):
        answer_of(asked, b"33,Rome", CSV, "image/png")
    assert asked.owner.predictor.calls == []  # type: ignore[attr-defined]


def test_the_rows_of_an_owners_decode_may_be_a_sparse_matrix() -> None:
    class Sparse(Ages):
        def decode(self, body: bytes, media_type: str) -> Any:
            """Read no body at all."""
            del body, media_type
            return csr_array([[1, 0], [0, 1]])

        def predict(self, rows: Any) -> Any:
            """Give the sum of each row."""
            return rows.sum(axis=1)

    record = RequestRecord("id")
    assert answer_of(model(Sparse), b"x", "text/libsvm", record=record)[0] == b"1\n1\n"
    assert record.rows == 2


def test_a_row_that_the_owner_counts_with_numpy_is_a_number_in_the_answer() -> None:
    refused = BadInput("age must be positive", row=np.int64(3), column=np.int64(0))  # type: ignore[arg-type]
    assert json.loads(json.dumps(refused.body()))["problems"] == [
        {"message": "age must be positive", "row": 3, "column": 0}
    ]


def test_an_owner_who_wants_to_exit_fails_one_request() -> None:
    class Leaving(Ages):
        def predict(self, rows: Any) -> Any:
            """Leave."""
            del rows
            raise SystemExit(1)

    with pytest.raises(PredictionFailed):
        answer_of(model(Leaving), b"33,Rome")


@pytest.mark.parametrize("depth", [950, 970, 980, 984, 990])
def test_a_list_as_deep_as_json_can_be_read_is_refused(depth: int) -> None:
    body = f'[[{"[" * depth}{"]" * depth},"Rome"]]'.encode()
    with pytest.raises(BadInput):
        answer_of(model(), body, JSON)


def test_the_stages_of_a_request_are_timed_and_are_all_of_it() -> None:
    record = RequestRecord("id")
    answer_of(model(), b"33,Rome\n" * 1000, record=record)
    stages = (record.queue, record.decode, record.predict, record.encode)
    assert min(stages) > 0
    assert sum(stages) <= record.seconds


def test_the_owners_code_runs_under_the_id_of_the_request() -> None:
    class Naming(Ages):
        def predict(self, rows: Any) -> Any:
            """Give the id for each row."""
            return [request_id.get()] * len(rows)

    assert (
        answer_of(model(Naming), b"33,Rome", record=RequestRecord("abc"))[0] == b"abc\n"
    )
    assert request_id.get() == ""


class Writing(Ages):
    """Writes its answers itself: their number."""

    def encode(self, answer: Any, accept: str) -> tuple[bytes, str]:
        """Count the answers."""
        return str(len(answer)).encode(), accept


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("policy", [{}, MARKING])
def test_the_owner_writes_one_answer_to_all_rows_of_a_body(
    policy: dict[str, Any],
) -> None:
    body = b"33,Rome\n" * 20
    assert answer_of(model(Writing), body, **policy) == (b"20", CSV)


@pytest.mark.usefixtures("small_slices")
def test_the_rows_of_a_body_are_counted_once_also_where_bad_ones_are_marked() -> None:
    for policy in ({}, MARKING):
        record = RequestRecord("id")
        body = b"33,Rome\n" * 7 + (b"old,Rome\n" if policy else b"44,Rome\n")
        answer_of(model(), body, record=record, **policy)
        assert record.rows == 8


@pytest.mark.parametrize("orient", ["columns", "index", "split", "records", "table"])
def test_a_frame_written_by_pandas_is_its_rows_in_every_orient(orient: Any) -> None:
    """F-06: the names of the model tell columns from rows."""
    frame = pd.DataFrame({"city": ["Rome", "Bonn"], "age": [33, 44]}, index=[7, 9])
    content, _ = answer_of(model(), frame.to_json(orient=orient).encode(), JSON, CSV)
    assert content == b"33.0\n44.0\n"


@pytest.mark.parametrize(
    "body", ["33,Rome\n44,Bonn\n\n", ",age,city\n7,33,Rome\n8,44,\n"]
)
def test_no_answer_is_for_a_header_a_blank_line_or_an_index(body: str) -> None:
    """X-22."""
    assert lines(body) == ["33.0", "44.0"]

    class Words(Ages):
        schema = Schema.learn(pd.DataFrame({"colour": ["red"], "size": ["S"]}))

    with pytest.raises(BadInput, match="row 1: looks like a header line"):
        answer_of(model(Words), b"Colour,Size\nred,S\n", CSV)
