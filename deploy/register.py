"""Register the model of the last training job, with its metrics, as a new version.

    python deploy/register.py [--approve]

A version is the model, the image that was pushed last, and the metrics that the job has
measured. It waits for approval, which --approve gives: at once, or when run again.
"""

import argparse
import io
import tarfile
from typing import Any
from urllib.parse import urlsplit

import boto3

import account
import registry
import script
import trained

parser = argparse.ArgumentParser()
parser.add_argument("--approve", action="store_true", help="it may be deployed")


def metrics(archive: str) -> dict[str, Any]:
    """Copy evaluation.json, which lies beside the model in output.tar.gz, into S3."""
    s3, place = boto3.client("s3"), urlsplit(archive)
    folder = place.path[1:].rpartition("/")[0]
    there = {"Bucket": place.netloc, "Key": f"{folder}/output.tar.gz"}
    packed = io.BytesIO(s3.get_object(**there)["Body"].read())
    with tarfile.open(fileobj=packed) as tar:
        found = [file for file in tar if file.name.endswith("evaluation.json")]
        text = tar.extractfile(found[0]) if found else None
        if text is None:
            print("The job has measured nothing: the version has no metrics.")
            return {}
        here = {"Bucket": place.netloc, "Key": f"{folder}/evaluation.json"}
        s3.put_object(**here, Body=text.read())
    source = {"ContentType": "application/json"}
    source["S3Uri"] = f"s3://{place.netloc}/{folder}/evaluation.json"
    return {"ModelMetrics": {"ModelQuality": {"Statistics": source}}}


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
    print(f"Version {number} of {registry.GROUP} is {container}, {status}.")
    if status == "Approved":
        print("Next: python deploy/endpoint.py --approved")
    else:
        print("Next: python deploy/register.py --approve")


if __name__ == "__main__":
    script.run(main)
