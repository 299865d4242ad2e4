"""Media types <-> rows: what a body holds, and how an answer is written.

A format is one class with `decode` and `encode`; the table at the bottom is all that
knows which there are. Sources: F-05, F-06 (requests), F-09 to F-12, F-16 (answers).
"""

import csv
import io
import json
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from runtime.accept import media_type
from runtime.errors import BadInput, UnsupportedType


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a body, each cell as the body spelt it.

    Rows are lists, or objects by name; `names` is None where the body gives none.
    """

    rows: list[Any]
    names: list[str] | None = None

    @property
    def width(self) -> int:
        """How many columns there are: row 1 says it."""
        return len(self.rows[0])

    def column(self, place: int) -> list[Any]:
        """Give the cells of a column, by its place in row 1."""
        if self.names is not None and isinstance(self.rows[0], dict):
            name = self.names[place]
            return [row.get(name, ABSENT) for row in self.rows]
        return [row[place] for row in self.rows]


class _Absent:
    """The cell of a record that lacks the key."""


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Outputs:
    """An answer, by output: `(n_rows,)` values each, or `(n_rows, k)` as lists.

    `named` is False where the model gave one unnamed output.
    """

    columns: dict[str, list[Any]]
    named: bool


class Format(Protocol):
    """Reads bodies of one media type and writes answers in it."""

    def decode(self, text: str) -> Table:
        """Read a body that is not empty. Raises: BadInput."""

    def encode(self, outputs: Outputs) -> str:
        """Write an answer, with a newline at its end (R-08)."""


class Csv:
    """`text/csv`: a row a line, no header, features only, in training order (F-05)."""

    def decode(self, text: str) -> Table:
        """Read rows of cells, with RFC 4180's quoting."""
        csv.field_size_limit(sys.maxsize)  # the payload has a limit, a cell has none
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            rows = [row or [""] for row in reader]
        except csv.Error as exc:
            message = f"line {reader.line_num} is not CSV: {exc}"
            raise BadInput(message) from exc
        while rows[-1] == [""] and len(rows[0]) > 1:
            rows.pop()
        return _rectangle(rows)

    def encode(self, outputs: Outputs) -> str:
        """Write a line a row, no header; lists are quoted JSON (F-11)."""
        columns = list(outputs.columns.values())
        if not outputs.named and len({_width(cell) for cell in columns[0]}) == 1:
            columns = _spread(columns[0])
        rows = list(zip(*map(_csv_cells, columns), strict=True))
        text = _lines(rows, csv.QUOTE_MINIMAL)
        # Before Python 3.13 a lone \r was left unquoted, and read as a line's end.
        return _lines(rows, csv.QUOTE_ALL) if "\r" in text else text


class Json:
    """`application/json`: every dense shape that SageMaker's clients send (F-06)."""

    def decode(self, text: str) -> Table:
        """Read lists of rows, one row, records, `instances`, `columns` + `data`."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as exc:
            message = f"the body is not JSON: {exc}"
            raise BadInput(message) from exc
        return _table(value)

    def encode(self, outputs: Outputs) -> str:
        """Write `{"predictions": [...]}`: a value a row, or an object of outputs."""
        rows: Iterable[Any] = zip(*outputs.columns.values(), strict=True)
        if len(outputs.columns) > 1:
            rows = (dict(zip(outputs.columns, row, strict=True)) for row in rows)
        else:
            rows = (row[0] for row in rows)
        return _json({"predictions": list(rows)}) + "\n"


def decode(body: bytes, content_type: str) -> Table:
    """Read a body by its Content-Type; without one it is CSV (H-22, H-58).

    Raises: UnsupportedType, BadInput.
    """
    name = media_type(content_type) or CSV
    if name not in FORMATS:
        known = " or ".join(FORMATS)
        message = f"cannot read {name!r}: send {known} as the Content-Type"
        raise UnsupportedType(message)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        message = f"the body is not UTF-8: byte {exc.start} is 0x{body[exc.start]:02x}"
        raise BadInput(message) from exc
    if not text.strip():
        message = "the body is empty: send at least one row"
        raise BadInput(message)
    return FORMATS[name].decode(text)


def encode(outputs: Outputs, name: str) -> bytes:
    """Write an answer in one of FORMATS."""
    return FORMATS[name].encode(outputs).encode(errors="replace")  # a lone surrogate


def _rectangle(rows: list[list[Any]], names: list[str] | None = None) -> Table:
    """Refuse rows of different lengths."""
    width = len(rows[0] if names is None else names)
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            expected = "row 1 has" if names is None else '"columns" has'
            message = f"has {len(row)} columns, {expected} {width}"
            raise BadInput(message, row=number)
    return _filled(Table(rows, names))


def _filled(table: Table) -> Table:
    if not table.width:
        message = "has no values"
        raise BadInput(message, row=1)
    return table


def _table(value: Any) -> Table:
    """Find the rows in a JSON value."""
    if isinstance(value, dict):
        if {"columns", "data"} <= value.keys():
            return _split(value["columns"], value["data"])
        value = value.get("instances", [value])
    if not isinstance(value, list) or not value:
        message = 'no rows: send {"instances": [[...], ...]} or a list of rows'
        raise BadInput(message)
    rows = [_record(item) for item in value]
    kinds = [type(row) if isinstance(row, dict | list) else object for row in rows]
    for number, kind in enumerate(kinds, 1):
        if kind is not kinds[0]:
            message = "is not of the same kind as row 1: send lists, or objects"
            raise BadInput(message, row=number)
    if kinds[0] is dict:
        return _filled(Table(rows, list(rows[0])))
    return _rectangle(rows if kinds[0] is list else [rows])


def _record(item: Any) -> Any:
    """Unwrap `{"data": {"features": {"values": [...]}}}`, at any depth (F-06)."""
    for key in ("data", "features", "values"):
        if isinstance(item, dict) and {"keys", "shape", "values"} <= item.keys():
            message = 'sparse rows, "keys" and "values", are not read: send all values'
            raise BadInput(message)
        if isinstance(item, dict) and isinstance(item.get(key), list | dict):
            item = item[key]
    return item


def _split(names: Any, data: Any) -> Table:
    """Read pandas' `orient="split"`: names once, then rows of values."""
    if not isinstance(names, list) or not isinstance(data, list) or not data:
        message = '"columns" and "data" are to be lists, "data" of at least one row'
        raise BadInput(message)
    if not names or len({str(name) for name in names}) < len(names):
        message = '"columns" are to be names, each of them once'
        raise BadInput(message)
    for number, row in enumerate(data, 1):
        if not isinstance(row, list):
            message = f"is not a list of {len(names)} values, as columns are"
            raise BadInput(message, row=number)
    return _rectangle(data, [str(name) for name in names])


def _width(cell: Any) -> int:
    return len(cell) if isinstance(cell, list) else 0


def _spread(column: list[Any]) -> list[list[Any]]:
    """Make a column of each place in lists of equal length."""
    if not _width(column[0]):
        return [column]
    return [list(values) for values in zip(*column, strict=True)]


def _csv_cells(column: Iterable[Any]) -> Iterable[Any]:
    """Write lists as JSON, missing values as nothing."""
    for value in column:
        if isinstance(value, list | dict):
            yield _json(value)
        else:
            yield "" if value is None or value != value else value  # noqa: PLR0124


def _lines(rows: Iterable[Any], quoting: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(rows)
    return text.getvalue()


def _json(value: Any) -> str:
    """Write valid JSON: NaN and infinities, which JSON lacks, become null (F-12)."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=str)
    except ValueError:
        return _json(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


CSV = "text/csv"
JSON = "application/json"
FORMATS: dict[str, Format] = {JSON: Json(), CSV: Csv()}
