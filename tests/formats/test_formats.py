"""Text: CSV and documents, Content-Types, what all formats have in common."""

import csv
import io
import json
import subprocess
import sys
import tempfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import ROOT
from runtime import formats
from runtime.errors import BadInput, NotAcceptable, PayloadTooLarge, UnsupportedType
from runtime.formats import (
    CSV,
    FORMATS,
    JSON,
    JSONLINES,
    PARQUET,
    PLAIN,
    READ,
    Layout,
    Outputs,
    Table,
    joined,
    media_types,
)
from runtime.formats.text import LINE_LIMIT
from runtime.tabular import table

NAN = float("nan")

# Two columns or more: a lone empty cell and an empty line look alike. No mark in front:
# at the start of a body it is the byte order mark.
CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"))
ROWS = st.integers(2, 4).flatmap(
    lambda width: st.lists(
        st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=5
    )
)
HEADED = Layout(2, lambda cells: "age" in cells)


def decode(body: bytes, media_type: str, layout: Layout | None = None) -> Table:
    return joined(formats.decode(io.BytesIO(body), media_type, layout or Layout()))


def read_csv(body: bytes, layout: Layout | None = None) -> list[list[Any]]:
    table = decode(body, CSV, layout)
    assert table.names is None
    return list(table.rows)


def one(values: list[Any]) -> Outputs:
    return Outputs({"prediction": values}, named=False)


def named(**columns: list[Any]) -> Outputs:
    return Outputs(columns, named=True)


def encode(outputs: Outputs, media_type: str) -> bytes:
    return b"".join(formats.encode([outputs], media_type))


def write_csv(*slices: Outputs) -> str:
    return b"".join(formats.encode(slices, CSV)).decode()


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
        (b'1\n2\n\n""\n\n', [["1"], ["2"], [""], [""]]),
        (b'""\n', [[""]]),
    ],
    ids=["quoted", "blank line", "quoted at the end", "alone"],
)
def test_in_a_single_column_a_blank_line_is_a_missing_value(
    body: bytes, rows: list[list[str]]
) -> None:
    assert read_csv(body) == rows


@pytest.mark.parametrize("end", ["\n", "\n\n", "\r\n\r\n", "\n\r\n\n"])
@pytest.mark.parametrize("width", [None, 1, 2])
def test_blank_lines_at_the_end_are_no_rows(width: int | None, end: str) -> None:
    """Editors leave them: an answer more than rows would shift all joins."""
    for rows in (["1", "2"], ["a,1", "b,2"], ["a", "b", "", "c"], ["x", '""']):
        found = read_csv(("\n".join(rows) + end).encode(), Layout(width))
        assert found == [row.replace('"', "").split(",") for row in rows]


@pytest.mark.parametrize(
    ("body", "line"),
    [(b'1,2\n"a"b,2\n', 2), (b'1,2\n3,"open', 2), (b'"a" ,2\n', 1)],
    ids=["text after a quote", "never closed", "a space after a quote"],
)
def test_a_line_with_wrong_quotes_is_named(body: bytes, line: int) -> None:
    with pytest.raises(BadInput, match=f"line {line} is not CSV: "):
        decode(body, CSV)


@pytest.mark.parametrize("content_type", [CSV, JSON])
def test_a_body_that_is_not_utf_8_is_refused_with_the_byte(content_type: str) -> None:
    with pytest.raises(BadInput, match="not UTF-8: byte 2 is 0xff"):
        decode(b"1,\xff", content_type)


def test_a_nul_is_a_character_like_any_other() -> None:
    assert read_csv(b"1,a\x00b\n") == [["1", "a\x00b"]]


def test_a_cell_may_be_as_long_as_a_body() -> None:
    """H-23: the limit is that of the payload, and JSON knows no other."""
    text = "a" * 2**20
    assert read_csv(f"{text},1\n".encode()) == [[text, "1"]]
    assert decode(json.dumps([[text, 1]]).encode(), JSON).rows == [[text, 1]]


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"],
    ids=["nothing", "a space", "newlines", "a mark", "a mark and a newline"],
)
@pytest.mark.parametrize("content_type", [CSV, JSON])
def test_an_empty_body_is_refused(content_type: str, body: bytes) -> None:
    """H-25."""
    with pytest.raises(BadInput):
        decode(body, content_type)


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
    assert decode(b"1,2", header).rows == [["1", "2"]]


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


@pytest.mark.parametrize("media_type", FORMATS)
def test_the_name_of_a_format_has_no_parameters(media_type: str) -> None:
    """F-16: clients compare the Content-Type of an answer as text."""
    assert media_type == media_types.media_type(media_type)


def test_rows_of_any_length_are_read_as_they_are() -> None:
    """H-25: what a model does with them is no matter of the format."""
    rows = [["1", "2"], ["3"], ["4", "5", "6"], [""], ["7", "8"]]
    assert read_csv(b"1,2\n3\n4,5,6\n\n7,8\n\n\n") == rows


@pytest.mark.parametrize(
    "body",
    [
        b"age,city\n33,Rome\n44,\n",
        b"age,city\r\n33,Rome\r\n44,\r\n\r\n",
        b'\xef\xbb\xbf"age","city"\n33,Rome\n44,""',
    ],
    ids=["newlines", "CRLF and a blank line", "byte order mark"],
)
def test_a_header_gives_names_and_is_no_row(body: bytes) -> None:
    table = decode(body, CSV, HEADED)
    assert table == Table([["33", "Rome"], ["44", ""]], ["age", "city"], first=1)


@pytest.mark.parametrize("n_rows", [1, 5000])
def test_the_cell_above_an_index_needs_no_name(n_rows: int) -> None:
    """So `to_csv()` writes it, and pandas reads it."""
    body = b",age,city\n" + b"7,33,Rome\n" * n_rows
    table = decode(body, CSV, HEADED)
    assert table.names == ["Unnamed: 0", "age", "city"]
    assert list(table.rows) == [["7", "33", "Rome"]] * n_rows
    one_column = decode(b",age\n7,33\n\n", CSV, Layout(1, lambda line: "age" in line))
    assert one_column == Table([["7", "33"]], ["Unnamed: 0", "age"])


def test_only_the_first_line_can_be_a_header() -> None:
    table = decode(b"33,Rome\nage,city\n", CSV, HEADED)
    assert table == Table([["33", "Rome"], ["age", "city"]])


@pytest.mark.parametrize("body", [b"age,city", b"age,city\n", b"age,city\n\n\r\n"])
def test_a_header_without_rows_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput, match="no row below"):
        decode(body, CSV, HEADED)


def test_a_name_that_stands_twice_in_a_header_is_refused() -> None:
    with pytest.raises(BadInput, match="column 'age': stands twice in the header"):
        decode(b"age,city,age\n1,2,3\n", CSV, HEADED)


def test_half_a_header_is_refused_by_those_who_know_the_names() -> None:
    def half(cells: list[str]) -> bool:
        message = f"half a header: {cells[0]}"
        raise BadInput(message)

    with pytest.raises(BadInput, match="half a header: age"):
        decode(b"age,7\n", CSV, Layout(2, half))


def test_a_blank_first_line_of_several_columns_stays_a_row() -> None:
    """X-22: no row is lost, and the schema can name it."""
    assert read_csv(b'""\n1,2\n\n', Layout(2)) == [[""], ["1", "2"]]


@pytest.mark.parametrize(
    "header",
    ["text/csv; charset=latin-1", 'text/plain;charset="UTF-16"', "text/csv;CHARSET="],
)
def test_text_of_another_charset_is_refused_with_the_cure(header: str) -> None:
    """H-22."""
    with pytest.raises(UnsupportedType, match="send UTF-8"):
        decode(b"1,2", header)


@pytest.mark.parametrize(
    "header",
    [
        "text/csv;charset=US-ASCII",
        'text/csv; charset="UTF-8"',
        "text/csv; Charset=utf8",
    ],
)
def test_utf_8_may_be_declared(header: str) -> None:
    """H-22."""
    assert decode(b"1,2", header).rows == [["1", "2"]]


def test_a_charset_of_json_says_nothing() -> None:
    """RFC 8259: there is no such parameter, JSON is UTF-8."""
    body = '["é"]'.encode()
    assert decode(body, "application/json; charset=latin-1").rows == [["é"]]


@pytest.mark.parametrize(
    "header",
    ["application/x-python-pickle", "application/x-npz", "text/html", "csv"],
)
def test_another_content_type_is_refused_with_those_that_can_be_read(
    header: str,
) -> None:
    """H-25, X-28: at once, not with the first slice."""
    known = "application/json or text/csv or application/jsonlines or application/x-npy"
    with pytest.raises(UnsupportedType, match=known) as refused:
        formats.decode(io.BytesIO(b"1,2"), header, Layout())
    assert PLAIN in str(refused.value)


def test_a_document_is_a_line() -> None:
    body = b'\xef\xbb\xbfone, two\r\n"three\r\n\n four \rfive\n'
    rows = [["one, two"], ['"three'], [""], [" four \rfive"]]
    assert decode(body, PLAIN).rows == rows
    assert decode(body.removesuffix(b"\n"), PLAIN).rows == rows


def test_documents_can_be_read_and_not_written() -> None:
    assert READ.keys() - FORMATS.keys() == {PLAIN}


def test_answers_are_offered_in_the_order_of_their_use() -> None:
    assert list(FORMATS)[:3] == [JSON, CSV, JSONLINES]


def test_an_alias_is_the_same_format() -> None:
    """F-07."""
    for alias in ("application/x-jsonlines", "application/jsonl"):
        assert FORMATS[alias] is FORMATS[JSONLINES]
    assert FORMATS["application/vnd.apache.parquet"] is FORMATS[PARQUET]


@pytest.mark.parametrize("media_type", [CSV, JSONLINES, PLAIN])
def test_text_is_read_as_far_as_its_rows_are_asked_for(media_type: str) -> None:
    """A body may be larger than memory: a wrong byte at its end is seen at its end."""
    with tempfile.TemporaryFile() as body, pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "SLICE_CELLS", 100)
        body.write(b"[1]\n" * 50_000 + b"\xff\n")
        tables = formats.decode(body, media_type, Layout())
        assert next(tables).rows[0]
        assert body.tell() < 50_000
        with pytest.raises(BadInput, match="byte 200000 is 0xff"):
            list(tables)


@pytest.mark.parametrize("media_type", [CSV, JSON, JSONLINES, PLAIN])
def test_a_body_stays_open_and_can_be_closed_at_any_time(media_type: str) -> None:
    """A warning of an unclosed file, or of a closed one, would be an error here."""
    for n_tables in range(4):
        body = io.BytesIO(b"[1]\n" * (1 if media_type == JSON else 4))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(table, "SLICE_CELLS", 1)
            tables = formats.decode(body, media_type, Layout())
            for _ in zip(range(n_tables), tables, strict=False):
                assert not body.closed
            body.close()
            del tables


@pytest.mark.parametrize("media_type", [CSV, JSONLINES, PLAIN])
def test_a_line_that_one_call_would_parse_for_long_is_refused(media_type: str) -> None:
    """H-13: no other thread runs meanwhile, and `/ping` waits."""
    body = b"[1]\n" + b"1" * LINE_LIMIT
    with pytest.raises(PayloadTooLarge, match="line 2 is over 33,554,432 characters"):
        decode(body, media_type)


def test_a_one_row_body_imports_no_pyarrow() -> None:
    """It takes a tenth of a second, and memory, in each worker."""
    program = (
        "import sys; from runtime import formats; sys.exit('pyarrow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT / "model")
    assert done.returncode == 0


def test_lists_that_get_another_length_after_the_first_slice_are_refused() -> None:
    """F-11: the columns of the lines before would be others."""
    with pytest.raises(NotAcceptable, match="differ in length"):
        write_csv(one([[1, 2]]), one([[1, 2, 3]]))
    assert write_csv(one([[1], [1, 2]]), one([[3, 4]])) == '[1]\n"[1,2]"\n"[3,4]"\n'


@pytest.mark.parametrize("media_type", [JSON, CSV, JSONLINES])
def test_an_answer_of_text_ends_with_one_newline(media_type: str) -> None:
    """R-08: batch transform joins answers as they are."""
    body = encode(named(a=["x", "y"], b=[1, 2]), media_type)
    assert body.endswith(b"\n")
    assert not body.endswith(b"\n\n")


@pytest.mark.parametrize("media_type", FORMATS)
def test_half_a_character_never_breaks_an_answer(media_type: str) -> None:
    """Python holds a lone surrogate, which JSON can spell; no bytes can."""
    columns: dict[str, list[Any]] = {
        "a\ud800": ["\ud800", "b"],
        "b": [["\udfff"], ["c"]],
    }
    assert encode(Outputs(columns, named=True), media_type)


@pytest.mark.parametrize("media_type", [CSV, JSON, "application/jsonlines"])
@pytest.mark.parametrize("body", [b"\xef", b"\xef\xbb"])
def test_half_a_byte_order_mark_is_refused(media_type: str, body: bytes) -> None:
    with pytest.raises(BadInput, match="not UTF-8"):
        list(formats.decode(io.BytesIO(body), media_type, Layout()))
