"""The benchmark of serving works: it is a check here, not a measurement."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness import ROOT, environment, free_port, linux_only, until
from measured import Figures
from processes import running
from targets import Target

pytestmark = linux_only
FIGURES = Figures(
    requests=10, rows=10, p50=1, p99=2, errors=0, cpu=1, memory=1, pings=[1]
)


@pytest.mark.sample
@pytest.mark.penguins
@pytest.mark.skipif(
    not (shutil.which("wrk") and shutil.which("/usr/sbin/nginx")),
    reason="wrk or nginx is missing: the benchmark of serving is not tested",
)
def test_the_short_benchmark_finds_a_right_answer_to_every_request() -> None:
    """Each server gives the labels of the model in process; its table has a line."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks/serving.py"), "--short"],
        capture_output=True,
        text=True,
        timeout=500,
        env=environment(),
    )

    assert result.returncode == 0, result.stderr
    tables = result.stdout.split("\n### ")[1:]
    assert [table.partition("\n")[0] for table in tables] == [
        "1 row of CSV, 1 connection",
        "1 row of CSV, 64 connections",
        "100 rows of CSV, 64 connections",
        "1 row of JSON, 1 connection",
        "40,000 rows of CSV, 1 connection",
    ]
    for name in ("ours, ONNX", "ours, scikit-learn", "classic", "naive", "empty"):
        assert f"| {name} |" in tables[0]


def test_a_server_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """Nobody has to look for the log, which is gone by then."""
    command = [sys.executable, "-c", "raise SystemExit('the reason')"]

    with (
        pytest.raises(SystemExit, match="the reason"),
        running([command], tmp_path, free_port(), {}) as server,
    ):
        server.wait("/ping")


def test_no_process_of_a_server_is_left(tmp_path: Path) -> None:
    """Also where its own processes have some, and where the measuring failed."""
    sleeps = "import time; time.sleep(600)"
    starts = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleeps!r}])"
    )
    found: list[psutil.Process] = []

    def measure() -> None:
        command = [sys.executable, "-c", starts]
        with running([command], tmp_path, free_port(), {}) as server:
            until(lambda: len(server.tree()) == 2, 30)
            found.extend(server.tree())
            raise KeyError

    with pytest.raises(KeyError):
        measure()

    assert len(found) == 2
    assert psutil.wait_procs(found, 10)[1] == []


def test_the_better_round_counts_with_the_errors_and_the_pings_of_both() -> None:
    """What went wrong once is never lost."""
    worse = Figures(
        requests=5, rows=5, p50=3, p99=4, errors=7, cpu=1, memory=1, pings=[9]
    )

    both = worse.beside(FIGURES).beside(None)

    assert (both.requests, both.errors, both.ping) == (10, 7, 9)
    assert FIGURES.beside(worse).errors == 7


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        (Target("ratio", 100, least=100), True),
        (Target("ratio", 99.9, least=100), False),
        (Target("ratio", 0.6, most=0.6), True),
        (Target("ratio", float("nan"), most=0.6), False),
    ],
)
def test_a_target_is_reached_from_its_limit_on(
    target: Target, *, reached: bool
) -> None:
    """A figure that is missing reaches nothing."""
    assert target.reached is reached
    assert target.cells()[-1] == ("yes" if reached else "**no**")


@pytest.mark.sample
def test_no_model_of_the_zoo_has_a_wrong_label() -> None:
    """Each sixth of them, on fresh rows; three of four models are kept at least."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks/zoo.py"), "--short"],
        capture_output=True,
        text=True,
        timeout=500,
        env=environment(),
    )

    assert result.returncode == 0, result.stdout + result.stderr
    found = re.search(r"kept (\d+) of (\d+), .* 0 wrong labels", result.stdout)
    assert found
    assert int(found[1]) >= 0.75 * int(found[2])
