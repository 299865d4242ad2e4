"""Arrays and Parquet: rows with types, hostile headers, answers."""

import io
import math
import pickle
import tracemalloc
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pyarrow import parquet

from runtime import formats
from runtime.errors import BadInput, NotAcceptable
from runtime.formats import NPY, PARQUET, Layout, Outputs, Table, joined
from runtime.tabular import table
from runtime.tabular.cells_at_once import listed
from runtime.tabular.schema import Schema

NAN = float("nan")
DTYPES = ["<f8", ">f4", "<f2", "<i8", ">i2", "<u8", "u1", "?", "<U3", ">U3", "S3"]


def by_row(table: Table) -> Table:
    """Make lists of rows that are kept by column."""
    return replace(table, rows=list(table.rows))


def decode(body: bytes, media_type: str) -> Table:
    tables = formats.decode(io.BytesIO(body), media_type, Layout())
    return by_row(joined(tables))


def npy(array: Any, version: tuple[int, int] = (1, 0)) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), version)
    return file.getvalue()


def header(text: str, data: bytes = b"") -> bytes:
    """Write a header as an enemy would."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + data


def file_of(table: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table, file, **options)
    return file.getvalue()


def one(values: list[Any]) -> Outputs:
    return Outputs({"prediction": values}, named=False)


def named(**columns: list[Any]) -> Outputs:
    return Outputs(columns, named=True)


def write_npy(*slices: Outputs) -> Any:
    body = b"".join(formats.encode(slices, NPY))
    return np.load(io.BytesIO(body), allow_pickle=False)


def write_parquet(*slices: Outputs) -> dict[str, list[Any]]:
    body = b"".join(formats.encode(slices, PARQUET))
    columns: dict[str, list[Any]] = parquet.read_table(io.BytesIO(body)).to_pydict()
    return columns


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_is_read_as_numpy_reads_it(
    dtype: str, order: Any, version: tuple[int, int]
) -> None:
    """F-08."""
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype, order=order)
    rows = decode(npy(array, version), NPY).rows
    assert rows == (array.astype("U") if dtype == "S3" else array).tolist()
    assert {type(cell) for row in rows for cell in row} <= {int, float, bool, str}


@given(
    arrays.arrays(
        st.sampled_from([np.dtype(name) for name in DTYPES if name != "S3"]),
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=5),
    ),
    st.booleans(),
    st.integers(1, 12),
)
def test_slices_of_an_array_are_its_rows(array: Any, turned: bool, cells: int) -> None:  # noqa: FBT001 -- drawn
    """F-08: in both orders of memory."""
    array = array.T if turned else array
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "SLICE_CELLS", cells)
        tables = list(formats.decode(io.BytesIO(npy(array)), NPY, Layout()))
    n_rows = max(1, cells // array.shape[1])
    assert [table.first for table in tables] == [*range(1, len(array) + 1, n_rows)]
    assert repr(by_row(joined(tables)).rows) == repr(array.tolist())


def test_a_flat_array_is_one_row() -> None:
    """F-06, X-23: as a flat list is."""
    assert decode(npy([1.5, 16]), NPY).rows == [[1.5, 16.0]]


def test_records_of_an_array_have_names() -> None:
    fields = [("age", "<i4"), ("city", "S4"), ("open", "?")]
    array = np.array([(33, "Rome", True), (44, "", False)], fields)
    rows = [[33, "Rome", True], [44, "", False]]
    names = ["age", "city", "open"]
    assert decode(npy(array), NPY) == Table(rows, names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "SLICE_CELLS", 3)
        tables = list(formats.decode(io.BytesIO(npy(array)), NPY, Layout()))
    assert [*map(by_row, tables)] == [
        Table(rows[:1], names, 1),
        Table(rows[1:], names, 2),
    ]


class Bomb:
    """What would fail the test if it were unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize(
    "body",
    [
        npy(np.array([[Bomb()]], dtype=object)),
        npy(np.array([(1, Bomb())], [("a", "i4"), ("b", "O")])),
        pickle.dumps([[Bomb()]]),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1, 1)}", b"." * 8),
        header("{'descr': [('a','O',(1,))], 'fortran_order': False, 'shape': (1,)}"),
    ],
    ids=["objects", "a field of objects", "a pickle", "one pointer", "a sub-array"],
)
def test_a_pickle_is_never_loaded(body: bytes) -> None:
    """X-28."""
    with pytest.raises(BadInput):
        decode(body, NPY)


@pytest.mark.parametrize(
    "dtype",
    ["<M8[s]", "<m8[s]", "<c16", "V4", "<f16", "<U0", "S0", "V0", "O"],
)
def test_an_array_of_another_kind_is_refused(dtype: str) -> None:
    """F-08: of items without a size there may be any number in no bytes."""
    descr = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': (2, 1)}}"
    size = 2 * np.dtype(dtype).itemsize
    with pytest.raises(BadInput, match="write numbers, true/false or text"):
        decode(header(descr, bytes(size)), NPY)


@pytest.mark.parametrize(
    "shape",
    ["()", "(0,)", "(0, 3)", "(3, 0)", "(10**15, 0)", "(1, 1, 1)", "(-1, -1)", "(-1,)"],
)
def test_an_array_that_is_no_table_is_refused(shape: str) -> None:
    """F-08."""
    shape = shape.replace("10**15", str(10**15))
    descr = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"
    with pytest.raises(BadInput, match="has the shape"):
        decode(header(descr, bytes(8)), NPY)


@pytest.mark.parametrize("n_bytes", [0, 8, 15, 17, 32])
def test_an_array_has_exactly_the_bytes_that_its_header_promises(n_bytes: int) -> None:
    """F-08."""
    descr = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1)}"
    message = f"the array has {n_bytes} bytes, its header promises 16"
    with pytest.raises(BadInput, match=message):
        decode(header(descr, bytes(n_bytes)), NPY)


@pytest.mark.parametrize("order", [False, True])
@pytest.mark.parametrize("rows", [2**61, 2**64, 10**15, 10**400])
def test_what_a_header_promises_is_not_allocated(*, rows: int, order: bool) -> None:
    """F-08: numbers of rows that overflow, too."""
    body = header(
        f"{{'descr':'<f8','fortran_order':{order},'shape':({rows},8)}}", b"12345678"
    )
    with pytest.raises(BadInput, match="its header promises"):
        decode(body, NPY)


@pytest.mark.parametrize(
    "body",
    [
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00",
        b"\x93NUMPY\x03\x00\x02\x00{}",
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"PK\x03\x04",
        header("{'descr': '<f8', 'shape': (1,)}", bytes(8)),
        header(
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1L,)}"[:-1], bytes(8)
        ),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1.5,)}", bytes(8)),
        header("{'descr': 'zz', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        header("(" * 5_000),
        header("[" * 200 + "]" * 200),
        header("__import__('os').abort()"),
        header(" " * 20_000),
    ],
    ids=range(13),
)
def test_a_body_that_is_no_array_is_refused(body: bytes) -> None:
    """H-25."""
    with pytest.raises(BadInput, match="is not an array of the"):
        decode(body, NPY)


@pytest.mark.parametrize(
    ("dtype", "data"),
    [
        ("S2", b"\xff\xfe"),
        ("<U1", b"\xff\xff\xff\x7f"),
        ("<U2", b"a\0\0\0\0\0\x11\0"),
        (">U1", b"\0\x11\0\0"),
    ],
    ids=["not UTF-8", "no code point", "nor a second one", "other bytes first"],
)
def test_text_that_is_none_is_refused(dtype: str, data: bytes) -> None:
    """H-25."""
    descr = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': (1, 1)}}"
    with pytest.raises(BadInput, match="text that is none"):
        decode(header(descr, data), NPY)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, -2], "<i8"),
        ([0.5, 1.0], "<f8"),
        ([1, 0.5], "<f8"),
        ([True, False], "|b1"),
        (["a", "Zürich"], "<U6"),
        ([[1, 2], [3, 4]], "<i8"),
        ([["a"], ["b"]], "<U1"),
        ([[[1.5, 2.5]], [[3.5, 4.5]]], "<f8"),
        ([[], []], "<f8"),
    ],
    ids=str,
)
def test_one_output_is_an_array_of_its_type(values: list[Any], dtype: str) -> None:
    """F-15: numpy's reader takes no objects."""
    for outputs in (one(values), named(label=values)):
        array = write_npy(outputs)
        assert (array.dtype.str, array.tolist()) == (dtype, values)
    assert write_npy(one(values), one(values)).tolist() == values * 2


def test_a_missing_answer_is_nan_among_numbers_and_nothing_among_text() -> None:
    assert repr(write_npy(one([1, None, math.inf, NAN])).tolist()) == repr(
        [1.0, NAN, math.inf, NAN]
    )
    assert repr(write_npy(one([True, None])).tolist()) == repr([1.0, NAN])
    assert repr(write_npy(one([None, None])).tolist()) == repr([NAN, NAN])
    assert write_npy(one(["a", None, NAN])).tolist() == ["a", "", ""]


@pytest.mark.parametrize("name", ["score", "Größe", "数"])
def test_several_outputs_are_fields_with_names(name: str) -> None:
    columns: dict[str, list[Any]] = {"label": ["a", "b"], name: [[0.5, 0.5], [1, 0]]}
    outputs = Outputs(columns, named=True)
    array = write_npy(outputs, outputs)
    assert array.dtype.names == ("label", name)
    assert array["label"].tolist() == ["a", "b", "a", "b"]
    assert array[name].tolist() == [[0.5, 0.5], [1.0, 0.0]] * 2


@pytest.mark.parametrize(
    "values",
    [
        [[1], [1, 2]],
        [[1], 2],
        [1, "a"],
        [{"a": 1}, {"a": 2}],
        [2**63, 1],
        [10**400, 0.5],
        ["a" * 300_000, *"b" * 1_000],
    ],
    ids=["ragged", "list or not", "mixed", "objects", "uint64", "huge", "long text"],
)
def test_what_is_no_array_is_refused_with_what_takes_it(values: list[Any]) -> None:
    """H-25: before anything is allocated."""
    with pytest.raises(NotAcceptable, match="accept application/json"):
        write_npy(one(values))


def test_a_parquet_file_is_read_by_the_names_of_its_columns() -> None:
    """F-08: the index of pandas is no column."""
    frame = pd.DataFrame({"age": [33, 44], "city": ["Rome", None]}, index=[7, 8])
    file = io.BytesIO()
    frame.to_parquet(file)
    table = decode(file.getvalue(), PARQUET)
    assert table == Table([[33, "Rome"], [44, None]], ["age", "city"])


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        (pa.array([1, None], pa.int8()), [1, None]),
        (pa.array([2**63, 1], pa.uint64()), [2.0**63, 1.0]),
        (pa.array([0.5, None], pa.float32()), [0.5, None]),
        (pa.array(np.array([0.5, math.inf], np.float16)), [0.5, math.inf]),
        (pa.array([True, None]), [True, None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        (pa.array([5, None]).dictionary_encode(), [5, None]),
        (pa.array([Decimal("2.834747652200631"), None]), [2.834747652200631, None]),
        (pa.array([None, None], pa.null()), [None, None]),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_every_plain_type_of_parquet_is_read(values: Any, cells: list[Any]) -> None:
    """F-08: those that training reads, as training reads them."""
    rows = decode(file_of(pa.table({"a": values})), PARQUET).rows
    assert rows == [[cell] for cell in cells]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([b"a"]),
        pa.array([[1]]),
        pa.array([{"a": 1}]),
        pa.array([0], pa.timestamp("s")),
        pa.array([0], pa.date32()),
        pa.array([b"a"]).dictionary_encode(),
    ],
    ids=lambda value: str(value.type),
)
def test_a_column_of_another_type_is_named(values: Any) -> None:
    """H-25."""
    body = file_of(pa.table({"a": [1], "when": values}))
    with pytest.raises(BadInput, match="column 'when': has the type"):
        decode(body, PARQUET)


@pytest.mark.parametrize(
    "unused",
    [
        pa.array([0, 1], pa.timestamp("ns")),
        pa.array([[1], [2]]),
        pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
        pa.array([{"a": 1}, {"a": 2}]),
        pa.array([b"a", b"b"]),
        pa.array([1.5, 2.5]),
    ],
    ids=lambda value: str(value.type),
)
def test_a_column_that_the_model_lacks_is_left_alone(unused: Any) -> None:
    """B9: as in CSV and JSON; it counts as one that was ignored."""
    body = file_of(pa.table({"when": unused, "a": [1, 2], "more": unused}))
    schema = Schema.learn(pd.DataFrame({"a": [1, 2]}))
    tables = formats.decode(io.BytesIO(body), PARQUET, Layout(1, names=schema.names))
    rows = schema.read(joined(tables))
    assert listed(rows["a"]) == [1, 2]
    assert rows.ignored == 2


@pytest.mark.parametrize(
    "used",
    [pa.array([[1]]), pa.array([b"a"]), pa.array([0], pa.duration("s"))],
    ids=str,
)
def test_a_column_that_the_model_has_is_named(used: Any) -> None:
    """B9."""
    body = file_of(pa.table({"when": used, "a": [1]}))
    layout = Layout(2, names=["a", "when"])
    with pytest.raises(BadInput, match="column 'when': has the type"):
        list(formats.decode(io.BytesIO(body), PARQUET, layout))


@pytest.mark.parametrize("kind", [pa.timestamp("s"), pa.date32()], ids=str)
def test_a_time_is_a_date_to_a_model_of_dates_and_named_to_any_other(kind: Any) -> None:
    """A4b, B9."""
    body = file_of(pa.table({"when": pa.array([0], kind)}))
    table = joined(formats.decode(io.BytesIO(body), PARQUET, Layout(1, names=["when"])))
    dates = Schema.learn(pd.DataFrame({"when": pd.to_datetime(["2026-01-01"])}))
    assert dates.read(table).frame()["when"].tolist() == [pd.Timestamp(0)]
    for other in (["1970-01-01"], [1.5]):
        schema = Schema.learn(pd.DataFrame({"when": other}))
        with pytest.raises(BadInput, match=r"column 'when': expected .*, got the time"):
            schema.read(table)


@given(st.integers(1, 10), st.integers(1, 10), st.integers(1, 12))
def test_slices_of_a_parquet_file_are_its_rows(
    n_rows: int, group: int, cells: int
) -> None:
    """F-08: whatever its row groups."""
    columns = {"a": [*range(n_rows)], "b": ["x"] * n_rows}
    body = io.BytesIO(file_of(pa.table(columns), row_group_size=group))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "SLICE_CELLS", cells)
        tables = list(formats.decode(body, PARQUET, Layout()))
    sizes = [len(table.rows) for table in tables]
    assert max(sizes) <= max(1, cells // 2)
    assert [t.first for t in tables] == [1 + sum(sizes[:n]) for n in range(len(sizes))]
    assert by_row(joined(tables)).rows == [[n, "x"] for n in range(n_rows)]
    assert not body.closed


@pytest.mark.parametrize(
    "body",
    [
        file_of(pa.table({"a": pa.array([], pa.int64())})),
        file_of(pa.table({"__index_level_0__": [1]})),
        file_of(pa.Table.from_arrays([pa.array([1])] * 2, ["a", "a"])),
        file_of(pa.table({"a": [1]}))[:-1],
        b"PAR1",
        b"PAR1PAR1",
        b"PAR1\xff\xff\xff\x7fPAR1",
        b"1,2\n",
    ],
    ids=["no rows", "no columns", "twice", "cut", "mark", "marks", "length", "CSV"],
)
def test_a_parquet_file_without_a_table_is_refused_in_a_sentence(body: bytes) -> None:
    """H-25."""
    with pytest.raises(BadInput) as refused:
        decode(body, PARQUET)
    assert len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


def test_a_small_file_of_many_rows_is_refused_before_it_is_read() -> None:
    """A column of one value costs nothing in Parquet, whatever its length."""
    column = pa.chunked_array([pa.nulls(2**20, pa.int8())] * 20)
    body = file_of(pa.table({"a": column}), row_group_size=2**25)
    assert len(body) < 100_000
    with pytest.raises(BadInput, match="20,971,520 cells"):
        formats.decode(io.BytesIO(body), PARQUET, Layout())


def test_a_small_file_of_long_text_is_refused_before_it_is_read() -> None:
    plain = {"use_dictionary": False, "write_statistics": False}
    body = file_of(pa.table({"a": ["x" * 2**27]}), compression="zstd", **plain)
    assert len(body) < 100_000
    with pytest.raises(BadInput, match="1 cells of 134,"):
        formats.decode(io.BytesIO(body), PARQUET, Layout())


def test_a_text_that_all_rows_repeat_is_stored_once() -> None:
    """200 times 1 MB, in a file of 1 MB: also where no type says so."""
    column = pa.array(["x" * 10**6] * 200)
    body = file_of(pa.table({"a": column}), store_schema=False, compression="none")
    assert len(body) < 2 * 10**6
    table = decode(body, PARQUET)
    assert len({id(cell) for cell in table.columns(["a"], 10)[0]}) == 1


def test_half_a_thousand_rows_of_nothing_are_no_small_file() -> None:
    """What people send is never refused for its size: a million cells are few."""
    body = file_of(
        pa.table({f"c{n}": pa.nulls(1_000, pa.int8()) for n in range(1_000)})
    )
    assert len(decode(body, PARQUET).rows) == 1_000


@given(st.data())
def test_a_garbled_file_is_read_or_refused(data: st.DataObject) -> None:
    """H-25: never anything else, and never with more memory than a table takes."""
    media_type, whole = data.draw(st.sampled_from(FILES))
    body = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 3))
    tracemalloc.start()
    try:
        assert decode(bytes(body[: len(body) - cut]), media_type).rows
    except BadInput:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2**24


@pytest.mark.parametrize("byte", [0, 6, 0x15])
def test_a_parquet_file_with_any_wrong_byte_is_read_or_refused(byte: int) -> None:
    """H-25: not even pyarrow's own checks, which end the process, are reached."""
    plain = {"store_schema": False, "write_statistics": False}
    body = file_of(pa.table({"a": [1, 2, 3], "b": ["x", "y", None]}), **plain)
    for place in range(len(body)):
        try:
            table = decode(body[:place] + bytes([byte]) + body[place + 1 :], PARQUET)
        except BadInput:
            continue
        assert len(table.rows) == 3


COLUMNS = {"a": [1, None, 3], "b": ["x", "y", None], "c": [0.5, 1.5, NAN]}
FILES = [
    (NPY, npy([[1.5, 2.5], [3.5, 4.5]])),
    (NPY, npy([["a", "bc"], ["d", "e"]])),
    (NPY, npy(np.array([(1, "a"), (2, "b")], [("x", "i4"), ("y", "S2")]))),
    (PARQUET, file_of(pa.table(COLUMNS))),
    (PARQUET, file_of(pa.table(COLUMNS), use_dictionary=False, compression="none")),
]


@pytest.mark.parametrize(
    "values",
    [
        [1, -2],
        [0.5, NAN],
        [True, None],
        ["a", None],
        [[0.5], [0.5, 1.0]],
        [{"a": 1}] * 2,
    ],
    ids=str,
)
def test_parquet_has_a_column_an_output(values: list[Any]) -> None:
    assert repr(write_parquet(one(values))) == repr({"prediction": values})
    both = {"a": values * 2, "b": values * 2}
    written = write_parquet(named(a=values, b=values), named(a=values, b=values))
    assert repr(written) == repr(both)


def test_a_missing_text_is_null_in_parquet() -> None:
    assert write_parquet(one(["a", NAN, None])) == {"prediction": ["a", None, None]}


@pytest.mark.parametrize("values", [[1, "a"], [[1], 2], [2**64, 1], [object(), None]])
def test_what_parquet_lacks_is_refused_with_what_takes_it(values: list[Any]) -> None:
    """H-25."""
    with pytest.raises(NotAcceptable, match="accept application/json"):
        write_parquet(one(values))
