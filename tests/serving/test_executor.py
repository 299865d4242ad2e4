import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from runtime.errors import Overloaded
from runtime.serving.executor import Executor


def run(test: Callable[[Executor], Awaitable[Any]], **limits: Any) -> Any:
    """Run a test in an event loop, with a lane of two places."""

    async def main() -> Any:
        return await asyncio.wait_for(
            test(Executor(1, **{"places": 2, "memory": 100, "limit": 60} | limits)), 20
        )

    return asyncio.run(main())


async def hold(lane: Executor, gate: threading.Event, log: list[str], name: str) -> str:
    """Take a place, and run a call that says its name and waits for the gate."""

    def call() -> str:
        log.append(name)
        gate.wait()
        return name

    with lane.place():
        return await lane.run(call)


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

    async def test(lane: Executor) -> list[int]:
        return await asyncio.gather(*(lane.run(partial(call, n)) for n in range(50)))

    assert run(test) == list(range(50))
    assert log == [(number, 1) for number in range(50)]


def test_what_a_call_raises_reaches_its_own_caller_alone() -> None:
    async def test(lane: Executor) -> list[Any]:
        calls = [lane.run(lambda: 1), lane.run(lambda: 1 / 0), lane.run(lambda: 3)]
        return await asyncio.gather(*calls, return_exceptions=True)

    one, error, three = run(test)
    assert (one, three) == (1, 3)
    assert isinstance(error, ZeroDivisionError)


def test_a_call_that_nobody_waits_for_any_more_never_begins() -> None:
    """X-19: requests pile up after the client has timed out."""
    gate, log = threading.Event(), list[str]()

    async def test(lane: Executor) -> None:
        first, second = (asyncio.create_task(hold(lane, gate, log, n)) for n in "ab")
        await until(lambda: log == ["a"])
        second.cancel()
        await asyncio.wait([second])
        third = asyncio.create_task(hold(lane, gate, log, "c"))
        gate.set()
        assert (await first, await third) == ("a", "c")

    run(test)
    assert log == ["a", "c"]


def test_a_request_without_a_place_is_refused_and_a_place_comes_free() -> None:
    gate, log = threading.Event(), list[str]()

    async def test(lane: Executor) -> None:
        held = [asyncio.create_task(hold(lane, gate, log, name)) for name in "ab"]
        await until(lambda: lane.requests == 2)
        with pytest.raises(Overloaded, match="2 requests wait here already"):
            await hold(lane, gate, log, "c")
        gate.set()
        await asyncio.gather(*held)
        assert await hold(lane, gate, log, "d") == "d"
        assert lane.requests == 0

    run(test)


def test_bodies_share_a_memory_and_give_it_back() -> None:
    """X-05."""

    async def test(lane: Executor) -> None:
        with lane.place() as place:
            place.hold(60)
            with pytest.raises(Overloaded, match="memory"):
                place.hold(60)
            place.hold(40)
        with lane.place() as place:
            place.hold(100)
        assert lane.held == 0

    run(test)


def test_idle_is_a_lane_in_which_a_call_begins_at_once() -> None:
    gate, log = threading.Event(), list[str]()

    async def test(lane: Executor) -> list[bool]:
        found = [lane.idle]
        held = asyncio.create_task(hold(lane, gate, log, "a"))
        await until(lambda: log == ["a"])
        found.append(lane.idle)
        gate.set()
        await held
        return [*found, lane.idle]

    assert run(test) == [True, False, True]


def test_stuck_is_a_call_that_runs_too_long_and_not_one_that_waited_long() -> None:
    gate, log = threading.Event(), list[str]()

    async def test(lane: Executor) -> None:
        held = asyncio.create_task(hold(lane, gate, log, "a"))
        await until(lambda: lane.stuck)
        gate.set()
        await held
        assert not lane.stuck

    run(test, limit=0.05)


def test_a_lane_that_is_given_up_answers_all_that_wait_and_takes_no_more() -> None:
    gate, log = threading.Event(), list[str]()

    async def test(lane: Executor) -> None:
        held = [asyncio.create_task(hold(lane, gate, log, name)) for name in "ab"]
        await until(lambda: log == ["a"])
        lane.give_up()
        results = await asyncio.gather(*held, return_exceptions=True)
        assert [str(r) for r in results] == [
            "this worker is being replaced: try again"
        ] * 2
        assert {type(r) for r in results} == {Overloaded}
        with pytest.raises(Overloaded):
            await hold(lane, gate, log, "c")
        gate.set()

    run(test)


def test_a_task_that_is_cancelled_for_another_reason_stays_cancelled() -> None:
    gate, log = threading.Event(), list[str]()

    async def test(lane: Executor) -> None:
        held = asyncio.create_task(hold(lane, gate, log, "a"))
        await until(lambda: log == ["a"])
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        gate.set()

    run(test)
