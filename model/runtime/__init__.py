"""SageMaker's container contract, and all that `train` and `predictor.py` import of it.

What `__all__` lists is the public surface, which stays as it is from release to release.
Everything else in this folder may move. Each name is imported at its first use: a
server needs neither pandas nor scikit-learn where ONNX answers, a job no HTTP.
"""

import contextlib
import importlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.data.target import split_target
    from runtime.errors import BadInput, ClientError, Problem
    from runtime.models.artifact import load
    from runtime.tabular.rows import Rows
    from runtime.training.job import Job, run

__all__ = [
    "BadInput",
    "ClientError",
    "Job",
    "Problem",
    "Rows",
    "load",
    "run",
    "split_target",
]
__version__ = "0.1.0"
PROGRAM = Path(__file__).parents[1]  # the folder of train, serve and predictor.py
STARTED = time.monotonic()  # of this process, as `runtime` is imported first
_HOMES = {
    "BadInput": "runtime.errors",
    "ClientError": "runtime.errors",
    "Job": "runtime.training.job",
    "Problem": "runtime.errors",
    "Rows": "runtime.tabular.rows",
    "load": "runtime.models.artifact",
    "run": "runtime.training.job",
    "split_target": "runtime.data.target",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home. Raises: AttributeError."""
    if name not in _HOMES:
        message = f"runtime has no {name!r}: there are {', '.join(__all__)}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_HOMES[name]), name)


def _stop(*_: object) -> None:
    """Leave at once; a training job has a folder for the reason (T-40, T-43)."""
    with contextlib.suppress(OSError):
        reason = "Stopped before a model was saved"
        Path("/opt/ml/output/failure").write_text(reason)
    os._exit(1)


# Process 1 has no default action for SIGTERM: while a program still imports what it
# needs, a stop would be lost. `job.run` and gunicorn have handlers of their own.
if os.getpid() == 1:
    signal.signal(signal.SIGTERM, _stop)
