"""deploy/endpoint.py: made once, updated with a net, rolled back; four ways to fail."""

import time

import pytest

from deployment.aws import BUCKET, Aws, Owner, Ran

NONE = {"shape": True}
NEVER = {"error": ["ValidationException", "Could not find it", 400]}


@pytest.fixture(autouse=True)
def model(aws: Aws) -> str:
    """Give the address of a model that a job has left."""
    return aws.train()


def made(ran: Ran) -> list[str]:
    """List the calls of a script that change something in SageMaker."""
    starts = ("Create", "Update", "Delete", "AddTags")
    return [c.operation for c in ran.calls if c.operation.startswith(starts)]


def test_an_endpoint_is_made_once_of_the_model_and_the_images_digest(
    owner: Owner, aws: Aws, model: str
) -> None:
    digest = aws.push("2")
    ran = owner.deploy("endpoint.py")
    assert ran.status == 0, ran.log
    assert ran.hosts == []
    (container,) = (c["PrimaryContainer"] for c in ran.parameters("CreateModel"))
    assert container["Image"].endswith(f"/penguins@{digest}")
    assert container["ModelDataUrl"] == model
    assert made(ran) == ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"]
    assert ran.log.endswith(
        "Next: python deploy/register.py; to stop paying: python deploy/clean.py\n"
    )
    again = owner.deploy("endpoint.py")
    assert again.status == 0, again.log
    assert made(again) == ["CreateEndpointConfig"]  # refused: it is there
    assert "The endpoint penguins serves penguins-" in again.log


def test_an_update_is_undone_by_an_alarm_and_by_hand(owner: Owner, aws: Aws) -> None:
    owner.deploy("endpoint.py")
    sagemaker = aws.client("sagemaker")
    old = sagemaker.describe_endpoint(EndpointName="penguins")["EndpointConfigName"]
    aws.push("2")
    ran = owner.deploy("endpoint.py", UpdateEndpoint=[NONE])
    assert ran.status == 1  # moto does not know updates: so the old one serves on
    assert f"{old} serves again, as the update failed" in ran.log
    (update,) = ran.parameters("UpdateEndpoint")
    new, careful = update["EndpointConfigName"], update["DeploymentConfig"]
    (alarm,) = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert careful["AutoRollbackConfiguration"]["Alarms"] == [
        {"AlarmName": alarm["AlarmName"]}
    ]
    assert alarm["MetricName"] == "Invocation5XXErrors"
    assert new != old
    # From here on AWS has done it.
    serves = [{"EndpointConfigName": new}]
    again = owner.deploy("endpoint.py", DescribeEndpoint=serves)
    assert again.status == 0, again.log
    assert again.parameters("UpdateEndpoint") == []
    answers = [*serves, {"EndpointConfigName": old}]
    back = owner.deploy(
        "endpoint.py", "--rollback", UpdateEndpoint=[NONE], DescribeEndpoint=answers
    )
    assert back.status == 0, back.log
    (update,) = back.parameters("UpdateEndpoint")
    assert update == {"EndpointName": "penguins", "EndpointConfigName": old}


def test_an_endpoint_that_has_failed_says_why_and_is_made_again(
    owner: Owner, aws: Aws
) -> None:
    logs, group = aws.client("logs"), "/aws/sagemaker/Endpoints/penguins"
    stream = {"logGroupName": group, "logStreamName": "main/i-1"}
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(**stream)
    line = {"timestamp": int(time.time() * 1000), "message": "ModelError: no model"}
    logs.put_log_events(**stream, logEvents=[line])
    failed = {
        "EndpointStatus": "Failed",
        "FailureReason": "The container did not answer",
    }
    ran = owner.deploy("endpoint.py", DescribeEndpoint=[NEVER, failed])
    assert ran.status == 1
    assert "penguins has failed: The container did not answer\n" in ran.log
    assert ran.log.endswith(
        "ModelError: no model\nRepair what is named above, and run this again.\n"
    )
    there: dict[str, str] = {}
    again = owner.deploy("endpoint.py", DescribeEndpoint=[failed, NEVER, there])
    assert again.status == 0, again.log
    assert made(again) == ["DeleteEndpoint", "CreateEndpointConfig", "CreateEndpoint"]


def test_a_serverless_endpoint_has_memory_and_one_worker(owner: Owner) -> None:
    ran = owner.deploy("endpoint.py", "--serverless")
    assert ran.status == 0, ran.log
    (variant,) = ran.parameters("CreateEndpointConfig")[0]["ProductionVariants"]
    memory = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    assert variant == {
        "VariantName": "main",
        "ModelName": variant["ModelName"],
        "ServerlessConfig": memory,
    }
    (model,) = ran.parameters("CreateModel")
    assert model["PrimaryContainer"]["Environment"] == {"MODEL_SERVER_WORKERS": "1"}
    (endpoint,) = ran.parameters("CreateEndpoint")
    assert endpoint["EndpointName"] == "penguins-serverless"


def test_an_asynchronous_endpoint_answers_through_s3(owner: Owner, aws: Aws) -> None:
    there = {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://any/any"}}}
    folder = "penguins/async"
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"{folder}/failures/1", Body=b"late")
    places = {
        "OutputLocation": f"s3://{BUCKET}/{folder}/answers/1",
        "FailureLocation": f"s3://{BUCKET}/{folder}/failures/1",
    }
    ran = owner.deploy(
        "endpoint.py",
        "--async",
        DescribeEndpoint=[NEVER, there],
        InvokeEndpointAsync=[{"shape": True, **places}],
    )
    assert ran.status == 0, ran.log
    (config,) = ran.parameters("CreateEndpointConfig")
    assert config["AsyncInferenceConfig"]["OutputConfig"] == {
        "S3OutputPath": f"s3://{BUCKET}/{folder}/answers/",
        "S3FailurePath": f"s3://{BUCKET}/{folder}/failures/",
    }
    (asked,) = ran.parameters("InvokeEndpointAsync")
    assert asked["InputLocation"] == f"s3://{BUCKET}/{folder}/rows/payload.csv"
    assert "\nlate\n" in ran.log


def test_what_the_container_refuses_is_shown_with_its_log(owner: Owner) -> None:
    error = ["ModelError", "Received client error (400) from main: row 1", 400]
    ran = owner.deploy("endpoint.py", InvokeEndpoint=[{"error": error}])
    assert ran.status == 1
    assert "Received client error (400) from main: row 1" in ran.log
    assert "The end of its log, /aws/sagemaker/Endpoints/penguins:\n(empty)" in ran.log


def test_without_an_update_there_is_nothing_to_go_back_to(owner: Owner) -> None:
    ran = owner.deploy("endpoint.py", "--rollback")
    assert ran.status == 1
    assert ran.log == "There is nothing to go back to: no update has been made.\n"
