"""The type of a column of a channel, which all of its cells say together.

It is the same however the rows were divided among files:

    nothing but missing cells    float64
    true and false               bool; object if cells are missing
    whole numbers                int64; float64 if cells are missing, or beyond int64
    numbers                      float64
    anything else                str, as it is written
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from math import nan
from typing import Any

import pandas as pd

from runtime.data.csv_files import may_hide_missing
from runtime.data.options import ColumnOption
from runtime.errors import ClientError
from runtime.resources import cpu_count
from runtime.tabular import cells
from runtime.tabular.cells import NA_VALUES


def is_mixed(values: "pd.Series[Any]") -> bool:
    """Say whether cells are of several kinds, or numbers too large for an array."""
    alike = ("boolean", "string", "empty")
    inferred = pd.api.types.infer_dtype
    return values.dtype == "object" and inferred(values, skipna=True) not in alike


def finish(
    frame: pd.DataFrame, own: dict[str, ColumnOption], spelt: Collection[str]
) -> pd.DataFrame:
    """Finish columns, some at a time; the cells of those in `spelt` are spelt."""

    def one(name: str) -> "pd.Series[Any]":
        return _finished(frame[name], own[name], typed=name not in spelt)

    with ThreadPoolExecutor(cpu_count()) as pool:
        columns = dict(zip(own, pool.map(one, own), strict=True))
    return pd.DataFrame(columns, copy=False)


def na_texts(frame: pd.DataFrame, own: dict[str, ColumnOption]) -> dict[str, list[str]]:
    """List the texts of a missing cell, where they are not those of all columns."""
    texts = {
        name: o.na_texts if frame[name].dtype == "str" else o.na_others
        for name, o in own.items()
    }
    return {n: sorted(given) for n, given in texts.items() if given != NA_VALUES}


def _finished(
    values: "pd.Series[Any]", own: ColumnOption, *, typed: bool
) -> "pd.Series[Any]":
    """Give a column its type, and make missing what the owner says is missing."""
    dtype = own.dtype
    if values.dtype == "object" and dtype is None:
        values = values.where(values.notna(), nan).infer_objects()
    if values.dtype == "str":
        if typed or may_hide_missing(values):
            values = _without(values, own.na_texts)
        if not typed and dtype is None:
            values = _as_spelt(values)
    if values.dtype.kind in "iuf":
        values = _without(values, own.na_numbers)
    if dtype is not None:
        return _declared(values, dtype)
    if values.dtype == "uint64" or values.isna().all():
        return values.astype("float64")
    return values


def _declared(values: "pd.Series[Any]", dtype: Any) -> "pd.Series[Any]":
    try:
        return values.astype(dtype)
    except (TypeError, ValueError) as exc:
        message = f"column {values.name!r} is no {dtype}: {exc}"
        raise ClientError(message) from exc


def _as_spelt(text: "pd.Series[Any]") -> "pd.Series[Any]":
    """Make text numbers, or true and false, if all of its cells spell such."""
    known = text.dropna()
    if all(map(cells.is_number, known)):
        numbers = text.map(cells.spelt, "ignore")
        return numbers if numbers.dtype == "int64" else numbers.astype("float64")
    if all(cell.lower() in ("true", "false") for cell in known):
        flags = text.astype("object").map(cells.boolean, "ignore")
        return flags.infer_objects()
    return text


def _without(values: "pd.Series[Any]", unwanted: Collection[Any]) -> "pd.Series[Any]":
    if not unwanted:
        return values
    # pandas compares with one value five times as fast as it looks for several.
    found = values.isin([*unwanted]) if len(unwanted) > 1 else values.eq(*unwanted)
    return values.mask(found) if found.any() else values
