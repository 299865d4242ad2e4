"""What a training job has measured, in the form that the model registry shows."""

import io
import tarfile
from typing import Any
from urllib.parse import urlsplit

import boto3


def metrics(archive: str) -> dict[str, Any]:
    """Copy evaluation.json, which output.tar.gz has beside model.tar.gz, into S3."""
    s3, place = boto3.client("s3"), urlsplit(archive)
    folder = place.path[1:].rpartition("/")[0]
    try:
        packed = s3.get_object(Bucket=place.netloc, Key=f"{folder}/output.tar.gz")
    except s3.exceptions.NoSuchKey:
        return nothing()
    with tarfile.open(fileobj=io.BytesIO(packed["Body"].read())) as tar:
        found = [file for file in tar if file.name.endswith("evaluation.json")]
        text = tar.extractfile(found[0]) if found else None
        if text is None:
            return nothing()
        key = f"{folder}/evaluation.json"
        s3.put_object(Bucket=place.netloc, Key=key, Body=text.read())
    source = {"ContentType": "application/json", "S3Uri": f"s3://{place.netloc}/{key}"}
    return {"ModelMetrics": {"ModelQuality": {"Statistics": source}}}


def nothing() -> dict[str, Any]:
    """Say that a version has no metrics: the job did not call `job.evaluate`."""
    print("The job has measured nothing (job.evaluate): the version has no metrics.")
    return {}
