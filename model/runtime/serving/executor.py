"""Where a worker predicts: in a thread with a clock on it, one call at a time.

Invocations of one model never overlap, so that no owner has to think of locks. Many
models share some threads and take turns: each has one call there at a time, so that one
with many requests holds up no other. A call that runs longer than any request may is
stuck for good: no thread can be stopped from outside, so the worker has to be replaced.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")


class Threads:
    """Some threads, each with so many threads of native code below it."""

    def __init__(self, count: int, native: int) -> None:
        """Start them."""
        self.turns: SimpleQueue[Callable[[], None]] = SimpleQueue()
        for _ in range(count):
            thread = Thread(
                target=self._work, args=(native,), name="executor", daemon=True
            )
            thread.start()

    def _work(self, native: int) -> None:
        with threadpool_limits(native):
            while True:
                self.turns.get()()


class Executor:
    """The calls of one model, in the order of coming; asked from the event loop."""

    def __init__(self, threads: int | Threads, limit: float) -> None:
        """Start a thread, with so many threads of native code, or use what others do.

        A call that takes over `limit` seconds is stuck.
        """
        self.limit = limit
        self.calls = 0  # that have not ended, also where nobody waits for them any more
        self._threads = Threads(1, threads) if isinstance(threads, int) else threads
        self._waiting: deque[Callable[[], None]] = deque()
        self._has_turn, self._lock = False, Lock()
        self._began: float | None = None  # of the call that runs now

    @property
    def stuck(self) -> bool:
        """Say whether a call runs for longer than a request may wait."""
        began = self._began
        return began is not None and time.monotonic() - began > self.limit

    async def run(self, call: Callable[[], T]) -> T:
        """Run a call in the thread; one whose task has been cancelled never begins."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        context = copy_context()  # with the request's id, for the owner's log lines

        def work() -> None:
            settle = partial(self._ended, done)
            if not done.cancelled():
                self._began = time.monotonic()
                try:
                    settle = partial(self._ended, done, context.run(call))
                except BaseException as exc:  # noqa: BLE001 -- it is the caller's
                    settle = partial(self._ended, done, failure=exc)
                self._began = None
            with contextlib.suppress(RuntimeError):  # the worker has ended meanwhile
                loop.call_soon_threadsafe(settle)

        self.calls += 1
        with self._lock:
            self._waiting.append(work)
            waits, self._has_turn = self._has_turn, True
        if not waits:
            self._threads.turns.put(self._take_turn)
        return await done

    def _take_turn(self) -> None:
        """Run the oldest call, and stand in line again for the next one."""
        self._waiting.popleft()()
        with self._lock:
            self._has_turn = bool(self._waiting)
            if self._has_turn:
                self._threads.turns.put(self._take_turn)

    def _ended(
        self,
        done: "asyncio.Future[T]",
        result: Any = None,
        failure: BaseException | None = None,
    ) -> None:
        self.calls -= 1
        if done.done():  # nobody waits any more
            return
        if failure is None:
            done.set_result(result)
        else:
            done.set_exception(failure)
