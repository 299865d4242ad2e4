"""What a table holds, column by column."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from runtime.evaluation.markup import percent

HEAD = ("column; its range, or most frequent value", "type", "missing", "distinct")
ROWS, COLUMNS = 100_000, 100  # described at most
_WIDTH = 40  # characters of a value


def summarise(frame: pd.DataFrame) -> tuple[list[Sequence[Any]], str]:
    """Give one row under HEAD per column, and how much of the table they describe."""
    some = frame.iloc[:, :COLUMNS]
    if len(some) > ROWS:
        some = some.sample(ROWS, random_state=0)
    size = f"{len(frame):,} rows, {frame.shape[1]:,} columns"
    if some.shape != frame.shape:
        size += f"; {len(some):,} rows of {some.shape[1]} columns are described"
    rows = [_describe(name, some.iloc[:, i]) for i, name in enumerate(some)]
    return rows, f"{size}."


def _describe(name: Any, column: "pd.Series[Any]") -> Sequence[Any]:
    values = column.dropna()
    if column.dtype == "object":
        values = values.astype("str")  # lists, for example, cannot be counted
    missing = len(column) - len(values)
    share = f" ({percent(missing / len(column))})" if missing else ""
    distinct = f"{values.nunique():,}"
    return (name, _range(values)), column.dtype, f"{missing:,}{share}", distinct


def _range(values: "pd.Series[Any]") -> str:
    """Give the least and the largest, or the most frequent and its share."""
    if not len(values):
        return ""
    if values.dtype.kind in "iufmM":
        return f"{_short(values.min())} to {_short(values.max())}"
    counts = values.value_counts()
    return f"{_short(counts.index[0])}: {percent(counts.iloc[0] / len(values))}"


def _short(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
