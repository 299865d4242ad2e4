"""Send a server what no well-meaning client sends, and say what it could not bear.

    .venv-tests/bin/python tests/contract/hostile.py --requests 50000

Starts `serve` with a model of numbers and text; or takes the server at --url, whose
model has to answer the row 1.5,2,red, and looks at nothing but its answers. The same
seed sends the same requests: --only 17 sends number 17. Status 1 if there is a finding.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "model")]

import psutil  # noqa: E402 -- as are these
from sklearn.compose import make_column_transformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LinearRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder  # noqa: E402

from contract.hostile_binary import ROWS  # noqa: E402 -- found by the line above
from contract.hostile_client import Client  # noqa: E402
from harness import Server, copy_program, until  # noqa: E402
from runtime.models import artifact  # noqa: E402
from runtime.tabular.schema import Schema  # noqa: E402

GROWTH = 1.1  # times the memory after a third of the requests: more is a leak
SLACK = 32  # MB that lie between two pieces in use
WORKERS = 2
SHOWN = 20  # findings that are printed
# Free memory that the allocator keeps is no leak: a worker gives it back when asked.
PREDICTOR = """
import ctypes, gc, os, signal
from runtime import load

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir)
        self.folder = model_dir.parent
        signal.signal(signal.SIGRTMIN, self.give_back)

    def give_back(self, *_):
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        (self.folder / f"gave-back-{os.getpid()}").touch()

    def predict(self, rows):
        return self.model.predict(rows)
"""


@dataclass(frozen=True, slots=True)
class Processes:
    """The workers of a server: who they are, and what they hold."""

    pids: list[int]
    memory: float  # MB, what they share counted once
    files: int  # open files and connections

    @classmethod
    def look(cls, server: Server) -> Self:
        """Measure them."""
        pids = sorted(server.workers())
        for pid in pids:
            gave_back = server.log_file.parent / f"gave-back-{pid}"
            gave_back.unlink(missing_ok=True)
            os.kill(pid, signal.SIGRTMIN)
            until(gave_back.exists, 30)
        return cls(pids, sum(map(_megabytes, pids)), open_files(pids))

    def __str__(self) -> str:
        """Give them in a line."""
        return f"workers {self.pids}, {self.memory:.0f} MB, {self.files} files"


def open_files(pids: list[int]) -> int:
    """Count the open files and connections of processes, none of those that died."""
    folders = [Path(f"/proc/{pid}/fd") for pid in pids]
    return sum(len([*folder.iterdir()]) for folder in folders if folder.exists())


def _megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return (
        next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    )


@contextmanager
def small_server(folder: Path) -> Iterator[Server]:
    """Serve a small pipeline of numbers and text, with its schema."""
    columns = make_column_transformer(
        (SimpleImputer(), ["a", "b"]), (OneHotEncoder(handle_unknown="ignore"), ["c"])
    )
    model = make_pipeline(columns, LinearRegression()).fit(ROWS, ROWS["a"])
    schema = Schema.learn(ROWS).to_json()
    (folder / "ml/model").mkdir(parents=True)
    artifact.save(folder / "ml/model", model, {"columns": schema})
    program = copy_program(folder / "program", PREDICTOR)
    with Server(program, folder / "ml", MODEL_SERVER_WORKERS=WORKERS) as server:
        server.ready()
        until(lambda: all_count(server), 30)
        yield server


def all_count(server: Server) -> bool:
    """Say whether all workers have opened what they count in, the gauge last."""
    opened = [psutil.Process(pid).open_files() for pid in server.workers()]
    counting = [any("gauge" in file.path for file in files) for files in opened]
    return counting == [True] * WORKERS


def torment(client: Client, server: Server, requests: int, connections: int) -> None:
    """Send the requests, and look at the processes before, in between and after."""
    before = Processes.look(server)
    client.send(range(requests // 3), connections)
    warm = Processes.look(server)
    client.send(range(requests // 3, requests), connections)
    client.report.findings += aftermath(server, before, warm)
    for when, seen in {"before": before, "warm": warm}.items():
        print(f"{when:6} {seen}")
    print(f"after  {Processes.look(server)}")


def aftermath(server: Server, before: Processes, warm: Processes) -> Iterator[str]:
    """Say what the requests have left behind."""
    try:
        until(lambda: open_files(before.pids) <= before.files, 20)
    except AssertionError:
        yield "connections or files stay open"
    after = Processes.look(server)
    if after.pids != before.pids:
        yield f"workers have died: {before.pids} are {after.pids}"
    if after.memory > warm.memory * GROWTH + SLACK:
        yield f"memory grows: {warm.memory:.0f} MB are {after.memory:.0f} MB"
    if server.ping() != 200:
        yield f"/ping is {server.ping()}"
    if "Traceback" in server.log():
        start = server.log().index("Traceback")
        yield f"a traceback is in the log: {server.log()[start - 300 : start + 3000]}"


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="number of the one request to send")
    parser.add_argument("--url", help="a server that runs already")
    given = parser.parse_args()
    numbers = range(given.requests) if given.only is None else [given.only]
    if given.url:
        url = urlsplit(given.url)
        client = Client(url.hostname or "", url.port or 80, given.seed)
        client.send(numbers, given.connections)
    else:
        with tempfile.TemporaryDirectory() as folder, small_server(Path(folder)) as own:
            client = Client("127.0.0.1", own.port, given.seed, folder)
            if given.only is None:
                torment(client, own, given.requests, given.connections)
            else:
                client.send(numbers, 1)
    print(client.report.table())
    for finding in client.report.findings[:SHOWN]:
        print("FINDING", finding)
    print(f"{len(client.report.findings)} findings")
    sys.exit(1 if client.report.findings else 0)


if __name__ == "__main__":
    main()
