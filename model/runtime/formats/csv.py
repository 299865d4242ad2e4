"""`text/csv`: rows of cells in the order of `fit`, or below a header (F-05, F-11)."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, repeat
from typing import IO, Any

from runtime.errors import BadInput, NotAcceptable
from runtime.formats.csv_blocks import block_rows
from runtime.formats.json import dumps
from runtime.formats.text import LINE_LIMIT, ROWS_A_CALL, blocks, lines
from runtime.tabular.table import (
    Encoder,
    Layout,
    Table,
    header_names,
    rows_a_slice,
    sliced,
)

FEW_BYTES = 2**14  # up to which a body is read by row
_BLOCK = 3 * 2**19  # bytes of a longer one that are read at once
# What is more than cells between commas; a blank line may be a row, and may be none.
_ODD = re.compile(rb'["\r\0]|^\n|\n\n|^\xef\xbb')
csv.field_size_limit(sys.maxsize)  # a line has a limit, a cell has none


def decode(body: IO[bytes], layout: Layout) -> Iterator[Table]:
    """Read rows of cells, with RFC 4180's quoting, maybe below a header (F-05)."""
    if few := _few(body):
        return _tables(few, layout)
    width = layout.width or 1
    first = _plain_first(body, 2 * width + 100) if width > 1 else None
    body.seek(0)
    if first:
        return _by_block(body, layout, first)
    return _tables(_rows(lines(body, newline="")), layout)


def encode() -> Encoder:
    """Write a line a row, no header; lists are quoted JSON (F-11).

    A single unnamed output of lists, all of one length, has a cell for each item.
    """
    spread, outputs = None, (yield b"")
    while outputs is not None:
        columns = list(outputs.columns.values())
        if spread is None:
            spread = 0 if outputs.named else _common_length(columns[0])
        if spread:
            columns = _spread(columns[0], spread)
        text = _bare(columns)
        if text is None:
            rows = list(zip(*map(_cells, columns), strict=True))
            starts = range(0, len(rows), ROWS_A_CALL)
            text = "".join(_lines(rows[at : at + ROWS_A_CALL]) for at in starts)
        outputs = yield text.encode(errors="replace")  # a lone surrogate
    yield b""


def _tables(rows: Iterable[list[str]], layout: Layout) -> Iterator[Table]:
    rest = iter(rows)
    first = next(rest)
    if layout.is_header(first):
        return sliced(_below_header(rest), _names(first))
    return sliced(rows if isinstance(rows, list) else chain([first], rest))


def _plain_first(body: IO[bytes], most: int) -> list[str] | None:
    """Give the first line of a long body, of 2 to `most` cells, none of them odd.

    A column is read at once: a million of them would be a million calls.
    """
    if body.seek(0, io.SEEK_END) <= FEW_BYTES:
        return None
    body.seek(0)
    line = body.readline(LINE_LIMIT).removesuffix(b"\n").removesuffix(b"\r")
    plain = line.isascii() and b'"' not in line and b"\r" not in line
    plain = plain and 0 < line.count(b",") < most
    return line.decode().split(",") if plain else None


def _few(body: IO[bytes]) -> list[list[str]] | None:
    """Read the rows of a short body that is as plain as most are; None of others."""
    content = body.read(FEW_BYTES + 1)
    if len(content) <= FEW_BYTES and not _ODD.search(content):
        with suppress(UnicodeDecodeError):  # which `lines` can place
            text = content.decode().removesuffix("\n")
            return [line.split(",") for line in text.split("\n")]
    body.seek(0)
    return None


def _by_block(body: IO[bytes], layout: Layout, first: list[str]) -> Iterator[Table]:
    """Read plain lines many at once, and from the first odd block on row by row.

    So whatever is wrong is found, and told, in one place.
    """
    names = _names(first) if layout.is_header(first) else None
    if names:
        body.readline(LINE_LIMIT)
    width, n_rows, start = len(first), 0, body.tell()
    for block in blocks(body, _BLOCK):
        rows = block_rows(block, width)
        if rows is None:
            break
        step = rows_a_slice(width)
        for at in range(0, len(rows), step):
            yield Table(rows.cut(at, at + step), names, n_rows + at + 1)
        n_rows, start = n_rows + len(rows), start + len(block)
    body.seek(start if n_rows else 0)
    if not n_rows:
        yield from _tables(_rows(lines(body, newline="")), layout)
    else:
        line = n_rows + 1 + bool(names)
        rest = _rows(lines(body, "", line), line)
        yield from sliced(rest, names, n_rows + 1)


def _rows(text: Iterable[str], first_line: int = 1) -> Iterator[list[str]]:
    """Read rows; blank lines at the end are none, and a quoted nothing is one.

    A blank line amid the rows is a row of one empty cell: none is lost (X-22).
    """
    blank = 0
    for row in _records(text, first_line):
        if not row:
            blank += 1
            continue
        if blank:
            yield from repeat([""], blank)
            blank = 0
        yield row


def _records(text: Iterable[str], first_line: int = 1) -> Iterator[list[str]]:
    reader = csv.reader(text, strict=True)
    try:
        yield from reader
    except csv.Error as exc:
        message = f"line {first_line - 1 + reader.line_num} is not CSV: {exc}"
        raise BadInput(message) from exc


def _names(header: list[str]) -> list[str]:
    names = header_names(header)
    for name in names:
        if names.count(name) > 1:
            message = "stands twice in the header"
            raise BadInput(message, column=name)
    return names


def _below_header(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    for first in rows:
        return chain([first], rows)
    message = "there is a header and no row below it"
    raise BadInput(message)


def _common_length(column: list[Any]) -> int:
    """Give the length that all lists of a column have, 0 where there is none."""
    lengths = {len(cell) if isinstance(cell, list) else 0 for cell in column}
    return lengths.pop() if len(lengths) == 1 else 0


def _spread(column: list[Any], length: int) -> list[list[Any]]:
    """Make a column of each place in lists of one length."""
    if _common_length(column) != length:
        message = "the lists of this answer differ in length: accept application/json"
        raise NotAcceptable(message)
    return [list(values) for values in zip(*column, strict=True)]


def _bare(columns: list[list[Any]]) -> str | None:
    """Write one column of texts, as labels are; None where one needs quotes."""
    (texts, *others) = columns
    if others or set(map(type, texts)) != {str} or "" in texts:
        return None
    text = "\n".join(texts) + "\n"
    odd = any(mark in text for mark in '",\r') or text.count("\n") > len(texts)
    return None if odd else text


def _cells(column: list[Any]) -> Iterable[Any]:
    """Write lists as JSON, missing values as nothing."""
    return column if set(map(type, column)) <= {str, int} else map(_cell, column)


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return dumps(value)
    return "" if value is None or value != value else value  # noqa: PLR0124


def _lines(rows: list[Any]) -> str:
    text = _written(rows, csv.QUOTE_MINIMAL)
    if "\r" not in text:
        return text
    # Before Python 3.13 a lone \r was left unquoted, and read as a line's end.
    if len(rows) == 1:
        return _written(rows, csv.QUOTE_ALL)
    return "".join(_lines([row]) for row in rows)


def _written(rows: list[Any], quoting: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(rows)
    return text.getvalue()
