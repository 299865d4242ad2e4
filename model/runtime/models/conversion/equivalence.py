"""Whether two models answer the same, on rows of X and on rows that X does not have."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from runtime.models.conversion.made_rows import MadeRows
from runtime.models.conversion.parts import steps_of
from runtime.models.conversion.refusal import TOLERANCE, Different, refuse
from runtime.models.engine import answers_several, framed
from runtime.tabular.columns import Column

_TIE = 1e-9  # of two shares in float64; in float32 it is TOLERANCE
_SHOWN = 8  # columns of an example


class Comparison:
    """A model, what is to answer in its place, and rows of X, `(n_rows, n_features)`.

    One that `has_trees` answers in steps, whose borders are searched; `thresholds` are
    those that are known, by column.
    Raises: Different, once both do not say the same.
    """

    def __init__(
        self,
        model: Any,
        fast: Any,
        rows: pd.DataFrame,
        columns: tuple[Column, ...],
        *,
        has_trees: bool = False,
        thresholds: dict[Any, Any] | None = None,
    ) -> None:
        self._model, self._fast, self._has_trees = model, fast, has_trees
        self._framed = framed(model)  # which asks a forest once for both
        is_single = any(column.is_single for column in columns)
        self._tie = TOLERANCE if is_single else _TIE
        self._rows, self._columns = rows, columns
        self._made = MadeRows(rows, columns)
        self._thresholds = thresholds or {}
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
        made = self._made
        self._compare(self._rows)
        self._compare(made.mixed())
        self._compare(made.odd())  # together, as a call may take long
        required = self._required()
        self._compare(made.with_holes(required))
        # The fast model is asked, as it is fast: where it changes, the other is to.
        self._compare(made.at_borders(self._stepped_answers()))
        if self._thresholds:
            self._compare(made.at_thresholds(self._thresholds))
        return required

    def _required(self) -> list[str | int]:
        """Find the columns without whose value the model refuses a row."""
        rows = [self._made.having(column.name, [None]) for column in self._columns]
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

    def _stepped_answers(self) -> list[Callable[[Any], Any]]:
        """List what may jump at a border; labels without shares are not exact there."""
        fast = self._fast
        if not hasattr(self._model, "classes_"):
            return [fast.predict] if self._has_trees else []
        if not self._has_shares:
            return []
        jumping = [fast.predict] if self._has_largest_share() else []
        if self._has_trees:
            return [lambda rows: _whole(fast.predict_proba(rows)), *jumping]
        return jumping

    def _has_largest_share(self) -> bool:
        """Say whether a label is that of the largest share, of which a tie is known."""
        if answers_several(self._model):
            return True
        final = steps_of(self._model)[-1]
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
            raise Different(self._refused(rows)) from exc
        apart = self._apart(rows, expected, shares)
        worst = int(np.argmax(np.nan_to_num(apart, nan=np.inf)))
        row = _shown(rows.iloc[worst : worst + 1])
        why = f"ONNX's answers differ by {apart[worst]:.2g}, for example to {row}"
        refuse(not (apart <= TOLERANCE).all(), why)

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
        why = f"ONNX gives {found.shape} answers, not {expected.shape}"
        refuse(found.shape != expected.shape, why)
        kinds = {found.dtype.kind == "f", expected.dtype.kind == "f"}
        refuse(len(kinds) > 1, f"ONNX gives {found.dtype}, not {expected.dtype}")
        if self._range:
            return _by_row(self._numbers_apart(found, expected))
        other = (found != expected).astype("float64")
        if not self._has_shares:
            return _by_row(other)
        is_tied = _leads(shares, other.ndim > 1) < self._tie
        other[is_tied] = 0
        apart = _by_row(np.abs(_whole(fast_shares) - _whole(shares)))
        apart = np.maximum(apart, _by_row(other))
        if expected.dtype.kind == "f" and expected.ndim > 1:  # of a chain of labels
            apart[is_tied.any(axis=1)] = 0  # those after a tie follow it
        return apart

    def _numbers_apart(self, found: Any, expected: Any) -> Any:
        """Say how far numbers are apart, as a share of their range."""
        beyond = np.clip(np.abs(expected) - self._largest, 0, None)
        with np.errstate(invalid="ignore"):  # of two infinities, which are equal
            apart = np.abs(found - expected) / (self._range + beyond)
        apart[found == expected] = 0
        return apart


def _by_row(apart: Any) -> Any:
    """Give the largest of each row, `(n_rows,)`."""
    return apart.reshape(len(apart), -1).max(axis=1)


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
