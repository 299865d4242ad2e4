"""What an endpoint can run on, and what its container is told there."""

from typing import Any

import settings
from common import account
from hosting import endpoints, registry

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


def config(kind: str, job: str, *, approved: bool) -> str:
    """Make the configuration of the newest model. Returns: its name."""
    model = registry.model(job, approved=approved, **ENVIRONMENT.get(kind, {}))
    variant = {"VariantName": "main", "ModelName": model, **MACHINES[kind]}
    more = {}
    if kind == "async":
        folder = f"s3://{account.bucket()}/{settings.PROJECT}/async"
        places = {
            "S3OutputPath": f"{folder}/answers/",
            "S3FailurePath": f"{folder}/failures/",
        }
        more = {"AsyncInferenceConfig": {"OutputConfig": places}}
    return endpoints.config(variant, **more)
