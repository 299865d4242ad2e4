"""What a user of the SageMaker Python SDK v3 writes, in local container mode.

    python sdk_v3.py SCENARIO IMAGE

The working folder has `training/` and `code/`; what comes out is in `result.json`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.model_trainer import Mode

from clients.every_type import EVERY_TYPE


def fit(image: str, output: str, hosts: int = 1, **options: Any) -> None:
    """Train on `training/`; the archives go to `output/compressed_artifacts`."""
    Path(output).mkdir()
    trainer = ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER,
        training_image=image,
        compute=Compute(instance_type="local_cpu", instance_count=hosts),
        local_container_root=str(Path(output).resolve()),
        **options,
    )
    data = str(Path("training").resolve())
    trainer.train([InputData(channel_name="training", data_source=data)])


def train(image: str) -> None:
    """Train with the image alone, and a hyperparameter of every type."""
    fit(image, "train", hyperparameters=EVERY_TYPE)


def source(image: str) -> None:
    """Train with source code beside the image, which SDK v3 gives as two channels."""
    code = SourceCode(source_dir=str(Path("code").resolve()), command="train")
    fit(image, "source", hyperparameters=EVERY_TYPE, source_code=code)


def two_hosts(image: str) -> None:
    """Train on two hosts, of which one saves the model."""
    fit(image, "two_hosts", hosts=2, hyperparameters={"count": 1})


def fail(image: str) -> str:
    """Train with what cannot be. Returns: what the caller is told."""
    try:
        fit(image, "failed", hyperparameters={"count": "many"})
    except RuntimeError as exc:
        return str(exc)
    return ""


SCENARIOS = (train, source, two_hosts, fail)

if __name__ == "__main__":
    scenario, image_uri = sys.argv[1:]
    result = {s.__name__: s for s in SCENARIOS}[scenario](image_uri)
    Path("result.json").write_text(json.dumps(result))
