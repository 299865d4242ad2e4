"""What a job is at, and what it logs, until it ends."""

import sys
import time
from typing import Any

import boto3

from common import jobs

GROUPS = {kind: f"/aws/sagemaker/{kind}s" for kind in (jobs.TRAINING, jobs.TRANSFORM)}
ENDED = ("Completed", "Failed", "Stopped")
PERIOD = 10  # seconds between two looks


def completed(kind: str, name: str) -> dict[str, Any]:
    """Follow a job to its end, and leave with its reason if it is not completed."""
    job = follow(kind, name)
    if job[f"{kind}Status"] != "Completed":
        reason = job.get("FailureReason", "it was stopped")
        sys.exit(
            f"{name} is not completed: {reason}\nNext: python deploy/logs.py {name}"
        )
    return job


def follow(kind: str, name: str) -> dict[str, Any]:
    """Print each new status and log line of a job until it ends. Returns: the job."""
    before, since, printed = "", 0, set[str]()
    while True:
        job = jobs.describe(kind, name)
        status = job.get("SecondaryStatus", job[f"{kind}Status"])
        if counters := job.get("TrainingJobStatusCounters"):
            status += f", {counters.get('Completed', 0)} training jobs are completed"
        if status != before:
            print(f"{time.strftime('%H:%M:%S')} {name}: {status}", flush=True)
        for event in events(GROUPS[kind], f"{name}/", since) if kind in GROUPS else []:
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
