"""How long `/ping` takes while every executor is busy, against an idle server.

    .venv-tests/bin/python benchmarks/busy.py

Starts `serve` with two workers, keeps each of them at work in several ways, pings on
connections of their own, and prints milliseconds to connect and to answer.
"""

import json
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "model")]

from harness import Server, copy_program, until  # noqa: E402 -- found by the line above
from runtime.tabular.schema import Schema  # noqa: E402

PREDICTOR = """
import time

class Predictor:
    def __init__(self, model_dir):
        pass

    def predict(self, rows):
        end = time.monotonic() + rows["seconds"].iloc[0]
        while time.monotonic() < end:  # holds the interpreter's lock when it can
            sum(range(1000))
        return rows["seconds"].to_numpy()
"""
ROWS = pd.DataFrame({"seconds": [0.0], "name": ["a"]})
PINGS = 300
N_ROWS = 250_000  # about 25 MB
JSON = json.dumps([[0, "n" * 90]] * N_ROWS)
WAYS = {
    "idle": None,
    "Python code in predict": ("text/csv", "5,a\n"),
    "25 MB of CSV": ("text/csv", f"0,{'n' * 96}\n" * N_ROWS),
    "25 MB of JSON": ("application/json", JSON),
}


def ask(port: int, method: str, path: str, body: bytes = b"", kind: str = "") -> int:
    """Send a request on a connection of its own. Returns: the status."""
    connection = HTTPConnection("127.0.0.1", port, timeout=100)
    connection.request(method, path, body, {"content-type": kind})
    status = connection.getresponse().status
    connection.close()
    return status


def pings(port: int) -> list[float]:
    """Ping one after the other. Returns: milliseconds, the shortest first."""
    times = []
    for _ in range(PINGS):
        started = time.perf_counter()
        assert ask(port, "GET", "/ping") == 200
        times.append(1000 * (time.perf_counter() - started))
        time.sleep(0.01)
    return sorted(times)


def busy(server: Server, way: tuple[str, str] | None) -> list[float]:
    """Ping while bodies keep both workers at work."""
    end = threading.Event()

    def keep() -> None:
        while way and not end.is_set():
            ask(server.port, "POST", "/invocations", way[1].encode(), way[0])

    with ThreadPoolExecutor(4) as callers:
        for _ in range(4):
            callers.submit(keep)
        time.sleep(1)
        times = pings(server.port)
        end.set()
    return times


def main() -> None:
    """Print a line for each way of being busy."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "ml"
        (base / "model").mkdir(parents=True)
        columns = Schema.learn(ROWS).to_json()
        (base / "model/model.json").write_text(json.dumps({"columns": columns}))
        program = copy_program(Path(folder) / "program", PREDICTOR)
        with Server(program, base, MODEL_SERVER_WORKERS=2) as server:
            server.ready()
            until(lambda: len(server.workers()) == 2, 30)
            print(f"{'/ping, ms':24} {'p50':>7} {'p99':>7} {'slowest':>8}")
            for name, way in WAYS.items():
                times = busy(server, way)
                p50, p99 = times[PINGS // 2], times[PINGS * 99 // 100]
                print(f"{name:24} {p50:7.1f} {p99:7.1f} {times[-1]:8.1f}")


if __name__ == "__main__":
    main()
