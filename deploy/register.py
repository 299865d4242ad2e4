"""Register the model of the last training job, with its metrics, as a new version.

    python deploy/register.py [--approve]

A version is the model, the image that was pushed last, and the metrics that the job has
measured. It waits for approval, which --approve gives: at once, or when run again.
"""

import argparse

import account
import registry
import script
import trained
from metrics import metrics

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--approve", action="store_true", help="it may be deployed")


def main() -> None:
    """Register, if that was not done, and approve, if that is asked for."""
    options = parser.parse_args()
    archive = trained.last_job()["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": account.image(), "ModelDataUrl": archive}
    version = registry.newest()
    if version is None or registry.container(version) != container:
        version = registry.register(container, metrics(archive))
    if options.approve and version.model_approval_status != "Approved":
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
