"""Jobs of SageMaker by their kind and name, by boto3: the three kinds are alike."""

from typing import Any

import boto3
from botocore import xform_name

TRAINING, TUNING, TRANSFORM = "TrainingJob", "HyperParameterTuningJob", "TransformJob"


def describe(kind: str, name: str) -> dict[str, Any]:
    """Ask for a job. Raises: ClientError, where there is none."""
    ask = getattr(boto3.client("sagemaker"), f"describe_{xform_name(kind)}")
    return dict(ask(**{f"{kind}Name": name}))


def newest(kind: str, start: str, *statuses: str) -> dict[str, Any] | None:
    """Give a summary of the newest job whose name begins so, of one of the statuses."""
    pages = boto3.client("sagemaker").get_paginator(f"list_{xform_name(kind)}s")
    found = pages.paginate(NameContains=start).build_full_result()
    fitting = [
        job
        for job in found.get(f"{kind}Summaries", [])
        if job[f"{kind}Name"].startswith(start) and job[f"{kind}Status"] in statuses
    ]
    return max(fitting, key=lambda job: job["CreationTime"], default=None)
