"""Cells that are to blame where a model without types has failed."""

import math
from collections.abc import Callable
from typing import Any

from runtime.errors import BadInput
from runtime.tabular.rows import Rows


def refuse_cells(rows: Rows, predict: Callable[[Rows], Any], exc: Exception) -> None:
    """Raise BadInput where cells are to blame that a model without types was given.

    A missing value is, where scikit-learn says so. Text is, in columns of unknown type,
    where the model takes numbers in its place; a row is named if its text is in the
    error, between quotes.
    """
    if isinstance(exc, ValueError) and "contains NaN" in str(exc):  # scikit-learn's
        _refuse_missing(rows, exc)
    unknown = {
        column.name: column for column in rows.schema.columns if column.is_unknown
    }
    cells = ((name, *cell) for name in unknown for cell in enumerate(rows[name], 1))
    texts = [(name, row, v) for name, row, v in cells if isinstance(v, str)]
    if not texts or not isinstance(exc, ValueError | TypeError):
        return
    numbers = [
        [0.0 if isinstance(v, str) else v for v in values] if n in unknown else values
        for n, values in rows.items()
    ]
    try:
        predict(Rows(rows.schema, numbers))
    except Exception:  # noqa: BLE001 -- the owner's: something else is wrong too
        return
    what = "the model fails on the text"
    for name, row, text in texts:
        if f"'{text}'" in str(exc) or f'"{text}"' in str(exc):
            message = f"{what} {text[:50]!r}: expected a number"
            raise BadInput(message, row, name) from exc
    names = [*dict.fromkeys(str(name) for name, _, _ in texts)]
    column = f"column{'s' * (len(names) > 1)} {', '.join(names)}"
    message = f"{what} in {column}: expected numbers"
    raise BadInput(message) from exc


def _refuse_missing(rows: Rows, exc: Exception) -> None:
    for name, values in rows.items():
        for row, value in enumerate(values, 1):
            if isinstance(value, float) and math.isnan(value):
                message = "the model takes no missing value here"
                raise BadInput(message, row, name) from exc
