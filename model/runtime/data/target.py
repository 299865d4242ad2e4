"""The column to predict: rows -> X and y, or the reason why nothing can be learned."""

from difflib import get_close_matches
from typing import Any

import pandas as pd

from runtime.errors import ClientError


def split_target(
    rows: pd.DataFrame, target: str, *, fit: bool = True
) -> tuple[pd.DataFrame, Any]:
    """Split rows into X, `(n_rows, n_features)`, and y, `(n_rows,)`.

    `target` names a column; "" means the first column of files without a header line
    (F-01). Rows without a target are left out, and counted in the log. `fit=False`
    takes rows that nothing can be learned from, to measure on.
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
        print(f"{len(rows) - len(known)} rows without a {name!r} are left out")
        known = known.astype({name: _dtype_without_gaps(known[name])})
    if fit:
        _refuse_unlearnable(known, name)
    return known.drop(columns=name), known[name]


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


def _dtype_without_gaps(y: "pd.Series[Any]") -> Any:
    """Give integers their type back, which a missing one among them had taken."""
    whole = y.dtype.kind == "f" and bool((y % 1 == 0).all())
    return "int64" if whole else y.dtype


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
