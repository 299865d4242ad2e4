"""Why a job failed: whose fault it is, in which line, and what to do about it.

Whatever happens, the exit status and `output/failure` tell the truth (T-39, T-40), and
the model folder is empty then (T-42).
"""

import errno
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterable
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import runtime
from runtime.errors import ClientError, Error, HostLost
from runtime.training.environment import Environment, empty

LINGER = 10  # seconds that a failed job has for what its packages do at the end
_SHOWN = 1024  # characters of a reason that SageMaker shows (T-40)
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_LIBRARY = re.compile(
    r"(lib[\w+-]+(?:\.[\w+-]+)*\.so[.\d]*): cannot open shared object"
)


class Tee:
    """A stream whose text goes to another one at once; `last` is the end of it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.last = ""

    def write(self, text: str) -> int:
        """Write text, as it is."""
        self.last = (self.last + text)[-_SHOWN // 2 :]
        return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines, as they are."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Give all else, such as `fileno`, as the other stream has it."""
        return getattr(self._stream, name)


def fail(environment: Environment, exc: BaseException, said: str = "") -> int:
    """Empty the model folder, and tell the reason; `said` is the end of stderr.

    Returns: the exit status.
    """
    leave_no_model(environment, reason(exc, said))
    return 130 if isinstance(exc, KeyboardInterrupt) else 1


def leave_no_model(environment: Environment, reason: str) -> None:
    """Empty the model folder, log, and as the last act write the reason (T-40).

    A host that does not lead leaves it alone: it may be the leader's too (R-04).
    """
    try:
        if _leads(environment):
            empty(environment.model_dir)
    finally:
        print(reason, file=sys.stderr, flush=True)
        if not environment.failure_file.exists():  # the owner's own reason wins (T-41)
            environment.failure_file.write_text(reason, errors="backslashreplace")


def _leads(environment: Environment) -> bool:
    """Say whether the model folder is this host's to empty."""
    with suppress(Exception):  # a job whose configuration is wrong is ending for that
        return environment.leader
    return True


def leave_within(seconds: float, status: int) -> None:
    """End this process, if what packages do at its end takes longer.

    Without psutil, joblib waits for ever for the workers of a pool that has lost one.
    """
    last = threading.Timer(seconds, os._exit, (status,))
    last.daemon = True
    last.start()


def reason(exc: BaseException, said: str = "") -> str:
    """Say what happened in 1024 characters that make sense alone, then the traceback.

    A status alone says nothing: `said`, the end of stderr, goes with it, as argparse
    and scripts have written the reason there.

    The first word says whose turn it is: `ClientError:` the data's or the
    hyperparameters', `PlatformError:` the machine's, `AlgorithmError:` the code's.
    """
    if isinstance(exc, KeyboardInterrupt):
        return "Interrupted before the job had ended"
    if cure := _cure(exc):
        return f"PlatformError: {_short(exc)}{cure}\n\n{_trace(exc)}"
    if isinstance(exc, HostLost):  # which may have the reason of the leader
        return str(exc)
    if isinstance(exc, Error):
        turn = "ClientError" if isinstance(exc, ClientError) else "AlgorithmError"
        return f"{turn}: {exc}"
    if isinstance(exc, SystemExit):
        return f"AlgorithmError: train ended with {_exit(exc, said)}"
    where = f"{_place(exc)}{_absent(exc)}"
    return f"AlgorithmError: {_short(exc)}{where}\n\n{_trace(exc)}"


def _exit(exc: SystemExit, said: str) -> str:
    if isinstance(exc.code, str):
        return exc.code
    lines = [line for line in said.splitlines() if line.strip()]
    if not lines:
        return f"sys.exit({exc.code})"
    last = lines[-1].strip()
    return "\n".join([f"sys.exit({exc.code}); stderr ends with: {last}\n", *lines])


def _cure(exc: BaseException) -> str:
    """Say what to ask for where the machine failed, however its fault was wrapped."""
    causes = _causes(exc)
    numbers = [cause.errno for cause in causes if isinstance(cause, OSError)]
    if any(number in _DISK for number in numbers):
        return "\nThe disk is full or broken: give the job a larger VolumeSizeInGB"
    no_memory = any(isinstance(c, MemoryError | BrokenProcessPool) for c in causes)
    if no_memory or errno.ENOMEM in numbers:
        return "\nThe memory was not enough: use a larger instance, or fewer processes"
    return ""


def _causes(exc: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while exc is not None and exc not in causes:  # `raise exc from exc` is a circle
        causes.append(exc)
        exc = exc.__cause__
    return causes


def _short(exc: BaseException) -> str:
    """Give type and text of an exception, and room for what comes after it."""
    text = f"{type(exc).__name__}: {exc}".rstrip(": ")
    room = _SHOWN - 300
    return text if len(text) <= room else f"{text[:room]} …"


def _place(exc: BaseException) -> str:
    """Name the line of the owner's code that was at work."""
    frames = traceback.extract_tb(exc.__traceback__)
    if isinstance(exc, SyntaxError) and exc.filename:  # no frame: it never ran
        line = exc.text or ""
        frames.append(traceback.FrameSummary(exc.filename, exc.lineno, "", line=line))
    for frame in reversed(frames):
        file = Path(frame.filename)
        if file.parent == runtime.PROGRAM:
            return f"\nin {file.name}, line {frame.lineno}: {frame.line}"
    return ""


def _absent(exc: BaseException) -> str:
    """Say how a package or a system library comes into the image that lacks it."""
    if isinstance(exc, ModuleNotFoundError) and exc.name:
        package = exc.name.partition(".")[0]
        return (
            f"\n{package} is not in the image: add its package, "
            "local-test/add-package.sh; "
            f"a file of your own, {package}.py, lies beside train"
        )
    library = isinstance(exc, ImportError | OSError) and _LIBRARY.search(str(exc))
    if not library:
        return ""
    return (
        f"\n{library[1]} is not in the image: add the Debian package that has it, "
        f"perhaps {_debian(library[1])}, to packages.txt"
    )


def _debian(library: str) -> str:
    """Name a library's package as Debian does: libgomp.so.1 -> libgomp1."""
    name, _, version = library.partition(".so")
    joint = "-" if name[-1].isdigit() and version else ""
    return f"{name}{joint}{version.removeprefix('.').partition('.')[0]}".lower()


def _trace(exc: BaseException) -> str:
    return "".join(traceback.format_exception(exc))
