"""Folders `name=value` are columns, as Spark, Athena and pandas have it."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

from runtime import data, split_target
from runtime.errors import ClientError

FORMATS = ["csv", "csv.gz", "parquet", "jsonl"]


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    return tmp_path / "training"


def put(folder: Path, suffix: str = "csv", **columns: list[Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"part-0.{suffix}"
    frame = pd.DataFrame(columns)
    if suffix == "parquet":
        parquet.write_table(pa.table(columns), file)
    elif suffix == "jsonl":
        records = frame.to_dict("records")
        file.write_text("".join(json.dumps(record) + "\n" for record in records))
    else:
        frame.to_csv(file, index=False)


def read(channel: Path, name: str, **options: Any) -> tuple[str, list[Any]]:
    values = data.read(channel, **options)[name]
    return str(values.dtype), [None if pd.isna(v) else v for v in values.tolist()]


def refused(channel: Path) -> str:
    with pytest.raises(ClientError) as wrong:
        data.read(channel)
    return str(wrong.value)


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_names_of_folders_are_the_last_columns_in_every_format(
    channel: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(channel / "city=Oslo/year=2024", suffix, a=[1, 2])
    put(channel / "city=Bergen/year=2023", suffix, a=[3])
    frame = data.read(channel)
    assert frame.to_dict("list") == {
        "a": [3, 1, 2],
        "city": ["Bergen", "Oslo", "Oslo"],
        "year": [2023, 2024, 2024],
    }
    assert str(frame["year"].dtype) == "int64"
    assert "columns from the names of folders: city, year\n" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("folders", "dtype", "values"),
    [
        (["01", "02"], "int64", [1, 2]),
        (["1", "2.5"], "float64", [1, 2.5]),
        (["1", "x"], "str", ["1", "x"]),
        (["1", "__HIVE_DEFAULT_PARTITION__"], "float64", [1, None]),
        (["x", "__HIVE_DEFAULT_PARTITION__"], "str", ["x", None]),
        (["false", "true"], "bool", [False, True]),
        (["A%2FB", "New%20York"], "str", ["A/B", "New York"]),
        (["9" * 20, "1"], "float64", [1.0, 1e20]),
        (["2024-01-05", "2024-01-06"], "str", ["2024-01-05", "2024-01-06"]),
    ],
    ids=str,
)
def test_all_cells_of_such_a_column_decide_what_it_is(
    channel: Path, suffix: str, folders: list[str], dtype: str, values: list[Any]
) -> None:
    for name in folders:
        put(channel / f"c={name}", suffix, a=[1])
    found, cells = read(channel, "c")
    assert (found, sorted(cells, key=str)) == (dtype, sorted(values, key=str))


@pytest.mark.parametrize("suffix", FORMATS)
def test_such_a_column_may_be_declared(channel: Path, suffix: str) -> None:
    put(channel / "month=01", suffix, a=[1])
    put(channel / "month=__HIVE_DEFAULT_PARTITION__", suffix, a=[1])
    put(channel / "month=NA", suffix, a=[1])
    assert read(channel, "month", dtype={"month": "str"}) == ("str", ["01", "NA", None])


@pytest.mark.parametrize("suffix", FORMATS)
def test_it_may_be_the_target(channel: Path, suffix: str) -> None:
    put(channel / "label=1", suffix, a=[1, 2])
    put(channel / "label=0", suffix, a=[3])
    X, y = split_target(data.read(channel), "label")
    assert (list(X), y.tolist()) == (["a"], [0, 1, 1])


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_name_that_is_in_the_file_too_is_refused(channel: Path, suffix: str) -> None:
    put(channel / "a=1", suffix, a=[1])
    assert refused(channel) == (
        f"column 'a' is in training/a=1/part-0.{suffix}, and in the name of its "
        "folder: rename one of them"
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_outside_of_the_folders_is_refused(channel: Path, suffix: str) -> None:
    put(channel / "city=Oslo", suffix, a=[1])
    put(channel / "x", suffix, a=[1])
    assert refused(channel) == (
        f"training/x/part-0.{suffix} lies in folders of no column, "
        f"but training/city=Oslo/part-0.{suffix} in folders of city=…"
    )


def test_without_a_header_the_first_column_of_the_files_stays_the_target(
    channel: Path,
) -> None:
    put(channel / "city=Oslo", a=[1])
    frame = data.read(channel, header=None)
    assert list(frame) == ["0", "city"]


def test_files_without_rows_add_none(channel: Path) -> None:
    put(channel / "city=Oslo", a=[1, 2])
    put(channel / "city=Bergen", a=[])
    frame = data.read(channel)
    assert frame.to_dict("list") == {"a": [1, 2], "city": ["Oslo", "Oslo"]}
