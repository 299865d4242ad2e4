"""Puts a CSV file in the place of the sample's data: use-data.sh runs this.

    python3 local-test/use_data.py FILE.csv TARGET

A Python without packages is enough, since there may be no environment yet. Everything
is checked before anything is written, and cells are written as they were read.
"""

import csv
import difflib
import json
import re
import sys
from itertools import islice
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent
INPUT = HERE / "test-dir/input"
CHANNEL = INPUT / "data/training"
ROWS, SAMPLE = CHANNEL / "use-data.csv", CHANNEL / "penguins.csv"
PAYLOAD = HERE / "payload.csv"
CONFIG = {
    "ContentType": "text/csv",
    "TrainingInputMode": "File",
    "S3DistributionType": "FullyReplicated",
    "RecordWrapperType": "None",
}
HELD_OUT = 12  # rows of the payload, or a tenth of a short file
LOOKED_AT = range(100, 10_000)  # rows that show whether a column names each of them
READERS = {  # how files begin that are no CSV in UTF-8, and what reads them
    b"PAR1": 'read_parquet("{}")',
    b"PK\x03\x04": 'read_excel("{}")',
    b"\xd0\xcf\x11\xe0": 'read_excel("{}")',
    b"\x1f\x8b": 'read_csv("{}", compression="gzip")',
    b"\xff\xfe": 'read_csv("{}", encoding="utf-16")',
    b"\x28\xb5\x2f\xfd": 'read_csv("{}", compression="zstd")',
}


def main(file: Path, target: str) -> None:
    """Check the file, then write channel, hyperparameter and payload."""
    csv.field_size_limit(2**31 - 1)  # a cell may hold a text of any length
    try:
        header, n_rows = measured(file)
    except (UnicodeError, csv.Error):
        with file.open("rb") as content:
            start = content.read(4)
        found = (READERS[magic] for magic in READERS if start.startswith(magic))
        reader = next(found, "")
        letters = "; for Turkish letters write cp1254 in the place of latin-1"
        made = rewrite(reader or csv_reader(file, "latin-1"), file)
        refuse(f"{file.name} is no CSV in UTF-8: {made}{'' if reader else letters}")
    check_columns(file, header, target)
    check_channels(file)
    given = hyperparameters()
    held_out = write_rows(file, header.index(target), n_rows)
    write_config(given | {"target": target})
    SAMPLE.unlink(missing_ok=True)
    rows, payload = (path.relative_to(HERE.parent) for path in (ROWS, PAYLOAD))
    print(f"{n_rows - held_out} rows are in {rows}")
    print(f"{held_out} others, without {target}, are in {payload}")
    for name in identifiers(file, target):
        print(f"column {name} has another word in each row: if it only names the rows,")
        print("    leave it out of the file, as a model would learn it by heart")
    print("git does not ignore these rows: commit them only where others may see them")
    print("next: local-test/demo.sh, or local-test/train-local.sh")


def refuse(sentence: str) -> NoReturn:
    """End, before anything is written."""
    sys.exit(f"use-data.sh: {sentence}")


def rewrite(reader: str, file: Path) -> str:
    """Say how pandas makes a CSV file that can be read."""
    return (
        f"pandas.{reader.format(file.name)}.to_csv("
        f'"{file.name.partition(".")[0]}-utf8.csv", index=False) makes one'
    )


def csv_reader(file: Path, encoding: str) -> str:
    """Give the call that reads a CSV file, by the looks of its first line."""
    with file.open(encoding=encoding) as text:
        first, second = text.readline(), text.readline()
    separator = max(",;\t|", key=first.count)
    numbers = second.replace('"', "").strip().split(separator)
    has_comma = any(re.fullmatch(r"-?\d+,\d+", cell) for cell in numbers)
    options = {
        "sep": separator if separator != "," else None,
        "decimal": "," if has_comma else None,
        "encoding": encoding if encoding != "utf-8-sig" else None,
        "index_col": 0 if first.startswith((separator, f'""{separator}')) else None,
    }
    given = (f", {k}={json.dumps(v)}" for k, v in options.items() if v is not None)
    return f'read_csv("{{}}"{"".join(given)})'


def measured(file: Path) -> tuple[list[str], int]:
    """Give the header and the number of rows, each of which has as many cells."""
    with file.open(newline="", encoding="utf-8-sig") as text:
        rows = csv.reader(text)
        header, n_rows = next(rows, []), 0
        check_first_line(file, header)
        for row in filter(None, rows):
            n_rows += 1
            if len(row) != len(header):
                refuse_line(file, rows.line_num, row, header)
    return header, n_rows


def refuse_line(file: Path, line: int, row: list[str], header: list[str]) -> NoReturn:
    """Refuse a line of another length, or the separator or the header for it."""
    reader = csv_reader(file, "utf-8-sig")
    if "sep=" in reader:
        refuse(f"{file.name} has no commas: {rewrite(reader, file)}")
    cells, first = f"{len(row)} cells", ",".join(header)[:60]
    refuse(
        f"{file.name}, line {line}: {cells}, where the header, {first!r}, has "
        f"{len(header)}: repair that line, or delete what stands above the header"
    )


def check_first_line(file: Path, header: list[str]) -> None:
    """Refuse a file that is JSON, or whose cells are not separated by commas."""
    start = "".join(header).lstrip()
    if start.startswith(("{", "[{")):
        option = "" if start.startswith("[") else ", lines=True"
        reader = 'read_json("{}"' + option + ")"
        refuse(f"{file.name} is JSON: {rewrite(reader, file)}")
    if start.startswith("sep="):
        refuse(f"{file.name} begins with a line for Excel, 'sep=': delete that line")
    for separator in ";", "\t", "|":
        if len(header) == 1 and separator in header[0]:
            reader = csv_reader(file, "utf-8-sig")
            refuse(f"{file.name} has no commas: {rewrite(reader, file)}")


def check_columns(file: Path, header: list[str], target: str) -> None:
    """Refuse a file in which the target cannot be found."""
    if header.count(target) == 1 and not any(map(is_fraction, header)):
        return
    if header.count(target) > 1:
        refuse(f'{file.name} has "{target}" twice: rename one of the two')
    if sum(map(is_number, header)) * 2 >= len(header) or any(map(is_fraction, header)):
        refuse(
            f"{file.name} has no header: its first line is '{','.join(header)[:100]}'. "
            "Write the names of the columns above it"
        )
    plain = {name.strip().lower(): name for name in header}
    nearest = difflib.get_close_matches(target.strip().lower(), plain, 1, cutoff=0.5)
    meant = f': do you mean "{plain[nearest[0]]}"?' if nearest else "."
    names = ", ".join(header)[:999]
    refuse(f'{file.name} has no column "{target}"{meant} It has {names}')


def is_number(cell: str) -> bool:
    """Say whether a cell of the first line looks like data."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_fraction(cell: str) -> bool:
    """Say whether a cell is a number that names no column, as 2019 may."""
    return "." in cell and is_number(cell)


def check_channels(file: Path) -> None:
    """Refuse to train on other data too, and to lose it."""
    found = [path for path in (INPUT / "data").rglob("*") if path.is_file()]
    for path in sorted(found):
        if path not in (ROWS, SAMPLE) and not path.name.startswith("."):
            place = path.relative_to(HERE.parent)
            refuse(f"{place} would be trained on too: move it away, then try again")
    if file.resolve() in (ROWS, SAMPLE, PAYLOAD):
        refuse(f"{file.name} is what this writes: name a file that lies elsewhere")


def hyperparameters() -> dict[str, str]:
    """Read those that are there, which stay."""
    path = INPUT / "config/hyperparameters.json"
    try:
        values: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        refuse(f"{path.relative_to(HERE.parent)} is no JSON ({exc}): repair it")
    return values


def write_rows(file: Path, place: int, n_rows: int) -> int:
    """Write the channel and the payload. Returns: the number of rows held out."""
    n_held = min(HELD_OUT, n_rows // 10)
    if not n_held:
        refuse(f"{file.name} has {n_rows} rows: at least ten are needed")
    # From all parts of the file, which may be sorted.
    held = {n_rows * (2 * n + 1) // (2 * n_held) for n in range(n_held)}
    CHANNEL.mkdir(parents=True, exist_ok=True)
    with (
        file.open(newline="", encoding="utf-8-sig") as text,
        ROWS.open("w", newline="", encoding="utf-8") as rows_file,
        PAYLOAD.open("w", newline="", encoding="utf-8") as payload_file,
    ):
        given = csv.reader(text)
        rows = csv.writer(rows_file, lineterminator="\n")
        payload = csv.writer(payload_file, lineterminator="\n")
        for n, row in enumerate(filter(None, given), -1):  # -1: the header
            if n not in held:
                rows.writerow(row)
            if n in held or n == -1:
                payload.writerow(row[:place] + row[place + 1 :])
    return n_held


def identifiers(file: Path, target: str) -> list[str]:
    """List the columns in which each row has a word of its own, which is no number."""
    with file.open(newline="", encoding="utf-8-sig") as text:
        header, *rows = islice(filter(None, csv.reader(text)), LOOKED_AT.stop)
    if len(rows) < LOOKED_AT.start:
        return []
    columns = {name: [row[n] for row in rows] for n, name in enumerate(header)}
    return [
        name
        for name, cells in columns.items()
        if name != target
        and len(set(cells)) == len(cells)
        and not any(" " in cell or is_number(cell) for cell in cells)
    ]


def write_config(values: dict[str, str]) -> None:
    """Write the hyperparameters, and that there is one channel."""
    contents = {"hyperparameters": values, "inputdataconfig": {"training": CONFIG}}
    for name, content in contents.items():
        text = json.dumps(content, separators=(",", ":")) + "\n"
        (INPUT / f"config/{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
