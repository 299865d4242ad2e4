"""deploy/logs.py: why a job or an endpoint has failed, and what it has logged."""

from typing import Any

import pytest

from deployment.aws import Aws, Owner

JOBS = ("TrainingJob", "HyperParameterTuningJob", "TransformJob")


def failed(kind: str, name: str, time: str) -> dict[str, Any]:
    """Give answers about a failed job."""
    summary = {f"{kind}Name": name, "CreationTime": time, f"{kind}Status": "Failed"}
    reason = {"FailureReason": f"{kind} had a reason"}
    described = {"shape": True, **summary, **reason}
    return {
        f"List{kind}s": [{f"{kind}Summaries": [summary]}],
        f"Describe{kind}": [described],
    }


@pytest.mark.parametrize("kind", JOBS)
def test_without_a_name_it_is_the_job_that_has_failed_last(
    owner: Owner, kind: str
) -> None:
    answers: dict[str, Any] = {}
    for other in JOBS:
        answers |= failed(other, f"penguins-{other}", "2" if other == kind else "1")
    ran = owner.deploy("logs.py", **answers)
    assert ran.status == 0, ran.log
    assert f"The {kind} penguins-{kind} is Failed.\n{kind} had a reason\n" in ran.log


def test_the_last_lines_of_a_job_are_printed(owner: Owner, aws: Aws) -> None:
    (job,) = owner.deploy("train.py").parameters("CreateTrainingJob")
    name = job["TrainingJobName"]
    aws.log("/aws/sagemaker/TrainingJobs", f"{name}/algo-1-1", "one", "two", "three")
    ran = owner.deploy("logs.py", name, "--lines", "2")
    assert ran.status == 0, ran.log
    assert f"The TrainingJob {name} is Completed.\n" in ran.log
    said = [line.split(" ", 2)[2] for line in ran.log.splitlines()[-2:]]
    assert said == ["two", "three"]


def test_lines_of_an_endpoint_and_its_reason_are_printed(
    owner: Owner, aws: Aws
) -> None:
    aws.log("/aws/sagemaker/Endpoints/penguins", "main/i-1", "ready")
    reason = "The container did not pass the ping health check."
    answer = {"shape": True, "EndpointStatus": "Failed", "FailureReason": reason}
    ran = owner.deploy("logs.py", "penguins", DescribeEndpoint=[answer])
    assert ran.status == 0, ran.log
    assert f"The Endpoint penguins is Failed.\n{reason}\n" in ran.log
    assert " ready\nNext: repair what is named above" in ran.log


def test_where_nothing_has_failed_it_says_so(owner: Owner) -> None:
    assert owner.deploy("logs.py").log == "No job of penguins has failed.\n"


def test_a_name_that_is_not_there_is_named(owner: Owner) -> None:
    ran = owner.deploy("logs.py", "penguins-9")
    assert ran.status == 1
    assert (
        ran.log == "There is neither a job nor an endpoint penguins-9 in eu-west-1.\n"
    )


def test_an_endpoint_that_serves_has_its_own_lines_and_nothing_to_repair(
    owner: Owner, aws: Aws
) -> None:
    aws.log("/aws/sagemaker/TrainingJobs", "penguins-1/algo-1", "of a job")
    aws.log("/aws/sagemaker/Endpoints/penguins", "main/i-1", "of the endpoint")
    answer = {"shape": True, "EndpointStatus": "InService", "FailureReason": None}
    ran = owner.deploy("logs.py", "penguins", DescribeEndpoint=[answer])
    assert ran.status == 0, ran.log
    assert ran.log.startswith("The Endpoint penguins is InService.\n")
    assert ran.log.endswith(" of the endpoint\n")
    assert "of a job" not in ran.log
