"""An endpoint on this machine, by the SDK's local mode: a Docker engine, no account."""

import os
import sys
from pathlib import Path

from sagemaker.core.local import LocalSession

from common import local

NAME = "local"


def serve(rows: Path) -> None:
    """Start the image with the model that was trained here last, ask it, stop it."""
    archives = sorted(local.TRAINED.glob("*/compressed_artifacts/model.tar.gz"))
    if not archives:
        sys.exit("There is no model here yet. Train: python deploy/train.py --local")
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # asked for, not used
    session = LocalSession()
    sagemaker, runtime = session.sagemaker_client, session.sagemaker_runtime_client
    model = {"Image": local.image(), "ModelDataUrl": f"file://{archives[-1]}"}
    sagemaker.create_model(NAME, {**model, "Environment": {}})
    variant = {"VariantName": "main", "ModelName": NAME, "InstanceType": "local"}
    sagemaker.create_endpoint_config(NAME, [{**variant, "InitialInstanceCount": 1}])
    sagemaker.create_endpoint(NAME, NAME)  # returns once /ping has answered
    try:
        types = {"ContentType": "text/csv", "Accept": "text/csv"}
        answer = runtime.invoke_endpoint(rows.read_bytes(), NAME, **types)
        print(answer["Body"].read().decode())
    finally:
        sagemaker.delete_endpoint(NAME)
