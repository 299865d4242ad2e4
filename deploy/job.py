"""A training job, as train.py starts one and tune.py many of them."""

import json
import sys
from typing import Any

from sagemaker.core.training.configs import (
    CheckpointConfig,
    Compute,
    InputData,
    OutputDataConfig,
    StoppingCondition,
)
from sagemaker.train import ModelTrainer

import account
import data
import settings

HOUR = 3600  # a job is stopped after one; on spot instances it may wait for one more


def hyperparameters(pairs: list[str]) -> dict[str, str]:
    """Give those of local-test, with NAME=VALUE on top."""
    values = dict[str, str](json.loads(data.HYPERPARAMETERS.read_text()))
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            sys.exit(f"{pair!r} is no hyperparameter: give NAME=VALUE.")
        values[name] = value
    return values


def inputs(channels: dict[str, Any]) -> list[InputData]:
    """Give the channels, addresses in S3 or folders, as the SDK takes them."""
    return [InputData(channel_name=c, data_source=str(a)) for c, a in channels.items()]


def trainer(
    name: str, image: str, values: dict[str, str], *, spot: bool
) -> ModelTrainer:
    """Give a ModelTrainer, whose jobs have this name with the date after it."""
    folder = f"s3://{account.bucket()}/{settings.PROJECT}"
    waiting = {"max_wait_time_in_seconds": 2 * HOUR} if spot else {}
    kept = f"{folder}/checkpoints/{name}/"  # where a job goes on after an interruption
    return ModelTrainer(
        base_job_name=name,
        training_image=image,
        role=account.role(),
        hyperparameters=values,
        compute=Compute(
            instance_type=settings.TRAINING_INSTANCE,
            instance_count=1,
            volume_size_in_gb=10,
            enable_managed_spot_training=spot,
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=HOUR, **waiting),
        checkpoint_config=CheckpointConfig(s3_uri=kept) if spot else None,
        output_data_config=OutputDataConfig(s3_output_path=f"{folder}/output/"),
    )
