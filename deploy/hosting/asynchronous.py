"""Asks an asynchronous endpoint: the rows, and in time the answer, lie in S3."""

import time
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

import settings
from common import account

PERIOD = 2  # seconds between two looks


def predict(endpoint: Any, file: Path, **types: str) -> str:
    """Upload a file, have it predicted, and wait for the answer, or for the error."""
    s3, bucket = boto3.client("s3"), account.bucket()
    key = f"{settings.PROJECT}/async/rows/{file.name}"
    s3.upload_file(str(file), bucket, key)
    asked = endpoint.invoke_async(input_location=f"s3://{bucket}/{key}", **types)
    print(f"Its answer will be {asked.output_location}", flush=True)
    print(f"or, if it goes wrong, {asked.failure_location}", flush=True)
    for address in cycle((asked.output_location, asked.failure_location)):
        place = urlsplit(address)
        try:
            found = s3.get_object(Bucket=place.netloc, Key=place.path[1:])
            break
        except s3.exceptions.NoSuchKey:
            time.sleep(PERIOD)
    return str(found["Body"].read().decode())
