"""A channel's files -> one DataFrame, and that into X and y."""

import os
import warnings
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from runtime.cells import MISSING
from runtime.errors import ClientError

SUFFIXES = ("", ".csv", ".txt", ".data")  # Spark's part-00000 has none (F-03)
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")


def read(folder: Path, **options: Any) -> pd.DataFrame:
    """Read all CSV files of a channel, sub-folders too (T-27), sorted by path.

    `options` are pandas': `header=None` for files without a header line; their columns
    are named "0", "1", ... Raises: ClientError, which names the file.
    """
    files = sorted(_files(folder))
    if not files:
        message = f"channel {folder.name!r} is empty: no file in {folder}"
        raise ClientError(message)
    frames = [_read_file(file, folder, options) for file in files]
    for file, frame in zip(files, frames, strict=True):
        if list(frame) != list(frames[0]):
            message = (
                f"{_name(file, folder)} has the columns {', '.join(map(str, frame))}, "
                f"but {_name(files[0], folder)} has {', '.join(map(str, frames[0]))}"
            )
            raise ClientError(message)
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    return _text_as_text(pd.concat(filled, ignore_index=True))


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
        near = get_close_matches(name, rows.columns, n=1)
        hint = f"nearest: {near[0]}" if near else f"columns: {', '.join(rows.columns)}"
        message = f"there is no target column {name!r}; {hint}"
        raise ClientError(message)
    if not target:
        _refuse_header(rows)
    known = rows[rows[name].notna()]
    if len(known) < len(rows):
        print(f"{len(rows) - len(known)} rows without a {name!r} are left out")
        known = known.astype({name: _narrowest(known[name])})
    if fit:
        _refuse_unlearnable(known, name)
    return known.drop(columns=name), known[name]


def _files(folder: Path) -> Iterator[Path]:
    """List the files of a channel; names with . or _ in front are not data (F-03)."""

    def refuse(exc: OSError) -> None:
        message = f"cannot read the folder {exc.filename}: {exc.strerror}"
        raise ClientError(message) from exc

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        for name in names:
            if not name.startswith((".", "_")):
                yield Path(place, name)


def _read_file(file: Path, folder: Path, options: dict[str, Any]) -> pd.DataFrame:
    suffixes = [s.lower() for s in file.suffixes if s.lower() not in COMPRESSED]
    if (suffixes or [""])[-1] not in SUFFIXES:
        message = f"{_name(file, folder)} is not CSV: give it a name that ends in .csv"
        raise ClientError(message)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells are lost
            frame: pd.DataFrame = pd.read_csv(file, **_OPTIONS | options)
    except Exception as exc:  # each decompressor has errors of its own
        message = f"cannot read {_name(file, folder)}: {exc}".strip()
        raise ClientError(message) from exc
    return frame.set_axis(list(map(str, frame.columns)), axis="columns")


_OPTIONS: dict[str, Any] = {
    "na_values": sorted(MISSING),
    "keep_default_na": False,
    "index_col": False,  # else a row longer than the header moves every column
    "low_memory": False,  # one type a column, not one a chunk
}


def _text_as_text(rows: pd.DataFrame) -> pd.DataFrame:
    """Give text columns their type back, where some file had nothing in them."""
    for name in rows.columns[rows.dtypes == "object"]:
        if all(isinstance(value, str) for value in rows[name].dropna()):
            rows[name] = rows[name].astype("str")
    return rows


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


def _narrowest(y: "pd.Series[Any]") -> Any:
    """Give integers their type back, which a missing one among them had taken."""
    whole = y.dtype.kind == "f" and bool((y % 1 == 0).all())
    return "int64" if whole else y.dtype


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str) and pd.isna(pd.to_numeric(cell, errors="coerce"))


def _refuse_unlearnable(rows: pd.DataFrame, target: str) -> None:
    """Refuse what no estimator can learn from."""
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


def _name(file: Path, folder: Path) -> str:
    """Give a file's name as the owner knows it: channel/path."""
    return str(file.relative_to(folder.parent))
