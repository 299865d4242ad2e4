"""Where an answer changes: rows on both sides of a border, a number apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

_HALVES = 70  # of a distance: then there is no number left in it
ENDS = (-np.inf, np.inf)


def _as_sent(column: Any) -> Any:
    """Give a column as a request has it: what is missing is NaN, of any type."""
    if column.dtype.kind == "f" or not column.isna().any():
        return column.to_numpy()
    return column.astype(object).where(column.notna(), np.nan).to_numpy()


class Search:
    """A search, from `rows` to `others`, for where the value of one column matters."""

    def __init__(
        self,
        rows: pd.DataFrame,
        others: pd.DataFrame,
        names: list[Any],
        chance: np.random.Generator,
    ) -> None:
        self._rows = rows
        chosen = chance.integers(len(names), size=len(rows))
        self._places = {n: np.flatnonzero(chosen == at) for at, n in enumerate(names)}
        self._whole = {name: _as_sent(rows[name]) for name in rows}
        self._low = self._taken(rows)
        self._high = self._taken(others)

    def _taken(self, rows: pd.DataFrame) -> Any:
        values = np.zeros(len(rows))
        for name, at in self._places.items():
            values[at] = rows[name].fillna(0).to_numpy("float64")[at]
        return self._rounded(values)

    def _rounded(self, values: Any) -> Any:
        """Round to float32 what is of columns of it."""
        return self._of_type(values, lambda some, kind: some.astype(kind))

    def _next(self, values: Any, end: float) -> Any:
        """Give the next number that its column has, towards an end."""
        return self._of_type(
            values, lambda some, kind: np.nextafter(some.astype(kind), kind(end))
        )

    def _of_type(self, values: Any, change: Callable[[Any, Any], Any]) -> Any:
        """Change the values of each column, by its type."""
        changed = values.copy()
        for name, at in self._places.items():
            changed[at] = change(values[at], self._whole[name].dtype.type)
        return changed

    def _put(self, values: Any) -> dict[Any, Any]:
        whole = dict(self._whole)
        for name, at in self._places.items():
            whole[name] = whole[name].copy()
            whole[name][at] = values[at]
        return whole

    def borders(self, answer: Callable[[Any], Any]) -> list[pd.DataFrame]:
        """Find rows on both sides of a change, and a number further on each side."""
        low, high = self._low, self._high
        first = answer(self._put(low))
        for _ in range(_HALVES):
            middle = self._rounded(low + (high - low) / 2)
            if ((middle == low) | (middle == high)).all():
                break
            found = answer(self._put(middle))
            is_same = (found == first).reshape(len(low), -1).all(axis=1)
            low, high = np.where(is_same, middle, low), np.where(is_same, high, middle)
        beyond = [self._next(side, end) for side in (low, high) for end in ENDS]
        return [self._frame(side) for side in (low, high, *beyond)]

    def _frame(self, values: Any) -> pd.DataFrame:
        rows = self._rows.copy()
        for name, column in self._put(values).items():
            if name in self._places:
                rows[name] = column
        return rows
