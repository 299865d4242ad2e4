"""One file of Parquet or JSON Lines -> its columns, whose cells have types.

pyarrow reads both. They raise what is wrong with a file; channel.py adds its name.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from runtime.data.files import opened
from runtime.data.options import ColumnOptions
from runtime.tabular.arrow_types import ROW_NUMBERS, arrow_type

try:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import json as arrow_json
    from pyarrow import parquet
except ImportError:  # without it the image is smaller, and reads CSV alone
    pa = None

_BLOCK = 2**22  # bytes
_JSON_TYPES = {bool: "true and false", int: "numbers", float: "numbers", str: "text"}


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
