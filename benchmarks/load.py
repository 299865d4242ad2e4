"""Load on a server: wrk sends, a process of its own pings."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 60  # seconds until a request counts as lost
SCRIPT = """
local file = io.open("%s", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "%s"
wrk.headers["Accept"] = "%s"
done = function(summary, latency, requests)
    local lost = summary.errors
    io.stderr:write(string.format(
        '{"requests": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "errors": %%d}',
        summary.requests, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        lost.connect + lost.read + lost.write + lost.status + lost.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    url: str
    media_type: str
    body: str


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk has seen; milliseconds, and errors of every kind."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int  # connections that fail, answers of 400 and more, timeouts


def wrk(
    request: Request, connections: int, seconds: float, folder: Path, more: str = ""
) -> Load:
    """Send a request again and again over some connections for a while.

    `more` is Lua, for requests that are not all alike.
    """
    script, file, kind = folder / "wrk.lua", folder / "body", request.media_type
    file.write_text(request.body)
    script.write_text(SCRIPT % (file, kind, kind) + more)
    many = ["--threads", "1", "--connections", str(connections)]
    long = ["--duration", f"{seconds:g}s", "--timeout", f"{TIMEOUT}s"]
    result = subprocess.run(
        ["wrk", *many, *long, "--script", script, request.url],
        check=True,
        capture_output=True,
        text=True,
    )
    return Load(**json.loads(result.stderr))


@contextmanager
def pinged(port: int, path: str, times: list[float]) -> Iterator[None]:
    """Ping meanwhile; then the milliseconds are in `times`."""
    program = [sys.executable, "-S", str(Path(__file__).with_name("pings.py"))]
    process = subprocess.Popen(
        [*program, str(port), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield
    finally:
        out, _ = process.communicate()  # which ends its input, and so the process
        times += json.loads(out)
