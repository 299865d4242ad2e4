"""The files of a channel -> one DataFrame, whatever their number and order.

pandas gives the columns of a file types of their own. What a column of the channel is,
all of its cells say together, the same however the rows were divided among files:

    nothing but missing cells    float64
    true and false               bool; object if cells are missing
    whole numbers                int64; float64 if cells are missing, or beyond int64
    numbers                      float64
    anything else                str, as it is written

So a column of CSV that is numbers here and text there is read again, as text.
"""

import os
import warnings
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from runtime.data.options import ColumnOptions
from runtime.data.readers import COMPRESSED, Columns, read_csv, read_jsonl, read_parquet
from runtime.errors import ClientError
from runtime.resources import cpu_count
from runtime.tabular import cells

_READERS: dict[str, Callable[..., Columns]] = {
    "CSV": read_csv,
    "Parquet": read_parquet,
    "JSON Lines": read_jsonl,
}
_FORMATS = {
    **dict.fromkeys(("", ".csv", ".txt", ".data"), "CSV"),  # part-00000 has no suffix
    **dict.fromkeys((".parquet", ".pq"), "Parquet"),
    **dict.fromkeys((".jsonl", ".jsonlines", ".ndjson"), "JSON Lines"),
}
_KINDS = {"string": "text", "boolean": "true and false"}


def read(folder: Path, **options: Any) -> pd.DataFrame:
    """Read all files of a channel, sub-folders too (T-27), sorted by path.

    They are CSV, Parquet or JSON Lines. `options` are pandas' of `read_csv`:
    `header=None` for files without a header line, whose columns are then "0", "1", ...;
    `dtype={"zip": "str"}` for text as it is written.

    Returns: `(n_rows, n_columns)`. Where a column takes other texts for missing than
    `cells.MISSING`, `attrs["missing"]` lists them by its name.
    Raises: ClientError, which names the file, and the line or the column.
    """
    files = _files(folder)
    form = _format(folder, files)
    declared = ColumnOptions(options, typed=form != "CSV")
    reader = partial(_READERS[form], options=declared)
    tables = _read_files(files, reader)
    _align(tables, fill=form == "JSON Lines")
    columns = _concatenate(tables)
    mixed = [n for n in columns if declared.dtype(n) is None and _is_mixed(columns[n])]
    if mixed and form != "CSV":
        _refuse_types(mixed[0], _read_files(files, reader, mixed[:1]))
    if mixed:
        as_text = partial(reader, as_text=mixed)
        columns |= _concatenate(_read_files(files, as_text, mixed))
    for name in columns:
        columns[name] = _finish(columns[name], name, declared)
    words = {
        name: declared.na_values(name, text=values.dtype == "str")
        for name, values in columns.items()
    }
    frame = pd.DataFrame(columns, copy=False)
    frame.attrs["missing"] = {
        name: sorted(its_words)
        for name, its_words in words.items()
        if its_words != cells.MISSING
    }
    return frame


def _files(folder: Path) -> dict[str, Path]:
    """List the files of a channel, by the names that the owner knows: channel/path.

    Files and folders whose names begin with . or _ are not data (F-03).
    """

    def refuse(exc: OSError) -> None:
        message = f"cannot read the folder {exc.filename}: {exc.strerror}"
        raise ClientError(message) from exc

    paths = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        paths += [Path(place, n) for n in names if not n.startswith((".", "_"))]
    if not paths:
        message = f"channel {folder.name!r} is empty: no file in {folder}"
        raise ClientError(message)
    return {str(path.relative_to(folder.parent)): path for path in sorted(paths)}


def _format(folder: Path, files: dict[str, Path]) -> str:
    """Find the one format of all files. Raises: ClientError."""
    examples: dict[str, Path] = {}
    for name, path in files.items():
        suffixes = [s for s in map(str.lower, path.suffixes) if s not in COMPRESSED]
        form = _FORMATS.get((suffixes or [""])[-1])
        if form is None:
            message = (
                f"{name} is not CSV, Parquet or JSON Lines: give it a name that "
                "ends in .csv, .parquet or .jsonl"
            )
            raise ClientError(message)
        examples.setdefault(form, path.relative_to(folder))
    if len(examples) > 1:
        found = " and ".join(f"{form} ({path})" for form, path in examples.items())
        message = f"channel {folder.name!r} has {found}: keep one format in a channel"
        raise ClientError(message)
    return next(iter(examples))


def _read_files(
    files: dict[str, Path],
    reader: Callable[[Path], Columns],
    names: list[str] | None = None,
) -> dict[str, Columns]:
    """Read files, some at a time; of their columns only `names`, if there are any.

    Raises: ClientError, which names the file.
    """

    def read_one(name: str) -> Columns:
        try:
            columns = reader(files[name])
        except Exception as exc:
            message = f"cannot read {name}: {exc}".strip()
            raise ClientError(message) from exc
        return {n: v for n, v in columns.items() if names is None or n in names}

    with warnings.catch_warnings(), ThreadPoolExecutor(cpu_count()) as pool:
        warnings.simplefilter("error", pd.errors.ParserWarning)  # cells are lost
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # see `_is_mixed`
        return dict(zip(files, pool.map(read_one, files), strict=True))


def _align(tables: dict[str, Columns], *, fill: bool) -> None:
    """Refuse files with different columns, or fill up those that a file lacks."""
    names = dict.fromkeys(name for columns in tables.values() for name in columns)
    first, expected = next(iter(tables.items()))
    for file, columns in tables.items():
        if fill:
            absent = pd.Series(nan, next(iter(columns.values())).index)
            tables[file] = {name: columns.get(name, absent) for name in names}
        elif list(columns) != list(expected):
            message = (
                f"{file} has the columns {', '.join(columns)}, "
                f"but {first} has {', '.join(expected)}"
            )
            raise ClientError(message)


def _concatenate(tables: dict[str, Columns]) -> Columns:
    """Join the columns of all files, which are freed on the way."""
    columns = {}
    for name in [*next(iter(tables.values()))]:
        parts = [table.pop(name) for table in tables.values()]
        parts = [part for part in parts if len(part)] or parts[:1]
        kinds = {part.dtype.kind for part in parts}
        if len(kinds) > 1 and not kinds <= {*"iuf"}:  # to pandas true and 2 are [1, 2]
            parts = [part.astype("object") for part in parts]
        columns[name] = pd.concat(parts, ignore_index=True) if parts[1:] else parts[0]
    return columns


def _is_mixed(values: "pd.Series[Any]") -> bool:
    """Say whether cells are of several kinds, or numbers too large for an array."""
    alike = ("boolean", "string", "empty")
    inferred = pd.api.types.infer_dtype
    return values.dtype == "object" and inferred(values, skipna=True) not in alike


def _refuse_types(name: str, tables: dict[str, Columns]) -> None:
    """Refuse that types meet in a format in which cells have types."""
    held: dict[str, str] = {}
    for file, columns in tables.items():
        values = columns.get(name, pd.Series(dtype="float64"))
        if values.notna().any():
            kind = pd.api.types.infer_dtype(values, skipna=True)
            held.setdefault(_KINDS.get(kind, "numbers"), file)
    seen = ", ".join(f"{kind} in {file}" for kind, file in held.items())
    message = (
        f"column {name!r} holds {seen}: write it alike in all files, or have it "
        f"read as text, dtype={{{name!r}: 'str'}}"
    )
    raise ClientError(message)


def _finish(
    values: "pd.Series[Any]", name: str, declared: ColumnOptions
) -> "pd.Series[Any]":
    """Give a column its type, and make missing what the owner says is missing."""
    dtype = declared.dtype(name)
    if values.dtype == "object" and dtype is None:
        values = values.where(values.notna(), nan).infer_objects()
    if values.dtype.kind in "iuf":
        values = _without(values, declared.na_numbers(name))
    elif values.dtype == "str":  # behind a number beyond 64 bits pandas leaves some
        values = _without(values, declared.na_values(name))
    if dtype is not None:
        try:
            return values.astype(dtype)
        except (TypeError, ValueError) as exc:
            message = f"column {name!r} is no {dtype}: {exc}"
            raise ClientError(message) from exc
    if values.dtype == "uint64" or values.isna().all():
        return values.astype("float64")
    spelt = values.dtype == "str" and not declared.typed
    if spelt and all(map(cells.is_number, values.dropna())):
        return values.map(lambda v: float(cells.spelt(v)), "ignore").astype("float64")
    return values


def _without(values: "pd.Series[Any]", unwanted: Collection[Any]) -> "pd.Series[Any]":
    found = values.isin([*unwanted]) if unwanted else None
    return values if found is None or not found.any() else values.mask(found)
