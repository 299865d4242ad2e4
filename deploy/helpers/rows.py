"""Rows for batch transform, in S3: a header would be sent as one of them."""

import csv
import sys
from pathlib import Path
from typing import Any

import settings
from helpers import account, data, script

import boto3

PAYLOAD = str(data.ROOT / "local-test/payload.csv")


def in_s3(rows: str, *, header: bool) -> str:
    """Give where rows lie in S3 without a header; those that lie here are uploaded."""
    if not rows.startswith("s3://"):
        file = here(rows)
        header = header or has_header(file)
        with file.open("rb") as body:
            folder = folder_of(file.read_text(), header)
            return put(body, folder, file.name, header=header)
    tags = account.listed(rows)
    if not tags:
        sys.exit(f"There is nothing in {rows}. Give s3://BUCKET/FOLDER/, or a file.")
    if not header:
        return rows
    folder = folder_of(tags, header)
    for name, body in account.opened(rows):
        put(body, folder, name, header=True)
    return folder


def here(rows: str) -> Path:
    """Give a file of rows on this machine, which has to be there."""
    if not Path(rows).is_file():
        sys.exit(f"There is no file {rows}. Give a CSV of rows, without the target.")
    return Path(rows)


def has_header(file: Path) -> bool:
    """Say whether the first line names the columns of local-test, but for the target.

    Names of some, or in another order, end the script: what is left of the file when
    they are left out is known by its order alone.
    """
    files = [f for f in data.folders()["training"] if f.suffix == ".csv"]
    names, found = cells(files[0]) if files else [], cells(file)
    target = data.hyperparameters([]).get("target")
    if target not in names or not set(found) <= set(names):
        return False  # local-test has no header, or this line is none
    columns = [name for name in names if name != target]
    if found != columns:
        sys.exit(
            f"The first line of {file} names other columns than local-test, or in"
            f" another order: write {','.join(columns)}. If the order of its cells is"
            " the model's all the same, add --header, which leaves that line out."
        )
    return True


def cells(file: Path) -> list[str]:
    """Give the cells of the first line."""
    with file.open(newline="", encoding="utf-8-sig") as text:
        return next(csv.reader(text), [file.name])


def folder_of(*content: Any) -> str:
    """Give the same folder to the same rows."""
    name = script.name_of("rows", *content)
    return f"s3://{account.bucket()}/{settings.PROJECT}/batch/{name}/"


def put(body: Any, folder: str, name: str, *, header: bool) -> str:
    """Write what is left of a file without its header. Returns: the folder."""
    if header:
        print(f"The header is left out: {body.readline().decode().strip()}")
    bucket, _, key = f"{folder}{name}".removeprefix("s3://").partition("/")
    boto3.client("s3").upload_fileobj(body, bucket, key)
    print(f"The rows lie in {folder}{name}.")
    return folder
