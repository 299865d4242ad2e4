"""DataFrames of X: what a schema learns of one, and one made of the values of rows.

All that serving asks of pandas is here, so that a server without a DataFrame (`rows:
Rows` in the Predictor) never imports it: that takes a third of a second.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from runtime.errors import ClientError
from runtime.tabular import cells
from runtime.tabular.columns import Column

MAX_CATEGORIES = 100  # a text column with more distinct values is free text


def learn(
    X: Any, na_values: Mapping[str, Iterable[str]] | None = None
) -> tuple[Column, ...]:
    """Describe the columns of X, `(n_rows, n_features)`. Raises: ClientError.

    `na_values` gives the texts of a missing cell, by the name of a column, where they
    are not `cells.NA_VALUES`; other names in it are left alone.
    """
    frame = pd.DataFrame(X)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        message = f"two columns have the name {twice!r}"
        raise ClientError(message)
    own = {name: tuple(texts) for name, texts in (na_values or {}).items()}
    learned = (_learn(frame[name]) for name in frame)
    return tuple(replace(c, na_values=own.get(str(c.name))) for c in learned)


def _learn(values: "pd.Series[Any]") -> Column:
    """Describe a column of X; the example is synthetic: a median, or a mode."""
    name, dtype = _checked(values)
    if pd.api.types.is_bool_dtype(values.dtype):
        return Column(name, dtype, bool(values.mode().iloc[0]))
    if pd.api.types.is_numeric_dtype(values.dtype):
        low, high = (
            float(values.quantile(0.5, interpolation=side))
            for side in ("lower", "higher")
        )
        median = low / 2 + high / 2  # their sum may be too large
        return Column(name, dtype, round(median) if "int" in dtype.lower() else median)
    counts = values.value_counts()
    if dtype == "category":
        categories, ordered = tuple(values.cat.categories), bool(values.cat.ordered)
        return Column(name, dtype, counts.index[0], categories, ordered)
    if len(counts) >= MAX_CATEGORIES:
        return Column(name, dtype, "text")
    return Column(name, dtype, counts.index[0], tuple(sorted(counts.index)))


def _checked(values: "pd.Series[Any]") -> tuple[str | int, str]:
    """Give name and dtype of a column that a request can spell."""
    name, dtype = values.name, str(values.dtype)
    if isinstance(name, np.integer):  # as an index of int64 has them
        name = int(name)
    if not isinstance(name, str | int):
        message = f"column {name!r}: a column's name is to be text"
        raise ClientError(message)
    if cells.reader(dtype) is None:
        message = f"column {name!r} has dtype {dtype}: fit on numbers or text"
        raise ClientError(message)
    if values.isna().all():
        message = f"column {name!r} has no value in any row: leave it out"
        raise ClientError(message)
    if dtype in ("object", "category") and not all(
        isinstance(value, str) for value in values.dropna()
    ):
        message = (
            f"column {name!r} mixes types, or true and false with missing cells: have "
            f"it read as text, dtype={{{name!r}: 'str'}}"
        )
        raise ClientError(message)
    return name, dtype


def frame(columns: Iterable[Column], values: Iterable[Any]) -> pd.DataFrame:
    """Give rows as they were in `fit`, `(n_rows, n_features)`, of their values."""
    pairs = zip(columns, values, strict=True)
    return pd.DataFrame({column.name: array(column, some) for column, some in pairs})


def array(column: Column, values: Any) -> Any:
    """Make an array of a column's dtype in `fit`, `(n_rows,)`, of its values.

    `values` are a list, or an array: int64, float64, or objects that are text.
    """
    if column.dtype == "any":
        return _as_it_looks(values)
    if column.dtype == "category":
        return pd.Categorical(values, list(column.categories), ordered=column.ordered)
    if column.dtype.lower().startswith("bool"):
        return np.array(values, dtype=object if None in values else bool)
    if column.dtype.startswith(("str", "object")):
        return pd.Series(values, dtype=column.dtype)
    if "int" in column.dtype.lower() and _are_integers(values):
        return _integers(values)
    single = column.dtype.lower() == "float32"
    return np.array(values, dtype="float32" if single else "float64")


def _as_it_looks(values: list[Any]) -> Any:
    """Make numbers of a column in which every cell is one, else text."""
    try:
        return np.array([cells.number(value) for value in values], dtype="float64")
    except ValueError:
        return pd.array([cells.string(value) for value in values], dtype="str")


def _are_integers(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return bool(values.dtype == "int64")
    return all(isinstance(value, int | np.integer) for value in values)


def _integers(values: Any) -> Any:
    """Keep integers exact in 64 bits, also where `fit` had fewer; nothing overflows."""
    if isinstance(values, np.ndarray):
        return values
    low, high = min(values), max(values)
    if low >= -(2**63) and high < 2**63:
        return np.array(values, dtype="int64")
    return np.array(values, dtype="uint64" if low >= 0 and high < 2**64 else "float64")
