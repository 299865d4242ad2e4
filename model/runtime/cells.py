"""One cell of a body -> one value, as pandas reads the same cell in a CSV file.

A reader takes text or a JSON value and raises ValueError with a sentence that says
what was expected. JSON and CSV cells follow the same rules, so that the same row gets
the same prediction in every format.
"""

from collections.abc import Callable
from math import isnan
from typing import Any

from runtime.formats import ABSENT

# What pandas reads as missing in a CSV file, and `data.read` with it.
MISSING = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan"),
        *("1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a"),
        *("nan", "null"),
    )
)
NAN = float("nan")
LARGEST_FLOAT32 = 3.4028234663852886e38
LARGEST_FLOAT64 = 1.7976931348623157e308
_INT64 = 2**63
_SHOWN = 50  # characters of a cell in a message


def is_missing(cell: Any) -> bool:
    """Say whether a cell holds no value; NaN comes from JSON that is none."""
    if isinstance(cell, float):
        return isnan(cell)
    return cell is None or (isinstance(cell, str) and cell in MISSING)


def number(cell: Any) -> float | int:
    """Read a number; an integer stays exact, as far as 64 bits hold it."""
    if is_missing(cell):
        return NAN
    value = _spelt(cell) if isinstance(cell, str) else cell
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(expected("a number", cell))  # noqa: TRY004 -- one kind
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return value
    return _within(float(value), LARGEST_FLOAT64)


def single(cell: Any) -> float:
    """Read a number that float32 can hold."""
    return _within(float(number(cell)), LARGEST_FLOAT32)


def integer(cell: Any) -> float | int:
    """Read a number; 3.0 is 3, and 3.5 stays what it is."""
    value = number(cell)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def boolean(cell: Any) -> bool | None:
    """Read true or false, in any letter case."""
    if is_missing(cell):
        return None
    spelt = str(cell).lower()
    if spelt not in ("true", "false"):
        raise ValueError(expected("true or false", cell))
    return spelt == "true"


def string(cell: Any) -> str | float:
    """Read text; a JSON number is its text."""
    if is_missing(cell):
        return NAN
    if not isinstance(cell, str | int | float):
        raise ValueError(expected("text", cell))  # noqa: TRY004 -- one kind
    return str(cell)


def anything(cell: Any) -> Any:
    """Take any cell but a list, an object, or none at all."""
    if isinstance(cell, list | dict) or cell is ABSENT:
        raise ValueError(expected("a number or text", cell))
    return cell


def reader(dtype: str) -> Callable[[Any], Any] | None:
    """Give what reads one cell of a pandas dtype; None where there is no such thing."""
    if dtype.lower() == "float32":
        return single
    for start, read in _READERS.items():
        if dtype.lower().startswith(start):
            return read
    return None


def expected(what: str, cell: Any) -> str:
    """Say what was expected in the place of a cell."""
    if cell is ABSENT:
        return f"expected {what}, but the record lacks this column"
    got = repr(cell)
    return f"expected {what}, got {got if len(got) <= _SHOWN else got[:_SHOWN] + '…'}"


def _spelt(cell: str) -> float | int:
    """Read the text of a number, less Python's own spelling 1_000."""
    try:
        if "_" not in cell:
            return int(cell) if cell.isdecimal() else float(cell)
    except ValueError:
        pass
    raise ValueError(expected("a number", cell))


def _within(value: float, largest: float) -> float:
    if abs(value) > largest:
        raise ValueError(expected(f"a finite number of at most {largest:.2g}", value))
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "int": integer,
    "uint": integer,
    "float": number,
    "bool": boolean,
    "str": string,  # also "string"
    "object": string,
    "category": string,
    "any": anything,
}
