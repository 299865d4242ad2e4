"""Scale an inference component with its requests, down to no copy and up again."""

import boto3

MAX_COPIES = 2


def copies(component: str) -> dict[str, str]:
    """Name what is scaled, as Application Auto Scaling does."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"inference-component/{component}",
        "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
    }


def to_zero(component: str) -> None:
    """Let copies follow requests. Safe to repeat: what is there is replaced."""
    scaling, what = boto3.client("application-autoscaling"), copies(component)
    scaling.register_scalable_target(**what, MinCapacity=0, MaxCapacity=MAX_COPIES)
    metric = "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
    scaling.put_scaling_policy(
        **what,
        PolicyName=f"{component}-requests",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            "TargetValue": 5.0,  # requests at once, of each copy
            "ScaleInCooldown": 300,
            "ScaleOutCooldown": 60,
        },
    )
    # No copy, no requests a copy: the first one is started by this step and its alarm.
    step = scaling.put_scaling_policy(
        **what,
        PolicyName=f"{component}-first",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Maximum",
            "Cooldown": 60,
            "StepAdjustments": [
                {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}
            ],
        },
    )
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{component}-first",
        AlarmActions=[step["PolicyARN"]],
        Namespace="AWS/SageMaker",
        MetricName="NoCapacityInvocationFailures",
        Dimensions=[{"Name": "InferenceComponentName", "Value": component}],
        Statistic="Maximum",
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        Threshold=1,
        Period=30,
        EvaluationPeriods=1,
        TreatMissingData="missing",
    )
    print(f"{component} has no copy while nobody asks, and {MAX_COPIES} at most.")


def stop(component: str) -> None:
    """Scale no more; the policies go with the target."""
    scaling = boto3.client("application-autoscaling")
    try:
        scaling.deregister_scalable_target(**copies(component))
    except scaling.exceptions.ObjectNotFoundException:
        return  # component.py was stopped before it came to that
