"""Says why a job or an endpoint has failed, and prints what it has logged.

Without a name: of the training, tuning or transform job that has failed last.
"""

import argparse
import time

import boto3
from botocore.exceptions import ClientError

import jobs
import progress
import script
import settings

options = argparse.ArgumentParser(description=__doc__)
options.add_argument("name", nargs="?", help="of a job or of an endpoint")
options.add_argument("--minutes", type=int, default=0, help="of the log; 0: all")
options.add_argument("--lines", type=int, default=50, help="of the log, the last ones")
KINDS = (jobs.TRAINING, jobs.TUNING, jobs.TRANSFORM)
ENDPOINTS = "/aws/sagemaker/Endpoints"


def main() -> None:
    """Print the reason, then the lines."""
    given = options.parse_args()
    name = given.name or last_failed()
    if name is None:
        print(f"No job of {settings.PROJECT} has failed.")
        return
    for kind in (*KINDS, "Endpoint"):
        say(kind, name)
    since = int((time.time() - 60 * given.minutes) * 1000) if given.minutes else 0
    streams = [
        (f"/aws/sagemaker/{kind}s", f"{name}") for kind in KINDS if kind != jobs.TUNING
    ]
    for group, prefix in (*streams, (f"{ENDPOINTS}/{name}", "")):
        lines = progress.events(group, prefix, since)
        for event in lines[-given.lines :]:
            when = time.strftime("%H:%M:%S", time.localtime(event["timestamp"] / 1000))
            print(f"{when} {event['logStreamName'].split('/')[-1]}: {event['message']}")


def last_failed() -> str | None:
    """Give the name of the job that has failed last, of any kind."""
    failed = [(kind, jobs.newest(kind, settings.PROJECT, "Failed")) for kind in KINDS]
    found = [(job["CreationTime"], job[f"{kind}Name"]) for kind, job in failed if job]
    return max(found)[1] if found else None


def say(kind: str, name: str) -> None:
    """Print the status of what has this name, and the reason, if it has failed."""
    try:
        described = jobs.describe(kind, name)
    except ClientError:
        return  # nothing of this kind has the name
    print(f"The {kind} {name} is {described[f'{kind}Status']}.")
    if "FailureReason" in described:
        print(f"The reason: {described['FailureReason']}")
