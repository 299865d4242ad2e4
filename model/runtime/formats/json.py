"""`application/json` and `application/jsonlines`."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import IO, Any

from runtime.errors import BadInput, PayloadTooLarge
from runtime.formats.json_rows import one_kind
from runtime.formats.json_shapes import tables
from runtime.formats.text import ROWS_A_CALL, lines, not_utf_8
from runtime.tabular.table import Encoder, Layout, Outputs, Table, each, sliced

JSON_LIMIT = 2**25  # bytes: what is read at once, and takes up to twenty times the room
_SHORT = 2**16  # bytes that one call reads
_OF_LISTS = re.compile(rb"\s*\[\s*[\[{]").match  # and of objects; not of bare values
_msgspec: Any = import_module("msgspec") if find_spec("msgspec") else None
_decode = _msgspec.json.Decoder().decode if _msgspec else json.loads


def decode(body: IO[bytes], layout: Layout) -> Iterator[Table]:
    """Read a JSON value in one of the shapes of `json_shapes` (F-06)."""
    data = body.read(JSON_LIMIT + 1)
    if len(data) > JSON_LIMIT:
        message = (
            f"the body is over {JSON_LIMIT >> 20} MiB, which is the most for "
            "application/json: send application/jsonlines, one row a line"
        )
        raise PayloadTooLarge(message)
    try:
        value = loads(data)
    except UnicodeDecodeError as exc:
        raise not_utf_8(exc, len(data)) from exc
    except (ValueError, RecursionError) as exc:
        message = f"the body is not JSON: {exc}"
        raise BadInput(message) from exc
    return tables(value, layout)


def encode() -> Encoder:
    """Write `{"predictions": [...]}`: a value a row, or an object of outputs (F-09)."""
    opening, outputs = '{"predictions":[', (yield b"")
    while outputs is not None:
        rows = list(_rows(outputs) if len(outputs.columns) > 1 else _bare(outputs))
        starts = range(0, len(rows), ROWS_A_CALL)
        parts = (dumps(rows[at : at + ROWS_A_CALL])[1:-1] for at in starts)
        outputs = yield (opening + ",".join(parts)).encode()
        opening = ","
    yield b"]}\n"


def decode_lines(body: IO[bytes], layout: Layout) -> Iterator[Table]:
    """Read a row a line, as it is in JSON; blank lines are none (F-07)."""
    return sliced(one_kind(_values(lines(body, "\n")), layout.width))


def encode_lines() -> Encoder:
    """Write an object of outputs a line, also where there is only one (F-10)."""
    outputs = yield b""
    while outputs is not None:
        lines_ = (f"{dumps(row)}\n" for row in _rows(outputs))
        outputs = yield "".join(lines_).encode()
    yield b""


def dumps(value: Any) -> str:
    """Write valid JSON: NaN and infinities, which JSON lacks, become null (F-12)."""
    try:
        return _write(value)
    except ValueError:
        return _write(each(value, _finite))


_write = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=str).encode


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rows(outputs: Outputs) -> Iterator[dict[str, Any]]:
    for row in zip(*outputs.columns.values(), strict=True):
        yield dict(zip(outputs.columns, row, strict=True))


def _bare(outputs: Outputs) -> list[Any]:
    (values,) = outputs.columns.values()
    return values


def loads(data: bytes) -> Any:
    """Give what `json.loads` gives, and let other threads run meanwhile (H-13).

    Raises: ValueError and RecursionError, as it does.
    """
    if _msgspec:
        # It refuses some that is JSON to Python: NaN, 1e400, half a character.
        with suppress(ValueError, RecursionError):
            value = data.lstrip(b" \t\r\n")
            return _members(value) if value.startswith(b"{") else _elements(value)
    return json.loads(data.decode("utf-8-sig"))


def _members(data: bytes) -> dict[str, Any]:
    if len(data) < _SHORT:
        value: dict[str, Any] = _decode(data)
        return value
    members = _msgspec.json.decode(data, type=dict[str, _msgspec.Raw])
    return {key: _elements(member) for key, member in members.items()}


def _elements(data: Any) -> Any:
    """Read a long list element by element, and anything else in one call."""
    if len(memoryview(data)) < _SHORT or not _OF_LISTS(data):
        return _decode(data)
    elements = _msgspec.json.decode(data, type=list[_msgspec.Raw])
    elements.reverse()  # each is let go as it is read
    # No `map`: it would be one call, in which no other thread runs.
    return [_decode(elements.pop()) for _ in range(len(elements))]


def _values(text: Iterable[str]) -> Iterator[Any]:
    """Read a row a line; a bare value is a row of one."""
    for number, line in enumerate(text, 1):
        try:
            value = _decode(line)
        except (ValueError, RecursionError):
            if not line.strip(" \t\r\n"):
                continue
            value = _refused(line, number)
        yield value if isinstance(value, list | dict) else [value]


def _refused(line: str, number: int) -> Any:
    """Read what may be JSON to Python alone, else say what is wrong with it."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as exc:
        message = f"line {number} is not JSON, one row a line: {exc}"
        raise BadInput(message) from exc
