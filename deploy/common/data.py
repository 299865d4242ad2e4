"""What a job learns from: the channels and hyperparameters of local-test, or others."""

import hashlib
import json
import sys
from pathlib import Path

import boto3
from sagemaker.core.training.configs import InputData

import settings
from common import account, s3

ROOT = Path(__file__).resolve().parents[2]
INPUT = ROOT / "local-test/test-dir/input"


def hyperparameters(pairs: list[str]) -> dict[str, str]:
    """Give those of local-test, with NAME=VALUE on top."""
    file = INPUT / "config/hyperparameters.json"
    theirs: dict[str, str] = json.loads(file.read_text())
    return theirs | split(pairs)


def split(pairs: list[str]) -> dict[str, str]:
    """Take NAME=VALUE apart."""
    for pair in pairs:
        if "=" not in pair:
            sys.exit(f"{pair!r} is no hyperparameter: give NAME=VALUE.")
    return dict(pair.split("=", 1) for pair in pairs)


def folders() -> dict[str, list[Path]]:
    """Give the files of each channel of local-test, without hidden ones."""
    found: dict[str, list[Path]] = {}
    for file in sorted((INPUT / "data").rglob("*")):
        if file.is_file() and not file.name.startswith("."):
            found.setdefault(file.relative_to(INPUT / "data").parts[0], []).append(file)
    if "training" not in found:
        cure = "Put it there: local-test/use-data.sh FILE --target COLUMN"
        sys.exit(f"There is no data in {INPUT / 'data/training'}. {cure}")
    return found


def in_s3(address: str | None) -> dict[str, str]:
    """Give the address of each channel; without one, local-test's are uploaded."""
    if address is None:
        return {name: upload(name, files) for name, files in folders().items()}
    if not s3.listed(address):
        sys.exit(f"There is nothing in {address}. Give --data s3://BUCKET/FOLDER/.")
    return {"training": address}


def upload(channel: str, files: list[Path]) -> str:
    """Upload a channel; the same files lie there once. Returns: the address."""
    content = hashlib.sha256()
    for file in files:
        content.update(f"{file.relative_to(INPUT)}\n".encode() + file.read_bytes())
    bucket, folder = account.bucket(), INPUT / "data" / channel
    key = f"{settings.PROJECT}/data/{content.hexdigest()[:12]}/{channel}/"
    if len(s3.listed(f"s3://{bucket}/{key}")) < len(files):
        for file in files:
            name = key + file.relative_to(folder).as_posix()
            boto3.client("s3").upload_file(str(file), bucket, name)
        print(f"The channel {channel} has been uploaded to s3://{bucket}/{key}.")
    return f"s3://{bucket}/{key}"


def contents(channels: dict[str, str]) -> dict[str, list[str]]:
    """Tell the content of each channel from another content."""
    return {name: sorted(s3.listed(a).values()) for name, a in channels.items()}


def inputs(channels: dict[str, str]) -> list[InputData]:
    """Give the channels as the SDK takes them."""
    return [InputData(channel_name=c, data_source=a) for c, a in channels.items()]
