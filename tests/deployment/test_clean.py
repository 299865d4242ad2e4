"""deploy/clean.py: what exists, what it costs, and that only the project's goes."""

import json

from deployment.aws import REGION, ROLE, Aws, Owner

NONE = {"shape": True, "InferenceComponents": []}
PRICE = {
    "product": {"attributes": {"component": "Hosting"}},
    "terms": {
        "OnDemand": {
            "1": {"priceDimensions": {"1": {"pricePerUnit": {"USD": "0.115"}}}}
        }
    },
}
LISTED = {"shape": True, "PriceList": [json.dumps(PRICE)], "NextToken": ""}
SUMMARY = {
    "InferenceComponentName": "penguins-component",
    "InferenceComponentArn": f"arn:aws:sagemaker:{REGION}:123456789012:"
    "inference-component/penguins-component",
    "EndpointName": "penguins-component",
    "EndpointArn": f"arn:aws:sagemaker:{REGION}:123456789012:endpoint/any",
    "VariantName": "main",
}
JOB = {"TrainingJobName": "penguins-00000001-20261129000000"}
GONE = {"error": ["ValidationException", "Could not find it", 400]}


def names(aws: Aws) -> list[str]:
    """List the endpoints of the account."""
    listed = aws.client("sagemaker").list_endpoints()["Endpoints"]
    return sorted(endpoint["EndpointName"] for endpoint in listed)


def make_theirs(aws: Aws) -> None:
    """Make an endpoint of somebody else, with a name like ours."""
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName="penguins-theirs", ExecutionRoleArn=ROLE)
    variant = {
        "VariantName": "main",
        "ModelName": "penguins-theirs",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName="penguins-theirs", ProductionVariants=[variant]
    )
    sagemaker.create_endpoint(
        EndpointName="penguins-theirs", EndpointConfigName="penguins-theirs"
    )


def test_only_what_is_ours_is_listed_priced_and_after_a_yes_deleted(
    owner: Owner, aws: Aws
) -> None:
    aws.train()
    owner.deploy("endpoint.py")
    make_theirs(aws)
    refused = owner.deploy(
        "clean.py", typed="n\n", GetProducts=[LISTED], ListInferenceComponents=[NONE]
    )
    assert refused.status == 1
    assert (
        "endpoint penguins: 1 x ml.m5.large, 0.115 USD an hour; since " in refused.log
    )
    assert "Together 0.115 USD an hour" in refused.log
    assert "theirs" not in refused.log
    assert refused.log.endswith("Nothing has been deleted.\n")
    assert names(aws) == ["penguins", "penguins-theirs"]

    refusal = {"error": ["AccessDeniedException", "no right to read prices", 400]}
    ran = owner.deploy(
        "clean.py", typed="y\n", GetProducts=[refusal], ListInferenceComponents=[NONE]
    )
    assert ran.status == 0, ran.log
    assert "endpoint penguins: 1 x ml.m5.large, price not known; since " in ran.log
    assert names(aws) == ["penguins-theirs"]
    assert ran.parameters("DeleteModel") == []  # that costs nothing

    again = owner.deploy("clean.py", ListInferenceComponents=[NONE])
    assert again.status == 0, again.log
    assert (
        "Nothing of penguins is in eu-west-1. --all lists what costs nothing, too."
        in again.log
    )


def test_all_deletes_what_is_free_too_and_asks_nothing_with_yes(
    owner: Owner, aws: Aws
) -> None:
    aws.train()
    owner.deploy("register.py", "--approve")
    owner.deploy("endpoint.py")
    done = {"shape": True}
    ran = owner.deploy(
        "clean.py",
        "--all",
        "--yes",
        ListInferenceComponents=[NONE],
        GetProducts=[LISTED],
        DeleteModelPackage=[done],
        DeleteModelPackageGroup=[done],
    )
    assert ran.status == 0, ran.log
    sagemaker = aws.client("sagemaker")
    assert sagemaker.list_models()["Models"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    (version,) = ran.parameters("DeleteModelPackage")
    assert version["ModelPackageName"].endswith(":model-package/penguins/1")
    assert ran.parameters("DeleteModelPackageGroup") == [
        {"ModelPackageGroupName": "penguins"}
    ]


def test_a_component_goes_with_its_scaling_and_alarm_and_a_job_is_stopped(
    owner: Owner, aws: Aws
) -> None:
    aws.train()
    alarm = {"MetricName": "any", "Namespace": "AWS/SageMaker", "Statistic": "Maximum"}
    threshold = {"Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
    for name in ("penguins-component-first", "penguins-theirs-first"):
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName=name, Period=60, EvaluationPeriods=1, **alarm, **threshold
        )
    component = {"InferenceComponentName": "penguins-component"}
    done = {"shape": True, "NextToken": ""}
    ran = owner.deploy(
        "clean.py",
        "--yes",
        ListInferenceComponents=[{**done, "InferenceComponents": [SUMMARY]}],
        DescribeInferenceComponent=[{**done, **SUMMARY}, GONE],
        ListTags=[{**done, "Tags": [{"Key": "project", "Value": "penguins"}]}],
        DeregisterScalableTarget=[{"error": ["ObjectNotFoundException", "none", 400]}],
        DeleteInferenceComponent=[done],
        ListHyperParameterTuningJobs=[{**done, "HyperParameterTuningJobSummaries": []}],
        ListTrainingJobs=[{"TrainingJobSummaries": [JOB]}],
        GetProducts=[LISTED],
        StopTrainingJob=[done],
    )
    assert ran.status == 0, ran.log
    assert f"training job {JOB['TrainingJobName']}: 1 x ml.m5.large" in ran.log
    assert ran.parameters("DeleteInferenceComponent") == [component]
    assert ran.parameters("StopTrainingJob") == [JOB]
    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert [a["AlarmName"] for a in alarms] == ["penguins-theirs-first"]
