"""One file of a channel -> its columns: one function a format.

CSV spells its cells, and pandas says what they are; in Parquet and JSON Lines cells
have types. A reader raises what is wrong with a file; channel.py adds the file's name.
"""

import csv
import io
import json
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache, partial
from itertools import islice
from math import nan
from pathlib import Path
from typing import IO, Any

import pandas as pd
from pandas.io.common import get_handle  # type: ignore[import-not-found]  # no stub

from runtime.data.options import ColumnOptions
from runtime.tabular.arrow_types import ROW_NUMBERS, arrow_type
from runtime.tabular.cells import is_number

try:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import compute, parquet
    from pyarrow import json as arrow_json
except ImportError:  # without it the image is smaller, and reads CSV alone
    pa = None

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_BLOCK = 2**22  # bytes
_LARGE = 2**23  # bytes of a file for which pandas uses all CPUs
_HEAD = 2**10  # bytes that tell a format
_FIRST = 1000  # rows whose numbers are looked at as they are spelt
_EMPTY = 2**8  # bytes of a file that may hold nothing but its compression's own
_SEPARATORS = (";", "\t", "|")
_DIGITS = len(str(2**63))
_REMOTE = ("fuse", "nfs", "lustre")  # FastFile (T-28), EFS, FSx (T-27)
_JSON_TYPES = {bool: "true and false", int: "numbers", float: "numbers", str: "text"}


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
    """Find numbers that lose zeros before them, as 00501 does, in a CSV file's head.

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
    cells = {n: head[n][head[n].str.match(r"\s*0\d", na=False)] for n in names}
    return {name: str(found.iloc[0]) for name, found in cells.items() if len(found)}


def read_parquet(file: Path, options: ColumnOptions) -> pd.DataFrame:
    """Read a Parquet file, less the columns of types that no request can spell.

    So are dates, but for those that `parse_dates` names. `attrs["left_out"]` has their
    types by name. Raises: ValueError where there are no others, or where the owner
    declares one of them.
    """
    _require_pyarrow(options, "parse_dates")
    with parquet.ParquetFile(file) as table:
        fields = [f for f in table.schema_arrow if not ROW_NUMBERS.fullmatch(f.name)]
        names = [field.name for field in fields]
        if len(set(names)) < len(names):
            message = f"columns have the same name: {', '.join(names)}"
            raise ValueError(message)
        left_out = _left_out(fields, options)
        read = table.read(columns=[name for name in names if name not in left_out])
    return _frame(read, options, left_out)


def read_jsonl(file: Path, options: ColumnOptions) -> pd.DataFrame:
    """Read JSON Lines, an object a line; a key that one lacks is a missing cell.

    Columns of lists or objects are left out as `read_parquet` says.
    Raises: ValueError, which names the line.
    """
    _require_pyarrow(options)
    with opened(file) as stream:
        content = stream.read()
    try:
        table = _arrow_table(content)
        left_out = _left_out([*table.schema], options)
        frame = _frame(table.drop_columns([*left_out]), options, left_out)
    except ValueError as exc:
        raise ValueError(_explain(content) or str(exc)) from exc
    for name in filter(options.is_text, map(str, frame)):
        if pa.types.is_floating(table.column(name).type):  # to Arrow 5 is 5.0
            lines = filter(bytes.strip, content.splitlines())
            frame[name] = _texts([json.loads(line).get(name) for line in lines])
    return frame


def is_empty(file: Path) -> bool:
    """Say whether a file has no byte, or compresses none; a pipe is not read."""
    n_bytes = file.stat().st_size if file.is_file() else _EMPTY
    return n_bytes == 0 or (n_bytes < _EMPTY and not _head(file, 1))


def format_by_content(file: Path) -> str | None:
    """Find Parquet and JSON Lines by their first bytes; a pipe is not read."""
    head = _head(file, _HEAD).lstrip(b"\xef\xbb\xbf \t\r\n") if file.is_file() else b""
    if head.startswith(b"PAR1"):
        return "Parquet"
    return "JSON Lines" if head.startswith(b"{") else None


def in_sequence(file: Path) -> bool:
    """Say whether a file can be read, or is read best, from its beginning on."""
    packed = file.suffix.lower() in COMPRESSED
    return packed or not file.is_file() or is_remote(file.parent.resolve())


def needs_threads(file: Path) -> bool:
    """Say whether one thread alone would read a file, so that several files gain."""
    return in_sequence(file) or file.stat().st_size < _LARGE


def may_hide_missing(text: "pd.Series[Any]") -> bool:
    """Say whether pandas may have left missing cells as they are written.

    It does so behind a number beyond 64 bits, which has 19 digits or more.
    """
    longest = compute.max(compute.binary_length(pa.array(text))).as_py() if pa else None
    return longest is None or longest >= _DIGITS


def _head(file: Path, n_bytes: int) -> bytes:
    """Read the first bytes; where they cannot be decompressed, as they are."""
    try:
        with opened(file) as stream:
            return stream.read(n_bytes)
    except Exception:  # noqa: BLE001 -- its reader says what is wrong
        with suppress(OSError), file.open("rb") as stream:
            return stream.read(n_bytes)
        return b"?"


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """Open a file to be read in sequence; undo the compression its suffix names."""
    if file.suffix.lower() == ".zst" and pa:  # pandas wants another package
        with pa.input_stream(file, compression="zstd") as stream:
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
    texts = [*map(str, known[:1])]
    if not texts:
        return False
    flags = texts[0].lower() in ("true", "false")
    return all(
        cell.lower() in ("true", "false") if flags else is_number(cell)
        for cell in map(str, known)
    )


def _require_pyarrow(options: ColumnOptions, *known: str) -> None:
    if pa is None:
        message = "it needs the package pyarrow: add it to requirements.in"
        raise ModuleNotFoundError(message)
    for option in options.others.keys() - {"header", "sep", *known}:
        message = f"the option {option} is for CSV alone"
        raise ValueError(message)


def _left_out(fields: list[Any], options: ColumnOptions) -> dict[str, str]:
    """Find the types that no request can spell, by column."""
    types = {
        f.name: str(f.type)
        for f in fields
        if arrow_type(_decoded(f.type)) is None
        and not (_is_date(f.type) and options.column(f.name).dates is not None)
    }
    for name, found in types.items():
        declared = options.by_column and options.dtype(name) is not None
        if declared or len(types) == len(fields):
            message = f"column {name!r} has the type {found}: write numbers or text"
            raise ValueError(message)
    return types


def _frame(
    table: Any, options: ColumnOptions, left_out: dict[str, str]
) -> pd.DataFrame:
    plain = {n: _plain(table.column(n)) for n in table.column_names}
    frame: pd.DataFrame = pa.table(plain).to_pandas(split_blocks=True)
    for name in filter(options.is_text, plain):
        frame[name] = _texts(plain[name].to_pylist())
    frame.attrs["left_out"] = left_out
    return frame


def _decoded(given: Any) -> Any:
    return given.value_type if pa.types.is_dictionary(given) else given


def _plain(values: Any) -> Any:
    """Give a column of Arrow's one of the few types that stand for the others."""
    given = _decoded(values.type)
    values = values.cast(given)
    if _is_date(given):
        return values.cast(pa.timestamp("us", getattr(given, "tz", None)))
    kind = arrow_type(given)
    if pa.types.is_decimal(given):
        values = values.cast(pa.string())  # of its digits a float is rounded once
    if pa.types.is_string(given):
        return values
    return values.cast(kind, safe=False)  # all are wider, uint64 is rounded


def _is_date(given: Any) -> bool:
    return bool(pa.types.is_timestamp(given) or pa.types.is_date(given))


def _texts(values: list[Any]) -> "pd.Series[Any]":
    return pd.Series(values, dtype="object").map(str, na_action="ignore").astype("str")


def _arrow_table(content: bytes) -> Any:
    """Read JSON Lines with Arrow, in blocks; a line may be longer than one."""
    try:
        return _text_of_dates(content, _BLOCK)
    except ValueError:
        return _text_of_dates(content, min(len(content) + 1, 2**31 - 1))


def _text_of_dates(content: bytes, block: int) -> Any:
    """Read JSON Lines; text that looks like dates stays as it is written."""
    blocks = arrow_json.ReadOptions(block_size=block)
    table = arrow_json.read_json(pa.BufferReader(content), blocks)
    dates = [f.name for f in table.schema if pa.types.is_timestamp(f.type)]
    if dates:
        schema = pa.schema([(name, pa.string()) for name in dates])
        only = arrow_json.ParseOptions(schema, unexpected_field_behavior="ignore")
        text = arrow_json.read_json(pa.BufferReader(content), blocks, only)
        for name in dates:
            place = table.column_names.index(name)
            table = table.set_column(place, name, text.column(name))
    table.validate(full=True)  # Arrow takes bytes for UTF-8 without a look
    if not table.column_names:
        message = "there is no object with keys in it"
        raise ValueError(message)
    return table


def _explain(content: bytes) -> str | None:
    """Say which line of JSON Lines is wrong."""
    seen: dict[str, dict[str, int]] = {}
    for number, line in enumerate(content.splitlines(), 1):
        try:
            record = json.loads(line) if line.strip() else {}
        except ValueError as exc:
            return f"line {number} is not JSON: {exc}"
        if not isinstance(record, dict):
            return f"line {number} is not an object"
        for name, value in record.items():
            what = _JSON_TYPES.get(type(value), "lists or objects")
            held = seen.setdefault(name, {})
            if value is not None:
                held.setdefault(what, number)
            if len(held) > 1 or "lists or objects" in held:
                found = ", ".join(f"{what} in line {n}" for what, n in held.items())
                return f"column {name!r} holds {found}: write one kind of cells"
    return None if seen else "there is no object with keys in it"
