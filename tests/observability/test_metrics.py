"""`/metrics`: sums over real processes, which are forked, killed, and out of disk."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import ROOT, environment, free_port, until

# A server's main process: `made` is where it keeps its numbers.
HEADER = """
import logging, os, resource, shutil, signal, sys
from pathlib import Path
from runtime.observability.metrics import Metrics, forget, prepare
from runtime.observability.logs import RequestRecord

logging.basicConfig(level=logging.INFO, format="%(message)s")
made = prepare([Path(sys.argv[1])])
os.environ["PROMETHEUS_MULTIPROC_DIR"] = made

def observe(metrics, count=1, **fields):
    for _ in range(count):
        metrics.observe(RequestRecord("an-id", **{"status": 200, **fields}))

def fork(work):
    child = os.fork()
    if child == 0:
        work()
        sys.exit()  # as gunicorn's workers do: what is registered with atexit runs
    return child

def show(metrics):
    print(metrics.render()[0].decode())
"""

# What a worker of each test does: two requests answered, a third on its way.
WORK = """
def work():
    metrics = Metrics(made)
    observe(metrics, 2, rows=3, bytes=10)
    metrics.waiting = 1
    metrics.tick()
"""


def run(program: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a folder for its numbers, for 30 s at most."""
    return subprocess.run(
        [sys.executable, *options, "-c", program, str(folder)],
        env=environment(PYTHONPATH=ROOT / "model"),
        capture_output=True,
        text=True,
        timeout=30,
    )


def page(program: str, folder: Path) -> dict[str, float]:
    """Give the samples that a program shows, by name and labels."""
    done = run(HEADER + program, folder)
    assert done.returncode == 0, done.stderr
    return samples(done.stdout)


def samples(text: str) -> dict[str, float]:
    """Read a page, as a Prometheus server does."""
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_page_sums_up_what_all_workers_have_counted(tmp_path: Path) -> None:
    """Whichever worker is asked (X-43); workers that have ended count too."""
    shown = page(
        WORK
        + "for child in [fork(work) for _ in range(3)]:\n"
        + "    os.waitpid(child, 0)\n"
        + "work()\n"
        + "show(Metrics(made))\n",
        tmp_path,
    )
    assert shown["invocations_total 200"] == 8
    assert shown["invocation_rows_total"] == 24
    assert shown["invocation_bytes_total"] == 80
    assert shown["invocation_seconds_count"] == 8


def test_models_have_series_of_their_own_up_to_a_number(tmp_path: Path) -> None:
    """H-60: names are the caller's; those of models that there are not make none."""
    shown = page(
        "metrics = Metrics(made, by_model=True)\n"
        "for number in range(300):\n"
        "    observe(metrics, model=f'm{number}')\n"
        "    observe(metrics, model=f'none{number}', status=404)\n"
        "observe(metrics, model='m0', status=400)\n"
        "metrics.tick()\n"
        "show(metrics)\n",
        tmp_path,
    )
    found = {
        name: value for name, value in shown.items() if "model_invocations" in name
    }
    named = [name for name in found if " m" in name]
    assert len(named) == 201
    assert found["model_invocations_total m0 200"] == 1
    assert found["model_invocations_total m0 400"] == 1
    assert found["model_invocations_total  200"] == 100
    assert found["model_invocations_total  404"] == 300
    assert shown["invocations_total 200"] == 300


def test_a_worker_that_was_killed_leaves_its_counts_and_no_gauge(
    tmp_path: Path,
) -> None:
    """SIGKILL, as the kernel does where memory ends; the server's hook is told."""
    shown = page(
        WORK
        + "def wait():\n"
        + "    work()\n"
        + "    os.write(end, b'.')\n"
        + "    signal.pause()\n"
        + "start, end = os.pipe()\n"
        + "child = fork(wait)\n"
        + "os.read(start, 1)\n"
        + "metrics = Metrics(made)\n"
        + "observe(metrics)\n"
        + "metrics.tick()\n"
        + "assert b'in_progress 1.0' in metrics.render()[0]\n"
        + "os.kill(child, signal.SIGKILL)\n"
        + "os.waitpid(child, 0)\n"
        + "forget(made, child)\n"
        + "show(metrics)\n",
        tmp_path,
    )
    assert shown["invocations_in_progress"] == 0
    assert shown["invocations_total 200"] == 3


def test_what_was_made_before_a_fork_counts_after_it(tmp_path: Path) -> None:
    """The app is imported before the workers fork, and the owner's counters with it."""
    shown = page(
        "from prometheus_client import Counter\n"
        "own = Counter('own', 'Of the owner.')\n"
        "metrics = Metrics(made)\n"
        "def work():\n"
        "    observe(metrics)\n"
        "    own.inc()\n"
        "    metrics.tick()\n"
        "for child in [fork(work) for _ in range(3)]:\n"
        "    os.waitpid(child, 0)\n"
        "show(metrics)\n",
        tmp_path,
    )
    assert shown["invocations_total 200"] == 3
    assert shown["own_total"] == 3


def test_each_number_of_a_request_has_its_series(tmp_path: Path) -> None:
    """In plain text, by its status and by stage (H-40)."""
    shown = page(
        "import time\n"
        "metrics = Metrics(made)\n"
        "fields = dict(queue=1, decode=2, predict=4, encode=8, ignored_columns=5)\n"
        "observe(metrics, started=time.perf_counter() - 0.4, **fields)\n"
        "observe(metrics, status=400, started=time.perf_counter() - 8)\n"
        "observe(metrics, started=time.perf_counter() - 70)\n"
        "metrics.tick()\n"
        "assert metrics.render()[1] == 'text/plain; version=0.0.4; charset=utf-8'\n"
        "show(metrics)\n",
        tmp_path,
    )
    assert shown["invocations_total 200"] == 2
    assert shown["invocations_total 400"] == 1
    stages = ("queue", "decode", "predict", "encode")
    given = [shown[f"invocation_stage_seconds_total {stage}"] for stage in stages]
    assert given == [1, 2, 4, 8]
    assert shown["invocation_ignored_columns_total"] == 5
    assert shown["invocation_seconds_sum"] == pytest.approx(78.4, abs=4)
    limits = ("0.2", "5.0", "30.0", "60.0", "+Inf")
    given = [shown[f"invocation_seconds_bucket {limit}"] for limit in limits]
    assert given == [0, 1, 2, 2, 3]


def test_every_series_says_in_english_what_it_is(tmp_path: Path) -> None:
    """A sentence each, and the type that its name promises."""
    count = "metrics = Metrics(made)\nobserve(metrics)\nmetrics.tick()\n"
    done = run(f"{HEADER}{count}show(metrics)", tmp_path)
    kinds = {f.name: f.type for f in text_string_to_metric_families(done.stdout)}
    assert kinds == {
        "invocations": "counter",
        "invocation_rows": "counter",
        "invocation_bytes": "counter",
        "invocation_ignored_columns": "counter",
        "invocation_stage_seconds": "counter",
        "invocation_seconds": "histogram",
        "invocations_in_progress": "gauge",
    }
    assert len(re.findall(r"# HELP \w+ [A-Z].{15,}\.\n", done.stdout)) == len(kinds)


def test_requests_do_not_gather_without_end(tmp_path: Path) -> None:
    """Between two ticks at most some hundred wait to be written."""
    shown = page(
        "metrics = Metrics(made)\nobserve(metrics, 10_000)\nshow(metrics)\n",
        tmp_path,
    )
    assert 9_700 < shown["invocations_total 200"] <= 10_000


def test_a_folder_that_vanishes_fails_no_request(tmp_path: Path) -> None:
    """Nor the start of a worker; both are told in a line, and there is no page."""
    done = run(
        HEADER
        + "metrics = Metrics(made)\n"
        + "shutil.rmtree(made)\n"
        + "observe(metrics, 1000)\n"
        + "metrics.tick()\n"
        + "assert metrics.render() is None\n"
        + "later = Metrics(made)\n"
        + "observe(later, 1000)\n"
        + "later.tick()\n",
        tmp_path,
    )
    assert done.returncode == 0
    no_page, no_count = done.stderr.splitlines()
    assert no_page.startswith(f"cannot read {tmp_path}/metrics-")
    assert no_count.startswith("this worker no longer counts for /metrics: [Errno 2]")


def test_a_fork_where_the_folder_has_vanished_fails_no_request(tmp_path: Path) -> None:
    """A process opens its files when it first counts."""
    done = run(
        HEADER
        + "metrics = Metrics(made)\n"
        + "shutil.rmtree(made)\n"
        + "def work():\n"
        + "    observe(metrics, 1000)\n"
        + "    metrics.tick()\n"
        + "sys.exit(os.waitpid(fork(work), 0)[1])\n",
        tmp_path,
    )
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1


def test_a_disk_that_is_full_fails_no_request(tmp_path: Path) -> None:
    """The files are written in full at the start: no later write can lack space.

    They are mapped into memory: a lack would not be an error, but the process's end.
    """
    done = run(
        HEADER
        + "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        + "metrics = Metrics(made)\n"
        + "observe(metrics, 1000)\n"
        + "metrics.tick()\n",
        tmp_path,
    )
    assert done.returncode == 0
    assert re.fullmatch(
        "this worker no longer counts .*File too large.*\n", done.stderr
    )


def test_files_have_no_holes_and_do_not_grow(tmp_path: Path) -> None:
    """A hole is space that may be missing when it is needed."""
    done = run(
        HEADER
        + "metrics = Metrics(made)\n"
        + "for status in range(200, 230):\n"
        + "    observe(metrics, status=status)\n"
        + "metrics.tick()\n"
        + "for file in Path(made).iterdir():\n"
        + "    with file.open() as stream:\n"
        + "        print(os.lseek(stream.fileno(), 0, os.SEEK_HOLE))\n",
        tmp_path,
    )
    assert done.stdout.split() == ["16384"] * 3, done.stderr


def test_a_page_that_cannot_be_read_is_no_failure(tmp_path: Path) -> None:
    """Half a file, a file of somebody else."""
    done = run(
        HEADER
        + "Path(made, 'counter_1.db').write_bytes(b'\\xff\\x7f')\n"
        + "assert Metrics(made).render() is None\n",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("cannot read ")


def test_the_folder_is_fresh_and_ends_with_its_process(tmp_path: Path) -> None:
    """Not with a worker, and not what an earlier start has left (X-43)."""
    done = run(
        HEADER
        + WORK
        + "Path(made, 'counter_1.db').touch()\n"
        + "assert prepare([Path(sys.argv[1])]) == made\n"
        + "assert not list(Path(made).iterdir())\n"
        + "os.waitpid(fork(work), 0)\n"
        + "assert list(Path(made).iterdir())\n",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


PREPARE = (
    "import logging, sys\n"
    "from pathlib import Path\n"
    "from runtime.observability.metrics import Metrics, forget, prepare\n"
    "from runtime.observability.logs import RequestRecord\n"
    "logging.basicConfig(level=logging.INFO, format='%(message)s')\n"
)
OFF = (
    "forget(made, 1)\n"
    "metrics = Metrics(made)\n"
    "metrics.observe(RequestRecord('an-id'))\n"
    "metrics.tick()\n"
    "print(made, metrics.render())\n"
)


def test_the_folder_is_in_the_first_place_that_can_be_written(tmp_path: Path) -> None:
    """/dev/shm may be missing, the root file system may be read-only (H-45)."""
    places = "[Path('/proc'), Path('/none'), Path(sys.argv[1]), Path('/tmp')]"
    done = run(f"{PREPARE}print(prepare({places}))", tmp_path)
    assert done.stdout.startswith(f"{tmp_path}/metrics-")
    assert done.stderr == ""


def test_without_a_place_metrics_are_off(tmp_path: Path) -> None:
    """One line says so, and requests are served (H-45)."""
    places = "[Path('/proc'), Path('/none')]"
    done = run(f"{PREPARE}made = prepare({places})\n{OFF}", tmp_path)
    assert done.stdout == "None None\n", done.stderr
    assert done.stderr == "no /metrics: cannot write to any of /proc, /none\n"


def test_without_the_package_metrics_are_off(tmp_path: Path) -> None:
    """-S: this Python sees no installed package at all."""
    done = run(f"{PREPARE}made = prepare([Path(sys.argv[1])])\n{OFF}", tmp_path, "-S")
    assert done.stdout == "None None\n", done.stderr
    assert done.stderr == "no /metrics: prometheus-client is not installed\n"


CONFIG = """
import os
from pathlib import Path
from runtime.observability import metrics

wsgi_app = "app:app"
worker_class = "uvicorn_worker.UvicornWorker"
workers = 2
preload_app = True
control_socket_disable = True
folder = metrics.prepare([Path(os.environ["PLACE"])])
raw_env = [f"PROMETHEUS_MULTIPROC_DIR={folder}"]

def child_exit(server, worker):
    metrics.forget(folder, worker.pid)
"""
APP = """
import os
from runtime.observability.metrics import Metrics
from runtime.observability.logs import RequestRecord

async def app(scope, receive, send):
    global metrics
    if scope["type"] == "lifespan":
        await receive()
        metrics = Metrics(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        return await send({"type": "lifespan.startup.complete"})
    if scope["path"] == "/metrics":
        body = metrics.render()[0]
    else:
        metrics.waiting = 1  # and never leaves: the gauge counts workers
        metrics.observe(RequestRecord("an-id", status=200))
        metrics.tick()
        body = str(os.getpid()).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture
def gunicorn(tmp_path: Path) -> Any:
    """Give a server with two workers, and where it answers."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "config.py").write_text(CONFIG)
    (place := tmp_path / "place").mkdir()
    path, port = f"{ROOT / 'model'}:{tmp_path}", free_port()
    command = ["gunicorn", "--config", "config.py", "--bind", f"127.0.0.1:{port}"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=environment(PYTHONPATH=path, PLACE=place),
            stderr=log,
            start_new_session=True,
        )
    yield server, f"http://127.0.0.1:{port}", place
    with contextlib.suppress(ProcessLookupError):  # its workers too
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def test_the_page_of_a_real_server(gunicorn: Any) -> None:
    """Two workers, one killed and replaced; after SIGTERM nothing is left behind."""
    server, url, place = gunicorn
    answers: list[int] = []

    def ask() -> None:
        answers.append(int(httpx.get(url).text))

    def shown() -> dict[str, float]:
        return samples(httpx.get(f"{url}/metrics").text)

    def both() -> bool:
        try:
            ask()
        except httpx.TransportError:
            return False  # not yet
        return len(set(answers)) == 2

    until(both, 30)
    assert shown()["invocations_total 200"] == len(answers)
    assert shown()["invocations_in_progress"] == 2

    subprocess.run(["kill", "-KILL", str(answers[-1])])
    until(lambda: shown()["invocations_in_progress"] == 1, 30)
    assert shown()["invocations_total 200"] == len(answers)

    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    assert not list(place.iterdir())
