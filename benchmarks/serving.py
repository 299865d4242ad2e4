"""Requests per second, latency, CPU, memory: this template and what others use.

    apt-get install wrk nginx
    .venv-tests/bin/python benchmarks/serving.py

Every server has the same model, the sample's, trained here; the same rows; and two
workers. One server runs at a time: all cases of the first, then of the next, and so on,
for some rounds; of each case the round with most requests counts, with the errors of
all. wrk and the pings share the machine's cores with the server. `--short` is a check,
not a measurement: a second a case, of what needs no environment of its own; it fails
where an answer is wrong. `--save` keeps what is printed in benchmarks/results.
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import joblib
import pandas as pd

import tables
import targets
from load import TIMEOUT, Request, pinged, wrk
from measured import Case, Figures, Results, percentile
from peers import ALL, FOREIGN, NGINX, Place, Server, Shape
from processes import Running, end_on_sigterm, free_port, trained

LARGE = 40_000  # rows, over one connection only: over many, none would end in time
LONGER = 3  # times, as wrk does not count what it has not ended
CASES = [
    *(Case(connections, rows) for rows in (1, 100) for connections in (1, 64, 256)),
    *(Case(connections, 1, "JSON") for connections in (1, 64, 256)),
    *(Case(connections, 100, "JSON") for connections in (1, 64, 256)),
    Case(1, LARGE),
    Case(1, LARGE, "JSON"),
]
WARM = Case(64, 1)
SHORT = [Case(1, 1), Case(64, 1), Case(64, 100), Case(1, 1, "JSON"), Case(1, LARGE)]
IN_PROCESS = dict(zip(targets.IN_PROCESS, ("scikit-learn", "onnx"), strict=True))
HEADS = (
    "server",
    "requests/s",
    "rows/s",
    "p50 ms",
    "p99 ms",
    "errors",
    "CPU s / 1000 requests",
    "memory MB",
    "ping p99 ms",
)
PROGRAM = Path(__file__).parent / "in_process.py"


class Benchmark:
    """Measures servers in turns, in a folder of its own, with a model of its own."""

    def __init__(self, folder: Path, cases: list[Case], seconds: float) -> None:
        self.found: Results = {case: {} for case in cases}
        self._folder, self._seconds = folder, seconds
        self._base_dir = trained(folder)
        largest = max(cases, key=lambda case: case.rows)
        self._labels = labels_of(self._base_dir / "model", largest.lines)

    def turn(self, server: Server) -> None:
        """Start a server, measure all cases, stop it."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            place = Place(free_port(), Path(folder), self._base_dir)
            with server.running(place) as program:
                program.wait(server.ping)
                self._cases(server, program)

    def _cases(self, server: Server, program: Running) -> None:
        shapes = {case: server.shape(case.format) for case in self.found}
        asked = {case: shape for case, shape in shapes.items() if shape}
        for case, shape in asked.items():
            self._check(server, shape, case, program)
        self._measure(server, asked[WARM], WARM, program)  # first calls of each worker
        for case, shape in asked.items():
            figures = self._measure(server, shape, case, program)
            self._keep(case, server.name, figures)

    def in_process(self, name: str) -> None:
        """Measure the cases of one connection without a server."""
        for case in self.found:
            if case.connections == 1 and case.format == "CSV":
                found = self._in_process(IN_PROCESS[name], case, self._seconds)
                self._keep(case, name, of_process(found, case))

    def _keep(self, case: Case, name: str, figures: Figures) -> None:
        earlier = self.found[case].get(name)
        self.found[case][name] = figures.beside(earlier)
        print(f"{name}, {case}: {figures.requests:.1f}/s", file=sys.stderr)

    def _in_process(self, way: str, case: Case, seconds: float) -> dict[str, Any]:
        body = self._folder / "in-process.csv"
        body.write_text("".join(f"{line}\n" for line in case.lines))
        given = [way, str(self._base_dir / "model"), str(body), str(seconds)]
        command = [sys.executable, str(PROGRAM), *given]
        out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        found: dict[str, Any] = json.loads(out)
        if found["labels"] != self._labels[: case.rows]:
            sys.exit(f"{way} in process: wrong answer to {case}")
        return found

    def _check(
        self, server: Server, shape: Shape, case: Case, program: Running
    ) -> None:
        """End where the answer is another one than in process."""
        kind = shape.media_type
        answer = httpx.post(
            program.url + shape.route,
            content=shape.write(case.lines),
            headers={"content-type": kind, "accept": kind},
            timeout=TIMEOUT,
        )
        wrong = f"{server.name}, {case}: {answer.status_code} {answer.text[:500]}"
        if answer.status_code != 200:
            sys.exit(f"{wrong}\n{program.tail()}")
        if server.predicts and shape.labels(answer.text) != self._labels[: case.rows]:
            sys.exit(wrong)

    def _measure(
        self, server: Server, shape: Shape, case: Case, program: Running
    ) -> Figures:
        kind, body = shape.media_type, shape.write(case.lines)
        request = Request(program.url + shape.route, kind, body)
        seconds = self._seconds * (LONGER if case.rows == LARGE else 1)
        pings, before = list[float](), program.cpu()
        with pinged(program.port, server.ping, pings):
            load = wrk(request, case.connections, seconds, self._folder)
        each = load.requests / load.seconds
        return Figures(
            requests=each,
            rows=each * case.rows,
            p50=load.p50,
            p99=load.p99,
            errors=load.errors,
            cpu=1000 * (program.cpu() - before) / max(load.requests, 1),
            memory=program.memory(),
            pings=pings,
        )


def labels_of(model_dir: Path, lines: list[str]) -> list[str]:
    """Predict in this process what every server has to answer."""
    model = joblib.load(model_dir / "model.joblib")
    body = io.StringIO("\n".join(lines))
    rows = pd.read_csv(body, header=None, names=list(model.feature_names_in_))
    labels: list[str] = model.predict(rows).tolist()
    return labels


def of_process(found: dict[str, Any], case: Case) -> Figures:
    """Give the figures of a process without a server."""
    times = found["milliseconds"]
    each = len(times) / found["seconds"]
    return Figures(
        requests=each,
        rows=each * case.rows,
        p50=percentile(times, 50),
        p99=percentile(times, 99),
        errors=0,
        cpu=1000 * found["cpu"] / len(times),
        memory=found["memory"],
    )


def line(name: str, figures: Figures) -> list[str]:
    """Give a line of a case's table."""
    numbers = (
        figures.requests,
        figures.rows,
        figures.p50,
        figures.p99,
        figures.errors,
        figures.cpu,
        figures.memory,
        figures.ping,
    )
    return [name, *map(tables.short, numbers)]


def in_short(found: Results) -> str:
    """Give the table that the README has. Raises: KeyError, as `targets`."""
    many, one, large = (
        found[case] for case in (targets.MANY, targets.ONE, targets.LARGE)
    )
    heads = ("two workers", "requests/s", "p50 ms", "rows/s", "memory MB")
    lines = [
        (name, at.requests, one[name].p50, large[name].rows, at.memory)
        for name, at in many.items()
    ]
    cells = [(name, *map(tables.short, numbers)) for name, *numbers in lines]
    return tables.table(heads, cells)


def by_case(found: Results) -> str:
    """Give a table a case."""
    parts = []
    for case, at in found.items():
        lines = [line(name, figures) for name, figures in at.items()]
        parts.append(f"### {case}\n\n{tables.table(HEADS, lines)}")
    return "\n\n".join(parts)


def ratios(found: Results) -> str:
    """Give requests/s of all as shares of the classic's and of the empty route's."""
    names = list(dict.fromkeys(name for at in found.values() for name in at))
    rows = []
    for case, at in found.items():
        beside = found.get(replace(case, format="CSV"), at)  # all that these two read
        against = [beside.get(name) for name in ("classic", "empty")]
        cells = [ratio(at.get(name), against) for name in names]
        rows.append([str(case), *cells])
    return tables.table(["requests/s: x classic / x empty", *names], rows)


def ratio(figures: Figures | None, against: list[Figures | None]) -> str:
    """Give a cell of the table of ratios."""
    if figures is None:
        return ""
    shares = [
        tables.short(figures.requests / a.requests) if a else "-" for a in against
    ]
    return " / ".join(shares)


def report(found: Results, arguments: argparse.Namespace) -> str:
    """Give all that is printed."""
    parts = ["# Serving", about(arguments)]
    if len(arguments.servers) == len(ALL):
        parts += ["### In short", in_short(found)]
        parts += ["### Targets", targets.reached(found)]
    parts.append(by_case(found))
    if not arguments.short:
        parts += ["### Against classic, and against the empty route", ratios(found)]
    return "\n\n".join(parts) + "\n"


def about(arguments: argparse.Namespace) -> str:
    """Say how it was measured, on what."""
    lines = [
        tables.machine(),
        f"- {tables.printed('wrk', '-v')}; {tables.printed(NGINX, '-v')}",
        *(f"- {tables.pinned(n.lower())}" for n in FOREIGN if n in arguments.servers),
        f"- {arguments.rounds} rounds in turns, {arguments.seconds} s a case",
        "- the round with most requests/s, with the errors and the pings of all rounds",
        "- wrk and the pings share these cores with the server",
    ]
    return "\n".join(lines)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    names = [server.name for server in ALL]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", metavar="SERVER", help=f"of {names}")
    parser.add_argument("--seconds", type=int, default=5, help="a case")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="a check of a minute")
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    if arguments.short:
        arguments.seconds, arguments.rounds = 1, 1
        names = [name for name in names if name not in FOREIGN]
    arguments.servers = arguments.servers or names
    return arguments


def measured(arguments: argparse.Namespace) -> Results:
    """Measure all servers in turns, some rounds."""
    with tempfile.TemporaryDirectory() as folder:
        cases = SHORT if arguments.short else CASES
        benchmark = Benchmark(Path(folder), cases, arguments.seconds)
        for _ in range(arguments.rounds):
            for server in ALL:
                if server.name in arguments.servers:
                    benchmark.turn(server)
            for name in IN_PROCESS:
                benchmark.in_process(name)
    return benchmark.found


def main() -> None:
    """Measure, print, and keep."""
    end_on_sigterm()
    arguments = parsed()
    if not (shutil.which("wrk") and shutil.which(NGINX)):
        sys.exit("programs are missing: apt-get install wrk nginx")
    found = measured(arguments)
    text = report(found, arguments)
    print(text)
    if arguments.save:
        print(f"kept in {tables.save('serving', text)}")
    lost = sum(figures.errors for at in found.values() for figures in at.values())
    if arguments.short and lost:
        sys.exit(f"{lost} requests had no good answer")


if __name__ == "__main__":
    main()
