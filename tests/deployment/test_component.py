"""deploy/component.py: an inference component, scaled down to no instance.

moto has no components: their calls, and those that scale them, are checked against
AWS's description of them.
"""

from typing import Any

import pytest

from deployment.aws import ROLE, Aws, Owner, Ran

NAME = "penguins-component"
DONE = {"shape": True, "InferenceComponentStatus": "InService"}
TRACKING = {"shape": True, "PolicyARN": "arn:aws:autoscaling:eu-west-1:1:tracking"}
STEP = {"shape": True, "PolicyARN": "arn:aws:autoscaling:eu-west-1:1:step"}
NEVER = {"error": ["ValidationException", "Could not find it", 400]}
ENDPOINT = {"shape": True, "EndpointName": NAME, "AsyncInferenceConfig": None}


@pytest.fixture(autouse=True)
def model(aws: Aws) -> str:
    """Give the address of a model that a job has left."""
    return aws.train()


def deploy(owner: Owner, **answers: list[Any]) -> Ran:
    """Run component.py; moto makes no configuration without a model either."""
    made = {"CreateEndpointConfig": [DONE], "CreateEndpoint": [DONE]}
    made |= {"RegisterScalableTarget": [DONE], "PutScalingPolicy": [TRACKING, STEP]}
    found = {"DescribeEndpoint": [NEVER, ENDPOINT]}
    return owner.deploy(
        "component.py", **(made | found | answers), InvokeEndpoint=[DONE]
    )


def test_a_component_is_made_and_scales_to_zero_and_back(
    owner: Owner, aws: Aws
) -> None:
    ran = deploy(
        owner,
        DescribeInferenceComponent=[NEVER, DONE],
        CreateInferenceComponent=[DONE],
    )
    assert ran.status == 0, ran.log
    (config,) = ran.parameters("CreateEndpointConfig")
    (variant,) = config["ProductionVariants"]
    assert config["ExecutionRoleArn"] == ROLE
    assert "ModelName" not in variant
    assert variant["ManagedInstanceScaling"]["MinInstanceCount"] == 0
    (component,) = ran.parameters("CreateInferenceComponent")
    (made,) = ran.parameters("CreateModel")
    assert made["PrimaryContainer"]["Environment"] == {"MODEL_SERVER_WORKERS": "1"}
    assert component["Specification"] == {
        "ModelName": made["ModelName"],
        "ComputeResourceRequirements": {
            "NumberOfCpuCoresRequired": 1,
            "MinMemoryRequiredInMb": 2048,
        },
    }
    assert component["RuntimeConfig"] == {"CopyCount": 1}
    (asked,) = ran.parameters("InvokeEndpoint")
    assert asked["InferenceComponentName"] == NAME
    (target,) = ran.parameters("RegisterScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 2)
    assert target["ResourceId"] == f"inference-component/{NAME}"
    kinds = [policy["PolicyType"] for policy in ran.parameters("PutScalingPolicy")]
    assert kinds == ["TargetTrackingScaling", "StepScaling"]
    (alarm,) = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["AlarmActions"] == [STEP["PolicyARN"]]
    assert alarm["MetricName"] == "NoCapacityInvocationFailures"


def test_a_new_image_updates_the_component_and_not_its_endpoint(owner: Owner) -> None:
    first = deploy(
        owner, CreateInferenceComponent=[DONE], DescribeInferenceComponent=[NEVER, DONE]
    )
    (config,) = first.parameters("CreateEndpointConfig")
    there = {**ENDPOINT, "EndpointConfigName": config["EndpointConfigName"]}
    old = {**DONE, "Specification": {"ModelName": "penguins-old"}}
    ran = deploy(
        owner,
        DescribeEndpoint=[there],
        DescribeInferenceComponent=[old],
        UpdateInferenceComponent=[DONE],
    )
    assert ran.status == 0, ran.log
    (update,) = ran.parameters("UpdateInferenceComponent")
    assert update["Specification"]["ModelName"] != "penguins-old"
    assert not {c.operation for c in ran.calls} & {"CreateEndpoint", "UpdateEndpoint"}
