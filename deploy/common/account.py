"""What the scripts look up in your account, by the names in settings.py."""

import sys
from functools import cache

import boto3
from botocore.exceptions import ClientError

import settings

ABSENT = ("RepositoryNotFoundException", "ImageNotFoundException")


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
    s3, region = boto3.client("s3"), boto3.Session().region_name
    account = boto3.client("sts").get_caller_identity()["Account"]
    name = settings.BUCKET or f"sagemaker-{region}-{account}"
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "404":
            sys.exit(f"The bucket {name} is not yours: change BUCKET in settings.py.")
        there = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, **({} if region == "us-east-1" else there))
        print(f"The bucket {name} has been made.")
    return name


def image() -> str:
    """Give the address of the pushed image, by its digest: a tag can move."""
    ecr, name = boto3.client("ecr"), settings.PROJECT
    tag = {"imageTag": settings.TAG}
    try:
        (found,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
        pushed = ecr.describe_images(repositoryName=name, imageIds=[tag])
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in ABSENT:
            raise
        cure = f"Push it: ./build_and_push.sh {name}"
        sys.exit(f"There is no image {name}:{settings.TAG} in ECR. {cure}")
    return f"{found['repositoryUri']}@{pushed['imageDetails'][0]['imageDigest']}"
