"""Which rows a job keeps for its end: held-out ones, and a sample of X.

Predictor is asked about the former, and ONNX is compared on the latter. They are so few
that a fresh process reads them in a moment.
"""

import re
from typing import Any

import numpy as np
import pandas as pd

from runtime.errors import ClientError
from runtime.evaluation.predictions import in_form_of

MOST_ROWS = 1000
MOST_CELLS = 1_000_000  # about
CHANNEL = "channel"  # in the attrs of a frame: where it was read


def as_fitted(model: Any, X: Any) -> Any:
    """Give the columns of X by the names and in the order of `fit`.

    An array is as it is, and so is X for a model that knows no names. Raises:
    ClientError for a column that is missing.
    """
    names = getattr(model, "feature_names_in_", None)
    if names is None or not isinstance(X, pd.DataFrame):
        return X
    absent = [name for name in names if name not in X.columns]
    if not absent:
        return _ordered(X, names)
    spelt = {re.sub(r"\s", "_", str(name)) for name in X.columns}
    if spelt.issuperset(absent):  # LightGBM's own spelling, and it knows what to do
        return X
    where = f"channel {X.attrs[CHANNEL]!r}" if CHANNEL in X.attrs else "X"
    message = (
        f"{where} lacks {', '.join(map(repr, absent))}, of the columns that the model "
        f"was fitted on; it has {', '.join(map(repr, X.columns))}"
    )
    raise ClientError(message)


def rows_like(X: Any, held_out: Any) -> pd.DataFrame:
    """Give the rows that the end of a job predicts, with the columns of X.

    They are held-out rows, matched by name or, where they have no names, by place; rows
    of X where there are none, or where they lack a column.
    """
    fitted, rows = pd.DataFrame(X), pd.DataFrame(held_out)
    if held_out is None:
        return fitted
    absent = [name for name in fitted.columns if name not in rows.columns]
    if not absent:
        return _ordered(rows, fitted.columns)
    nameless = isinstance(rows.columns, pd.RangeIndex)
    if nameless and len(rows.columns) == len(fitted.columns):
        return rows.set_axis(fitted.columns, axis="columns")
    names = ", ".join(map(repr, absent))
    print(f"the held-out rows lack {names}: rows of X are predicted in their place")
    return fitted


def _ordered(rows: pd.DataFrame, names: Any) -> pd.DataFrame:
    """Take columns by name, and say which are left."""
    if more := [name for name in rows.columns if name not in set(names)]:
        columns = ", ".join(map(repr, more))
        print(f"the model was not fitted on {columns}: left out of the held-out rows")
    return rows[list(names)]


def some(X: Any) -> pd.DataFrame:
    """Take rows, in their order: if there are many, some from everywhere."""
    rows = pd.DataFrame(X)
    most = min(MOST_ROWS, MOST_CELLS // max(1, rows.shape[1]) + 1)
    if len(rows) <= most:
        return rows
    chosen = np.random.default_rng(0).choice(len(rows), most, replace=False)
    return rows.iloc[np.sort(chosen)]


def answers(model: Any, X: Any, rows: pd.DataFrame) -> list[Any] | None:
    """Ask the model itself; None where it is no estimator, or takes other rows."""
    try:
        found = [*np.asarray(model.predict(in_form_of(X, rows))).tolist()]
    except Exception:  # noqa: BLE001 -- the model's, of any kind
        return None
    return found if len(found) == len(rows) else None


def with_extremes(X: Any) -> pd.DataFrame:
    """Take rows of X, among them the lowest and the highest of each column."""
    rows = pd.DataFrame(X)
    some = rows.sample(min(len(rows), MOST_ROWS), random_state=0)
    numbers = rows.select_dtypes("number").reset_index(drop=True)
    ends = [*numbers.idxmin(skipna=True), *numbers.idxmax(skipna=True)]
    return pd.concat([some, rows.iloc[sorted({int(end) for end in ends})]])
