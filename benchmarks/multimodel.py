"""Many models behind one endpoint: how many fit, how fast they load and answer.

    .venv-tests/bin/python benchmarks/multimodel.py [--save]

All are copies of the sample's model. Rates are those of wrk with one row of CSV, to one
model of a server with one worker and to one of 200 at random, in turns: the best round
of each, and their ratio; that of the CPU's time does not depend on what else the
machine does. Milliseconds of a quiet model are seen by a caller that asks
each 20 ms: alone, beside a model that 64 connections ask without a pause, and while
others are loaded and unloaded without a pause: copies of the sample, and a forest of
some 50 MB. `models in 2 GB` is reckoned from the memory of 200.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import RandomForestRegressor

import tables
from load import Request, wrk
from measured import LINES, percentile
from processes import ROOT, Running, end_on_sigterm, free_port, running, trained

sys.path.insert(0, str(ROOT / "model"))

from runtime.resources import Budget

MODELS = 200
ROUNDS, SECONDS = 3, 4.0
MEMORY = 2 * 2**30  # bytes
ENGINES = ("onnx", "scikit-learn")
ROW = f"{LINES[0]}\n"
# wrk's own math.random begins alike in each run.
AT_RANDOM = """
math.randomseed(%d)
request = function()
    return wrk.format(nil, "/models/m" .. math.random(0, %d) .. "/invoke")
end
"""


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, body: str = "") -> float:
        """Ask once, and expect a 200. Returns: milliseconds."""
        start = time.perf_counter()
        headers = {"content-type": "text/csv", "accept": "text/csv"}
        self._connection.request(method, path, body or None, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            sys.exit(f"{method} {path}: {response.status} {content.decode()}")
        return 1000 * (time.perf_counter() - start)

    def load(self, name: str, folder: Path) -> float:
        """Load a model. Returns: milliseconds."""
        asked = {"model_name": name, "url": str(folder)}
        return self.ask("POST", "/models", json.dumps(asked))

    def quiet(self, seconds: float) -> float:
        """Ask a quiet model each 20 ms. Returns: milliseconds, p99."""
        end, times = time.monotonic() + seconds, []
        while time.monotonic() < end:
            times.append(self.ask("POST", "/models/m1/invoke", ROW))
            time.sleep(0.02)  # it is quiet
        return percentile(times, 99)


@contextmanager
def serving(base: Path, engine: str, **more: str) -> Iterator[Running]:
    """Serve what lies in a base folder, with one worker."""
    port = free_port()
    variables = {
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "MODEL_SERVER_WORKERS": "1",
        "MODEL_ENGINE": engine,
        **more,
    }
    command = [sys.executable, str(ROOT / "model/serve")]
    with (
        tempfile.TemporaryDirectory() as folder,
        running([command], Path(folder), port, variables) as program,
    ):
        program.wait("/ping")
        yield program


def rates(one: Running, many: Running, connections: int) -> list[tuple[float, float]]:
    """Give the requests a second, and in a second of CPU, of one model and of many."""
    best = [(0.0, 0.0), (0.0, 0.0)]
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(ROUNDS):
            at_random = AT_RANDOM % (round_, MODELS - 1)
            for place, (program, lua) in enumerate(((one, ""), (many, at_random))):
                request = Request(f"{program.url}/invocations", "text/csv", ROW)
                before = program.cpu()
                load = wrk(request, connections, SECONDS, Path(folder), lua)
                by_cpu = load.requests / (program.cpu() - before)
                if load.errors:
                    sys.exit(f"{load.errors} errors:\n{program.tail()}")
                rate = load.requests / load.seconds
                best[place] = max(best[place][0], rate), max(best[place][1], by_cpu)
    return best


def meanwhile(work: Callable[[], object], client: Client) -> float:
    """Ask the quiet model while something is done again and again."""
    ends = threading.Event()

    def repeat() -> None:
        while not ends.is_set():
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        return client.quiet(2 * SECONDS)
    finally:
        ends.set()
        thread.join()


def in_and_out(port: int, folder: Path) -> Callable[[], None]:
    """Give what loads a model and unloads it."""
    client = Client(port)

    def work() -> None:
        client.load("other", folder)
        client.ask("DELETE", "/models/other")

    return work


def saturated(program: Running) -> Callable[[], object]:
    """Give what asks one model over 64 connections."""
    request = Request(f"{program.url}/models/m0/invoke", "text/csv", ROW)

    def work() -> object:
        with tempfile.TemporaryDirectory() as folder:
            return wrk(request, 64, 2, Path(folder))

    return work


def figures(base: Path, engine: str) -> Iterator[tuple[str, float]]:
    """Measure one engine. Yields: what it is, and the figure."""
    with (
        serving(base, engine) as one,
        serving(base, engine, SAGEMAKER_MULTI_MODEL="true") as many,
    ):
        client = Client(many.port)
        client.load("first", base / "models/small")  # with all that it imports
        client.ask("DELETE", "/models/first")
        before = many.memory()
        cpu = many.cpu()
        loads = [client.load(f"m{n}", base / "models/small") for n in range(MODELS)]
        cpu = 1000 * (many.cpu() - cpu) / MODELS
        each = (many.memory() - before) / MODELS
        room = (MEMORY - Budget(1, 1, MEMORY).reserve) / 1e6 - before
        yield "MB without a model", before
        yield "MB for each model", each
        yield "models in 2 GB", room / each
        yield "ms to load one, median", statistics.median(loads)
        yield "ms to load one, p99", percentile(loads, 99)
        yield "ms of CPU to load one", cpu
        for connections in (1, 16):
            (alone, by_cpu), (shared, shared_by_cpu) = rates(one, many, connections)
            ways = "1 connection" if connections == 1 else f"{connections} connections"
            yield f"requests/s of one model, {ways}", alone
            yield f"requests/s of {MODELS} at random, {ways}", shared
            yield f"ratio, {ways}", shared / alone
            yield f"ratio by CPU, {ways}", shared_by_cpu / by_cpu
        yield "ms of a quiet model alone, p99", client.quiet(2 * SECONDS)
        beside = meanwhile(saturated(many), client)
        yield "ms of a quiet model beside a saturated one, p99", beside
        for name in ("small", "large"):
            p99 = meanwhile(in_and_out(many.port, base / "models" / name), client)
            yield f"ms of a quiet model while {name} ones are loaded, p99", p99


def prepare(folder: Path) -> Path:
    """Train the sample and a large forest. Returns: the base folder."""
    base = trained(folder)
    (base / "models").mkdir()
    shutil.copytree(base / "model", base / "models/small")
    random = np.random.default_rng(0)
    X = random.random((10_000, 7))
    forest = RandomForestRegressor(60, n_jobs=-1, random_state=0)
    forest.fit(X, random.random(len(X))).set_params(n_jobs=None)
    (base / "models/large").mkdir()
    joblib.dump(forest, base / "models/large/model.joblib")
    return base


def main() -> None:
    """Measure, print, and keep."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    found: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        base = prepare(Path(folder))
        for engine in ENGINES:
            for name, figure in figures(base, engine):
                found.setdefault(name, []).append(tables.short(figure))
                print(f"{engine}: {name}: {figure:.3g}", file=sys.stderr)
    rows = [[name, *numbers] for name, numbers in found.items()]
    table = tables.table(["", *ENGINES], rows)
    text = f"# Many models\n\n{tables.machine()}\n\n{table}\n"
    print(text)
    if arguments.save:
        print(f"kept in {tables.save('multimodel', text)}")


if __name__ == "__main__":
    main()
