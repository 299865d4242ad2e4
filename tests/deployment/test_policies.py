"""deploy/policy-role.json and policy-you.json, and role.sh, which makes the role.

That a call of a script is allowed is asserted wherever a test runs one: aws.py.
"""

import json
import os
import subprocess

import pytest
from policy_sentry.querying.actions import get_action_data

from clients.local_mode import environment_of
from deployment import rights
from deployment.aws import KEY, REGION, Aws
from harness import ROOT

POLICIES = ("policy-role.json", "policy-you.json")
# These can be limited further only by names that AWS chooses.
WIDE = ("application-autoscaling:", "sagemaker:ListModelPackages")


def role_sh(aws: Aws, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run role.sh against moto's server, with the AWS CLI of its environment."""
    cli = environment_of("ecr", "ecr-requirements").parent
    return subprocess.run(
        [ROOT / "deploy/role.sh", *arguments],
        env={
            "PATH": f"{cli}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_REGION": REGION,
            **{name.upper(): value for name, value in KEY.items()},
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("name", POLICIES)
def test_every_action_is_one_of_aws_and_has_no_more_resources_than_it_needs(
    name: str,
) -> None:
    for statement in rights.policy(name):
        for action in rights.listed(statement["Action"]):
            service, operation = action.split(":")
            assert get_action_data(service, operation), f"AWS knows no {action}"
            everything = statement["Resource"] == "*"
            if not action.startswith(WIDE):
                assert everything == (rights.forms(action) == []), action


def test_what_others_have_is_refused() -> None:
    """The matcher can say no, and the policy makes it."""
    yours, role = (rights.policy(name) for name in reversed(POLICIES))
    theirs = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/rabbits"
    assert not rights.has(yours, rights.Right("sagemaker:DeleteEndpoint", theirs))
    assert not rights.has(
        yours, rights.Right("s3:DeleteObject", "arn:aws:s3:::any/any")
    )
    to_ec2 = (("iam:PassedToService", "ec2.amazonaws.com"),)
    ours = "arn:aws:iam::123456789012:role/penguins"
    assert not rights.has(yours, rights.Right("iam:PassRole", ours, to_ec2))
    assert not rights.has(role, rights.Right("sagemaker:CreateEndpoint", theirs))


def test_role_sh_makes_the_role_once_and_prints_your_rights(aws: Aws) -> None:
    for said in ("has been made", "is there"):
        ran = role_sh(aws)
        assert ran.returncode == 0, ran.stdout
        assert f"The role penguins {said}" in ran.stdout
        assert "Next: ./build_and_push.sh penguins" in ran.stdout
    iam = aws.client("iam")
    role = iam.get_role(RoleName="penguins")["Role"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    found = iam.get_role_policy(RoleName="penguins", PolicyName="penguins")
    assert found["PolicyDocument"]["Statement"] == rights.policy("policy-role.json")
    yours = role_sh(aws, "--you")
    assert json.loads(yours.stdout)["Statement"] == rights.policy("policy-you.json")
    iam.create_policy(PolicyName="yours", PolicyDocument=yours.stdout)  # moto checks it


def test_role_sh_without_the_cli_says_how_to_install_it() -> None:
    ran = subprocess.run(
        [ROOT / "deploy/role.sh"], env={"PATH": "/usr/bin:/bin"}, capture_output=True
    )
    assert ran.returncode == 1
    cure = b"role.sh: the AWS CLI is missing. Install it: pip install awscli\n"
    assert ran.stderr == cure


@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("--me", 64)])
def test_role_sh_makes_nothing_if_it_is_asked_for_its_usage(
    aws: Aws, argument: str, status: int
) -> None:
    ran = role_sh(aws, argument)
    assert ran.returncode == status
    assert "Usage: deploy/role.sh [--you]\n" in ran.stdout
    assert aws.client("iam").list_roles()["Roles"] == []
