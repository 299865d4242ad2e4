"""Requests that no well-meaning client sends, as the bytes that go over the wire."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

from contract.hostile_binary import CSV, TYPES
from contract.hostile_bodies import BODIES, valid

ROW = b"1.5,2,red\n"  # the well-formed body among all these
LIMIT = 25 * 1024 * 1024  # of the server, in bytes
WARM = 500  # the first requests, of which many are large
NONSENSE = (
    *(b"", b",", b";;;", b"/", b"*", b"*/*;q=0", b"a/b/c", b"text/", b"text/csv;q="),
    *(b"text/csv;q=nan", b"*/*;q=inf", b"text/csv;q=-1", b"*/*;q=1e999", b"=", b'"'),
    *(
        b"text/csv;q=" + b"9" * 5000,
        b"*/*," * 5000,
        b"x" * 60_000,
        b"\xff\xfe",
        b"\xa0",
    ),
    *(b"text/csv; charset", b'text/csv; a="', b"text/csv\x0b", b"\t", b"\xe2\x80\xa8"),
    *(
        b"outputs=../../x",
        b"outputs=",
        b"outputs=" + b"a," * 500,
        b"outputs=%00",
        b"a=b=c",
    ),
    *(b"x%0d%0aX-Injected: 1", b"\x1b[31mred", b"{}", b"'; --", b"${jndi:ldap://x}"),
    *(b"a\rX-Injected: 1", b"a\x00b", b"\x7f", b"a\r\n X-Injected: 1", b"0", b"-1"),
)
HEADERS = (
    *(b"Accept", b"Accept", b"Content-Type", b"X-Amzn-SageMaker-Custom-Attributes"),
    *(b"X-Amzn-SageMaker-Inference-Id", b"Content-Encoding", b"Accept-Charset"),
    *(b"X-Amzn-SageMaker-Session-Id", b"X-Amzn-SageMaker-Target-Model", b"Range"),
    *(
        b"X-Forwarded-For",
        b"Expect",
        b"Upgrade",
        b"Origin",
        b"Cookie",
        b"Accept-Encoding",
    ),
)
LENGTHS = (
    *(b"-1", b"+10", b"0x0a", b"10,10", b"10 10", b"", b"1e1", b"99", b"3", b"0"),
    *(b"18446744073709551616", b"9" * 1000, b"\xd9\xa1", b"10\r\nContent-Length: 3"),
)
CHUNKS = (
    *(
        b"a\r\n%s\r\n0\r\n\r\n",
        b"-a\r\n%s\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\n%s\r\n",
    ),
    *(
        b"a;" + b"x" * 70_000 + b"\r\n%s\r\n0\r\n\r\n",
        b"a\n%s\n0\n\n",
        b"3\r\n%s\r\n0\r\n\r\n",
    ),
    *(b"a\r\n%s\r\n0\r\nX-Injected: 1\r\n\r\n", b"\r\n%s", b"zz\r\n%s", b"a\r\n%s"),
)
CODINGS = (b"chunked", b"gzip, chunked", b"chunked, chunked", b"xchunked", b"identity")
METHODS = (
    *(b"BREW", b"GET" * 1000, b"get", b"PUT", b"DELETE", b"TRACE", b"CONNECT", b"HEAD"),
    *(b"OPTIONS", b"", b"\xff", b"POST", b"PATCH", b"PROPFIND", b"PRI", b"GET /x"),
)
PATHS = (
    *(
        b"/ping",
        b"/invocations",
        b"/",
        b"*",
        b"",
        b"//ping",
        b"/ping/",
        b"/PING",
        b"/.",
    ),
    *(
        b"/../../etc/passwd",
        b"/%2e%2e/%2e%2e/etc/passwd",
        b"/ping%00",
        b"/ping\x00",
        b"/\xff",
    ),
    *(
        b"/ping?" + b"a=b&" * 9000,
        b"/" + b"a" * 60_000,
        b"http://other/ping",
        b"/%ff%fe",
    ),
    *(b"/metrics?name[]=%00", b"/openapi.json?x", b"/docs/../ping", b"/ping#x", b"/%"),
    *(
        b"/execution-parameters/..",
        b"/models",
        b"/models/x/invoke",
        b"/%0d%0aX-Injected:1",
    ),
)
VERSIONS = (
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/9.9",
    b"HTTP/2.0",
    b"HTTP/",
    b"",
    b"ICY/1.0",
)
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256))  # TLS


@dataclass(frozen=True, slots=True)
class Attack:
    """What goes over one connection, `pause` seconds between the pieces.

    `end`: wait for the server to close, or send nothing more, or leave at once.
    `answers`: how many there must be; None where HTTP itself is broken.
    """

    kind: str
    pieces: tuple[bytes, ...]
    answers: int | None = 1
    end: Literal["wait", "close", "leave"] = "wait"
    pause: float = 0.0


def request(
    body: bytes, *headers: bytes, line: bytes = b"", last: bool = True
) -> bytes:
    """Write a request with a length; `line` stands in for POST /invocations."""
    start = line or b"POST /invocations HTTP/1.1"
    length = b"Content-Length: %d" % len(body)
    closing = [b"Connection: close"] if last else []
    return b"\r\n".join((start, b"Host: x", length, *headers, *closing, b"", body))


def typed(kind: str) -> bytes:
    """Write the header that names the type of a body."""
    return b"Content-Type: " + kind.encode()


def hostile_body(kind: str, rng: Random) -> Attack:
    """Send a hostile body politely, sometimes compressed or without a length."""
    media_type, body = BODIES[kind][1](rng)
    form = rng.random()
    if form < 0.02:
        squeezed = gzip.compress(body, 1)
        headers = (typed(media_type), b"Content-Encoding: gzip")
        return Attack(kind, (request(squeezed, *headers),))
    if form < 0.1:
        return Attack(kind, chunked(body, media_type))
    accept = b"Accept: " + rng.choice((*["*/*"] * len(TYPES), *TYPES)).encode()
    return Attack(kind, (request(body, typed(media_type), accept),))


def chunked(body: bytes, media_type: str = CSV) -> tuple[bytes, ...]:
    """Write a request without a length."""
    coding = b"Transfer-Encoding: chunked"
    start = (b"POST /invocations HTTP/1.1", b"Host: x", b"Connection: close", coding)
    head = b"\r\n".join((*start, typed(media_type), b"", b""))
    return head, b"%x\r\n%s\r\n" % (len(body), body) if body else b"", b"0\r\n\r\n"


def headers(rng: Random) -> Attack:
    """Send headers that mean nothing; some of them HTTP forbids."""
    lines = [
        rng.choice(HEADERS) + b": " + rng.choice(NONSENSE)
        for _ in range(rng.choice((1, 1, 1, 3, 50)))
    ]
    return Attack("headers", (request(ROW, *lines),), None)


def framing(rng: Random) -> Attack:
    """Contradict HTTP about where the body ends."""
    form = rng.randrange(3)
    start = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
    length = b"Content-Length: %s\r\n" % rng.choice(LENGTHS)
    coding = b"Transfer-Encoding: %s\r\n" % rng.choice(CODINGS)
    head = (length, coding, length + coding)[form]
    body = ROW if form == 0 else rng.choice(CHUNKS) % ROW
    return Attack("framing", (start + head + b"\r\n" + body,), None, end="close")


def lines(rng: Random) -> Attack:
    """Send request lines of other protocols, methods and paths."""
    parts = (rng.choice(METHODS), rng.choice(PATHS), rng.choice(VERSIONS))
    text = rng.choice((request(b"", line=b" ".join(parts)), b" ".join(parts) + b"\r\n"))
    bytes_ = rng.choice((text, text, text, HELLO, rng.randbytes(100), b"\r\n" * 1000))
    return Attack("request lines", (bytes_,), None, end="close")


def pipelined(rng: Random) -> Attack:
    """Send requests before the answers to those before them."""
    count = rng.randint(2, 20)
    bodies = [rng.choice(valid()) for _ in range(count - 1)]
    sent = [request(body, typed(kind), last=False) for kind, body in bodies]
    return Attack("pipelined", (b"".join(sent) + request(ROW, typed(CSV)),), count)


def slow(rng: Random) -> Attack:
    """Send one byte at a time, for a while."""
    whole = request(ROW, typed(CSV))
    first = rng.randrange(len(whole) - 4)
    bytes_ = (whole[place : place + 1] for place in range(first, first + 4))
    return Attack("slow", (whole[:first], *bytes_), None, "leave", pause=0.1)


def left(rng: Random) -> Attack:
    """Leave in the middle of a body, or before the answer."""
    kind, body = rng.choice((*valid(), (CSV, ROW * 50_000)))
    whole = request(body, typed(kind))
    sent = rng.choice((len(whole), rng.randrange(len(whole))))
    return Attack("left", (whole[:sent],), None, "leave")


def too_large(rng: Random) -> Attack:
    """Send one byte more than fits, with a length and without."""
    pieces = (request(_large(), typed(CSV)),), chunked(_large())
    return Attack("too large", rng.choice(pieces))


@cache
def _large() -> bytes:
    return ROW * (LIMIT // len(ROW)) + b"1" * (LIMIT % len(ROW) + 1)


def well_formed(_: Random) -> Attack:
    """Ask what has a right answer."""
    return Attack("well-formed", (request(ROW, typed(CSV)),))


OTHERS: dict[str, tuple[int, Callable[[Random], Attack]]] = {
    "headers": (100, headers),
    "framing": (80, framing),
    "request lines": (80, lines),
    "pipelined": (20, pipelined),
    "slow": (20, slow),
    "left": (40, left),
    "too large": (2, too_large),
    "well-formed": (50, well_formed),
}


def attack(seed: int, number: int) -> Attack:
    """Make a request from its number, the same one each time.

    Half of the first WARM are large: after them memory has seen its worst.
    """
    rng = Random(f"{seed}/{number}")
    kinds = {name: weight for name, (weight, _) in (*BODIES.items(), *OTHERS.items())}
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    if number < WARM and number % 2:
        kind = rng.choice(("too large", "enormous", "wide", "left"))
    return OTHERS[kind][1](rng) if kind in OTHERS else hostile_body(kind, rng)
