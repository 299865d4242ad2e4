"""The data of a job, a folder for each channel: those of local-test, or in S3."""

import hashlib
import sys
from pathlib import Path
from urllib.parse import urlsplit

import boto3

import account
import settings

ROOT = Path(__file__).resolve().parents[1]
INPUT = ROOT / "local-test/test-dir/input"
HYPERPARAMETERS = INPUT / "config/hyperparameters.json"


def folders() -> dict[str, Path]:
    """Give the folder of each channel in local-test."""
    found = {f.name: f for f in sorted((INPUT / "data").iterdir()) if files(f)}
    if "training" not in found:
        cure = "Put it there: local-test/use-data.sh FILE --target COLUMN"
        sys.exit(f"There is no data in {INPUT / 'data/training'}. {cure}")
    return found


def files(folder: Path) -> list[Path]:
    """List the files of a channel, without hidden ones."""
    found = folder.rglob("*") if folder.is_dir() else []
    return sorted(f for f in found if f.is_file() and not f.name.startswith("."))


def upload() -> dict[str, str]:
    """Give the address of each channel of local-test; the same data lie there once."""
    s3, bucket, channels = boto3.client("s3"), account.bucket(), {}
    for channel, folder in folders().items():
        content = hashlib.sha256()
        for file in files(folder):
            content.update(f"{file.relative_to(folder)}\n".encode() + file.read_bytes())
        prefix = f"{settings.PROJECT}/data/{content.hexdigest()[:12]}/{channel}/"
        channels[channel] = f"s3://{bucket}/{prefix}"
        if len(listed(channels[channel])) < len(files(folder)):
            for file in files(folder):
                s3.upload_file(
                    str(file), bucket, prefix + str(file.relative_to(folder))
                )
            print(f"The channel {channel} has been uploaded to {channels[channel]}")
    return channels


def given(address: str) -> dict[str, str]:
    """Give an address in S3 as the channel `training`, if something lies there."""
    if not listed(address):
        sys.exit(f"There is nothing in {address}. Give --data s3://BUCKET/FOLDER/.")
    return {"training": address}


def contents(channels: dict[str, str]) -> dict[str, list[str]]:
    """Give the ETags of what lies in each channel: other data, other ETags."""
    return {channel: listed(address) for channel, address in channels.items()}


def listed(address: str) -> list[str]:
    """List the ETags of the first thousand files at an address in S3."""
    place, s3 = urlsplit(address), boto3.client("s3")
    found = s3.list_objects_v2(Bucket=place.netloc, Prefix=place.path[1:])
    return [file["ETag"] for file in found.get("Contents", [])]
