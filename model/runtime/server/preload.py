"""Whether a model that is loaded before the fork is safe in the workers (X-09).

A fork copies memory, not threads: a native library whose threads are gone waits for
them for ever. So libraries come first, and threads are counted before and after a load.
"""

import contextlib
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from runtime.errors import ThreadsLeft
from runtime.models import engine
from runtime.models.owner import Predictor, wants_frame

_TASKS = Path("/proc/self/task")


def import_first(kind: type[Predictor], model_dir: Path, preferred: str) -> None:
    """Import the libraries of a model that start threads as they are imported.

    So `unthreaded` does not count these, which no fork needs.
    """
    fast = not engine.hindrance(model_dir, None, preferred)
    if fast:
        import_module("onnxruntime")
    if wants_frame(kind) or not fast:
        import_module("pandas")


def import_all(kind: type[Predictor], preferred: str) -> None:
    """Import what any model may need, so that no load waits for it."""
    if preferred == engine.ONNX and find_spec("onnxruntime"):
        import_module("onnxruntime")
    if getattr(kind, "frame", True):
        import_module("pandas")
    import_module("joblib")


@contextlib.contextmanager
def unthreaded() -> Iterator[None]:
    """Refuse a block of code that leaves threads behind. Raises: ThreadsLeft."""
    before = _thread_count()
    yield
    for _ in range(20):  # the kernel lists a thread for a moment after its end
        left = _thread_count() - before
        if left <= 0:
            return
        time.sleep(0.01)
    message = f"loading the model left {left} threads behind"
    raise ThreadsLeft(message)


def _thread_count() -> int:
    return len(list(_TASKS.iterdir())) if _TASKS.exists() else 0
