"""Media types <-> rows: what a body holds, and how an answer is written.

A format is one class with `decode` and `encode`; the table at the bottom is all that
knows which there are. Sources: F-05, F-06 (requests), F-09 to F-12, F-16 (answers).
"""

import csv
import io
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from runtime.errors import BadInput, NotAcceptable, UnsupportedType


@dataclass(frozen=True, slots=True)
class Table:
    """What a body holds, by column, each cell as the body spelt it.

    `columns` has names for keys where the body gives names, else positions from 0.
    """

    columns: dict[Any, list[Any]]
    n_rows: int
    named: bool


class _Absent:
    """The cell of a record that lacks the key."""

    def __repr__(self) -> str:
        return "absent"


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

    def decode(self, body: bytes) -> Table:
        """Read a body. Raises: BadInput."""

    def encode(self, outputs: Outputs) -> bytes:
        """Write an answer, with a newline at its end (R-08)."""


class Csv:
    """`text/csv`: a row a line, no header, features only, in training order (F-05)."""

    def decode(self, body: bytes) -> Table:
        """Read rows of cells, RFC 4180 quoting, UTF-8 with or without a mark."""
        reader = csv.reader(io.StringIO(_text(body), newline=""), strict=True)
        try:
            rows = [row or [""] for row in reader]
        except csv.Error as exc:
            message = f"line {reader.line_num} is not CSV: {exc}"
            raise BadInput(message) from exc
        while len(rows) > 1 and rows[-1] == [""] and len(rows[0]) > 1:
            rows.pop()
        return _positional(rows)

    def encode(self, outputs: Outputs) -> bytes:
        """Write a line a row, no header; lists are quoted JSON (F-11)."""
        columns = list(outputs.columns.values())
        if not outputs.named and _holds_lists(columns[0]):
            columns = [list(column) for column in zip(*columns[0], strict=True)]
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(zip(*map(_csv_cells, columns), strict=True))
        return text.getvalue().encode()


class Json:
    """`application/json`: every shape that SageMaker's clients send (F-06)."""

    def decode(self, body: bytes) -> Table:
        """Read lists of rows, one row, records, `instances`, `columns` + `data`."""
        try:
            value = json.loads(_text(body))
        except (ValueError, RecursionError) as exc:
            message = f"the body is not JSON: {exc}"
            raise BadInput(message) from exc
        return _table(value)

    def encode(self, outputs: Outputs) -> bytes:
        """Write `{"predictions": [...]}`: a value a row, or an object of outputs."""
        columns = outputs.columns
        rows: Iterable[Any] = zip(*columns.values(), strict=True)
        if outputs.named and len(columns) > 1:
            rows = (dict(zip(columns, row, strict=True)) for row in rows)
        else:
            rows = (row[0] for row in rows)
        return (_json({"predictions": list(rows)}) + "\n").encode()


def decode(body: bytes, content_type: str) -> Table:
    """Read a body by its Content-Type; without one it is CSV (H-22, H-58).

    Raises: UnsupportedType, BadInput.
    """
    name = media_type(content_type) or CSV
    if name not in FORMATS:
        message = f"cannot read {name!r}: send {_either(FORMATS)} as the Content-Type"
        raise UnsupportedType(message)
    if not body.strip():
        message = "the body is empty: send at least one row"
        raise BadInput(message)
    return FORMATS[name].decode(body)


def encode(outputs: Outputs, accept: str) -> bytes:
    """Write an answer in the media type that `choose` has chosen."""
    return FORMATS[accept].encode(outputs)


def choose(accept: str, default: str) -> str:
    """Choose the media type of the answer from an Accept header (H-21).

    Raises: NotAcceptable where no type of the header can be written.
    """
    for pattern in _by_preference(accept) or ["*/*"]:
        for name in (default, *FORMATS):
            if name in FORMATS and _matches(pattern, name):
                return name
    message = f"cannot write {accept!r}: accept {_either(FORMATS)}"
    raise NotAcceptable(message)


def media_type(header: str) -> str:
    """Give the media type of a header in lower case, without its parameters."""
    return header.partition(";")[0].strip().lower()


def _by_preference(accept: str) -> list[str]:
    """Sort the types of an Accept header by q-value; q=0 means never."""
    weighted = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = [p[2:] for p in parameters if p.startswith("q=")]
        try:
            q = float(weight[0]) if weight else 1.0
        except ValueError:
            q = 1.0
        if name and q > 0:
            weighted.append((q, name))
    return [name for _, name in sorted(weighted, key=lambda pair: -pair[0])]


def _matches(pattern: str, name: str) -> bool:
    kind, _, rest = pattern.partition("/")
    return pattern in ("*/*", "*", name) or (
        rest == "*" and name.startswith(kind + "/")
    )


def _either(names: Iterable[str]) -> str:
    return " or ".join(names)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        message = f"the body is not UTF-8: byte {exc.start} is 0x{body[exc.start]:02x}"
        raise BadInput(message) from exc


def _positional(rows: list[list[Any]]) -> Table:
    """Turn rows of equal length into columns by position."""
    _filled(rows[0])
    width = len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            message = f"has {len(row)} columns, row 1 has {width}"
            raise BadInput(message, row=number)
    columns = map(list, zip(*rows, strict=True))
    return Table(dict(enumerate(columns)), len(rows), named=False)


def _table(value: Any) -> Table:
    """Find the rows in a JSON value."""
    if isinstance(value, dict) and isinstance(value.get("instances"), list):
        value = value["instances"]
    elif isinstance(value, dict) and {"columns", "data"} <= value.keys():
        return _split(value["columns"], value["data"])
    elif isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not value:
        message = 'no rows: send {"instances": [[...], ...]} or a list of rows'
        raise BadInput(message)
    rows = [_record(item) for item in value]
    if all(isinstance(row, dict) for row in rows):
        return _named(rows)
    if all(isinstance(row, list) for row in rows):
        return _positional(rows)
    if not any(isinstance(row, dict | list) for row in rows):
        return _positional([rows])
    odd = next(n for n, row in enumerate(rows, 1) if type(row) is not type(rows[0]))
    message = "is not of the same kind as row 1: send lists only, or objects only"
    raise BadInput(message, row=odd)


def _record(item: Any) -> Any:
    """Unwrap `{"data": {"features": {"values": [...]}}}`, at any depth (F-06)."""
    for key in ("data", "features", "values"):
        if isinstance(item, dict) and isinstance(item.get(key), list | dict):
            item = item[key]
    return item


def _split(names: Any, data: Any) -> Table:
    """Read pandas' `orient="split"`: names once, then rows of values."""
    if not isinstance(names, list) or not isinstance(data, list) or not data:
        message = '"columns" and "data" are to be lists, "data" of at least one row'
        raise BadInput(message)
    for number, row in enumerate(data, 1):
        if not isinstance(row, list) or len(row) != len(names):
            message = f"is not a list of {len(names)} values, as columns are"
            raise BadInput(message, row=number)
    cells = map(list, zip(*data, strict=True))
    return Table(dict(zip(map(str, names), cells, strict=True)), len(data), named=True)


def _named(rows: list[dict[str, Any]]) -> Table:
    """Turn records into columns; row 1 says which there are."""
    _filled(rows[0])
    cells = {name: [row.get(name, ABSENT) for row in rows] for name in rows[0]}
    return Table(cells, len(rows), named=True)


def _filled(row: list[Any] | dict[str, Any]) -> None:
    if not row:
        message = "has no values"
        raise BadInput(message, row=1)


def _holds_lists(column: list[Any]) -> bool:
    return bool(column) and isinstance(column[0], list)


def _csv_cells(column: Iterable[Any]) -> Iterable[Any]:
    """Write lists as JSON, missing values as nothing."""
    for value in column:
        if isinstance(value, list | dict):
            yield _json(value)
        else:
            yield "" if value is None or value != value else value  # noqa: PLR0124 -- NaN


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
