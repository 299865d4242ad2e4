"""What a column is: the owner's word, else what all of its cells have in common.

A piece is some rows of a file, with the types of these rows alone. `join` makes one
column of its pieces, the same however the rows were divided among files:

    nothing but missing cells    float64
    true and false               bool; object if cells are missing
    whole numbers                int64; float64 if cells are missing, or beyond int64
    numbers                      float64
    anything else                str, as it is written
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from math import nan
from typing import Any, NamedTuple

import pandas as pd

from runtime.tabular import cells

NUMBERS, BOOLEANS, TEXT = "numbers", "true and false", "text"
MIXED = "numbers and text"
_FEW = 100  # rows of which one tells, mostly, that not all are missing
_MANY = 10_000  # rows that are made objects at once
EMPTY = frozenset(("",))  # all that is missing where text is text


class Part(NamedTuple):
    """The cells of one column in a piece, and what they are."""

    column: "pd.Series[Any]"
    kind: str  # "" where all of them are missing
    typed: bool  # by the file, which does not spell them


Piece = dict[str, Part]


class Plan:
    """What the owner says of columns, in the words of `pandas.read_csv`.

    `default` is what a column of text takes for missing, unless the owner declares it
    as text: then what is written is text, and the empty cell alone is missing.
    `as_text` are columns to be read as text because of what other rows hold.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        default: frozenset[str] = cells.NA_VALUES,
        as_text: frozenset[str] = frozenset(),
    ) -> None:
        self.options = dict(options)
        dtype, own = (self.options.pop(key, None) for key in ("dtype", "na_values"))
        keep = self.options.pop("keep_default_na", True)
        self.as_text = as_text
        self.uniform = not (
            isinstance(dtype, Mapping) or isinstance(own, Mapping) or as_text
        )
        self._dtypes, self._own = _by_name(dtype), _by_name(own)
        self._keep = keep and self.options.get("na_filter", True)
        self._default = default

    def dtype(self, name: str) -> Any:
        """Give the type that the owner declares, or None."""
        return self._dtypes[name]

    def type(self, name: str) -> Any:
        """Give the type with which cells are read, None if they say it themselves."""
        text = name in self.as_text or self._declares_text(name)
        return "str" if text else self.dtype(name)

    def missing(self, name: str, *, text: bool = True) -> frozenset[str]:
        """List the texts of a missing cell in a column of text, or of other cells."""
        own = frozenset(self._own_words(name))
        if not self._keep:
            return own
        if self._declares_text(name):
            return own | EMPTY
        return own | (self._default if text else cells.NA_VALUES)

    def missing_numbers(self, name: str) -> list[float]:
        """List the numbers that stand for a missing one: they count by value."""
        return [float(word) for word in self._own_words(name) if cells.is_number(word)]

    def _declares_text(self, name: str) -> bool:
        dtype = self.dtype(name)
        if dtype is None:
            return False
        category = isinstance(pd.api.types.pandas_dtype(dtype), pd.CategoricalDtype)
        return category or pd.api.types.is_string_dtype(dtype)

    def _own_words(self, name: str) -> Iterator[str]:
        own = self._own[name]
        for word in own if pd.api.types.is_list_like(own) else [own]:
            if word is not None:
                yield str(word)
                if cells.is_number(str(word)):  # of -999 also "-999.0", and back
                    yield repr(float(word))
                    yield repr(float(word)).removesuffix(".0")


def part(values: "pd.Series[Any]", name: str, plan: Plan, *, typed: bool) -> Part:
    """Say what cells are; where nothing is declared, in a type that `join` knows."""
    kind = _kind(values)
    if plan.type(name) is None:
        beyond_int64 = kind == NUMBERS and values.dtype.kind in "Ou"
        if beyond_int64 or not kind:
            values = values.astype("float64")
        elif values.dtype == "object":
            values = values.where(values.notna(), nan)
    return Part(values, kind, typed)


def join(parts: list[Part], name: str, plan: Plan) -> "pd.Series[Any]":
    """Make one column of its pieces, in order."""
    kinds = {part.kind for part in parts} - {""}
    columns = [part.column for part in parts if len(part.column)] or [parts[0].column]
    if kinds == {TEXT}:
        columns = [values.astype("str") for values in columns]
    values = columns[0] if len(columns) == 1 else pd.concat(columns, ignore_index=True)
    if plan.dtype(name) is not None:
        return values.astype(plan.dtype(name))
    if kinds == {NUMBERS}:
        return without(values, plan.missing_numbers(name))
    typed = [part.typed for part in parts]
    if kinds == {TEXT} and not all(typed):  # after a number beyond 64 bits pandas may
        values = without(values, plan.missing(name))  # leave missing cells, and numbers
    return _numbers(values) if kinds == {TEXT} and not any(typed) else values


def without(values: "pd.Series[Any]", unwanted: Collection[Any]) -> "pd.Series[Any]":
    """Make cells that hold one of some values missing."""
    found = values.isin([*unwanted]) if unwanted else None
    return values if found is None or not found.any() else values.mask(found)


def _numbers(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Make numbers of text if it is nothing else."""
    if not all(map(cells.is_number, _telling(values))):
        return values
    return values.map(lambda v: float(cells.spelt(v)), "ignore").astype("float64")


def _telling(values: "pd.Series[Any]") -> Iterator[str]:
    """Give all texts, those first that are likely to be no numbers."""
    for start in range(0, len(values), _MANY):
        texts = values[start : start + _MANY].dropna()
        yield from texts[pd.to_numeric(texts, errors="coerce").isna()]
    yield from values.dropna()


def _kind(values: "pd.Series[Any]") -> str:
    """Say what cells are; nothing if all of them are missing."""
    if values.array[:_FEW].isna().all() and values.isna().all():
        return ""
    if values.dtype.kind in "biuf":
        return BOOLEANS if values.dtype == "bool" else NUMBERS
    if values.dtype == "str":
        return TEXT
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    return _KINDS.get(inferred, inferred)


def _by_name(option: Any) -> defaultdict[str, Any]:
    """Look up an option that is given by column, else is the same for all."""
    if not isinstance(option, Mapping):
        return defaultdict(lambda: option)
    default = getattr(option, "default_factory", None) or (lambda: None)
    return defaultdict(default, {str(key): value for key, value in option.items()})


_KINDS = {
    "boolean": BOOLEANS,
    "integer": NUMBERS,
    "mixed-integer-float": NUMBERS,
    "mixed-integer": MIXED,
    "mixed": MIXED,
    "string": TEXT,
}
