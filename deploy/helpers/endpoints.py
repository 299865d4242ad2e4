"""Endpoints: what they run on, how they are made, change, go back, and are waited for.

Configurations and updates are made by boto3: the SDK leaves zeros out, and misspells
MemorySizeInMB.
"""

import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import settings
from helpers import account, jobs, script

import boto3
from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint, Tag
from sagemaker.core.utils.exceptions import FailedStatusError

INSTANCES = {"InstanceType": settings.SERVING_INSTANCE, "InitialInstanceCount": 1}
MACHINES: dict[str, dict[str, Any]] = {
    "": INSTANCES,
    "async": INSTANCES,
    # 1024 to 6144 MB, in steps of 1024; the share of a CPU grows with it.
    "serverless": {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}},
}
ENVIRONMENT = {
    # A second worker would need as much memory again.
    "serverless": {"MODEL_SERVER_WORKERS": "1"},
    # A request may have 1 GB and take an hour: the container's own limits are lower.
    "async": {
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1024",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "3600",
    },
}
BEFORE = "served-before"  # a tag of the endpoint: the configuration to go back to
HOUR = 3600
PERIOD = 2  # seconds between two looks at where an answer will be


def find(resource: Any, name: str) -> Any:
    """Get an endpoint, a component or a group by its name, or None."""
    try:
        return resource.get(name)
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in jobs.ABSENT:
            raise
        return None


def usable(name: str) -> Any:
    """Find an endpoint, and wait until it serves. One that has failed is deleted."""
    endpoint = find(Endpoint, name)
    if endpoint is not None and endpoint.endpoint_status == "Failed":
        print(f"The endpoint {name} has failed before, and is deleted now.")
        endpoint.delete()
        endpoint = endpoint.wait_for_delete()
    if endpoint is not None and endpoint.endpoint_status != "InService":
        wait(endpoint)
    return endpoint


def config_of(kind: str, model: str) -> str:
    """Make the configuration of a model, for a kind of endpoint. Returns: its name."""
    variant = {"VariantName": "main", "ModelName": model, **MACHINES[kind]}
    if kind != "async":
        return config(variant)
    folder = f"s3://{account.bucket()}/{settings.PROJECT}/async"
    places = {
        "S3OutputPath": f"{folder}/answers/",
        "S3FailurePath": f"{folder}/failures/",
    }
    return config(variant, AsyncInferenceConfig={"OutputConfig": places})


def config(variant: dict[str, Any], **more: Any) -> str:
    """Make a configuration, if it is not there. Returns: its name."""
    name = script.name_of(variant, more)
    named = {"EndpointConfigName": name, "ProductionVariants": [variant], **more}
    try:
        boto3.client("sagemaker").create_endpoint_config(**named, Tags=script.TAGS)
    except ClientError as exc:
        if "already existing" not in str(exc):
            raise
    return name


def make(name: str, config: str) -> Any:
    """Make an endpoint, and wait until it serves."""
    print(f"Making the endpoint {name} of the configuration {config}.")
    endpoint = Endpoint.create(
        endpoint_name=name, endpoint_config_name=config, tags=script.SDK_TAGS
    )
    wait(endpoint)
    return endpoint


def change(endpoint: Any, config: str, *, guarded: bool) -> None:
    """Let new instances take over. Guarded, the old ones stay ready for ten minutes."""
    name, old = endpoint.endpoint_name, endpoint.endpoint_config_name
    print(f"Updating the endpoint {name} from {old} to {config}.")
    note = [{"key": BEFORE, "value": old}]
    Tag.add_tags(resource_arn=endpoint.endpoint_arn, tags=note)
    how = {"DeploymentConfig": guard(name)} if guarded else {}
    boto3.client("sagemaker").update_endpoint(
        EndpointName=name, EndpointConfigName=config, **how
    )
    wait(endpoint)
    if endpoint.endpoint_config_name != config:
        print(f"{old} serves again, as the update failed: {endpoint.failure_reason}")
        stop(name)


def guard(name: str) -> dict[str, Any]:
    """Have an alarm undo the update, if one request in a hundred is answered 5xx."""
    alarm, watched = f"{name}-5xx", {"EndpointName": name, "VariantName": "main"}
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",  # a wrong row is answered 400
        Dimensions=[{"Name": key, "Value": value} for key, value in watched.items()],
        Statistic="Average",
        Threshold=0.01,
        ComparisonOperator="GreaterThanThreshold",
        Period=60,
        EvaluationPeriods=1,
        TreatMissingData="notBreaching",
        Tags=script.TAGS,
    )
    # All at once is for any number of instances; from two on there is CANARY.
    traffic = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    policy = {"TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": 600}
    rollback = {"Alarms": [{"AlarmName": alarm}]}
    return {"BlueGreenUpdatePolicy": policy, "AutoRollbackConfiguration": rollback}


def before(endpoint: Any) -> str:
    """Give the configuration that an endpoint had before its last update."""
    tags = Tag.get_all(resource_arn=endpoint.endpoint_arn) if endpoint else ()
    config = {tag.key: tag.value for tag in tags}.get(BEFORE)
    if config is None or config == endpoint.endpoint_config_name:
        sys.exit("There is nothing to go back to: no update has been made.")
    return str(config)


def wait(resource: Any, kind: str = "Endpoint") -> None:
    """Wait until it is in service. Where it fails: the reason, its log, and the end."""
    name = resource.get_name()
    print(f"Waiting until {name} is in service, for some minutes.", flush=True)
    try:
        resource.wait_for_status("InService", poll=15)
    except FailedStatusError:
        print(f"{name} has failed: {resource.failure_reason}")
        stop(name, kind)


def stop(name: str, kind: str = "Endpoint") -> None:
    """Print the last lines that the containers have written, and end the script."""
    group = f"/aws/sagemaker/{kind}s/{name}"
    events = jobs.events(group, "", int((time.time() - HOUR) * 1000))
    lines = [event["message"] for event in events[-20:]]
    print(f"The end of its log, {group}:", *(lines or ["(empty)"]), sep="\n")
    sys.exit("Repair what is named above, and run this again.")


def predict_async(endpoint: Any, file: Path, **types: str) -> str:
    """Upload a file, have it predicted, and wait for the answer, or for the error."""
    s3, bucket = boto3.client("s3"), account.bucket()
    key = f"{settings.PROJECT}/async/rows/{file.name}"
    s3.upload_file(str(file), bucket, key)
    asked = endpoint.invoke_async(input_location=f"s3://{bucket}/{key}", **types)
    print(f"Its answer will be {asked.output_location}", flush=True)
    print(f"or, if it goes wrong, {asked.failure_location}", flush=True)
    for address in cycle((asked.output_location, asked.failure_location)):
        place = urlsplit(address)
        try:
            found = s3.get_object(Bucket=place.netloc, Key=place.path[1:])
            break
        except s3.exceptions.NoSuchKey:
            time.sleep(PERIOD)
    return str(found["Body"].read().decode())
