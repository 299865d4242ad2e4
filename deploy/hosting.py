"""What the scripts of endpoints share: find, make, wait, and tell why one failed."""

import sys
from typing import Any

import boto3
from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint
from sagemaker.core.utils.exceptions import FailedStatusError

import script


def find(resource: Any, name: str) -> Any:
    """Get an endpoint, a component or a group by its name, or None."""
    try:
        return resource.get(name)
    except ClientError as exc:
        if exc.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
            return None
        raise


def make_config(variant: dict[str, Any], **more: Any) -> str:
    """Make the configuration of an endpoint, if it is not there. Returns: its name."""
    name = script.name_of(variant, more)
    try:  # not by the SDK, which leaves zeros out and misspells MemorySizeInMB
        boto3.client("sagemaker").create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[variant],
            Tags=script.TAGS,
            **more,
        )
    except ClientError as exc:
        if "already existing" not in str(exc):
            raise
    return name


def usable(name: str) -> Any:
    """Find an endpoint, and wait until it serves; one that has failed is deleted."""
    endpoint = find(Endpoint, name)
    if endpoint is not None and endpoint.endpoint_status == "Failed":
        print(f"The endpoint {name} has failed before, and is deleted now.")
        endpoint.delete()
        endpoint.wait_for_delete()
        return None
    if endpoint is not None:
        wait(endpoint)
    return endpoint


def wait(endpoint: Any) -> None:
    """Wait for an endpoint or a component. If it fails: why, its log, and the end."""
    name = endpoint.get_name()
    print(f"Waiting until {name} is in service, for at most some ten minutes.")
    try:
        endpoint.wait_for_status("InService", poll=15)
    except FailedStatusError:
        print(f"{name} has failed: {endpoint.failure_reason}")
        ...
