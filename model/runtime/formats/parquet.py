"""`application/x-parquet`; imported at the first use, as pyarrow takes its time."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from runtime.errors import BadInput, NotAcceptable, RequestError
from runtime.tabular.arrow_types import ROW_NUMBERS, arrow_type
from runtime.tabular.table import (
    ByColumn,
    Encoder,
    Layout,
    Outputs,
    Table,
    collected,
    rows_a_slice,
)

# A cell of text takes two bytes; Parquet repeats one for nothing, and a small file may
# claim a thousand million rows. Small files of few values are left in peace.
_CELLS = (100, 10**6)  # for each byte of the body, and for any body
_BYTES = (100, 2**26)  # likewise, once they are uncompressed
_THRIFT_LIMIT = 2**24  # bytes of a text, items of a list, in what describes the file


def decode(body: IO[bytes], layout: Layout) -> Iterator[Table]:
    """Read a whole file (F-08); its row groups come one by one.

    Columns that the model does not have are not read, whatever their types.
    """
    n_bytes = body.seek(0, io.SEEK_END)
    with _refusing(), _opened(body) as file:
        schema = file.schema_arrow
        names = [n for n in schema.names if not ROW_NUMBERS.fullmatch(n)]
        used = [n for n in names if n in set(layout.names)] or names
        _refuse_columns(schema, names, used, dates=bool(layout.names))
        _refuse_size(file.metadata, n_bytes)
        types = {name: arrow_type(schema.field(name).type) for name in used}
    text = [name for name, kind in types.items() if kind == pa.large_string()]
    return _tables(body, names, used, text)


def encode() -> Encoder:
    """Write a column an output; lists are list columns."""
    slices: list[Outputs] = []
    while (outputs := (yield b"")) is not None:
        slices.append(outputs)
    file = io.BytesIO()
    try:
        columns = {name: _array(values) for name, values in collected(slices).items()}
        parquet.write_table(pa.table(columns), file)
    except (pa.ArrowException, OverflowError) as exc:
        message = "the answer has values that Parquet lacks: accept application/json"
        raise NotAcceptable(message) from exc
    yield file.getvalue()


def _array(values: list[Any]) -> Any:
    """Make an array; NaN is a number, but among text it is a missing value."""
    return pa.array(values, from_pandas=any(isinstance(v, str) for v in values))


def _opened(body: IO[bytes], **options: Any) -> Any:
    body.seek(0)
    return parquet.ParquetFile(
        body,
        thrift_string_size_limit=_THRIFT_LIMIT,
        thrift_container_size_limit=_THRIFT_LIMIT,
        **options,
    )


@contextmanager
def _refusing() -> Iterator[None]:
    """Make one sentence of whatever pyarrow says of a broken file."""
    try:
        yield
    except RequestError:
        raise
    except Exception as exc:
        reason = str(exc).partition("\n")[0][:100]
        message = f"the body is no Parquet file that can be read: {reason}"
        raise BadInput(message) from exc


def _refuse_columns(
    schema: Any, names: list[str], used: list[str], *, dates: bool
) -> None:
    if not names or len(set(names)) < len(names):
        message = f"the columns are {', '.join(names)}: each needs a name of its own"
        raise BadInput(message)
    for name in used:
        given = schema.field(name).type
        is_read = arrow_type(_plain_type(given)) or (dates and _is_date(given))
        if not is_read:
            message = f"has the type {given}: write numbers or text"
            raise BadInput(message, column=name)


def _refuse_size(file: Any, n_bytes: int) -> None:
    """Refuse what is far larger than its body, before anything of it is read."""
    # No look at the chunks: where one is broken, pyarrow ends the process.
    groups = [file.row_group(n) for n in range(file.num_row_groups)]
    n_cells = sum(group.num_rows for group in groups) * file.num_columns
    size = sum(group.total_byte_size for group in groups)
    if n_cells < 1:
        message = "the file has no rows: send at least one"
        raise BadInput(message)
    if _over(n_cells, _CELLS, n_bytes) or _over(size, _BYTES, n_bytes):
        message = f"{n_cells:,} cells of {size:,} bytes in so small a file: send fewer"
        raise BadInput(message)


def _over(number: int, limit: tuple[int, int], n_bytes: int) -> bool:
    return number > limit[0] * n_bytes + limit[1]


def _tables(
    body: IO[bytes], names: list[str], used: list[str], text: list[str]
) -> Iterator[Table]:
    """Read batches; each text is stored once, however many rows repeat it."""
    step, first = rows_a_slice(len(names)), 1
    with _refusing(), _opened(body, read_dictionary=text) as file:
        for batch in file.iter_batches(step, columns=used, use_threads=False):
            unused = [None] * batch.num_rows
            read = {name: _cells(name, batch.column(name)) for name in used}
            columns = [read.get(name, unused) for name in names]
            yield Table(ByColumn(columns), names, first)
            first += batch.num_rows
        if first == 1:
            message = "the file has fewer rows than it says"
            raise BadInput(message)


def _cells(name: str, values: Any) -> Any:
    """Give a list of Python's own values, or an array of numbers."""
    if _is_date(values.type):
        return _dates(name, values)
    if pa.types.is_dictionary(values.type):
        words = _typed(values.dictionary).to_pylist()
        places = values.indices.to_pylist()
        return [None if place is None else words[place] for place in places]
    cells = _typed(values)
    numbers = pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type)
    return cells.to_numpy() if numbers and not cells.null_count else cells.to_pylist()


def _dates(name: str, values: Any) -> list[Any]:
    """Give datetimes, which a column of dates takes, and no other."""
    zone = getattr(values.type, "tz", None)
    try:
        dates: list[Any] = values.cast(pa.timestamp("us", zone)).to_pylist()
    except pa.ArrowInvalid as exc:
        message = f"has the type {values.type}, and times that need its nanoseconds"
        raise BadInput(message, column=name) from exc
    return dates


def _is_date(given: Any) -> bool:
    return bool(pa.types.is_timestamp(given) or pa.types.is_date(given))


def _typed(values: Any) -> Any:
    """Give values the types that training gives them."""
    kind = arrow_type(values.type)
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.string())  # of its digits a float is rounded once
    return values.cast(kind, safe=False)


def _plain_type(given: Any) -> Any:
    return given.value_type if pa.types.is_dictionary(given) else given
