"""Where a worker predicts: one thread, a bounded crowd before it, a clock on it.

Predictions of one model never overlap (no owner has to think of locks). A request has
its place from its first byte to its answer; when all places are taken, the next one is
refused at once (X-19). A call that runs longer than any request may is stuck for good:
no thread can be stopped from outside, so the worker has to be replaced.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from runtime.errors import Overloaded

T = TypeVar("T")


class Executor:
    """One thread, started by the worker that owns it."""

    def __init__(self, threads: int, places: int, memory: float, limit: float) -> None:
        """Start the thread, with so many threads of native code below it.

        `places` counts requests, `memory` the bytes of their bodies; `limit` is in
        seconds.
        """
        self.places, self.memory, self.limit = places, memory, limit
        self.lost = False  # the worker is about to be replaced
        self.held = 0  # bytes of bodies
        self._requests: set[asyncio.Task[Any]] = set()
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._waiting = 0  # tasks for which a call has not ended
        self._began: float | None = None  # of the call that runs now
        Thread(target=self._work, args=(threads,), name="lane", daemon=True).start()

    @property
    def requests(self) -> int:
        """How many requests have a place."""
        return len(self._requests)

    @property
    def idle(self) -> bool:
        """Say whether a call would begin at once."""
        return not self._waiting and self._began is None

    @property
    def stuck(self) -> bool:
        """Say whether a call runs for longer than a request may wait."""
        began = self._began
        return began is not None and time.monotonic() - began > self.limit

    @contextlib.contextmanager
    def place(self) -> Iterator["Reservation"]:
        """Give the running task a place. Raises: Overloaded."""
        if self.lost or len(self._requests) >= self.places:
            message = f"{len(self._requests)} requests wait here already: try again"
            raise Overloaded(message)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- a request is one
        place = Reservation(self)
        self._requests.add(task)
        try:
            yield place
        except asyncio.CancelledError:
            if not self.lost:
                raise
            message = "this worker is being replaced: try again"
            raise Overloaded(message) from None
        finally:
            self._requests.discard(task)
            self.held -= place.held

    async def run(self, call: Callable[[], T]) -> T:
        """Run a call in the lane; one whose task has been cancelled never begins."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._waiting += 1

        def work() -> None:
            if done.cancelled():
                return
            self._began = time.monotonic()
            try:
                settle = _settled(done, call())
            except BaseException as exc:  # noqa: BLE001 -- it is the caller's
                settle = _failed(done, exc)
            self._began = None
            with contextlib.suppress(RuntimeError):  # the worker has ended meanwhile
                loop.call_soon_threadsafe(settle)

        self._calls.put(work)
        try:
            return await done
        finally:
            self._waiting -= 1

    def give_up(self) -> None:
        """Answer all that wait 503, and take no more."""
        self.lost = True
        for task in self._requests:
            task.cancel()

    def _work(self, threads: int) -> None:
        with threadpool_limits(threads):
            while True:
                self._calls.get()()


class Reservation:
    """What one request holds of a worker's memory."""

    def __init__(self, lane: Executor) -> None:
        self._lane = lane
        self.held = 0

    def hold(self, size: int) -> None:
        """Take some more bytes, or give them back. Raises: Overloaded."""
        if self._lane.held + size > self._lane.memory:
            message = (
                "the bodies of other requests fill this worker's memory: try again"
            )
            raise Overloaded(message)
        self.held += size
        self._lane.held += size


def _settled(done: "asyncio.Future[T]", result: T) -> Callable[[], None]:
    return lambda: None if done.done() else done.set_result(result)


def _failed(done: "asyncio.Future[T]", exc: BaseException) -> Callable[[], None]:
    return lambda: None if done.done() else done.set_exception(exc)
