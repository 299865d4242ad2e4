"""All cells of a column -> its typed values, as training saw the column.

Most columns hold numbers alone, or text alone, and nothing odd: loops in C read all of
their cells at once, into what `cells` would make of each. Whatever looks odd is read
cell by cell, which also finds the sentence for what is wrong.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cache, cached_property, partial
from math import inf, isnan, nan
from types import NoneType
from typing import Any, Self

import numpy as np

from runtime.errors import BadInput, Problem
from runtime.tabular import cells
from runtime.tabular.cells import NA_VALUES, NaValues

MANY = 1000  # cells of a list for which an array pays
_EXACT = 2.0**53  # below it a float64 holds each integer
Values = list[Any]
_LONGEST = 18  # digits and a sign that 64 bits hold for certain


@dataclass(frozen=True)
class Column:
    """One column of X. `dtype` is pandas' name, or "any" where nothing is known.

    `na_values` lists the texts of a missing cell, None if they are `NA_VALUES`. A
    `closed` column refuses text that is none of its categories, a `required` one a
    missing value.
    """

    name: str | int
    dtype: str
    example: Any = None
    categories: tuple[str, ...] = ()
    ordered: bool = False
    na_values: tuple[str, ...] | None = None
    closed: bool = False
    required: bool = False

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Read one column of model.json, where `missing` is the name of `na_values`.

        Older files have none. Raises: KeyError, TypeError, ValueError.
        """
        column = dict(stored)
        texts = column.pop("missing", None)
        column["categories"] = tuple(column["categories"])
        column["na_values"] = None if texts is None else tuple(texts)
        if cells.reader(column["dtype"]) is None:
            message = f"dtype {column['dtype']!r}"
            raise ValueError(message)
        return cls(**column)

    def to_json(self) -> dict[str, Any]:
        """Give plain values for model.json."""
        kept = (field.name for field in fields(self) if field.name != "closed")
        stored = {"na_values": "missing"}
        return {stored.get(name, name): getattr(self, name) for name in kept}

    @property
    def is_text(self) -> bool:
        """Say whether any text may stand in the column."""
        return self.dtype.startswith(("str", "object", "category"))

    def read(self, raw: Any, first: int, problems: list[Problem], most: int) -> Any:
        """Read cells, a list or an array, into values; note what is wrong.

        `first` is the number of the first row. Returns: `(n_rows,)`, a list or an
        array, fewer where there are problems, of which `most` are noted.
        """
        values = self._read_all(raw, self._na) if self._read_all else None
        if values is not None and self._takes(values):
            return values
        found = []
        for row, cell in enumerate(listed(raw), first):
            try:
                found.append(self._value(cell))
            except ValueError as exc:
                problems.append(Problem(str(exc), row, self.name))
                if len(problems) == most:
                    break
        return found

    def _value(self, cell: Any) -> Any:
        value = self._read_one(cell, self._na)
        if self.required and cells.is_missing(value):
            raise ValueError(cells.expected("a value, which the model needs", cell))
        allowed = self._allowed
        if allowed is not None and isinstance(value, str) and value not in allowed:
            what = f"one of {', '.join(self.categories)}"
            raise ValueError(cells.expected(what, cell))
        return value

    def _takes(self, values: Any) -> bool:
        """Say whether no value is refused by this column."""
        if self._allowed is not None:  # a missing value is left to `_value`
            return self._allowed.issuperset(values)
        if isinstance(values, list):
            return not self.required or all(v == v for v in values)  # noqa: PLR0124
        return not self.required or bool((values == values).all())  # noqa: PLR0124

    @cached_property
    def _na(self) -> NaValues:
        return NA_VALUES if self.na_values is None else frozenset(self.na_values)

    @cached_property
    def _allowed(self) -> frozenset[str] | None:
        """The only texts of a category, or of a closed column."""
        is_closed = self.dtype == "category" or (self.closed and self.categories)
        return frozenset(self.categories) if is_closed else None

    @cached_property
    def _read_one(self) -> Any:
        return cells.reader(self.dtype)  # there is one: `learn` and `from_json` look

    @cached_property
    def _read_all(self) -> Callable[..., Any] | None:
        """What reads all cells at once, or gives None; None for booleans and "any"."""
        return _AT_ONCE.get(self._read_one)


def read(columns: Iterable[Column], raw: list[Any], first: int, most: int) -> list[Any]:
    """Read the cells of some rows, a list or an array for each column, into values.

    `first` is the number of the first row. Returns: `(n_rows,)` for each column.
    Raises: BadInput, with the first problems, at most so many.
    """
    problems: list[Problem] = []
    values = []
    for column, some in zip(columns, raw, strict=True):
        values.append(column.read(some, first, problems, most))
        if len(problems) == most:
            break
    if problems:
        raise BadInput.of(sorted(problems, key=lambda problem: problem.row or 0))
    return values


def listed(values: Any) -> list[Any]:
    """Make a list of what is a list, or an array of numpy's or Arrow's."""
    items: list[Any] = values if isinstance(values, list) else values.tolist()
    return items


# --- all cells at once; None where one is odd ---------------------------------------


def _numbers(raw: Any, na_values: NaValues, below: float = inf) -> Any:
    """Read finite numbers, NaN where one is missing."""
    found = _floats(raw) if na_values is NA_VALUES else None
    if isinstance(found, list):
        # What is not equal to itself is NaN.
        plain = all(-below < v < below or v != v for v in found)  # noqa: PLR0124
        return found if plain else None
    return None if found is None or (np.abs(found) >= below).any() else found


def _integers(raw: Any, na_values: NaValues) -> Any:
    """Read whole numbers, none of them missing; as floats below 2**53 in an array."""
    if na_values is not NA_VALUES:
        return None
    if isinstance(raw, list):
        found = _ints(raw)
        if found is not None or len(raw) < MANY:
            return found
    found = _floats(raw)
    if found is None:
        return None
    exact = (np.abs(found) < _EXACT) & (found == np.floor(found))
    return found.astype("int64") if exact.all() else None


def _texts(raw: Any, na_values: NaValues) -> Any:
    """Read text of whole characters; a missing cell is NaN."""
    if _is_arrow(raw):  # of which each different text is made once
        encoded = raw.dictionary_encode()
        different = [nan if t in na_values else t for t in encoded.dictionary.tolist()]
        return np.array(different, dtype=object)[np.from_dlpack(encoded.indices)]
    texts = listed(raw)
    if not set(map(type, texts)) <= {str, NoneType}:
        return None
    try:
        "".join(filter(None, texts)).encode()
    except UnicodeEncodeError:
        return None
    return [nan if text is None or text in na_values else text for text in texts]


_AT_ONCE: dict[Callable[..., Any], Callable[..., Any]] = {
    cells.number: _numbers,
    cells.single: partial(_numbers, below=cells.LARGEST_FLOAT32),
    cells.integer: _integers,
    cells.string: _texts,
}


def _floats(raw: Any) -> Any:
    """Make floats, NaN where a number is missing; a list of few cells stays one."""
    if _is_arrow(raw):
        return _cast(raw)
    if not isinstance(raw, list):
        return raw.astype("float64") if raw.dtype.kind in "fiu" else None
    kinds = set(map(type, raw))
    try:
        if kinds == {str}:
            return _spelt(raw) if _is_plain(raw) else None
        if kinds <= {float, int}:
            return _sequence(map(float, raw), len(raw), "float64")
        if kinds <= {float, int, NoneType}:
            present = (nan if cell is None else float(cell) for cell in raw)
            return _sequence(present, len(raw), "float64")
    except (ValueError, OverflowError):
        pass
    return None


def _spelt(raw: list[str]) -> Any:
    """Read text as `float` does. Raises: ValueError."""
    try:
        found = _sequence(map(float, raw), len(raw), "float64")
    except ValueError:
        present = (nan if cell in NA_VALUES else float(cell) for cell in raw)
        found = _sequence(present, len(raw), "float64")
    if isnan(sum(found)) if isinstance(found, list) else np.isnan(found).any():
        pairs = zip(raw, found, strict=True)
        if any(v != v and cell not in NA_VALUES for cell, v in pairs):  # noqa: PLR0124
            return None  # "NAN", which pandas takes for text
    return found


def _ints(raw: list[Any]) -> Any:
    """Make integers of cells that are, or spell, integers of 64 bits alone."""
    kinds = set(map(type, raw))
    if kinds == {str}:
        if max(map(len, raw)) > _LONGEST or not _is_plain(raw):
            return None
    elif kinds != {int} or min(raw) < -(2**63) or max(raw) >= 2**63:
        return None
    try:
        return _sequence(map(int, raw), len(raw), "int64")
    except ValueError:
        return None


def _sequence(items: Iterable[Any], n_items: int, dtype: str) -> Any:
    """Make an array where items are many, else a list."""
    return list(items) if n_items < MANY else np.fromiter(items, dtype, n_items)


def _is_plain(raw: list[str]) -> bool:
    """Say whether no cell has what in a number is Python's alone: 1_000, or ٣."""
    text = "".join(raw)
    return "_" not in text and text.isascii()


def _is_arrow(raw: Any) -> bool:
    return hasattr(raw, "dictionary_encode")


def _cast(raw: Any) -> Any:
    """Read Arrow's text; it knows fewer spellings than `float`, with equal values."""
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 -- may lack
    from pyarrow import compute  # noqa: PLC0415

    # All arguments are arrays: for others, and in `to_numpy`, Arrow imports pandas.
    present = compute.indices_nonzero(
        compute.invert(compute.is_in(raw, _arrow_na_values()))
    )
    try:
        cast = compute.take(raw, present).cast("float64")
    except pa.ArrowInvalid:
        return None
    found = np.full(len(raw), nan)
    found[np.from_dlpack(present)] = numbers = np.from_dlpack(cast)
    return None if np.isnan(numbers).any() else found


@cache
def _arrow_na_values() -> Any:
    """Make an array of Arrow's, as `pa.array` would if it did not import pandas."""
    import pyarrow as pa  # noqa: PLC0415 -- may lack

    texts = sorted(NA_VALUES)
    ends = np.cumsum([0, *map(len, texts)], dtype="int32")
    buffers = [pa.py_buffer(ends), pa.py_buffer("".join(texts).encode())]
    return pa.StringArray.from_buffers(len(texts), *buffers)
