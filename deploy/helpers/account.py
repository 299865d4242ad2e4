"""What is in your account by the names in settings.py: role, bucket, image, files."""

import sys
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import settings

import boto3
from botocore.exceptions import ClientError


def region() -> str:
    """Name the region that all clients are in."""
    return str(boto3.Session().region_name)


@cache
def role() -> str:
    """Give the ARN of the role that SageMaker acts in."""
    if settings.ROLE.startswith("arn:"):
        return settings.ROLE
    iam = boto3.client("iam")
    try:
        return str(iam.get_role(RoleName=settings.ROLE)["Role"]["Arn"])
    except iam.exceptions.NoSuchEntityException:
        sys.exit(f"There is no role {settings.ROLE}. Make it: deploy/role.sh")


@cache
def bucket() -> str:
    """Give the name of the bucket, which is made where it is not there."""
    s3, account = (
        boto3.client("s3"),
        boto3.client("sts").get_caller_identity()["Account"],
    )
    name = settings.BUCKET or f"sagemaker-{region()}-{account}"
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "404":
            sys.exit(f"The bucket {name} is not yours: change BUCKET in settings.py.")
        there = {"CreateBucketConfiguration": {"LocationConstraint": region()}}
        s3.create_bucket(Bucket=name, **({} if region() == "us-east-1" else there))
        print(f"The bucket {name} has been made.")
    return name


@cache
def image() -> str:
    """Give the address of the pushed image, by its digest: a tag can move."""
    name, pushed = f"{settings.PROJECT}:{settings.TAG}", images()
    found = next((one for one in pushed if settings.TAG in one["imageTags"]), None)
    if found is None:
        cure = f"Commit your changes, then: ./build_and_push.sh {settings.PROJECT}"
        tags = ", ".join(tag for one in pushed for tag in one["imageTags"])
        others = f" It has {tags}." if tags else ""
        sys.exit(f"There is no image {name} in ECR in {region()}.{others} {cure}")
    print(f"The image is {name}, pushed {found['imagePushedAt']:%Y-%m-%d %H:%M}.")
    if found is not pushed[0]:
        later = pushed[0]["imageTags"][0]
        print(f"{later} was pushed later and is not taken. To take it: commit, push.")
    ecr = boto3.client("ecr")
    named = ecr.describe_repositories(repositoryNames=[settings.PROJECT])
    return f"{named['repositories'][0]['repositoryUri']}@{found['imageDigest']}"


def images() -> list[dict[str, Any]]:
    """List the images that have a tag, the newest first."""
    ecr = boto3.client("ecr")
    pages = ecr.get_paginator("describe_images").paginate(
        repositoryName=settings.PROJECT, filter={"tagStatus": "TAGGED"}
    )
    try:
        found: list[dict[str, Any]] = pages.build_full_result()["imageDetails"]
    except ecr.exceptions.RepositoryNotFoundException:
        return []
    return sorted(found, key=lambda one: one["imagePushedAt"], reverse=True)


def listed(address: str) -> dict[str, str]:
    """Give the ETag of each file in S3, which tells contents apart, by its key."""
    place = urlsplit(address)
    if place.scheme != "s3":
        sys.exit(f"{address} is no address in S3: give s3://BUCKET/FOLDER/.")
    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2")
    try:
        found = pages.paginate(Bucket=place.netloc, Prefix=place.path[1:])
        files = found.build_full_result().get("Contents", [])
    except s3.exceptions.NoSuchBucket:
        sys.exit(f"There is no bucket {place.netloc}, of {address}.")
    return {file["Key"]: file["ETag"] for file in files}


def opened(address: str) -> Iterator[tuple[str, Any]]:
    """Give each file below an address in S3: its name, and its content as a stream."""
    s3, place = boto3.client("s3"), urlsplit(address)
    for key in listed(address):
        name = key.removeprefix(place.path[1:]).lstrip("/") or key.rpartition("/")[2]
        yield name, s3.get_object(Bucket=place.netloc, Key=key)["Body"]


def show(address: str, lines: int = 5) -> None:
    """Print the first lines of each file below an address in S3."""
    for name, body in opened(address):
        print(f"{address.rstrip('/')}/{name} begins with:")
        for line in islice(body.iter_lines(), lines):
            print(f"    {line.decode()}")
