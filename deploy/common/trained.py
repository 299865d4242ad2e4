"""What training has left: the last completed job, and a model of image and archive."""

import re
import sys
from typing import Any

import boto3

import settings
from common import account, jobs, script


def job(name: str = "") -> dict[str, Any]:
    """Describe a training job; without a name: what train.py has completed last."""
    completed = jobs.listed(jobs.TRAINING, f"{settings.PROJECT}-", "Completed")
    by_train = rf"{settings.PROJECT}-[0-9a-f]{{8}}-[0-9]{{14}}"  # not by tune.py
    names = [name] if name else [n for n in completed if re.fullmatch(by_train, n)]
    if not names:
        sys.exit("No training job has been completed yet: python deploy/train.py")
    return jobs.describe(jobs.TRAINING, names[0])


def model_of(job: dict[str, Any]) -> str:
    """Give the name of a job's model, of the image that has trained it."""
    archive = job["ModelArtifacts"]["S3ModelArtifacts"]
    return model(job["AlgorithmSpecification"]["TrainingImage"], archive)


def model(image: str, archive: str, **environment: str) -> str:
    """Give the name of the model of an image and an archive, made where it is not."""
    name = script.name_of(image, archive, environment)
    container = {"Image": image, "ModelDataUrl": archive, "Environment": environment}
    if jobs.find("Model", name) is None:
        boto3.client("sagemaker").create_model(
            ModelName=name,
            ExecutionRoleArn=account.role(),
            PrimaryContainer=container,
            Tags=script.TAGS,
        )
        print(f"The model {name} has been made.")
    return name
