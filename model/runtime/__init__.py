"""SageMaker's container contract, and all that `train` and `predictor.py` import of it.

What `__all__` lists is the public surface, which docs/reference.md describes and which
stays as it is from release to release. Everything else in this folder may move. Each
name is imported at its first use: a server needs neither pandas nor scikit-learn where
ONNX answers, a job no HTTP.
"""

import importlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.data.target import infer_task, split_target
    from runtime.errors import BadInput, ClientError, Problem
    from runtime.models.engine import load
    from runtime.tabular.rows import Rows
    from runtime.training.job import Job
    from runtime.training.runner import run

__all__ = [
    "BadInput",
    "ClientError",
    "Job",
    "Problem",
    "Rows",
    "infer_task",
    "load",
    "run",
    "split_target",
]
__version__ = "1.0.0.dev0"  # the one place: .ci/release.sh writes it
PROGRAM = Path(__file__).parents[1]  # the folder of train, serve and predictor.py
STARTED = time.monotonic()  # of this process, as `runtime` is imported first
_HOMES = {
    "BadInput": "runtime.errors",
    "ClientError": "runtime.errors",
    "Job": "runtime.training.job",
    "Problem": "runtime.errors",
    "Rows": "runtime.tabular.rows",
    "infer_task": "runtime.data.target",
    "load": "runtime.models.engine",
    "run": "runtime.training.runner",
    "split_target": "runtime.data.target",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home. Raises: AttributeError."""
    if name not in _HOMES:
        message = f"runtime has no {name!r}: there are {', '.join(__all__)}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_HOMES[name]), name)
