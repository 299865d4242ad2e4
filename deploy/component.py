"""Serve the newest model as an inference component, on instances that may all go away.

    python deploy/component.py [--approved]

While nobody asks, no copy of it runs, and then no instance: nothing is paid. The next
request fails, and starts a copy, which takes some minutes.
"""

import argparse

from sagemaker.core.resources import InferenceComponent

import account
import hosting
import predict
import registry
import scaling
import script
import settings
import waiting

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--approved", action="store_true", help="approved in the registry")
NAME = f"{settings.PROJECT}-component"  # of the endpoint, and of the component in it
SCALED = {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 2}
MACHINE = {"InstanceType": settings.SERVING_INSTANCE, "InitialInstanceCount": 1}
VARIANT = {"VariantName": "main", **MACHINE, "ManagedInstanceScaling": SCALED}
# Of each copy, in MB. An update needs room for a new copy beside the old one.
NEEDS = {"number_of_cpu_cores_required": 1, "min_memory_required_in_mb": 2048}
WORKERS = {"MODEL_SERVER_WORKERS": "1"}  # one a core: it may see those of all copies


def main() -> None:
    """Make the endpoint and the component, or give it the newest model; and ask it."""
    model = registry.model(approved=parser.parse_args().approved, **WORKERS)
    what = {"model_name": model, "compute_resource_requirements": NEEDS}
    # The role comes with a model elsewhere; here the configuration has to name it.
    config = hosting.config(VARIANT, ExecutionRoleArn=account.role())
    endpoint = hosting.usable(NAME) or hosting.make(NAME, config)
    component = hosting.find(InferenceComponent, NAME)
    if component is None:
        component = InferenceComponent.create(
            inference_component_name=NAME,
            endpoint_name=NAME,
            variant_name="main",
            specification=what,
            runtime_config={"copy_count": 1},
            tags=hosting.TAGS,
        )
    elif component.specification.model_name != model:
        component.update(specification=what)
    waiting.wait(component, "InferenceComponent")
    scaling.to_zero(NAME)
    predict.send(endpoint, inference_component_name=NAME)
    print("Next: to stop paying, python deploy/clean.py")


if __name__ == "__main__":
    script.run(main)
