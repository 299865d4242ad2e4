"""What training has left: the last completed job, and a model of image and archive."""

import sys
from typing import Any

import boto3
from botocore.exceptions import ClientError

import account
import jobs
import script
import settings


def last_job() -> dict[str, Any]:
    """Describe the training job that was completed last."""
    job = jobs.newest(jobs.TRAINING, f"{settings.PROJECT}-", "Completed")
    if job is None:
        sys.exit("No training job has been completed yet. Train: deploy/train.py")
    return jobs.describe(jobs.TRAINING, job["TrainingJobName"])


def model(image: str, archive: str, **environment: str) -> str:
    """Give the name of the model of an image and an archive, made where it is not."""
    sagemaker = boto3.client("sagemaker")
    name = script.name_of(image, archive, environment)
    container = {"Image": image, "ModelDataUrl": archive, "Environment": environment}
    try:
        sagemaker.describe_model(ModelName=name)
    except ClientError as exc:
        if "Could not find model" not in exc.response["Error"]["Message"]:
            raise
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=account.role(),
            PrimaryContainer=container,
            Tags=script.TAGS,
        )
        print(f"The model {name} has been made.")
    return name
