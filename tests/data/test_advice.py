"""What is said of numbers that a few odd cells turn into text."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from runtime import data

NUMBERS = [str(n) for n in range(100)]


def said(capsys: pytest.CaptureFixture[str], folder: Path, **options: Any) -> str:
    data.read(folder, **options)
    return capsys.readouterr().out


def put(folder: Path, cells: list[str]) -> None:
    text = "".join(f'"{cell}",x\n' for cell in cells)
    (folder / "a.csv").write_text(f"a,b\n{text}")


def test_one_line_names_column_cells_and_cures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, [*NUMBERS, *["?"] * 6, ""])
    assert said(capsys, tmp_path) == (
        "column 'a' is text, as 6 of its 106 cells are no numbers ('?'): read it with "
        'na_values=["?"] if that means a missing value; if it is meant as text, say '
        "dtype={'a': 'str'}\n"
    )


@pytest.mark.parametrize(
    ("odd", "cure", "options"),
    [
        (["?"], 'na_values=["?"]', {"na_values": ["?"]}),
        (["-", "n.a."], 'na_values=["-", "n.a."]', {"na_values": ["-", "n.a."]}),
        (["1,234.50", "12,345"] * 60, 'thousands=","', {"thousands": ","}),
        (["1,5", "-12,25"] * 60, 'decimal=","', {"decimal": ","}),
        (
            ["1,234", "?"],
            'thousands="," and na_values=["?"]',
            {"thousands": ",", "na_values": ["?"]},
        ),
    ],
    ids=str,
)
def test_the_cure_is_one(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    odd: list[str],
    cure: str,
    options: dict[str, Any],
) -> None:
    put(tmp_path, NUMBERS + odd)
    assert f"read it with {cure}" in said(capsys, tmp_path)
    assert said(capsys, tmp_path, **options) == ""
    values = data.read(tmp_path, **options)["a"]
    assert values.dtype.kind in "if"
    assert values[:100].tolist() == list(range(100))


def test_percent_signs_are_taken_off_by_the_line_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """B7."""
    put(tmp_path, ["12.5%", " 3 %", "-0.25%", "", *NUMBERS])
    sentence = said(capsys, tmp_path)
    line = "rows['a'] = rows['a'].str.rstrip('% ').astype('float')"
    assert "3 of its 103 cells are no numbers ('12.5%', ' 3 %', '-0.25%')" in sentence
    assert f": take off the signs in train, {line}; if it is meant" in sentence
    rows = data.read(tmp_path)
    exec(line, {"rows": rows})
    assert rows["a"][:3].tolist() == [12.5, 3, -0.25]
    assert rows["a"].isna().sum() == 1


@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (["2024-01-31", "2024-02-29"], {}),
        (["2024-01-31T10:00:00Z", "2024-02-29T11:30:00Z"], {}),
        (["31.01.2024", "29.02.2024"], {"date_format": "%d.%m.%Y"}),
        (["1/31/2024", "2/29/2024"], {"date_format": "%m/%d/%Y"}),
        (["2024/01/31", "2024/02/29"], {"date_format": "%Y/%m/%d"}),
    ],
    ids=str,
)
def test_dates_are_named_with_the_option_that_reads_them(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    cells: list[str],
    options: dict[str, Any],
) -> None:
    """B7."""
    put(tmp_path, cells * 20)
    sentence = said(capsys, tmp_path)
    assert f"as all of its 40 cells are dates ({cells[0]!r}, {cells[1]!r})" in sentence
    spelt = "".join(f', {name}="{value}"' for name, value in options.items())
    assert f"or, with parse_dates=['a']{spelt}, as rows['a'].dt.year; if" in sentence
    rows = data.read(tmp_path, parse_dates=["a"], **options)
    assert rows["a"].dt.month.tolist() == [1, 2] * 20


def test_an_odd_cell_among_dates_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """B7."""
    put(tmp_path, [*["2024-01-31"] * 30, "soon"])
    assert "as 30 of its 31 cells are dates ('2024-01-31'), but not all ('soon')" in (
        said(capsys, tmp_path)
    )


@pytest.mark.parametrize(
    ("odd", "cure", "options"),
    [
        (["soon"], 'na_values=["soon"]', {"na_values": ["soon"]}),
        (["31.1.2024", "?"], 'na_values=["31.1.2024", "?"]', {}),
        (["2024-01-31 10:00"], 'date_format="ISO8601"', {"date_format": "ISO8601"}),
    ],
    ids=str,
)
def test_the_cell_for_which_dates_are_not_read_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    odd: list[str],
    cure: str,
    options: dict[str, Any],
) -> None:
    """B7: `parse_dates` is given, and is no advice."""
    put(tmp_path, ["2024-01-31", "", *odd, "2024-02-29"])
    told = said(capsys, tmp_path, parse_dates=["a"])
    assert told.startswith(
        f"column 'a' is text, though parse_dates names it, as {odd[0]!r} is no date "
        "like the others: "
    )
    assert f"read it with {cure}" in told
    assert told.count("parse_dates") == told.count("\n") == 1
    if options:
        rows = data.read(tmp_path, parse_dates=["a"], **options)
        assert rows["a"].dtype.kind == "M"


def test_dates_of_several_time_zones_are_made_of_one_by_the_line_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """B7."""
    put(tmp_path, ["2024-01-31T10:00+01:00", "2024-07-31T10:00+02:00"])
    line = said(capsys, tmp_path, parse_dates=["a"]).partition("write in train, ")[2]
    rows = data.read(tmp_path, parse_dates=["a"])
    exec(line, {"rows": rows, "pd": pd})
    assert rows["a"].dt.hour.tolist() == [9, 8]


def test_what_is_said_of_columns_goes_along_with_the_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """B7: for the report."""
    put(tmp_path, [*NUMBERS, "?"])
    rows = data.read(tmp_path)
    assert [f"{note}\n" for note in rows.attrs["notes"]] == [capsys.readouterr().out]


@pytest.mark.parametrize("names", [",a,b", "Unnamed: 0,a,b"])
@pytest.mark.parametrize("parts", [1, 2])
def test_the_index_that_pandas_writes_is_named_with_the_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: str, parts: int
) -> None:
    """A5."""
    for part in range(parts):
        (tmp_path / f"{part}.csv").write_text(f"{names}\n0,5,x\n1,5,y\n")
    assert said(capsys, tmp_path) == (
        "column 'Unnamed: 0' counts rows, as the index that to_csv() writes: leave it "
        "out with index_col=0, or write the file with to_csv(index=False)\n"
    )
    assert said(capsys, tmp_path, index_col=0) == ""
    assert [*data.read(tmp_path, index_col=0)] == ["a", "b"]


def test_an_index_that_parquet_holds_as_a_column_is_dropped_after_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A5."""
    rows = pd.DataFrame({"Unnamed: 0": [0, 1], "a": [5, 6]})
    rows.to_parquet(tmp_path / "a.parquet", index=False)
    assert "leave it out by drop(columns='Unnamed: 0')" in said(capsys, tmp_path)


@pytest.mark.parametrize(
    "text", [",a\n5,1\n5,2\n", ",a\nx,1\ny,2\n", "a,\n1,1\n2,2\n", "n,a\n0,1\n1,2\n"]
)
def test_other_columns_are_not_taken_for_an_index(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """A5."""
    (tmp_path / "a.csv").write_text(text)
    assert said(capsys, tmp_path) == ""


def test_what_is_declared_as_text_is_not_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, [*NUMBERS, "?"])
    assert said(capsys, tmp_path, dtype={"a": "str"}) == ""
    assert said(capsys, tmp_path, dtype="str") == ""


@pytest.mark.parametrize(
    "cells",
    [
        ["x", "y", *NUMBERS[:9]],
        [*NUMBERS, *"abcdef"],
        NUMBERS,
        ["2024-01-05", "x"] * 20,
        ["2024-01-05", "7"] * 20,
        ["x"] * 20,
        [""] * 20,
        ["true", "false", "?"] * 20,
    ],
    ids=[
        "some",
        "many texts",
        "numbers",
        "dates and text",
        "dates and numbers",
        "text",
        "nothing",
        "flags",
    ],
)
def test_other_columns_are_not_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cells: list[str]
) -> None:
    put(tmp_path, cells)
    assert said(capsys, tmp_path) == ""


@pytest.mark.parametrize("header", ["zip,n", None], ids=["header", "none"])
def test_zeros_before_a_number_are_not_lost_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str | None
) -> None:
    """B7: a zip code is text, and pandas reads a number."""
    lines = [*filter(None, [header]), "10115,0", "00501,0.5", ",7"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    options: dict[str, Any] = {} if header else {"header": None}
    name = "zip" if header else "0"
    data.read(tmp_path, **options)
    told = said(capsys, tmp_path, **options)
    assert f"column '{name}' is a number, and 00501 is 501 in it" in told
    assert not said(capsys, tmp_path, dtype={name: "str"}, **options)


def test_a_code_that_is_a_power_of_ten_is_not_lost_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, ["12", "1E5", "3e2"])
    assert "column 'a' is a number, and 1E5 is 100000 in it" in said(capsys, tmp_path)
    assert not said(capsys, tmp_path, dtype={"a": "str"})


def test_numbers_as_programs_write_them_are_no_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, [repr(n) for n in (1e-7, 1.5e300, 1e16, 0.5)] + ["1.0E5", "2E-3"])
    assert not said(capsys, tmp_path)


def test_infinite_cells_are_counted_before_a_model_refuses_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, [*NUMBERS, "inf", "-Infinity"])
    assert "column 'a': 2 cells are infinite" in said(capsys, tmp_path)
    assert not said(capsys, tmp_path, na_values=["inf", "-inf"])


def test_thousands_that_a_request_spells_otherwise_are_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file's 1.234 may be 1234; a request's never is."""
    put(tmp_path, ["1.234", "12.345"])
    assert "a request writes 1234" in said(capsys, tmp_path, thousands=".", decimal=",")
    assert not said(capsys, tmp_path)


def test_an_index_is_named_beside_a_header_that_stands_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A5, B7."""
    (tmp_path / "a.csv").write_text(",n\n0,1.5\n1,2.5\n,n\n2,3.5\n")
    data.read(tmp_path)
    assert "leave it out with index_col=0" in capsys.readouterr().out
