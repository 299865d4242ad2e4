"""What a table holds, column by column."""

from typing import Any

import numpy as np
import pandas as pd

ROWS, COLUMNS = 100_000, 100  # described at most
_WIDTH = 40  # characters of a value


def summarise(frame: pd.DataFrame) -> tuple[list[dict[str, Any]], str]:
    """Describe each column, and say how much of the table is described."""
    some = frame.iloc[:, :COLUMNS]
    if len(some) > ROWS:
        some = some.sample(ROWS, random_state=0)
    size = f"{len(frame):,} rows, {frame.shape[1]:,} columns"
    if some.shape != frame.shape:
        size += f"; {len(some):,} rows of {some.shape[1]} columns are described"
    return [_describe(name, some.iloc[:, i]) for i, name in enumerate(some)], f"{size}."


def short(value: Any) -> str:
    """Write a value in 40 characters at most."""
    text = f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _describe(name: Any, column: "pd.Series[Any]") -> dict[str, Any]:
    """Give the least and the largest value, or the most frequent and its share."""
    values, told = column.dropna(), {"name": name, "type": column.dtype}
    if column.dtype == "object":
        values = values.astype("str")  # lists, for example, cannot be counted
    told |= {"distinct": values.nunique(), "missing": len(column) - len(values)}
    told["rows"] = len(column)
    if len(values) and values.dtype.kind in "iufmM":
        return told | {"range": f"{short(values.min())} to {short(values.max())}"}
    counts = values.value_counts(normalize=True)
    top = (
        {"range": short(counts.index[0]), "share": counts.iloc[0]}
        if len(values)
        else {}
    )
    return told | {"range": ""} | top
