"""Serves a model as an inference component, on instances that may all go away.

While nobody asks, no copy of it runs, and then no instance: nothing is paid. The next
request fails, and starts a copy, which takes some minutes.
"""

from argparse import ArgumentParser

import settings
from helpers import account, endpoints, registry, scaling, script

from sagemaker.core.resources import InferenceComponent

import predict

options = ArgumentParser(description=__doc__)
options.add_argument("--job", default="", help="whose model is served; else the last")
options.add_argument("--approved", action="store_true", help="the registry's last such")
NAME = f"{settings.PROJECT}-component"  # of the endpoint, and of the component in it
SCALED = {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 2}
MACHINE = {"InstanceType": settings.SERVING_INSTANCE, "InitialInstanceCount": 1}
VARIANT = {"VariantName": "main", **MACHINE, "ManagedInstanceScaling": SCALED}
# Of each copy, in MB. An update needs room for a new copy beside the old one.
NEEDS = {"number_of_cpu_cores_required": 1, "min_memory_required_in_mb": 2048}
WORKERS = {"MODEL_SERVER_WORKERS": "1"}  # one a core: it may see those of all copies


def main() -> None:
    given = options.parse_args()
    model = registry.model(given.job, approved=given.approved, **WORKERS)
    what = {"model_name": model, "compute_resource_requirements": NEEDS}
    # The role comes with a model elsewhere; here the configuration has to name it.
    config = endpoints.config(VARIANT, ExecutionRoleArn=account.role())
    endpoint = endpoints.usable(NAME)
    if endpoint is None:
        endpoint = endpoints.make(NAME, config)
    elif endpoint.endpoint_config_name != config:
        endpoints.change(endpoint, config, guarded=False)
    component = endpoints.find(InferenceComponent, NAME)
    if component is None:
        component = InferenceComponent.create(
            inference_component_name=NAME,
            endpoint_name=NAME,
            variant_name="main",
            specification=what,
            runtime_config={"copy_count": 1},
            tags=script.SDK_TAGS,
        )
    elif component.specification.model_name != model:
        component.update(specification=what)
    endpoints.wait(component, "InferenceComponent")
    scaling.to_zero(NAME)
    predict.send(endpoint, inference_component_name=NAME)
    print("Next: to stop paying, python deploy/clean.py")


if __name__ == "__main__":
    script.run(main)
