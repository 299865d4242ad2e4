"""What holds for every format, and every pair of a request and its answer."""

import csv
import io
import json
import math
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from runtime import formats
from runtime.errors import RequestError
from runtime.formats import (
    CSV,
    JSON,
    JSONLINES,
    NPY,
    PARQUET,
    READ,
    Layout,
    Outputs,
    Table,
    joined,
)
from runtime.tabular import cells, table
from runtime.tabular.cells_at_once import listed

TYPES = [JSON, CSV, JSONLINES, NPY, PARQUET]
READERS: dict[str, Callable[[Any], Any]] = {
    "integer": cells.integer,
    "number": cells.number,
    "boolean": cells.boolean,
    "string": cells.string,
}
# numpy drops a NUL at the end of text, and knows no integer that may be missing.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.none() | st.integers(-(2**53), 2**53),
    "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.none() | st.booleans(),
    "string": st.none()
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
}
Columns = dict[str, list[Any]]


@st.composite
def columns(draw: st.DrawFn) -> Columns:
    """Draw columns whose names say how they are read; two at least (see CSV)."""
    kinds = draw(st.lists(st.sampled_from([*READERS]), min_size=2, max_size=4))
    n_rows = draw(st.integers(1, 5))
    return {
        f"{kind} {place}": draw(
            st.lists(VALUES[kind], min_size=n_rows, max_size=n_rows)
        )
        for place, kind in enumerate(kinds)
    }


def reader(name: str) -> Callable[[Any], Any]:
    return READERS[name.partition(" ")[0]]


def spell(media_type: str, given: Columns) -> bytes:
    """Write a request as a client does."""
    rows = list(zip(*given.values(), strict=True))
    if media_type == CSV:
        text = io.StringIO(newline="")
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
        return text.getvalue().encode()
    if media_type == JSON:
        return json.dumps({"instances": rows}).encode()
    if media_type == JSONLINES:
        records = (dict(zip(given, row, strict=True)) for row in rows)
        return b"".join(f"{json.dumps(record)}\n".encode() for record in records)
    file = io.BytesIO()
    if media_type == PARQUET:
        parquet.write_table(pa.table(given), file)
    else:
        np.save(file, as_array(given))
    return file.getvalue()


def as_array(given: Columns) -> Any:
    fields = {
        name: np.array([math.nan if v is None else v for v in values], "f8")
        if name.startswith(("integer", "number"))
        else np.array(["" if v is None else str(v) for v in values])
        for name, values in given.items()
    }
    dtype = [(name, field.dtype) for name, field in fields.items()]
    array = np.empty(len(next(iter(fields.values()))), dtype)
    for name, field in fields.items():
        array[name] = field
    return array


def read_back(media_type: str, body: bytes, names: list[str]) -> Columns:
    """Read an answer of several outputs as a client does."""
    if media_type == PARQUET:
        found: Columns = parquet.read_table(io.BytesIO(body)).to_pydict()
        return found
    if media_type == NPY:
        array = np.load(io.BytesIO(body), allow_pickle=False)
        return {name: array[name].tolist() for name in array.dtype.names}
    if media_type == CSV:
        rows = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
        columns_read = zip(*rows, strict=True)
        return {n: [*c] for n, c in zip(names, columns_read, strict=True)}
    if media_type == JSON:
        records = json.loads(body)["predictions"]
    else:
        records = [json.loads(line) for line in body.splitlines()]
    return {name: [record[name] for record in records] for name in records[0]}


def seen(name: str, value: Any) -> str:
    """Say what a cell means, whatever the format spelt; -0.0 is 0."""
    if name.startswith("boolean") and isinstance(value, float):
        value = None if math.isnan(value) else bool(value)
    meant = reader(name)(value)
    return repr(meant + 0 if isinstance(meant, float) else meant)


def meaning(given: Columns) -> dict[str, list[str]]:
    return {name: [seen(name, v) for v in values] for name, values in given.items()}


def echoed(table: Table, names: list[str]) -> Outputs:
    """Answer with the cells themselves, as a schema reads them."""
    pairs = zip(names, table.columns(names, 10), strict=True)
    read = {name: list(map(reader(name), listed(cells))) for name, cells in pairs}
    return Outputs(read, named=True)


@pytest.mark.parametrize("answer_type", TYPES)
@pytest.mark.parametrize("request_type", TYPES)
@settings(max_examples=40)
@given(given=columns(), slice_cells=st.integers(1, 12))
def test_the_same_rows_get_the_same_answer_in_every_pair_of_formats(
    request_type: str, answer_type: str, given: Columns, slice_cells: int
) -> None:
    """F-05, F-06, F-07, F-08, F-10, F-11: by whatever slices they go."""
    names = [*given]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "SLICE_CELLS", slice_cells)
        body = io.BytesIO(spell(request_type, given))
        tables = formats.decode(body, request_type, Layout(len(names)))
        answers = (echoed(table, names) for table in tables)
        answer = b"".join(formats.encode(answers, answer_type))
    assert meaning(read_back(answer_type, answer, names)) == meaning(given)


@pytest.mark.parametrize("media_type", TYPES)
@given(given=columns(), cuts=st.lists(st.integers(1, 4)), named=st.booleans())
def test_an_answer_in_slices_is_the_answer_in_one(
    media_type: str, given: Columns, cuts: list[int], *, named: bool
) -> None:
    """To the byte; one slice is one chunk."""
    n_rows = len(next(iter(given.values())))
    if not named:  # one unnamed output of lists
        given = {"prediction": [[1, 0.5]] * n_rows}
    edges = [0, *sorted({cut for cut in cuts if cut < n_rows}), n_rows]
    slices = [
        Outputs({name: v[a:b] for name, v in given.items()}, named=named)
        for a, b in pairwise(edges)
    ]
    whole = b"".join(formats.encode([Outputs(given, named=named)], media_type))
    assert b"".join(formats.encode(slices, media_type)) == whole


@pytest.mark.parametrize("media_type", [CSV, JSON, JSONLINES])
def test_text_is_written_as_far_as_it_is_predicted(media_type: str) -> None:
    """Of ten slices no more than two are in memory."""
    alive: list[int] = []

    def slices() -> Any:
        for number in range(10):
            alive.append(number)
            yield Outputs({"prediction": [number]}, named=False)

    chunks = formats.encode(slices(), media_type)
    next(chunks)
    assert len(alive) <= 2
    list(chunks)
    assert len(alive) == 10


BODIES = st.binary() | st.text('[]{},:"1a.\r\n \ufeff').map(str.encode)


def outcome(body: bytes, media_type: str) -> str:
    """Read a body; what is refused is refused as a request."""
    try:
        tables = list(formats.decode(io.BytesIO(body), media_type, Layout(2)))
    except RequestError as exc:
        return repr(exc)
    assert all(table.rows for table in tables)
    return repr(joined(tables))


@pytest.mark.parametrize("media_type", READ)
@given(body=BODIES, slice_cells=st.integers(1, 4))
def test_any_bytes_are_rows_or_refused_in_slices_as_in_one(
    media_type: str, body: bytes, slice_cells: int
) -> None:
    """H-25: never a 500, and no more memory than the body's own size explains."""
    tracemalloc.start()
    whole = outcome(body, media_type)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**23
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "SLICE_CELLS", slice_cells)
        assert outcome(body, media_type) == whole


@pytest.mark.parametrize("magic", [b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00", b"PAR1"])
@given(body=st.binary())
def test_any_bytes_between_the_right_marks_are_rows_or_refused(
    magic: bytes, body: bytes
) -> None:
    """H-25, X-28."""
    size = len(body).to_bytes(4, "little")
    outcome(magic + size[: 2 * magic[-2]] + body, NPY)
    outcome(magic + body + size + magic, PARQUET)
