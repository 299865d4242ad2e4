"""The versions in the model registry, which are a group of the project's name."""

import io
import sys
import tarfile
from typing import Any
from urllib.parse import urlsplit

import settings
from helpers import account, endpoints, jobs, script

import boto3
from sagemaker.core.resources import ModelPackage, ModelPackageGroup

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


def register(container: dict[str, str]) -> Any:
    """Make a version, and the group where it is not there. Returns: the version."""
    if endpoints.find(ModelPackageGroup, GROUP) is None:
        ModelPackageGroup.create(model_package_group_name=GROUP, tags=script.SDK_TAGS)
    types = {"SupportedContentTypes": TYPES, "SupportedResponseMIMETypes": TYPES}
    # By boto3: ModelPackage.create of the SDK expects an answer that AWS does not give.
    made = boto3.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        InferenceSpecification={"Containers": [container], **types},
        ModelApprovalStatus="PendingManualApproval",
        **metrics(container["ModelDataUrl"]),
    )
    return ModelPackage.get(model_package_name=made["ModelPackageArn"])


def metrics(archive: str) -> dict[str, Any]:
    """Copy evaluation.json, which output.tar.gz has beside model.tar.gz, into S3.

    Returns: what the registry shows; nothing if the job did not call `job.evaluate`.
    """
    bucket, folder = urlsplit(archive).netloc, urlsplit(archive).path[1:]
    folder, text = folder.rpartition("/")[0], None
    s3 = boto3.client("s3")
    try:
        packed = s3.get_object(Bucket=bucket, Key=f"{folder}/output.tar.gz")["Body"]
        text = evaluation(packed.read())
    except s3.exceptions.NoSuchKey:
        pass
    if text is None:
        print(
            "The job has measured nothing (job.evaluate): the version has no metrics."
        )
        return {}
    key = f"{folder}/evaluation.json"
    s3.put_object(Bucket=bucket, Key=key, Body=text)
    source = {"ContentType": "application/json", "S3Uri": f"s3://{bucket}/{key}"}
    return {"ModelMetrics": {"ModelQuality": {"Statistics": source}}}


def evaluation(packed: bytes) -> bytes | None:
    """Give the content of evaluation.json in output.tar.gz, if it is there."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for file in tar:
            if file.name.endswith("evaluation.json"):
                found = tar.extractfile(file)
                return found.read() if found else None
    return None


def model(job: str, *, approved: bool, **environment: str) -> str:
    """Give the name of the model to serve: a job's, or what was approved last."""
    if not approved:
        archive = jobs.trained(job)["ModelArtifacts"]["S3ModelArtifacts"]
        return jobs.model(account.image(), archive, **environment)
    version = newest(model_approval_status="Approved")
    if version is None:
        sys.exit("No version is approved. Next: python deploy/register.py --approve")
    print(f"Version {version.model_package_version} was approved last.")
    taken = container(version)
    return jobs.model(taken["Image"], taken["ModelDataUrl"], **environment)
