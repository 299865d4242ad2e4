"""What a worker takes in: so many requests, whose bodies have bounded memory.

A request has its reservation from its headers to its answer. When all are given, the
next request is refused at once, because it would only wait for its own time-out (X-19).
Small bodies are kept in memory and large ones on disk (H-23, H-47).
"""

import asyncio
import gzip
import io
import tempfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, Self

from starlette.types import Receive

from runtime.errors import BadInput, CallerLeft, Overloaded, PayloadTooLarge

IN_MEMORY = 16 * 2**20  # bytes of one body; a longer one is written to disk
SMALL_FILE, CHUNK = 2**20, 2**16  # bytes of an inflated body: in memory; read at once


class Admission:
    """The requests that one worker has taken in."""

    def __init__(self, most_requests: int, most_memory: float) -> None:
        """Bound the requests, and the bytes of their bodies that are in memory."""
        self.most_requests, self.most_memory = most_requests, most_memory
        self.held = 0  # bytes of bodies in memory
        self.tasks: set[asyncio.Task[Any]] = set()
        self.closed = False  # the worker is about to be replaced

    def reserve(self, seconds: float) -> "Reservation":
        """Take the running task in, for the time of its `with` and so many seconds.

        Raises: Overloaded at once, or where the worker is replaced; TimeoutError.
        """
        if self.closed or len(self.tasks) >= self.most_requests:
            message = f"{len(self.tasks)} requests wait here already: try again"
            raise Overloaded(message)
        return Reservation(self, seconds)

    def close(self) -> None:
        """Answer all that wait with 503, and take no more."""
        self.closed = True
        for task in self.tasks:
            task.cancel()


class Reservation:
    """The place of one request, and what its body holds of the worker's memory.

    It has the deadline too: `asyncio.timeout` costs a tenth of a small request.
    """

    def __init__(self, admission: Admission, seconds: float) -> None:
        self._admission, self._seconds = admission, seconds
        self._held = 0
        self._is_late = False

    def __enter__(self) -> Self:
        """Take the running task in."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- a request is one
        self._task = task
        self._admission.tasks.add(task)
        self._timer = task.get_loop().call_later(self._seconds, self._end)
        return self

    def _end(self) -> None:
        self._is_late = True
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give place and memory back. Raises: TimeoutError, Overloaded."""
        self._timer.cancel()
        self._admission.tasks.discard(self._task)
        self._admission.held -= self._held
        if kind is not asyncio.CancelledError:
            return
        if self._is_late:
            self._task.uncancel()
            raise TimeoutError from exc
        if self._admission.closed:
            self._task.uncancel()
            message = "this worker is being replaced: try again"
            raise Overloaded(message) from None

    def hold(self, size: int) -> None:
        """Take some more bytes of memory, or give them back. Raises: Overloaded."""
        if self._admission.held + size > self._admission.most_memory:
            message = (
                "the bodies of other requests fill this worker's memory: try again"
            )
            raise Overloaded(message)
        self._held += size
        self._admission.held += size


async def read_body(
    receive: Receive, length: int, limit: float, hold: Callable[[int], None]
) -> IO[bytes]:
    """Collect a body, also one without a length; `limit` is in bytes.

    `hold` is told how many bytes are in memory, more or (below 0) fewer than before.
    Returns: a seekable file. Raises: Overloaded; CallerLeft; PayloadTooLarge, at once
    where the length says so.
    """
    if length > limit:
        raise _too_large(limit)
    held: list[bytes] = []
    size, file, more = 0, None, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerLeft
        more = message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        if file is None and size <= IN_MEMORY:
            hold(len(chunk))
            held.append(chunk)
        else:
            file = _written(file, [*held, chunk])
            hold(-sum(map(len, held)))
            held.clear()
    if file is None:
        return io.BytesIO(b"".join(held))
    try:
        file.flush()  # what has not been written yet may not fit
    except OSError as exc:
        raise _no_room(exc) from exc
    return file


def inflated(body: IO[bytes], limit: float) -> IO[bytes]:
    """Undo gzip, into a file that is small in memory and else on disk.

    `limit` is in bytes, of what was packed. Raises: BadInput where it is no gzip,
    PayloadTooLarge, Overloaded.
    """
    body.seek(0)
    with ExitStack() as failing:
        file = failing.enter_context(tempfile.SpooledTemporaryFile(SMALL_FILE))
        try:
            with gzip.open(body) as packed:
                while chunk := packed.read(CHUNK):
                    if file.tell() + len(chunk) > limit:
                        raise _too_large(limit)
                    file.write(chunk)
        except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
            message = f"the body is not gzip, as its Content-Encoding says: {exc}"
            raise BadInput(message) from exc
        except OSError as exc:
            raise _no_room(exc) from exc
        failing.pop_all()  # it is the caller's to close now
    return file


def _written(file: IO[bytes] | None, chunks: list[bytes]) -> IO[bytes]:
    """Add chunks to a file without a name."""
    try:
        file = file or tempfile.TemporaryFile()  # noqa: SIM115 -- the answer closes it
        file.writelines(chunks)
    except OSError as exc:
        raise _no_room(exc) from exc
    return file


def _no_room(exc: OSError) -> Overloaded:
    return Overloaded(f"no room for a body of this size: {exc.strerror}")


def _too_large(limit: float) -> PayloadTooLarge:
    message = f"the body is over {limit / 2**20:g} MB, SAGEMAKER_MAX_PAYLOAD_IN_MB"
    return PayloadTooLarge(message)
