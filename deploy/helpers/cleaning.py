"""What of this project exists in SageMaker, what it costs, and how it is deleted."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import settings
from helpers import account, scaling

import boto3
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from sagemaker.core import resources as kinds

RUNNING = {"status_equals": "InProgress"}
JOBS = (kinds.HyperParameterTuningJob, kinds.TrainingJob, kinds.TransformJob)
COSTLY: list[tuple[Any, dict[str, str]]] = [
    (kinds.InferenceComponent, {}),
    (kinds.Endpoint, {}),
    *((kind, RUNNING) for kind in JOBS),
]
FREE: list[tuple[Any, dict[str, str]]] = [
    (kind, {}) for kind in (kinds.EndpointConfig, kinds.Model, kinds.ModelPackageGroup)
]


def existing(*, everything: bool) -> Iterator[Any]:
    """List what costs money, or everything, in the order in which it can be deleted.

    What is the project's has its name, and its tag.
    """
    for kind, filters in COSTLY + (FREE if everything else []):
        for found in kind.get_all(name_contains=settings.PROJECT, **filters):
            arn = getattr(found, f"{xform_name(kind.__name__)}_arn")
            tags = {tag.key: tag.value for tag in kinds.Tag.get_all(resource_arn=arn)}
            if tags.get("project") == settings.PROJECT:
                yield found


def instances(found: Any) -> list[tuple[str, int, str]]:
    """List the instances: type, how many, and what the price list calls their use."""
    kind = type(found).__name__
    if kind == "TrainingJob":
        job = found.resource_config
        return [(job.instance_type, job.instance_count, "Training")]
    if kind == "TransformJob":
        job = found.transform_resources
        return [(job.instance_type, job.instance_count, "Batch")]
    if kind != "Endpoint":
        return []  # a component is in an endpoint, and a tuning job has training jobs
    config = kinds.EndpointConfig.get(found.endpoint_config_name)
    types = {v.variant_name: v.instance_type for v in config.production_variants}
    running = found.production_variants or []
    counts = [(types[v.variant_name], v.current_instance_count or 0) for v in running]
    return [(name, count, "Hosting") for name, count in counts if name]


def an_hour(found: Any) -> tuple[float, str]:
    """Give the price in USD, as far as it is known, and a text that says what runs."""
    usd, parts = 0.0, []
    for name, count, use in instances(found):
        one = price(name, use)
        usd += count * (one or 0)
        known = "price not known" if one is None else f"{count * one:.3f} USD an hour"
        parts.append(f"{count} x {name}, {known}")
    since = f"since {found.creation_time:%Y-%m-%d %H:%M}"
    return usd, "; ".join([*(parts or ["no instance of its own"]), since])


@cache
def price(instance_type: str, use: str) -> float | None:
    """Give what an instance costs in USD an hour, or None where that is not known.

    `use` is what the list calls it: Hosting, Training, or Batch Transform.
    """
    wanted = {"instanceName": instance_type, "regionCode": account.region()}
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in wanted.items()
    ]
    # This region has the list of all regions.
    pages = boto3.client("pricing", "us-east-1").get_paginator("get_products")
    try:
        found = pages.paginate(ServiceCode="AmazonSageMaker", Filters=filters)
        products = [json.loads(text) for text in found.build_full_result()["PriceList"]]
    except (BotoCoreError, ClientError):
        return None
    for product in products:
        if product["product"]["attributes"].get("component", "").startswith(use):
            (term,) = product["terms"]["OnDemand"].values()
            (dimension,) = term["priceDimensions"].values()
            return float(dimension["pricePerUnit"]["USD"])
    return None


def delete(found: Any) -> None:
    """Delete it and wait until it is gone; a job is stopped, and stays listed."""
    if isinstance(found, JOBS):
        found.stop()
        return
    if isinstance(found, kinds.ModelPackageGroup):
        delete_versions(found.model_package_group_name)
    if isinstance(found, kinds.InferenceComponent):
        scaling.stop(found.inference_component_name)
    found.delete()
    if isinstance(found, (kinds.InferenceComponent, kinds.Endpoint)):
        found.wait_for_delete(poll=10)
        delete_alarms(found.get_name())


def delete_versions(group: str) -> None:
    """Delete the versions of a group, by boto3: the SDK names none that is in one."""
    sagemaker = boto3.client("sagemaker")
    for version in kinds.ModelPackage.get_all(model_package_group_name=group):
        sagemaker.delete_model_package(ModelPackageName=version.model_package_arn)


def delete_alarms(name: str) -> None:
    """Delete the alarms that an update and the scaling of a component have made."""
    cloudwatch = boto3.client("cloudwatch")
    ours = [f"{name}-5xx", f"{name}-first"]
    alarms = cloudwatch.describe_alarms(AlarmNames=ours)["MetricAlarms"]
    if alarms:
        cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in alarms])
