"""Waits for an endpoint or a component, and tells why one has failed."""

import sys
import time
from typing import Any

from sagemaker.core.utils.exceptions import FailedStatusError

from common import progress

HOUR = 3600


def wait(resource: Any, kind: str = "Endpoint") -> None:
    """Wait until it is in service. Where it fails: the reason, its log, and the end."""
    name = resource.get_name()
    print(f"Waiting until {name} is in service, for some minutes.", flush=True)
    try:
        resource.wait_for_status("InService", poll=15)
    except FailedStatusError:
        print(f"{name} has failed: {resource.failure_reason}")
        stop(name, kind)


def stop(name: str, kind: str = "Endpoint") -> None:
    """Print the last lines that the containers have written, and end the script."""
    group = f"/aws/sagemaker/{kind}s/{name}"
    events = progress.events(group, "", int((time.time() - HOUR) * 1000))
    lines = [event["message"] for event in events[-20:]]
    print(f"The end of its log, {group}:", *(lines or ["(empty)"]), sep="\n")
    sys.exit("Repair what is named above, and run this again.")
