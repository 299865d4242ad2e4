"""Whether two models answer the same, on rows of X and on rows that X does not have."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from runtime.models.engine import answers_several, framed
from runtime.tabular.columns import Column

TOLERANCE = 1e-5  # of a probability; of a number, as a share of all numbers' range
MADE_ROWS = 5000  # with values in other company
_ODD = 50  # values between two neighbours, of each column
_EXTREMES = (0.0, -1.0, 1.0, -1e10, 1e10, -1e30, 1e30)
_HOLES = 0.2  # share of missing values, where any may be missing
_AT_THRESHOLDS = 0.3  # share of values
_TIE = 1e-9  # of two shares in float64; in float32 it is TOLERANCE
_PAIRS = 200  # of rows between which a border is searched
_HALVES = 70  # of a distance: then there is no number left in it
_ENDS = (-np.inf, np.inf)
_SHOWN = 8  # columns of an example
_CHOSEN = 0  # the same rows are made each time


class Different(Exception):
    """The engine would answer something else, or cannot be made."""


def refuse(is_so: Any, why: str) -> None:
    """Raise Different with a reason, if that is so."""
    if is_so:
        raise Different(why)


class Comparison:
    """A model, what is to answer in its place, and rows of X, `(n_rows, n_features)`.

    One that `has_steps`, as trees have, answers in steps, whose borders are searched.
    `thresholds` are those that are known, by column.
    Raises: Different, once both do not say the same.
    """

    def __init__(
        self,
        model: Any,
        fast: Any,
        rows: pd.DataFrame,
        columns: tuple[Column, ...],
        *,
        has_steps: bool = False,
        thresholds: dict[Any, Any] | None = None,
    ) -> None:
        self._model, self._fast, self._has_steps = model, fast, has_steps
        self._framed = framed(model)  # which asks a forest once for both
        is_single = any(column.is_single for column in columns)
        self._tie = TOLERANCE if is_single else _TIE
        self._rows, self._columns = rows, columns
        self._thresholds = thresholds or {}
        self._chance = np.random.default_rng(_CHOSEN)
        self._has_shares = hasattr(model, "predict_proba")
        self._range = self._largest = 0.0
        if not hasattr(model, "classes_"):
            expected = np.asarray(self._framed.predict(rows), dtype="float64")
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
        required = self._required()
        self._compare(self._with_holes(required))
        self._compare(self._at_borders())
        if self._thresholds:
            self._compare(self._at_thresholds())
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
        if column.dtype == "category":
            return  # a request has none but the known ones
        if column.is_text:
            yield ["no such text", "none either", ""]
        elif not column.is_boolean:
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

    def _required(self) -> list[str | int]:
        """Find the columns without whose value the model refuses a row."""
        rows = [self._with(column.name, [None]) for column in self._columns]
        with suppress(Different):  # most models refuse none
            self._compare(pd.concat(rows))
            return []
        pairs = zip(self._columns, rows, strict=True)
        return [column.name for column, some in pairs if self._refuses(some)]

    def _refuses(self, rows: pd.DataFrame) -> bool:
        """Say whether the model refuses rows that ONNX answers."""
        try:
            self._framed.predict(rows)
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

    def _at_thresholds(self) -> pd.DataFrame:
        """Make rows with values at thresholds of trees, and a number beside them."""
        rows = self._mixed()
        for name, thresholds in self._thresholds.items():
            at = self._chance.random(len(rows)) < _AT_THRESHOLDS
            values = _as_floats(rows[name])
            chosen = self._chance.choice(beside(thresholds), len(rows))
            rows[name] = np.where(at, chosen.astype(values.dtype), values)
        return rows

    def _at_borders(self) -> pd.DataFrame:
        """Make rows on both sides of where the answer changes, a number apart.

        One value of a row goes to that of another row, and the distance is halved until
        no number is left between. The fast model is asked, as it is fast: where it
        changes, the other is to change too.
        """
        kinds = {name: self._rows[name].dtype for name in self._rows}
        names = [name for name, dtype in kinds.items() if dtype.kind in "fiu"]
        made = [self._rows[:0]]
        for answer in self._answers if names else []:
            rows = self._some(_PAIRS)
            for name in names:
                rows[name] = _as_floats(rows[name])
            search = Search(rows, self._some(_PAIRS), names, self._chance)
            made += search.borders(answer)
        return pd.concat(made)

    @property
    def _answers(self) -> list[Callable[[Any], Any]]:
        """What may change at a border: a score of float64 alone is not exact there."""
        fast = self._fast
        steps = [lambda rows: _whole(fast.predict_proba(rows))]
        steps = steps if self._has_shares else [fast.predict]
        has_labels = hasattr(self._model, "classes_")
        if has_labels and not self._has_shares:
            return []
        if has_labels and self._decides_by_share():
            steps.append(fast.predict)
        return steps if self._has_steps else steps[1:]

    def _decides_by_share(self) -> bool:
        """Say whether a label is that of the largest share, of which a tie is known."""
        if answers_several(self._model):
            return True
        final = getattr(self._model, "steps", [("", self._model)])[-1][1]
        if "Threshold" in type(final).__name__:  # which may be next to a half
            return False
        places = self._framed.predict_proba(self._rows).argmax(axis=1)
        labels = self._model.classes_[places]
        return bool((labels == self._framed.predict(self._rows)).all())

    def _compare(self, rows: pd.DataFrame) -> None:
        if not len(rows):
            return
        try:
            expected, shares = _answers(self._framed, rows, self._has_shares)
        except Exception as exc:
            message = self._refused(rows)
            raise Different(message) from exc
        apart = self._apart(rows, expected, shares)
        if not (apart <= TOLERANCE).all():
            worst = int(np.argmax(np.nan_to_num(apart, nan=np.inf)))
            row = _shown(rows.iloc[worst : worst + 1])
            message = (
                f"ONNX's answers differ by {apart[worst]:.2g}, for example to {row}"
            )
            raise Different(message)

    def _refused(self, rows: pd.DataFrame) -> str:
        """Say which row the model refuses, of some of which it refuses one."""
        for place in range(len(rows)):
            row = rows.iloc[place : place + 1]
            try:
                self._framed.predict(row)
            except Exception:  # noqa: BLE001 -- the estimator's, of any kind
                return f"it refuses a row that ONNX would answer: {_shown(row)}"
        return "it refuses rows that ONNX would answer"

    def _apart(self, rows: pd.DataFrame, expected: Any, shares: Any) -> Any:
        """Say how far the answers are apart, `(n_rows,)`; other labels are so by 1."""
        found, fast_shares = _answers(self._fast, rows, self._has_shares)
        if found.shape != expected.shape:
            message = f"ONNX gives {found.shape} answers, not {expected.shape}"
            raise Different(message)
        if (found.dtype.kind == "f") != (expected.dtype.kind == "f"):
            message = f"ONNX gives {found.dtype}, not {expected.dtype}"
            raise Different(message)
        if self._range:
            beyond = np.clip(np.abs(expected) - self._largest, 0, None)
            with np.errstate(invalid="ignore"):  # of two infinities, which are equal
                apart = np.abs(found - expected) / (self._range + beyond)
            apart[found == expected] = 0
            return apart.reshape(len(rows), -1).max(axis=1)
        other = (found != expected).astype("float64")
        if not self._has_shares:
            return other.reshape(len(rows), -1).max(axis=1)
        is_tied = _leads(shares, other.ndim > 1) < self._tie
        other[is_tied] = 0
        other = other.reshape(len(rows), -1).max(axis=1)
        apart = np.abs(_whole(fast_shares) - _whole(shares))
        apart = np.maximum(apart.max(axis=1), other)
        if expected.dtype.kind == "f" and expected.ndim > 1:  # of a chain of labels
            apart[is_tied.any(axis=1)] = 0  # those after a tie follow it
        return apart


def _whole(shares: Any) -> Any:
    """Put the shares of several labels side by side."""
    return np.hstack(shares) if isinstance(shares, list) else shares


def _leads(shares: Any, is_of_labels: bool) -> Any:  # noqa: FBT001 -- private
    """Say how far the first class is before the second, of a label or of each."""
    if isinstance(shares, list):
        return np.stack([_leads(each, False) for each in shares], axis=1)  # noqa: FBT003
    if is_of_labels:  # or not
        return np.abs(2 * shares - 1)
    first, *others = np.sort(shares, axis=1)[:, ::-1].T
    return first - (others[0] if others else 0)


def beside(thresholds: Any) -> Any:
    """Give thresholds and the next number on both sides, in float64 and in float32."""
    kinds = thresholds.astype("float64"), thresholds.astype("float32")
    sides = [
        np.nextafter(kind, kind.dtype.type(end)) for kind in kinds for end in _ENDS
    ]
    return np.concatenate([*kinds, *sides]).astype("float64")


def _as_floats(column: Any) -> Any:
    """Give the numbers of a column, some of which are missing, in floating point."""
    is_single = (
        column.dtype.kind == "f" and column.dtype.itemsize < np.float64().itemsize
    )
    return column.to_numpy("float32" if is_single else "float64", na_value=np.nan)


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
        rounded = values.copy()
        for name, at in self._places.items():
            rounded[at] = values[at].astype(self._whole[name].dtype)
        return rounded

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
        sides = [
            low,
            high,
            *(self._next(side, to) for side in (low, high) for to in _ENDS),
        ]
        return [self._frame(side) for side in sides]

    def _next(self, values: Any, end: Any) -> Any:
        further = values.copy()
        for name, at in self._places.items():
            kind = self._whole[name].dtype.type
            further[at] = np.nextafter(values[at].astype(kind), kind(end))
        return further

    def _frame(self, values: Any) -> pd.DataFrame:
        rows = self._rows.copy()
        for name, column in self._put(values).items():
            if name in self._places:
                rows[name] = column
        return rows


def _answers(model: Any, rows: pd.DataFrame, has_shares: bool) -> tuple[Any, Any]:  # noqa: FBT001
    """Give what a model predicts, and the shares of classes where it has some."""
    if not has_shares:
        return np.asarray(model.predict(rows)), None
    if not hasattr(model, "predict_and_proba"):  # of several labels a row
        return np.asarray(model.predict(rows)), model.predict_proba(rows)
    labels, shares = model.predict_and_proba(rows)
    return np.asarray(labels), shares


def _shown(row: pd.DataFrame) -> str:
    """Give a row as text: the first columns of many."""
    (values,) = row.to_dict("records")
    shown = [f"{name}={value!r}" for name, value in values.items()]
    return ", ".join(shown[:_SHOWN] + ["…"] * (len(shown) > _SHOWN))


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
