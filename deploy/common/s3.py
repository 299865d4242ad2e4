"""What lies at an address in S3."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import boto3


def listed(address: str) -> dict[str, str]:
    """Give the ETag of each file, which tells one content from another, by its key."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    pages = boto3.client("s3").get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=bucket, Prefix=prefix).build_full_result()
    return {file["Key"]: file["ETag"] for file in found.get("Contents", [])}


def opened(address: str) -> Iterator[tuple[str, Any]]:
    """Give each file's name below the address, and its content as a stream."""
    s3, (bucket, _, prefix) = boto3.client("s3"), address[5:].partition("/")
    for key in listed(address):
        name = key.removeprefix(prefix).lstrip("/") or key.rpartition("/")[2]
        yield name, s3.get_object(Bucket=bucket, Key=key)["Body"]


def show(address: str, lines: int = 5) -> None:
    """Print the first lines of each file."""
    for name, body in opened(address):
        print(f"{address.rstrip('/')}/{name} begins with:")
        for line in islice(body.iter_lines(), lines):
            print(f"    {line.decode()}")
