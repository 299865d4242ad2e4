"""How a training job ends: with a model that can be served, or with a reason.

Whatever happens, the exit status and `output/failure` tell the truth (T-39, T-40), and
what lies in the model folder is a whole model or nothing (T-42).
"""

import errno
import fcntl
import functools
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import runtime
from runtime.errors import ClientError, Error, ModelError
from runtime.training.environment import Environment

if TYPE_CHECKING:
    from runtime.training.job import Job

GRACE = 60  # seconds that a train which asks for `stopping` has, of SageMaker's 120
SKEW = 20  # seconds that the hosts of a job may start apart in local mode
LINGER = 10  # seconds that a failed job has for what its packages do at the end
STOPPED = "Stopped before a model was saved"
_SHOWN = 1024  # characters of a reason that SageMaker shows (T-40)
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_last = threading.RLock()  # one thread ends the job, and never lets go of this


def check(job: "Job[Any]") -> None:
    """Ask the saved folder in a fresh process for predictions, as `serve` will.

    Raises: ModelError, with the sentence that repairs it.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as rows:
        if job.held_out is not None:
            job.held_out.to_csv(rows, header=False, index=False)
            rows.flush()
        command = [
            sys.executable,
            "-m",
            "runtime.models.validate",
            "predictor:Predictor",
        ]
        command += [str(job.model_dir), rows.name]
        alone = os.environ | {"LOKY_MAX_CPU_COUNT": "1"}  # one row needs no pool
        result = subprocess.run(  # noqa: S603 -- ourselves
            command,
            cwd=runtime.PROGRAM,
            env=alone,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    if result.returncode:
        trace, _, sentence = result.stderr.rstrip().rpartition("\n")
        print(trace, file=sys.stderr)
        raise ModelError(sentence)


def fail(base_dir: Path, exc: BaseException) -> int:
    """Empty the model folder, and tell the reason. Returns: the exit status."""
    _last.acquire()
    leave_no_model(base_dir, reason(exc))
    return 130 if isinstance(exc, KeyboardInterrupt) else 1


def leave_within(seconds: float, status: int) -> None:
    """End this process, if what packages do at its end takes longer.

    Without psutil, joblib waits for ever for the workers of a pool that has lost one.
    """
    last = threading.Timer(seconds, os._exit, (status,))
    last.daemon = True
    last.start()


def leave_no_model(base_dir: Path, reason: str) -> None:
    """Empty the model folder, log, and as the last act write the reason (T-40).

    A host that does not lead leaves it alone: it may be the leader's too (R-04).
    """
    try:
        if leads(base_dir):
            empty(base_dir / "model")
    finally:
        print(reason, file=sys.stderr, flush=True)
        failure = base_dir / "output/failure"
        if not failure.exists():  # a reason that the owner's code wrote wins (T-41)
            failure.write_text(reason, errors="backslashreplace")


def empty(folder: Path) -> None:
    """Remove what lies in a folder; the folder itself may be a mount and stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def leads(base_dir: Path) -> bool:
    """Say whether the model folder is this host's to fill and to empty."""
    with suppress(Exception):  # a job whose configuration is wrong is ending for that
        return Environment(base_dir).leader
    return True


def hold(folder: Path) -> None:
    """Let the hosts that share the leader's model folder wait for its end (R-04)."""
    with suppress(OSError):  # a file system without locks
        handle = os.open(folder, os.O_RDONLY)
        for _ in range(10):  # a host that looks whether it is held, holds it meanwhile
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.05)


def wait_for_leader(folder: Path) -> None:
    """Wait until the leader's process is gone, if it holds this folder too.

    So it is in local mode, which stops all hosts as soon as one ends (R-04), and where
    the leader may start last. In SageMaker, which alone names the job, each host has a
    folder of its own: nobody holds it, and nobody is waited for.
    """
    local = "TRAINING_JOB_ARN" not in os.environ
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        end = time.monotonic() + SKEW
        while local and time.monotonic() < end and not _is_held(handle):
            time.sleep(0.1)
        fcntl.flock(handle, fcntl.LOCK_SH)


def _is_held(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False


def reason(exc: BaseException) -> str:
    """Say what happened in 1024 characters that make sense alone, then the traceback.

    The first word says whose turn it is: `ClientError:` the data's or the
    hyperparameters', `PlatformError:` the machine's, `AlgorithmError:` the code's.
    """
    if isinstance(exc, KeyboardInterrupt):
        return "Interrupted before the job had ended"
    if _is_platform(exc):
        return f"PlatformError: {_short(exc)}{_cure(exc)}\n\n{_trace(exc)}"
    if isinstance(exc, ClientError):
        return f"ClientError: {exc}"
    if isinstance(exc, Error):
        return f"AlgorithmError: {exc}"
    if isinstance(exc, SystemExit):
        said = exc.code if isinstance(exc.code, str) else f"sys.exit({exc.code})"
        return f"AlgorithmError: train ended with {said}"
    return f"AlgorithmError: {_short(exc)}{_place(exc)}\n\n{_trace(exc)}"


def _is_platform(exc: BaseException) -> bool:
    """Say whether memory or a disk was the cause, however it was wrapped."""
    return any(
        isinstance(cause, MemoryError | BrokenProcessPool)
        or (isinstance(cause, OSError) and cause.errno in (*_DISK, errno.ENOMEM))
        for cause in _causes(exc)
    )


def _causes(exc: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while exc is not None and exc not in causes:  # `raise exc from exc` is a circle
        causes.append(exc)
        exc = exc.__cause__
    return causes


def _cure(exc: BaseException) -> str:
    if any(getattr(cause, "errno", None) in _DISK for cause in _causes(exc)):
        return "\nThe disk is full or broken: give the job a larger VolumeSizeInGB"
    return "\nThe memory was not enough: use a larger instance, or fewer processes"


def _short(exc: BaseException) -> str:
    """Give type and text of an exception, and room for what comes after it."""
    text = f"{type(exc).__name__}: {exc}".rstrip(": ")
    room = _SHOWN - 300
    return text if len(text) <= room else f"{text[:room]} …"


def _place(exc: BaseException) -> str:
    """Name the line of the owner's code that was at work."""
    for frame in reversed(traceback.extract_tb(exc.__traceback__)):
        file = Path(frame.filename)
        if file.parent == runtime.PROGRAM:
            return f"\nin {file.name}, line {frame.lineno}: {frame.line}"
    return ""


def _trace(exc: BaseException) -> str:
    return "".join(traceback.format_exception(exc))


def watch_for_stop(job: "Job[Any]") -> None:
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

    def watch() -> None:
        while os.read(reader, 1) != bytes([signal.SIGTERM]):
            pass
        job.stop()
        if signal.getsignal(signal.SIGTERM) is _noted:  # else the owner's code acts
            _stop(job)

    threading.Thread(target=watch, name="stop", daemon=True).start()


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


def _stop(job: "Job[Any]") -> None:
    """End the job, unless a model was saved or the owner's code is about to save one.

    What is left then is the model of the newest checkpoint, or nothing.
    """
    if job.asks:
        job.saved.wait(GRACE)
    with job.saving:  # a save that has begun is let finish
        if job.saved.is_set():
            return
        _last.acquire()
        status = 1
        try:
            status = _promote(job)
        except BaseException as exc:  # noqa: BLE001 -- the outermost line of this thread
            fail(job.base_dir, exc)
        finally:
            _leave(status)


def _promote(job: "Job[Any]") -> int:
    checkpoint = job.checkpoints.promote(job.model_dir) if job.leader else None
    if checkpoint is None:
        leave_no_model(job.base_dir, STOPPED)
        return 1
    job.held_out = job.checkpointed
    check(job)
    print(f"stopped: the model is that of the checkpoint {checkpoint}")
    return 0


def _leave(status: int) -> NoReturn:
    try:
        sys.stdout.flush()
        for child in multiprocessing.active_children():
            child.terminate()  # joblib's workers would finish what they are at
    finally:
        os._exit(status)
