"""Whether two models answer the same, on rows of X and on rows that X does not have."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from runtime.tabular.columns import Column

TOLERANCE = 1e-5  # of a probability; of a number, as a share of all numbers' range
MADE_ROWS = 5000  # with values in other company
_ODD = 50  # values between two neighbours, of each column
_EXTREMES = (0.0, -1.0, 1.0, -1e10, 1e10, -1e30, 1e30)
_HOLES = 0.2  # share of missing values, where any may be missing
_CHOSEN = 0  # the same rows are made each time


class Different(Exception):
    """The engine would answer something else, or cannot be made."""


class Comparison:
    """A model, what is to answer in its place, and rows of X, `(n_rows, n_features)`.

    Raises: Different, once both do not say the same.
    """

    def __init__(
        self, model: Any, fast: Any, rows: pd.DataFrame, columns: tuple[Column, ...]
    ) -> None:
        self._model, self._fast = model, fast
        self._rows, self._columns = rows, columns
        self._chance = np.random.default_rng(_CHOSEN)
        self._has_shares = hasattr(model, "predict_proba")
        self._range = self._largest = 0.0
        if not hasattr(model, "classes_"):
            expected = np.asarray(model.predict(rows), dtype="float64")
            self._range = float(np.ptp(expected)) or 1.0
            self._largest = float(np.abs(expected).max())

    def run(self) -> list[str | int]:
        """Compare all. Returns: the columns without a value of which the model fails.

        ONNX would answer such a row, so it is for the schema to refuse it.
        """
        self._compare(self._rows)
        self._compare(self._mixed())
        odd = [
            self._with(column.name, values)
            for column in self._columns
            for values in self._odd(column)
        ]
        self._compare(pd.concat(odd))  # together, as a call may take long
        required = [column.name for column in self._columns if self._needs(column)]
        self._compare(self._with_holes(required))
        return required

    def _some(self, n_rows: int) -> pd.DataFrame:
        chosen = self._chance.integers(len(self._rows), size=n_rows)
        return self._rows.iloc[chosen].reset_index(drop=True)

    def _mixed(self) -> pd.DataFrame:
        """Make rows whose values come from different rows."""
        drawn = {name: self._some(MADE_ROWS)[name] for name in self._rows}
        return pd.DataFrame(drawn)

    def _odd(self, column: Column) -> Iterator[list[Any]]:
        """Give values that the column may get, and may not have had."""
        if column.is_text:
            yield ["no such text", "none either", ""]
        elif not column.dtype.lower().startswith("bool"):
            known = np.unique(self._rows[column.name].dropna().to_numpy("float64"))
            between = (known[1:] + known[:-1]) / 2
            yield list(self._chance.permutation(between)[:_ODD])
            yield [2 * known[0] - known[-1], 2 * known[-1] - known[0], *_EXTREMES]

    def _with(self, name: Any, values: list[Any]) -> pd.DataFrame:
        """Put each value into some rows."""
        times = min(20, max(2, 1000 // len(self._columns)))
        rows = self._some(len(values) * times)
        rows[name] = _array(values * times, self._rows[name].dtype)
        return rows

    def _needs(self, column: Column) -> bool:
        """Say whether the model refuses a row without this column's value."""
        rows = self._with(column.name, [None])
        try:
            self._model.predict(rows)
        except Exception:  # noqa: BLE001 -- the estimator's, of any kind
            return True
        self._compare(rows)
        return False

    def _with_holes(self, required: list[str | int]) -> pd.DataFrame:
        """Make rows in which any value but the required ones may be missing."""
        rows = self._mixed()
        for column in self._columns:
            if column.name not in required:
                whole = rows[column.name]
                holes = self._chance.random(len(rows)) < _HOLES
                values = whole.astype(object).mask(holes, None)
                rows[column.name] = _array(values.tolist(), whole.dtype)
        return rows

    def _compare(self, rows: pd.DataFrame) -> None:
        if not len(rows):
            return
        try:
            expected = np.asarray(self._model.predict(rows))
        except Exception as exc:
            message = f"it refuses what ONNX would answer: {exc}"
            raise Different(message) from exc
        apart = self._apart(rows, expected)
        if not (apart <= TOLERANCE).all():
            worst = int(np.argmax(np.nan_to_num(apart, nan=np.inf)))
            row = rows.iloc[worst].to_dict()
            message = f"its answers differ by {apart[worst]:.2g}, for example to {row}"
            raise Different(message)

    def _apart(self, rows: pd.DataFrame, expected: Any) -> Any:
        """Say how far the answers are apart, `(n_rows,)`; other labels are so by 1."""
        found = self._fast.predict(rows)
        if found.shape != expected.shape:
            message = f"it gives {found.shape} answers, not {expected.shape}"
            raise Different(message)
        if self._range:
            beyond = np.clip(np.abs(expected) - self._largest, 0, None)
            apart = np.abs(found - expected) / (self._range + beyond)
            return apart.reshape(len(rows), -1).max(axis=1)
        other = (found != expected).astype("float64")
        if not self._has_shares:
            return other
        shares = self._model.predict_proba(rows)
        first, second = np.sort(shares, axis=1)[:, :-3:-1].T
        other[first - second < TOLERANCE] = 0  # a tie
        apart = np.abs(self._fast.predict_proba(rows) - shares).max(axis=1)
        return np.maximum(apart, other)


def _array(values: list[Any], dtype: Any) -> Any:
    """Make a column of a type, or of the one that it has with such values in it."""
    series = pd.Series(values, dtype=object)
    if dtype.kind == "b" and series.isna().any():
        return series
    fits = (v is not None and v == int(v) and abs(v) < 2.0**63 for v in values)
    if dtype.kind in "iu" and not all(fits):
        dtype = "float64"
    return series.astype(dtype).array
