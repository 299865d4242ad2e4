"""The files of a channel -> one DataFrame, whatever their number and order.

pandas gives the columns of a file types of their own; `column_types` says what a column
of the channel is. So a column of CSV that is numbers here and text there is read again,
as text.
"""

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from runtime.data import advice, column_types, kinds
from runtime.data.arrow_files import read_jsonl, read_parquet
from runtime.data.csv_files import read_csv
from runtime.data.files import format_of, list_files, needs_threads
from runtime.data.options import ColumnOption, ColumnOptions
from runtime.data.partitions import partition_columns
from runtime.errors import ClientError
from runtime.resources import cpu_count

_READERS: dict[str, Callable[..., pd.DataFrame]] = {
    "CSV": read_csv,
    "TSV": read_csv,
    "Parquet": read_parquet,
    "JSON Lines": read_jsonl,
}
_SPELT = ("CSV", "TSV")


def read(
    folder: Path, learned: kinds.Learned | None = None, **options: Any
) -> pd.DataFrame:
    """Read all files of a channel, sub-folders too (T-27), sorted by path.

    They are CSV, Parquet or JSON Lines; the names of folders `name=value` are columns
    too. `options` are pandas' of `read_csv`: `header=None` for files without a header
    line, whose columns are then "0", "1", ...; `dtype={"zip": "str"}` for text as it
    is written. What is text in the channel that was `learned` from is read as text.

    Returns: `(n_rows, n_columns)`. Where a column takes other texts for missing than
    `cells.NA_VALUES`, `attrs["missing"]` lists them by its name; `attrs["left_out"]`
    has the types of columns that were left out, as no request can spell them, and
    `attrs["notes"]` what the log says of columns. Raises: ClientError, which names the
    file, and the line or the column.
    """
    files = list_files(folder)
    form = format_of(folder, files)
    if form == "TSV" and "delimiter" not in options:
        options = {"sep": "\t", **options}
    declared = ColumnOptions(options, typed=form not in _SPELT)
    reader = partial(_READERS[form], options=declared)
    frames = dict(zip(files, _read_files(files, reader), strict=True))
    left_out = _compare(frames, form)
    folders = partition_columns(frames, declared)
    frame = _concatenate([*frames.values()])
    frame[[*folders]] = folders
    own = {str(name): declared.column(str(name)) for name in frame}
    inferred = [name for name in own if own[name].dtype is None]
    mixed = [name for name in inferred if column_types.is_mixed(frame[name])]
    if declared.typed:
        _refuse_types(mixed, frames)
    elif learned:
        own |= (texts := _known_texts(own, learned))
        mixed += [n for n in texts if frame[n].dtype != "str" and n not in mixed]
    if mixed:
        as_text = partial(reader, as_text=mixed)
        frame[mixed] = _concatenate(_read_files(files, as_text, mixed))
    spelt = [*map(str, folders)] if declared.typed else [*own]
    frame = column_types.finish(frame, own, spelt)
    notes = [*advice.of_texts(frame, own, spelt)]
    if learned:
        kinds.refuse_others(frame[inferred], learned, folder.name)
    else:
        notes = [*advice.of_files(files, frames, declared), *notes]
    print(*notes, sep="\n", end="\n" if notes else "")
    missing = column_types.na_texts(frame, own)
    frame.attrs |= {"missing": missing, "left_out": left_out, "notes": notes}
    return frame


def _compare(frames: dict[str, pd.DataFrame], form: str) -> dict[str, str]:
    """Hold files against each other. Returns: what was left out."""
    _say_headers([*frames.values()])
    left_out = _leave_out(frames)
    if form != "JSON Lines":  # in which an absent key is a missing cell
        _refuse_other_columns(frames)
    return left_out


def _known_texts(
    own: dict[str, ColumnOption], learned: kinds.Learned
) -> dict[str, ColumnOption]:
    """Declare as text what another channel has as text, where nothing is declared."""
    return {
        name: option._replace(dtype="str")
        for name, option in own.items()
        if option.dtype is None and learned.kinds.get(name) == kinds.TEXT
    }


def _read_files(
    files: dict[str, Path],
    reader: Callable[[Path], pd.DataFrame],
    only: list[str] | None = None,
) -> list[pd.DataFrame]:
    """Read files, some at a time, or some of their columns.

    Raises: ClientError, which names the file.
    """

    def read_one(name: str) -> pd.DataFrame:
        try:
            frame = reader(files[name])
        except Exception as exc:
            message = f"cannot read {name}: {exc}".strip()
            raise ClientError(message) from exc
        return frame[only] if only else frame

    # Of large files pandas and Arrow read one at a time with all CPUs.
    threads = cpu_count() if any(map(needs_threads, files.values())) else 1
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        warnings.simplefilter("error", pd.errors.ParserWarning)  # cells are lost
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # see `is_mixed`
        return [*pool.map(read_one, files)]


def _say_headers(frames: list[pd.DataFrame]) -> None:
    if n_rows := sum(frame.attrs.get("headers", 0) for frame in frames):
        print(f"rows left out, because the header stands there again: {n_rows}")


def _leave_out(frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Say which columns the files are read without, and drop their empty namesakes.

    For where a file has no value in a column, its type is another.
    """
    lists = (frame.attrs.get("left_out", {}).items() for frame in frames.values())
    left_out = dict(chain.from_iterable(lists))
    for name, found in left_out.items():
        for file, frame in frames.items():
            if name in frame and frame[name].notna().any():
                message = (
                    f"column {name!r} has the type {found} in other files than {file}: "
                    "write it alike in all files"
                )
                raise ClientError(message)
            if name in frame:
                del frame[name]
        why = f"no request can spell its type {found}"
        if found.startswith(("timestamp", "date")):
            why = f"its type is {found}, and parse_dates=[{name!r}] reads it"
        print(f"column {name!r} is left out: {why}")
    return left_out


def _refuse_other_columns(frames: dict[str, pd.DataFrame]) -> None:
    first, expected = next(iter(frames.items()))
    for file, frame in frames.items():
        if not frame.columns.equals(expected.columns):
            message = (
                f"{file} has the columns {', '.join(frame.columns)}, "
                f"but {first} has {', '.join(expected.columns)}"
            )
            raise ClientError(message)


def _concatenate(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Join the rows of all files; what has no common type becomes objects."""
    frames = [frame for frame in frames if len(frame)] or frames[:1]
    found: dict[Any, set[str]] = {}
    for frame in frames:
        for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
            found.setdefault(name, set()).add(dtype.kind)
    # To pandas true and 2 are 1 and 2.
    unlike = [n for n, held in found.items() if len(held) > 1 and not held <= {*"iuf"}]
    if unlike:
        frames = [f.astype({n: "object" for n in unlike if n in f}) for f in frames]
    return pd.concat(frames, ignore_index=True)


def _refuse_types(mixed: list[str], frames: dict[str, pd.DataFrame]) -> None:
    """Refuse that types meet in a format in which cells have types."""
    if not mixed:
        return
    name, held = mixed[0], dict[str, str]()
    for file, frame in frames.items():
        if name in frame and frame[name].notna().any():
            kind = pd.api.types.infer_dtype(frame[name], skipna=True)
            held.setdefault(kinds.KINDS.get(kind, kinds.NUMBERS), file)
    seen = ", ".join(f"{kind} in {file}" for kind, file in held.items())
    message = (
        f"column {name!r} holds {seen}: write it alike in all files, or have it "
        f"read as text, dtype={{{name!r}: 'str'}}"
    )
    raise ClientError(message)
