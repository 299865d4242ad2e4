"""Endpoints and their configurations, each made once."""

from typing import Any

import boto3
from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint

from common import script
from hosting import waiting


def find(resource: Any, name: str) -> Any:
    """Get an endpoint, a component or a group by its name, or None."""
    try:
        return resource.get(name)
    except ClientError as exc:
        if exc.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
            return None
        raise


def usable(name: str) -> Any:
    """Find an endpoint, and wait until it serves. One that has failed is deleted."""
    endpoint = find(Endpoint, name)
    if endpoint is not None and endpoint.endpoint_status == "Failed":
        print(f"The endpoint {name} has failed before, and is deleted now.")
        endpoint.delete()
        endpoint = endpoint.wait_for_delete()
    if endpoint is not None and endpoint.endpoint_status != "InService":
        waiting.wait(endpoint)
    return endpoint


def config(variant: dict[str, Any], **more: Any) -> str:
    """Make a configuration, if it is not there. Returns: its name."""
    name = script.name_of(variant, more)
    named = {"EndpointConfigName": name, "ProductionVariants": [variant], **more}
    try:  # not by the SDK, which leaves zeros out and misspells MemorySizeInMB
        boto3.client("sagemaker").create_endpoint_config(**named, Tags=script.TAGS)
    except ClientError as exc:
        if "already existing" not in str(exc):
            raise
    return name


def make(name: str, config: str) -> Any:
    """Make an endpoint, and wait until it serves."""
    print(f"Making the endpoint {name} of the configuration {config}.")
    endpoint = Endpoint.create(
        endpoint_name=name, endpoint_config_name=config, tags=script.SDK_TAGS
    )
    waiting.wait(endpoint)
    return endpoint
