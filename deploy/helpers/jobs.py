"""Jobs of SageMaker, of three kinds that are alike, and what training has left."""

import re
import sys
import time
from typing import Any

import settings
from helpers import account, script

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError

TRAINING, TUNING, TRANSFORM = "TrainingJob", "HyperParameterTuningJob", "TransformJob"
KINDS = (TRAINING, TUNING, TRANSFORM)
LOGS = {kind: f"/aws/sagemaker/{kind}s" for kind in (TRAINING, TRANSFORM)}
ABSENT = ("ValidationException", "ResourceNotFound")
ENDED = ("Completed", "Failed", "Stopped")
PERIOD = 10  # seconds between two looks


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


def completed(kind: str, start: str) -> dict[str, Any]:
    """Follow the newest job of that name to its end. Returns: what it has become.

    One that is not completed ends the script, with its reason.
    """
    name = listed(kind, start)[0]
    job = follow(kind, name)
    if job[f"{kind}Status"] != "Completed":
        reason = job.get("FailureReason", "it was stopped")
        cure = f"Next: python deploy/logs.py {name}"
        sys.exit(f"{name} is not completed: {reason}\n{cure}")
    return job


def follow(kind: str, name: str) -> dict[str, Any]:
    """Print each new status and log line of a job until it ends. Returns: the job."""
    before, since, printed = "", 0, set[str]()
    while True:
        job = describe(kind, name)
        status = job.get("SecondaryStatus", job[f"{kind}Status"])
        if counters := job.get("TrainingJobStatusCounters"):
            status += f", {counters.get('Completed', 0)} training jobs are completed"
        if status != before:
            print(f"{time.strftime('%H:%M:%S')} {name}: {status}", flush=True)
        for event in events(LOGS[kind], f"{name}/", since) if kind in LOGS else []:
            if event["eventId"] not in printed:
                print(f"    {event['message']}", flush=True)
            printed.add(event["eventId"])
            since = max(since, event["timestamp"])
        if job[f"{kind}Status"] in ENDED:
            return job
        before = status
        time.sleep(PERIOD)


def events(group: str, prefix: str, since: int = 0) -> list[dict[str, Any]]:
    """Give log events of some streams since a time in ms, the oldest first."""
    logs = boto3.client("logs")
    streams = {"logStreamNamePrefix": prefix} if prefix else {}
    pages = logs.get_paginator("filter_log_events")
    try:
        found = pages.paginate(logGroupName=group, startTime=since, **streams)
        return list(found.build_full_result().get("events", []))
    except logs.exceptions.ResourceNotFoundException:
        return []  # nothing has been logged in this account so far


def trained(name: str = "") -> dict[str, Any]:
    """Describe a completed training job; without a name: the last one of train.py."""
    by_train = rf"{settings.PROJECT}-[0-9a-f]{{8}}-[0-9]{{14}}"  # not by tune.py
    every = listed(TRAINING, f"{settings.PROJECT}-", "Completed")
    names = [name] if name else [n for n in every if re.fullmatch(by_train, n)]
    if not names:
        where = f"{settings.PROJECT} in {account.region()}"
        sys.exit(f"No job of {where} has been completed yet: python deploy/train.py")
    job = find(TRAINING, names[0]) or {"TrainingJobStatus": "not there"}
    if job["TrainingJobStatus"] != "Completed":
        others = f"Completed are: {', '.join(every[:5]) or 'none'}."
        where = f"{name} in {account.region()} is {job['TrainingJobStatus']}"
        sys.exit(f"The training job {where}. {others}")
    return job


def model_of(job: dict[str, Any]) -> str:
    """Give the name of a job's model, of the image that has trained it."""
    archive = job["ModelArtifacts"]["S3ModelArtifacts"]
    return model(job["AlgorithmSpecification"]["TrainingImage"], archive)


def model(image: str, archive: str, **environment: str) -> str:
    """Give the name of the model of an image and an archive, made where it is not."""
    name = script.name_of(image, archive, environment)
    container = {"Image": image, "ModelDataUrl": archive, "Environment": environment}
    if find("Model", name) is None:
        boto3.client("sagemaker").create_model(
            ModelName=name,
            ExecutionRoleArn=account.role(),
            PrimaryContainer=container,
            Tags=script.TAGS,
        )
        print(f"The model {name} has been made.")
    return name
