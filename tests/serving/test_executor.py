import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from runtime.observability.logs import request_id
from runtime.serving.executor import Executor, Threads


def run(test: Callable[[Executor], Awaitable[Any]], limit: float = 60) -> Any:
    """Run a test in an event loop."""

    async def main() -> Any:
        return await asyncio.wait_for(test(Executor(1, limit)), 20)

    return asyncio.run(main())


async def hold(
    executor: Executor, gate: threading.Event, log: list[str], name: str
) -> str:
    """Run a call that says its name and waits for the gate."""

    def call() -> str:
        log.append(name)
        gate.wait()
        return name

    return await executor.run(call)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 -- a thread sets it
        await asyncio.sleep(0.001)


def test_calls_run_one_at_a_time_in_the_order_of_their_coming() -> None:
    running, log = [0], list[tuple[int, int]]()

    def call(number: int) -> int:
        running[0] += 1
        log.append((number, running[0]))
        running[0] -= 1
        return number

    async def test(executor: Executor) -> list[int]:
        return await asyncio.gather(
            *(executor.run(partial(call, n)) for n in range(50))
        )

    assert run(test) == list(range(50))
    assert log == [(number, 1) for number in range(50)]


def test_what_a_call_raises_reaches_its_own_caller_alone() -> None:
    async def test(executor: Executor) -> list[Any]:
        calls = [
            executor.run(lambda: 1),
            executor.run(lambda: 1 / 0),
            executor.run(lambda: 3),
        ]
        return await asyncio.gather(*calls, return_exceptions=True)

    one, error, three = run(test)
    assert (one, three) == (1, 3)
    assert isinstance(error, ZeroDivisionError)


def test_executors_that_share_a_thread_take_turns() -> None:
    """H-64: one with many calls holds up no other, and its calls keep their order."""
    gate, log = threading.Event(), list[str]()

    async def main() -> None:
        threads = Threads(1, 1)
        busy, quiet = Executor(threads, 60), Executor(threads, 60)
        calls = [asyncio.create_task(hold(busy, gate, log, f"b{n}")) for n in range(5)]
        await until(lambda: log == ["b0"])
        calls += [asyncio.create_task(hold(quiet, gate, log, "q"))]
        await asyncio.sleep(0)  # it asks
        gate.set()
        await asyncio.wait_for(asyncio.gather(*calls), 20)

    asyncio.run(main())
    assert log == ["b0", "q", "b1", "b2", "b3", "b4"]


def test_calls_of_one_model_never_overlap_though_there_are_threads() -> None:
    """No owner has to think of locks, also where a caller has left."""
    gate, log = threading.Event(), list[str]()

    async def main() -> None:
        executor = Executor(Threads(4, 1), 60)
        calls = [asyncio.create_task(hold(executor, gate, log, n)) for n in "abc"]
        await until(lambda: log == ["a"])
        calls[0].cancel()
        other = Executor(Threads(1, 1), 60)
        assert await other.run(lambda: log) == ["a"]
        gate.set()
        await asyncio.wait_for(asyncio.gather(*calls[1:]), 20)

    asyncio.run(main())
    assert log == ["a", "b", "c"]


def test_a_call_that_nobody_waits_for_any_more_never_begins() -> None:
    """X-19: requests pile up after the client has timed out."""
    gate, log = threading.Event(), list[str]()

    async def test(executor: Executor) -> None:
        first, second = (
            asyncio.create_task(hold(executor, gate, log, n)) for n in "ab"
        )
        await until(lambda: log == ["a"])
        second.cancel()
        await asyncio.wait([second])
        third = asyncio.create_task(hold(executor, gate, log, "c"))
        gate.set()
        assert (await first, await third) == ("a", "c")

    run(test)
    assert log == ["a", "c"]


def test_it_counts_the_calls_that_have_not_ended_also_those_nobody_waits_for() -> None:
    gate, log = threading.Event(), list[str]()

    async def test(executor: Executor) -> list[int]:
        found = [executor.calls]
        held = [asyncio.create_task(hold(executor, gate, log, name)) for name in "ab"]
        await until(lambda: log == ["a"])
        held[0].cancel()
        await asyncio.wait(held[:1])
        found.append(executor.calls)
        gate.set()
        await held[1]
        return [*found, executor.calls]

    assert run(test) == [0, 2, 0]


def test_a_call_runs_in_the_context_of_who_asked_for_it() -> None:
    """The owner's log lines carry the id of the request."""

    async def test(executor: Executor) -> str:
        request_id.set("abc")
        return await executor.run(request_id.get)

    assert run(test) == "abc"


def test_stuck_is_a_call_that_runs_too_long_and_not_one_that_waited_long() -> None:
    gate, log = threading.Event(), list[str]()

    async def test(executor: Executor) -> None:
        held = asyncio.create_task(hold(executor, gate, log, "a"))
        await until(lambda: executor.stuck)
        gate.set()
        await held
        assert not executor.stuck

    run(test, limit=0.05)
