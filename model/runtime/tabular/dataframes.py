"""DataFrames of X: what a schema learns of one, and one made of the values of rows.

All that serving asks of pandas is here, so that a server without a DataFrame (`rows:
Rows` in the Predictor) never imports it: that takes a third of a second.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from runtime.errors import ClientError
from runtime.tabular import cells
from runtime.tabular.cells_at_once import listed
from runtime.tabular.columns import Column, missing_texts, spelling_of_numbers

_dtype = cache(pd.api.types.pandas_dtype)
_INTEGERS = [f"{sign}int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u")]
_SMALL = _INTEGERS[:4]  # which float32 holds
_OWN_TYPES: Any = {n: n.replace("u", "U").replace("i", "I") for n in _INTEGERS}
_OWN_TYPES |= {"float32": "Float32", "float64": "Float64"}
MAX_CATEGORIES = 100  # a text column with more distinct values is free text


def learn(
    X: Any, na_values: Mapping[str, Iterable[str]] | None = None
) -> tuple[Column, ...]:
    """Describe the columns of X, `(n_rows, n_features)`. Raises: ClientError.

    `na_values` gives the texts of a missing cell, by the name of a column, where they
    are not `cells.NA_VALUES`; other names in it are left alone.
    """
    dtypes = check(X)
    frame = pd.DataFrame(X)
    own = {name: tuple(texts) for name, texts in (na_values or {}).items()}
    for name in frame:
        if frame[name].isna().all():
            message = f"column {name!r} has no value in any row: leave it out"
            raise ClientError(message)
    learned = (_learn(frame[name], dtypes[name]) for name in frame)
    return tuple(
        replace(c, na_values=_na_values(c, frame[c.name], own.get(str(c.name))))
        for c in learned
    )


def _na_values(
    column: Column, values: "pd.Series[Any]", own: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """Leave out what X has as text: where `fit` saw "", an empty cell is "" too."""
    if not column.is_text or values.isna().any():
        return own
    return missing_texts(own, values.unique())


def check(X: Any) -> dict[Any, str]:
    """Give the dtypes of X by column, as `Column` names them.

    Raises: ClientError for what no request can spell, with the line that cures it.
    """
    if hasattr(X, "tocsr"):
        message = (
            "X is a sparse matrix, which has no columns that a request could spell: "
            "fit a pipeline on the DataFrame that it was made of, "
            "make_pipeline(vectorizer, model), or on pd.DataFrame(X.toarray())"
        )
        raise ClientError(message)
    frame = pd.DataFrame(X)
    if isinstance(frame.columns, pd.MultiIndex):
        message = (
            "the columns of X have names of several levels, and a request has one: "
            'X.columns = ["_".join(map(str, name)) for name in X.columns]'
        )
        raise ClientError(message)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        message = f"two columns have the name {twice!r}"
        raise ClientError(message)
    return {name: _checked(frame[name]) for name in frame}


def _learn(values: "pd.Series[Any]", dtype: str) -> Column:
    """Describe a column of X; the example is synthetic: a median, or a mode."""
    name: Any = _plain(values.name)  # an index of int64 has numpy's own
    described = Column(name, dtype, has_none=_has_none(values))
    if dtype.startswith("category"):
        categories = tuple(values.cat.categories.tolist())
        spelling = spelling_of_numbers(categories) if described.is_text else ""
        return replace(
            described,
            example=_plain(values.mode().iloc[0]),
            categories=categories,
            ordered=bool(values.cat.ordered),
            number_spelling=spelling,
        )
    if described.is_boolean:
        return replace(described, example=bool(values.mode().iloc[0]))
    if not described.is_text:
        return replace(described, example=_median(values, dtype))
    counts = values.value_counts()
    texts = tuple(sorted(counts.index))
    described = replace(described, number_spelling=spelling_of_numbers(texts))
    if len(counts) >= MAX_CATEGORIES:
        return replace(described, example="text")
    return replace(described, example=counts.index[0], categories=texts)


def _median(values: "pd.Series[Any]", dtype: str) -> Any:
    if not pd.api.types.is_numeric_dtype(values.dtype):  # a date
        return values.dropna().sort_values().iloc[values.count() // 2].isoformat()
    low, high = (
        float(values.quantile(0.5, interpolation=side)) for side in ("lower", "higher")
    )
    median = low / 2 + high / 2  # their sum may be too large
    return round(median) if "int" in dtype.lower() else median


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _has_none(values: "pd.Series[Any]") -> bool:
    """Say whether a missing cell is None, which is no NaN to an encoder."""
    if values.dtype != "object":
        return False
    missing = values[values.isna()]
    return bool(len(missing)) and missing.iloc[0] is None


def _checked(values: "pd.Series[Any]") -> str:
    """Give the dtype of a column that a request can spell. Raises: ClientError."""
    name, dtype = values.name, str(values.dtype)
    if isinstance(name, np.integer):  # as an index of int64 has them
        name = int(name)
    if not isinstance(name, str | int):
        message = f"column {name!r}: a column's name is to be text"
        raise ClientError(message)
    if dtype == "category":
        dtype = f"category[{values.cat.categories.dtype}]".replace("[str]", "")
        values = values.cat.categories.to_series()
    if dtype in ("object", "category[object]"):
        held = pd.api.types.infer_dtype(values, skipna=True)
        if held == "boolean":
            dtype = dtype.replace("object", "object[bool]")
        elif held not in ("string", "empty"):
            _refuse(name, f"is of objects that are {_WORDS.get(held, held)}", held)
    if cells.reader(dtype) is None or dtype.startswith(_NO_CATEGORIES):
        _refuse(name, f"has dtype {dtype}, which no request can spell", dtype)
    _refuse_unspelt(name, values)
    return dtype


def _refuse_unspelt(name: Any, values: "pd.Series[Any]") -> None:
    """Refuse values that no request can spell, of types that it can."""
    dtype, known = str(values.dtype).lower(), values.dropna()
    is_date = dtype.startswith(("datetime64[ns", "timestamp[ns"))
    if is_date and (known.dt.nanosecond > 0).any():
        _refuse(name, "has dates with nanoseconds", "nanoseconds")
    is_float = dtype.startswith(("float", "double"))
    if is_float and np.isinf(known.to_numpy("float64")).any():
        _refuse(name, "has infinite numbers", "infinite")


# What is to be written before `fit`, by the first letters of a type.
_CURES = {
    ("timedelta", "duration"): "X[{0}] = X[{0}].dt.total_seconds()",
    ("period",): "X[{0}] = X[{0}].dt.to_timestamp()",
    ("date",): "X[{0}] = pd.to_datetime(X[{0}])",
    ("Sparse",): "X[{0}] = X[{0}].sparse.to_dense()",
    ("integer", "floating", "mixed-integer-float"): "X[{0}] = pd.to_numeric(X[{0}])",
    ("nanoseconds",): "X[{0}] = X[{0}].dt.floor('us')",
    ("infinite",): "X = X.replace([np.inf, -np.inf], np.nan)",
    ("decimal",): "X[{0}] = X[{0}].astype('float64')",
    ("mixed", "category", "interval"): "X[{0}] = X[{0}].astype('str')",
}
_WORDS = {"mixed": "of several types", "mixed-integer": "text and numbers"}
_NO_CATEGORIES = ("category[datetime", "category[float32")


def _refuse(name: Any, why: str, held: str) -> None:
    cures = (cure for kinds, cure in _CURES.items() if held.startswith(kinds))
    cure = next(cures, "X = X.drop(columns=[{0}])").format(repr(name))
    message = f"column {name!r} {why}: before fit, {cure}"
    raise ClientError(message)


def frame(columns: Iterable[Column], values: Iterable[Any]) -> pd.DataFrame:
    """Give rows as they were in `fit`, `(n_rows, n_features)`, of their values."""
    columns = [*columns]
    beside = "float32" if any(c.is_single for c in columns) else "float64"
    pairs = zip(columns, values, strict=True)
    return pd.DataFrame({c.name: array(c, some, beside) for c, some in pairs})


def array(column: Column, values: Any, beside: str = "float64") -> Any:
    """Make an array of a column's dtype in `fit`, `(n_rows,)`, of its values.

    `values` are a list, or an array: int64, float64, or objects that are text. Numbers
    that small integers have no room for have the type of those `beside` them: with
    another, an estimator would compute otherwise, for other rows too.
    """
    dtype = column.dtype
    if dtype in ("float64", "float32", "float16"):  # of most columns
        return np.array(values, dtype=dtype)
    if column.is_unknown:
        return _as_they_are(values)
    if dtype.startswith("category"):
        kind = dtype.removeprefix("category").strip("[]").partition("[")[0]
        categories: Any = pd.Index(list(column.categories), dtype=kind or "str")
        return pd.Categorical(values, categories, ordered=column.ordered)
    if dtype == "object[bool]" or column.has_none:
        return _objects(values, None if column.has_none else nan)
    if dtype.endswith("[pyarrow]"):
        return _of_arrow(values, dtype)
    return _by_kind(column, values, beside)


def _by_kind(column: Column, values: Any, beside: str) -> Any:
    if column.dtype == "bool":
        return np.array(values, dtype=object if None in values else bool)
    if column.dtype == "object":
        return pd.Series(values, dtype="object")
    if column.is_text or column.is_boolean:
        # A Series takes three times as long.
        return pd.array(values, dtype=_dtype(column.dtype))
    if column.dtype.startswith("datetime"):
        return _dates(values, column.dtype)
    return _numbers(values, column.dtype, beside)


def _numbers(values: Any, dtype: str, beside: str) -> Any:
    """Make numbers; those of pandas' own types, as Int64, have gaps of their own."""
    own = dtype.startswith(("Int", "UInt", "Float"))
    if "int" in dtype.lower() and _are_integers(values):
        found = _integers(values, dtype.lower())
    elif own and "Int" in dtype and all(v == int(v) for v in _known(values)):
        found = _integers([int(v) for v in _known(values)] or [0], dtype.lower())
        return pd.array(values, dtype=_OWN_TYPES[found.dtype.name])
    else:
        found = np.array(values, dtype="float32" if dtype == "Float32" else "float64")
    if dtype.lower() in _SMALL and found.dtype not in _SMALL:
        found = np.array(values, dtype=beside)
    return pd.array(found, dtype=_OWN_TYPES[found.dtype.name]) if own else found


def _known(values: Any) -> list[Any]:
    return [value for value in values if value == value]  # noqa: PLR0124


def _as_they_are(values: Any) -> Any:
    """Make numbers, text, or true and false of a column, or objects if they meet."""
    values = [_plain(value) for value in listed(values)]
    kinds = {type(value) for value in values if value == value}  # noqa: PLR0124
    if kinds <= {int, float}:
        return np.array(values, dtype="float64")
    if kinds == {str}:
        return pd.array(values, dtype="str")
    whole = kinds == {bool} and len(values) == sum(v == v for v in values)  # noqa: PLR0124
    return np.array(values, dtype=bool if whole else object)


def _objects(values: Any, missing: Any) -> Any:
    """Make objects, with the missing value that `fit` saw."""
    found = [missing if v is None or v != v else v for v in values]  # noqa: PLR0124
    return pd.Series(found, dtype="object")


def _dates(values: list[Any], dtype: str) -> Any:
    """Make dates of datetimes, which are in UTC if they have a time zone."""
    dates: Any = pd.Series(np.array(values, dtype="datetime64[us]"))
    dates = dates.dt.tz_localize("UTC") if "," in dtype else dates
    found = dates.astype(dtype)  # which may be whole seconds
    return found if (found == dates)[dates.notna()].all() else dates


def _of_arrow(values: Any, dtype: str) -> Any:
    """Make a column that Arrow keeps; it has room for what a request can spell."""
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 -- may lack

    if dtype.startswith("timestamp"):
        zone = ", UTC" if "," in dtype else ""
        dates = _dates(values, f"datetime64[us{zone}]")
        try:
            return dates.astype(dtype)
        except pa.ArrowException:  # a fraction, where `fit` had whole seconds
            return dates.astype(f"timestamp[us{', tz=UTC' if zone else ''}][pyarrow]")
    kind = pa.string() if dtype.startswith("string") else None
    own: Any = pd.ArrowDtype(kind) if kind else pd.api.types.pandas_dtype(dtype)
    found: Any = [None if v is None or v != v else v for v in values]  # noqa: PLR0124
    try:
        return pd.array(found, dtype=own)
    except (pa.ArrowException, OverflowError, TypeError):  # a fraction, or a large one
        return np.array(values, dtype="float64")


def _are_integers(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return bool(values.dtype == "int64")
    return all(isinstance(value, int | np.integer) for value in values)


def _integers(values: Any, dtype: str) -> Any:
    """Keep integers exact, in as few bits as `fit` had, or more: nothing overflows.

    An estimator computes in float32 where columns have few bits, else in float64.
    """
    low, high = min(values), max(values)
    for kind in (dtype, *_INTEGERS[_INTEGERS.index(dtype) :]):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return np.array(values, dtype=kind)
    return np.array(values, dtype="float64")
