"""How an endpoint changes to another configuration, and back."""

import sys
from typing import Any

import boto3
from sagemaker.core.resources import Tag

from common import script
from hosting import waiting

BEFORE = "served-before"  # a tag of the endpoint: the configuration to go back to


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
    waiting.wait(endpoint)
    if endpoint.endpoint_config_name != config:
        print(f"{old} serves again, as the update failed: {endpoint.failure_reason}")
        waiting.stop(name)


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
