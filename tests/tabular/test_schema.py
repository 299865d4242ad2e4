import json
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from harness import table_of
from runtime.errors import MAX_PROBLEMS, BadInput, ClientError
from runtime.formats import CSV, JSON, Layout, decode, joined
from runtime.tabular import cells
from runtime.tabular.dataframes import MAX_CATEGORIES
from runtime.tabular.schema import Schema, found_in

# pandas writes a lone \r without quotes, and a byte order mark is no part of a body.
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\r\ufeff")
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "str": st.text(LETTERS, min_size=1).filter(
        lambda text: text not in cells.NA_VALUES
    ),
}


@st.composite
def learned_and_sent(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw rows to learn from, and the same rows with some values missing.

    In pandas, integers with missing values are floats, and booleans are objects.
    """
    n_rows = draw(st.integers(1, 4))
    dtypes = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=2, max_size=5))
    learned, sent = {}, {}
    for number, dtype in enumerate(dtypes):
        full = draw(st.lists(CELLS[dtype], min_size=n_rows, max_size=n_rows))
        gaps = draw(st.lists(st.booleans(), min_size=n_rows, max_size=n_rows))
        column: Any = pd.Series(full, dtype=dtype)
        learned[f"c{number}"] = column
        if any(gaps):
            loose = {"int64": "float64", "bool": "object"}.get(dtype, dtype)
            empty = None if dtype == "bool" else np.nan
            column = column.astype(loose)
            column[gaps] = empty
        sent[f"c{number}"] = column
    return pd.DataFrame(learned), pd.DataFrame(sent)


def from_csv(schema: Schema, rows: pd.DataFrame) -> pd.DataFrame:
    body = rows.to_csv(header=False, index=False).encode()
    return schema.read(table_of(body, CSV)).frame()


def from_json(schema: Schema, value: Any) -> pd.DataFrame:
    return schema.read(table_of(json.dumps(value).encode(), JSON)).frame()


def plain(rows: pd.DataFrame) -> list[list[Any]]:
    """Give Python's own values, None for missing ones."""
    return [
        [None if pd.isna(cell) else cell for cell in row]
        for row in zip(*(rows[name].tolist() for name in rows), strict=True)
    ]


def problems(schema: Schema, value: Any) -> list[tuple[int | None, Any]]:
    with pytest.raises(BadInput) as refused:
        from_json(schema, value)
    return [(problem.row, problem.column) for problem in refused.value.problems]


@pytest.fixture
def animals() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "legs": [4, 2, 4],
            "weight": np.array([3.5, 0.5, np.nan], dtype="float32"),
            "length": [0.5, np.nan, 1.5],
            "tame": [True, False, True],
            "name": ["cat", "hen", None],
            "size": pd.Categorical(["small", "small", "large"]),
        }
    )


@pytest.fixture
def schema(animals: pd.DataFrame) -> Schema:
    return Schema.learn(animals)


ROW = {
    "legs": 4,
    "weight": 3.5,
    "length": 0.5,
    "tame": True,
    "name": "cat",
    "size": "small",
}


@given(learned_and_sent())
def test_rows_sent_as_csv_arrive_as_they_were(
    frames: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    """F-05: the values of `fit`, and their types."""
    learned, sent = frames
    assert_frame_equal(from_csv(Schema.learn(learned), sent), sent, check_exact=True)


@given(learned_and_sent())
def test_rows_sent_as_json_arrive_as_they_were_in_every_shape(
    frames: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    """F-06."""
    learned, sent = frames
    schema, names, rows = Schema.learn(learned), list(sent), plain(sent)
    records = [dict(zip(names, row, strict=True)) for row in rows]
    split = {"columns": names, "data": rows}
    for value in (rows, {"instances": rows}, records, {"instances": records}, split):
        assert_frame_equal(from_json(schema, value), sent, check_exact=True)


@given(learned_and_sent())
def test_a_schema_is_the_same_after_a_journey_through_json(
    frames: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    schema = Schema.learn(frames[0])
    text = json.dumps(schema.to_json(), allow_nan=False)
    assert Schema.from_json(json.loads(text)) == schema


@given(learned_and_sent())
def test_the_example_is_a_row_of_the_schema(
    frames: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    """H-15: the warm-up row."""
    learned, _ = frames
    schema = Schema.learn(learned)
    row = schema.example().frame()
    assert list(row) == list(learned)
    assert len(row) == 1
    assert not row.isna().to_numpy().any()


def test_every_type_comes_back_from_every_format(
    animals: pd.DataFrame, schema: Schema
) -> None:
    assert_frame_equal(from_csv(schema, animals), animals)
    assert_frame_equal(from_json(schema, plain(animals)), animals)


def test_the_example_is_made_of_medians_and_most_frequent_values(
    schema: Schema,
) -> None:
    (row,) = schema.example().frame().to_dict("records")
    assert row == {
        "legs": 4,
        "weight": 2,
        "length": 1,
        "tame": True,
        "name": "cat",
        "size": "small",
    }


def test_free_text_is_never_an_example() -> None:
    """A name or an address of the training data does not belong in model.json."""
    names = pd.DataFrame({"name": [f"person {n}" for n in range(MAX_CATEGORIES)]})
    schema = Schema.learn(names)
    assert "person" not in json.dumps(schema.to_json())
    assert schema.example().frame()["name"].tolist() == ["text"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_example_of_the_largest_numbers_is_a_number(dtype: str) -> None:
    """A raster's "no data" is often the smallest float32."""
    X = pd.DataFrame({"a": np.full(4, np.finfo(dtype).min, dtype=dtype)})
    (column,) = Schema.learn(X).to_json()
    json.dumps(column, allow_nan=False)


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8", "Int64"])
def test_a_column_of_any_integers_never_wraps_round(dtype: str) -> None:
    schema = Schema.learn(pd.DataFrame({"a": [1, 2]}, dtype=dtype))
    assert from_csv(schema, pd.DataFrame({"a": [300, -1]}))["a"].tolist() == [300, -1]


OF_NUMBERS = [
    *("int8", "uint8", "int16", "int32", "int64", "uint64", "Int8", "UInt16", "Int64"),
    *("float16", "float32", "float64", "Float32", "Float64", "bool", "boolean"),
    *("int8[pyarrow]", "uint16[pyarrow]", "float[pyarrow]", "double[pyarrow]"),
]


@pytest.mark.parametrize("dtype", OF_NUMBERS)
def test_numbers_have_as_many_bits_as_fit_saw(dtype: Any) -> None:
    """Of int8 beside float32 scikit-learn makes float32, of int64 float64."""
    X = pd.DataFrame({"a": [0, 1, 1], "b": [1, 0, 1]}).astype(dtype)
    schema = Schema.learn(X)
    assert from_csv(schema, X).dtypes.tolist() == X.dtypes.tolist()
    assert from_json(schema, X.to_dict("records")).equals(X)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "UInt8"])
@pytest.mark.parametrize("cell", [None, 0.5, 300, -70_000, 10**12])
def test_what_small_integers_have_no_room_for_changes_no_other_row(
    dtype: Any, cell: Any
) -> None:
    """Of float32 and float64 scikit-learn makes float64, and computes otherwise."""
    X = pd.DataFrame({"a": [1, 2], "b": [0.1, 0.2], "c": [1, 2]})
    X = X.astype({"a": dtype, "b": "float32", "c": "int8"})
    found = from_json(Schema.learn(X), [[1, 0.1, 1], [cell, 0.2, 2]])
    kinds = [str(kind).lower() for kind in found.dtypes]
    assert np.result_type(*kinds) == "float32"
    assert found["a"].isna().tolist() == [False, cell is None]
    if cell is not None:
        assert float(found["a"][1]) == np.float32(cell)


@pytest.mark.parametrize("dtype", ["Int8", "UInt16", "Int64"])
def test_a_gap_among_integers_leaves_them_their_type(dtype: str) -> None:
    X = pd.DataFrame({"a": [1, None]}, dtype=dtype)
    schema = Schema.learn(X)
    assert_frame_equal(from_json(schema, [[1], [None]]), X)
    assert from_json(schema, [[-300], [None]])["a"].to_list()[0] == -300


@pytest.mark.parametrize("value", [65519, -65519.9])
def test_float16_takes_what_it_can_hold(value: float) -> None:
    schema = Schema.learn(pd.DataFrame({"a": [1, 2]}, dtype="float16"))
    assert np.isfinite(from_json(schema, [[value]])["a"]).all()
    assert problems(schema, [[value], [65520], [-1e9]]) == [(2, "a"), (3, "a")]


def test_a_name_of_numpys_integers_is_one_of_pythons() -> None:
    X = pd.DataFrame([[1.0]], columns=pd.Index([2020], dtype="int64"))
    (stored,) = json.loads(json.dumps(Schema.learn(X).to_json(), default=str))
    assert stored["name"] == 2020


def test_a_value_that_the_model_needs_is_asked_for(schema: Schema) -> None:
    """H-25, H-73."""
    needing = schema.requiring(["weight", "name"])
    assert Schema.from_json(needing.to_json()) == needing
    rows = [
        ROW,
        {**ROW, "weight": None},
        {**ROW, "name": "NA"},
        {**ROW, "length": None},
    ]
    assert problems(needing, rows) == [(2, "weight"), (3, "name")]
    assert from_json(needing, {**ROW, "tame": None})["tame"].tolist() == [None]


@pytest.mark.parametrize("value", [10**20, 1e300, -1e300])
def test_a_number_beyond_64_bits_is_a_float_in_a_column_of_integers(
    value: float,
) -> None:
    schema = Schema.learn(pd.DataFrame({"a": [1, 2]}))
    assert from_json(schema, [[value], [1]])["a"].tolist() == [value, 1]


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_half_a_character_is_refused(dtype: str) -> None:
    """JSON can spell a lone surrogate, no string of a model can hold it."""
    values = pd.Series(["x", "y"], dtype=dtype)
    for schema in (Schema.learn(values.to_frame("a")), Schema.of_names(["a"])):
        with pytest.raises(BadInput, match="row 1, column 'a': expected whole"):
            from_json(schema, [{"a": "x\ud800"}])


@pytest.mark.parametrize("value", [2**63 + 1, 2**64 - 1])
def test_a_column_of_unsigned_integers_is_exact(value: int) -> None:
    X = pd.DataFrame({"a": [value, 0]}, dtype="uint64")
    assert from_csv(Schema.learn(X), X)["a"].tolist() == [value, 0]
    assert from_json(Schema.learn(X), [[value], [0]])["a"].tolist() == [value, 0]


def test_a_fraction_in_a_column_of_integers_stays_one() -> None:
    schema = Schema.learn(pd.DataFrame({"a": [1, 2]}))
    assert from_csv(schema, pd.DataFrame({"a": [1.5, 2.0]}))["a"].tolist() == [1.5, 2]


@pytest.mark.parametrize("dtype", ["str", "object", "string"])
def test_text_of_any_dtype_comes_back_in_it(dtype: str) -> None:
    X = pd.DataFrame({"a": ["x", None, "y"], "b": ["1", "2", "3"]}, dtype=dtype)
    frame = from_csv(Schema.learn(X), X)
    assert frame.dtypes.tolist() == X.dtypes.tolist()
    assert frame.isna().equals(X.isna())
    assert frame["b"].tolist() == ["1", "2", "3"]


def test_a_single_column_of_text_may_begin_and_end_with_missing_values() -> None:
    X = pd.DataFrame({"a": [None, "x", None, None]}, dtype="str")
    assert_frame_equal(from_csv(Schema.learn(X), X), X)


def test_nan_in_json_is_a_missing_value_in_a_column_of_any_type(
    schema: Schema,
) -> None:
    """`json.dumps` writes it for the missing values of a frame, in text columns too."""
    frame = from_json(schema, [ROW, dict.fromkeys(ROW, float("nan"))])
    assert frame.iloc[1].isna().all()


def test_a_category_comes_back_with_the_categories_of_fit() -> None:
    """Their order too: XGBoost and LightGBM see the codes."""
    sizes = pd.Categorical(
        ["small", "large"], categories=["small", "medium", "large"], ordered=True
    )
    X = pd.DataFrame({"size": sizes})
    schema = Schema.from_json(json.loads(json.dumps(Schema.learn(X).to_json())))
    assert_frame_equal(from_csv(schema, X), X)


def test_a_category_that_fit_has_not_seen_is_refused(schema: Schema) -> None:
    row = {**ROW, "size": "huge"}
    with pytest.raises(BadInput, match="one of large, small, got 'huge'"):
        from_json(schema, row)
    assert problems(schema, [ROW, row]) == [(2, "size")]


@pytest.mark.parametrize("size", [None, "", "NA"])
def test_a_missing_category_is_missing(schema: Schema, size: Any) -> None:
    assert from_json(schema, {**ROW, "size": size})["size"].isna().all()


def test_text_that_fit_has_not_seen_passes(schema: Schema) -> None:
    """Encoders have their own answer to it."""
    assert from_json(schema, {**ROW, "name": "yak"})["name"].tolist() == ["yak"]


def test_records_may_have_their_keys_in_any_order_and_others_besides(
    schema: Schema, animals: pd.DataFrame
) -> None:
    row = {"id": [7], **dict(reversed(ROW.items())), "comment": {"a": 1}}
    assert_frame_equal(from_json(schema, row), animals.head(1))


def test_a_missing_column_is_named(schema: Schema) -> None:
    row = {name: ROW[name] for name in ROW if name not in ("tame", "size")}
    with pytest.raises(BadInput, match="missing: tame, size; expected legs, weight"):
        from_json(schema, row)
    assert problems(schema, row) == [(1, "tame")]


def test_a_key_that_one_record_lacks_is_named_with_its_row(schema: Schema) -> None:
    lacking = {name: ROW[name] for name in ROW if name != "tame"}
    assert problems(schema, [ROW, lacking]) == [(2, "tame")]


@pytest.mark.parametrize("width", [1, 5, 7])
def test_another_number_of_columns_is_refused_with_the_names(
    schema: Schema, width: int
) -> None:
    message = f"{width} columns, expected 6: legs, weight, length, tame, name, size"
    with pytest.raises(BadInput, match=message):
        from_json(schema, [[1] * width])


def test_text_in_a_column_of_numbers_is_refused_with_row_and_column(
    schema: Schema,
) -> None:
    with pytest.raises(BadInput, match="row 2, column 'legs': expected a number"):
        from_json(schema, [ROW, {**ROW, "legs": "four"}])
    with pytest.raises(BadInput, match="row 1, column 'legs': expected a number"):
        schema.read(table_of(b"four,1,1,true,cat,small", CSV)).frame()


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("legs", "inf"), ("legs", "9" * 400), ("legs", 10**400), ("legs", True)),
        *(("weight", 1e39), ("length", "1e400"), ("length", float("inf"))),
        *(("tame", 1), ("tame", "yes"), ("name", ["cat"]), ("name", {"a": 1})),
    ],
    ids=lambda cell: str(cell)[:12],
)
def test_a_cell_that_its_column_cannot_hold_is_refused(
    schema: Schema, column: str, cell: Any
) -> None:
    """X-26."""
    assert problems(schema, [ROW, {**ROW, column: cell}]) == [(2, column)]


def test_problems_come_in_the_order_of_rows_and_only_the_first_of_them(
    schema: Schema,
) -> None:
    bad = {**ROW, "legs": "x", "name": []}
    assert problems(schema, [ROW, bad, ROW, bad]) == [
        (2, "legs"),
        (2, "name"),
        (4, "legs"),
        (4, "name"),
    ]
    many = problems(schema, [bad] * 1000)
    assert len(many) == MAX_PROBLEMS
    assert many[0] == (1, "legs")


@pytest.mark.parametrize(
    "values",
    [
        pd.to_timedelta([1, 2], unit="s"),
        pd.interval_range(0, 2),
        pd.Series([1j, 2j]),
        pd.Series([["a"], ["b"]]),
        pd.Series(["a", 1]),
        pd.Series([True, "false"], dtype="object"),
        pd.cut([1, 2], [0, 1, 2]),
    ],
    ids=[
        "durations",
        "intervals",
        "complex numbers",
        "lists",
        "text and numbers",
        "true and text",
        "categories that are intervals",
    ],
)
def test_a_type_that_no_request_can_spell_is_refused_by_name(values: Any) -> None:
    with pytest.raises(ClientError, match="column 'when' "):
        Schema.learn(pd.DataFrame({"ok": [1, 2], "when": values}))


@pytest.mark.parametrize("dtype", ["float64", "str", "object", "category", "Int64"])
def test_a_column_without_any_value_is_refused_by_name(dtype: str) -> None:
    X = pd.DataFrame({"ok": [1, 2], "empty": pd.Series([None, None], dtype=dtype)})
    with pytest.raises(ClientError, match="column 'empty' has no value in any row"):
        Schema.learn(X)


@pytest.mark.parametrize("name", [("a", "b"), 1.5, None], ids=repr)
def test_a_column_name_that_no_request_can_spell_is_refused(name: Any) -> None:
    X = pd.DataFrame(
        [[1]], columns=pd.Index([name], dtype="object", tupleize_cols=False)
    )
    with pytest.raises(ClientError, match="name is to be text"):
        Schema.learn(X)


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ClientError, match="'a'"):
        Schema.learn(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_columns_without_names_are_numbered() -> None:
    schema = Schema.learn(np.array([[1.5, 2], [3, 4]]))
    assert [column.name for column in schema.columns] == [0, 1]
    assert from_json(schema, [[1, 2]]).to_numpy().tolist() == [[1, 2]]


@pytest.mark.parametrize(
    "value",
    [{"0": 1, "1": 2}, {"columns": [0, 1], "data": [[1, 2]]}],
    ids=["records", "split"],
)
def test_numbered_columns_can_be_named_by_their_numbers(value: Any) -> None:
    """So pandas' `to_json` writes a frame that was made of an array."""
    schema = Schema.learn(np.array([[1.5, 2], [3, 4]]))
    assert from_json(schema, value).to_numpy().tolist() == [[1, 2]]


def test_names_alone_keep_the_order_and_refuse_what_is_absent() -> None:
    schema = Schema.of_names(["a", "b"])
    assert not schema.has_types
    assert from_json(schema, {"b": 2, "a": 1}).to_dict("list") == {"a": [1], "b": [2]}
    assert problems(schema, {"a": 1}) == [(1, "b")]
    with pytest.raises(BadInput, match="missing: b; expected a, b"):
        from_json(schema, {"columns": ["a"], "data": [[1]]})


@pytest.mark.parametrize(
    ("cells_", "values", "dtype"),
    [
        (["1", "2.5"], ["1", "2.5"], "str"),
        ([1, 2.5], [1.0, 2.5], "float64"),
        (["1", ""], ["1", None], "str"),
        ([1, None], [1.0, None], "float64"),
        (["a", ""], ["a", None], "str"),
        ([1, "a"], [1, "a"], "object"),
        (["", ""], [None, None], "float64"),
        ([True, False], [True, False], "bool"),
        ([True, None], [True, None], "object"),
    ],
    ids=str,
)
def test_without_a_schema_a_cell_is_what_json_says(
    cells_: list[Any], values: list[Any], dtype: str
) -> None:
    """A2, A2b."""
    table = table_of(json.dumps([[cell] for cell in cells_]).encode(), JSON)
    column = found_in(table).read(table).frame()[0]
    assert column.dtype == dtype
    assert column.astype(object).where(column.notna(), None).tolist() == values


@pytest.mark.parametrize("others", ["", "X\n", "41\n", '""\n', "X\n\n41\n"])
def test_without_a_schema_a_cell_of_csv_is_the_same_in_any_company(others: str) -> None:
    """A2."""
    for cell, value in (("40", 40.0), ("a", "a"), ("4e1", 40.0)):
        table = table_of(f"{cell}\n{others}".encode(), CSV)
        assert found_in(table).of_texts.read(table).frame()[0][0] == value


@pytest.mark.parametrize(
    "body",
    [b"[[Infinity]]", b'[["1e400"]]', b"[[" + b"9" * 400 + b"]]", b"[[[1]]]"],
    ids=["infinity", "too large", "an integer too large", "a list"],
)
def test_without_a_schema_a_number_that_no_float_holds_is_refused(body: bytes) -> None:
    """X-26: as text it would pass, and fail in `predict`."""
    table = table_of(body, JSON)
    with pytest.raises(BadInput) as refused:
        found_in(table).read(table).frame()
    assert refused.value.problems[0].row == 1


@pytest.mark.parametrize("dtype", ["str", "category"])
def test_a_column_has_its_own_texts_for_missing_and_they_are_stored(dtype: str) -> None:
    """So `data.read` found them: in a column of countries NA is Namibia."""
    X = pd.DataFrame({"country": ["NA", "DE"], "n": [1.5, 2]}).astype(
        {"country": dtype}
    )
    learned = Schema.learn(X, na_values={"country": [""], "target": ["?"]})
    schema = Schema.from_json(json.loads(json.dumps(learned.to_json())))
    assert schema == learned
    sent = pd.DataFrame({"country": ["NA", None, "DE"], "n": [1, 2, np.nan]})
    assert_frame_equal(
        from_csv(schema, sent), sent.astype({"country": X["country"].dtype})
    )
    for record in ({"country": "NA", "n": "NA"}, ["NA", "NA"]):
        row = from_json(schema, [record])
        assert row["country"].tolist() == ["NA"]
        assert row["n"].isna().all()
    assert schema.example().frame()["country"].notna().all()


@pytest.mark.parametrize("cell", ["NA", "null", "x"])
def test_text_that_is_not_missing_is_a_category_or_refused(cell: str) -> None:
    X = pd.DataFrame({"a": ["", "y"]}, dtype="category")
    schema = Schema.learn(X, na_values={"a": ["?"]})
    assert problems(schema, [["?"], ["y"], [""], [cell]]) == [(4, "a")]


def test_older_files_have_the_texts_of_missing_cells_that_all_columns_had(
    schema: Schema,
) -> None:
    older = [
        {key: value for key, value in column.items() if key != "missing"}
        for column in schema.to_json()
    ]
    assert Schema.from_json(older) == schema


TEXTS = pd.DataFrame({"colour": ["red", "blue"] * 2, "size": ["S", "M"] * 2})
ALL_TEXT = [
    pytest.param(Schema.learn(TEXTS), id="text"),
    pytest.param(Schema.learn(TEXTS.astype("category")), id="category"),
    pytest.param(Schema.of_names(["colour", "size"]), id="no types"),
]


@pytest.mark.parametrize("schema", ALL_TEXT)
@pytest.mark.parametrize(
    "line",
    [
        ["Colour", "Size"],
        ["colour", " size"],
        ["SIZE", "colour "],
        ["colour", "Size"],
        ["", "Colour", "Size"],
        ["COLOUR", "size", "weight"],
    ],
    ids=",".join,
)
def test_a_header_in_another_spelling_is_never_a_row(
    schema: Schema, line: list[str]
) -> None:
    """Neither is it skipped: of text alone nobody knows that it is none."""
    with pytest.raises(BadInput, match="spell the names colour, size") as refused:
        schema.is_header(line)
    assert refused.value.problems[0].row == 1


@pytest.mark.parametrize("schema", ALL_TEXT[:2])
@pytest.mark.parametrize(
    "line", [["red", "S"], ["Size", "S"], ["size", "S"], ["colours", "size"], [""]]
)
def test_a_first_line_without_all_names_is_a_row(
    schema: Schema, line: list[str]
) -> None:
    assert not schema.is_header(line)


def test_categories_that_spell_the_names_are_a_row() -> None:
    X = pd.DataFrame({"colour": ["Colour", "red"] * 2, "size": ["Size", "S"] * 2})
    for typed in (X, X.astype("category")):
        schema = Schema.learn(typed)
        assert not schema.is_header(["Colour", "Size"])
        assert schema.is_header(["colour", "size"])
        with pytest.raises(BadInput):
            schema.is_header(["Colour", "SIZE"])


def test_the_header_of_a_file_with_an_index_is_understood(schema: Schema) -> None:
    """`to_csv()` leaves its cell empty, and pandas calls it `Unnamed: 0`."""
    names = schema.names
    for first in ("", "Unnamed: 0"):
        assert schema.is_header([first, *names])
    X = pd.DataFrame({"Unnamed: 0": [0, 1], "age": [33, 44]})
    learned = Schema.learn(X)
    assert learned.is_header(["", "age"])
    body = X.rename(columns={"Unnamed: 0": ""}).to_csv(index=False).encode()
    layout = Layout(2, learned.is_header)
    table = joined(decode(BytesIO(body), CSV, layout))
    assert_frame_equal(learned.read(table).frame(), X)


@pytest.mark.parametrize("names", [[2020, 2021], ["2020", "2021", "7"], ["1", "10"]])
def test_a_header_of_numbers_is_no_row(names: list[Any]) -> None:
    schema = Schema.learn(pd.DataFrame([[0.5] * len(names)], columns=names))
    for line in (schema.names, schema.names[::-1], ["", *schema.names]):
        assert schema.is_header(line)
    assert not schema.is_header(["1"] * len(names))
    assert not schema.is_header(schema.names[1:])


@pytest.mark.parametrize("names", [range(3), range(1, 4), ["0", "1", "3"]])
def test_a_line_that_counts_nameless_columns_is_neither_header_nor_row(
    names: Any,
) -> None:
    """An answer too many would give each row that of another."""
    schema = Schema.learn(pd.DataFrame([[0.5] * 3], columns=names))
    with pytest.raises(BadInput, match="could be a header line or a row: leave"):
        schema.is_header(schema.names)
    assert not schema.is_header(schema.names[::-1])


@pytest.mark.parametrize("names", [[0, 1], [1], ["2020"]])
def test_few_numbers_are_a_row(names: list[Any]) -> None:
    schema = Schema.learn(pd.DataFrame([[0.5] * len(names)], columns=names))
    assert not schema.is_header(schema.names)
