"""Lists what of this project exists in SageMaker and what it costs, and deletes it.

That is what costs money: endpoints, and jobs that run. With --all it is also what costs
nothing: configurations, models, and the versions in the registry.
"""

import sys
from argparse import ArgumentParser
from typing import Any

import settings
from helpers import account, cleaning, script

from botocore import xform_name

options = ArgumentParser(description=__doc__)
options.add_argument("--all", action="store_true", help="what costs nothing, too")
options.add_argument("--yes", action="store_true", help="do not ask")


def main() -> None:
    given = options.parse_args()
    found = list(cleaning.existing(everything=given.all))
    if not found:
        more = "" if given.all else " --all lists what costs nothing, too."
        where = f"{settings.PROJECT} is in {account.region()}"
        print(f"Nothing of {where}.{more}")
        return
    total, more = 0.0, ""
    for resource in found:
        usd, text = cleaning.an_hour(resource)
        total += usd
        more = ", and what is not known" if "not known" in text else more
        print(f"{name_of(resource)}: {text}")
    print(f"Together {total:.3f} USD an hour{more}.")
    if not given.yes:
        print("Delete it all, and stop what runs? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            sys.exit("Nothing has been deleted.")
    for resource in found:
        print(f"Deleting {name_of(resource)}", flush=True)
        cleaning.delete(resource)
    print("Files in S3, the image in ECR, logs and the role stay.")
    print("Next: docs/deploy.md#delete says how to delete them.")


def name_of(found: Any) -> str:
    """Give the kind and the name of a resource."""
    return f"{xform_name(type(found).__name__, ' ')} {found.get_name()}"


if __name__ == "__main__":
    script.run(main)
