import asyncio
import gzip
import math
import tempfile
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import pytest

from runtime.errors import BadInput, CallerLeft, Overloaded, PayloadTooLarge
from runtime.serving.admission import Admission, inflated, read_body

MB = 2**20


def read(
    chunks: list[bytes], length: int = 0, limit: float = math.inf
) -> tuple[IO[bytes], int]:
    """Read a body. Returns: the file, and the bytes that stayed in memory."""
    held = [0]

    left = iter(chunks)

    async def receive() -> dict[str, Any]:
        body = next(left, None)
        return {
            "type": "http.request",
            "body": body or b"",
            "more_body": body is not None,
        }

    def hold(size: int) -> None:
        held[0] += size

    return asyncio.run(read_body(receive, length, limit, hold)), held[0]


@pytest.mark.parametrize("chunks", [[], [b""], [b"1,2"], [b"1", b",", b"2"]])
def test_a_small_body_is_in_memory(chunks: list[bytes]) -> None:
    file, held = read(chunks)
    assert isinstance(file, BytesIO)
    assert file.getvalue() == b"".join(chunks)
    assert held == len(b"".join(chunks))


def test_a_large_body_is_on_disk_and_whole() -> None:
    """H-47."""
    chunks = [bytes([n]) * MB for n in range(40)]
    file, held = read(chunks)
    with file:
        assert not isinstance(file, BytesIO)
        assert file.seek(0, 2) == 40 * MB
        file.seek(0)
        assert file.read() == b"".join(chunks)
    assert held == 0


def test_a_body_over_the_limit_is_refused_with_the_variable() -> None:
    """H-23, H-25."""
    with pytest.raises(PayloadTooLarge, match=r"over 0\.5 MB, SAGEMAKER_MAX_PAYLOAD"):
        read([b"x" * MB], limit=MB / 2)
    assert read([b"x" * MB], MB, MB)[0].read() == b"x" * MB


def test_a_body_that_says_it_is_over_the_limit_is_not_read() -> None:
    """H-23."""
    with pytest.raises(PayloadTooLarge):
        read([b"1"], length=MB + 1, limit=MB)


def test_no_room_on_disk_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(Overloaded, match="no room for a body of this size"):
        read([b"x" * MB] * 17)


def run(test: Callable[[Admission], Awaitable[Any]]) -> Any:
    """Run a test in an event loop, with room for two requests of 100 bytes in all."""

    async def main() -> Any:
        return await asyncio.wait_for(test(Admission(2, 100)), 20)

    return asyncio.run(main())


async def hold(admission: Admission, gate: asyncio.Event, name: str) -> str:
    """Have a reservation until the gate opens."""
    with admission.reserve(60):
        await gate.wait()
        return name


def test_a_request_without_a_reservation_is_refused_until_one_comes_free() -> None:
    """X-19."""

    async def test(admission: Admission) -> None:
        gate = asyncio.Event()
        held = [asyncio.create_task(hold(admission, gate, name)) for name in "ab"]
        await asyncio.sleep(0)
        assert len(admission.tasks) == 2
        with pytest.raises(Overloaded, match="2 requests wait here already"):
            await hold(admission, gate, "c")
        gate.set()
        await asyncio.gather(*held)
        assert await hold(admission, gate, "d") == "d"
        assert not admission.tasks

    run(test)


def test_bodies_share_a_memory_and_give_it_back() -> None:
    """X-05."""

    async def test(admission: Admission) -> None:
        with admission.reserve(60) as reservation:
            reservation.hold(60)
            with pytest.raises(Overloaded, match="memory"):
                reservation.hold(60)
            reservation.hold(40)
        with admission.reserve(60) as reservation:
            reservation.hold(100)
        assert admission.held == 0

    run(test)


def test_once_closed_all_that_wait_are_answered_and_no_more_are_taken() -> None:
    async def test(admission: Admission) -> None:
        gate = asyncio.Event()
        held = [asyncio.create_task(hold(admission, gate, name)) for name in "ab"]
        await asyncio.sleep(0)
        admission.close()
        results = await asyncio.gather(*held, return_exceptions=True)
        assert [str(r) for r in results] == [
            "this worker is being replaced: try again"
        ] * 2
        assert {type(r) for r in results} == {Overloaded}
        with pytest.raises(Overloaded):
            await hold(admission, gate, "c")

    run(test)


def test_a_task_that_is_cancelled_for_another_reason_stays_cancelled() -> None:
    async def test(admission: Admission) -> None:
        held = asyncio.create_task(hold(admission, asyncio.Event(), "a"))
        await asyncio.sleep(0)
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        assert not admission.tasks

    run(test)


def test_a_request_that_takes_too_long_is_ended_and_gives_its_place_back() -> None:
    """H-11."""

    async def test(admission: Admission) -> None:
        with pytest.raises(TimeoutError), admission.reserve(0.01):
            await asyncio.Event().wait()
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        assert not admission.tasks

    run(test)


def test_a_caller_who_leaves_while_the_body_arrives_is_told_from_one_who_is_done() -> (
    None
):
    given: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"1", "more_body": True},
        {"type": "http.disconnect"},
    ]
    messages = iter(given)

    async def receive() -> dict[str, Any]:
        return next(messages)

    with pytest.raises(CallerLeft):
        asyncio.run(read_body(receive, 0, math.inf, lambda _: None))


def test_a_gzip_body_is_what_was_packed() -> None:
    for content in (b"1,2\n", b"1,2\n" * 10**6):
        with inflated(BytesIO(gzip.compress(content)), math.inf) as file:
            assert file.tell() == len(content)
            file.seek(0)
            assert file.read() == content


def test_a_gzip_body_is_limited_by_what_was_packed() -> None:
    """H-23: a thousand times as much may be in it."""
    bomb = gzip.compress(bytes(64 * MB))
    with pytest.raises(PayloadTooLarge):
        inflated(BytesIO(bomb), 25 * MB)


@pytest.mark.parametrize(
    "body", [b"1,2\n", gzip.compress(b"1,2\n" * 99)[:-9]], ids=["text", "half"]
)
def test_a_body_that_is_no_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput, match="not gzip"):
        inflated(BytesIO(body), math.inf)
