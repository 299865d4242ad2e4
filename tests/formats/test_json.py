"""JSON and JSON Lines: every shape of a row, gently read; answers."""

import io
import itertools
import json
import threading
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime import formats
from runtime.errors import BadInput, PayloadTooLarge
from runtime.formats import (
    ABSENT,
    JSON,
    JSONLINES,
    Layout,
    Outputs,
    Table,
    joined,
)
from runtime.formats import json as json_format
from runtime.formats.json import JSON_LIMIT, loads
from runtime.tabular.table import SLICE_CELLS

NAN, INFINITY = float("nan"), float("inf")
SPARSE = {"keys": [1, 3], "shape": [4], "values": [7, "a"]}
SCALAR = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()  # with NaN
)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
SPACES = st.text(" \t\r\n", max_size=2)


def decode(body: bytes, media_type: str, layout: Layout | None = None) -> Table:
    return joined(formats.decode(io.BytesIO(body), media_type, layout or Layout()))


def read_json(value: Any, layout: Layout | None = None) -> Table:
    return decode(json.dumps(value).encode(), JSON, layout)


def read_lines(*values: Any, layout: Layout | None = None) -> list[Any]:
    lines = "".join(f"{json.dumps(value)}\n" for value in values)
    return list(decode(lines.encode(), JSONLINES, layout).rows)


def columns_of(table: Table) -> dict[Any, list[Any]]:
    names = table.given_names or range(len(table.rows[0]))
    columns = table.columns([str(name) for name in names], 10)
    return dict(zip(names, columns, strict=True))


def one(values: list[Any]) -> Outputs:
    return Outputs({"prediction": values}, named=False)


def named(**columns: list[Any]) -> Outputs:
    return Outputs(columns, named=True)


def refuse(token: str) -> None:
    pytest.fail(f"{token} is not JSON")


def write_json(*slices: Outputs) -> Any:
    body = b"".join(formats.encode(slices, JSON))
    (answer,) = json.loads(body, parse_constant=refuse).items()
    assert answer[0] == "predictions"
    return answer[1]


def write_lines(*slices: Outputs) -> list[Any]:
    body = b"".join(formats.encode(slices, JSONLINES))
    assert body.endswith(b"\n")
    return [json.loads(line, parse_constant=refuse) for line in body.splitlines()]


@pytest.mark.parametrize(
    "value",
    [
        [[1.5, 16], [-2, 100]],
        {"instances": [[1.5, 16], [-2, 100]]},
        {"instances": [{"features": [1.5, 16]}, {"features": [-2, 100]}]},
        {
            "instances": [
                {"data": {"features": {"values": [1.5, 16]}}},
                {"data": {"features": {"values": [-2, 100]}}},
            ]
        },
        [{"features": [1.5, 16]}, {"features": [-2, 100]}],
        [{"features": {"values": [1.5, 16]}}, [-2, 100]],
    ],
    ids=[
        "lists",
        "instances",
        "features",
        "data, features, values",
        "features without instances",
        "two ways to write a list",
    ],
)
def test_json_rows_by_position_are_read_in_every_shape(value: Any) -> None:
    """F-06."""
    table = read_json(value)
    assert columns_of(table) == {0: [1.5, -2], 1: [16, 100]}


@pytest.mark.parametrize(
    "value",
    [
        [{"age": 33, "city": "Rome"}, {"city": None, "age": 44}],
        {"instances": [{"age": 33, "city": "Rome"}, {"age": 44, "city": None}]},
        {
            "instances": [
                {"configuration": {}, "data": {"age": 33, "city": "Rome"}},
                {"configuration": {}, "data": {"age": 44, "city": None}},
            ]
        },
        {"columns": ["age", "city"], "data": [[33, "Rome"], [44, None]]},
        {
            "columns": ["age", "city"],
            "index": [7, 8],
            "data": [[33, "Rome"], [44, None]],
        },
    ],
    ids=["records", "instances", "configuration", "split", "split with index"],
)
def test_json_rows_by_name_are_read_in_every_shape(value: Any) -> None:
    """F-06."""
    table = read_json(value)
    assert columns_of(table) == {"age": [33, 44], "city": ["Rome", None]}


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        ([1.5, 16], {0: [1.5], 1: [16]}),
        ({"instances": [1.5, 16]}, {0: [1.5], 1: [16]}),
        ([None, "a"], {0: [None], 1: ["a"]}),
        (
            {"age": 33, "city": "Rome"},
            {"age": [33], "city": ["Rome"]},
        ),
        (
            {"data": 1, "values": "x"},
            {"data": [1], "values": ["x"]},
        ),
    ],
    ids=["flat list", "flat instances", "null first", "record", "names of wrappers"],
)
def test_a_single_json_row_needs_no_list_around_it(
    value: Any, columns: dict[Any, list[Any]]
) -> None:
    """F-06."""
    assert columns_of(read_json(value)) == columns


def test_a_key_that_a_record_lacks_is_told_from_one_that_is_null() -> None:
    table = read_json([{"a": 1, "b": 2}, {"a": 3}, {"a": 4, "b": None}])
    assert columns_of(table)["b"][0] == 2
    assert columns_of(table)["b"][1] is ABSENT
    assert columns_of(table)["b"][2] is None


def test_a_json_body_may_begin_with_a_byte_order_mark() -> None:
    assert decode(b"\xef\xbb\xbf[[1]]", JSON).rows == [[1]]


@pytest.mark.parametrize(
    ("value", "row"),
    [
        ([[1], {"a": 1}], 2),
        ([{"a": 1}, [1]], 2),
        ([{"a": 1}, {"a": 2}, 3], 3),
        ([[1], [2], "x"], 3),
        ([1, [2]], 2),
    ],
    ids=["list, object", "object, list", "objects, 3", "lists, text", "1, list"],
)
def test_a_json_row_of_another_kind_is_named(value: Any, row: int) -> None:
    with pytest.raises(BadInput, match="not of the same kind as row 1") as refused:
        read_json(value)
    assert refused.value.problems[0].row == row


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        [[]],
        [{}],
        {"instances": []},
        {"columns": ["a"], "data": []},
        {"columns": [], "data": [[]]},
        {"columns": "a", "data": [[1]]},
        {"columns": ["a"], "data": {"a": 1}},
        {"columns": ["a"], "data": [1]},
        3,
        "1,2",
        None,
        True,
    ],
    ids=json.dumps,
)
def test_a_json_value_without_rows_is_refused(value: Any) -> None:
    """H-25."""
    with pytest.raises(BadInput):
        read_json(value)


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadInput):
        read_json({"columns": ["a", "a"], "data": [[1, 2]]})


@pytest.mark.parametrize(
    "body",
    [
        b"[[1, 2]",
        b"{'a': 1}",
        b"[1,]",
        b"1,2",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"[" + b"9" * 5_000 + b"]",
    ],
    ids=[
        "never closed",
        "Python",
        "comma at the end",
        "CSV",
        "deep lists",
        "deep objects",
        "deep and closed",
        "a number of 5000 digits",
    ],
)
def test_broken_json_is_refused(body: bytes) -> None:
    """H-25."""
    with pytest.raises(BadInput, match="the body is not JSON"):
        decode(body, JSON)


def test_tokens_for_nan_are_missing_numbers_and_not_broken_json() -> None:
    """`json.dumps` of a frame with missing values writes them."""
    (cells,) = decode(b"[[NaN, 1]]", JSON).rows
    assert cells[0] != cells[0]
    assert cells[1] == 1


@pytest.mark.parametrize(
    "header",
    ["application/json; charset=utf-8", "application/JSON", "Application/Json"],
)
def test_json_is_known_by_its_name_alone(header: str) -> None:
    """H-22."""
    assert decode(b"[1,2]", header).rows == [[1, 2]]


@pytest.mark.parametrize("values", [[1, 2], [0.5], ["a", "b"], [True, None]])
def test_json_has_a_bare_value_a_row_for_one_output(values: list[Any]) -> None:
    """F-09."""
    assert write_json(one(values)) == values
    assert write_json(named(label=values)) == values


def test_json_has_an_object_a_row_for_several_outputs() -> None:
    """F-09."""
    outputs = named(predicted_label=["a", "b"], score=[[0.5, 0.5], [1.0, 0.0]])
    assert write_json(outputs) == [
        {"predicted_label": "a", "score": [0.5, 0.5]},
        {"predicted_label": "b", "score": [1.0, 0.0]},
    ]


def test_json_has_a_list_a_row_for_lists() -> None:
    assert write_json(one([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]


def test_nan_and_infinity_become_null_in_json_at_any_depth() -> None:
    """F-12."""
    cells = [NAN, INFINITY, -INFINITY, None, 1.0]
    nulls = [None, None, None, None, 1.0]
    assert write_json(one(cells)) == nulls
    assert write_json(one([cells])) == [nulls]
    assert write_json(one([{"score": cells}])) == [{"score": nulls}]
    assert write_json(named(a=cells, b=cells)) == [{"a": n, "b": n} for n in nulls]


@given(st.lists(st.text(), min_size=1))
def test_any_text_is_read_back_from_json_as_it_was(texts: list[str]) -> None:
    assert write_json(one(texts)) == texts


def test_records_cost_what_the_body_holds_and_not_keys_times_rows() -> None:
    """A body of 2 MB that would have been 10^10 cells."""
    record = json.dumps({f"k{n}": 1 for n in range(100_000)})
    body = f"[{record}{',{}' * 100_000}]"
    table = decode(body.encode(), JSON)
    assert len(table.rows) == 100_001
    assert table.columns(["k0"], 10)[0][1] is ABSENT


def test_rows_of_any_length_are_read_as_they_are() -> None:
    """H-25: what a model does with them is no matter of the format."""
    assert read_json([[1, 2], [3], []]).rows == [[1, 2], [3], []]
    split = read_json({"columns": ["a", "b"], "data": [[1, 2], [3]]})
    assert split == Table([[1, 2], [3]], ["a", "b"])
    assert read_lines([1, 2], [3], 4) == [[1, 2], [3], [4]]


@pytest.mark.parametrize(
    "row",
    [SPARSE, {"features": SPARSE}, {"data": {"features": SPARSE}}],
    ids=["bare", "features", "data, features"],
)
def test_a_sparse_row_is_dense_with_zeros_elsewhere(row: Any) -> None:
    """F-06, F-07: also among dense rows."""
    rows = [[0, 7, 0, "a"], [1, 2, 3, 4], [0, 7, 0, "a"]]
    given = [row, {"features": [1, 2, 3, 4]}, row]
    assert read_json({"instances": given}, Layout(4)).rows == rows
    assert read_lines(*given, layout=Layout(4)) == rows
    assert read_json(row, Layout(4)).rows == rows[:1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": [5]},
        {"shape": [10**15]},
        {"shape": [4, 1]},
        {"shape": 4},
        {"shape": []},
        {"keys": [1]},
        {"keys": [1, 1]},
        {"keys": [1, 4]},
        {"keys": [-1, 1]},
        {"keys": [1.0, 3]},
        {"keys": [True, 3]},
        {"keys": ["1", "3"]},
        {"keys": [[1], [3]]},
        {"keys": 1},
        {"values": [7]},
        {"values": {"1": 7, "3": 8}},
        {"values": None},
    ],
    ids=str,
)
def test_a_sparse_row_that_is_none_is_refused_by_its_number(
    wrong: dict[str, Any],
) -> None:
    """F-06."""
    for read in (
        read_json([SPARSE], Layout(4)).rows,
        read_lines(SPARSE, layout=Layout(4)),
    ):
        assert len(read) == 1
    with pytest.raises(BadInput, match="row 2: is sparse"):
        read_json([SPARSE, SPARSE | wrong], Layout(4))
    with pytest.raises(BadInput, match="row 2: is sparse"):
        read_lines(SPARSE, SPARSE | wrong, layout=Layout(4))


def test_a_sparse_row_needs_a_model_of_known_width() -> None:
    """F-06: it is never taken for a dense one, and allocates nothing."""
    with pytest.raises(BadInput, match="row 1: is sparse, but"):
        read_json(SPARSE | {"shape": [10**15]})


def test_a_record_of_plain_cells_may_have_the_names_of_a_sparse_row() -> None:
    record = {"keys": 3, "shape": "round", "values": 2.5}
    assert read_json([record], Layout(3)).rows == [record]


def test_sparse_rows_cost_what_a_slice_may_cost() -> None:
    """A body of 0.4 MB that would have been 10^9 cells at once."""
    body = json.dumps([SPARSE | {"shape": [100_000]}] * 10_000).encode()
    tables = formats.decode(io.BytesIO(body), JSON, Layout(100_000))
    assert len(next(tables).rows) == SLICE_CELLS // 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"[1,2]\n[3,4]\n",
        b"[1,2]\r\n[3,4]",
        b"\xef\xbb\xbf[1,2]\n\n \t\r\n[3,\r4]\n\n",
        b'{"features":[1,2]}\n{"features":[3,4]}\n',
        b'{"data":{"features":{"values":[1,2]}}}\n[3,4]',
    ],
    ids=["lists", "CRLF", "blank lines and a mark", "features", "data, or a list"],
)
def test_json_lines_have_a_row_a_line(body: bytes) -> None:
    """F-07."""
    assert decode(body, JSONLINES).rows == [[1, 2], [3, 4]]


def test_json_lines_may_be_records_or_bare_values() -> None:
    """F-07."""
    records = [{"age": 33, "city": "Rome"}, {"age": 44}]
    assert read_lines(*records) == records
    assert read_lines(1, "a", None, 2.5) == [[1], ["a"], [None], [2.5]]


def test_json_lines_of_another_kind_are_named_by_their_row() -> None:
    with pytest.raises(BadInput, match="row 3: is not of the same kind as row 1"):
        read_lines({"a": 1}, {"a": 2}, [3])
    with pytest.raises(BadInput, match="row 2: is not of the same kind as row 1"):
        read_lines(1, {"a": 2})


@pytest.mark.parametrize(
    "line", ["[1", "[1] [2]", "{'a': 1}", "\u00a0", "[" * 100_000, "9" * 5_000, "\x0b"]
)
def test_a_line_that_is_not_json_is_named_by_its_number(line: str) -> None:
    """H-25."""
    with pytest.raises(BadInput, match="line 3 is not JSON"):
        decode(f"[1]\n\n{line}\n[2]\n".encode(), JSONLINES)


def test_json_over_its_limit_is_refused_with_what_has_none() -> None:
    """H-23: the body may be larger than what is read at once."""
    rest = JSON_LIMIT - len(b"[[1]]")
    assert decode(b"[[1]]" + b" " * rest, JSON).rows == [[1]]
    with pytest.raises(PayloadTooLarge, match=r"32 MiB.*send application/jsonlines"):
        decode(b"[[1]]" + b" " * (rest + 1), JSON)


LINES = st.lists(
    st.sampled_from(
        [
            *("[1]\n", '["a"]\n', '{"a":1}\n', '{"a":[1]}\n', "\n", "5\n", "[1]\r\n"),
            *("[1],[2]\n", "[[3]\n", "[4]]\n", '["a]\n', '[b"]\n', "[1,\n", "2]\n"),
            *("[1]", "[1],\n", "[1] \n", " [1]\n", '{"a":1},{"b":2}\n', "\ufeff"),
            *("[NaN]\n", '["\\ud800"]\n', "[1e400]\n", "[1] [2]\n", "\u00a0\n"),
        ]
    ),
    min_size=1,
    max_size=8,
).map("".join)


def outcome(body: bytes) -> Any:
    """Read JSON Lines: the rows, or the refusal."""
    try:
        return repr(decode(body, JSONLINES, Layout(1)))
    except BadInput as exc:
        return exc.body()


@settings(max_examples=500)
@given(body=LINES)
@example(body="[1],[2]\n[[3]\n[4]]\n")
def test_json_lines_are_what_python_reads_in_each_line(body: str) -> None:
    """F-07, H-25: the fast reader is never seen, nor is it missed."""
    found = outcome(body.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_format, "_decode", json.loads)
        assert outcome(body.encode()) == found


JSON_BODIES = st.one_of(
    st.recursive(
        st.none() | st.integers() | st.text('],["}{\\a'),
        lambda inner: st.lists(inner) | st.dictionaries(st.text('],["}{'), inner),
    ).map(lambda value: json.dumps(value, separators=(",", ":"))),
    st.text('[]{},:"1a \n'),
    LINES.map(lambda text: "[" + text.strip().replace("\n", ",") + "]"),
)


@pytest.mark.parametrize("fast", [True, False], ids=["msgspec", "none"])
@settings(max_examples=500)
@given(text=JSON_BODIES, short=st.integers(0, 8))
@example('{"a": [[1], [2]], "a": [[3], [4]]}', 0)
@example("\x0b[[1]]", 0)
@example("[[123456789012345678901234567890, -0, 1e400, NaN, 1.0]]", 0)
def test_json_read_in_parts_is_json_read_whole(
    text: str, short: int, *, fast: bool
) -> None:
    """F-06: and the same error at the same place."""

    def read(how: Any) -> str:
        try:
            return repr(how())
        except ValueError as exc:
            return str(exc)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_format, "_SHORT", short)
        if not fast:
            patch.setattr(json_format, "_msgspec", None)
        found = read(lambda: loads(text.encode()))
    assert found == read(lambda: json.loads(text.removeprefix("\ufeff")))


@given(
    st.lists(
        st.sampled_from([b'["', b'"]', b"{", b'":', b"\xff", b"\xc3", b"a", b"[1]"])
    )
)
def test_json_of_broken_text_is_refused(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    try:
        body.decode()
    except UnicodeDecodeError:
        with pytest.raises(UnicodeDecodeError):
            loads(body)


@given(VALUE, st.sampled_from([None, 1]), SPACES)
def test_gentle_json_is_json(value: Any, indent: int | None, space: str) -> None:
    text = space + json.dumps(value, indent=indent) + space
    assert repr(loads(text.encode())) == repr(json.loads(text))  # NaN equals nothing


@given(VALUE, st.data())
@example('{"a" 1}', None)
@example('{"a";1}', None)
@example("[1;2]", None)
@example("{1: 2}", None)
@example('{"a": [1 2]}', None)
@example('{"a": [1], "a": [2]}', None)
def test_json_that_someone_changed_is_the_same_to_both_readers(
    value: Any, data: st.DataObject | None
) -> None:
    text = json.dumps(value) if data else value
    if data:
        start, end = (data.draw(st.integers(0, len(text))) for _ in "se")
        text = (
            text[:start] + data.draw(st.text('[]{},:"1 x\n\\', max_size=3)) + text[end:]
        )
    try:
        expected = repr(json.loads(text))
    except ValueError:
        with pytest.raises(json.JSONDecodeError):
            loads(text.encode())
    else:
        assert repr(loads(text.encode())) == expected


@given(st.text('[]{},:"1e.-\n \\u0', max_size=12))
def test_text_is_json_to_both_readers_or_to_none(text: str) -> None:
    try:
        expected = repr(json.loads(text))
    except ValueError:
        with pytest.raises(json.JSONDecodeError):
            loads(text.encode())
    else:
        assert repr(loads(text.encode())) == expected


@pytest.mark.parametrize("body", ['{"instances": [%s]}', "[%s]", '{"x": 1, "y": [%s]}'])
def test_other_threads_run_while_json_is_read(body: str) -> None:
    """H-13: `/ping` is answered; `json.loads` would let this thread count to one."""
    text = body % ",".join(["[1.5, 2.5, 3.5]"] * 400_000)
    done, turns = threading.Event(), itertools.count()

    def wait() -> None:
        while not done.wait(timeout=0.001):
            next(turns)

    thread = threading.Thread(target=wait)
    thread.start()
    loads(text.encode())
    seen = next(turns)
    done.set()
    thread.join()
    assert seen > 5


@pytest.mark.parametrize("values", [[1, 2], ["a", None], [[0.5], [1.5]]])
def test_json_lines_have_an_object_a_row(values: list[Any]) -> None:
    """F-10: also for one output; it has the same name in every request."""
    assert write_lines(one(values)) == [{"prediction": value} for value in values]
    assert write_lines(named(label=values)) == [{"label": value} for value in values]
    both = [{"a": value, "b": value} for value in values]
    assert write_lines(named(a=values, b=values)) == both


def test_nan_and_infinity_become_null_in_json_lines_at_any_depth() -> None:
    """F-12."""
    cells = [NAN, INFINITY, None, 1.0]
    nulls = [None, None, None, 1.0]
    assert write_lines(one(cells)) == [{"prediction": null} for null in nulls]
    assert write_lines(one([{"score": cells}])) == [{"prediction": {"score": nulls}}]


def test_an_answer_of_several_calls_is_one_list() -> None:
    """More rows than one call writes, of one slice and of three."""
    values = list(range(25_000))
    assert write_json(one(values)) == values
    assert write_json(one(values), one(values), one([1])) == [*values, *values, 1]
    rows = [{"a": value, "b": value} for value in values]
    assert write_json(named(a=values, b=values)) == rows


FRAME = pd.DataFrame({"age": [33, 44], "city": ["Rome", None]})
RECORDS = [{"age": 33, "city": "Rome"}, {"age": 44, "city": None}]
KNOWN = Layout(2, names=["age", "city"])


def tensor(name: str, *data: Any, **more: Any) -> dict[str, Any]:
    shape = {"shape": [len(data)], "datatype": "FP64"}
    return {"name": name, **shape, "data": list(data), **more}


TENSORS = [tensor("city", "Rome", None), tensor("age", 33, 44, shape=[2, 1])]
BY_NAME = {
    **{
        orient: json.loads(FRAME.to_json(orient=orient))
        for orient in ("split", "records", "columns", "index", "table")
    },
    "index of names": json.loads(FRAME.set_axis(["x", "y"]).to_json()),
    "columns, another order": {
        "city": {"7": "Rome", "8": None},
        "id": {"8": 1, "7": 2},
        "age": {"8": 44, "7": 33},
    },
    "lists": {"city": ["Rome", None], "id": [1, 2], "age": [33, 44]},
    "inputs": {"inputs": RECORDS},
    "dataframe_split": {
        "dataframe_split": json.loads(FRAME.to_json(orient="split")),
        "params": {},
    },
    "dataframe_records": {"dataframe_records": RECORDS},
    "tensors": {"id": "7", "inputs": TENSORS, "outputs": []},
}


@pytest.mark.parametrize("value", BY_NAME.values(), ids=BY_NAME)
def test_what_pandas_and_other_servers_clients_send_has_the_same_rows(
    value: Any,
) -> None:
    """B10, F-06: `to_json` in every orient, `to_dict("list")`, MLflow, V2."""
    cells = read_json(value, KNOWN).columns(["age", "city"], 10)
    assert [list(column) for column in cells] == [[33, 44], ["Rome", None]]


@pytest.mark.parametrize(
    "value",
    [
        json.loads(pd.DataFrame([[1.5, 16], [-2, 100]]).to_json(orient="values")),
        {"inputs": [[1.5, 16], [-2, 100]]},
        {"inputs": [tensor("x", 1.5, 16, -2, 100, shape=[2, 2])]},
        {"inputs": [tensor("x", [1.5, 16], [-2, 100], shape=[2, 2])]},
    ],
    ids=["values", "inputs", "a flat tensor", "a nested tensor"],
)
@pytest.mark.parametrize("layout", [Layout(), KNOWN], ids=["no names", "names"])
def test_rows_by_position_are_the_same_in_every_wrapper(
    value: Any, layout: Layout
) -> None:
    assert read_json(value, layout) == Table([[1.5, 16], [-2, 100]])


def test_a_list_for_each_column_is_read_without_names_of_a_model() -> None:
    """B10."""
    table = read_json({"age": [33, 44], "city": ["Rome", None]})
    assert columns_of(table) == {"age": [33, 44], "city": ["Rome", None]}
    assert len(read_json({"features": [33, "Rome"]}).rows) == 1


@pytest.mark.parametrize("name", ["features", "values", "data", "inputs", "columns"])
def test_a_list_under_the_name_of_a_column_is_that_column(name: str) -> None:
    """B10: where all columns of the model have one; alone it is a row, as ever."""
    layout = Layout(2, names=["age", name])
    table = read_json({"age": [1, 2], name: [3, 4]}, layout)
    assert columns_of(table) == {"age": [1, 2], name: [3, 4]}
    table = read_json({name: [3, 4, 5]}, Layout(1, names=[name]))
    assert [list(cells) for cells in table.columns([name], 10)] == [[3, 4, 5]]


def test_a_row_of_values_is_no_column_of_another_model() -> None:
    layout = Layout(2, names=["age", "features"])
    assert read_json({"features": [33, 7]}, layout).rows == [[33, 7]]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"age": [1, 2], "city": ["a"]}, "differ in length: age has 2, city has 1"),
        ({"age": [], "city": []}, "no rows: send .*instances"),
        ({"age": [1, 2], "city": "a"}, "column 'age': is no plain value.*instances"),
        ({"age": 1, "city": {"a": "b"}}, "'city': is no plain value.*instances"),
    ],
    ids=str,
)
def test_lists_that_are_no_columns_are_refused(value: Any, sentence: str) -> None:
    """B10."""
    with pytest.raises(BadInput, match=sentence):
        read_json(value, KNOWN)


def test_a_column_that_no_list_has_is_missing() -> None:
    with pytest.raises(BadInput, match="missing: city; expected age, city"):
        read_json({"age": [33, 44]}, KNOWN).columns(["age", "city"], 10)


@pytest.mark.parametrize("name", ["inputs", "instances", "columns", "data", "schema"])
def test_a_record_may_have_a_column_with_the_name_of_a_wrapper(name: str) -> None:
    """A cell is never a list: the object is a record, whatever the names."""
    for names in ([name], [name, "age"], ["columns", "data", name]):
        record = dict.fromkeys(names, 5)
        layout = Layout(len(set(names)), names=sorted(set(names)))
        assert read_json(record, layout).rows == [record]
        assert read_json({"instances": [record]}, layout).rows == [record]
        assert read_json({"inputs": [record]}, layout).rows == [record]
        by_column = read_json({n: {"0": 5} for n in record}, layout)
        assert columns_of(by_column) == {n: [5] for n in record}


@pytest.mark.parametrize("extra", ["inputs", "dataframe_records"])
def test_a_column_that_the_model_lacks_makes_no_wrapper_of_a_record(extra: str) -> None:
    record = {"age": 33, "city": "Rome", extra: [1, 2]}
    assert read_json(record, KNOWN).rows == [record]
    lacking = {"age": 33, extra: [1, 2]}
    assert read_json(lacking, KNOWN).rows == [lacking]


def test_a_wrapper_may_have_an_id_beside_it_as_the_model_may() -> None:
    layout = Layout(2, names=["id", "age"])
    assert read_json({"id": "7", "inputs": [[1, 2]]}, layout).rows == [[1, 2]]


def test_an_index_called_index_is_no_column() -> None:
    """`orient="table"` writes it into each record: it is never taken for a value."""
    body = json.loads(FRAME.to_json(orient="table"))
    layout = Layout(3, names=["age", "city", "index"])
    for known in (layout, Layout()):
        assert list(read_json(body, known).rows[0]) == ["age", "city"]
    own = json.loads(FRAME.set_index("age").to_json(orient="table"))
    assert read_json(own, KNOWN).rows[0] == {"age": 33, "city": "Rome"}


def test_a_schema_beside_a_row_of_values_is_left_alone() -> None:
    """As clients of SageMaker's container for SparkML send it."""
    body = {"schema": {"input": [{"name": "age"}]}, "data": [33, "Rome"]}
    for layout in (Layout(), KNOWN):
        assert read_json(body, layout).rows == [[33, "Rome"]]


def test_rows_and_columns_by_name_are_told_apart_without_names_of_a_model() -> None:
    for orient in ("columns", "index"):
        table = read_json(json.loads(FRAME.to_json(orient=orient)))
        assert columns_of(table) == {"age": [33, 44], "city": ["Rome", None]}
    for record in ({"data": {"0": 1}}, {"features": {"a": 1}}):
        assert read_json(record).rows == [*record.values()]


def test_rows_and_columns_with_the_same_names_are_refused_with_the_cure() -> None:
    body = json.loads(pd.DataFrame([[1, 2], [3, 4]]).to_json())
    with pytest.raises(BadInput, match=r'DataFrame.to_json.orient="split"'):
        read_json(body, Layout(2, names=["0", "1"]))
    one_row = json.loads(pd.DataFrame([[1, 2]]).to_json())
    table = read_json(one_row, Layout(2, names=["0", "1"]))
    assert columns_of(table) == {"0": [1], "1": [2]}


@pytest.mark.parametrize(
    "value",
    [
        {"rows": [[1, 2]]},
        {"inputs": "Rome"},
        {"inputs": {"x": 1}},
        {"dataframe_records": "x"},
        {"a": {"0": 1}, "b": {"0": 2}},
        {"instances": []},
        {"inputs": []},
        7,
    ],
    ids=str,
)
def test_an_object_of_no_known_shape_is_told_the_shapes(value: Any) -> None:
    with pytest.raises(BadInput, match=r"send .*instances.*dataframe_split.*to_json"):
        read_json(value, KNOWN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": [3]},
        {"shape": [2, 2]},
        {"shape": [1, 1, 2]},
        {"shape": []},
        {"shape": [-2]},
        {"shape": [True, 2]},
        {"shape": [2.0]},
        {"shape": [10**4000, 10**4000]},
        {"data": None},
        {"data": [[1], [2, 3]]},
        {"data": [[1, 2]]},
        {"parameters": {"content_type": "base64"}},
        {"name": "city"},
    ],
    ids=str,
)
def test_a_tensor_that_does_not_hold_what_it_says_is_refused(
    wrong: dict[str, Any],
) -> None:
    odd: list[Any] = [[], 5, None, {"content_type": "str"}]
    for parameters in odd:
        sent = [tensor("age", 1, 2, parameters=parameters), tensor("city", "a", "b")]
        assert read_json({"inputs": sent}, KNOWN).rows == [[1, "a"], [2, "b"]]
    with pytest.raises(BadInput):
        read_json({"inputs": [sent[0] | wrong, sent[1]]}, KNOWN)


@given(
    st.recursive(
        st.sampled_from([1, "a", None]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        *("inputs", "schema", "data", "columns", "dataframe_split"),
                        *("name", "shape", "datatype", "primaryKey", "age", "city"),
                        *("dataframe_records", "instances", "parameters", "0", "1"),
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
    )
)
def test_any_json_is_rows_or_refused(value: Any) -> None:
    """H-25: never an error of ours."""
    for layout in (Layout(), KNOWN):
        try:
            assert read_json(value, layout).rows
        except BadInput:
            continue
