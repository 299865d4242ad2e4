"""`application/json` and `application/jsonlines`."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import IO, Any

from runtime.errors import BadInput, PayloadTooLarge
from runtime.formats import json_blocks
from runtime.formats.json_rows import one_kind, refuse_kind
from runtime.formats.text import blocks, lines, not_utf_8
from runtime.tabular.table import Layout, Outputs, Table, calls, each, sliced

_BLOCK = 2**15  # bytes of lines that one call reads
JSON_LIMIT = 2**25  # bytes: what is read at once, and takes up to twenty times the room


class Json:
    """`application/json`: every shape that SageMaker's clients send (F-06)."""

    def decode(self, body: IO[bytes], layout: Layout) -> Iterator[Table]:
        """Read lists of rows, one row, records, `instances`, `columns` + `data`."""
        data = body.read(JSON_LIMIT + 1)
        if len(data) > JSON_LIMIT:
            message = (
                f"the body is over {JSON_LIMIT >> 20} MiB, which is the most for "
                "application/json: send application/jsonlines, one row a line"
            )
            raise PayloadTooLarge(message)
        try:
            value = json_blocks.loads(data.decode("utf-8-sig"))
        except UnicodeDecodeError as exc:
            raise not_utf_8(exc, len(data)) from exc
        except (ValueError, RecursionError) as exc:
            message = f"the body is not JSON: {exc}"
            raise BadInput(message) from exc
        return _tables(value, layout.width)

    def encode(self, slices: Iterable[Outputs]) -> Iterator[bytes]:
        """Write `{"predictions": [...]}`: a value a row, or an object of outputs."""
        chunk, opening = b"", '{"predictions":['
        for outputs in slices:
            if chunk:
                yield chunk
            rows = list(_rows(outputs) if len(outputs.columns) > 1 else _bare(outputs))
            parts = (dumps(some)[1:-1] for some in calls(rows))
            chunk = (opening + ",".join(parts)).encode()
            opening = ","
        yield chunk + b"]}\n"


class JsonLines:
    """`application/jsonlines`: a line is a row, as it is in JSON (F-07, F-10)."""

    def decode(self, body: IO[bytes], layout: Layout) -> Iterator[Table]:
        """Read a row a line; blank lines are none."""
        return sliced(one_kind(_lines(body), layout.width))

    def encode(self, slices: Iterable[Outputs]) -> Iterator[bytes]:
        """Write an object of outputs a line, also where there is only one."""
        for outputs in slices:
            yield "".join(f"{dumps(row)}\n" for row in _rows(outputs)).encode()


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


def _lines(body: IO[bytes]) -> Iterator[Any]:
    """Read plain lines many at once, and from the first odd block on line by line."""
    n_lines, start = 0, body.tell()
    for block in blocks(body, _BLOCK):
        values = json_blocks.of_lines(block)
        if values is None:
            break
        yield from values
        n_lines, start = n_lines + len(values), start + len(block)
    else:
        return
    body.seek(start)
    yield from _values(lines(body, "\n", n_lines + 1), n_lines + 1)


def _values(text: Iterable[str], first: int = 1) -> Iterator[Any]:
    for number, line in enumerate(text, first):
        if line.strip(" \t\r\n"):
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as exc:
                message = f"line {number} is not JSON, one row a line: {exc}"
                raise BadInput(message) from exc
            yield value if isinstance(value, list | dict) else [value]


def _tables(value: Any, width: int | None) -> Iterator[Table]:
    """Find the rows in a JSON value."""
    if isinstance(value, dict):
        if {"columns", "data"} <= value.keys():
            return _split(value["columns"], value["data"])
        value = value.get("instances", [value])
    if not isinstance(value, list) or not value:
        message = 'no rows: send {"instances": [[...], ...]} or a list of rows'
        raise BadInput(message)
    if not isinstance(value[0], list | dict):
        return _single(value) if width != 1 else _single_column(value)
    dense = value[0] and set(map(type, value)) == {list}
    return sliced(value if dense else one_kind(value, width))


def _single(row: list[Any]) -> Iterator[Table]:
    """Read a flat list: it is one row (F-06)."""
    for number, cell in enumerate(row, 1):
        if isinstance(cell, list | dict):
            refuse_kind(number)
    return sliced([row])


def _single_column(cells: list[Any]) -> Iterator[Table]:
    """Read a flat list for a model of one column: each item is a row."""
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, list | dict):
            refuse_kind(number)
    return sliced([cell] for cell in cells)


def _split(names: Any, data: Any) -> Iterator[Table]:
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
    return sliced(data, [str(name) for name in names])
