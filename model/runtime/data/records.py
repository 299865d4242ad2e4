"""Files whose cells have types of their own, Parquet and JSON Lines -> pieces."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from runtime.data.columns import (
    BOOLEANS,
    NUMBERS,
    TEXT,
    Part,
    Piece,
    Plan,
    part,
    without,
)
from runtime.data.readers import Task, opened
from runtime.tabular import cells
from runtime.tabular.arrow_types import ROW_NUMBERS, arrow_type

try:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet
except ImportError:  # without it the image is smaller, and reads no Parquet
    parquet = None

_BLOCK = 2**22  # bytes of lines


def read_parquet(file: Path, plan: Plan) -> Iterator[Task]:
    """Read a Parquet file."""
    if parquet is None:
        message = "it needs the package pyarrow: add it to requirements.in"
        raise ModuleNotFoundError(message)
    with parquet.ParquetFile(file) as table:
        labels = table.schema_arrow.names
        names = [n for n in labels if not ROW_NUMBERS.fullmatch(n)]
        if len(set(names)) < len(names):
            message = f"columns have the same name: {', '.join(names)}"
            raise ValueError(message)
        yield partial(_from_arrow, table.read(columns=names), names, plan)


def read_jsonl(file: Path, plan: Plan) -> Iterator[Task]:
    """Read JSON Lines: an object a line, all with the same keys, in any order."""
    names: list[str] = []
    line = 1
    with opened(file) as stream:
        while lines := stream.readlines(_BLOCK):
            first = next(filter(bytes.strip, lines), None)
            if first is not None and not names:
                names = list(_record(first, lines.index(first) + line))
            yield partial(_from_json, lines, line, names, plan)
            line += len(lines)
    if not names:
        message = "there is no object with keys in it"
        raise ValueError(message)


def _from_arrow(batch: Any, names: list[str], plan: Plan) -> Piece:
    return {name: _arrow_column(batch.column(name), name, plan) for name in names}


def _arrow_column(values: Any, name: str, plan: Plan) -> Part:
    given = values.type
    if pa.types.is_dictionary(given):
        return _arrow_column(values.cast(given.value_type), name, plan)
    kind = arrow_type(given)
    if kind is None:
        message = f"column {name!r} has the type {given}: write numbers or text"
        raise ValueError(message)
    if pa.types.is_decimal(given):
        values = values.cast(pa.string())  # of its digits a float is rounded once
    values = values.cast(kind, safe=False)  # all are wider, uint64 is rounded
    if plan.type(name) == "str":
        return _texts(values.to_pylist(), name, plan)
    return _typed(values.to_pandas(), name, plan)


def _from_json(lines: list[bytes], first: int, names: list[str], plan: Plan) -> Piece:
    """Make columns of lines, of which `first` is the number of the first one."""
    records = {
        number: _record(line, number, names)
        for number, line in enumerate(lines, first)
        if line.strip()
    }
    return {name: _json_column(records, name, plan) for name in names}


def _record(line: bytes, number: int, names: list[str] | None = None) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as exc:
        message = f"line {number} is not JSON: {exc}"
        raise ValueError(message) from exc
    if not isinstance(record, dict):
        message = f"line {number} is not an object"
        raise ValueError(message)  # noqa: TRY004 -- one kind
    if names is not None and record.keys() != set(names):
        message = (
            f"line {number} has the keys {', '.join(record)}, expected "
            f"{', '.join(names)}: write null where there is no value"
        )
        raise ValueError(message)
    return record


def _json_column(records: dict[int, dict[str, Any]], name: str, plan: Plan) -> Part:
    values = [record[name] for record in records.values()]
    if plan.type(name) == "str":
        return _texts(values, name, plan)
    column = _typed(pd.Series(values), name, plan)
    if column.kind not in ("", NUMBERS, BOOLEANS, TEXT):
        seen: dict[str, int] = {}
        for line, value in zip(records, values, strict=True):
            if value is not None:
                seen.setdefault(_KINDS.get(type(value), "lists or objects"), line)
        found = ", ".join(f"{what} in line {line}" for what, line in seen.items())
        message = f"column {name!r} holds {found}: write one kind of cells"
        raise ValueError(message)
    return column


def _typed(values: "pd.Series[Any]", name: str, plan: Plan) -> Part:
    if (dtype := plan.dtype(name)) is not None:
        values = without(values, plan.missing_numbers(name)).astype(dtype)
    elif values.dtype == "str":
        values = without(values, plan.missing(name))
    return part(values, name, plan, typed=True)


def _texts(values: list[Any], name: str, plan: Plan) -> Part:
    words = plan.missing(name)
    texts = [cells.string(value, words) for value in values]
    return part(pd.Series(texts, dtype="str"), name, plan, typed=True)


_KINDS = {bool: BOOLEANS, int: NUMBERS, float: NUMBERS, str: TEXT}
