"""Sends hostile requests over raw sockets, and judges what comes back."""

import asyncio
import contextlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from contract.hostile_binary import MARKER
from contract.hostile_http import Attack, attack, well_formed

PATIENCE = 60.0  # seconds within which a connection has to end
PAUSE = 0.2  # seconds that a server has for a request whose end it cannot see
# What no answer may hold: it would tell a caller how the server is made.
SECRETS = (b"Traceback", b"site-packages", b'.py"', b"/opt/ml", b"Error(")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `head` is its status line and headers."""

    status: int
    head: bytes
    body: bytes


@dataclass
class Report:
    """Statuses and the slowest exchange in seconds, by kind, and all that is wrong."""

    statuses: dict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    slowest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    findings: list[str] = field(default_factory=list)

    def add(self, kind: str, answers: list[Answer], seconds: float) -> None:
        """Count one exchange."""
        seen = [str(answer.status) for answer in answers] or ["none"]
        self.statuses[kind].update(seen)
        self.slowest[kind] = max(self.slowest[kind], seconds)

    def table(self) -> str:
        """Draw a line for each kind."""
        lines = [f"{'kind':14} {'answers':>8} {'slowest':>9}  statuses"]
        for kind, counts in sorted(self.statuses.items()):
            told = ", ".join(f"{status}: {n}" for status, n in sorted(counts.items()))
            numbers = f"{counts.total():8} {self.slowest[kind]:7.2f} s"
            lines.append(f"{kind:14} {numbers}  {told}")
        return "\n".join(lines)


class Client:
    """Callers of one server. `secrets` are texts that no answer may hold."""

    def __init__(self, host: str, port: int, seed: int, *secrets: str) -> None:
        self.address = host, port
        self.seed = seed
        self.secrets = (*SECRETS, *(secret.encode() for secret in secrets))
        self.report = Report()
        self.right = b""  # the answer to the well-formed request

    def send(self, numbers: Iterable[int], connections: int) -> None:
        """Send the requests with these numbers, so many at a time."""
        asyncio.run(self._send(numbers, connections))

    async def _send(self, numbers: Iterable[int], connections: int) -> None:
        first = parse(await self._exchange(well_formed(Random(0))))
        assert [answer.status for answer in first] == [200], first
        self.right = self.right or first[0].body
        queue = iter(numbers)  # one for all

        async def caller() -> None:
            for number in queue:
                await self._one(number)

        await asyncio.gather(*(caller() for _ in range(connections)))

    async def _one(self, number: int) -> None:
        request = attack(self.seed, number)
        started = time.monotonic()
        answers: list[Answer] = []
        faults = []
        try:
            async with asyncio.timeout(PATIENCE):
                answers = parse(await self._exchange(request))
        except TimeoutError:
            faults.append(f"the connection did not end in {PATIENCE:g} s")
        except ValueError as exc:
            if request.answers is not None:
                faults.append(f"an answer that is not HTTP: {exc}")
        faults += self._faults(request, answers)
        self.report.add(request.kind, answers, time.monotonic() - started)
        name = f"--seed {self.seed} --only {number} ({request.kind})"
        self.report.findings += [f"{name}: {fault}" for fault in faults]

    async def _exchange(self, request: Attack) -> bytes:
        """Send the bytes of a request. Returns: all that comes back."""
        reader, writer = await asyncio.open_connection(*self.address)
        received = asyncio.create_task(_collect(reader))
        try:
            with contextlib.suppress(OSError):  # the server has had enough
                await _write(writer, request)
                if request.end == "close":
                    await asyncio.wait({received}, timeout=PAUSE)
                    writer.write_eof()
            return b"" if request.end == "leave" else await received
        finally:
            received.cancel()
            writer.transport.abort()

    def _faults(self, request: Attack, answers: list[Answer]) -> Iterator[str]:
        """Say what is wrong with the answers to a request."""
        whole = request.answers is not None
        if whole and len(answers) != request.answers:
            yield f"{len(answers)} answers, not {request.answers}"
        for answer in answers:
            yield from self._faults_of(answer)
            if whole and answer.status >= 400 and not _is_error_object(answer.body):
                yield f"an error that is no object with a code: {answer}"
        if request.kind == "well-formed" and [a.body for a in answers] != [self.right]:
            yield f"a wrong answer: {answers}"
        if MARKER.exists():
            MARKER.unlink()
            yield "a pickle was loaded about now"

    def _faults_of(self, answer: Answer) -> Iterator[str]:
        if answer.status >= 500:
            yield str(answer)
        for secret in self.secrets:
            if secret in answer.body:
                yield f"{secret!r} is in an answer: {answer}"
        if b"\r\nx-injected" in answer.head.lower():
            yield f"the caller's header is in an answer: {answer}"


async def _collect(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes, however it does."""
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            received += piece
    return bytes(received)


async def _write(writer: asyncio.StreamWriter, request: Attack) -> None:
    for piece in request.pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(request.pause)


def parse(received: bytes) -> list[Answer]:
    """Take the answers of one connection apart. Raises: ValueError."""
    answers = []
    while received:
        head, found, rest = received.partition(b"\r\n\r\n")
        if not found or not head.startswith(b"HTTP/1."):
            message = f"no head: {received[:300]!r}"
            raise ValueError(message)
        body, received = _body(head.lower(), rest)
        status = int(head.split()[1])
        if status >= 200:  # else another follows
            answers.append(Answer(status, head, body))
    return answers


def _body(head: bytes, rest: bytes) -> tuple[bytes, bytes]:
    """Split a body from what follows it."""
    if b"\r\ntransfer-encoding: chunked" in head:
        return _chunks(rest)
    _, found, length = head.partition(b"\r\ncontent-length: ")
    size = int(length.split()[0]) if found else 0
    if len(rest) < size:
        message = f"{len(rest)} of {size} bytes: {head!r}"
        raise ValueError(message)
    return rest[:size], rest[size:]


def _chunks(rest: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        length, _, rest = rest.partition(b"\r\n")
        size = int(length, 16)
        body, ended, rest = body + rest[:size], rest[size : size + 2], rest[size + 2 :]
        if ended != b"\r\n":
            message = f"a chunk without an end: {body[:300]!r}"
            raise ValueError(message)
        if size == 0:
            return body, rest


def _is_error_object(body: bytes) -> bool:
    try:
        error = json.loads(body)
    except ValueError:
        return False
    return isinstance(error, dict) and {"code", "message", "request_id"} <= error.keys()
