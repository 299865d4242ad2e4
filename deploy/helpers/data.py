"""What a job learns from: channels, hyperparameters, and the ranges of a search.

Channels and hyperparameters are those of local-test, or others; the ranges and metrics
are what `train --describe` has written to tuning.json.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import settings
from helpers import account

import boto3
from sagemaker.core.parameter import (
    CategoricalParameter,
    ContinuousParameter,
    IntegerParameter,
)
from sagemaker.core.training.configs import InputData, MetricDefinition

ROOT = Path(__file__).resolve().parents[2]
INPUT = ROOT / "local-test/test-dir/input"
DESCRIBED = ROOT / "tuning.json"
NUMBERS = {
    "IntegerParameterRanges": IntegerParameter,
    "ContinuousParameterRanges": ContinuousParameter,
}


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
    if not account.listed(address):
        sys.exit(f"There is nothing in {address}. Give --data s3://BUCKET/FOLDER/.")
    return {"training": address}


def upload(channel: str, files: list[Path]) -> str:
    """Upload a channel; the same files lie there once. Returns: the address."""
    content = hashlib.sha256()
    for file in files:
        content.update(f"{file.relative_to(INPUT)}\n".encode() + file.read_bytes())
    bucket, folder = account.bucket(), INPUT / "data" / channel
    key = f"{settings.PROJECT}/data/{content.hexdigest()[:12]}/{channel}/"
    if len(account.listed(f"s3://{bucket}/{key}")) < len(files):
        for file in files:
            name = key + file.relative_to(folder).as_posix()
            boto3.client("s3").upload_file(str(file), bucket, name)
        print(f"The channel {channel} has been uploaded to s3://{bucket}/{key}.")
    return f"s3://{bucket}/{key}"


def contents(channels: dict[str, str]) -> dict[str, list[str]]:
    """Tell the content of each channel from another content."""
    return {name: sorted(account.listed(a).values()) for name, a in channels.items()}


def inputs(channels: dict[str, str]) -> list[InputData]:
    """Give the channels as the SDK takes them."""
    return [InputData(channel_name=c, data_source=a) for c, a in channels.items()]


def definitions() -> list[MetricDefinition]:
    """Give the metrics that SageMaker shows of a job; none without a description."""
    found = described()["MetricDefinitions"] if DESCRIBED.exists() else []
    return [MetricDefinition(name=one["Name"], regex=one["Regex"]) for one in found]


def metrics() -> list[dict[str, str]]:
    """Give the definitions of all metrics, of which the objective must be one."""
    found: list[dict[str, str]] = described()["MetricDefinitions"]
    names = [metric["Name"] for metric in found]
    if settings.OBJECTIVE[1] not in names:
        choices = f"OBJECTIVE in settings.py can be one of {', '.join(names)}."
        sys.exit(f"The model prints no {settings.OBJECTIVE[1]}: {choices}")
    return found


def ranges(but: dict[str, str]) -> dict[str, Any]:
    """Give the range of each hyperparameter but some, as the SDK takes it."""
    found: dict[str, Any] = {}
    of_kind = described()["ParameterRanges"]
    for kind, parameter in NUMBERS.items():
        for one in of_kind[kind]:
            ends = one["MinValue"], one["MaxValue"]
            found[one["Name"]] = parameter(*ends, scaling_type=one["ScalingType"])
    for one in of_kind["CategoricalParameterRanges"]:
        found[one["Name"]] = CategoricalParameter(one["Values"])
    return {name: found[name] for name in found if name not in but}


def described() -> dict[str, Any]:
    """Read tuning.json, which has to be there."""
    if not DESCRIBED.exists():
        command = f"docker run --rm {settings.LOCAL_IMAGE} train --describe"
        sys.exit(f"There is no {DESCRIBED}. Make it: {command} > {DESCRIBED.name}")
    return dict(json.loads(DESCRIBED.read_text()))
