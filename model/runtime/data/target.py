"""The column to predict: rows -> X and y, and whether y is classes or numbers.

Neither the labels nor the task depend on whether a cell is missing, or 1 is spelt 1.0.
"""

from difflib import get_close_matches
from typing import Any, Literal

import pandas as pd

from runtime.errors import ClientError

MOST_CLASSES = 20  # different whole numbers that are classes
_EXACT = 2.0**53  # below it a float64 holds each integer
Task = Literal["classification", "regression"]
_OTHER = {"classification": "regression", "regression": "classification"}


def split_target(
    rows: pd.DataFrame, target: str, *, fit: bool = True
) -> tuple[pd.DataFrame, Any]:
    """Split rows into X, `(n_rows, n_features)`, and y, `(n_rows,)`.

    `target` names a column; "" means the first column of files without a header line
    (F-01). Rows without a target are left out, and counted in the log. In y whole
    numbers are integers, true and false are bool. `fit=False` takes rows that nothing
    can be learned from, to measure on.
    Raises: ClientError.
    """
    name = target or rows.columns[0]
    if name not in rows:
        message = f"there is no target column {name!r}; {_hint(rows, name)}"
        raise ClientError(message)
    if not target:
        _refuse_header(rows)
    known = rows[rows[name].notna()]
    if len(known) < len(rows):
        where = (
            f"channel {rows.attrs['channel']!r}: " if "channel" in rows.attrs else ""
        )
        n_rows = len(rows) - len(known)
        what = (
            f"row without a {name!r} is"
            if n_rows == 1
            else f"rows without a {name!r} are"
        )
        print(f"{where}{n_rows} {what} left out")
    if fit:
        _refuse_unlearnable(known, name)
    return known.drop(columns=name), _without_gaps(known[name])


def infer_task(y: Any, task: str = "auto") -> Task:
    """Choose between classification and regression, and say in the log why.

    Text, true and false are classes, and so are whole numbers with at most MOST_CLASSES
    different values, spelt 1 or 1.0; other numbers are regressed. A `task` other than
    "auto" overrides that. Raises: ClientError where y is not fit for it, or there is no
    such task.
    """
    if task not in ("auto", *_OTHER):
        message = f"there is no task {task!r}: say auto, {' or '.join(_OTHER)}"
        raise ClientError(message)
    y = _without_gaps(pd.Series(y).dropna().infer_objects())
    inferred, why = _inferred(y)
    told = f"the target {str(y.name)!r} {why}"
    if task == "auto":
        override = f"; to override it, set task={_OTHER[inferred]}"
        print(f"task: {inferred}, as {told}{override if y.dtype.kind in 'iub' else ''}")
        return inferred
    _refuse_task(y, task)
    print(f"task: {task}, as was asked for; {told}")
    return "classification" if task == "classification" else "regression"


def _inferred(y: "pd.Series[Any]") -> tuple[Task, str]:
    if isinstance(y.dtype, pd.CategoricalDtype):
        return "classification", "is of categories"
    if y.dtype.kind not in "iuf":
        why = "is true or false" if y.dtype.kind == "b" else "is text"
        return "classification", why
    if y.dtype.kind == "f":
        return "regression", "has fractions"
    n_values = y.nunique()
    why = f"has {n_values} different whole numbers (up to {MOST_CLASSES} are classes)"
    return "classification" if n_values <= MOST_CLASSES else "regression", why


def _refuse_task(y: "pd.Series[Any]", task: str) -> None:
    name, kind = str(y.name), y.dtype.kind
    if isinstance(y.dtype, pd.CategoricalDtype):
        kind = y.cat.categories.dtype.kind
    if task == "regression" and kind not in "iufb":
        message = f"task=regression is for numbers: the target {name!r} is text"
        raise ClientError(message)
    if task == "classification" and kind == "f":
        message = (
            f"task=classification is for classes: the target {name!r} has fractions; "
            f"if each is a class, read it as text, dtype={{{name!r}: 'str'}}"
        )
        raise ClientError(message)


def _hint(rows: pd.DataFrame, name: str) -> str:
    left_out = rows.attrs.get("left_out", {})
    if name in left_out:
        return f"its type {left_out[name]} was left out: write numbers or text"
    near = get_close_matches(name, rows.columns, n=1)
    return f"nearest: {near[0]}" if near else f"columns: {', '.join(rows.columns)}"


def _refuse_header(rows: pd.DataFrame) -> None:
    """Find a header line that was read as a row: text above a column of numbers."""
    for name in rows:
        numbers = pd.to_numeric(rows[name], errors="coerce").notna()
        below = rows[name][1:].notna()
        if below.any() and numbers[1:].eq(below).all() and _is_text(rows[name].iloc[0]):
            message = (
                f"the first line looks like a header, {rows[name].iloc[0]!r} above "
                "numbers: name the column to predict in the hyperparameter target"
            )
            raise ClientError(message)


def _without_gaps(y: "pd.Series[Any]") -> "pd.Series[Any]":
    """Give values the type that a missing one among them had taken, or a spelling."""
    if pd.api.types.infer_dtype(y, skipna=False) == "boolean":
        return y.astype("bool")
    if y.dtype.kind == "f" and bool(((y % 1 == 0) & (y.abs() < _EXACT)).all()):
        return y.astype("int64")
    return y


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str) and pd.isna(pd.to_numeric(cell, errors="coerce"))


def _refuse_unlearnable(rows: pd.DataFrame, target: str) -> None:
    values = rows[target].unique().tolist()
    if len(values) < 2:  # noqa: PLR2004 -- two make a difference
        only = f"only the value {values[0]!r}" if values else "no value"
        message = f"target column {target!r} has {only} in {len(rows)} rows"
        raise ClientError(message)
    if rows.shape[1] == 1:
        message = f"there is no column but the target {target!r}"
        raise ClientError(message)
    for name in rows:
        if rows[name].isna().all():
            message = (
                f"column {name!r} has no value in any row: remove it from the data"
            )
            raise ClientError(message)
