"""One cell of a body -> one value, as pandas reads the same cell in a CSV file.

A reader takes text or a JSON value and raises ValueError with a sentence that says
what was expected. JSON and CSV cells follow the same rules, so that the same row gets
the same prediction in every format. A new kind of cell begins with a reader in
`_READERS`, and ends in `dataframes.array`.
"""

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from math import inf, isnan, nan
from typing import Any

# Texts that pandas reads as missing in a CSV file, and `data.read` with it.
NA_VALUES = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan"),
        *("1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a"),
        *("nan", "null"),
    )
)
LARGEST_FLOAT32 = 3.4028235677973362e38  # what rounds to the largest that there is
LARGEST_FLOAT16 = 65520.0  # what rounds to infinity
_INTEGERS = (-(2**63), 2**64)  # int64 and uint64
_WHOLE = re.compile(r"\s*[+-]?\d{1,20}\s*", re.ASCII)  # what 64 bits may hold
_DATE = re.compile(r"\s*\d{4}-(\d\d-\d\d|W\d\d)|\s*\d{8}\s*$|\s*\d{8}T", re.ASCII)
_FINER = re.compile(r"[.,]\d{6}\d*[1-9]")  # than the microseconds of a datetime
_NANOSECONDS = (1678, 2261)  # whole years that 64 bits hold in such units
_FLAGS = ("true", "false")
_SHOWN = 50  # characters of a cell in a message

NaValues = AbstractSet[str]  # the texts that stand for a missing cell of a column


class _Absent:
    """The cell of a record that lacks the key."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


def is_missing(cell: Any, na_values: NaValues = NA_VALUES) -> bool:
    """Say whether a cell holds no value; NaN comes from JSON that is none."""
    if isinstance(cell, float) and isnan(cell):
        return True
    return cell is None or (isinstance(cell, str) and cell in na_values)


def number(
    cell: Any, na_values: NaValues = NA_VALUES, below: float = inf
) -> float | int:
    """Read a number; an integer stays exact, as far as 64 bits hold it.

    A number among `na_values` counts by its value: with "-999.0", -999 is missing too.
    """
    if is_missing(cell, na_values):
        return nan
    value = spelt(cell) if isinstance(cell, str) else cell
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(expected("a number", cell))  # noqa: TRY004 -- one kind
    whole = isinstance(value, int) and _INTEGERS[0] <= value < _INTEGERS[1]
    if not whole or abs(value) >= below:
        value = _finite(value, cell, below)
    return (
        nan if na_values is not NA_VALUES and repr(float(value)) in na_values else value
    )


def single(cell: Any, na_values: NaValues = NA_VALUES) -> float:
    """Read a number that float32 can hold."""
    return float(number(cell, na_values, LARGEST_FLOAT32))


def half(cell: Any, na_values: NaValues = NA_VALUES) -> float:
    """Read a number that float16 can hold."""
    return float(number(cell, na_values, LARGEST_FLOAT16))


def integer(cell: Any, na_values: NaValues = NA_VALUES) -> float | int:
    """Read a number; 3.0 is 3, and 3.5 stays what it is."""
    value = number(cell, na_values)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def boolean(cell: Any, na_values: NaValues = NA_VALUES) -> bool | None:
    """Read true or false, in any letter case."""
    if is_missing(cell, na_values):
        return None
    spelt = str(cell).lower()
    if spelt not in _FLAGS:
        raise ValueError(expected("true or false", cell))
    return spelt == "true"


def number_or_flag(cell: Any, na_values: NaValues = NA_VALUES) -> float | int:
    """Read a number; true and false, in any letter case, are 1 and 0."""
    spelt = str(cell).lower() if isinstance(cell, str | bool) else ""
    return float(spelt == "true") if spelt in _FLAGS else number(cell, na_values)


def string(cell: Any, na_values: NaValues = NA_VALUES) -> str | float:
    """Read text; a JSON number is its text, and 1.0 is that of 1.

    True and false have no spelling that all agree on: see `Column`.
    """
    if is_missing(cell, na_values):
        return nan
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise ValueError(expected("text", cell))  # noqa: TRY004 -- one kind
    text = cell if isinstance(cell, str) else digits(cell)
    if not text.isascii():
        _refuse_surrogates(text)
    return nan if text in na_values else text


def digits(value: float) -> str:
    """Spell a number; a whole one has no point."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)


def moment(cell: Any, na_values: NaValues = NA_VALUES) -> datetime | None:
    """Read a date, or a date and time, without a time zone, as ISO 8601 writes it."""
    value = _iso_8601(cell, na_values)
    if value is not None and value.tzinfo:
        raise ValueError(expected("a date and time without a time zone", cell))
    return value


def zoned(cell: Any, na_values: NaValues = NA_VALUES) -> datetime | None:
    """Read a date and time with a time zone, as ISO 8601 writes it. Returns: in UTC."""
    value = _iso_8601(cell, na_values)
    if value is None:
        return None
    with suppress(OverflowError):  # at the ends of the calendar
        if value.tzinfo:
            return value.astimezone(UTC).replace(tzinfo=None)
    raise ValueError(expected("a date and time with a time zone, as +00:00", cell))


def _iso_8601(cell: Any, na_values: NaValues) -> datetime | None:
    if is_missing(cell, na_values):
        return None
    if isinstance(cell, datetime):  # of Parquet
        return cell
    try:
        value = datetime.fromisoformat(cell.strip()) if _DATE.match(cell) else None
    except (AttributeError, TypeError, ValueError):
        value = None
    if value is None or _FINER.search(cell):
        what = "a date as 2026-01-31 or 2026-01-31T23:59:59"
        raise ValueError(expected(what, cell))
    return value


def in_nanoseconds(
    read: Callable[[Any, NaValues], datetime | None],
) -> Callable[[Any, NaValues], datetime | None]:
    """Refuse dates that a column of nanoseconds cannot hold."""

    def bounded(cell: Any, na_values: NaValues = NA_VALUES) -> datetime | None:
        value = read(cell, na_values)
        first, last = _NANOSECONDS
        if value is not None and not first <= value.year <= last:
            raise ValueError(expected(f"a date from {first} to {last}", cell))
        return value

    return bounded


def anything(cell: Any, na_values: NaValues = NA_VALUES) -> Any:
    """Take a cell of a format that has types as what it is: where nothing is known."""
    if isinstance(cell, str):
        if is_number(cell):
            number(cell, na_values)  # no infinity
        return string(cell, na_values)
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, list | dict) or cell is ABSENT:
        raise ValueError(expected("a number or text", cell))
    return number(cell, na_values)


def spelling(cell: Any, na_values: NaValues = NA_VALUES) -> Any:
    """Take a cell of a format without types: a number if it spells one, else text."""
    is_text = isinstance(cell, str) and not is_number(cell)
    return string(cell, na_values) if is_text else number(cell, na_values)


def _refuse_surrogates(text: str) -> None:
    """Refuse half a character, which JSON can spell and no array of text can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ValueError(expected("whole characters", text)) from exc


@cache
def reader(dtype: str) -> Callable[[Any, NaValues], Any] | None:
    """Give what reads one cell of a pandas dtype; None where there is no such thing.

    `category[int64]` are categories that are numbers, `object[bool]` true and false
    among missing cells, `float64[bool]` numbers that true and false may spell too;
    `category` and `object` alone are text.
    """
    outer, _, inner = dtype.lower().partition("[")
    if outer in ("category", "object") and inner:
        return reader(inner.removesuffix("]"))
    if dtype == "float64[bool]":
        return number_or_flag
    if outer == "float32" or dtype.lower() == "float[pyarrow]":
        return single
    if outer in ("float16", "halffloat"):
        return half
    kind = outer.rstrip("0123456789")
    if kind in ("datetime", "timestamp"):
        read = zoned if "," in inner else moment
        return in_nanoseconds(read) if inner.startswith("ns") else read
    return _READERS.get(kind)


def expected(what: str, cell: Any) -> str:
    """Say what was expected in the place of a cell."""
    if cell is ABSENT:
        return f"expected {what}, but the record lacks this column"
    if isinstance(cell, list | dict):  # which may be as deep and as long as a body
        kind = "a list" if isinstance(cell, list) else "an object"
        return f"expected {what}, got {kind}"
    got = f"the time {cell}" if isinstance(cell, datetime) else repr(cell)
    return f"expected {what}, got {got if len(got) <= _SHOWN else got[:_SHOWN] + '…'}"


def spelt(cell: str) -> float | int:
    """Read the text of a number, less what Python spells and pandas does not.

    Raises: ValueError. Infinity is a number here.
    """
    if "_" not in cell and cell.isascii():
        try:
            value = float(cell)
        except ValueError:
            value = nan
        if not isnan(value):
            return int(cell) if _WHOLE.fullmatch(cell) else value
    raise ValueError(expected("a number", cell))


def _finite(value: float, cell: Any, below: float) -> float:
    try:
        value = float(value)
    except OverflowError:
        value = inf
    if abs(value) >= below:
        limit = "" if below == inf else f" of at most {below:.2g}"
        raise ValueError(expected(f"a finite number{limit}", cell))
    return value


def is_number(cell: str) -> bool:
    """Say whether text is a number in `spelt`."""
    try:
        return spelt(cell) is not None
    except ValueError:
        return False


_READERS: dict[str, Callable[..., Any]] = {
    "int": integer,
    "uint": integer,
    "float": number,
    "bool": boolean,
    "boolean": boolean,
    "str": string,
    "string": string,
    "object": string,
    "category": string,
    "double": number,
    "large_string": string,
    "any": anything,
    "spelt": spelling,
}
