"""Sends the rows of a CSV file to an endpoint, and prints what it predicts."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import settings
from helpers import account, endpoints, rows, script

from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint, InferenceComponent

CSV = {"content_type": "text/csv", "accept": "text/csv"}
options = ArgumentParser(description=__doc__)
options.add_argument("endpoint", nargs="?", default=settings.PROJECT)
options.add_argument("file", nargs="?", default=rows.PAYLOAD, type=Path)


def send(endpoint: Any, file: Path = Path(rows.PAYLOAD), **component: str) -> None:
    """Print the answer, which has a line for each row of the file."""
    print(f"{endpoint.endpoint_name} predicts for {file}:", flush=True)
    if endpoint.async_inference_config:
        print(endpoints.predict_async(endpoint, file, **CSV))
        return
    try:
        answer = endpoint.invoke(body=file.read_bytes(), **CSV, **component)
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in ("ModelError", "ValidationError"):
            raise
        print(exc)
        if component:
            print("Without a copy it starts one now: ask again in some minutes.")
        kind = "InferenceComponent" if component else "Endpoint"
        endpoints.stop(endpoint.endpoint_name, kind)
    print(answer.body.read().decode())


def main() -> None:
    given = options.parse_args()
    if not given.file.is_file():
        options.error(f"there is no file {given.file}")
    endpoint = endpoints.find(Endpoint, given.endpoint)
    if endpoint is None:
        where = f"{given.endpoint} in {account.region()}"
        sys.exit(f"There is no endpoint {where}. Make one: python deploy/endpoint.py")
    component = {"inference_component_name": given.endpoint}
    there = endpoints.find(InferenceComponent, given.endpoint)
    send(endpoint, given.file, **(component if there else {}))


if __name__ == "__main__":
    script.run(main)
