"""What the scripts share: an end with a sentence, and names that come back."""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

import settings

TAGS = [{"Key": "project", "Value": settings.PROJECT}]  # clean.py looks for it
SDK_TAGS = [{"key": "project", "value": settings.PROJECT}]  # the SDK's spelling

# The SDK would refuse a role without rights in your VPC, which no script here needs.
os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")

LOG_IN = "Log in: aws configure, or aws sso login; and set AWS_REGION."
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
        sys.exit(
            "\n".join([str(exc), *(CURES[c] for c in CURES if code.startswith(c))])
        )
    except ParamValidationError as exc:
        sys.exit(f"{exc}\nCorrect the names in deploy/settings.py.")
    except BotoCoreError as exc:
        sys.exit(f"{exc}\n{LOG_IN}")
    except KeyboardInterrupt:
        sys.exit("\nWhat was started goes on. The same command follows it again.")


def name_of(*parts: Any) -> str:
    """Give one name to the same parts, so that nothing is made twice."""
    text = json.dumps(parts, sort_keys=True)
    return f"{settings.PROJECT}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
