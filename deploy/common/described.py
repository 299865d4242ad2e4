"""What `train --describe` has written to tuning.json: ranges, and metrics to aim at."""

import json
import sys
from typing import Any

from sagemaker.core.parameter import (
    CategoricalParameter,
    ContinuousParameter,
    IntegerParameter,
)
from sagemaker.core.training.configs import MetricDefinition

import settings
from common import data

FILE = data.ROOT / "tuning.json"
NUMBERS = {
    "IntegerParameterRanges": IntegerParameter,
    "ContinuousParameterRanges": ContinuousParameter,
}


def metrics() -> list[dict[str, str]]:
    """Give the definitions of all metrics, of which the objective must be one."""
    found: list[dict[str, str]] = read()["MetricDefinitions"]
    names = [metric["Name"] for metric in found]
    if settings.OBJECTIVE[1] not in names:
        choices = f"OBJECTIVE in settings.py can be one of {', '.join(names)}."
        sys.exit(f"The model prints no {settings.OBJECTIVE[1]}: {choices}")
    return found


def definitions() -> list[MetricDefinition]:
    """Give the metrics that SageMaker shows of a job; none without a description."""
    found = read()["MetricDefinitions"] if FILE.exists() else []
    return [MetricDefinition(name=one["Name"], regex=one["Regex"]) for one in found]


def ranges(but: dict[str, str]) -> dict[str, Any]:
    """Give the range of each hyperparameter but some, as the SDK takes it."""
    found: dict[str, Any] = {}
    of_kind = read()["ParameterRanges"]
    for kind, parameter in NUMBERS.items():
        for one in of_kind[kind]:
            ends = one["MinValue"], one["MaxValue"]
            found[one["Name"]] = parameter(*ends, scaling_type=one["ScalingType"])
    for one in of_kind["CategoricalParameterRanges"]:
        found[one["Name"]] = CategoricalParameter(one["Values"])
    return {name: found[name] for name in found if name not in but}


def read() -> dict[str, Any]:
    """Read the file, which has to be there."""
    if not FILE.exists():
        command = (
            f"docker run --rm {settings.LOCAL_IMAGE} train --describe > {FILE.name}"
        )
        sys.exit(f"There is no {FILE}. Make it, in its folder: {command}")
    return dict(json.loads(FILE.read_text()))
