"""Rows that X does not have, and a request may: a model is asked about these too."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from runtime.models.conversion.borders import ENDS, Search
from runtime.tabular.columns import Column

MADE_ROWS = 5000  # with values in other company
_ODD = 50  # values between two neighbours, of each column
_EXTREMES = (0.0, -1.0, 1.0, -1e10, 1e10, -1e30, 1e30)
_HOLES = 0.2  # share of missing values, where any may be missing
_AT_THRESHOLDS = 0.3  # share of values
_PAIRS = 200  # of rows between which a border is searched
_CHOSEN = 0  # the same rows are made each time


class MadeRows:
    """Rows that are made of those of X, `(n_rows, n_features)`; the same each time."""

    def __init__(self, rows: pd.DataFrame, columns: tuple[Column, ...]) -> None:
        self._rows, self._columns = rows, columns
        self._chance = np.random.default_rng(_CHOSEN)

    def _some(self, n_rows: int) -> pd.DataFrame:
        chosen = self._chance.integers(len(self._rows), size=n_rows)
        return self._rows.iloc[chosen].reset_index(drop=True)

    def mixed(self) -> pd.DataFrame:
        """Make rows whose values come from different rows."""
        drawn = {name: self._some(MADE_ROWS)[name] for name in self._rows}
        return pd.DataFrame(drawn)

    def odd(self) -> pd.DataFrame:
        """Make rows with values that a column may get, and may not have had."""
        rows = [
            self.having(column.name, values)
            for column in self._columns
            for values in self._odd_values(column)
        ]
        return pd.concat(rows) if rows else self._rows[:0]

    def _odd_values(self, column: Column) -> Iterator[list[Any]]:
        if column.dtype == "category":
            return  # a request has none but the known ones
        if column.is_text:
            yield ["no such text", "none either", ""]
        elif not column.is_boolean:
            known = np.unique(self._rows[column.name].dropna().to_numpy("float64"))
            between = (known[1:] + known[:-1]) / 2
            yield list(self._chance.permutation(between)[:_ODD])
            yield [2 * known[0] - known[-1], 2 * known[-1] - known[0], *_EXTREMES]

    def having(self, name: Any, values: list[Any]) -> pd.DataFrame:
        """Put each value into some rows."""
        times = min(20, max(2, 1000 // len(self._columns)))
        rows = self._some(len(values) * times)
        rows[name] = _array(values * times, self._rows[name].dtype)
        return rows

    def with_holes(self, required: list[str | int]) -> pd.DataFrame:
        """Make rows in which any value but the required ones may be missing."""
        rows = self.mixed()
        for column in self._columns:
            if column.name not in required:
                whole = rows[column.name]
                holes = self._chance.random(len(rows)) < _HOLES
                values = whole.astype(object).mask(holes, None)
                rows[column.name] = _array(values.tolist(), whole.dtype)
        return rows

    def at_thresholds(self, known: dict[Any, Any]) -> pd.DataFrame:
        """Make rows with values at thresholds of trees, and a number beside them.

        `known` has the thresholds by column.
        """
        rows = self.mixed()
        for name, thresholds in known.items():
            at = self._chance.random(len(rows)) < _AT_THRESHOLDS
            values = _as_floats(rows[name])
            chosen = self._chance.choice(beside(thresholds), len(rows))
            rows[name] = np.where(at, chosen.astype(values.dtype), values)
        return rows

    def at_borders(self, answers: list[Callable[[Any], Any]]) -> pd.DataFrame:
        """Make rows on both sides of where an answer changes, a number apart.

        One value of a row goes to that of another row, and the distance is halved until
        no number is left between.
        """
        kinds = {name: self._rows[name].dtype for name in self._rows}
        names = [name for name, dtype in kinds.items() if dtype.kind in "fiu"]
        made = [self._rows[:0]]
        for answer in answers if names else []:
            rows = self._some(_PAIRS)
            for name in names:
                rows[name] = _as_floats(rows[name])
            search = Search(rows, self._some(_PAIRS), names, self._chance)
            made += search.borders(answer)
        return pd.concat(made)


def beside(thresholds: Any) -> Any:
    """Give thresholds and the next number on both sides, in float64 and in float32."""
    kinds = thresholds.astype("float64"), thresholds.astype("float32")
    sides = [np.nextafter(kind, kind.dtype.type(end)) for kind in kinds for end in ENDS]
    return np.concatenate([*kinds, *sides]).astype("float64")


def _as_floats(column: Any) -> Any:
    """Give the numbers of a column, some of which are missing, in floating point."""
    is_single = (
        column.dtype.kind == "f" and column.dtype.itemsize < np.float64().itemsize
    )
    return column.to_numpy("float32" if is_single else "float64", na_value=np.nan)


def _array(values: list[Any], dtype: Any) -> Any:
    """Make a column of a type, or of the one that it has with such values in it."""
    series = pd.Series(values, dtype=object)
    series = series.where(series.notna(), None)  # pandas' own types have another
    if dtype.kind == "b" and series.isna().any():
        return series
    fits = (v is not None and v == int(v) and abs(v) < 2.0**63 for v in series)
    if dtype.kind in "iu" and not all(fits):
        dtype = "float64"
    return series.astype(dtype).array
