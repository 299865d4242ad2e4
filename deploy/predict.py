"""Ask an endpoint: send rows to it, and print what it predicts.

    python deploy/predict.py [ENDPOINT [FILE]]

Without arguments: the endpoint of endpoint.py, and local-test/payload.csv.
"""

import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint, InferenceComponent

import account
import hosting
import script
import settings

PAYLOAD = Path(__file__).resolve().parents[1] / "local-test/payload.csv"
CSV = {"content_type": "text/csv", "accept": "text/csv"}


def send(endpoint: Any, file: Path = PAYLOAD, **component: str) -> None:
    """Print the answer, which has a line for each row of the file."""
    print(f"{endpoint.endpoint_name} predicts for the rows of {file.name}:", flush=True)
    try:
        if endpoint.async_inference_config:
            print(by_s3(endpoint, file))
        else:
            answer = endpoint.invoke(body=file.read_bytes(), **CSV, **component)
            print(answer.body.read().decode())
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in ("ModelError", "ValidationError"):
            raise
        lines = hosting.last_lines(endpoint.endpoint_name)
        again = "Had a component no copy? It gets one: run predict.py in ten minutes."
        sys.exit("\n".join([str(exc), *lines, *([again] if component else [])]))


def by_s3(endpoint: Any, file: Path) -> str:
    """Ask an asynchronous endpoint: the rows, and in time the answer, lie in S3."""
    s3, bucket = boto3.client("s3"), account.bucket()
    key = f"{settings.PROJECT}/async/rows/{file.name}"
    s3.upload_file(str(file), bucket, key)
    asked = endpoint.invoke_async(input_location=f"s3://{bucket}/{key}", **CSV)
    print(f"Waiting for {asked.output_location}, or {asked.failure_location}.")
    places = [urlsplit(p) for p in (asked.output_location, asked.failure_location)]
    while True:
        for place in places:
            found = s3.list_objects_v2(Bucket=place.netloc, Prefix=place.path[1:])
            if found["KeyCount"]:
                answer = s3.get_object(Bucket=place.netloc, Key=place.path[1:])
                return str(answer["Body"].read().decode())
        time.sleep(5)


def main() -> None:
    ...


if __name__ == "__main__":
    script.run(main)
