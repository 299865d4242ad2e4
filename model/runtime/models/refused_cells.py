"""Cells that are to blame where a model has failed."""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from runtime.errors import BadInput, Problem
from runtime.tabular.rows import Rows

_NUMBERS = re.compile(r"np\.\w+\((-?[\d.e+-]+)\)")  # in what scikit-learn says


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


def refuse_unseen(rows: Rows, exc: Exception) -> None:
    """Raise BadInput for categories that an encoder refuses, as it does by default.

    scikit-learn says which they are, but counts columns as the encoder sees them. So
    rows are named where it is sure which column is meant.
    """
    _, found, told = str(exc).partition("Found unknown categories [")
    if not found or not isinstance(exc, ValueError):
        return
    numbers = {float(number) for number in _NUMBERS.findall(told)}
    meant = [*_unseen_texts(rows, told), *_unseen_numbers(rows, numbers)]
    what = "expected a value that the model knows, got"
    problems = [Problem(f"{what} {v!r}", row, name) for name, row, v in meant]
    values = told.partition("] in column")[0]
    raise BadInput.of(problems or [Problem(f"{what} {values}")]) from exc


def _unseen_texts(rows: Rows, told: str) -> Iterator[tuple[str | int, int, str]]:
    for column in rows.schema.columns:
        if column.is_text or column.is_unknown:
            for row, value in enumerate(rows[column.name], 1):
                is_text = isinstance(value, str) and value not in column.categories
                if is_text and repr(value) in told:
                    yield column.name, row, value


def _unseen_numbers(
    rows: Rows, unseen: set[float]
) -> Iterator[tuple[str | int, int, float]]:
    """Find numbers, if they stand in one column alone."""
    columns = [c.name for c in rows.schema.columns if not c.is_text]
    found = [
        (name, row, value)
        for name in columns
        for row, value in enumerate(rows[name].tolist(), 1)
        if isinstance(value, int | float) and value in unseen
    ]
    if len({name for name, _, _ in found}) == 1:
        yield from found


def _refuse_missing(rows: Rows, exc: Exception) -> None:
    for name, values in rows.items():
        for row, value in enumerate(values, 1):
            if isinstance(value, float) and math.isnan(value):
                message = "the model takes no missing value here"
                raise BadInput(message, row, name) from exc
