"""How an endpoint changes to another configuration, and back."""

import sys
from typing import Any

import boto3
from sagemaker.core.resources import Endpoint, Tag

import hosting

BEFORE = "served-before"  # a tag of the endpoint: the configuration to go back to


def change(endpoint: Endpoint, config: str, *, guarded: bool) -> None:
    """Let new instances take over. Guarded, the old ones stay ready for ten minutes."""
    old, name = endpoint.endpoint_config_name, endpoint.endpoint_name
    print(f"Updating the endpoint {name} from {old} to {config}.")
    tag = {"key": BEFORE, "value": old}
    Tag.add_tags(resource_arn=endpoint.endpoint_arn, tags=[tag])
    endpoint.endpoint_config_name = config  # this is how the SDK's `update` is told
    endpoint.update(**({"deployment_config": guard(name)} if guarded else {}))
    hosting.wait(endpoint)
    if endpoint.endpoint_config_name != config:
        print(f"AWS went back to {old}: {endpoint.failure_reason}")
        sys.exit("\n".join(hosting.last_lines(name)))


def guard(name: str) -> dict[str, Any]:
    """Make an alarm for 5xx; while it is on, an update is undone."""
    alarm, watched = f"{name}-5xx", {"EndpointName": name, "VariantName": "main"}
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=alarm,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",  # a wrong row is a 400, and no error here
        Dimensions=[{"Name": key, "Value": value} for key, value in watched.items()],
        Statistic="Average",  # the share of the requests
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0.01,
        Period=60,
        EvaluationPeriods=1,
        TreatMissingData="notBreaching",
    )
    # From two instances on, CANARY lets a part of them begin: docs/deploy.md.
    traffic = {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": 0}
    return {
        "auto_rollback_configuration": {"alarms": [{"alarm_name": alarm}]},
        "blue_green_update_policy": {
            "traffic_routing_configuration": traffic,
            "termination_wait_in_seconds": 600,
        },
    }


def before(endpoint: Endpoint | None) -> str:
    """Give the configuration that an endpoint served before the last update."""
    tags = Tag.get_all(resource_arn=endpoint.endpoint_arn) if endpoint else ()
    config = {tag.key: tag.value for tag in tags}.get(BEFORE)
    if endpoint is None or config in (None, endpoint.endpoint_config_name):
        sys.exit("There is nothing to go back to: no update has been made.")
    return str(config)
