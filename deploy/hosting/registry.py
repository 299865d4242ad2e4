"""The versions in the model registry, which are a group of the project's name."""

import sys
from typing import Any

import boto3
from sagemaker.core.resources import ModelPackage, ModelPackageGroup

import settings
from common import account, script, trained
from hosting import endpoints

GROUP = settings.PROJECT
TYPES = ["text/csv", "application/json", "application/jsonlines"]


def newest(**filters: str) -> Any:
    """Give the version that was registered last, or None."""
    if endpoints.find(ModelPackageGroup, GROUP) is None:
        return None
    order = {"sort_by": "CreationTime", "sort_order": "Descending"}
    found = ModelPackage.get_all(model_package_group_name=GROUP, **order, **filters)
    return next(iter(found), None)


def container(version: Any) -> dict[str, str]:
    """Give what a version is: its image and its archive."""
    (found,) = version.inference_specification.containers
    return {"Image": found.image, "ModelDataUrl": found.model_data_url}


def register(container: dict[str, str], metrics: dict[str, Any]) -> Any:
    """Make a version, and the group where it is not there. Returns: the version."""
    if endpoints.find(ModelPackageGroup, GROUP) is None:
        ModelPackageGroup.create(model_package_group_name=GROUP, tags=script.SDK_TAGS)
    types = {"SupportedContentTypes": TYPES, "SupportedResponseMIMETypes": TYPES}
    # By boto3: ModelPackage.create of the SDK expects an answer that AWS does not give.
    made = boto3.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        InferenceSpecification={"Containers": [container], **types},
        ModelApprovalStatus="PendingManualApproval",
        **metrics,
    )
    return ModelPackage.get(model_package_name=made["ModelPackageArn"])


def model(job: str, *, approved: bool, **environment: str) -> str:
    """Give the name of the model to serve: a job's, or what was approved last."""
    if not approved:
        archive = trained.job(job)["ModelArtifacts"]["S3ModelArtifacts"]
        return trained.model(account.image(), archive, **environment)
    version = newest(model_approval_status="Approved")
    if version is None:
        sys.exit("No version is approved. Next: python deploy/register.py --approve")
    print(f"Version {version.model_package_version} was approved last.")
    taken = container(version)
    return trained.model(taken["Image"], taken["ModelDataUrl"], **environment)
