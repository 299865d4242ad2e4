"""A long column's cells as one array, where that gives what `quick` and `cells` give.

Cells come as a list, as an array of numpy's, or as texts in an array of Arrow's. What
looks odd is left to the others, which also find the words for what is wrong.
"""

from functools import cache
from math import inf, nan
from types import NoneType
from typing import Any

import numpy as np

from runtime.tabular.cells import LARGEST_FLOAT32, MISSING, Words
from runtime.tabular.quick import is_plain

MANY = 1000  # cells of a list for which an array pays
_EXACT = 2.0**53  # below it a float64 holds each integer


def values(dtype: str, raw: Any, words: Words) -> Any:
    """Read all cells of a column of a pandas dtype, `(n_rows,)`; None if one is odd."""
    if isinstance(raw, list) and len(raw) < MANY:
        return None
    kind = dtype.lower().rstrip("0123456789")
    if kind in ("str", "string", "object", "category"):
        return _texts(raw, words) if _is_arrow(raw) else None
    if kind not in ("float", "int", "uint") or words is not MISSING:
        return None
    found = _numbers(raw)
    below = LARGEST_FLOAT32 if dtype.lower() == "float32" else inf
    if found is None or (np.abs(found) >= below).any():
        return None
    return found if kind == "float" else _integers(found)


def listed(column: Any) -> list[Any]:
    """Make a list of a column that is a list, or an array."""
    cells: list[Any] = column if isinstance(column, list) else column.tolist()
    return cells


def _is_arrow(raw: Any) -> bool:
    return hasattr(raw, "dictionary_encode")


def _numbers(raw: Any) -> Any:
    """Make float64 of numbers, NaN where one is missing; None if there is another."""
    if _is_arrow(raw):
        return _cast(raw)
    if isinstance(raw, np.ndarray):
        return raw.astype("float64") if raw.dtype.kind in "fiu" else None
    kinds = set(map(type, raw))
    try:
        if kinds == {str}:
            return _spelt(raw) if is_plain(raw) else None
        return np.array(raw, "float64") if kinds <= {int, float, NoneType} else None
    except (ValueError, OverflowError):
        return None


def _spelt(raw: list[str]) -> Any:
    """Read text as `float` does. Raises: ValueError."""
    try:
        found = np.fromiter(map(float, raw), "float64", len(raw))
        missing = 0
    except ValueError:
        present = [nan if cell in MISSING else float(cell) for cell in raw]
        found, missing = np.array(present), sum(map(MISSING.__contains__, raw))
    return found if np.isnan(found).sum() == missing else None


def _cast(raw: Any) -> Any:
    """Read Arrow's text; it knows fewer spellings than `float`, with equal values."""
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 -- may lack
    from pyarrow import compute  # noqa: PLC0415

    # All arguments are arrays: for others, and in `to_numpy`, Arrow imports pandas.
    present = compute.indices_nonzero(
        compute.invert(compute.is_in(raw, _missing_words()))
    )
    try:
        cast = compute.take(raw, present).cast("float64")
    except pa.ArrowInvalid:
        return None
    found = np.full(len(raw), nan)
    found[np.from_dlpack(present)] = numbers = np.from_dlpack(cast)
    return None if np.isnan(numbers).any() else found


@cache
def _missing_words() -> Any:
    """Make an array of Arrow's, as `pa.array` would if it did not import pandas."""
    import pyarrow as pa  # noqa: PLC0415 -- may lack

    words = sorted(MISSING)
    ends = np.cumsum([0, *map(len, words)], dtype="int32")
    buffers = [pa.py_buffer(ends), pa.py_buffer("".join(words).encode())]
    return pa.StringArray.from_buffers(len(words), *buffers)


def _integers(found: Any) -> Any:
    """Make int64 of whole numbers, none of which is missing."""
    exact = (np.abs(found) < _EXACT) & (found == np.floor(found))
    return found.astype("int64") if exact.all() else None


def _texts(raw: Any, words: Words) -> Any:
    """Make texts, each different one once; a missing cell is NaN."""
    encoded = raw.dictionary_encode()
    different = [nan if t in words else t for t in encoded.dictionary.tolist()]
    return np.array(different, dtype=object)[np.from_dlpack(encoded.indices)]
