"""Pings each 100 ms until its input ends: prints milliseconds, as JSON.

    python benchmarks/pings.py PORT PATH

Each on a connection of its own, as the platform's. One that fails, or that takes the
2 s after which SageMaker gives up, is infinite.
"""

import json
import math
import select
import sys
import time
from http.client import HTTPConnection, HTTPException

EACH = 0.1  # seconds
LIMIT = 2


def ping(port: int, path: str) -> float:
    """Ping once. Returns: milliseconds."""
    started = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    try:
        connection.request("GET", path)
        good = connection.getresponse().status == 200
    except (OSError, HTTPException):
        good = False
    finally:
        connection.close()
    return 1000 * (time.perf_counter() - started) if good else math.inf


def main() -> None:
    """Print what all pings have taken."""
    port, path, times, due = int(sys.argv[1]), sys.argv[2], [], time.monotonic()
    while not select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
        times.append(ping(port, path))
        due = max(due + EACH, time.monotonic())
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    main()
