"""One value has one meaning, whatever spells it: an encoder sees what `fit` saw."""

import io
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pandas.testing import assert_frame_equal
from pyarrow import parquet

from harness import table_of
from runtime.errors import BadInput, ClientError
from runtime.formats import CSV, JSON, NPY, PARQUET
from runtime.tabular.dataframes import MAX_CATEGORIES, check
from runtime.tabular.schema import Schema


def learned(values: Any, dtype: Any = None) -> Schema:
    """Learn a column `a`, and read what model.json says of it."""
    schema = Schema.learn(pd.DataFrame({"a": pd.Series(values, dtype=dtype)}))
    text = json.dumps(schema.to_json(), allow_nan=False)
    assert Schema.from_json(json.loads(text)) == schema
    return schema


def read(schema: Schema, body: bytes, media_type: str) -> Any:
    """Give the one cell of a body as predict's DataFrame has it."""
    (value,) = schema.read(table_of(body, media_type)).frame()["a"].tolist()
    return value


def in_csv(text: str) -> tuple[bytes, str]:
    return f'"{text}"\n'.encode(), CSV


def in_json(value: Any) -> tuple[bytes, str]:
    return json.dumps([{"a": value}]).encode(), JSON


def in_npy(value: Any) -> tuple[bytes, str]:
    file = io.BytesIO()
    np.save(file, np.array([[value]]))
    return file.getvalue(), NPY


def in_parquet(value: Any, kind: Any = None) -> tuple[bytes, str]:
    file = io.BytesIO()
    parquet.write_table(pa.table({"a": pa.array([value], kind)}), file)
    return file.getvalue(), PARQUET


TRUE = [
    *(
        in_csv("true"),
        in_csv("True"),
        in_csv("TRUE"),
        in_json(value=True),
        in_json("true"),
    ),
    *(in_json("True"), in_npy(value=True), in_npy("True"), in_parquet(value=True)),
    in_parquet("true"),
]
MISSING = [in_csv(""), in_csv("NA"), in_json(None), in_npy(""), in_parquet(None)]


@pytest.mark.parametrize(
    ("values", "dtype", "seen"),
    [
        ([True, False, np.nan], "object", True),
        ([True, False, None], "object", True),
        ([True, False, None], "boolean", True),
        ([True, False, None], "bool[pyarrow]", True),
        ([True, False], "bool", True),
        ([True, False, None], "category", True),
        (["true", "false", None], "str", "true"),
        (["True", "False", "unknown"], "str", "True"),
        (["TRUE", "FALSE"], "category", "TRUE"),
    ],
    ids=str,
)
@pytest.mark.parametrize("sent", TRUE, ids=str)
def test_true_is_one_value_however_it_is_spelt(
    sent: tuple[bytes, str], values: Any, dtype: str, seen: Any
) -> None:
    """A3, A3b, A3d."""
    value = read(learned(values, dtype), *sent)
    assert (value, type(value)) == (seen, type(seen))


@pytest.mark.parametrize("sent", MISSING, ids=str)
@pytest.mark.parametrize("missing", [np.nan, None], ids=str)
@pytest.mark.parametrize("values", [[True, False], ["a", "b"]], ids=str)
def test_a_missing_cell_is_the_one_that_fit_saw(
    values: Any, missing: Any, sent: tuple[bytes, str]
) -> None:
    """A3: None and NaN are two categories to an encoder."""
    value = read(learned([*values, missing], "object"), *sent)
    assert value is None if missing is None else np.isnan(value)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([True, False, np.nan], "object"),
        ([True, False, None], "object"),
        (["a", None], "object"),
        ([True, None], "boolean"),
        ([1, None], "Int64"),
        ([1.5, None], "Float64"),
        ([1, None], "int64[pyarrow]"),
        ([1.5, None], "float[pyarrow]"),
        ([True, None], "bool[pyarrow]"),
        (["a", None], pd.ArrowDtype(pa.string())),
        (["2026-01-01", "2026-01-01T23:59:59.5"], "datetime64[us]"),
        (["2026-01-01", None], "datetime64[ns]"),
        (["2026-01-01T10:00+02:00", None], "datetime64[us, UTC]"),
        (["2026-07-01T10:00+02:00"], "datetime64[ns, Europe/Oslo]"),
        (["2026-01-01"], "timestamp[us][pyarrow]"),
        ([2, 1, None], "category"),
        (pd.Categorical([2, 1], categories=[2, 1, 3], ordered=True), None),
        (pd.Series([1, 2], dtype="int8").astype("category"), None),
        (pd.Series([1, None], dtype="Int64").astype("category"), None),
        (pd.Series(["a"], dtype="object").astype("category"), None),
        ([True, False, None], "category"),
        ([1.5, 2.5], "category"),
    ],
    ids=lambda given: str(given).replace("\n", " ")[:60],
)
def test_rows_have_the_dtype_of_fit(values: Any, dtype: Any) -> None:
    """A3d, A4, A4b: to the type of their categories."""
    if "time" in str(dtype):
        values = pd.to_datetime(values, format="ISO8601", utc="," in dtype)
        X = pd.DataFrame({"a": pd.Series(values).astype(dtype)})
    else:
        X = pd.DataFrame({"a": pd.Series(values, dtype=dtype)})
    schema = Schema.from_json(json.loads(json.dumps(Schema.learn(X).to_json())))
    rows = X.to_csv(header=False, index=False).encode()
    assert_frame_equal(schema.read(table_of(rows, CSV)).frame(), X)
    assert schema.example().frame()["a"].dtype == X["a"].dtype


ONE = [
    *(in_csv("1"), in_csv("1.0"), in_json(1), in_json(1.0), in_json("1")),
    *(in_npy(1), in_npy(1.0), in_npy("1"), in_parquet(1), in_parquet(1.0)),
    *(in_parquet("1"), in_parquet(1, pa.decimal128(5, 2))),
]


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (["1", "2", "3", "X"], "1"),
        (["1.0", "2.0", "X"], "1.0"),
        (["1.5", "2.0", "1.0"], "1.0"),
        ([str(n) for n in range(2 * MAX_CATEGORIES)], "1"),
        ([f"{n}.0" for n in range(2 * MAX_CATEGORIES)], "1.0"),
    ],
    ids=lambda given: str(given)[:30],
)
@pytest.mark.parametrize("dtype", ["str", "category"])
@pytest.mark.parametrize("sent", ONE, ids=str)
def test_a_whole_number_is_one_text_however_it_is_spelt(
    sent: tuple[bytes, str], dtype: str, values: list[str], seen: str
) -> None:
    """A3c: that of `fit`."""
    assert read(learned(values, dtype), *sent) == seen


@pytest.mark.parametrize("values", [["1", "X"], ["1.0", "X"], ["01"]], ids=str)
def test_older_files_say_by_their_categories_how_numbers_are_spelt(
    values: list[str],
) -> None:
    (column,) = learned(values, "str").to_json()
    older = {key: column[key] for key in column if key not in ("numbers", "has_none")}
    assert Schema.from_json([older]) == learned(values, "str")


def test_many_texts_are_respelt_one_by_one() -> None:
    """A3c: where a column is read at once."""
    sent = json.dumps([["1.0"], ["X"], [None], ["2"], ["2.50"], ["01"]]).encode()
    frame = learned(["1", "2", "X"], "str").read(table_of(sent, JSON)).frame()
    assert frame["a"].tolist() == ["1", "X", np.nan, "2", "2.50", "01"]


@pytest.mark.parametrize("text", ["01", "1.50", "1e3", " 1", "+1", "1.", "X", "1 "])
def test_what_is_not_the_same_value_stays_as_it_was_sent(text: str) -> None:
    """A3c: "01" is not "1"."""
    assert read(learned(["1", "2", "X"], "str"), *in_csv(text)) == text


def test_a_number_that_is_not_whole_keeps_its_spelling() -> None:
    schema = learned(["1.5", "2.25", "X"], "str")
    for sent in (in_json(1.5), in_csv("1.5"), in_npy(1.5), in_parquet(1.5)):
        assert read(schema, *sent) == "1.5"


@pytest.mark.parametrize("dtype", ["str", "category"])
@pytest.mark.parametrize(
    ("values", "number"),
    [
        (["01", "02", "10", "X"], 1),
        (["00501", "10001"], 501),
        (["1", "2.0", "X"], 2),
        (["1.50", "2.00"], 1.5),
        (["1e3", "X"], 1000),
        ([" 7", "X"], 7),
    ],
    ids=str,
)
def test_a_number_is_the_category_of_its_value(
    values: list[str], number: float, dtype: str
) -> None:
    """A3: what finds no category because of its spelling alone is matched."""
    (seen,) = (v for v in values if v != "X" and float(v) == number)
    schema = learned(values, dtype)
    for sent in (in_json, in_npy, in_parquet):
        assert read(schema, *sent(number)) == seen
    for text in (seen, f"{number:.3f}", f"0{number}", str(number)):
        assert read(schema, *in_csv(text)) == read(schema, *in_json(text)) == seen


@pytest.mark.parametrize("sent", [in_csv("1.000"), in_json(1.5), in_json("1.5")])
def test_a_number_that_is_several_categories_is_refused(
    sent: tuple[bytes, str],
) -> None:
    """A3: never silently unseen."""
    schema = learned(["01", "1.0", "1.50", "01.5"], "str")
    with pytest.raises(BadInput, match=r"^row 1, column 'a': expected 01\S* or 1\."):
        read(schema, *sent)
    assert read(schema, *in_csv("01")) == "01"


def test_a_number_of_no_category_is_one_that_fit_has_not_seen() -> None:
    schema = learned(["01", "02", "10"], "str")
    for sent in (in_csv("77"), in_json(77), in_json("77")):
        assert read(schema, *sent) == "77"
    long = ["0" * 3 + "9" * 20, "1"]  # which as floats would be one value
    assert read(learned(long, "str"), *in_csv("1" + "0" * 20)) == "1" + "0" * 20


def test_a_number_is_spelt_plainly_where_categories_are_too_many_to_be_known() -> None:
    """A3: one zip code with a leading zero makes no other one a 400."""
    schema = learned([f"{n:05}" for n in range(9900, 10100)], "str")
    for sent in (in_csv("10001"), in_json(10001), in_json("10001"), in_npy(10001)):
        assert read(schema, *sent) == "10001"


def test_a_number_that_is_a_category_in_a_column_of_other_spellings_is_that() -> None:
    schema = learned(["10", "01"], "str")
    assert read(schema, *in_json(10)) == read(schema, *in_json(10.0)) == "10"


@pytest.mark.parametrize("values", [["a", "b"], ["true", "True"], ["yes", "no"]])
def test_true_is_refused_where_no_text_says_how_it_is_spelt(values: Any) -> None:
    """A3b."""
    schema = learned(values, "str")
    for sent in (in_json(value=True), in_npy(value=True), in_parquet(value=True)):
        with pytest.raises(BadInput, match="row 1, column 'a': expected text, got Tru"):
            read(schema, *sent)
    assert read(schema, *in_csv("TRUE")) == "TRUE"


def test_in_plain_text_a_document_is_as_it_was_sent() -> None:
    schema = learned([str(n) for n in range(200)], "str").literal()
    assert schema.read(table_of(b"1.0\n", CSV)).frame()["a"].tolist() == ["1.0"]


@pytest.mark.parametrize("sent", ONE, ids=str)
def test_a_category_that_is_a_number_is_found_by_its_value(
    sent: tuple[bytes, str],
) -> None:
    """A4."""
    for values in ([1, 2, 1], [1, 2, None]):
        value = read(learned(values, "category"), *sent)
        assert value == 1


@pytest.mark.parametrize("sent", [in_csv("3"), in_json(3), in_json(1.5), in_csv("x")])
def test_a_number_that_is_no_category_is_refused(sent: tuple[bytes, str]) -> None:
    """A4."""
    with pytest.raises(BadInput, match="row 1, column 'a': expected "):
        read(learned([1, 2], "category"), *sent)


def test_seconds_that_fit_did_not_have_are_kept() -> None:
    """As a fraction is in a column of integers."""
    schema = learned(pd.Series(pd.to_datetime(["2026-01-01"])).astype("datetime64[s]"))
    for sent in ("2026-01-31T00:00:01", "2026-01-31T00:00:01.5"):
        assert read(schema, *in_csv(sent)) == pd.Timestamp(sent)
    assert read(schema, *in_csv("")) is pd.NaT


def test_a_fraction_of_a_second_is_kept_in_a_column_of_arrows_seconds() -> None:
    dates = pd.Series(pd.to_datetime(["2026-01-01"]))
    schema = learned(dates.astype("timestamp[s][pyarrow]"))
    for sent in ("2026-01-31T00:00:01", "2026-01-31T00:00:01.5"):
        assert read(schema, *in_csv(sent)) == pd.Timestamp(sent)


@pytest.mark.parametrize("text", ["", "NA"])
@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_text_that_fit_saw_is_no_missing_cell(dtype: str, text: str) -> None:
    """A3: of `fillna("")` too."""
    schema = learned(["a", text, "b"], dtype)
    for sent in (in_csv(text), in_json(text), in_parquet(text)):
        assert read(schema, *sent) == text
    for sent in (in_json(None), in_csv("null")):
        if dtype != "category":
            assert pd.isna(read(schema, *sent))
    assert pd.isna(read(learned(["a", text, None], dtype), *in_csv(text)))


@pytest.mark.parametrize("value", [10**400, 10**30, 1e300, -0.0])
def test_any_number_has_a_text(value: float) -> None:
    for values in (["1"], ["1.0"], ["x"]):
        assert isinstance(read(learned(values, "str"), *in_json(value)), str)


FINE = pd.to_datetime([1700000000123456789, 0])
REFUSED: dict[str, tuple[Any, str]] = {
    "nanoseconds": (FINE, "dt.floor('us')"),
    "nanoseconds of a time zone": (FINE.tz_localize("UTC"), "dt.floor('us')"),
    "nanoseconds of Arrow": (
        pd.Series([FINE[0], None]).astype("timestamp[ns][pyarrow]"),
        "dt.floor('us')",
    ),
    "infinite": ([1.0, -np.inf], "X.replace([np.inf, -np.inf], np.nan)"),
    "infinite float32": (np.array([1, np.inf], "float32"), "np.inf, -np.inf], np.nan)"),
    "infinite of Arrow": (
        pd.Series([1, np.inf], dtype="double[pyarrow]"),
        "np.inf, -np.inf], np.nan)",
    ),
    "durations": (pd.to_timedelta([1, 2], unit="s"), "dt.total_seconds()"),
    "periods": (pd.period_range("2026", periods=2, freq="D"), "dt.to_timestamp()"),
    "sparse": (pd.arrays.SparseArray([0.0, 1.0]), "sparse.to_dense()"),
    "intervals": (pd.cut([1, 2], [0, 1, 2]), "astype('str')"),
    "text and numbers": (pd.Series(["a", 1], dtype="object"), "astype('str')"),
    "numbers as objects": (
        pd.Series([1, 2.5], dtype="object"),
        "pd.to_numeric(X['a'])",
    ),
    "decimals": (pd.Series([Decimal(1), Decimal(2)]), "astype('float64')"),
    "Arrow's decimals": (
        pd.Series([Decimal(1)] * 2, dtype=pd.ArrowDtype(pa.decimal128(5))),
        "astype('float64')",
    ),
    "bytes": (pd.Series([b"a", b"b"]), "X.drop(columns=['a'])"),
    "complex": (pd.Series([1j, 2j]), "X.drop(columns=['a'])"),
    "lists": (pd.Series([["a"], ["b"]]), "astype('str')"),
    "dates as objects": (
        pd.Series([pd.Timestamp(0).date()] * 2, dtype="object"),
        "pd.to_datetime(X['a'])",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_no_request_can_spell_is_refused_with_its_cure(kind: str) -> None:
    """A4b: and the cure is one."""
    values, cure = REFUSED[kind]
    X = pd.DataFrame({"ok": [1, 2], "a": values})
    with pytest.raises(ClientError) as refused:
        check(X)
    message = str(refused.value)
    assert message.startswith("column 'a' ")
    assert cure in message
    line = message.partition("before fit, ")[2]
    names = {"X": X, "pd": pd, "np": np}
    exec(line, names)
    check(names["X"])


def test_x_that_has_no_columns_of_one_name_is_refused_with_its_cure() -> None:
    """A4b."""
    sparse = pytest.importorskip("scipy.sparse").csr_matrix([[1.0, 0.0]])
    with pytest.raises(ClientError, match=r"X is a sparse matrix.*make_pipeline"):
        check(sparse)
    X = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]))
    with pytest.raises(ClientError, match="names of several levels") as refused:
        check(X)
    exec(str(refused.value).partition("one: ")[2], {"X": X})
    assert [*check(X)] == ["a_1", "b_2"]
