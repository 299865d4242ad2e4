"""Says why a job or an endpoint has failed, and prints what it has logged.

Without a name: of the training, tuning or transform job that has failed last.
"""

import time
from argparse import ArgumentParser
from typing import Any

from botocore.exceptions import ClientError

import settings
from common import jobs, progress, script

options = ArgumentParser(description=__doc__)
options.add_argument("name", nargs="?", help="of a job or of an endpoint")
options.add_argument("--lines", type=int, default=50, help="the last ones of the log")
options.add_argument("--minutes", type=int, default=24 * 60, help="how far back")


def main() -> None:
    given = options.parse_args()
    name = given.name or last_failed()
    if name is None:
        print(f"No job of {settings.PROJECT} has failed.")
        return
    known = [say(kind, name) for kind in (*jobs.KINDS, "Endpoint")]
    since = int((time.time() - 60 * given.minutes) * 1000)
    events: list[dict[str, Any]] = []
    for group in progress.GROUPS.values():
        events += progress.events(group, name, since)
    events += progress.events(f"/aws/sagemaker/Endpoints/{name}", "", since)
    for event in events[-given.lines :]:
        when = time.strftime("%d %H:%M:%S", time.localtime(event["timestamp"] / 1000))
        print(f"{when} {event['message']}")
    if not any(known) and not events:
        print(f"There is neither a job nor an endpoint {name}.")


def last_failed() -> str | None:
    """Give the name of the job that has failed last, of any kind."""
    found = [(k, jobs.listed(k, f"{settings.PROJECT}-", "Failed")) for k in jobs.KINDS]
    newest = [
        (jobs.describe(k, names[0])["CreationTime"], names[0])
        for k, names in found
        if names
    ]
    return max(newest)[1] if newest else None


def say(kind: str, name: str) -> bool:
    """Print status and reason of what has this name, if it is of this kind."""
    try:
        described = jobs.describe(kind, name)
    except ClientError as exc:
        if "Could not find" not in str(exc):
            raise
        return False
    print(f"The {kind} {name} is {described[f'{kind}Status']}.")
    print(described.get("FailureReason", "It gives no reason of a failure."))
    return True


if __name__ == "__main__":
    script.run(main)
