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


def run(main: Callable[[], None]) -> None:
    """Run a script; what AWS refuses ends it with a sentence and a cure."""
    try:
        main()
    except ClientError as exc:
        print(f"{exc}\nWhich rights are needed: docs/deploy.md#rights", file=sys.stderr)
    except ParamValidationError as exc:
        print(f"{exc}\nCorrect the names in deploy/settings.py.", file=sys.stderr)
    except BotoCoreError as exc:
        cure = "Log in (aws configure, or aws sso login), and set AWS_REGION."
        print(f"{exc}\n{cure}", file=sys.stderr)
    else:
        return
    sys.exit(1)


def name_of(*parts: Any) -> str:
    """Give one name to the same parts, so that nothing is made twice."""
    text = json.dumps(parts, sort_keys=True)
    return f"{settings.PROJECT}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
