"""Says why a job or an endpoint has failed, and prints what it has logged.

Without a name: of the training, tuning or transform job that has failed last.
"""

import time
from argparse import ArgumentParser
from typing import Any

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
    if any(known) or events:
        print("Next: repair what is named above, then run the same script again")
    else:
        print(f"There is neither a job nor an endpoint {name}.")


def last_failed() -> str | None:
    """Give the name of the job that has failed last, of any kind."""
    start, failed = f"{settings.PROJECT}-", {}
    for kind in jobs.KINDS:
        for name in jobs.listed(kind, start, "Failed")[:1]:
            failed[jobs.describe(kind, name)["CreationTime"]] = name
    return failed[max(failed)] if failed else None


def say(kind: str, name: str) -> bool:
    """Print status and reason of what has this name, if it is of this kind."""
    found = jobs.find(kind, name)
    if found:
        print(f"The {kind} {name} is {found[f'{kind}Status']}.")
        print(found.get("FailureReason", ""))
    return bool(found)


if __name__ == "__main__":
    script.run(main)
