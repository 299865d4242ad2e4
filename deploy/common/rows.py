"""Rows for batch transform, in S3: a header would be sent as one of them."""

import csv
import sys
from pathlib import Path
from typing import Any

import boto3

import settings
from common import account, data, s3, script

PAYLOAD = str(data.ROOT / "local-test/payload.csv")


def in_s3(rows: str, *, header: bool) -> str:
    """Give where rows lie in S3 without a header; those that lie here are uploaded."""
    if not rows.startswith("s3://"):
        file = Path(rows)
        if not file.is_file():
            sys.exit(
                f"There is no file {rows}. Give a CSV of rows, without the target."
            )
        if not header and cells(file) <= columns():
            sys.exit(f"The first line of {rows} names columns: add --header.")
        folder = folder_of(file.read_text(), header)
        with file.open("rb") as body:
            return put(body, folder, file.name, header=header)
    tags = s3.listed(rows)
    if not tags:
        sys.exit(f"There is nothing in {rows}. Give s3://BUCKET/FOLDER/, or a file.")
    if header:
        for name, body in s3.opened(rows):
            put(body, folder_of(tags, header), name, header=True)
        return folder_of(tags, header)
    return rows


def columns() -> set[str]:
    """Give the names of the columns in local-test, if it has a header there."""
    files = [f for f in data.folders()["training"] if f.suffix == ".csv"]
    return cells(files[0]) if files else set()


def cells(file: Path) -> set[str]:
    """Give the cells of the first line."""
    with file.open(newline="", encoding="utf-8-sig") as text:
        return set(next(csv.reader(text), [file.name]))


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
