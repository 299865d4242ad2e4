"""Seconds from the start of a server to its first ping: no less than its imports take.

    .venv-tests/bin/python benchmarks/coldstart.py [--image NAME] [--imports] [--save]

In turns, some runs each, with the sample's model: processes that only import, or import
and load the model; `serve` with both engines, and with an image also in a container;
and the classic shape. Two workers; the first that answers counts.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import tables
from peers import BY_NAME, ONNX, SCIKIT, SKLEARN, Place
from processes import ROOT, Running, end_on_sigterm, free_port, running, trained

IMPORTS = "import numpy, onnxruntime, fastapi, uvicorn, gunicorn"
SESSION = f"""
{IMPORTS}, sys
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
onnxruntime.InferenceSession(sys.argv[1], options)
"""
LARGEST = 15
Way = Callable[[], float]  # seconds


def of_program(*arguments: str) -> float:
    """Run Python to its end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True)
    return time.perf_counter() - start


def of_server(name: str, base_dir: Path) -> float:
    """Start a server, and wait for its ping."""
    with tempfile.TemporaryDirectory() as folder:
        server, place = BY_NAME[name], Place(free_port(), Path(folder), base_dir)
        start = time.perf_counter()
        with server.running(place) as program:
            program.wait(server.ping)
            return time.perf_counter() - start


def of_container(image: str, variables: dict[str, str], base_dir: Path) -> float:
    """Run a container, and wait for its ping."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        with container(image, variables, base_dir, Path(folder)) as program:
            program.wait("/ping")
            return time.perf_counter() - start


@contextmanager
def container(
    image: str, variables: dict[str, str], base_dir: Path, folder: Path
) -> Iterator[Running]:
    """Run `serve` in the image, and leave nothing behind."""
    port, name = free_port(), f"coldstart-{os.getpid()}"
    options = [f"--publish={port}:8080", f"--volume={base_dir}/model:/opt/ml/model:ro"]
    options += [f"--env={key}={value}" for key, value in variables.items()]
    command = ["docker", "run", "--rm", "--name", name, *options, image, "serve"]
    try:
        with running([command], folder, port, {}) as program:
            yield program
    finally:
        remove = ["docker", "rm", "--force", "--volumes", name]
        subprocess.run(remove, check=False, capture_output=True)


def ways(base_dir: Path, image: str | None) -> dict[str, Way]:
    """Give all that is timed; the first two are what the others are compared with."""
    model = str(base_dir / "model/model.onnx")
    found: dict[str, Way] = {
        "imports": partial(of_program, "-c", IMPORTS),
        "imports, ONNX session": partial(of_program, "-c", SESSION, model),
    }
    for name in (ONNX, SKLEARN, "classic"):
        found[name] = partial(of_server, name, base_dir)
    if image:
        for name, variables in (
            (ONNX, {"MODEL_SERVER_WORKERS": "2"}),
            (SKLEARN, SCIKIT),
        ):
            given = {"MODEL_SERVER_WORKERS": "2", **variables}
            found[f"docker run, {name}"] = partial(of_container, image, given, base_dir)
    return found


def timed(all_ways: dict[str, Way], runs: int) -> dict[str, list[float]]:
    """Time each way in turns, so that the machine's moods are the same for all."""
    times: dict[str, list[float]] = {name: [] for name in all_ways}
    for _ in range(runs):
        for name, way in all_ways.items():
            times[name].append(way())
    return times


def report(times: dict[str, list[float]]) -> str:
    """Give the table."""
    medians = {name: statistics.median(found) for name, found in times.items()}
    imports, session = list(medians.values())[:2]
    heads = ("", "median s", "fastest s", "slowest s", "x imports", "x with session")
    rows = [
        [
            name,
            *map(tables.short, (median, min(times[name]), max(times[name]))),
            *map(tables.short, (median / imports, median / session)),
        ]
        for name, median in medians.items()
    ]
    return tables.table(heads, rows)


def imports(base_dir: Path) -> str:
    """Give the imports of `serve` that take longest, with all that they import."""
    program = [sys.executable, "-X", "importtime", str(ROOT / "model/serve")]
    with tempfile.TemporaryDirectory() as folder:
        place = Place(free_port(), Path(folder), base_dir)
        with running([program], Path(folder), place.port, place.variables) as server:
            server.wait("/ping")
            log = (Path(folder) / "server.log").read_text()
    lines = re.findall(r"^import time: +(\d+) \| +(\d+) \| +(\S+)", log, re.MULTILINE)
    lines.sort(key=lambda found: -int(found[1]))
    rows = [(name, int(all_) / 1000, int(own) / 1000) for own, all_, name in lines]
    return tables.table(
        ("import", "ms with its own imports", "ms alone"), rows[:LARGEST]
    )


def main() -> None:
    """Measure, print, and keep."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", help="an image that exists: `docker run`, too")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--imports", action="store_true", help="only what takes longest"
    )
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base_dir = trained(Path(folder))
        if arguments.imports:
            print(imports(base_dir))
            return
        times = timed(ways(base_dir, arguments.image), arguments.runs)
    text = f"# Cold start\n\n{tables.machine()}\n\n{report(times)}\n"
    print(text)
    if arguments.save:
        print(f"kept in {tables.save('coldstart', text)}")


if __name__ == "__main__":
    main()
