"""The frame of each script: region, an end with a sentence, names that come back."""

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any

import settings

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    InvalidRegionError,
    NoRegionError,
    ParamValidationError,
)

TAGS = [{"Key": "project", "Value": settings.PROJECT}]  # clean.py looks for it
SDK_TAGS = [{"key": "project", "value": settings.PROJECT}]  # the SDK's spelling

# ECR, S3 and SageMaker agree on this; 11 characters of a search's 32 are added.
if not re.fullmatch(r"(?=.{2,21}$)[a-z0-9]+(-[a-z0-9]+)*", settings.PROJECT):
    sys.exit(
        f"PROJECT in deploy/settings.py is {settings.PROJECT!r}, and begins all names:"
        " it may have 2 to 21 lower case letters, digits, and single hyphens between."
    )
# build_and_push.sh and the AWS CLI read AWS_REGION first; boto3 does not know it.
if named := os.environ.get("AWS_REGION"):
    os.environ["AWS_DEFAULT_REGION"] = named
# The SDK would refuse a role without rights in your VPC, which no script here needs.
os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")

LOG_IN = "Log in: aws configure, or aws sso login"
SET_REGION = "Set the region that you mean, for example: export AWS_REGION=eu-west-1"
NO_REGION = (NoRegionError, InvalidRegionError, EndpointConnectionError)
CURES = {  # by what the code of a refusal begins with
    "AccessDenied": "Which rights are needed: docs/deploy.md#rights",
    "ExpiredToken": LOG_IN,
    "InvalidClientTokenId": LOG_IN,
    "ResourceLimitExceeded": "Take another instance in deploy/settings.py, or ask for a"
    " higher quota of this one: Service Quotas in AWS's console, Amazon SageMaker.",
    "UnrecognizedClient": LOG_IN,
}


def run(main: Callable[[], None]) -> None:
    """Run a script; what AWS refuses ends it with a sentence and a cure."""
    try:
        main()
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
        cures = [cure for start, cure in CURES.items() if code.startswith(start)]
        sys.exit("\n".join([str(exc), *cures]))
    except ParamValidationError as exc:
        sys.exit(f"{exc}\nCorrect the names in deploy/settings.py.")
    except BotoCoreError as exc:
        cure = SET_REGION if isinstance(exc, NO_REGION) else LOG_IN
        sys.exit(f"{exc}\n{cure}")
    except KeyboardInterrupt:
        sys.exit("\nWhat was started goes on. The same command follows it again.")


def name_of(*parts: Any) -> str:
    """Give one name to the same parts, so that nothing is made twice."""
    text = json.dumps(parts, sort_keys=True)
    return f"{settings.PROJECT}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
