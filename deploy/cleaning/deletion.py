"""Deletes what clean.py has found, with all that only it needs."""

from typing import Any

import boto3
from sagemaker.core import resources as kinds

from cleaning import existing
from hosting import scaling


def delete(found: Any) -> None:
    """Delete it and wait until it is gone; a job is stopped, and stays listed."""
    if isinstance(found, existing.JOBS):
        found.stop()
        return
    if isinstance(found, kinds.ModelPackageGroup):
        delete_versions(found.model_package_group_name)
    if isinstance(found, kinds.InferenceComponent):
        stop_scaling(found.inference_component_name)
    found.delete()
    if isinstance(found, (kinds.InferenceComponent, kinds.Endpoint)):
        found.wait_for_delete(poll=10)
        delete_alarms(found.get_name())


def delete_versions(group: str) -> None:
    """Delete the versions of a group, by boto3: the SDK names none that is in one."""
    sagemaker = boto3.client("sagemaker")
    for version in kinds.ModelPackage.get_all(model_package_group_name=group):
        sagemaker.delete_model_package(ModelPackageName=version.model_package_arn)


def stop_scaling(component: str) -> None:
    """Scale no more; the policies go with the target."""
    scaler = boto3.client("application-autoscaling")
    try:
        scaler.deregister_scalable_target(**scaling.copies(component))
    except scaler.exceptions.ObjectNotFoundException:
        return  # component.py was stopped before it came to that


def delete_alarms(name: str) -> None:
    """Delete the alarms that update.py and scaling.py have made."""
    cloudwatch = boto3.client("cloudwatch")
    ours = [f"{name}-5xx", f"{name}-first"]
    alarms = cloudwatch.describe_alarms(AlarmNames=ours)["MetricAlarms"]
    if alarms:
        cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in alarms])
