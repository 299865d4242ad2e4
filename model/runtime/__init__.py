"""SageMaker's container contract, which `train` and `predictor.py` need not know."""

import contextlib
import os
import signal
import time
from pathlib import Path

__version__ = "0.1.0"
PROGRAM = Path(__file__).parents[1]  # the folder of train, serve and predictor.py
STARTED = time.monotonic()  # of this process, as `runtime` is imported first


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
