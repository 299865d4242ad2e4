"""Serve the newest model: make an endpoint of it, or update the endpoint that is there.

    python deploy/endpoint.py [--serverless | --async] [--approved | --rollback]

The newest model is the last training job's, in the image that was pushed last. With
--approved it is the version that was approved last in the registry, and with --rollback
what the endpoint served before. What serves goes on until the new one does.
"""

import argparse

import hosting
import predict
import script
import settings
import update
import variants

parser = argparse.ArgumentParser()
kinds = parser.add_mutually_exclusive_group()
kinds.add_argument(
    "--serverless", action="store_const", dest="kind", const="serverless"
)
kinds.add_argument("--async", action="store_const", dest="kind", const="async")
models = parser.add_mutually_exclusive_group()
models.add_argument("--approved", action="store_true")
models.add_argument("--rollback", action="store_true")


def main() -> None:
    """Bring the endpoint to the configuration that is asked for, and ask it."""
    options = parser.parse_args()
    kind = options.kind or ""
    name = f"{settings.PROJECT}-{kind}".rstrip("-")
    endpoint = hosting.usable(name)
    if options.rollback:
        config = update.before(endpoint)
    else:
        config = variants.config(kind, approved=options.approved)
    if endpoint is None:
        endpoint = hosting.make(name, config)
    elif endpoint.endpoint_config_name != config:
        guarded = kind != "serverless" and not options.rollback
        update.change(endpoint, config, guarded=guarded)
    print(f"The endpoint {name} serves {config}.")
    predict.send(endpoint)
    print("Next: python deploy/register.py; to stop paying: python deploy/clean.py")


if __name__ == "__main__":
    script.run(main)
