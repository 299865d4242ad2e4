import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import accept, formats
from runtime.errors import BadInput, UnsupportedType
from runtime.formats import ABSENT, CSV, FORMATS, JSON, Outputs, Table

NAN, INFINITY = float("nan"), float("inf")

# Two columns or more: a lone empty cell and an empty line look alike. No mark in front:
# at the start of a body it is the byte order mark.
CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"))
ROWS = st.integers(2, 4).flatmap(
    lambda width: st.lists(
        st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=5
    )
)


def columns_of(table: Table) -> dict[Any, list[Any]]:
    keys = table.names or range(table.width)
    return {key: table.column(place) for place, key in enumerate(keys)}


def rows_of(table: Table) -> list[list[Any]]:
    return [list(row) for row in zip(*columns_of(table).values(), strict=True)]


def read_csv(body: bytes) -> list[list[Any]]:
    table = formats.decode(body, CSV)
    assert table.names is None
    return rows_of(table)


def read_json(value: Any) -> Table:
    return formats.decode(json.dumps(value).encode(), JSON)


def one(values: list[Any]) -> Outputs:
    return Outputs({"prediction": values}, named=False)


def named(**columns: list[Any]) -> Outputs:
    return Outputs(columns, named=True)


def write_json(outputs: Outputs) -> Any:
    def refuse(token: str) -> None:
        pytest.fail(f"{token} is not JSON")

    body = formats.encode(outputs, JSON)
    (answer,) = json.loads(body, parse_constant=refuse).items()
    assert answer[0] == "predictions"
    return answer[1]


def write_csv(outputs: Outputs) -> str:
    return formats.encode(outputs, CSV).decode()


@pytest.mark.parametrize(
    "body",
    [
        b"1,a\n2,b\n",
        b"1,a\n2,b",
        b"1,a\r\n2,b\r\n",
        b"1,a\r\n2,b",
        b"\xef\xbb\xbf1,a\n2,b\n",
        b"1,a\n2,b\n\n\n",
        b"1,a\r\n2,b\r\n\r\n",
        b'"1","a"\n"2","b"\n',
    ],
    ids=[
        "newline at the end",
        "no newline at the end",
        "CRLF",
        "CRLF, none at the end",
        "byte order mark",
        "blank lines at the end",
        "blank CRLF lines at the end",
        "all quoted",
    ],
)
def test_a_csv_body_has_the_same_rows_however_its_lines_end(body: bytes) -> None:
    """F-05."""
    assert read_csv(body) == [["1", "a"], ["2", "b"]]


@pytest.mark.parametrize(
    ("body", "cells"),
    [
        (b'"a,b",c', ["a,b", "c"]),
        (b'"say ""hi""",c', ['say "hi"', "c"]),
        (b'"two\nlines",c', ["two\nlines", "c"]),
        (b'"two\r\nlines",c', ["two\r\nlines", "c"]),
        (b'"",c', ["", "c"]),
        (b",", ["", ""]),
        (b" a , b ", [" a ", " b "]),
        (b'6" pipe,c', ['6" pipe', "c"]),
        ("Zürich,東京".encode(), ["Zürich", "東京"]),
        ("a\u2028b,c\x0cd".encode(), ["a\u2028b", "c\x0cd"]),
    ],
    ids=[
        "comma",
        "quotes",
        "newline",
        "CRLF",
        "quoted nothing",
        "nothing",
        "spaces",
        "a quote inside",
        "UTF-8",
        "other line separators",
    ],
)
def test_csv_cells_are_read_by_rfc_4180(body: bytes, cells: list[str]) -> None:
    """F-05."""
    assert read_csv(body) == [cells]


@given(ROWS, st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_read_as_it_was(
    rows: list[list[str]], newline: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=newline, quoting=csv.QUOTE_ALL).writerows(rows)
    assert read_csv(text.getvalue().encode()) == rows


def test_a_first_line_of_text_is_a_row_like_any_other() -> None:
    """X-22: no header is ever looked for."""
    assert read_csv(b"age,city\n33,Rome\n") == [["age", "city"], ["33", "Rome"]]


@pytest.mark.parametrize("body", [b"7", b"7\n", b"\xef\xbb\xbf7\r\n"])
def test_one_cell_is_one_row(body: bytes) -> None:
    """X-23."""
    assert read_csv(body) == [["7"]]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b'1\n""\n2\n', [["1"], [""], ["2"]]),
        (b"1\n\n2\n", [["1"], [""], ["2"]]),
        (b"1\n2\n\n", [["1"], ["2"], [""]]),
        (b'""\n', [[""]]),
    ],
    ids=["quoted", "blank line", "blank line at the end", "alone"],
)
def test_in_a_single_column_a_blank_line_is_a_missing_value(
    body: bytes, rows: list[list[str]]
) -> None:
    assert read_csv(body) == rows


@pytest.mark.parametrize(
    ("body", "row", "sentence"),
    [
        (b"1,2\n3\n", 2, "has 1 columns, row 1 has 2"),
        (b"1,2\n3,4,5", 2, "has 3 columns, row 1 has 2"),
        (b"1,2\n3,4\n\n5,6\n", 3, "has 1 columns, row 1 has 2"),
        (b'"1\n1",2\n3\n', 2, "has 1 columns, row 1 has 2"),
    ],
    ids=["short", "long", "blank line in between", "after a cell of two lines"],
)
def test_a_csv_row_of_another_length_is_named(
    body: bytes, row: int, sentence: str
) -> None:
    """H-25."""
    with pytest.raises(BadInput) as refused:
        formats.decode(body, CSV)
    (problem,) = refused.value.problems
    assert (problem.row, problem.message) == (row, sentence)


@pytest.mark.parametrize(
    ("body", "line"),
    [(b'1,2\n"a"b,2\n', 2), (b'1,2\n3,"open', 2), (b'"a" ,2\n', 1)],
    ids=["text after a quote", "never closed", "a space after a quote"],
)
def test_a_line_with_wrong_quotes_is_named(body: bytes, line: int) -> None:
    with pytest.raises(BadInput, match=f"line {line} is not CSV: "):
        formats.decode(body, CSV)


@pytest.mark.parametrize("content_type", [CSV, JSON])
def test_a_body_that_is_not_utf_8_is_refused_with_the_byte(content_type: str) -> None:
    with pytest.raises(BadInput, match="not UTF-8: byte 2 is 0xff"):
        formats.decode(b"1,\xff", content_type)


def test_a_nul_is_a_character_like_any_other() -> None:
    assert read_csv(b"1,a\x00b\n") == [["1", "a\x00b"]]


def test_a_cell_may_be_as_long_as_a_body() -> None:
    """H-23: the limit is that of the payload, and JSON knows no other."""
    text = "a" * 2**20
    assert read_csv(f"{text},1\n".encode()) == [[text, "1"]]
    assert rows_of(read_json([[text, 1]])) == [[text, 1]]


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"],
    ids=["nothing", "a space", "newlines", "a mark", "a mark and a newline"],
)
@pytest.mark.parametrize("content_type", [CSV, JSON])
def test_an_empty_body_is_refused(content_type: str, body: bytes) -> None:
    """H-25."""
    with pytest.raises(BadInput):
        formats.decode(body, content_type)


@pytest.mark.parametrize(
    "value",
    [
        [[1.5, 16], [-2, 100]],
        {"instances": [[1.5, 16], [-2, 100]]},
        {"instances": [{"features": [1.5, 16]}, {"features": [-2, 100]}]},
        {
            "instances": [
                {"data": {"features": {"values": [1.5, 16]}}},
                {"data": {"features": {"values": [-2, 100]}}},
            ]
        },
        [{"features": [1.5, 16]}, {"features": [-2, 100]}],
        [{"features": {"values": [1.5, 16]}}, [-2, 100]],
    ],
    ids=[
        "lists",
        "instances",
        "features",
        "data, features, values",
        "features without instances",
        "two ways to write a list",
    ],
)
def test_json_rows_by_position_are_read_in_every_shape(value: Any) -> None:
    """F-06."""
    table = read_json(value)
    assert columns_of(table) == {0: [1.5, -2], 1: [16, 100]}


@pytest.mark.parametrize(
    "value",
    [
        [{"age": 33, "city": "Rome"}, {"city": None, "age": 44}],
        {"instances": [{"age": 33, "city": "Rome"}, {"age": 44, "city": None}]},
        {
            "instances": [
                {"configuration": {}, "data": {"age": 33, "city": "Rome"}},
                {"configuration": {}, "data": {"age": 44, "city": None}},
            ]
        },
        {"columns": ["age", "city"], "data": [[33, "Rome"], [44, None]]},
        {
            "columns": ["age", "city"],
            "index": [7, 8],
            "data": [[33, "Rome"], [44, None]],
        },
    ],
    ids=["records", "instances", "configuration", "split", "split with index"],
)
def test_json_rows_by_name_are_read_in_every_shape(value: Any) -> None:
    """F-06."""
    table = read_json(value)
    assert columns_of(table) == {"age": [33, 44], "city": ["Rome", None]}


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        ([1.5, 16], {0: [1.5], 1: [16]}),
        ({"instances": [1.5, 16]}, {0: [1.5], 1: [16]}),
        ([None, "a"], {0: [None], 1: ["a"]}),
        (
            {"age": 33, "city": "Rome"},
            {"age": [33], "city": ["Rome"]},
        ),
        (
            {"data": 1, "values": "x"},
            {"data": [1], "values": ["x"]},
        ),
    ],
    ids=["flat list", "flat instances", "null first", "record", "names of wrappers"],
)
def test_a_single_json_row_needs_no_list_around_it(
    value: Any, columns: dict[Any, list[Any]]
) -> None:
    """F-06."""
    assert columns_of(read_json(value)) == columns


def test_a_sparse_record_is_never_taken_for_a_dense_one() -> None:
    """F-06: `values` mean nothing without `keys` and `shape`."""
    sparse = {"keys": [26, 182], "shape": [2000], "values": [1, 4]}
    with pytest.raises(BadInput, match="sparse"):
        read_json({"instances": [{"data": {"features": sparse}}]})


def test_a_key_that_a_record_lacks_is_told_from_one_that_is_null() -> None:
    table = read_json([{"a": 1, "b": 2}, {"a": 3}, {"a": 4, "b": None}])
    assert columns_of(table)["b"][0] == 2
    assert columns_of(table)["b"][1] is ABSENT
    assert columns_of(table)["b"][2] is None


def test_a_json_body_may_begin_with_a_byte_order_mark() -> None:
    assert rows_of(formats.decode(b"\xef\xbb\xbf[[1]]", JSON)) == [[1]]


@pytest.mark.parametrize(
    ("value", "row"),
    [
        ([[1], {"a": 1}], 2),
        ([{"a": 1}, [1]], 2),
        ([{"a": 1}, {"a": 2}, 3], 3),
        ([[1], [2], "x"], 3),
        ([1, [2]], 2),
    ],
    ids=["list, object", "object, list", "objects, 3", "lists, text", "1, list"],
)
def test_a_json_row_of_another_kind_is_named(value: Any, row: int) -> None:
    with pytest.raises(BadInput, match="not of the same kind as row 1") as refused:
        read_json(value)
    assert refused.value.problems[0].row == row


def test_a_json_row_of_another_length_is_named() -> None:
    with pytest.raises(BadInput, match="row 2: has 1 columns, row 1 has 2"):
        read_json([[1, 2], [3]])
    with pytest.raises(BadInput, match='row 2: has 1 columns, "columns" has 2'):
        read_json({"columns": ["a", "b"], "data": [[1, 2], [3]]})


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        [[]],
        [{}],
        {"instances": []},
        {"columns": ["a"], "data": []},
        {"columns": [], "data": [[]]},
        {"columns": "a", "data": [[1]]},
        {"columns": ["a"], "data": {"a": 1}},
        {"columns": ["a"], "data": [1]},
        3,
        "1,2",
        None,
        True,
    ],
    ids=json.dumps,
)
def test_a_json_value_without_rows_is_refused(value: Any) -> None:
    """H-25."""
    with pytest.raises(BadInput):
        read_json(value)


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadInput):
        read_json({"columns": ["a", "a"], "data": [[1, 2]]})


@pytest.mark.parametrize(
    "body",
    [
        b"[[1, 2]",
        b"{'a': 1}",
        b"[1,]",
        b"1,2",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"[" + b"9" * 5_000 + b"]",
    ],
    ids=[
        "never closed",
        "Python",
        "comma at the end",
        "CSV",
        "deep lists",
        "deep objects",
        "deep and closed",
        "a number of 5000 digits",
    ],
)
def test_broken_json_is_refused(body: bytes) -> None:
    """H-25."""
    with pytest.raises(BadInput, match="the body is not JSON"):
        formats.decode(body, JSON)


def test_tokens_for_nan_are_missing_numbers_and_not_broken_json() -> None:
    """`json.dumps` of a frame with missing values writes them."""
    (cells,) = rows_of(formats.decode(b"[[NaN, 1]]", JSON))
    assert cells[0] != cells[0]
    assert cells[1] == 1


@pytest.mark.parametrize(
    "header",
    [
        "text/csv",
        "text/csv;label_size=0",
        "text/csv; charset=utf-8",
        "Text/CSV",
        " TEXT/csv ; header=absent",
        "",
    ],
)
def test_a_content_type_is_known_by_its_name_alone(header: str) -> None:
    """H-22, H-58, X-24: without one a body is CSV."""
    assert rows_of(formats.decode(b"1,2", header)) == [["1", "2"]]


@pytest.mark.parametrize(
    "header",
    ["application/json; charset=utf-8", "application/JSON", "Application/Json"],
)
def test_json_is_known_by_its_name_alone(header: str) -> None:
    """H-22."""
    assert rows_of(formats.decode(b"[1,2]", header)) == [[1, 2]]


@pytest.mark.parametrize(
    "header",
    ["application/x-npy", "application/x-python-pickle", "text/plain", "csv"],
)
def test_another_content_type_is_refused_with_those_that_can_be_read(
    header: str,
) -> None:
    """H-25, X-28."""
    with pytest.raises(UnsupportedType, match="application/json or text/csv"):
        formats.decode(b"1,2", header)


@pytest.mark.parametrize("values", [[1, 2], [0.5], ["a", "b"], [True, None]])
def test_json_has_a_bare_value_a_row_for_one_output(values: list[Any]) -> None:
    """F-09."""
    assert write_json(one(values)) == values
    assert write_json(named(label=values)) == values


def test_json_has_an_object_a_row_for_several_outputs() -> None:
    """F-09."""
    outputs = named(predicted_label=["a", "b"], score=[[0.5, 0.5], [1.0, 0.0]])
    assert write_json(outputs) == [
        {"predicted_label": "a", "score": [0.5, 0.5]},
        {"predicted_label": "b", "score": [1.0, 0.0]},
    ]


def test_json_has_a_list_a_row_for_lists() -> None:
    assert write_json(one([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]


def test_nan_and_infinity_become_null_in_json_at_any_depth() -> None:
    """F-12."""
    cells = [NAN, INFINITY, -INFINITY, None, 1.0]
    nulls = [None, None, None, None, 1.0]
    assert write_json(one(cells)) == nulls
    assert write_json(one([cells])) == [nulls]
    assert write_json(one([{"score": cells}])) == [{"score": nulls}]
    assert write_json(named(a=cells, b=cells)) == [{"a": n, "b": n} for n in nulls]


def test_csv_has_a_line_a_row_and_a_cell_an_output() -> None:
    """F-11."""
    assert write_csv(one([1, 2.5])) == "1\n2.5\n"
    assert write_csv(named(label=["a", "b"], score=[0.5, 1.0])) == "a,0.5\nb,1.0\n"


def test_csv_has_a_cell_for_each_item_of_one_unnamed_list() -> None:
    assert write_csv(one([[0.1, 0.9], [0.4, 0.6]])) == "0.1,0.9\n0.4,0.6\n"


def test_csv_has_quoted_json_for_named_lists() -> None:
    """F-11."""
    outputs = named(label=[1, 0], score=[[0.1, NAN], [1.0, 0.0]])
    assert write_csv(outputs) == '1,"[0.1,null]"\n0,"[1.0,0.0]"\n'


def test_csv_can_be_written_of_lists_of_different_lengths() -> None:
    lines = list(csv.reader(io.StringIO(write_csv(one([["a"], ["a", "b"], []])))))
    assert len(lines) == 3


@pytest.mark.parametrize("missing", [None, NAN], ids=["None", "NaN"])
def test_a_missing_answer_is_an_empty_cell_and_keeps_its_line(missing: object) -> None:
    assert write_csv(named(a=[missing, 1], b=[2, missing])) == ",2\n1,\n"
    assert list(csv.reader(write_csv(one([1, missing, 3])).splitlines())) == [
        ["1"],
        [""],
        ["3"],
    ]


@given(st.lists(CELL, min_size=1))
def test_any_text_is_read_back_from_csv_as_it_was(texts: list[str]) -> None:
    """Commas, quotes, newlines: also in the hands of a stranger's CSV reader."""
    written = io.StringIO(write_csv(named(a=texts, b=texts)), newline="")
    assert list(csv.reader(written, strict=True)) == [[text, text] for text in texts]


@given(st.lists(CELL, min_size=1))
def test_any_text_is_read_back_from_json_as_it_was(texts: list[str]) -> None:
    assert write_json(one(texts)) == texts


@pytest.mark.parametrize("media_type", FORMATS)
def test_an_answer_ends_with_one_newline(media_type: str) -> None:
    """R-08: batch transform joins answers as they are."""
    body = formats.encode(named(a=["x", "y"], b=[1, 2]), media_type)
    assert body.endswith(b"\n")
    assert not body.endswith(b"\n\n")


@pytest.mark.parametrize("media_type", FORMATS)
def test_the_name_of_a_format_has_no_parameters(media_type: str) -> None:
    """F-16: clients compare the Content-Type of an answer as text."""
    assert media_type == accept.media_type(media_type)


def test_records_cost_what_the_body_holds_and_not_keys_times_rows() -> None:
    """A body of 2 MB that would have been 10^10 cells."""
    record = json.dumps({f"k{n}": 1 for n in range(100_000)})
    body = f"[{record}{',{}' * 100_000}]"
    table = formats.decode(body.encode(), JSON)
    assert table.width == 100_000
    assert table.column(0)[1] is ABSENT
