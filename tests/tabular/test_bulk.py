"""Many rows read at once are the rows read one by one, and so are their refusals."""

import io
import json
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime import formats
from runtime.errors import RequestError
from runtime.formats import CSV, JSONLINES, Layout, csv_blocks, json_blocks
from runtime.formats import csv as csv_format
from runtime.formats import json as json_format
from runtime.tabular import bulk, cells

DTYPES = ["int64", "uint8", "float64", "float32", "str", "object", "category", "bool"]
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("1", "-2.5", " 3 ", "1e3", "1e39", "1e400", "9" * 18, "9" * 25, "1_0"),
            *("٣", ".5", "inf", "NAN", "nan", "", "NA", " NA ", "x", "0x1", "+7", "-0"),
            *("1.", "007", "\t2", "2\x0b", "True", "1e-400", "1,5", "\0", "1\0"),
        ]
    ),
    st.text(st.characters(codec="utf-8")),
    st.floats().map(repr),
    st.integers().map(str),
)
VALUES = st.one_of(TEXTS, st.integers(), st.floats(), st.none(), st.just([1]))
LISTS = st.one_of(
    st.lists(VALUES, min_size=1),
    st.lists(st.none() | st.integers() | st.floats(), min_size=1),
    st.lists(st.floats(), min_size=1),
    st.lists(st.sampled_from(["1", "2.5", "NA", ""]), min_size=1),
)
ARRAYS = st.one_of(
    st.lists(TEXTS, min_size=1).map(lambda texts: pa.array(texts, pa.string())),
    st.lists(st.floats().map(repr), min_size=1).map(pa.array),
    st.lists(st.floats(), min_size=1).map(np.array),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1).map(np.array),
    st.lists(st.integers(0, 2**64 - 1), min_size=1).map(lambda n: np.array(n, "u8")),
    st.lists(st.booleans(), min_size=1).map(np.array),
    st.lists(st.text(), min_size=1).map(np.array),
)
WORDS = st.sampled_from([cells.MISSING, frozenset(["-999", "x"]), frozenset[str]()])


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few cells, bytes and elements count as many."""
    monkeypatch.setattr(bulk, "MANY", 1)
    monkeypatch.setattr(csv_format, "FEW_BYTES", 0)


def spelt(dtype: str, values: Any) -> list[str]:
    """Write values: NaN is NaN; in a column of floats 1 is 1.0, and -0 is 0."""
    numbers = dtype.startswith("float")
    return [repr(float(v) + 0.0 if numbers else v) for v in bulk.listed(values)]


@settings(max_examples=500)
@given(dtype=st.sampled_from(DTYPES), raw=LISTS | ARRAYS, words=WORDS)
@example(dtype="float64", raw=pa.array([" NA ", "1"]), words=cells.MISSING)
@example(dtype="float64", raw=pa.array(["NAN", "nan"]), words=cells.MISSING)
@example(dtype="int64", raw=pa.array(["0x1"]), words=cells.MISSING)
@example(dtype="int64", raw=["9007199254740993"], words=cells.MISSING)
def test_an_array_has_the_values_that_are_read_cell_by_cell(
    dtype: str, raw: Any, words: cells.Words
) -> None:
    """H-25: and what would be refused is in none."""
    found = bulk.values(dtype, raw, words)
    if found is not None:
        read = cells.reader(dtype)
        assert read is not None
        expected = [read(cell, words) for cell in bulk.listed(raw)]
        assert spelt(dtype, found) == spelt(dtype, expected)


@pytest.mark.parametrize(
    ("dtype", "raw"),
    [
        ("float32", ["1.5", "", "NA", "2"]),
        ("float64", [1, 2.5, None]),
        ("int64", ["1", "-2", "007"]),
        ("int64", [1, -2]),
        ("float32", pa.array(["1.5", "", "NA", "2"])),
        ("int64", pa.array(["1", "-2"])),
        ("str", pa.array(["cat", "", "été"])),
        ("category", pa.array(["cat", "dog"])),
        ("float32", np.array([1, 2])),
    ],
)
def test_ordinary_columns_become_arrays(dtype: str, raw: Any) -> None:
    assert bulk.values(dtype, raw, cells.MISSING) is not None


def outcome(body: bytes, kind: str, layout: Layout) -> Any:
    """Read a body: its rows, each with its number, or the refusal."""
    found = []
    try:
        for table in formats.decode(io.BytesIO(body), kind, layout):
            assert len(table.rows) == len(list(table.rows)) > 0
            found += [
                (table.names, n, r) for n, r in enumerate(table.rows, table.first)
            ]
    except RequestError as exc:
        return found, exc.body()
    return found, None


def is_header(line: list[str]) -> bool:
    return line[:1] == ["a"]


# Pieces of which bodies consist: plain lines mostly, and whatever is odd.
PIECES = st.sampled_from(
    [
        *(b"1,2\n", b"33,Rome\n", b"a,b\n", b'"x, y",2\n', b'"x\ny",2\n', b"1,2\r\n"),
        *(
            b"\n",
            b"\r",
            b'"',
            b'1,"a"b\n',
            b"1\n",
            b"1,2,3\n",
            b",\n",
            b"\xff",
            b"\0,1\n",
        ),
        *("\ufeff".encode(), "é,1\n".encode(), b"1,2", b' "1",2\n', b"1, 2 \n"),
    ]
)
BODIES = st.lists(PIECES, min_size=1, max_size=12).map(b"".join)


@pytest.mark.parametrize("long", [0, 2**16], ids=["Arrow", "Python"])
@settings(max_examples=500)
@given(body=BODIES, size=st.integers(1, 30), width=st.integers(2, 3))
def test_a_csv_body_read_by_block_is_the_body_read_by_row(
    long: int, body: bytes, size: int, width: int
) -> None:
    """F-05, H-25: the same rows up to the same refusal, in the same words."""
    layout = Layout(width, is_header)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_blocks, "_LONG", long)
        patch.setattr(csv_format, "_BLOCK", size)
        at_once = outcome(body, CSV, layout)
        patch.setattr(csv_format, "FEW_BYTES", len(body))
        by_row = outcome(body, CSV, layout)
    assert at_once[1] == by_row[1]
    if at_once[1] is None:
        assert at_once == by_row


LINES = st.lists(
    st.sampled_from(
        [
            *("[1]\n", '["a"]\n', '{"a":1}\n', '{"a":[1]}\n', "\n", "5\n", "[1]\r\n"),
            *("[1],[2]\n", "[[3]\n", "[4]]\n", '["a]\n', '[b"]\n', "[1,\n", "2]\n"),
            *("[1]", "[1],\n", "[1] \n", " [1]\n", '{"a":1},{"b":2}\n', "\ufeff"),
        ]
    ),
    min_size=1,
    max_size=8,
).map("".join)


@settings(max_examples=500)
@given(body=LINES, size=st.integers(1, 30))
@example(body="[1],[2]\n[[3]\n[4]]\n", size=30)
def test_json_lines_read_at_once_are_lines_read_one_by_one(
    body: str, size: int
) -> None:
    """F-07, H-25."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_format, "_BLOCK", size)
        at_once = outcome(body.encode(), JSONLINES, Layout(1))
        patch.setattr(json_blocks, "of_lines", lambda _: None)
        one_by_one = outcome(body.encode(), JSONLINES, Layout(1))
    assert at_once[1] == one_by_one[1]
    if at_once[1] is None:
        assert at_once == one_by_one


JSON_BODIES = st.one_of(
    st.recursive(
        st.none() | st.integers() | st.text('],["}{\\a'),
        lambda inner: st.lists(inner) | st.dictionaries(st.text('],["}{'), inner),
    ).map(lambda value: json.dumps(value, separators=(",", ":"))),
    st.text('[]{},:"1a \n'),
    LINES.map(lambda text: "[" + text.strip().replace("\n", ",") + "]"),
)


@settings(max_examples=500)
@given(text=JSON_BODIES, many=st.integers(0, 8))
def test_json_read_in_parts_is_json_read_whole(text: str, many: int) -> None:
    """F-06: wherever it is cut, and the same error at the same place."""

    def read(loads: Any) -> str:
        try:
            return repr(loads(text))
        except ValueError as exc:
            return str(exc)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_blocks, "_MANY", many)
        found = read(json_blocks.loads)
    expected = read(json.loads)
    assert found == expected
