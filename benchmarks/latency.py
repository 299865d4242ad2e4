"""How long one row takes: over HTTP, and in process as the baseline.

    local-test/train-local.sh --native
    .venv-tests/bin/python benchmarks/latency.py

Starts `serve` on local-test's model, sends the first row of payload.csv over one
connection, and prints milliseconds and their ratio to `predict` in this process.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "model"))
os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # as in a worker: no pool of threads for one row

from predictor import Predictor  # noqa: E402 -- found by the line above
from runtime.formats import joined  # noqa: E402
from runtime.model import Model  # noqa: E402
from runtime.reading import Asked, Policy, Reader  # noqa: E402
from runtime.telemetry import Record  # noqa: E402

BASE_DIR = ROOT / "local-test/test-dir"
ROW = (ROOT / "local-test/payload.csv").read_bytes().splitlines()[0]
CALLS = 500


def milliseconds(ways: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Time each way in turns, so that the machine's moods are the same for all."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(CALLS):
        for name, call in ways.items():
            start = time.perf_counter()
            call()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: sorted(found[50:]) for name, found in times.items()}


def answers(client: httpx.Client) -> bool:
    """Say whether the server is ready."""
    try:
        return client.get("/ping").is_success
    except httpx.TransportError:
        return False


def main() -> None:
    """Print one line a way of asking."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {"SAGEMAKER_BASE_DIR": BASE_DIR, "SAGEMAKER_BIND_TO_PORT": port}
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "model/serve")],
        env=os.environ | {name: str(value) for name, value in variables.items()},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    client = httpx.Client(base_url=url)
    while not answers(client):
        if server.poll() is not None:
            sys.exit("the server did not start: is there a model? train one first")
        time.sleep(0.1)
    model = Model.load(BASE_DIR / "model", Predictor)
    reader = Reader(model, Policy(), Asked("text/csv"), Record("benchmark"))
    rows = reader.rows(joined(reader.tables(BytesIO(ROW))))
    headers = {"content-type": "text/csv"}
    ways: dict[str, Callable[[], object]] = {
        "predict in process": lambda: model.predictor.predict(rows),
        "POST /invocations": lambda: client.post(
            "/invocations", content=ROW, headers=headers
        ).raise_for_status(),
        "GET /ping": lambda: client.get("/ping"),
    }
    found = milliseconds(ways)
    base = statistics.median(found["predict in process"])
    print("                         p50 ms   p99 ms   p50 / in process")
    for name, times in found.items():
        p50 = statistics.median(times)
        print(
            f"{name:24}{p50:7.2f}{times[int(0.99 * len(times))]:9.2f}{p50 / base:12.2f}"
        )
    server.terminate()
    server.wait()


if __name__ == "__main__":
    main()
