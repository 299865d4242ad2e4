"""One file of a channel, read in sequence and once (T-28) -> pieces of its columns.

A reader gives tasks: asking for the next one reads on, calling one parses what was
read, in any thread. So one thread reads, and others parse. This module reads CSV.
"""

import csv
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from math import nan
from pathlib import Path
from typing import IO, Any

import pandas as pd
from pandas.api.types import infer_dtype
from pandas.io.common import get_handle  # type: ignore[import-not-found]  # no stub

from runtime import cells
from runtime.columns import Piece, Plan, part

try:
    from pyarrow import input_stream  # type: ignore[import-untyped]
except ImportError:
    input_stream = None

BLOCK = 2**22  # bytes that one task parses, at least
_BLOCK_OF_A_COLUMN = 2**14  # likewise: each column of a task has its price
_PLAIN = {"header", "sep"}  # options with which rows are read one like the other
Task = Callable[[], Piece]


class InOnePiece(Exception):
    """The file cannot be read block by block: `whole` can, or says what is wrong."""


def read_csv(file: Path, plan: Plan) -> Iterator[Task]:
    """Cut a CSV file into blocks of rows. A task may raise InOnePiece."""
    header, sep = plan.options.get("header", 0), plan.options.get("sep", ",")
    plain = header in (0, "infer", None) and isinstance(sep, str) and len(sep) == 1
    if not plain or plan.options.keys() - _PLAIN:
        raise InOnePiece
    header = None if header is None else 0
    with opened(file) as stream:
        first = next(blocks(stream), b"")
        labels = list(pd.read_csv(io.BytesIO(first), **plan.options, nrows=0))
        options = _options(plan, labels) | {"names": labels}
        size = max(BLOCK, _BLOCK_OF_A_COLUMN * len(labels))
        for block in chain([first], blocks(stream, size)):
            yield partial(_parse, block, sep, options | {"header": header}, plan)
            header = None


def whole(file: Path, plan: Plan) -> Piece:
    """Read a CSV file at once, with any of pandas' options, in the main thread.

    Raises: what is wrong, with the line of a row that is too short or too long.
    """
    with opened(file) as stream:
        data = stream.read()
    few = plan.options | {"nrows": 0, "skipfooter": 0}
    labels = list(pd.read_csv(io.BytesIO(data), **few))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells are lost
            frame = _frame(data, _options(plan, labels))
    except (pd.errors.ParserError, pd.errors.ParserWarning) as exc:
        if "EOF inside string" not in str(exc):
            _refuse_ragged(data, plan)
        raise
    short = "usecols" in plan.options or frame.iloc[:, -1].isna().any()
    _refuse_ragged(data, plan, None if short else 2)
    return _piece(frame, plan)


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """Open a file, and undo the compression that its suffix names."""
    if file.suffix.lower() == ".zst" and input_stream:  # pandas wants a package
        with input_stream(file, compression="zstd") as stream:
            yield io.BufferedReader(stream)
    else:
        with get_handle(file, "rb", compression="infer", is_text=False) as handles:
            yield handles.handle


def blocks(stream: IO[bytes], size: int = BLOCK) -> Iterator[bytes]:
    """Cut a stream at line ends outside of quotes: before them, quotes are even."""
    room = bytearray(size)
    while n_bytes := stream.readinto(room):  # type: ignore[attr-defined]
        lines, quotes = [memoryview(room)[:n_bytes]], room.count(b'"', 0, n_bytes)
        while line := stream.readline():
            lines.append(memoryview(line))
            quotes += line.count(b'"')
            if quotes % 2 == 0:
                break
        yield b"".join(lines)


def _options(plan: Plan, labels: list[Any]) -> dict[str, Any]:
    """Give the options of `pandas.read_csv` for a file with these columns."""
    dtypes = {
        label: "str" if plan.is_text(str(label)) else plan.dtype(str(label))
        for label in labels
    }
    words = {label: sorted(plan.missing(str(label))) for label in labels}
    first = words[labels[0]]
    return {
        "index_col": False,  # else a row longer than the header moves every column
        "low_memory": False,  # one type a column
        "keep_default_na": False,
        "na_values": first if all(w == first for w in words.values()) else words,
        "dtype": {label: dtype for label, dtype in dtypes.items() if dtype is not None},
        **plan.options,
    }


def _parse(block: bytes, sep: str, options: dict[str, Any], plan: Plan) -> Piece:
    try:
        frame = _frame(block, options)
        ragged = _is_ragged(block, sep, frame, header=options["header"] is not None)
    except Exception as exc:
        raise InOnePiece from exc
    if ragged:
        raise InOnePiece
    return _piece(frame, plan)


def _frame(data: bytes, options: dict[str, Any]) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_csv(io.BytesIO(data), **options)
    large = [
        label
        for label, v in frame.items()
        if v.dtype == "object" and infer_dtype(v, skipna=True) == "integer"
    ]
    if large:  # beyond 64 bits pandas leaves it to Python, to which 1_000 is a number
        dtype = options["dtype"] | dict.fromkeys(large, "str")
        frame = pd.read_csv(io.BytesIO(data), **options | {"dtype": dtype})
    return frame


def _is_ragged(block: bytes, sep: str, frame: pd.DataFrame, *, header: bool) -> bool:
    """Find what pandas lets pass: a first row that is longer, and shorter rows."""
    width = frame.shape[1]
    rows = _rows(block, sep)
    if not frame.iloc[:, -1].isna().any():
        rows = islice(rows, 1 + header)
    elif b'"' not in block:
        n_rows = len(frame) + header
        return block.count(sep.encode()) != n_rows * (width - 1)
    return any(len(row) != width for _, row in rows)


def _refuse_ragged(data: bytes, plan: Plan, n_rows: int | None = None) -> None:
    """Raise ValueError for a row that is longer or shorter than the first."""
    if plan.options.keys() - _PLAIN - {"names", "usecols", "decimal"}:
        return  # what a row is depends on the options
    rows = islice(_rows(data, plan.options.get("sep", ",")), n_rows)
    start, names = next(rows)
    for line, row in rows:
        if len(row) != len(names):
            message = f"line {line} has {len(row)} cells, line {start} {len(names)}"
            raise ValueError(message)


def _rows(data: bytes, sep: str) -> Iterator[tuple[int, list[str]]]:
    """Give the rows that are not blank, each with the number of its first line."""
    csv.field_size_limit(sys.maxsize)
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")
    reader = csv.reader(text, delimiter=sep)
    line = 1
    for row in reader:
        if row and not (len(row) == 1 and row[0].isspace()):
            yield line, row
        line = reader.line_num + 1


def _piece(frame: pd.DataFrame, plan: Plan) -> Piece:
    piece = {}
    for label, values in frame.items():
        name = str(label)
        declared = plan.is_text(name) or plan.dtype(name) is not None
        if values.dtype.kind == "O" and not declared:
            values = _repaired(values, plan.missing(name))  # noqa: PLW2901
        piece[name] = part(values, name, plan)
    return piece


def _repaired(values: "pd.Series[Any]", words: cells.Words) -> "pd.Series[Any]":
    """Read what pandas leaves as text after a whole number beyond 64 bits.

    That are numbers, and texts of missing cells.
    """
    full = (str(v) for v in values if not (pd.isna(v) or v in words))
    if not cells.is_number(next(full, "")):
        return values
    values = values.mask(values.isin(words))
    try:
        read = [nan if pd.isna(v) else float(cells.spelt(str(v))) for v in values]
    except ValueError:
        return values
    return pd.Series(read, dtype="float64")
