"""The same on this machine, by the SDK's local mode: a Docker engine, no account."""

import os
import subprocess
import sys
import time
from pathlib import Path

from sagemaker.core.local import LocalSession
from sagemaker.core.training.configs import Compute
from sagemaker.core.transformer import Transformer
from sagemaker.train import ModelTrainer
from sagemaker.train.model_trainer import Mode

import settings
from common import data

TRAINED = data.ROOT / "trained"  # a folder for each run


def image() -> str:
    """Give the name of the local image, which must be there."""
    look = ["docker", "image", "inspect", settings.LOCAL_IMAGE]
    if subprocess.run(look, capture_output=True, check=False).returncode:  # noqa: S603
        cure = "Build it: local-test/train-local.sh"
        sys.exit(f"There is no image {settings.LOCAL_IMAGE} here. {cure}")
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
    print("Next: python deploy/transform.py --local")


def transform(rows: str, *, header: bool) -> None:
    """Predict a file of rows with the model that was trained here last."""
    archives = sorted(TRAINED.glob("*/compressed_artifacts/model.tar.gz"))
    if not archives:
        sys.exit("There is no model here yet. Train: python deploy/train.py --local")
    folder = archives[-1].parents[1]
    lines = Path(rows).read_text().splitlines(keepends=True)[header:]
    (folder / "rows").mkdir(exist_ok=True)
    (folder / "rows/rows.csv").write_text("".join(lines))
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # asked for, not used
    session = LocalSession()
    model = {"Image": image(), "ModelDataUrl": f"file://{archives[-1]}"}
    session.sagemaker_client.create_model("local", {**model, "Environment": {}})
    Transformer(
        "local",
        instance_count=1,
        instance_type="local",
        accept="text/csv",
        output_path=f"file://{folder}/predictions",
        sagemaker_session=session,
    ).transform(
        f"file://{folder}/rows",
        job_name="local",  # without one the SDK asks AWS for the model
        content_type="text/csv",
        split_type="Line",
    )
    answers = (folder / "predictions/rows.csv.out").read_text().splitlines()
    if len(answers) != len(lines):  # local mode writes an error where answers belong
        sys.exit("\n".join(["The container has not predicted each row:", *answers[:5]]))
    print(f"The predictions are in {folder}/predictions; they begin with:")
    print(*answers[:5], "Next: python deploy/train.py, in SageMaker", sep="\n")
