"""Jobs of SageMaker by their kind and name, by boto3: the three kinds are alike."""

from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError

TRAINING, TUNING, TRANSFORM = "TrainingJob", "HyperParameterTuningJob", "TransformJob"
KINDS = (TRAINING, TUNING, TRANSFORM)
ABSENT = ("ValidationException", "ResourceNotFound")


def describe(kind: str, name: str) -> dict[str, Any]:
    """Ask for a job. Raises: ClientError, where there is none."""
    ask = getattr(boto3.client("sagemaker"), f"describe_{xform_name(kind)}")
    return dict(ask(**{f"{kind}Name": name}))


def find(kind: str, name: str) -> dict[str, Any] | None:
    """Ask for a job, which need not be there; for a model or an endpoint as well."""
    try:
        return describe(kind, name)
    except ClientError as exc:  # the words for "not there" differ from kind to kind
        if exc.response["Error"]["Code"] not in ABSENT:
            raise
        return None


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


def there(kind: str, start: str) -> bool:
    """Say whether a job of that name is there, neither failed nor stopped."""
    found = listed(kind, start, "InProgress", "Completed")
    if found:
        print(f"{found[0]} has the same input: it is taken, no other one is started.")
    return bool(found)


def new_name(kind: str, start: str) -> str:
    """Give a name that begins so; the jobs that failed keep theirs."""
    return f"{start}-{len(listed(kind, start)) + 1}"
