import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from runtime import data, split_target
from runtime.errors import ClientError
from runtime.tabular.cells import NA_VALUES
from runtime.tabular.schema import Schema


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    folder = tmp_path / "training"
    folder.mkdir()
    return folder


def put(channel: Path, name: str, content: str | bytes) -> None:
    file = channel / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def column(channel: Path, name: str = "a", **options: Any) -> list[Any]:
    values: list[Any] = data.read(channel, **options)[name].tolist()
    return values


def refused(channel: Path, **options: Any) -> str:
    with pytest.raises(ClientError) as wrong:
        data.read(channel, **options)
    return str(wrong.value)


def test_all_files_of_a_channel_are_one_frame_in_the_order_of_their_paths(
    channel: Path,
) -> None:
    """T-27."""
    for number, name in enumerate(["c.csv", "a.csv", "b/z.csv", "b/a/x.csv"]):
        put(channel, name, f"a,b\n{number},x\n")
    frame = data.read(channel)
    assert frame["a"].tolist() == [1, 3, 2, 0]
    assert frame.index.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "name", ["part-00000", "a.csv", "A.CSV", "a.txt", "iris.data", "v1.2.csv"]
)
def test_a_file_is_csv_by_its_suffix_or_without_one(channel: Path, name: str) -> None:
    """F-03."""
    put(channel, name, "a,b\n1,2\n")
    assert column(channel) == [1]


@pytest.mark.parametrize("suffix", ["", ".tsv", ".TSV.gz", ".tab"])
@pytest.mark.parametrize("options", [{}, {"header": None}, {"sep": "\t"}], ids=str)
def test_a_file_of_tabs_is_known_by_its_suffix(
    channel: Path, suffix: str, options: dict[str, Any]
) -> None:
    text = b"7\t8\n1\t2,5\n"
    content = gzip.compress(text) if suffix.endswith("gz") else text
    put(channel, f"a{suffix or '.csv'}", content)
    given = options if suffix else {"sep": "\t", **options}
    expected = {"7": [1], "8": ["2,5"]}
    if "header" in options:
        expected = {"0": [7, 1], "1": ["8", "2,5"]}
    assert data.read(channel, **given).to_dict("list") == expected


def test_a_file_of_tabs_may_have_another_separator(channel: Path) -> None:
    put(channel, "a.tsv", "a;b\n1;2\n")
    assert column(channel, sep=";") == [1]
    assert column(channel, delimiter=";") == [1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("part-0", b""),
        ("part-0.csv", b""),
        ("part-0.gz", gzip.compress(b"", mtime=0)),
        ("part-0.csv.gz", gzip.compress(b"", mtime=0)),
        ("part-0.csv.gz", b""),
        ("a.xlsx", b""),
    ],
)
def test_files_without_a_byte_are_left_out_and_counted(
    channel: Path, name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    put(channel, "part-1", "a,b\n1,2\n")
    put(channel, name, content)
    assert column(channel) == [1]
    assert capsys.readouterr().out == "empty files that are left out: 1\n"


@pytest.mark.parametrize(
    "name",
    [
        *("_SUCCESS", ".hidden.csv", "._a.csv", "_temporary/0/part-00000"),
        *(".ipynb_checkpoints/a.csv", "sub/_committed_17", "_delta_log/0.json"),
    ],
)
def test_files_and_folders_that_begin_with_a_dot_or_a_line_are_not_data(
    channel: Path, name: str
) -> None:
    """F-03."""
    put(channel, "part-00000", "a,b\n1,2\n")
    put(channel, name, b"\x00 not CSV")
    assert column(channel) == [1]


def test_a_channel_may_lie_below_a_hidden_folder(tmp_path: Path) -> None:
    put(tmp_path / ".jobs/_1/training", "a.csv", "a,b\n1,2\n")
    assert column(tmp_path / ".jobs/_1/training") == [1]


@pytest.mark.parametrize("name", ["a.csv.gz", "part-00000.gz", "a.CSV.GZ"])
def test_a_compressed_file_is_read(channel: Path, name: str) -> None:
    put(channel, name, gzip.compress(b"a,b\n1,2\n"))
    assert column(channel) == [1]


@pytest.mark.parametrize(
    "name", ["a.xlsx", "a.json", "README.md", "model.tar.gz", "a.csv.orc"]
)
def test_a_file_of_another_format_is_named(channel: Path, name: str) -> None:
    put(channel, "a.csv", "a,b\n1,2\n")
    put(channel, f"sub/{name}", "a,b\n1,2\n")
    assert f"training/sub/{name} is not CSV, Parquet or JSON Lines" in refused(channel)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"\n\n"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\x00\xff"),
        ("a.parquet", b"a,b\n1,2\n"),
        ("part-00000", b"PAR1\x15\x04\xff\xfe"),
        ("a.csv", b"a,b\n1,2\n1,2,3\n"),
        ("a.csv", b'a,b\n"1,2\n'),
        ("a.csv", "a,b\nZürich,1\n".encode("latin-1")),
        ("a.csv.gz", b"a,b\n1,2\n"),
        ("a.csv.bz2", b"a,b\n1,2\n"),
        ("a.csv.xz", b"a,b\n1,2\n"),
        ("a.csv.zip", b"a,b\n1,2\n"),
        ("a.csv.zst", b"a,b\n1,2\n"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-12]),
    ],
    ids=[
        "blank lines",
        "an image",
        "not parquet",
        "parquet without a suffix",
        "a longer row",
        "a quote never closed",
        "not UTF-8",
        "not gzip",
        "not bzip2",
        "not xz",
        "not zip",
        "not zstd",
        "gzip cut off",
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    channel: Path, name: str, content: bytes
) -> None:
    put(channel, f"sub/{name}", content)
    assert refused(channel).startswith(f"cannot read training/sub/{name}: ")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", ["x,2,3\ny,5,6\n", "1,2,3\n4,5,6\n", "0,2,3\n1,5,6\n"])
def test_rows_that_are_all_longer_than_the_header_are_refused(
    channel: Path, text: str
) -> None:
    """By default pandas takes the first cells for an index, and shifts all columns."""
    put(channel, "a.csv", "a,b\n" + text)
    assert "training/a.csv" in refused(channel)


def test_files_with_different_headers_are_both_named(channel: Path) -> None:
    put(channel, "a.csv", "a,b\n1,2\n")
    put(channel, "b.csv", "a,c\n1,2\n")
    assert refused(channel) == (
        "training/b.csv has the columns a, c, but training/a.csv has a, b"
    )


def test_columns_in_another_order_are_refused(channel: Path) -> None:
    put(channel, "a.csv", "a,b\n1,2\n")
    put(channel, "b.csv", "b,a\n1,2\n")
    assert "training/b.csv" in refused(channel)


def test_files_without_a_header_and_of_different_widths_are_both_named(
    channel: Path,
) -> None:
    put(channel, "a.csv", "1,2\n")
    put(channel, "b.csv", "1,2,3\n")
    message = refused(channel, header=None)
    assert "training/a.csv" in message
    assert "training/b.csv" in message


def test_a_file_with_a_header_alone_adds_no_row_and_changes_no_type(
    channel: Path,
) -> None:
    """F-03: Spark writes one for each empty partition."""
    put(channel, "part-00000", "a,b,c\n1,x,true\n2,y,false\n")
    expected = data.read(channel)
    put(channel, "part-00001", "a,b,c\n")
    assert_frame_equal(data.read(channel), expected)


def test_a_file_without_values_in_a_column_changes_no_type_of_text(
    channel: Path,
) -> None:
    put(channel, "a.csv", "a,b\n1,x\n")
    put(channel, "b.csv", "a,b\n2,\n")
    whole = channel.with_name("whole")
    put(whole, "a.csv", "a,b\n1,x\n2,\n")
    assert_frame_equal(data.read(channel), data.read(whole))


def test_without_a_header_columns_are_named_by_number(channel: Path) -> None:
    put(channel, "a.csv", "1,2\n3,4\n")
    frame = data.read(channel, header=None)
    assert list(frame) == ["0", "1"]
    assert len(frame) == 2


def test_a_byte_order_mark_is_no_part_of_the_first_name(channel: Path) -> None:
    put(channel, "a.csv", b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert list(data.read(channel)) == ["a", "b"]


@pytest.mark.parametrize("text", sorted(NA_VALUES), ids=repr)
def test_what_serving_takes_for_missing_is_missing(channel: Path, text: str) -> None:
    put(channel, "a.csv", f'a,b\n1,2\n"{text}",3\n')
    assert data.read(channel)["a"].isna().tolist() == [False, True]


def test_integers_are_exact(channel: Path) -> None:
    put(channel, "a.csv", f"a,b\n{-(2**53) - 1},0\n{2**63 - 1},0\n")
    assert column(channel) == [-(2**53) - 1, 2**63 - 1]


def test_a_column_has_one_type_however_long_it_is(channel: Path) -> None:
    """Read in chunks, it would be numbers here and text there."""
    put(channel, "a.csv", "a,b\n" + "1,2\n" * 300_000 + "x,2\n")
    assert {type(value) for value in column(channel)} == {str}


def test_options_are_those_of_pandas(channel: Path) -> None:
    put(channel, "a.csv", "a;b\n1,5;2\n")
    assert column(channel, sep=";", decimal=",") == [1.5]


@pytest.mark.parametrize(
    "name",
    [None, "_SUCCESS", "a.csv", "part-00000", "a.jsonl"],
    ids=["no file", "no data", "no byte", "no byte nor suffix", "no line"],
)
def test_an_empty_channel_is_refused_by_name(channel: Path, name: str | None) -> None:
    """T-34."""
    if name:
        put(channel, name, "")
    message = refused(channel)
    assert message.startswith("channel 'training' is empty")
    assert str(channel) in message


def test_what_is_read_can_be_learned(channel: Path) -> None:
    put(channel, "a.csv", "a,b,c,d\n1,x,true,1.5\n2,,false,\n")
    names = {c.name: c.dtype for c in Schema.learn(data.read(channel)).columns}
    assert names == {"a": "int64", "b": "str", "c": "bool", "d": "float64"}


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {"age": [33, 44, 55], "city": ["Rome", None, "Bonn"], "rich": [0, 1, 1]}
    )


def wrong(rows: pd.DataFrame, target: str) -> str:
    with pytest.raises(ClientError) as refusal:
        split_target(rows, target)
    return str(refusal.value)


def test_the_target_is_y_and_all_else_is_x(rows: pd.DataFrame) -> None:
    X, y = split_target(rows, "rich")
    assert list(X) == ["age", "city"]
    assert y.tolist() == [0, 1, 1]
    assert list(rows) == ["age", "city", "rich"]


@pytest.mark.parametrize(
    ("target", "near"), [("ritch", "rich"), ("City", "city"), ("ages", "age")]
)
def test_a_target_that_is_not_there_is_refused_with_the_nearest_name(
    rows: pd.DataFrame, target: str, near: str
) -> None:
    message = wrong(rows, target)
    assert message == f"there is no target column {target!r}; nearest: {near}"


def test_a_target_like_no_column_is_refused_with_all_names(rows: pd.DataFrame) -> None:
    assert wrong(rows, "xyz").endswith("columns: age, city, rich")


def test_without_a_header_the_first_column_is_the_target(channel: Path) -> None:
    """F-01."""
    put(channel, "a.csv", "1,0.5,x\n0,1.5,y\n")
    X, y = split_target(data.read(channel, header=None), "")
    assert y.tolist() == [1, 0]
    assert X.to_dict("list") == {"1": [0.5, 1.5], "2": ["x", "y"]}


@pytest.mark.parametrize(
    "text",
    [
        "label,x\n1,0.5\n0,1.5\n",
        "label,x\n1,\n0,1.5\n",
        "label,city,x\nyes,Rome,1\nno,Bonn,2\n",
        "label,x,y\n1,1e-3,a\n0,-2,b\n",
    ],
    ids=["numbers", "one missing", "after text", "before text"],
)
def test_a_header_that_was_read_as_a_row_is_refused(channel: Path, text: str) -> None:
    put(channel, "a.csv", text)
    message = wrong(data.read(channel, header=None), "")
    assert "the first line looks like a header" in message
    assert "target" in message


@pytest.mark.parametrize(
    "text",
    [
        "1,0.5\n0,1.5\n",
        "1,a\n0,b\n",
        "1,a\n0,1\n1,b\n",
        "1,\n0,5\n",
        "a,1\nb,2\n",
        "1,x,1\n0,,2\n",
    ],
    ids=["numbers", "text", "mixed", "first missing", "text target", "text and gaps"],
)
def test_rows_without_a_header_are_not_taken_for_one(channel: Path, text: str) -> None:
    put(channel, "a.csv", text)
    X, y = split_target(data.read(channel, header=None), "")
    assert len(X) == len(y) == len(text.splitlines())


def test_with_a_target_by_name_no_row_is_taken_for_a_header() -> None:
    rows = pd.DataFrame({"y": [0, 1, 0], "x": ["x", "1", "2"]})
    X, _ = split_target(rows, "y")
    assert len(X) == 3


def test_rows_without_a_target_are_left_out_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = pd.DataFrame({"y": ["a", None, "b", None], "x": [1, 2, 3, 4]})
    X, y = split_target(rows, "y")
    assert (X["x"].tolist(), y.tolist()) == ([1, 3], ["a", "b"])
    assert capsys.readouterr().out == "2 rows without a 'y' are left out\n"


def test_where_every_row_has_a_target_the_log_is_silent(
    rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    split_target(rows, "rich")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1, 1], "has only the value 1 in 2 rows"),
        (["a", "a"], "has only the value 'a' in 2 rows"),
        (["a", None], "has only the value 'a' in 1 rows"),
        ([None, None], "has no value in 0 rows"),
    ],
    ids=["a number", "text", "one left", "none left"],
)
def test_a_target_with_less_than_two_values_is_refused(
    values: list[Any], sentence: str
) -> None:
    message = wrong(pd.DataFrame({"y": values, "x": [1, 2]}), "y")
    assert message == f"target column 'y' {sentence}"


def test_a_column_without_any_value_is_refused_by_name() -> None:
    rows = pd.DataFrame({"y": [0, 1], "empty": [None, None], "x": [1, 2]})
    assert wrong(rows, "y").startswith("column 'empty' has no value in any row")


def test_a_column_that_is_empty_once_rows_are_left_out_is_refused() -> None:
    rows = pd.DataFrame({"y": [0, 1, None], "x": [None, None, 5.0]})
    assert wrong(rows, "y").startswith("column 'x' has no value in any row")


def test_a_target_alone_is_refused() -> None:
    message = wrong(pd.DataFrame({"y": [0, 1]}), "y")
    assert message == "there is no column but the target 'y'"


@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame({"y": [1, 1], "x": [1, 2]}),
        pd.DataFrame({"y": [0, 1], "x": [None, None]}),
    ],
    ids=["one class", "an empty column"],
)
def test_rows_to_measure_on_need_not_be_rows_to_learn_from(rows: pd.DataFrame) -> None:
    """A channel `validation` may hold a few rows of one class."""
    X, y = split_target(rows, "y", fit=False)
    assert (len(X), len(y)) == (2, 2)
    wrong(rows, "y")


def test_rows_to_measure_on_need_a_target_all_the_same(rows: pd.DataFrame) -> None:
    with pytest.raises(ClientError, match="nearest: rich"):
        split_target(rows, "ritch", fit=False)
