"""Says why a job or an endpoint has failed, and prints what it has logged.

Without a name: of the training, tuning or transform job that has failed last.
"""

import sys
import time
from argparse import ArgumentParser

import settings
from helpers import account, jobs, script

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
    looked = {kind: jobs.find(kind, name) for kind in (*jobs.KINDS, "Endpoint")}
    found = {kind: one for kind, one in looked.items() if one}
    for kind, one in found.items():
        reason = f"\n{one['FailureReason']}" if one.get("FailureReason") else ""
        print(f"The {kind} {name} is {one[f'{kind}Status']}.{reason}")
    groups = {f"/aws/sagemaker/Endpoints/{name}": ""}
    if "Endpoint" not in found:  # its name begins those of the jobs
        groups |= dict.fromkeys(jobs.LOGS.values(), name)
    since = int((time.time() - 60 * given.minutes) * 1000)
    events = [e for at, start in groups.items() for e in jobs.events(at, start, since)]
    for event in sorted(events, key=lambda e: e["timestamp"])[-given.lines :]:
        when = time.strftime("%d %H:%M:%S", time.localtime(event["timestamp"] / 1000))
        print(f"{when} {event['message']}")
    if not found and not events:
        where = f"{name} in {account.region()}"
        sys.exit(f"There is neither a job nor an endpoint {where}.")
    if any(one.get("FailureReason") for one in found.values()):
        print("Next: repair what is named above, then run the same script again")


def last_failed() -> str | None:
    """Give the name of the job that has failed last, of any kind."""
    start, failed = f"{settings.PROJECT}-", {}
    for kind in jobs.KINDS:
        for name in jobs.listed(kind, start, "Failed")[:1]:
            failed[jobs.describe(kind, name)["CreationTime"]] = name
    return failed[max(failed)] if failed else None


if __name__ == "__main__":
    script.run(main)
