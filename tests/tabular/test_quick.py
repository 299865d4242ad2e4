"""A column read at once is the column read cell by cell."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.tabular import cells, quick

DTYPES = ["int64", "uint8", "float64", "float32", "str", "object", "category", "bool"]
NUMBERS = [
    *("1", "-2.5", " 3 ", "1e3", "1e39", "1e400", "9" * 18, "9" * 25, "1_0", "٣", ".5"),
    *("inf", "NAN", "nan", "", "NA", "x", "0x1", "+7", "-0"),
]
CELLS = st.one_of(
    st.sampled_from(NUMBERS),
    st.text(),
    st.integers(),
    st.floats(),
    st.sampled_from([None, True, [1], "\ud800"]),
)
# Mostly of one kind, as columns are.
COLUMNS = st.one_of(
    st.lists(CELLS, min_size=1),
    st.lists(st.sampled_from(NUMBERS), min_size=1),
    st.lists(st.integers(-(2**66), 2**66), min_size=1),
    st.lists(st.floats(), min_size=1),
    st.lists(st.text(), min_size=1),
)
WORDS = st.sampled_from([cells.MISSING, frozenset(["-999", "x"]), frozenset[str]()])


def one_by_one(dtype: str, raw: list[Any], words: cells.Words) -> list[Any] | None:
    """Read as `cells` does; None where a cell is refused."""
    read = cells.reader(dtype)
    assert read is not None
    try:
        return [read(cell, words) for cell in raw]
    except ValueError:
        return None


def spelt(dtype: str, values: list[Any]) -> list[str]:
    """Write values: NaN is NaN; in a column of floats 1 is 1.0, and -0 is 0."""
    numbers = dtype.startswith("float")
    return [repr(float(value) + 0.0 if numbers else value) for value in values]


@given(dtype=st.sampled_from(DTYPES), raw=COLUMNS, words=WORDS)
def test_what_is_read_at_once_is_what_is_read_cell_by_cell(
    dtype: str, raw: list[Any], words: cells.Words
) -> None:
    """H-25: and what would be refused is never read at once."""
    found = quick.values(dtype, raw, words)
    if found is not None:
        expected = one_by_one(dtype, raw, words)
        assert expected is not None
        assert spelt(dtype, found) == spelt(dtype, expected)


@pytest.mark.parametrize(
    ("dtype", "raw"),
    [
        ("int64", ["1", "-2", "007"]),
        ("int64", [1, -2]),
        ("float64", ["1.5", "", "NA", "2"]),
        ("float32", [1.5, -2.0]),
        ("str", ["cat", "", "NA"]),
        ("category", ["cat", "dog"]),
    ],
)
def test_ordinary_columns_are_read_at_once(dtype: str, raw: list[Any]) -> None:
    assert quick.values(dtype, raw, cells.MISSING) is not None
