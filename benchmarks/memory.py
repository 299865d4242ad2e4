"""Memory of eight workers, against one: a model is there once, or eight times.

    .venv-tests/bin/python benchmarks/memory.py [--save]

The large model is a regressor of extremely randomized trees, about 500 MB; the small
one is the sample's, which ONNX answers too. MB are summed over all processes, and what
several share counts once (PSS): when all workers have loaded, and after 1,000 requests.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor

import tables
from measured import LINES
from peers import BY_NAME, ONNX, SKLEARN, Place, Server
from processes import ROOT, Running, end_on_sigterm, free_port, trained

sys.path.insert(0, str(ROOT / "model"))

from runtime.models import artifact
from runtime.tabular.schema import Schema

ROWS, COLUMNS, TREES = 100_000, 7, 36
WORKERS = 8
REQUESTS = 1000
CALLERS = 16  # at once, so that every worker has some
TARGET = 1.25


def large(folder: Path) -> Path:
    """Fit trees on noise, until every leaf is a row. Returns: the base folder."""
    model_dir = folder / "large/model"
    model_dir.mkdir(parents=True)
    random = np.random.default_rng(0)
    names = [f"x{n}" for n in range(COLUMNS)]
    X = pd.DataFrame(random.random((ROWS, COLUMNS), dtype="float32"), columns=names)
    model = ExtraTreesRegressor(TREES, n_jobs=-1, random_state=0)
    model.fit(X, random.random(ROWS)).set_params(n_jobs=None)
    description = {"columns": Schema.learn(X).to_json(), "classes": None}
    artifact.save(model_dir, model, description)
    return model_dir.parent


def measure(server: Server, base_dir: Path, row: str, workers: int) -> list[float]:
    """Give MB after the start, and after the requests."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(free_port(), Path(folder), base_dir, workers)
        with server.running(place) as program:
            program.wait(server.ping)
            started = settled(program)
            ask(place.port, row)
            return [started, settled(program)]


def settled(program: Running) -> float:
    """Wait until no process takes more memory. Returns: MB."""
    looks = [program.memory()]
    while len(looks) < 4 or max(looks[-4:]) > 1.01 * min(looks[-4:]):
        time.sleep(0.5)  # between two looks
        looks.append(program.memory())
    return looks[-1]


def ask(port: int, row: str) -> None:
    """Send a row many times, each on a connection of its own. Raises: RuntimeError."""

    def post(_: int) -> int:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/invocations", row, {"content-type": "text/csv"})
        status = connection.getresponse().status
        connection.close()
        return status

    with ThreadPoolExecutor(CALLERS) as callers:
        statuses = set(callers.map(post, range(REQUESTS)))
    if statuses != {200}:
        message = f"not every answer is 200: {statuses}"
        raise RuntimeError(message)


def lines(folder: Path) -> Iterator[list[str]]:
    """Measure one server after the other. Yields: lines of the table."""
    row = ",".join(["0.5"] * COLUMNS)
    small, big = trained(folder), large(folder)
    size = (big / "model/model.joblib").stat().st_size / 1e6
    cases = [
        (f"trees, {size:.0f} MB", "classic", big, row),
        (f"trees, {size:.0f} MB", SKLEARN, big, row),
        ("sample", "classic", small, LINES[0]),
        ("sample", SKLEARN, small, LINES[0]),
        ("sample", ONNX, small, LINES[0]),
    ]
    for model, name, base_dir, body in cases:
        one = measure(BY_NAME[name], base_dir, body, 1)
        all_ = measure(BY_NAME[name], base_dir, body, WORKERS)
        yield [model, name, *cells(one, all_)]
        print(f"{model}, {name}: {one} MB, {all_} MB", file=sys.stderr)


def cells(one: list[float], many: list[float]) -> Iterator[str]:
    """Give both figures of each moment, their ratio, and whether it is low enough."""
    for first, total in zip(one, many, strict=True):
        yield from map(tables.short, (first, total, total / first))
    yield "yes" if many[-1] < TARGET * one[-1] else "**no**"


def main() -> None:
    """Measure, print, and keep."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    moments = ("after the start", f"after {REQUESTS:,} requests")
    figures = [f"{w} {m}" for m in moments for w in ("1 worker, MB", f"{WORKERS}", "x")]
    with tempfile.TemporaryDirectory() as folder:
        rows = list(lines(Path(folder)))
    table = tables.table(["model", "server", *figures, f"< {TARGET} x"], rows)
    text = f"# Memory\n\n{tables.machine()}\n\n{table}\n"
    print(text)
    if arguments.save:
        print(f"kept in {tables.save('memory', text)}")


if __name__ == "__main__":
    main()
