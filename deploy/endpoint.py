"""Serves a model: makes the endpoint, or updates the one that is there.

The model is that of the last training job, in the image that is tagged latest. What
serves goes on until the new one does; an update that answers 5xx is undone.
"""

from argparse import ArgumentParser
from pathlib import Path

import settings
from helpers import endpoints, local, registry, rows, script

import predict

options = ArgumentParser(description=__doc__)
kinds = options.add_mutually_exclusive_group()
for kind in ("serverless", "async"):
    kinds.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind)
models = options.add_mutually_exclusive_group()
models.add_argument("--job", default="", help="whose model is served; else the last")
models.add_argument("--approved", action="store_true", help="the registry's last such")
models.add_argument("--rollback", action="store_true", help="what was served before")
models.add_argument("--local", action="store_true", help="here, without an account")


def main() -> None:
    given = options.parse_args()
    if given.local:
        local.serve(Path(rows.PAYLOAD))
        return
    kind = given.kind or ""
    name = f"{settings.PROJECT}-{kind}".rstrip("-")
    endpoint = endpoints.usable(name)
    if given.rollback:
        config = endpoints.before(endpoint)
    else:
        environment = endpoints.ENVIRONMENT.get(kind, {})
        model = registry.model(given.job, approved=given.approved, **environment)
        config = endpoints.config_of(kind, model)
    if endpoint is None:
        endpoint = endpoints.make(name, config)
    elif endpoint.endpoint_config_name != config:
        guarded = kind != "serverless" and not given.rollback
        endpoints.change(endpoint, config, guarded=guarded)
    print(f"The endpoint {name} serves {config}.")
    predict.send(endpoint)
    print("Next: python deploy/register.py; to stop paying: python deploy/clean.py")


if __name__ == "__main__":
    script.run(main)
