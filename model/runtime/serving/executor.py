"""Where a worker predicts: one thread, with a clock on it.

Invocations of one model never overlap, so that no owner has to think of locks. A call
that runs longer than any request may is stuck for good: no thread can be stopped from
outside, so the worker has to be replaced.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")


class Executor:
    """One thread, started by the worker that owns it, and asked from its event loop."""

    def __init__(self, threads: int, limit: float) -> None:
        """Start the thread, with so many threads of native code below it.

        A call that takes over `limit` seconds is stuck.
        """
        self.limit = limit
        self.calls = 0  # that have not ended, also where nobody waits for them any more
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._began: float | None = None  # of the call that runs now
        Thread(target=self._work, args=(threads,), name="executor", daemon=True).start()

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
        self._queue.put(work)
        return await done

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

    def _work(self, threads: int) -> None:
        with threadpool_limits(threads):
            while True:
                self._queue.get()()
