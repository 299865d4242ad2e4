"""CSV read many lines at once is CSV read row by row, and so are its refusals."""

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import formats
from runtime.errors import RequestError
from runtime.formats import CSV, Layout, csv_blocks
from runtime.formats import csv as csv_format


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few bytes count as many."""
    monkeypatch.setattr(csv_format, "FEW_BYTES", 0)


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
