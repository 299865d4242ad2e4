"""What a stop leaves of a job: a whole model, or none and a sentence (T-43).

SageMaker stops a job with SIGTERM, and kills it 120 seconds later. A thread of its own
hears that while the main thread works, and `JobState` is what both of them look at.
"""

import functools
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from runtime.training import failure, validation
from runtime.training.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from runtime.training.job import Job

GRACE = 60  # seconds that a train which asks for `stopping` has, of SageMaker's 120
STOPPED = "Stopped before a model was saved"


class JobState:
    """How far a job has come: saving, saved, ended; stopping at any time."""

    def __init__(self, base_dir: Path) -> None:
        self.environment = Environment(base_dir)
        self.job: Job[Any] | None = None  # from the hyperparameters on
        self.saving = threading.Lock()  # held while files of the job change
        self.saved = threading.Event()
        self.partial = False  # the model was saved because of a stop
        self.stopping = threading.Event()
        self.asked = False  # whether `train` looks at `stopping`
        self.ending = threading.RLock()  # one thread ends the job, and never lets go
        self.status: int | None = None  # of the process, once that is known
        self.validator: validation.FreshProcess | None = None  # from `begin` on
        # Of several hosts: what tells the others how the leader has ended, and whether
        # this one ends as the leader does.
        self.tell_hosts: Callable[[], None] = lambda: None
        self.follows = False
        self.seconds: dict[str, float] = {}  # by step, in the order of their ends
        # Rows of X: of which the end of the job asks for predictions, and what the
        # model's own are; that the model of the newest checkpoint was fitted on; on
        # which ONNX has to answer the same.
        self.held_out: pd.DataFrame | None = None
        self.answers: list[Any] | None = None
        self.checkpointed: pd.DataFrame | None = None
        self.sample: pd.DataFrame | None = None

    @contextmanager
    def step(self, name: str) -> "Iterator[None]":
        """Count the seconds of a block."""
        start = time.monotonic()
        try:
            yield
        finally:
            spent = self.seconds.get(name, 0) + time.monotonic() - start
            self.seconds[name] = spent


def watch(state: JobState) -> None:
    """Act on SIGTERM in a thread of its own (T-43).

    A Python handler waits until the main thread leaves native code, which can take as
    long as a fit; the byte that the interpreter writes for a signal does not wait.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGTERM, _noted)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    os.register_at_fork(  # a child shares handler and pipe until it is told
        before=functools.partial(_mask, signal.SIG_BLOCK),
        after_in_parent=functools.partial(_mask, signal.SIG_UNBLOCK),
        after_in_child=_as_born,
    )
    _mask(signal.SIG_UNBLOCK)  # which __main__ has blocked

    def listen() -> None:
        while os.read(reader, 1) != bytes([signal.SIGTERM]):
            pass
        state.stopping.set()
        if signal.getsignal(signal.SIGTERM) is _noted:  # else the owner's code acts
            _stop(state)

    threading.Thread(target=listen, name="stop", daemon=True).start()


def _noted(*_: object) -> None:
    """Let the interpreter write its byte."""


def _as_born() -> None:
    """Let SIGTERM end a forked child, as `Pool` means it, and not stop the job."""
    signal.set_wakeup_fd(-1)
    if signal.getsignal(signal.SIGTERM) is _noted:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _mask(signal.SIG_UNBLOCK)


def _mask(how: int) -> None:
    signal.pthread_sigmask(how, {signal.SIGTERM})


def _stop(state: JobState) -> None:
    """End the job, unless a model was saved or the owner's code is about to save one.

    What is left then is the model of the newest checkpoint, or nothing. A host that
    follows another works on, so that the leader can save what it has.
    """
    if state.follows:
        return
    if state.asked:
        state.saved.wait(GRACE)
    with state.saving:  # a save that has begun is let finish
        if state.saved.is_set():
            return
        state.ending.acquire()
        status = 1
        try:
            status = _promote(state)
        except BaseException as exc:  # noqa: BLE001 -- the outermost line of this thread
            failure.fail(state.environment, exc)
        finally:
            _leave(state, status)


def _promote(state: JobState) -> int:
    job, checkpoint = state.job, None
    if job is not None and job.leader:
        checkpoint = job.checkpoints.promote(job.model_dir)
    if checkpoint is None:
        failure.leave_no_model(state.environment, STOPPED)
        return 1
    model_dir, rows = state.environment.model_dir, state.checkpointed
    validation.validate(model_dir, rows, process=state.validator)
    print(f"stopped: the model is that of the checkpoint {checkpoint}")
    return 0


def _leave(state: JobState, status: int) -> NoReturn:
    try:
        state.tell_hosts()
        sys.stdout.flush()
        for child in multiprocessing.active_children():
            child.terminate()  # joblib's workers would finish what they are at
    finally:
        os._exit(status)
