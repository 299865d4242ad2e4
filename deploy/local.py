"""The same on this machine, by the SDK's local mode: a Docker engine, no account."""

import subprocess
import sys
import time
from pathlib import Path

from sagemaker.core.local import LocalSession
from sagemaker.core.training.configs import Compute
from sagemaker.core.transformer import Transformer
from sagemaker.train import ModelTrainer
from sagemaker.train.model_trainer import Mode

import data
import job
import settings

TRAINED = data.ROOT / "trained"  # a folder for each run


def image() -> str:
    """Give the name of the local image, which must be there."""
    name = settings.LOCAL_IMAGE
    look = ["docker", "image", "inspect", name]
    if subprocess.run(look, capture_output=True, check=False).returncode:
        sys.exit(f"There is no image {name} here. Build it: local-test/train-local.sh")
    return name


def train(values: dict[str, str]) -> None:
    """Train on the data of local-test."""
    folder = TRAINED / time.strftime("%Y%m%d-%H%M%S")
    trainer = ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER,
        training_image=image(),
        compute=Compute(instance_type="local_cpu", instance_count=1),
        hyperparameters=values,
        local_container_root=str(folder),
    )
    folder.mkdir(parents=True)
    try:
        trainer.train(job.inputs(data.folders()))
    except RuntimeError as exc:
        reason = folder / "artifacts/output/failure"
        sys.exit(reason.read_text() if reason.exists() else f"No model: {exc}")
    print(f"The model is {folder / 'compressed_artifacts/model.tar.gz'}")
    print("Next: python deploy/transform.py --local")


def transform(rows: Path, results: Path) -> None:
    """Predict a file of rows with the model that was trained here last."""
    archives = sorted(TRAINED.glob("*/compressed_artifacts/model.tar.gz"))
    if not archives:
        sys.exit("There is no model here yet. Train: python deploy/train.py --local")
    session = LocalSession()
    model = {"Image": image(), "ModelDataUrl": f"file://{archives[-1]}"}
    session.sagemaker_client.create_model("local", {**model, "Environment": {}})
    transformer = Transformer(
        "local",
        1,
        "local",
        accept="text/csv",
        sagemaker_session=session,
        output_path=f"file://{results}",
    )
    lines = {"content_type": "text/csv", "split_type": "Line"}
    transformer.transform(f"file://{rows}", job_name="local", logs=False, **lines)
