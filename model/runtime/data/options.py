"""What the owner says of columns, in the words of `pandas.read_csv`, for any format."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from runtime.tabular import cells

EMPTY = frozenset(("",))  # all that is missing where text is text


class ColumnOption(NamedTuple):
    """What the owner says of one column."""

    dtype: Any  # None: its cells say it
    na_texts: frozenset[str]  # what is missing in a column of text
    na_others: frozenset[str]  # what is missing in any other
    na_numbers: list[float]  # of the owner's, the numbers: they count by value
    dates: dict[str, Any] | None  # how dates are to be read, if they are to be


class ColumnOptions:
    """`dtype` and the texts of a missing cell, by column; `others` are for CSV alone.

    In a column that is declared as text, what is written is text, and the empty cell
    alone is missing; so in all text of a format in which cells have types (`typed`).
    """

    def __init__(self, options: Mapping[str, Any], *, typed: bool) -> None:
        self.others = dict(options)
        self.typed = typed
        self._dtype = self.others.pop("dtype", None)
        self._na_values = self.others.pop("na_values", None)
        keep = self.others.pop("keep_default_na", True)
        self._keep = keep and self.others.get("na_filter", True)
        self.by_column = any(
            isinstance(option, Mapping) for option in (self._dtype, self._na_values)
        )

    def dtype(self, name: str) -> Any:
        """Give the type that the owner declares, or None."""
        return _of_column(self._dtype, name)

    def is_text(self, name: str) -> bool:
        """Say whether the owner declares a column as text, or as categories."""
        dtype = self.dtype(name)
        if dtype is None:
            return False
        category = isinstance(pd.api.types.pandas_dtype(dtype), pd.CategoricalDtype)
        return category or pd.api.types.is_string_dtype(dtype)

    def na_values(self, name: str, *, text: bool = True) -> frozenset[str]:
        """List the texts of a missing cell in a column of text, or of other cells."""
        own = frozenset(self._own_words(name))
        if not self._keep:
            return own
        as_written = self.is_text(name) or (text and self.typed)
        return own | (EMPTY if as_written else cells.NA_VALUES)

    def column(self, name: str) -> ColumnOption:
        """Give all that is said of a column."""
        numbers = filter(cells.is_number, self._own_words(name))
        return ColumnOption(
            self.dtype(name),
            self.na_values(name),
            self.na_values(name, text=False),
            [*map(float, numbers)],
            self._dates(name),
        )

    def _dates(self, name: str) -> dict[str, Any] | None:
        """Give what `pd.to_datetime` is told of a column that `parse_dates` names."""
        named: Any = self.others.get("parse_dates")
        if not pd.api.types.is_list_like(named) or name not in {*map(str, named)}:
            return None
        form = _of_column(self.others.get("date_format"), name)
        return {"format": form, "dayfirst": self.others.get("dayfirst", False)}

    def _own_words(self, name: str) -> Iterator[str]:
        own = _of_column(self._na_values, name)
        for word in own if pd.api.types.is_list_like(own) else [own]:
            if word is not None:
                yield str(word)
                if cells.is_number(str(word)):  # of -999 also "-999.0", and back
                    yield repr(float(word))
                    yield repr(float(word)).removesuffix(".0")


def _of_column(option: Any, name: str) -> Any:
    """Look up an option that is given by column, else is the same for all."""
    if not isinstance(option, Mapping):
        return option
    default = getattr(option, "default_factory", None) or (lambda: None)
    return next((own for key, own in option.items() if str(key) == name), default())
