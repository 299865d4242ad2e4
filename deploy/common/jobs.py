"""Jobs of SageMaker by their kind and name, by boto3: the three kinds are alike."""

from typing import Any

import boto3
from botocore import xform_name

TRAINING, TUNING, TRANSFORM = "TrainingJob", "HyperParameterTuningJob", "TransformJob"
KINDS = (TRAINING, TUNING, TRANSFORM)
KEPT = ("InProgress", "Completed")  # what failed or was stopped may be started again


def describe(kind: str, name: str) -> dict[str, Any]:
    """Ask for a job. Raises: ClientError, where there is none."""
    ask = getattr(boto3.client("sagemaker"), f"describe_{xform_name(kind)}")
    return dict(ask(**{f"{kind}Name": name}))


def listed(kind: str, start: str, *statuses: str) -> list[str]:
    """List jobs whose name begins so, the newest first; without statuses: of any."""
    pages = boto3.client("sagemaker").get_paginator(f"list_{xform_name(kind)}s")
    found = pages.paginate(NameContains=start).build_full_result()
    jobs = sorted(
        (job["CreationTime"], job[f"{kind}Name"])
        for job in found.get(f"{kind}Summaries", [])
        if not statuses or job[f"{kind}Status"] in statuses
    )
    return [name for _, name in reversed(jobs) if name.startswith(start)]


def new_name(kind: str, start: str) -> str:
    """Give a name that begins so; the jobs that failed keep theirs."""
    return f"{start}-{len(listed(kind, start)) + 1}"
