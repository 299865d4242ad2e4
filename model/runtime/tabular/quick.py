"""A column's cells at once, where that gives what `cells` gives for each of them.

Most columns hold text alone or numbers alone, with nothing odd in them: Python's own
loops in C read those. Whatever looks odd is left to `cells`, which also finds the words
for what is wrong.
"""

from collections.abc import Callable
from functools import cache, partial
from math import inf, isnan, nan
from types import NoneType
from typing import Any

from runtime.tabular.cells import LARGEST_FLOAT32, MISSING, Words

_LONGEST = 18  # digits and a sign that 64 bits hold for certain


def values(dtype: str, raw: list[Any], words: Words) -> list[Any] | None:
    """Read all cells of a column of a pandas dtype; None where `cells` has to."""
    read = _reader(dtype)
    return None if read is None else read(raw, set(map(type, raw)), words)


@cache
def _reader(dtype: str) -> Callable[..., list[Any] | None] | None:
    if dtype.lower() == "float32":
        return partial(_numbers, below=LARGEST_FLOAT32)
    return _READERS.get(dtype.lower().rstrip("0123456789"))


def is_plain(raw: list[str]) -> bool:
    """Say whether no cell has what in a number is Python's alone: 1_000, or ٣."""
    text = "".join(raw)
    return "_" not in text and text.isascii()


def _numbers(
    raw: list[Any], kinds: set[type], words: Words, below: float = inf
) -> list[Any] | None:
    """Read finite numbers; a missing cell is NaN."""
    if words is not MISSING or kinds not in ({str}, {float}):
        return None
    if kinds == {str} and not is_plain(raw):
        return None
    try:
        found = list(map(float, raw))
    except ValueError:
        return _with_missing(raw, below)
    if -below < min(found) and max(found) < below and not isnan(sum(found)):
        return found
    return _with_missing(raw, below)


def _with_missing(raw: list[Any], below: float) -> list[Any] | None:
    try:
        found = [nan if cell in MISSING else float(cell) for cell in raw]
    except ValueError:
        return None
    finite = sum(-below < value < below for value in found)
    missing = sum(map(MISSING.__contains__, raw))
    return found if finite + missing == len(found) else None


def _integers(raw: list[Any], kinds: set[type], words: Words) -> list[Any] | None:
    """Read integers of up to 18 digits, none of them missing."""
    if words is not MISSING:
        return None
    if kinds == {str} and max(map(len, raw)) <= _LONGEST and is_plain(raw):
        try:
            return list(map(int, raw))
        except ValueError:
            return None
    if kinds == {int} and min(raw) >= -(2**63) and max(raw) < 2**63:
        return raw
    return None


def _text(raw: list[Any], kinds: set[type], words: Words) -> list[Any] | None:
    """Read text of whole characters; a missing cell is NaN."""
    if not kinds <= {str, NoneType}:
        return None
    try:
        "".join(filter(None, raw)).encode()
    except UnicodeEncodeError:
        return None
    return [nan if cell is None or cell in words else cell for cell in raw]


_READERS: dict[str, Callable[..., list[Any] | None]] = {
    "int": _integers,
    "uint": _integers,
    "float": _numbers,
    "str": _text,
    "string": _text,
    "object": _text,
    "category": _text,
}
