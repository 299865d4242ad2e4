"""All cells of a column at once, into what `cells` makes of each; None if one is odd.

Most columns hold numbers alone, or text alone, and nothing odd: loops in C read them.
"""

from collections.abc import Callable
from functools import cache, partial
from math import inf, isnan, nan
from types import NoneType
from typing import Any

import numpy as np

from runtime.tabular import cells
from runtime.tabular.cells import NA_VALUES, NaValues

MANY = 1000  # cells of a list for which an array pays
EXACT = 2.0**53  # below it a float64 holds each integer


def listed(values: Any) -> list[Any]:
    """Make a list of what is a list, or an array of numpy's or Arrow's."""
    items: list[Any] = values if isinstance(values, list) else values.tolist()
    return items


def _floats(raw: Any, na_values: NaValues, below: float = inf) -> Any:
    """Read finite numbers, NaN where one is missing."""
    try:
        found = _numbers(raw) if na_values is NA_VALUES else None
    except (ValueError, OverflowError):
        return None
    if isinstance(found, list):
        # If the first is NaN, so is the largest, and nothing is known.
        if max(map(abs, found)) < below:
            return found
        return found if all(abs(v) < below for v in found if not isnan(v)) else None
    return None if found is None or (np.abs(found) >= below).any() else found


def _ints(raw: Any, na_values: NaValues) -> Any:
    """Read whole numbers below 2**53, none of them missing."""
    found = _floats(raw, na_values)
    if isinstance(found, list):
        whole = all(v.is_integer() and abs(v) < EXACT for v in found)
        return list(map(int, found)) if whole else None
    if found is None:
        return None
    exact = (np.abs(found) < EXACT) & (found == np.floor(found))
    return found.astype("int64") if exact.all() else None


def _texts(raw: Any, na_values: NaValues) -> Any:
    """Read text of whole characters; a missing cell is NaN."""
    if _is_arrow(raw):  # each different text is made once
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


AT_ONCE: dict[Any, Callable[..., Any]] = {
    cells.number: _floats,
    cells.number_or_flag: _floats,
    cells.single: partial(_floats, below=cells.LARGEST_FLOAT32),
    cells.half: partial(_floats, below=cells.LARGEST_FLOAT16),
    cells.integer: _ints,
    cells.string: _texts,
}


def _numbers(raw: Any) -> Any:
    """Make float64 of many cells, a list of few; None if one is another thing.

    Raises: ValueError and OverflowError for one that is odd.
    """
    if not isinstance(raw, list):
        if isinstance(raw, np.ndarray) and raw.dtype.kind in "fiu":
            return raw.astype("float64")
        if _is_arrow(raw) and (cast := _cast(raw)) is not None:
            return cast
        raw = raw.tolist()
    kinds = set(map(type, raw))
    if kinds == {str}:
        found = _spelt(raw)
        return found if len(raw) < MANY else np.array(found)
    if not kinds <= {int, float, NoneType}:  # a bool is no number
        return None
    if len(raw) >= MANY:
        return np.array(raw, "float64")
    return [nan if cell is None else float(cell) for cell in raw]


def _spelt(raw: list[str]) -> list[float]:
    """Read texts as `float` does, where that is as pandas does. Raises: ValueError."""
    text = "".join(raw)
    if "_" in text or not text.isascii():
        raise ValueError  # 1_000 and ٣ are numbers to Python alone
    try:
        found = list(map(float, raw))
    except ValueError:
        found = [nan if cell in NA_VALUES else float(cell) for cell in raw]
    if isnan(sum(found)):
        n_missing = sum(map(NA_VALUES.__contains__, raw))
        if sum(map(isnan, found)) > n_missing:
            raise ValueError  # "NAN" is text
    return found


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
