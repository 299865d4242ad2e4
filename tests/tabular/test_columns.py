"""A column read at once is the column read cell by cell, and so are its refusals."""

from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime.errors import BadInput, Problem
from runtime.tabular import cells, cells_at_once, columns
from runtime.tabular.cells_at_once import MANY, listed
from runtime.tabular.columns import Column

DTYPES = ["int64", "uint8", "float64", "float32", "str", "object", "category", "bool"]
NUMBERS = [
    *("1", "-2.5", " 3 ", "1e3", "1e39", "1e400", "9" * 18, "9" * 25, "1_0", "٣", ".5"),
    *("inf", "NAN", "nan", "", "NA", " NA ", "x", "0x1", "+7", "-0", "1.", "007"),
    *("\t2", "2\x0b", "True", "1e-400", "1,5", "\0", "1\0"),
]
TEXTS = st.one_of(
    st.sampled_from(NUMBERS),
    st.text(st.characters(codec="utf-8")),
    st.floats().map(repr),
    st.integers().map(str),
)
CELLS = st.one_of(
    st.sampled_from(NUMBERS),
    st.text(),
    st.integers(),
    st.floats(),
    st.sampled_from([None, True, [1], "\ud800"]),
)
# Mostly of one kind, as columns are.
LISTS = st.one_of(
    st.lists(CELLS, min_size=1),
    st.lists(TEXTS | st.integers() | st.floats() | st.none(), min_size=1),
    st.lists(st.sampled_from(NUMBERS), min_size=1),
    st.lists(st.sampled_from(["1", "2.5", "NA", ""]), min_size=1),
    st.lists(st.integers(-(2**66), 2**66), min_size=1),
    st.lists(st.floats(), min_size=1),
    st.lists(st.none() | st.integers() | st.floats(), min_size=1),
    st.lists(st.text(), min_size=1),
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
NA_VALUES = st.sampled_from([None, ("-999", "x"), ()])


def one_by_one(column: Column, raw: Any) -> list[Any] | None:
    """Read as `cells` does; None where a cell is refused."""
    read: Any = cells.reader(column.dtype)
    own = column.na_values
    na_values = cells.NA_VALUES if own is None else frozenset(own)
    try:
        return [read(cell, na_values) for cell in listed(raw)]
    except ValueError:
        return None


def spelt(dtype: str, values: Any) -> list[str]:
    """Write values: NaN is NaN; in a column of floats 1 is 1.0, and -0 is 0."""
    numbers = dtype.startswith("float")
    return [repr(float(v) + 0.0 if numbers else v) for v in listed(values)]


@pytest.mark.parametrize("many", [1, MANY], ids=["many", "few"])
@settings(max_examples=500)
@given(dtype=st.sampled_from(DTYPES), raw=LISTS | ARRAYS, na_values=NA_VALUES)
@example(dtype="float64", raw=pa.array([" NA ", "1"]), na_values=None)
@example(dtype="float64", raw=pa.array(["NAN", "nan"]), na_values=None)
@example(dtype="float64", raw=["NAN", "nan"], na_values=None)
@example(dtype="int64", raw=pa.array(["0x1"]), na_values=None)
@example(dtype="int64", raw=["9007199254740993"], na_values=None)
def test_a_column_has_the_values_that_are_read_cell_by_cell(
    many: int, dtype: str, raw: Any, na_values: tuple[str, ...] | None
) -> None:
    """H-25: few cells or many, a list or an array; and what is refused is in none."""
    categories = ("1", "2.5", "NA", "", "x")
    column = Column("a", dtype, categories=categories, na_values=na_values)
    expected = one_by_one(column, raw)
    problems: list[Problem] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells_at_once, "MANY", many)
        found = column.read(raw, 1, problems, 10)
    if expected is not None and dtype == "category":
        # A missing value is none of them, and no problem.
        known = all(
            v in categories or cells.is_missing(v, frozenset()) for v in expected
        )
        expected = expected if known else None
    assert bool(problems) == (expected is None)
    if expected is not None:
        assert spelt(dtype, found) == spelt(dtype, expected)


@pytest.mark.parametrize("many", [1, MANY], ids=["many", "few"])
@pytest.mark.parametrize(
    ("dtype", "raw"),
    [
        ("int64", ["1", "-2", "007"]),
        ("int64", [1, -2]),
        ("float64", ["1.5", "", "NA", "2"]),
        ("float64", [1, 2.5, None]),
        ("float32", ["1.5", "", "NA", "2"]),
        ("float32", [1.5, -2.0]),
        ("str", ["cat", "", "NA"]),
        ("category", ["cat", "dog"]),
        ("float32", pa.array(["1.5", "", "NA", "2"])),
        ("int64", pa.array(["1", "-2"])),
        ("str", pa.array(["cat", "", "été"])),
        ("category", pa.array(["cat", "dog"])),
        ("float32", np.array([1, 2])),
    ],
    ids=str,
)
def test_an_ordinary_column_is_read_at_once(
    many: int, dtype: str, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No cell of it is looked at by Python code."""
    monkeypatch.setattr(cells_at_once, "MANY", many)
    monkeypatch.setattr(Column, "_value", None)
    column = Column("a", dtype, categories=("cat", "dog"))
    assert len(column.read(raw, 1, [], 1)) == len(raw)


def test_a_row_is_numbered_as_in_the_body() -> None:
    problems: list[Problem] = []
    Column("a", "float64").read(["1", "x", "2", "y", "z"], 11, problems, 2)
    assert [(problem.row, problem.column) for problem in problems] == [
        (12, "a"),
        (14, "a"),
    ]


@given(
    st.lists(st.tuples(st.sampled_from(DTYPES), NA_VALUES), min_size=2, max_size=4),
    st.integers(1, columns.FEW),
    st.data(),
)
def test_columns_read_together_are_the_columns_read_alone(
    kinds: list[tuple[str, Any]], n_rows: int, data: st.DataObject
) -> None:
    """Whatever stands in the others, and whichever of them is refused."""
    some = st.lists(CELLS | TEXTS, min_size=n_rows, max_size=n_rows)
    raw = [data.draw(some) for _ in kinds]
    several = [
        Column(place, dtype, categories=("1", "x"), na_values=texts)
        for place, (dtype, texts) in enumerate(kinds)
    ]
    problems: list[Problem] = []
    pairs = zip(several, raw, strict=True)
    alone = [column.read(values, 1, problems, 1000) for column, values in pairs]

    def together() -> list[Any]:
        return columns.read(several, columns.groups(several), raw, 1, 1000)

    if not problems:
        assert repr(together()) == repr(alone)
        return
    with pytest.raises(BadInput) as refused:
        together()
    assert sorted(refused.value.problems, key=str) == sorted(problems, key=str)
