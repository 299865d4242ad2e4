"""One CSV file of a channel -> its columns, as pandas says what its cells are.

It raises what is wrong with a file; channel.py adds its name.
"""

import csv
import io
import sys
from collections.abc import Collection, Iterator
from contextlib import nullcontext
from functools import partial
from itertools import islice
from math import nan
from pathlib import Path
from typing import IO, Any

import pandas as pd

from runtime.data.files import in_sequence, opened
from runtime.data.options import ColumnOptions
from runtime.tabular.cells import is_number

_BLOCK = 2**22  # bytes
_FIRST = 1000  # rows whose numbers are looked at as they are spelt
_SEPARATORS = (";", "\t", "|")
_CODE = r"\s*(0\d|\d+[eE]\d{1,2}\s*$)"  # what programs do not write for a number
_DIGITS = len(str(2**63))


def read_csv(
    file: Path, options: ColumnOptions, as_text: Collection[str] = ()
) -> pd.DataFrame:
    """Read a CSV file; pandas uses all CPUs for a large one that lies on a disk.

    Rows that are the header again, in the middle of files that were joined, are left
    out where they alone make text of numbers; `attrs["headers"]` counts them.
    Raises: what is wrong, with the line of a row that is longer or shorter.
    """
    try:
        frame = _parsed_csv(file, options, as_text)
    except UnicodeDecodeError as exc:
        if "encoding" in options.others:
            raise
        message = (
            f"it is not UTF-8 ({exc.reason}): if it is text, read it with "
            'encoding="latin-1", or what it was written in'
        )
        raise ValueError(message) from exc
    frame.columns = pd.Index([str(label) for label in frame])
    return frame if options.others.get("header", 0) is None else _without_header(frame)


def _parsed_csv(
    file: Path, options: ColumnOptions, as_text: Collection[str]
) -> pd.DataFrame:
    try:
        # pandas reads what has a path in several places at once.
        with opened(file) if in_sequence(file) else nullcontext(file) as source:
            frame: pd.DataFrame = pd.read_csv(
                source, **_keywords(file, options, as_text)
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as exc:
        if "EOF inside string" not in str(exc):
            _refuse_separator(file, options)
            _refuse_ragged(file, options)
        raise
    if frame.shape[1] == 1:
        _refuse_separator(file, options)
    if file.is_file():  # a pipe has no second time
        short = _may_be_short(file, frame, options)
        _refuse_ragged(file, options, None if short else 2)
    return frame


def leading_zeros(
    file: Path, frame: pd.DataFrame, options: ColumnOptions
) -> dict[str, str]:
    """Find numbers that may be codes, as 00501 and 1E5 are, in a CSV file's head.

    Returns: the first such cell of each column that was inferred to be numbers.
    """
    labels = map(str, frame)
    names = [n for n in labels if frame[n].dtype.kind in "if" and not options.dtype(n)]
    if not names or not file.is_file():
        return {}
    keywords = _keywords(file, options, names) | {"nrows": _FIRST, "skipfooter": 0}
    with opened(file) if in_sequence(file) else nullcontext(file) as source:
        head = pd.read_csv(source, **keywords)
    head.columns = pd.Index([str(label) for label in head])
    cells = {n: head[n][head[n].str.match(_CODE, na=False)] for n in names}
    return {name: str(found.iloc[0]) for name, found in cells.items() if len(found)}


def may_hide_missing(text: "pd.Series[Any]") -> bool:
    """Say whether pandas may have left missing cells as they are written.

    It does so behind a number beyond 64 bits, which has 19 digits or more.
    """
    return bool(text.str.len().max() >= _DIGITS)


def _keywords(
    file: Path, options: ColumnOptions, as_text: Collection[str]
) -> dict[str, Any]:
    """Give the keywords of `pandas.read_csv`; of columns by their labels there."""
    keywords = {
        "index_col": False,  # else a row longer than the header moves every column
        "keep_default_na": False,
        **options.others,
    }

    def dtype(name: str) -> Any:
        return (
            "str" if name in as_text or options.is_text(name) else options.dtype(name)
        )

    if not (as_text or options.by_column):
        return keywords | {
            "na_values": sorted(options.na_values("")),
            "dtype": dtype(""),
        }
    with opened(file) as stream:
        few = options.others | {"nrows": 0, "skipfooter": 0}
        names = {label: str(label) for label in pd.read_csv(stream, **few)}
    return keywords | {
        "na_values": {
            label: sorted(options.na_values(n)) for label, n in names.items()
        },
        "dtype": {
            label: dtype(n) for label, n in names.items() if dtype(n) is not None
        },
    }


def _may_be_short(file: Path, frame: pd.DataFrame, options: ColumnOptions) -> bool:
    """Say whether pandas may have filled up a row: then its last cell is missing."""
    if "usecols" in options.others:
        return True
    if not frame.iloc[:, -1].isna().any():
        return False
    sep = str(options.others.get("sep", ",")).encode()
    n_rows = len(frame) + (options.others.get("header", 0) is not None)
    with opened(file) as stream:
        blocks = iter(partial(stream.read, _BLOCK), b"")
        found = sum(nan if b'"' in block else block.count(sep) for block in blocks)
    return found != n_rows * (frame.shape[1] - 1)


def _refuse_separator(file: Path, options: ColumnOptions) -> None:
    """Raise ValueError for a header that is one name, with another separator in it."""
    headless = options.others.get("header", 0) is None
    if headless or options.others.keys() - {"header"} or not file.is_file():
        return
    with opened(file) as stream:
        _, names = next(_rows(stream, ","))
    others = [sep for sep in _SEPARATORS if sep in names[0].strip(sep)]
    if len(names) == 1 and others:
        spelt = others[0].replace("\t", "\\t")
        message = f'its header is one name, {names[0]!r}: read it with sep="{spelt}"'
        raise ValueError(message)


def _refuse_ragged(
    file: Path, options: ColumnOptions, n_rows: int | None = None
) -> None:
    """Raise ValueError for a row that is longer or shorter than the first."""
    sep = options.others.get("sep", ",")
    known = {"header", "sep", "names", "usecols", "decimal"}
    if options.others.keys() - known or not isinstance(sep, str) or len(sep) > 1:
        return  # what a row is depends on the options
    with opened(file) as stream:
        rows = islice(_rows(stream, sep), n_rows)
        start, names = next(rows)
        for line, row in rows:
            if len(row) != len(names):
                message = f"line {line} has {len(row)} cells, line {start} {len(names)}"
                raise ValueError(message)


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


def _without_header(frame: pd.DataFrame) -> pd.DataFrame:
    named = [name for name in frame if not str(name).startswith("Unnamed: ")]
    if not named or any(frame[name].dtype not in ("str", "object") for name in named):
        return frame
    again = pd.Series(data=True, index=frame.index)
    for name in frame:
        again &= frame[name].eq(str(name)) if name in named else frame[name].isna()
        if not again.any():
            return frame
    rest = frame[~again]
    if not any(map(_spell_values, (rest[name].dropna() for name in named))):
        return frame
    rest.attrs["headers"] = int(again.sum())
    return rest


def _spell_values(known: "pd.Series[Any]") -> bool:
    """Say whether there are cells, and all spell numbers, or all true and false."""
    texts = [*map(str, known)]
    are_flags = all(text.lower() in ("true", "false") for text in texts)
    return bool(texts) and (are_flags or all(map(is_number, texts)))
