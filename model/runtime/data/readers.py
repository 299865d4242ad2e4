"""One file of a channel -> pieces of its columns. This module reads CSV.

A reader gives tasks: asking for the next one reads on in the file, and calling one, in
any thread, gives a piece.
"""

import csv
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pandas as pd
from pandas.io.common import get_handle  # type: ignore[import-not-found]  # no stub

from runtime.data.columns import Piece, Plan, part

try:
    from pyarrow import input_stream  # type: ignore[import-untyped]
except ImportError:
    input_stream = None

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
LARGE = 2**23  # bytes of a file for which all threads are worth their while
_BLOCK = 2**20  # bytes
_REMOTE = ("fuse", "nfs", "lustre")  # FastFile (T-28), EFS, FSx (T-27)
Task = Callable[[], Piece]


def read_csv(file: Path, plan: Plan) -> Iterator[Task]:
    """Read a CSV file: pandas uses all threads for a large one that lies on a disk."""
    if not _in_sequence(file) and file.stat().st_size >= LARGE:
        frame = _parse(file, plan)
        yield lambda: _piece(frame, plan)
    else:
        yield lambda: _piece(_parse(file, plan), plan)


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """Open a file to be read in sequence; undo the compression its suffix names."""
    if file.suffix.lower() == ".zst" and input_stream:  # pandas wants a package
        with input_stream(file, compression="zstd") as stream:
            yield io.BufferedReader(stream)
    else:
        with get_handle(file, "rb", compression="infer", is_text=False) as handles:
            yield handles.handle


@cache
def is_remote(folder: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Say whether files come over a network as they are read: best in sequence."""
    if not mounts.exists():
        return False
    words = [line.split() for line in mounts.read_text().splitlines()]
    kinds = {Path(place): kind for _, place, kind, *_ in words}
    nearest = next(place for place in (folder, *folder.parents) if place in kinds)
    return kinds[nearest].startswith(_REMOTE)


def _in_sequence(file: Path) -> bool:
    """Say whether pandas has to take a file as a stream."""
    packed = file.suffix.lower() in COMPRESSED
    return packed or not file.is_file() or is_remote(file.parent.resolve())


def _parse(file: Path, plan: Plan) -> pd.DataFrame:
    """Parse a file. Raises: what is wrong, with the line of a row that is ragged."""
    options = _options(file, plan)
    try:
        frame = _frame(file, options)
    except (pd.errors.ParserError, pd.errors.ParserWarning) as exc:
        if "EOF inside string" not in str(exc):
            _refuse_ragged(file, plan)
        raise
    if file.is_file():  # a pipe has no second time
        n_rows = len(frame) + (options.get("header", 0) is not None)
        short = "usecols" in options or (
            frame.iloc[:, -1].isna().any()  # so pandas fills up a row that is shorter
            and _separators(file, plan) != n_rows * (frame.shape[1] - 1)
        )
        _refuse_ragged(file, plan, None if short else 2)
    return frame


def _piece(frame: pd.DataFrame, plan: Plan) -> Piece:
    columns = {str(label): values for label, values in frame.items()}
    return {n: part(values, n, plan, typed=False) for n, values in columns.items()}


def _options(file: Path, plan: Plan) -> dict[str, Any]:
    """Give the options of `pandas.read_csv`; of columns by their labels in the file."""
    options = {
        "index_col": False,  # else a row longer than the header moves every column
        "keep_default_na": False,
        **plan.options,
    }
    if plan.uniform:
        return options | {"na_values": sorted(plan.missing("")), "dtype": plan.type("")}
    with opened(file) as stream:
        few = plan.options | {"nrows": 0, "skipfooter": 0}
        names = {label: str(label) for label in pd.read_csv(stream, **few)}
    types = {label: plan.type(name) for label, name in names.items()}
    return options | {
        "na_values": {label: sorted(plan.missing(n)) for label, n in names.items()},
        "dtype": {label: dtype for label, dtype in types.items() if dtype is not None},
    }


def _frame(file: Path, options: dict[str, Any]) -> pd.DataFrame:
    with _source(file) as source:
        frame: pd.DataFrame = pd.read_csv(source, **options)
    objects = frame.columns[frame.dtypes == "object"]
    large = [n for n in objects if pd.api.types.infer_dtype(frame[n]) == "integer"]
    if large:  # beyond 64 bits pandas asks Python, to which 1_000 is a number
        options = options | {
            "dtype": (options["dtype"] or {}) | dict.fromkeys(large, "str")
        }
        with _source(file) as source:
            frame = pd.read_csv(source, **options)
    return frame


def _source(file: Path) -> AbstractContextManager[Any]:
    """Give pandas a path, which it may read in several places at once, or a stream."""
    return opened(file) if _in_sequence(file) else nullcontext(file)


def _refuse_ragged(file: Path, plan: Plan, n_rows: int | None = None) -> None:
    """Raise ValueError for a row that is longer or shorter than the first."""
    sep = plan.options.get("sep", ",")
    others = plan.options.keys() - {"header", "sep", "names", "usecols", "decimal"}
    if others or not isinstance(sep, str) or len(sep) > 1:
        return  # what a row is depends on the options
    with opened(file) as stream:
        rows = islice(_rows(stream, sep), n_rows)
        start, names = next(rows)
        for line, row in rows:
            if len(row) != len(names):
                message = f"line {line} has {len(row)} cells, line {start} {len(names)}"
                raise ValueError(message)


def _separators(file: Path, plan: Plan) -> int | None:
    """Count the separators of a file in which nothing is quoted."""
    sep = str(plan.options.get("sep", ",")).encode()
    found = 0
    with opened(file) as stream:
        while block := stream.read(_BLOCK):
            if b'"' in block:
                return None
            found += block.count(sep)
    return found


def _rows(stream: IO[bytes], sep: str) -> Iterator[tuple[int, list[str]]]:
    """Give the rows that are not blank, each with the number of its first line."""
    csv.field_size_limit(sys.maxsize)
    with io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=sep)
        line = 1
        for row in reader:
            if row and not (len(row) == 1 and row[0].isspace()):
                yield line, row
            line = reader.line_num + 1
