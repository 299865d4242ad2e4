"""What of this project exists in SageMaker: it has the project's name, and its tag."""

from collections.abc import Iterator
from typing import Any

from botocore import xform_name
from sagemaker.core import resources as kinds

import settings

RUNNING = {"status_equals": "InProgress"}
JOBS = (kinds.HyperParameterTuningJob, kinds.TrainingJob, kinds.TransformJob)
COSTLY: list[tuple[Any, dict[str, str]]] = [
    (kinds.InferenceComponent, {}),
    (kinds.Endpoint, {}),
]
COSTLY += [(kind, RUNNING) for kind in JOBS]
FREE: list[tuple[Any, dict[str, str]]] = [
    (kind, {}) for kind in (kinds.EndpointConfig, kinds.Model, kinds.ModelPackageGroup)
]


def existing(*, everything: bool) -> Iterator[Any]:
    """List what costs money, or everything, in the order in which it can be deleted."""
    for kind, filters in COSTLY + (FREE if everything else []):
        for found in kind.get_all(name_contains=settings.PROJECT, **filters):
            arn = getattr(found, f"{xform_name(kind.__name__)}_arn")
            tags = {tag.key: tag.value for tag in kinds.Tag.get_all(resource_arn=arn)}
            if tags.get("project") == settings.PROJECT:
                yield found
