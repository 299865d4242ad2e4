"""A channel to measure on holds what was learned from, or is refused."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from runtime import data
from runtime.errors import ClientError

NUMBERS = [str(n) for n in range(20)]
CODES = [*NUMBERS, "X"]
UNUSED = "or, if train does not use it, read it with dtype={'a': 'str'} in both"
FLAGS = ["True", "False"] * 10


def put(folder: Path, cells: list[str]) -> Path:
    folder.mkdir()
    text = "".join(f'"{cell}",x\n' for cell in cells)
    (folder / "rows.csv").write_text(f"a,b\n{text}")
    return folder


def measured(
    folder: Path, training: list[str], cells: list[str], **options: Any
) -> Any:
    """Read a channel that is to be measured on. Returns: its column."""
    learned = data.learn(data.read(put(folder / "training", training)), "training")
    return data.read(put(folder / "validation", cells), learned, **options)["a"]


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (
            ["?"],
            (
                "1 of its 21 cells is no number ('?'): read it with "
                'na_values=["?"] if that means a missing value'
            ),
        ),
        (
            ["1,234.50"],
            (
                "1 of its 21 cells is no number ('1,234.50'): read it with "
                'thousands=","'
            ),
        ),
        (
            [*"abcdefgh"],
            "8 of its 28 cells are no numbers ('a', 'b', 'c', …): write numbers there",
        ),
    ],
    ids=["one", "thousands", "many"],
)
def test_odd_cells_where_numbers_were_learned_are_refused_with_the_cure(
    tmp_path: Path, odd: list[str], told: str
) -> None:
    """C12: before `fit`."""
    with pytest.raises(ClientError) as refusal:
        measured(tmp_path, NUMBERS, [*NUMBERS, *odd])
    assert str(refusal.value) == (
        "channel 'validation': column 'a' is text, but numbers in the channel "
        f"'training', as {told}; {UNUSED}"
    )


@pytest.mark.parametrize(
    "options",
    [{"na_values": ["?"]}, {"dtype": {"a": "str"}}, {"usecols": ["b"]}],
    ids=str,
)
def test_what_the_owner_says_of_the_column_is_taken(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """C12: the option that the refusal names is one of them."""
    learned = data.Learned("training", {"a": "numbers"})
    data.read(put(tmp_path / "validation", [*NUMBERS, "?"]), learned, **options)


def test_numbers_are_read_as_text_where_text_was_learned(tmp_path: Path) -> None:
    """C12: else no category of the model would be found."""
    values = measured(tmp_path, CODES, ["01", "1.50", "", "NA", "7"])
    assert values.dtype == "str"
    assert values.dropna().tolist() == ["01", "1.50", "7"]


@pytest.mark.parametrize(
    ("training", "cells"), [(FLAGS, NUMBERS), (NUMBERS, FLAGS), (FLAGS, ["x", "y"])]
)
def test_other_kinds_are_refused(
    tmp_path: Path, training: list[str], cells: list[str]
) -> None:
    """C12."""
    with pytest.raises(
        ClientError, match=r"^channel 'validation': column 'a' is .* in b"
    ):
        measured(tmp_path, training, cells)


@pytest.mark.parametrize(
    ("training", "cells"),
    [
        (NUMBERS, ["0.5", "1e3"]),
        (FLAGS, ["true", ""]),
        ([*FLAGS, ""], FLAGS),
        (CODES, ["Y"]),
        (NUMBERS, [""]),
        ([""], ["x"]),
        (FLAGS, [""]),
    ],
    ids=str,
)
def test_the_same_kind_in_another_spelling_and_no_value_pass(
    tmp_path: Path, training: list[str], cells: list[str]
) -> None:
    """C12."""
    assert len(measured(tmp_path, training, cells)) == len(cells)


def test_cells_that_have_types_are_not_read_otherwise(tmp_path: Path) -> None:
    """C12: in Parquet a number is no text."""
    learned = data.Learned("training", {"a": "text"})
    (tmp_path / "test").mkdir()
    pd.DataFrame({"a": [1, 2]}).to_parquet(tmp_path / "test/rows.parquet")
    with pytest.raises(ClientError) as refusal:
        data.read(tmp_path / "test", learned)
    assert str(refusal.value) == (
        "channel 'test': column 'a' is numbers, but text in the channel 'training': "
        f"write it alike in both; {UNUSED}"
    )


@pytest.mark.parametrize(("training", "cells"), [(NUMBERS, ["?"]), (FLAGS, NUMBERS)])
def test_a_column_that_train_does_not_use_is_read_as_text_in_both(
    tmp_path: Path, training: list[str], cells: list[str]
) -> None:
    """C12: the cure is one."""
    as_text: dict[str, Any] = {"dtype": {"a": "str"}}
    rows = data.read(put(tmp_path / "training", training), **as_text)
    learned = data.learn(rows, "training")
    values = data.read(put(tmp_path / "validation", cells), learned, **as_text)["a"]
    assert values.tolist() == cells
