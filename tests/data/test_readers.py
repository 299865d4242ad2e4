"""The formats of a channel's files, and the types that their rows have in common."""

import bz2
import csv
import gzip
import io
import itertools
import json
import lzma
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from pyarrow import parquet

from harness import ROOT, table_of
from runtime import data, formats, split_target
from runtime.data.files import is_remote
from runtime.errors import ClientError
from runtime.tabular import cells, dataframes
from runtime.tabular.schema import Schema

LARGE = 2**23  # bytes of a file that pandas reads in several places at once

# Each of them is a trap for one of the parsers that may read it.
SPELT = [
    *("", "NA", "nan", "NaN", "NAN", "null", "-", ".", "x", "é", "yes", "1 2", "1,5"),
    *(
        "1",
        "-7",
        "007",
        "+5",
        " 5 ",
        "5\t",
        "5\x0b",
        "\x1c5",
        "\u00a05",
        "\u0661",
        "1\x00",
    ),
    *("1.5", "-0", "-0.0", ".5", "5.", "1e3", "1E-5", "1e400", "1e-400", "1e", "--1"),
    *(
        "inf",
        "+inf",
        "-Infinity",
        " inf",
        "INF",
        "0x10",
        "1_000",
        "1.50",
        "a\nb",
        'q"q',
    ),
    *("9007199254740993", "9223372036854775807", "-9223372036854775808"),
    *("9223372036854775808", "-9223372036854775809", "18446744073709551616", "9" * 400),
    *("true", "True", "FALSE", "fALSE", " true", "2024-01-05", "12:30", "1_0"),
]


def zipped(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", content)
    return archive.getvalue()


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zip": zipped,
    ".zst": lambda content: bytes(pa.compress(content, codec="zstd", asbytes=True)),
}
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70).map(str), st.floats(allow_nan=False).map(repr)
)
COLUMN = st.one_of(
    *(st.just(st.sampled_from(some)) for some in (SPELT, SPELT[:3], ["true", "False"])),
    st.just(NUMBERS | st.just("")),
    st.just(st.sampled_from(["1", "2", "", "2.5"])),
    st.just(st.integers(-99, 99).map(str)),
    st.just(st.text(st.characters(exclude_categories=["Cs"]), max_size=4)),
)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Draw rows of cells; the first cell numbers the row."""
    n_rows = draw(st.integers(1, 6))
    columns = draw(st.lists(COLUMN, min_size=1, max_size=4))
    drawn = [draw(st.lists(c, min_size=n_rows, max_size=n_rows)) for c in columns]
    return [list(row) for row in zip(map(str, range(n_rows)), *drawn, strict=True)]


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    return fresh(tmp_path, "training")


def fresh(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def put(file: Path, rows: list[list[Any]], names: list[str] | None = None) -> None:
    """Write CSV as a library does."""
    names = names or [f"c{n}" for n in range(len(rows[0]))]
    # Before Python 3.13 a lone \r was left unquoted, and read as a line's end.
    lone = any("\r" in str(cell) for row in rows for cell in row)
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text, quoting=csv.QUOTE_ALL if lone else csv.QUOTE_MINIMAL)
        writer.writerows([names, *rows])


def refused(folder: Path, **options: Any) -> str:
    with pytest.raises(ClientError) as wrong:
        data.read(folder, **options)
    return str(wrong.value)


def missing(frame: pd.DataFrame) -> dict[str, list[str]]:
    listed: dict[str, list[str]] = frame.attrs["missing"]
    return listed


# --- one type for all files ---------------------------------------------------------


@given(tables(), st.data())
@settings(deadline=None)
def test_the_frame_is_the_same_however_its_rows_are_split_into_files(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    split: st.DataObject,
) -> None:
    base = tmp_path_factory.mktemp("split")
    whole, parts = fresh(base, "whole"), fresh(base, "parts")
    put(whole / "a.csv", rows)
    cuts = split.draw(st.lists(st.integers(0, len(rows)), max_size=3).map(sorted))
    for n, (start, end) in enumerate(itertools.pairwise([0, *cuts, len(rows)])):
        put(
            parts / f"{n}.csv",
            rows[start:end] or [],
            [f"c{n}" for n in range(len(rows[0]))],
        )
    assert_frame_equal(data.read(parts), data.read(whole), check_exact=True)


@given(tables(), st.randoms())
@settings(deadline=None)
def test_the_frame_is_the_same_whatever_the_order_of_its_files(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], random: Any
) -> None:
    base = tmp_path_factory.mktemp("order")
    frames = []
    for name in ("one", "other"):
        folder = fresh(base, name)
        for n, row in enumerate(rows):
            put(folder / f"{n}.csv", [row])
        frames.append(data.read(folder).sort_values("c0", ignore_index=True))
        random.shuffle(rows)
    assert_frame_equal(frames[0], frames[1], check_exact=True)


def test_a_column_has_the_type_that_cells_reads_in_it(channel: Path) -> None:
    """Every pair of cells: what is a number, a boolean, missing or text to serving."""
    pairs = list(itertools.product(SPELT, repeat=2))
    put(channel / "a.csv", [list(row) for row in zip(*pairs, strict=True)])
    frame = data.read(channel)
    for pair, name in zip(pairs, frame, strict=True):
        assert described(frame[name]) == expected(pair), pair


def described(values: "pd.Series[Any]") -> tuple[str, list[Any]]:
    return str(values.dtype), [None if pd.isna(v) else v for v in values.tolist()]


def expected(texts: tuple[str, ...]) -> tuple[str, list[Any]]:
    full = [text for text in texts if text not in cells.NA_VALUES]
    gaps = len(full) < len(texts)
    if all(map(cells.is_number, full)):
        values = [None if t in cells.NA_VALUES else cells.spelt(t) for t in texts]
        exact = all(isinstance(v, int) and -(2**63) <= v < 2**63 for v in values)
        if exact:
            return "int64", values
        return "float64", [v if v is None else float(v) for v in values]
    if all(text.lower() in ("true", "false") for text in full):
        values = [None if t in cells.NA_VALUES else cells.boolean(t) for t in texts]
        return "object" if gaps else "bool", values
    return "str", [None if t in cells.NA_VALUES else t for t in texts]


def test_without_pyarrow_the_frame_is_the_same(tmp_path: Path) -> None:
    """Its text then has another text type, and another way to make it."""
    folder = fresh(tmp_path, "training")
    pairs = list(itertools.product(SPELT, repeat=2))
    put(folder / "a.csv", [list(row) for row in zip(*pairs, strict=True)])
    for n, row in enumerate(zip(*pairs, strict=True)):
        put(fresh(tmp_path, f"{n}") / "a.csv", [list(row)])
    program = (
        "import sys, json; from pathlib import Path\n"
        "if sys.argv[1] == 'without': sys.modules['pyarrow'] = None\n"
        "from runtime import data\n"
        "frame = data.read(Path(sys.argv[2]))\n"
        "print(frame.dtypes.astype(str).to_dict(), frame.isna().to_numpy().tolist(),"
        " [v.tolist() for _, v in frame.items()])"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program, way, str(folder)],
            cwd=ROOT / "model",
            capture_output=True,
            check=True,
        ).stdout
        for way in ("with", "without")
    }
    assert len(answers) == 1


def test_text_in_one_file_is_the_text_of_the_others(channel: Path) -> None:
    put(channel / "a.csv", [["01", "1.50", "true"]])
    put(channel / "b.csv", [["x", "2", "1"]])
    frame = data.read(channel)
    assert frame.to_dict("list") == {
        "c0": ["01", "x"],
        "c1": [1.5, 2],
        "c2": ["true", "1"],
    }


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_text_at_the_end_of_a_large_file_is_the_text_of_its_beginning(
    channel: Path, suffix: str
) -> None:
    """It is parsed in blocks, each of them with types of its own."""
    rows = [[f"{n:07}", "", "line\n", f"0{n % 2}"] for n in range(LARGE // 21)]
    rows += [["end", "end", '"', "true"]]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([["a", "b", "c", "d"], *rows])
    packed = COMPRESSED[suffix](text.getvalue().encode())
    (channel / f"a.csv{suffix}").write_bytes(packed)
    frame = data.read(channel)
    for place, name in enumerate(frame):
        read = frame[name].astype("object").where(frame[name].notna(), "")
        assert read.tolist() == [row[place] for row in rows]


def test_a_missing_cell_after_a_number_of_twenty_digits_is_missing(
    channel: Path,
) -> None:
    """After such a number pandas reads no missing cells; so in each block."""
    rows = [["x", "x"], *([["9" * 20, "7"], ["", ""]] * (LARGE // 16)), ["y", "9" * 20]]
    put(channel / "a.csv", rows)
    frame = data.read(channel)
    assert set(frame["c0"].dropna()) == {"x", "y", "9" * 20}
    assert frame.isna().sum().tolist() == [LARGE // 16] * 2


def test_a_large_file_with_quotes_that_quote_nothing_is_read(channel: Path) -> None:
    row = '5" pipe,"a\nb"\n'
    (channel / "a.csv").write_text("c,d\n" + row * (LARGE // len(row) * 2))
    frame = data.read(channel)
    assert frame["c"].eq('5" pipe').all()
    assert frame["d"].eq("a\nb").all()


@given(tables(), st.sampled_from([None, "str"]))
@settings(deadline=None)
def test_rows_of_a_training_file_arrive_at_serving_as_they_were_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], dtype: str | None
) -> None:
    """F-05, F-06: types and what is missing are stored once, and used on both sides."""
    folder = tmp_path_factory.mktemp("rows")
    names = [f"c{n}" for n in range(len(rows[0]))]
    put(folder / "a.csv", rows)
    X = data.read(folder, dtype={names[-1]: dtype})
    X = X[[name for name in X if learnable(X[name])]]
    schema = Schema.learn(X, X.attrs["missing"])
    schema = Schema.from_json(json.loads(json.dumps(schema.to_json())))
    sent = [[row[names.index(str(name))] for name in X] for row in rows]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(sent)
    for body, media_type in (
        (text.getvalue(), formats.CSV),
        (json.dumps(sent), formats.JSON),
    ):
        served = schema.read(table_of(body.encode(), media_type)).frame()
        assert_frame_equal(served, X, check_exact=True)


def learnable(values: "pd.Series[Any]") -> bool:
    """Say whether a column can be learned from: no request can spell infinity."""
    numbers = values.dtype.kind == "f"
    return not (
        values.isna().all()
        or values.dtype == "object"
        or (numbers and values.isin([float("inf"), float("-inf")]).any())
    )


# --- what the owner declares --------------------------------------------------------


def test_what_is_declared_as_text_is_text_and_only_nothing_is_missing(
    channel: Path,
) -> None:
    put(
        channel / "a.csv", [["01234", "NA", "NA"], ["", "null", "1"]], ["zip", "c", "n"]
    )
    frame = data.read(channel, dtype={"zip": "str", "c": "str"})
    assert frame["zip"].tolist()[0] == "01234"
    assert frame.isna().to_numpy().tolist() == [
        [False, False, True],
        [True, False, False],
    ]
    assert frame["c"].tolist() == ["NA", "null"]
    assert missing(frame) == {"zip": [""], "c": [""]}


@pytest.mark.parametrize("dtype", ["str", str, "string", "object", "category"])
def test_text_may_be_declared_in_any_of_pandas_words(channel: Path, dtype: Any) -> None:
    put(channel / "a.csv", [["02", "NA"]])
    put(channel / "b.csv", [["01", "DE"], ["", ""]])
    for declared in (dtype, {"c0": dtype, "c1": dtype}):
        frame = data.read(channel, dtype=declared)
        assert {values.dtype.name for _, values in frame.items()} == {
            getattr(dtype, "__name__", dtype)
        }
        assert frame["c0"].tolist()[:2] == ["02", "01"]
        assert frame["c1"].tolist()[:2] == ["NA", "DE"]
        assert frame.iloc[2].isna().all()


def test_without_a_header_a_column_is_declared_by_its_number(channel: Path) -> None:
    (channel / "a.csv").write_text("01,01\n")
    for name in (0, "0"):
        frame = data.read(channel, header=None, dtype={name: "str"})
        assert frame.to_dict("list") == {"0": ["01"], "1": [1]}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("dtype", ["float32", "Int64", "uint8", "bool"])
def test_a_declared_type_is_the_type_of_all_files(
    channel: Path, dtype: str, suffix: str
) -> None:
    for file, cell in (("a", 1), ("b", 0)):
        text = {".csv": f"c0\n{cell}\n", ".jsonl": f'{{"c0": {cell}}}\n'}[suffix]
        (channel / f"{file}{suffix}").write_text(text)
    values = data.read(channel, dtype={"c0": dtype})["c0"]
    assert values.dtype == dtype
    assert values.tolist() == [1, 0]


def test_what_a_declared_type_cannot_hold_is_refused_with_the_file(
    channel: Path,
) -> None:
    put(channel / "a.csv", [["1"], ["x"]])
    assert refused(channel, dtype={"c0": "float64"}).startswith(
        "cannot read training/a.csv: could not convert string to float"
    )


@pytest.mark.parametrize(
    ("options", "gaps", "words"),
    [
        ({}, [False, True, False], None),
        ({"na_values": ["?"]}, [False, True, True], sorted({*cells.NA_VALUES, "?"})),
        ({"na_values": "?"}, [False, True, True], sorted({*cells.NA_VALUES, "?"})),
        (
            {"na_values": {"c1": ["?"]}},
            [False, True, True],
            sorted({*cells.NA_VALUES, "?"}),
        ),
        ({"na_values": ["?"], "keep_default_na": False}, [False, False, True], ["?"]),
        ({"keep_default_na": False}, [False, False, False], []),
        ({"na_filter": False}, [False, False, False], []),
    ],
    ids=str,
)
def test_the_owner_says_what_is_missing_in_the_words_of_pandas(
    channel: Path, options: dict[str, Any], gaps: list[bool], words: list[str] | None
) -> None:
    put(channel / "a.csv", [["1", "x"], ["2", "NA"], ["3", "?"]])
    frame = data.read(channel, **options)
    assert frame["c1"].isna().tolist() == gaps
    assert missing(frame).get("c1") == words


@pytest.mark.parametrize("given", [-999, "-999", -999.0])
def test_a_number_for_missing_counts_by_its_value_at_serving_too(
    channel: Path, given: Any
) -> None:
    put(channel / "a.csv", [["-999", "1"], ["-999.00", "x"], ["7", "-999"]])
    put(channel / "b.csv", [["-9.99e2", "y"]])
    X = data.read(channel, na_values=[given])
    assert X["c0"].isna().tolist() == [True, True, False, True]
    assert X["c1"].isna().tolist() == [False, False, True, False]
    schema = Schema.learn(X, missing(X))
    for body, media_type in (
        (b"-999,1\n-999.00,x\n7,-999\n-9.99e2,y", formats.CSV),
        (b'[[-999, 1], [-999.0, "x"], [7, -999], ["-999.00", "y"]]', formats.JSON),
    ):
        served = schema.read(table_of(body, media_type)).frame()
        assert_frame_equal(served, X)


@pytest.mark.parametrize(
    "files",
    [
        {"a.csv": "a\n05\n6\n", "b.csv": "a\n5\n7\n"},
        {"a.jsonl": '{"a": 5}\n{"a": 6}\n', "b.jsonl": '{"a": 5.0}\n{"a": 7}\n'},
    ],
    ids=["CSV", "JSON Lines"],
)
def test_a_number_for_missing_is_missing_in_every_file(
    channel: Path, files: dict[str, str]
) -> None:
    """By itself pandas finds 05 among -999 and 5, but not in a file without 5."""
    for name, text in files.items():
        (channel / name).write_text(text)
    for dtype in (None, "float32"):
        frame = data.read(channel, na_values=[5, -999], dtype=dtype)
        assert frame["a"].isna().tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("options", "text", "columns"),
    [
        ({"sep": ";"}, "a;b\n1;2\n", {"a": [1], "b": [2]}),
        ({"sep": "\t"}, "a\tb\n1\t2\n", {"a": [1], "b": [2]}),
        ({"header": "infer"}, "a,b\n1,2\n", {"a": [1], "b": [2]}),
        ({"names": ["x", "y"]}, "1,2\n", {"x": [1], "y": [2]}),
        ({"names": ["x", "y"], "header": 0}, "a,b\n1,2\n", {"x": [1], "y": [2]}),
        ({"usecols": ["b"]}, "a,b\n1,2\n", {"b": [2]}),
        ({"usecols": [1], "header": None}, "1,2\n", {"1": [2]}),
        ({"skiprows": 1}, "made by hand\na,b\n1,2\n", {"a": [1], "b": [2]}),
        ({"encoding": "latin-1"}, "a,b\n1,2\n", {"a": [1], "b": [2]}),
        ({"parse_dates": ["a"]}, "a\n2024-01-05\n", {"a": [pd.Timestamp(2024, 1, 5)]}),
        ({"index_col": "a"}, "a,b\n1,2\n", {"b": [2]}),
    ],
    ids=str,
)
def test_other_options_are_those_of_pandas(
    channel: Path, options: dict[str, Any], text: str, columns: dict[str, Any]
) -> None:
    (channel / "a.csv").write_text(text)
    assert data.read(channel, **options).to_dict("list") == columns


# --- CSV ----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", COMPRESSED)
@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "a,b\n1,x\n"), ("a.jsonl", '{"a": 1, "b": "x"}\n')]
)
def test_a_file_may_be_compressed(
    channel: Path, name: str, text: str, suffix: str
) -> None:
    (channel / (name + suffix)).write_bytes(COMPRESSED[suffix](text.encode()))
    assert data.read(channel).to_dict("list") == {"a": [1], "b": ["x"]}


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("header", [0, None])
def test_line_ends_and_byte_order_marks_and_blank_lines_are_no_data(
    channel: Path, header: int | None, mark: str, ends: str
) -> None:
    lines = ["1,x", "", '2,"y"', "  ", "3,z"]
    names = ["0", "1"]
    text = ends.join([",".join(names), *lines] if header == 0 else lines)
    (channel / "a.csv").write_text(mark + text, "utf-8", newline="")
    frame = data.read(channel, header=header)
    assert frame.to_dict("list") == {"0": [1, 2, 3], "1": ["x", "y", "z"]}


def test_names_that_come_twice_or_not_at_all_are_told_apart(channel: Path) -> None:
    (channel / "a.csv").write_text("a,a,,b\n1,2,3,4\n")
    assert list(data.read(channel)) == ["a", "a.1", "Unnamed: 2", "b"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, line 1 2"),
        ("a,b\n1\n3,4\n", "line 2 has 1 cells, line 1 2"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 cells, line 1 2"),
        ("a,b\n1,2,3\n4,5\n", "line 2 has 3 cells, line 1 2"),
        ("a,b\n1,2,\n3,4\n", "line 2 has 3 cells, line 1 2"),
        ("a,b\n1,2,\n3\n", "line 2 has 3 cells, line 1 2"),
        ('a,b\n1,"2\n"\n\n3\n', "line 5 has 1 cells, line 1 2"),
        ('a,b\n1,"2\n"\n\n"3\n"\n', "line 5 has 1 cells, line 1 2"),
        ('a,b\n1,2\n"3,4"\n', "line 3 has 1 cells, line 1 2"),
        ("\n\na,b\n1\n", "line 4 has 1 cells, line 3 2"),
        ("a,b\n1,2,3\n4\n", "line 2 has 3 cells, line 1 2"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("header", [0, None])
def test_a_row_that_is_shorter_or_longer_than_the_first_is_refused_with_its_line(
    channel: Path, text: str, sentence: str, header: int | None
) -> None:
    """For pandas fills a short row up, and drops cells of a long one."""
    (channel / "a.csv").write_text(text)
    assert refused(channel, header=header) == (
        f"cannot read training/a.csv: {sentence}"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [({"sep": ";"}, "a;b\n1\n"), ({"usecols": ["a"]}, "a,b\n1\n")],
    ids=str,
)
def test_a_short_row_is_refused_with_other_options_too(
    channel: Path, options: dict[str, Any], text: str
) -> None:
    (channel / "a.csv").write_text(text)
    assert "line 2 has 1 cells, line 1 2" in refused(channel, **options)


@pytest.mark.parametrize("name", ["a.csv", "part-0", "a.csv.gz"])
@pytest.mark.parametrize("sep", [";", "\t", "|"], ids=repr)
@pytest.mark.parametrize(
    "row", ["1,5;2,5", "1;2", "1,5;2", "1,5,5;2"], ids=["commas", "none", "one", "two"]
)
def test_a_file_with_another_separator_is_refused_with_the_option(
    channel: Path, name: str, sep: str, row: str
) -> None:
    text = f"a;b\n{row}\n".replace(";", sep).encode()
    packed = gzip.compress(text) if name.endswith("gz") else text
    (channel / name).write_bytes(packed)
    header = f"a{sep}b"
    spelt = "\\t" if sep == "\t" else sep
    assert refused(channel) == (
        f"cannot read training/{name}: its header is one name, {header!r}: "
        f'read it with sep="{spelt}"'
    )
    assert data.read(channel, sep=sep).shape == (1, 2)


@pytest.mark.parametrize(
    ("text", "options"),
    [("a\n1;2\n", {}), ("a;b\n1\n", {"sep": ","}), ("1;2\n3;4\n", {"header": None})],
    ids=str,
)
def test_a_file_of_one_column_is_read(
    channel: Path, text: str, options: dict[str, Any]
) -> None:
    (channel / "a.csv").write_text(text)
    assert data.read(channel, **options).shape[1] == 1


@pytest.mark.parametrize(
    "text", ["a,b\nZürich,1\n", "a,größe\n1,2\n", "a,b\n1,é\n3\n"], ids=repr
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_that_is_not_utf8_is_refused_with_the_option(
    channel: Path, text: str, suffix: str
) -> None:
    content = COMPRESSED[suffix](text.encode("latin-1"))
    (channel / f"a.csv{suffix}").write_bytes(content)
    for options in ({}, {"dtype": {"b": "str"}}):
        message = refused(channel, **options)
        assert message.startswith(
            f"cannot read training/a.csv{suffix}: it is not UTF-8"
        )
        assert 'read it with encoding="latin-1"' in message


def test_latin_1_is_read_where_it_is_said(channel: Path) -> None:
    (channel / "a.csv").write_bytes("a,b\nZürich,1\n".encode("latin-1"))
    frame = data.read(channel, encoding="latin-1")
    assert frame.to_dict("list") == {"a": ["Zürich"], "b": [1]}


def test_a_short_row_far_down_in_a_compressed_file_is_refused(channel: Path) -> None:
    rows = [b"1,", b'2,"x"'] * (LARGE // 8)
    rows[-7] = b"3"
    (channel / "a.csv.gz").write_bytes(gzip.compress(b"\n".join([b"a,b", *rows]), 1))
    assert f"line {len(rows) - 5} has 1 cells" in refused(channel)


def test_a_last_cell_may_be_missing_in_every_row(channel: Path) -> None:
    (channel / "a.csv").write_text('a,b,c\n1,2,\n"3, 4",5,\n""," ",\n')
    frame = data.read(channel)
    assert frame["c"].isna().all()
    assert len(frame) == 3


@pytest.mark.parametrize(
    "files",
    [
        ["n,x,ok,c\n1,,true,a\nn,x,ok,c\n2,0.5,False,b\nn,x,ok,c\n3,1,true,\n"],
        ["n,x,ok,c\n1,,true,a\nn,x,ok,c\n2,0.5,False,b\n", "n,x,ok,c\n3,1,true,\n"],
        ["n,x,ok,c\n1,,true,a\n", "n,x,ok,c\n2,.5,false,b\nn,x,ok,c\n3,1,true,\n"],
    ],
    ids=["one file", "the first of two", "the second of two"],
)
def test_the_header_again_amid_the_rows_is_no_row_and_makes_no_text(
    channel: Path, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for number, text in enumerate(files):
        (channel / f"{number}.csv").write_text(text)
    frame = data.read(channel)
    assert {n: described(frame[n]) for n in frame} == {
        "n": ("int64", [1, 2, 3]),
        "x": ("float64", [None, 0.5, 1.0]),
        "ok": ("bool", [True, False, True]),
        "c": ("str", ["a", "b", None]),
    }
    again = 3 - len(files)
    sentence = f"rows left out, because the header stands there again: {again}\n"
    assert capsys.readouterr().out == sentence


def test_the_header_again_in_a_large_file_is_no_row(channel: Path) -> None:
    """It is parsed in blocks, in which numbers have types of their own."""
    rows = ["1,2.5"] * (LARGE // 8)
    text = "\n".join(["a,b", *rows, "a,b", *rows[:9]])
    (channel / "a.csv").write_text(text)
    frame = data.read(channel)
    assert frame.dtypes.astype(str).to_dict() == {"a": "int64", "b": "float64"}
    assert len(frame) == len(rows) + 9


def test_the_header_again_under_an_index_without_a_name_is_no_row(
    channel: Path,
) -> None:
    (channel / "a.csv").write_text(",a,b\n0,1,x\n,a,b\n1,2,y\n")
    frame = data.read(channel)
    assert frame["a"].tolist() == [1, 2]
    assert frame["a"].dtype == "int64"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a,b\na,b\nx,y\n", {}),
        ("a,b\na,1\n2,3\n", {}),
        ("a,b\n1,b\n2,3\n", {}),
        ("a,b\n1,2\na,b\n", {"header": None}),
        ("a\na\nb\n", {}),
    ],
    ids=str,
)
def test_a_row_is_no_header_where_it_makes_no_text_of_numbers_or_is_another(
    channel: Path, text: str, options: dict[str, Any]
) -> None:
    (channel / "a.csv").write_text(text)
    assert len(data.read(channel, **options)) == text.count("\n") - (not options)


@pytest.mark.parametrize(
    "texts",
    [
        {"a.csv": "a,b\n1,2\n", "b.csv": "a,b\n3,4\n"},
        {"a.jsonl": '{"a": 1, "b": 2}', "b.jsonl": '{"a": 3, "b": 4}'},
    ],
    ids=["CSV", "JSON Lines"],
)
def test_csv_and_json_lines_are_read_once_and_in_sequence(
    channel: Path, texts: dict[str, str]
) -> None:
    """T-28: a pipe has no second time, and no place to go back to."""
    program = (
        "import sys, threading; from pathlib import Path; from runtime import data\n"
        "folder = Path(sys.argv[1])\n"
        f"for name, text in {texts}.items():\n"
        "    write = lambda f=folder / name, t=text: f.write_text(t)\n"
        "    threading.Thread(target=write, daemon=True).start()\n"
        "assert data.read(folder).to_numpy().tolist() == [[1, 2], [3, 4]]\n"
    )
    for name in texts:
        os.mkfifo(channel / name)
    subprocess.run(
        [sys.executable, "-c", program, str(channel)],
        cwd=ROOT / "model",
        timeout=60,
        check=True,
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_nothing_is_written_beside_the_data(channel: Path, suffix: str) -> None:
    """T-28, X-39."""
    rows = pd.DataFrame({"c0": ["1"], "c1": ["x"]})
    if suffix == ".csv":
        put(channel / "a.csv", [["1", "x"]])
        (channel / "b.csv.gz").write_bytes(gzip.compress(b"c0,c1\nx,2\n"))
    elif suffix == ".parquet":
        rows.to_parquet(channel / "a.parquet")
    else:
        rows.to_json(channel / "a.jsonl", orient="records", lines=True)
    before = {file: file.stat() for file in (channel, *channel.iterdir())}
    data.read(channel)
    after = {file: file.stat() for file in (channel, *channel.iterdir())}
    assert {f: s.st_mtime_ns for f, s in after.items()} == {
        f: s.st_mtime_ns for f, s in before.items()
    }


def test_true_and_false_with_missing_cells_are_learned_as_they_are_or_as_text(
    channel: Path,
) -> None:
    """A3."""
    put(channel / "a.csv", [["true", "1"], ["", "2"], ["false", "3"]])
    X = data.read(channel)
    assert described(X["c0"]) == ("object", [True, None, False])
    every: list[dict[str, Any]] = [{}, {"dtype": {"c0": "str"}}]
    for options in every:
        X = data.read(channel, **options)
        served = (
            Schema.learn(X, missing(X))
            .read(table_of(b"true,1\n,2", "text/csv"))
            .frame()
        )
        assert_frame_equal(served, X.head(2))


@pytest.mark.parametrize(
    "folder", ["training", "training/2024/01", "efs/x", "lustre", "s3"]
)
def test_what_is_mounted_over_a_network_is_to_be_read_in_sequence(
    mounts: Path, folder: str
) -> None:
    """T-27, T-28."""
    assert is_remote(Path("/opt/ml/input/data", folder), mounts)


@pytest.mark.parametrize("folder", ["validation", "training-2", "", "../config"])
def test_what_lies_on_a_disk_may_be_read_in_several_places_at_once(
    mounts: Path, folder: str
) -> None:
    assert not is_remote(Path("/opt/ml/input/data", folder), mounts)


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    file = tmp_path / "mounts"
    file.write_text(
        "overlay / overlay rw,relatime 0 0\n"
        "/dev/nvme1n1 /opt/ml/input ext4 rw 0 0\n"
        "fastfile /opt/ml/input/data/training fuse.sagemaker ro 0 0\n"
        "s3 /opt/ml/input/data/s3 fuse ro 0 0\n"
        "127.0.0.1:/ /opt/ml/input/data/efs nfs4 ro 0 0\n"
        "10.0.0.1@tcp:/x /opt/ml/input/data/lustre lustre ro 0 0\n"
    )
    return file


# --- JSON Lines ---------------------------------------------------------------------


def test_json_lines_keep_their_types_and_may_have_keys_in_any_order(
    channel: Path,
) -> None:
    """F-07."""
    (channel / "a.jsonl").write_text(
        '{"zip": "01234", "day": "2024-01-05", "n": 1, "x": 1.5, "ok": true}\n'
        "\n"
        '{"x": null, "ok": false, "zip": "NA", "day": "", "n": 2}'
    )
    frame = data.read(channel)
    assert frame.dtypes.astype(str).to_dict() == {
        "zip": "str",
        "day": "str",
        "n": "int64",
        "x": "float64",
        "ok": "bool",
    }
    assert frame["zip"].tolist() == ["01234", "NA"]
    assert frame.isna().to_numpy().sum(axis=0).tolist() == [0, 1, 0, 1, 0]
    assert missing(frame) == {"zip": [""], "day": [""]}


def test_a_key_that_a_json_object_lacks_is_a_missing_cell(channel: Path) -> None:
    """In a line, and in all lines of a file: so Spark and others write null."""
    (channel / "a.jsonl").write_text('{"a": 1}\n{"b": "x", "a": 2}\n')
    (channel / "b.jsonl").write_text('{"b": "y"}\n{}\n')
    frame = data.read(channel)
    assert described(frame["a"]) == ("float64", [1, 2, None, None])
    assert described(frame["b"]) == ("str", [None, "x", "y", None])


@pytest.mark.parametrize(
    "cells_of_column",
    [
        ["2024-01-05", "2024-01-06T10:00:00Z"],
        [None, "2024-01-05 10:00"],
        ["2024-01-05", ""],
        ["2024-01-05T10:00:00.5", "x"],
    ],
    ids=str,
)
def test_dates_of_json_lines_are_text_as_they_are_written(
    channel: Path, cells_of_column: list[str | None]
) -> None:
    """Arrow would make timestamps of them, and write them in its own way."""
    records = [{"n": 1, "day": cell, "x": "y"} for cell in cells_of_column]
    (channel / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    frame = data.read(channel)
    assert list(frame) == ["n", "day", "x"]
    assert described(frame["day"]) == ("str", [c or None for c in cells_of_column])


def test_numbers_of_json_lines_beyond_64_bits_are_floats(channel: Path) -> None:
    (channel / "a.jsonl").write_text(f'{{"a": {2**63 - 1}, "b": {2**63}, "c": -1}}\n')
    (channel / "b.jsonl").write_text(f'{{"a": 0, "b": 1, "c": {10**30}}}\n')
    frame = data.read(channel)
    assert described(frame["a"]) == ("int64", [2**63 - 1, 0])
    assert described(frame["b"]) == ("float64", [2.0**63, 1])
    assert described(frame["c"]) == ("float64", [-1, 1e30])


def test_a_line_of_json_may_be_longer_than_a_block(channel: Path) -> None:
    lines = ['{"a": "x"}', json.dumps({"a": "y" * LARGE}), '{"a": "z"}']
    (channel / "a.jsonl").write_text("\n".join(lines))
    assert data.read(channel)["a"].str.len().tolist() == [1, LARGE, 1]


JSON_COLUMN = st.one_of(
    st.just(st.text(st.characters(exclude_categories=["Cs"]), max_size=9)),
    st.just(st.dates().map(str)),
    st.just(st.datetimes().map(str)),
    st.just(st.integers(-(2**63), 2**63 - 1)),
    st.just(st.floats(allow_nan=False, allow_infinity=False)),
    st.just(st.booleans()),
)


@given(st.lists(JSON_COLUMN, min_size=1, max_size=3), st.data())
@settings(deadline=None)
def test_json_lines_are_read_as_pythons_json_reads_them(
    tmp_path_factory: pytest.TempPathFactory, columns: list[Any], drawn: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    row = st.tuples(*(column | st.none() for column in columns))
    rows = drawn.draw(st.lists(row, min_size=1, max_size=6))
    records = [{f"c{n}": cell for n, cell in enumerate(cells)} for cells in rows]
    lines = [json.dumps(r, ensure_ascii=drawn.draw(st.booleans())) for r in records]
    (folder / "a.jsonl").write_text("\n".join(lines), "utf-8")
    frame = data.read(folder)
    assert list(frame) == list(records[0])
    for name in frame:
        cells_of_column = [record[str(name)] for record in records]
        read = [None if pd.isna(cell) else cell for cell in frame[name].tolist()]
        if frame[name].dtype == "float64":  # so are integers if cells are missing
            cells_of_column = [
                None if c is None or c == "" else float(c) for c in cells_of_column
            ]
        assert read == [None if c == "" else c for c in cells_of_column]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonlines", "a.ndjson", "A.JSONL"])
def test_json_lines_are_known_by_their_suffix(channel: Path, name: str) -> None:
    (channel / name).write_text('{"a": 1}')
    assert data.read(channel).to_dict("list") == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1}\n\n{"a": 1\n', "line 3 is not JSON: "),
        ('{"a": 1}\n[1]\n', "line 2 is not an object"),
        ('{"a": 1, "a": 2}\n', "Column(/a) was specified twice in row 0"),
        ('{"a": 1e400}\n', "Number too big to be stored in double. in row 0"),
        ('{"a": "\\ud800"}\n', "The surrogate pair in string is invalid. in row 0"),
        ('{"a": [1]}\n', "column 'a' holds lists or objects in line 1"),
        ('{"b": []}\n{"a": {}}\n', "column 'b' holds lists or objects in line 1"),
        ('{"a": 1}\n{"a": []}\n', "numbers in line 1, lists or objects in line 2"),
        (
            '{"a": "2024-01-05"}\n{"a": 1}\n',
            "column 'a' holds text in line 1, numbers in line 2",
        ),
        (
            '{"a": 1}\n{"a": "x"}\n',
            "column 'a' holds numbers in line 1, text in line 2",
        ),
        ('{"a": true}\n{"a": 1}\n', "true and false in line 1, numbers in line 2"),
        ("\n\n", "there is no object with keys in it"),
        ("{}\n", "there is no object with keys in it"),
        ('{"a": "\xfc"}', "line 1 is not JSON"),
    ],
    ids=repr,
)
def test_json_lines_that_are_none_are_refused_with_file_and_line(
    channel: Path, text: str, sentence: str
) -> None:
    (channel / "a.jsonl").write_text(text, "latin-1")
    message = refused(channel)
    assert message.startswith("cannot read training/a.jsonl: ")
    assert sentence in message


def test_the_lines_of_a_large_file_are_counted(channel: Path) -> None:
    lines = ['{"a": "5\\" pipe"}'] * (LARGE // 24)
    (channel / "a.jsonl").write_text("\n".join([*lines, "{"]))
    assert f"line {len(lines) + 1} is not JSON" in refused(channel)


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "a,b\n"), ("a.jsonl", '{"a": null, "b": null}\n' * 2)]
)
def test_a_column_without_any_value_is_one_of_numbers(
    channel: Path, name: str, text: str
) -> None:
    (channel / name).write_text(text)
    assert data.read(channel).dtypes.tolist() == ["float64", "float64"]


# --- Parquet ------------------------------------------------------------------------


def put_arrow(file: Path, **columns: Any) -> None:
    parquet.write_table(pa.table(columns), file)


@pytest.mark.parametrize(
    ("values", "dtype", "read"),
    [
        (pa.array([1, 2], "int8"), "int64", [1, 2]),
        (pa.array([2**63 - 1, 0], "uint64"), "float64", [2.0**63, 0]),
        (pa.array([1, None], "int64"), "float64", [1, None]),
        (pa.array([0.5, None], "float32"), "float64", [0.5, None]),
        (pa.array([True, False]), "bool", [True, False]),
        (pa.array([True, None]), "object", [True, None]),
        (pa.array(["01", None]), "str", ["01", None]),
        (pa.array(["NA", ""], "large_string"), "str", ["NA", None]),
        (pa.array(["x", None]).dictionary_encode(), "str", ["x", None]),
        (pa.array([1, 1]).dictionary_encode(), "int64", [1, 1]),
        (pa.array([None, None]), "float64", [None, None]),
        (pa.array(["19.99", None]).cast(pa.decimal128(9, 2)), "float64", [19.99, None]),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_parquet_keeps_its_types(
    channel: Path, values: Any, dtype: str, read: list[Any]
) -> None:
    put_arrow(channel / "a.parquet", a=values)
    assert described(data.read(channel)["a"]) == (dtype, read)


UNSPEAKABLE = [
    pa.array([0], pa.timestamp("us")),
    pa.array([0], pa.date32()),
    pa.array([[1]]),
    pa.array([{"x": 1}]),
    pa.array([[("x", 1)]], pa.map_("string", "int64")),
    pa.array([b"x"]),
]


@pytest.mark.parametrize("values", UNSPEAKABLE, ids=lambda values: str(values.type))
def test_a_parquet_column_that_no_request_can_spell_is_left_out_and_named(
    channel: Path, values: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Requests ignore further columns too."""
    put_arrow(channel / "a.parquet", ok=[1], when=values)
    put_arrow(channel / "b.parquet", ok=[2], when=values)
    put_arrow(channel / "c.parquet", ok=[3], when=pa.array([None]))
    frame = data.read(channel)
    kind = parquet.read_schema(channel / "a.parquet").field("when").type
    assert frame.to_dict("list") == {"ok": [1, 2, 3]}
    why = f"no request can spell its type {kind}"
    if str(kind).startswith(("timestamp", "date")):
        why = f"its type is {kind}, and parse_dates=['when'] reads it"
    assert capsys.readouterr().out == f"column 'when' is left out: {why}\n"
    with pytest.raises(ClientError) as wrong:
        split_target(frame, "when")
    assert str(wrong.value) == (
        f"there is no target column 'when'; its type {kind} was left out: "
        "write numbers or text"
    )


@pytest.mark.parametrize(
    "kind",
    [pa.date32(), pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ms", "UTC")],
    ids=str,
)
def test_a_parquet_column_of_dates_is_read_where_it_is_asked_for(
    channel: Path, kind: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in CSV, and a request spells it as ISO 8601."""
    when = pa.array([datetime(2026, 1, 31), None]).cast(kind)  # noqa: DTZ001 -- none
    put_arrow(channel / "a.parquet", ok=[1, 2], when=when)
    frame = data.read(channel, parse_dates=["when"])
    assert frame["when"].dtype.kind == "M"
    assert frame["when"].isna().tolist() == [False, True]
    assert frame["when"].iloc[0].isoformat().startswith("2026-01-31T00:00:00")
    assert capsys.readouterr().out == ""
    dataframes.check(frame)


@pytest.mark.parametrize("values", UNSPEAKABLE, ids=lambda values: str(values.type))
@pytest.mark.parametrize(
    ("others", "dtype"), [({}, None), ({"ok": [1]}, {"when": "str"})], ids=str
)
def test_it_is_refused_where_it_is_declared_or_there_is_no_other(
    channel: Path, values: Any, others: dict[str, Any], dtype: dict[str, str] | None
) -> None:
    put_arrow(channel / "a.parquet", when=values, **others)
    message = refused(channel, dtype=dtype)
    kind = str(values.type).split("<", maxsplit=1)[0]
    assert f"training/a.parquet: column 'when' has the type {kind}" in message


def test_a_column_left_out_of_one_file_with_values_in_another_is_refused(
    channel: Path,
) -> None:
    put_arrow(channel / "a.parquet", ok=[1], when=pa.array([0], pa.timestamp("us")))
    put_arrow(channel / "b.parquet", ok=[1], when=["2024-01-05"])
    assert refused(channel) == (
        "column 'when' has the type timestamp[us] in other files than "
        "training/b.parquet: write it alike in all files"
    )


def test_lists_and_objects_of_json_lines_are_left_out_and_named(
    channel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (channel / "a.jsonl").write_text('{"a": 1, "b": [2], "c": {"d": 3}}\n{"a": 4}\n')
    (channel / "b.jsonl").write_text('{"a": 5, "b": null}\n')
    assert data.read(channel).to_dict("list") == {"a": [1, 4, 5]}
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "column 'b' is left out",
        "column 'c' is left out",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("part-0000", "000000_0", "a.json", "a.pq", "A.PARQUET", "a.snappy.parquet"),
        *("a.parquet.gzip", "a.parquet.gz", "a.pq.snappy", "a.c000.gz.parquet"),
    ],
)
def test_parquet_is_known_by_its_name_or_its_content(channel: Path, name: str) -> None:
    """Athena's parts have no suffix; in names that end in .gz its pages are packed."""
    put_arrow(channel / name, a=[1])
    assert data.read(channel).to_dict("list") == {"a": [1]}


@pytest.mark.parametrize("name", ["a.json", "A.JSON", "part-0000", "a.json.gz", "p.gz"])
@pytest.mark.parametrize("before", ["", "\n  ", "\ufeff"], ids=repr)
def test_json_lines_are_known_by_their_content_too(
    channel: Path, name: str, before: str
) -> None:
    text = (before + '{"a": 1}\n{"a": 2, "b": "x"}\n').encode()
    packed = gzip.compress(text) if name.endswith(".gz") else text
    (channel / name).write_bytes(packed)
    frame = data.read(channel)
    assert frame.to_dict("list")["a"] == [1, 2]


def test_json_that_is_one_array_is_refused_by_name(channel: Path) -> None:
    (channel / "a.json").write_text('[{"a": 1}]')
    assert "training/a.json is not CSV, Parquet or JSON Lines" in refused(channel)


def test_the_index_of_a_frame_in_parquet_is_no_column(channel: Path) -> None:
    """A frame that was filtered carries the numbers of its rows along."""
    rows = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    rows[rows["a"] > 1].to_parquet(channel / "a.pq")
    assert data.read(channel).to_dict("list") == {"a": [2, 3], "b": ["y", "z"]}


def test_a_parquet_file_without_rows_changes_nothing(channel: Path) -> None:
    put_arrow(channel / "a.parquet", a=pa.array([], "string"))
    put_arrow(channel / "b.parquet", a=pa.array([1, 2]))
    assert described(data.read(channel)["a"]) == ("int64", [1, 2])


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl"])
def test_without_pyarrow_a_file_is_refused_with_the_name_of_the_package(
    channel: Path, name: str
) -> None:
    write = write_parquet if name == "a.parquet" else write_jsonl
    write(channel / "a", 1)
    program = (
        "import sys; sys.modules['pyarrow'] = None; from pathlib import Path\n"
        "from runtime import data; data.read(Path(sys.argv[1]))"
    )
    failed = subprocess.run(
        [sys.executable, "-c", program, str(channel)],
        cwd=ROOT / "model",
        capture_output=True,
        text=True,
    )
    assert (
        f"ClientError: cannot read training/{name}: it needs the package pyarrow"
        in failed.stderr
    )


# --- types that meet in a channel, and formats --------------------------------------


def test_several_formats_in_a_channel_are_refused_with_a_file_of_each(
    channel: Path,
) -> None:
    """Text, what is missing and who has types: no two formats agree in all of these."""
    put(channel / "a.csv", [["1"]], ["a"])
    put_arrow(fresh(channel, "sub") / "b.parquet", a=[1])
    put(channel / "c.csv", [["1"]], ["a"])
    assert refused(channel) == (
        "channel 'training' has CSV (a.csv) and Parquet (sub/b.parquet): "
        "keep one format in a channel"
    )


def write_jsonl(file: Path, *cells: Any) -> None:
    file.with_suffix(".jsonl").write_text(
        "".join(json.dumps({"a": cell}) + "\n" for cell in cells)
    )


def write_parquet(file: Path, *cells: Any) -> None:
    put_arrow(file.with_suffix(".parquet"), a=[*cells])


@pytest.mark.parametrize("write", [write_jsonl, write_parquet])
@pytest.mark.parametrize(
    ("cell", "kind"), [(5, "numbers"), (0.5, "numbers"), (True, "true and false")]
)
def test_text_that_meets_a_type_is_refused_with_column_and_files_and_cure(
    channel: Path, write: Callable[..., None], cell: Any, kind: str
) -> None:
    for n, cell_of_file in enumerate((None, "x", cell)):
        write(channel / f"{n}", cell_of_file)
    message = refused(channel)
    assert "column 'a' holds text in training/1." in message
    assert f", {kind} in training/2." in message
    assert "dtype={'a': 'str'}" in message


@pytest.mark.parametrize("write", [write_jsonl, write_parquet])
def test_true_and_false_that_meet_numbers_are_refused(
    channel: Path, write: Callable[..., None]
) -> None:
    """To pandas true and 2 would be 1 and 2."""
    write(channel / "a", *[True])
    write(channel / "b", 2)
    assert "column 'a' holds true and false in training/a." in refused(channel)


def test_the_cure_is_one(channel: Path) -> None:
    write_jsonl(channel / "a", "x", "NA")
    (channel / "b.jsonl").write_text('{"a": 5}\n{"a": 1.50}\n{"a": null}\n{}')
    write_jsonl(channel / "c", 7)
    write_jsonl(channel / "d", *[True, None])
    frame = data.read(channel, dtype={"a": "str"})
    assert described(frame["a"]) == (
        "str",
        ["x", "NA", "5", "1.5", None, None, "7", "True", None],
    )


def test_numbers_of_parquet_may_be_declared_as_text(channel: Path) -> None:
    write_parquet(channel / "a", "x", "NA", "")
    write_parquet(channel / "b", 5, None)
    frame = data.read(channel, dtype={"a": "str"})
    assert described(frame["a"]) == ("str", ["x", "NA", None, "5", None])


@pytest.mark.parametrize("write", [write_jsonl, write_parquet])
@pytest.mark.parametrize(
    ("files", "dtype", "read"),
    [
        ([[1], [2.5]], "float64", [1, 2.5]),
        ([[1], [None]], "float64", [1, None]),
        ([[None], ["x"]], "str", [None, "x"]),
        ([[True], [None]], "object", [True, None]),
        ([[True, None], [False]], "object", [True, None, False]),
        ([["01"], ["2"]], "str", ["01", "2"]),
        ([[""], [None]], "float64", [None, None]),
    ],
    ids=str,
)
def test_files_with_types_make_the_column_that_one_file_would(
    channel: Path,
    write: Callable[..., None],
    files: list[list[Any]],
    dtype: str,
    read: list[Any],
) -> None:
    for n, cells_of_file in enumerate(files):
        write(channel / f"{n}", *cells_of_file)
    assert described(data.read(channel)["a"]) == (dtype, read)


def test_what_a_declared_type_cannot_hold_is_refused_with_the_column(
    channel: Path,
) -> None:
    write_jsonl(channel / "a", 1, None)
    assert refused(channel, dtype={"a": "int64"}).startswith("column 'a' is no int64: ")


def test_an_option_for_csv_is_refused_for_other_formats(channel: Path) -> None:
    (channel / "b.jsonl").write_text('{"a": 5, "b": 6}')
    assert refused(channel, usecols=["a"]) == (
        "cannot read training/b.jsonl: the option usecols is for CSV alone"
    )
