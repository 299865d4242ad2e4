"""`text/csv`, read and written; `text/plain`, read: a row a line."""

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import IO, Any

from runtime.errors import BadInput, NotAcceptable
from runtime.formats.json_text import dumps
from runtime.formats.lines import lines
from runtime.formats.table import Layout, Outputs, Table, calls, sliced

csv.field_size_limit(sys.maxsize)  # a line has a limit, a cell has none


class Csv:
    """`text/csv`: features only, in training order, or below a header (F-05)."""

    def decode(self, body: IO[bytes], layout: Layout) -> Iterator[Table]:
        """Read rows of cells, with RFC 4180's quoting."""
        rows = _records(lines(body, newline=""))
        first = next(rows)
        if (layout.width or len(first)) > 1:
            rows = _without_blank_end(rows)
        if layout.is_header(first):
            return sliced(_below_header(rows), _names(first))
        return sliced(chain([first], rows))

    def encode(self, slices: Iterable[Outputs]) -> Iterator[bytes]:
        """Write a line a row, no header; lists are quoted JSON (F-11).

        A single unnamed output of lists, all of one length, has a cell for each item.
        """
        spread = None
        for outputs in slices:
            columns = list(outputs.columns.values())
            if spread is None:
                spread = 0 if outputs.named else _common_length(columns[0])
            if spread:
                columns = _spread(columns[0], spread)
            rows = list(zip(*map(_cells, columns), strict=True))
            text = "".join(map(_lines, calls(rows)))
            yield text.encode(errors="replace")  # a lone surrogate


class Plain:
    """`text/plain`: a document a line, the one column of a model for text."""

    def decode(self, body: IO[bytes], layout: Layout) -> Iterator[Table]:  # noqa: ARG002 -- as every format
        """Read lines without their ends."""
        ended = lines(body, newline="\n")
        return sliced([line.removesuffix("\n").removesuffix("\r")] for line in ended)


def _records(text: Iterable[str]) -> Iterator[list[str]]:
    reader = csv.reader(text, strict=True)
    try:
        for row in reader:
            yield row or [""]
    except csv.Error as exc:
        message = f"line {reader.line_num} is not CSV: {exc}"
        raise BadInput(message) from exc


def _names(header: list[str]) -> list[str]:
    for name in header:
        if header.count(name) > 1:
            message = "stands twice in the header"
            raise BadInput(message, column=name)
    return header


def _below_header(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    for first in rows:
        return chain([first], rows)
    message = "there is a header and no row below it"
    raise BadInput(message)


def _without_blank_end(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    blank = 0
    for row in rows:
        if len(row) == 1 and not row[0]:
            blank += 1
            continue
        if blank:
            yield from repeat([""], blank)
            blank = 0
        yield row


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


def _cells(column: Iterable[Any]) -> Iterator[Any]:
    """Write lists as JSON, missing values as nothing."""
    for value in column:
        if isinstance(value, list | dict):
            yield dumps(value)
        else:
            yield "" if value is None or value != value else value  # noqa: PLR0124


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
