import io
import math
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pandas._libs.parsers import (  # type: ignore[import-not-found]  # compiled
    STR_NA_VALUES,
)

from runtime.formats import ABSENT
from runtime.tabular import cells

iso = datetime.fromisoformat
NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.integers(-(2**64), 2**64).map(str)
    | st.from_regex(
        r"[+-]?([0-9]{1,19}(\.[0-9]{0,19})?|\.[0-9]{1,19})([eE][+-]?[0-9]{1,2})?",
        fullmatch=True,
    )
)


def as_pandas_reads(text: str) -> Any:
    """Read a CSV file with one quoted cell."""
    file = io.StringIO('cell\n"' + text.replace('"', '""') + '"\n')
    return pd.read_csv(file)["cell"].iloc[0]


def test_missing_is_what_pandas_takes_for_missing() -> None:
    assert set(STR_NA_VALUES) == cells.NA_VALUES


@pytest.mark.parametrize(
    "read",
    [cells.number, cells.single, cells.integer, cells.string, cells.boolean],
    ids=lambda read: str(read.__name__),
)
@pytest.mark.parametrize(
    "cell", [*sorted(cells.NA_VALUES), None, float("nan")], ids=repr
)
def test_a_missing_cell_is_missing_in_a_column_of_any_type(
    cell: Any, read: Any
) -> None:
    """NaN in JSON is not JSON, but what clients write for a missing value."""
    value = read(cell)
    assert value is None or math.isnan(value)


@pytest.mark.parametrize(
    ("read", "kept"),
    [(cells.string, "NA"), (cells.boolean, "true"), (cells.number, "1.5")],
)
def test_a_column_may_have_texts_of_its_own_for_missing(read: Any, kept: str) -> None:
    for words in (frozenset(("?",)), frozenset(("?", "-999.0"))):
        gap = read("?", words)
        assert gap is None or math.isnan(gap)
        assert read(kept, words) == read(kept, frozenset())


@pytest.mark.parametrize("cell", [-999, -999.0, "-999", "-999.00", "-9.99e2", " -999"])
@pytest.mark.parametrize("read", [cells.number, cells.single, cells.integer])
def test_a_number_that_stands_for_missing_counts_by_its_value(
    cell: Any, read: Any
) -> None:
    assert math.isnan(read(cell, frozenset(("-999.0",))))
    assert read(cell) == -999


def test_in_text_a_number_that_stands_for_missing_counts_by_its_text() -> None:
    read = [cells.string(cell, frozenset(("5",))) for cell in (5, "5", "5.0", 5.5)]
    assert [value if isinstance(value, str) else None for value in read] == [
        *(None, None, "5.0", "5.5")
    ]


@pytest.mark.parametrize(
    "cell", ["NAN", "Nan", " nan", "+nan", "none", "NONE", "-", "?", " "]
)
def test_what_pandas_takes_for_text_is_not_missing(cell: str) -> None:
    assert as_pandas_reads(cell) == cell
    assert not cells.is_missing(cell)
    with pytest.raises(ValueError, match="expected a number, got"):
        cells.number(cell)


@given(NUMBERS)
@example("1e-400")
@example("-0")
@example("007")
@example("5.")
def test_a_number_is_the_one_that_pandas_reads(text: str) -> None:
    expected = as_pandas_reads(text)
    assume(math.isfinite(float(expected)))
    assert float(cells.number(text)) == float(expected)


@pytest.mark.parametrize("text", [" 1.5", "1.5 ", "\t1.5", "1.5\n", "+1.5", "15e-1"])
def test_spaces_around_a_number_do_not_matter(text: str) -> None:
    assert cells.number(text) == as_pandas_reads(text) == 1.5


@pytest.mark.parametrize(
    "text",
    [
        "1_000",
        "1,000",
        "0x10",
        "1.5f",
        "1e",
        "--1",
        "- 1",
        "1 2",
        "one",
        "true",
        "½",
        "²",
        "１２",  # noqa: RUF001 -- digits that are not ASCII
        "٣",
        "\u00a01",
        "1\x00",
    ],
    ids=ascii,
)
def test_what_pandas_takes_for_text_is_not_a_number(text: str) -> None:
    assert not isinstance(as_pandas_reads(text), int | float)
    with pytest.raises(ValueError, match="expected a number, got"):
        cells.number(text)


@given(st.integers(-(2**63), 2**63 - 1))
@example(-(2**53) - 1)
def test_an_integer_is_exact_to_64_bits(value: int) -> None:
    for cell in (value, str(value)):
        read = cells.integer(cell)
        assert isinstance(read, int)
        assert read == value
        assert cells.number(cell) == value


@pytest.mark.parametrize("value", [2**63, 2**63 + 1, 2**64 - 1])
def test_an_unsigned_integer_is_exact_to_64_bits(value: int) -> None:
    assert as_pandas_reads(str(value)) == value
    assert cells.integer(str(value)) == cells.integer(value) == value


@pytest.mark.parametrize(
    ("cell", "value"), [("3.0", 3), (3.0, 3), ("1e3", 1000), ("3.5", 3.5), (-0.5, -0.5)]
)
def test_a_whole_number_is_an_integer_and_any_other_stays_what_it_is(
    cell: Any, value: Any
) -> None:
    read = cells.integer(cell)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "cell",
    [
        *("inf", "-inf", "+Infinity", "INF", "1e400", "-1e400", "9" * 400, "9" * 5000),
        *(float("inf"), float("-inf"), 10**400, -(10**400)),
    ],
    ids=lambda cell: str(cell)[:9] if isinstance(cell, str) else f"{type(cell)}",
)
@pytest.mark.parametrize(
    "read",
    [cells.number, cells.single, cells.integer],
    ids=lambda read: str(read.__name__),
)
def test_a_number_that_no_float_holds_is_refused(cell: Any, read: Any) -> None:
    with pytest.raises(ValueError, match="expected a "):
        read(cell)


@pytest.mark.parametrize("cell", ["1e39", "-1e39", 1e39, 10**39, "3.41e38"])
def test_a_number_that_float32_cannot_hold_is_refused(cell: Any) -> None:
    assert cells.number(cell) == float(cell)
    with pytest.raises(ValueError, match="a finite number of at most 3"):
        cells.single(cell)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
@example(float(np.finfo("float32").max))
@example(float(np.finfo("float32").min))
def test_every_float32_can_be_sent(value: float) -> None:
    """The shortest digits that give it are what pandas writes."""
    single = np.float32(value)
    for cell in (str(single), float(single)):
        assert np.float32(cells.single(cell)) == single


@pytest.mark.parametrize(
    "cell", [True, False, "true", "yes", [1], {"a": 1}, ABSENT], ids=repr
)
def test_true_and_false_and_lists_are_no_numbers(cell: Any) -> None:
    with pytest.raises(ValueError, match="expected a number, "):
        cells.number(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *((True, True), ("true", True), ("True", True), ("TRUE", True)),
        *((False, False), ("false", False), ("False", False), ("FALSE", False)),
    ],
)
def test_a_boolean_is_true_or_false_in_any_letter_case(
    cell: Any, value: object
) -> None:
    assert cells.boolean(cell) is value


@pytest.mark.parametrize("cell", [1, 0, "1", "yes", "t", [True], ABSENT], ids=repr)
def test_nothing_else_is_a_boolean(cell: Any) -> None:
    with pytest.raises(ValueError, match="expected true or false, "):
        cells.boolean(cell)


@pytest.mark.parametrize("cell", ["a", " a ", "1_000", "007", "1.50", "TRUE", "-", "ß"])
def test_text_stays_as_it_was_sent(cell: str) -> None:
    assert cells.string(cell) == cell
    assert cells.anything(cell) == cell


@pytest.mark.parametrize(
    ("cell", "text"),
    [(2007, "2007"), (1.5, "1.5"), (-1, "-1"), (2**70, str(2**70)), (1.0, "1")],
)
def test_a_json_number_in_a_text_column_is_its_text(cell: Any, text: str) -> None:
    assert cells.string(cell) == text


@pytest.mark.parametrize("cell", [True, False])
def test_true_and_false_have_no_text_of_their_own(cell: Any) -> None:
    """A3b: is it "true", or "True"? Only categories tell."""
    with pytest.raises(ValueError, match="expected text, got "):
        cells.string(cell)


@pytest.mark.parametrize(
    ("cell", "typed", "untyped"),
    [
        ("40", "40", 40),
        ("40.5", "40.5", 40.5),
        ("X", "X", "X"),
        (40, 40, 40),
        ("true", "true", "true"),
        (" 40", " 40", 40),
    ],
)
def test_where_nothing_is_known_a_cell_is_what_it_is(
    cell: Any, typed: Any, untyped: Any
) -> None:
    """A2: JSON says what is text; in CSV each cell says it alone."""
    for read, expected in ((cells.anything, typed), (cells.spelling, untyped)):
        value = read(cell)
        assert (value, type(value)) == (expected, type(expected))
    assert cells.anything(True) is True  # noqa: FBT003 -- a cell
    for missing in ("", "NA", None):
        assert math.isnan(cells.anything(missing))
        assert math.isnan(cells.spelling(missing))


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2026-01-31", iso("2026-01-31")),
        (" 2026-01-31 ", iso("2026-01-31")),
        ("2026-01-31T23:59:58", iso("2026-01-31T23:59:58")),
        ("2026-01-31 23:59:58.5", iso("2026-01-31T23:59:58.500000")),
        ("2026-01-31 23:59:58.500000000", iso("2026-01-31T23:59:58.500000")),
        (iso("2026-01-31"), iso("2026-01-31")),
    ],
)
def test_a_date_is_what_iso_8601_writes(cell: Any, value: datetime) -> None:
    """A4b."""
    assert cells.moment(cell) == value
    assert cells.moment("") is cells.zoned(None) is None


@pytest.mark.parametrize("read", [cells.moment, cells.zoned])
@pytest.mark.parametrize(
    "cell",
    ["31.1.2026", "soon", "1701010112345", 20260131.5, 1, True, ["2026-01-31"], ABSENT],
    ids=repr,
)
def test_nothing_else_is_a_date(cell: Any, read: Any) -> None:
    with pytest.raises(ValueError, match="expected a date as 2026-01-31"):
        read(cell)


def test_a_time_zone_is_neither_invented_nor_dropped() -> None:
    at = "2026-01-31T01:00:00"
    for offset, hour in (("Z", 1), ("+01:00", 0), ("-02:00", 3)):
        assert cells.zoned(at + offset) == iso(f"2026-01-31T0{hour}:00:00")
        with pytest.raises(ValueError, match="without a time zone, got"):
            cells.moment(at + offset)
    for cell in (at, "0001-01-01T00:00:00+01:00"):
        with pytest.raises(ValueError, match="with a time zone, as"):
            cells.zoned(cell)


def test_a_date_that_its_column_would_round_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a date as"):
        cells.moment("2026-01-31T00:00:00.123456789")
    read: Any = cells.reader("datetime64[ns]")
    assert read("2026-01-31", cells.NA_VALUES) == iso("2026-01-31")
    with pytest.raises(ValueError, match="a date from 1678 to 2261"):
        read("9999-12-31", cells.NA_VALUES)
    assert cells.moment("9999-12-31") == iso("9999-12-31")


@pytest.mark.parametrize("read", [cells.string, cells.anything, cells.boolean])
@pytest.mark.parametrize("cell", [[], ["a"], {}, {"a": 1}, ABSENT], ids=repr)
def test_a_list_or_an_object_is_never_a_cell(cell: Any, read: Any) -> None:
    with pytest.raises(ValueError, match="expected "):
        read(cell)


@pytest.mark.parametrize(
    ("dtype", "read"),
    [
        *((name, cells.integer) for name in ("int64", "int8", "uint32", "Int64")),
        *((name, cells.number) for name in ("float64", "Float64")),
        *((name, cells.half) for name in ("float16", "halffloat[pyarrow]")),
        *((name, cells.single) for name in ("float32", "Float32")),
        *((name, cells.boolean) for name in ("bool", "boolean")),
        *((name, cells.string) for name in ("str", "string", "object", "category")),
        *((f"category[{name}]", cells.integer) for name in ("int64", "int8", "Int64")),
        *((name, cells.boolean) for name in ("object[bool]", "category[bool]")),
        *((name, cells.string) for name in ("category[object]", "string[pyarrow]")),
        *(("int64[pyarrow]", cells.integer), ("double[pyarrow]", cells.number)),
        *(("float[pyarrow]", cells.single), ("bool[pyarrow]", cells.boolean)),
        *(
            (name, cells.moment)
            for name in ("datetime64[us]", "timestamp[us][pyarrow]")
        ),
        ("datetime64[us, Europe/Oslo]", cells.zoned),
        ("any", cells.anything),
        ("spelt", cells.spelling),
    ],
)
def test_every_dtype_of_numbers_or_text_has_a_reader(dtype: str, read: Any) -> None:
    assert cells.reader(dtype) is read


@pytest.mark.parametrize(
    "dtype",
    [
        str(values.dtype)
        for values in (
            pd.Series(pd.arrays.SparseArray([1.5])),
            pd.Series(pd.to_timedelta([1], unit="s")),
            pd.Series(pd.period_range("2026", periods=1, freq="D")),
            pd.Series(pd.interval_range(0, 1)),
            pd.Series([1j]),
        )
    ],
)
def test_a_dtype_that_no_cell_can_spell_has_none(dtype: str) -> None:
    assert cells.reader(dtype) is None


def test_a_message_shows_what_was_got_but_not_a_megabyte_of_it() -> None:
    with pytest.raises(ValueError, match="expected a number, got 'ten'"):
        cells.number("ten")
    with pytest.raises(ValueError, match="…") as refused:
        cells.number("a" * 2**20)
    assert len(str(refused.value)) < 100


def test_a_message_tells_a_key_that_is_absent() -> None:
    with pytest.raises(ValueError, match="but the record lacks this column"):
        cells.string(ABSENT)
