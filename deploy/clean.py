"""List what of this project exists in AWS and what it costs, and delete it.

    python deploy/clean.py [--all] [--yes]

Without --all it is about what costs money while it exists: endpoints and jobs that run.
With --all also about what costs nothing: configurations, models, registered versions.
"""

import argparse
import sys
from typing import Any

from botocore import xform_name

import cost
import deletion
import existing
import script
import settings

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--all", action="store_true", help="what costs nothing, too")
parser.add_argument("--yes", action="store_true", help="do not ask")


def main() -> None:
    """List, ask and delete."""
    options = parser.parse_args()
    found = list(existing.existing(everything=options.all))
    if not found:
        more = "" if options.all else " --all lists what costs nothing, too."
        print(f"Nothing of {settings.PROJECT} is there.{more}")
        return
    total = 0.0
    for resource in found:
        usd, text = cost.an_hour(resource)
        total += usd
        print(f"{name_of(resource)}: {text}")
    print(f"Together {total:.3f} USD an hour, as far as prices are known.")
    if not options.yes:
        print("Delete it all, and stop what runs? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            sys.exit("Nothing has been deleted.")
    for resource in found:
        print(f"Deleting {name_of(resource)}", flush=True)
        deletion.delete(resource)
    print("Files in S3, the image in ECR, logs and the role stay.")
    print("Next: docs/deploy.md#delete says how to delete them.")


def name_of(found: Any) -> str:
    """Give the kind and the name of a resource."""
    return f"{xform_name(type(found).__name__, ' ')} {found.get_name()}"


if __name__ == "__main__":
    script.run(main)
