"""All cells of a column -> its typed values, as training saw the column.

Most columns are read by `cells_at_once`. Where a cell looks odd, `cells` reads one
after the other, which also finds the sentence for what is wrong.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Self

from runtime.errors import BadInput, Problem
from runtime.tabular import cells
from runtime.tabular.cells import NA_VALUES, NaValues
from runtime.tabular.cells_at_once import AT_ONCE, EXACT, listed

_SHOWN = 20  # categories in a message
FEW = 10  # rows, for which to begin a loop takes longer than the loop
# How a column of text spells its numbers: whole ones as 1, as 1.0, or all in ways of
# their own, as 01 and 1.50 are.
PLAIN, POINT_ZERO, OWN = "1", "1.0", "own"
_NUMBER = re.compile(
    r"\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE
)
_OTHER_SPELLINGS = {
    PLAIN: r"-?(?:0|[1-9]\d*)\.0+",
    POINT_ZERO: r"-?(?:0|[1-9]\d*)",
    OWN: f"(?i:{_NUMBER.pattern})",
}
_WHOLE = re.compile(r"-?[1-9]\d*|0", re.ASCII)
_FLAG = r"(?i:true|false)"


@dataclass(frozen=True)
class Column:
    """One column of X. `dtype` is pandas' name, as `cells.reader` takes it.

    Where nothing is known it is "any", or "spelt" for cells that have no types, as in
    CSV. `na_values` lists the texts of a missing cell, None if they are `NA_VALUES`. A
    `closed` column refuses text that is none of its categories, a `required` one a
    missing value. `number_spelling` says how a column of text spells numbers, "" where
    there were none; `has_none` that a missing cell is None, where others have NaN.
    """

    name: str | int
    dtype: str
    example: Any = None
    categories: tuple[Any, ...] = ()
    ordered: bool = False
    na_values: tuple[str, ...] | None = None
    closed: bool = False
    required: bool = False
    number_spelling: str = ""
    has_none: bool = False

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Read one column of model.json, where `missing` is the name of `na_values`.

        Older files lack it and `numbers`. Raises: KeyError, TypeError, ValueError.
        """
        column = dict(stored)
        texts = column.pop("missing", None)
        column["categories"] = tuple(column["categories"])
        column["na_values"] = None if texts is None else tuple(texts)
        if cells.reader(column["dtype"]) is None:
            message = f"dtype {column['dtype']!r}"
            raise ValueError(message)
        spelling = column.pop("numbers", None)
        found = cls(**column, number_spelling=spelling or "")
        if spelling is not None or not found.is_text:
            return found
        return replace(found, number_spelling=spelling_of_numbers(found.categories))

    def to_json(self) -> dict[str, Any]:
        """Give plain values for model.json."""
        kept = (field.name for field in fields(self) if field.name != "closed")
        stored = {"na_values": "missing", "number_spelling": "numbers"}
        return {stored.get(name, name): getattr(self, name) for name in kept}

    @property
    def is_text(self) -> bool:
        """Say whether any text may stand in the column."""
        return self._read_one is cells.string

    @property
    def is_boolean(self) -> bool:
        """Say whether true and false stand in the column."""
        return self._read_one is cells.boolean

    @property
    def is_single(self) -> bool:
        """Say whether the numbers of the column are those of float32."""
        return self._read_one is cells.single

    @property
    def is_unknown(self) -> bool:
        """Say whether nothing is known of the column's type."""
        return self.dtype in ("any", "spelt")

    def read(self, raw: Any, first: int, problems: list[Problem], most: int) -> Any:
        """Read cells, a list or an array, into values; note what is wrong.

        `first` is the number of the first row. Returns: `(n_rows,)`, a list or an
        array, fewer where there are problems, of which `most` are noted.
        """
        values = self.at_once(raw)
        if values is not None and self.takes(values):
            return values
        values = []
        for row, cell in enumerate(listed(raw), first):
            try:
                values.append(self._value(cell))
            except ValueError as exc:
                problems.append(Problem(str(exc), row, self.name))
                if len(problems) == most:
                    break
        return values

    def at_once(self, raw: Any) -> Any:
        """Read cells by one loop, of this column or of all that have the same loop.

        Returns: None if a cell is odd.
        """
        read_all, na_values = self.loop
        return read_all(raw, na_values) if read_all else None

    @cached_property
    def loop(self) -> tuple[Callable[..., Any] | None, NaValues]:
        """The loop that reads cells, and the texts that are missing values to it."""
        return AT_ONCE.get(self._read_one), self._na

    def _value(self, cell: Any) -> Any:
        if self.is_text and not cells.is_missing(cell, self._na):
            cell = self._respelt(cell)
        value = self._read_one(cell, self._na)
        missing = cells.is_missing(value, frozenset())
        if self.required and missing:
            raise ValueError(cells.expected("a value, which the model needs", cell))
        allowed = self._allowed
        if allowed is not None and not missing and value not in allowed:
            shown = ", ".join(map(str, self.categories[:_SHOWN]))
            more = ", …" if len(self.categories) > _SHOWN else ""
            what = f"one of {shown}{more}"
            raise ValueError(cells.expected(what, cell))
        return value

    def _respelt(self, cell: Any) -> Any:
        """Spell a cell of text as `fit` saw the same value. Raises: ValueError.

        JSON's 1 and 1.0 are one number, and true and "True" are one value: an encoder
        would take what is spelt otherwise for a category that `fit` has not seen.
        """
        if isinstance(cell, str) and not self._is_respelt(cell):
            return cell
        if isinstance(cell, str | bool):
            flag = self._flags.get(str(cell).lower())
            if flag or isinstance(cell, bool):
                return flag or cell  # which no text is
        if not isinstance(cell, str | int | float):
            return cell
        if self.number_spelling == OWN:
            return self._of_value(cell)
        if isinstance(cell, str):
            return cell.partition(".")[0] + self.number_spelling[1:]
        point_zero = self.number_spelling == POINT_ZERO and abs(cell) < EXACT
        return repr(float(cell)) if point_zero else cells.digits(cell)

    def _of_value(self, cell: str | float) -> str:
        """Give the one category that is this number, else its plain spelling."""
        text = cell if isinstance(cell, str) else cells.digits(cell)
        same = [text] if text in self._known else self._by_value.get(_exact(text), [])
        if len(same) > 1:
            what = f"{' or '.join(same)}, which are categories of one value"
            raise ValueError(cells.expected(what, cell))
        return same[0] if same else text

    def _is_respelt(self, text: Any) -> bool:
        """Say whether text may be another spelling of what `fit` saw."""
        other = self._other_spelling
        if other is None or not isinstance(text, str) or text in self._known:
            return False
        return other.fullmatch(text) is not None

    @cached_property
    def _by_value(self) -> dict[Decimal | None, list[str]]:
        """The categories that are numbers, by their value."""
        found: dict[Decimal | None, list[str]] = {}
        for text in self.categories:
            if _NUMBER.fullmatch(text) and (value := _exact(text)) is not None:
                found.setdefault(value, []).append(text)
        return found

    @cached_property
    def _flags(self) -> dict[str, str]:
        """The categories that spell true and false, each if it is the only one."""
        texts = [c for c in self.categories if isinstance(c, str)]
        lower = [text.lower() for text in texts]
        pairs = zip(lower, texts, strict=True)
        return {
            low: text
            for low, text in pairs
            if low in ("true", "false") and lower.count(low) == 1
        }

    @cached_property
    def _other_spelling(self) -> re.Pattern[str] | None:
        """What texts look like that may have to be respelt; None of most columns."""
        others = [_FLAG] * bool(self._flags)
        if self.number_spelling != OWN or self.categories:
            others.append(_OTHER_SPELLINGS.get(self.number_spelling, ""))
        found = "|".join(filter(None, others))
        return re.compile(found, re.ASCII) if found and self.is_text else None

    @cached_property
    def _takes_all(self) -> bool:
        """Say whether no value is refused or respelt, as in most columns."""
        return not (self.required or self._other_spelling or self._allowed is not None)

    def takes(self, values: Any) -> bool:
        """Say whether all values are as `fit` saw them, and none is refused."""
        if self._takes_all:
            return True
        if self._allowed is not None:  # a missing value is left to `_value`
            return self._allowed.issuperset(values)
        if self._other_spelling and any(map(self._is_respelt, values)):
            return False
        if isinstance(values, list):
            return not self.required or all(v == v for v in values)  # noqa: PLR0124
        return not self.required or bool((values == values).all())  # noqa: PLR0124

    @cached_property
    def _known(self) -> frozenset[Any]:
        return frozenset(self.categories)

    @cached_property
    def _na(self) -> NaValues:
        return NA_VALUES if self.na_values is None else frozenset(self.na_values)

    @cached_property
    def _allowed(self) -> frozenset[Any] | None:
        """The only values of a category, or of a closed column."""
        is_category = self.dtype.startswith("category")
        is_closed = is_category or (self.closed and self.categories)
        return self._known if is_closed else None

    @cached_property
    def _read_one(self) -> Any:
        return cells.reader(self.dtype)  # there is one: `learn` and `from_json` look


def _exact(text: str) -> Decimal | None:
    """Give the value of a number, which no float may hold; None of too large ones."""
    try:
        return Decimal(text)
    except ArithmeticError:
        return None


def missing_texts(
    given: tuple[str, ...] | None, held: Iterable[Any]
) -> tuple[str, ...] | None:
    """Leave out of the texts of a missing cell what `fit`, without one, saw as text."""
    texts = NA_VALUES if given is None else frozenset(given)
    found = texts.intersection(held)
    return tuple(sorted(texts - found)) if found else given


def spelling_of_numbers(texts: Iterable[str]) -> str:
    """Say how the numbers among the texts of a column are spelt."""
    numbers = [text for text in texts if _NUMBER.fullmatch(text)]
    others = [text for text in numbers if not _WHOLE.fullmatch(text)]
    if all(text == cells.digits(cells.spelt(text)) for text in others):
        return PLAIN if numbers else ""
    point_zero = all(text == repr(float(text)) for text in numbers)
    return POINT_ZERO if point_zero else OWN


def groups(columns: Sequence[Column]) -> list[list[int]]:
    """Give the places of the columns that have the same loop, where some have."""
    found: dict[Any, list[int]] = {}
    for place, column in enumerate(columns):
        found.setdefault(column.loop, []).append(place)
    return [places for places in found.values() if len(places) > 1]


def read(
    columns: Sequence[Column],
    alike: list[list[int]],
    raw: list[Any],
    first: int,
    most: int,
) -> list[Any]:
    """Read the cells of some rows, a list or an array for each column, into values.

    `alike` are the `groups` of the columns; `first` is the number of the first row.
    Returns: `(n_rows,)` for each column. Raises: BadInput, with the first problems, at
    most so many.
    """
    values: list[Any] = [None] * len(columns)
    if len(raw[0]) < FEW:
        for places in alike:
            _read_together(columns, places, raw, values)
    problems: list[Problem] = []
    for place, column in enumerate(columns):
        if values[place] is None or not column.takes(values[place]):
            values[place] = column.read(raw[place], first, problems, most)
            if len(problems) == most:
                break
    if problems:
        raise BadInput.of(sorted(problems, key=lambda problem: problem.row or 0))
    return values


def _read_together(
    columns: Sequence[Column], places: list[int], raw: list[Any], values: list[Any]
) -> None:
    """Read a few cells of each of some columns by one loop, if none of them is odd."""
    cells_ = [cell for place in places for cell in raw[place]]
    found = columns[places[0]].at_once(cells_)
    if isinstance(found, list):
        n_rows = len(raw[0])
        for number, place in enumerate(places):
            values[place] = found[number * n_rows : (number + 1) * n_rows]
