"""Registers a model with its metrics as a new version, and approves it.

A version is the model of the last training job, the image that is tagged latest, and
the metrics that the job has measured. It waits for --approve, now or when run again.
"""

from argparse import ArgumentParser

from helpers import account, jobs, registry, script

options = ArgumentParser(description=__doc__)
options.add_argument("--job", default="", help="whose model it is; else the last")
options.add_argument("--approve", action="store_true", help="it may be deployed")


def main() -> None:
    given = options.parse_args()
    archive = jobs.trained(given.job)["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": account.image(), "ModelDataUrl": archive}
    version = registry.newest()
    if version is None or registry.container(version) != container:
        version = registry.register(container)
    if given.approve and version.model_approval_status != "Approved":
        version.update(model_approval_status="Approved")
    status, number = version.model_approval_status, version.model_package_version
    print(f"Version {number} in the registry is of {archive}")
    print(f"and {container['Image']}. Its status is {status}.")
    if status == "Approved":
        print("Next: python deploy/endpoint.py --approved")
    else:
        print("Next, if it may be deployed: python deploy/register.py --approve")


if __name__ == "__main__":
    script.run(main)
