"""Serve the newest model as an inference component, on instances that can all go away.

    python deploy/component.py [--approved]

While nobody asks, scaling.py takes the last copy away, and then SageMaker the instance:
then nothing is paid. The first request after that fails, and starts a copy anew.
"""

import argparse

from sagemaker.core.resources import Endpoint, EndpointConfig, InferenceComponent

import account
import hosting
import predict
import registry
import scaling
import script
import settings

# Of one copy. Two have room on an ml.m5.large (2 CPUs, 8 GB, of which not all is free):
# an update starts the new copy beside the old one.
NEEDS = {"number_of_cpu_cores_required": 1, "min_memory_required_in_mb": 2048}
WORKERS = {"MODEL_SERVER_WORKERS": "1"}  # the container sees all CPUs of the instance
VARIANT = {
    "variant_name": "main",  # without a model: the component has it
    "instance_type": settings.SERVING_INSTANCE,
    "initial_instance_count": 1,
    "managed_instance_scaling": {
        "status": "ENABLED",
        "min_instance_count": 0,
        "max_instance_count": 2,
    },
}


def endpoint(name: str) -> Endpoint:
    """Give the endpoint, which is made where it is not there."""
    found = hosting.find(Endpoint, endpoint_name=name)
    if found is None:
        role = account.role()  # of the configuration, as no model in it names one
        config = script.name_of(VARIANT, role)
        if hosting.find(EndpointConfig, endpoint_config_name=config) is None:
            EndpointConfig.create(
                endpoint_config_name=config,
                execution_role_arn=role,
                production_variants=[VARIANT],
                tags=hosting.TAGS,
            )
        print(f"Making the endpoint {name}.")
        found = Endpoint.create(
            endpoint_name=name, endpoint_config_name=config, tags=hosting.TAGS
        )
    hosting.wait(found)
    return found


def component(name: str, model: str) -> InferenceComponent: ...


def main() -> None: ...


if __name__ == "__main__":
    script.run(main)
