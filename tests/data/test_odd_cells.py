"""What is said of numbers that a few odd cells turn into text."""

from pathlib import Path
from typing import Any

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
        'na_values=["?"] if that means a missing value, or with '
        "dtype={'a': 'str'} if it is meant as text\n"
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
        ["2024-01-05"] * 20,
        ["x"] * 20,
        [""] * 20,
        ["true", "false", "?"] * 20,
    ],
    ids=["some", "many texts", "numbers", "dates", "text", "nothing", "flags"],
)
def test_other_columns_are_not_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cells: list[str]
) -> None:
    put(tmp_path, cells)
    assert said(capsys, tmp_path) == ""
