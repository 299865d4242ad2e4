"""What the scripts of deploy/ look up, and what they say where it is not there."""

import time

import pytest

from deployment.aws import Aws, Owner
from harness import until

LOOK_UP = """
from helpers import account, script

script.run(lambda: print(account.role(), account.bucket(), account.image()))
"""


def test_names_are_looked_up_and_the_image_is_one_by_digest(
    owner: Owner, aws: Aws
) -> None:
    (owner.home / "deploy/look_up.py").write_text(LOOK_UP)
    digest = aws.push("2")  # the tag has moved
    ran = owner.deploy("look_up.py")
    assert ran.status == 0, ran.log
    assert ran.hosts == []
    *_, line = ran.log.splitlines()
    role, bucket, image = line.split()
    assert role == "arn:aws:iam::123456789012:role/penguins"
    assert bucket == "sagemaker-eu-west-1-123456789012"
    assert image.endswith(f"dkr.ecr.eu-west-1.amazonaws.com/penguins@{digest}")


def test_a_push_of_uncommitted_changes_is_named_and_not_taken(
    owner: Owner, aws: Aws
) -> None:
    taken = aws.push("2")
    second = int(time.time())
    until(lambda: time.time() > second + 1, 5)  # moto notes when in whole seconds
    aws.push("3", tag="1a2b3c4-dirty")
    ran = owner.deploy("train.py")
    assert ran.status == 0, ran.log
    (job,) = ran.parameters("CreateTrainingJob")
    assert job["AlgorithmSpecification"]["TrainingImage"].endswith(taken)
    assert "\n1a2b3c4-dirty was pushed later and is not taken. " in ran.log


def test_where_no_push_had_the_tag_those_are_named_that_are_there(
    owner: Owner, aws: Aws
) -> None:
    aws.client("ecr").delete_repository(repositoryName="penguins", force=True)
    aws.push("2", tag="1a2b3c4-dirty")
    ran = owner.deploy("train.py")
    assert ran.status == 1
    assert ran.log == (
        "There is no image penguins:latest in ECR in eu-west-1. It has 1a2b3c4-dirty."
        " Commit your changes, then: ./build_and_push.sh penguins\n"
    )


@pytest.mark.parametrize("name", ["churn_model", "team/churn", "Churn", "c" * 22])
def test_a_project_that_cannot_begin_all_names_is_refused(
    owner: Owner, name: str
) -> None:
    owner.set("PROJECT", name)
    ran = owner.deploy("logs.py")
    assert ran.status == 1
    assert ran.log.startswith(f"PROJECT in deploy/settings.py is {name!r}")
    assert ran.calls == []


def test_aws_region_is_the_region_as_of_the_push(owner: Owner) -> None:
    ran = owner.deploy("train.py", environment={"AWS_REGION": "eu-west-2"})
    assert ran.status == 1
    assert ran.log.startswith("There is no image penguins:latest in ECR in eu-west-2.")


def test_in_a_region_that_is_none_it_is_said_how_to_set_one(owner: Owner) -> None:
    ran = owner.deploy("train.py", environment={"AWS_REGION": "eu west"})
    assert ran.status == 1
    assert "'eu west'" in ran.log
    assert ran.log.endswith("for example: export AWS_REGION=eu-west-1\n")
