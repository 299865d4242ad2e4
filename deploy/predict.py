"""Send the rows of a CSV file to an endpoint, and print what it predicts.

python deploy/predict.py [ENDPOINT [FILE]]
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint, InferenceComponent

import asynchronous
import hosting
import script
import settings
import waiting

PAYLOAD = Path(__file__).resolve().parents[1] / "local-test/payload.csv"
CSV = {"content_type": "text/csv", "accept": "text/csv"}
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("endpoint", nargs="?", default=settings.PROJECT)
parser.add_argument("file", nargs="?", default=PAYLOAD, type=Path)


def send(endpoint: Any, file: Path = PAYLOAD, **component: str) -> None:
    """Print the answer, which has a line for each row of the file."""
    print(f"{endpoint.endpoint_name} predicts for {file}:", flush=True)
    if endpoint.async_inference_config:
        print(asynchronous.predict(endpoint, file, **CSV))
        return
    try:
        answer = endpoint.invoke(body=file.read_bytes(), **CSV, **component)
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in ("ModelError", "ValidationError"):
            raise
        print(exc)
        if component:
            print("Without a copy it starts one now: ask again in some minutes.")
        waiting.stop(*component.values() or [endpoint.endpoint_name])
    print(answer.body.read().decode())


def main() -> None:
    """Ask the endpoint of a name, and the component in it, if it has one."""
    options = parser.parse_args()
    endpoint = hosting.find(Endpoint, options.endpoint)
    if endpoint is None:
        sys.exit(f"There is no {options.endpoint}. Make it: python deploy/endpoint.py")
    component = {"inference_component_name": options.endpoint}
    there = hosting.find(InferenceComponent, options.endpoint)
    send(endpoint, options.file, **(component if there else {}))


if __name__ == "__main__":
    script.run(main)
