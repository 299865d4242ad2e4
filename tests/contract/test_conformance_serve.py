"""The conformance checks of serving, by their numbers: from its start to its end."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Thread

import httpx
import pytest

import checks.image
from checks import serving
from checks.endpoint import Endpoint
from checks.launch import Docker
from containers import (
    Run,
    ask_inside,
    client,
    invoke,
    log,
    owner,
    published,
    ready,
    running,
    status,
    workers,
)
from harness import ROOT, SLOW, docker, payload, until

# Waits, busily, until there is the file that its row names; the first is the warm-up.
GATED = """
import os

class Predictor:
    example = {"gate": "warm-up"}

    def __init__(self, model_dir):
        self.folder = model_dir.parent

    def predict(self, rows):
        gate = self.folder / rows.iloc[0, 0]
        (self.folder / f"begun-{gate.name}-{os.getpid()}").touch()
        while not gate.exists():
            sum(range(1000))
        return [1] * len(rows)
"""


# 6, 7: pings and stops


def pinged(asked: httpx.Client) -> tuple[int, bytes, float]:
    """Ping on a connection of its own. Returns: status, body, seconds."""
    started = time.monotonic()
    try:
        answer = httpx.get(asked.base_url.join("/ping"), timeout=10)
    except httpx.TransportError:
        return 0, b"", 0
    return answer.status_code, answer.content, time.monotonic() - started


def test_check_06_ping_tells_the_truth_and_never_waits(
    run: Run, opt_ml: Path, tmp_path: Path
) -> None:
    """H-12, H-13, H-15, H-28: while the model loads, and while all workers compute."""
    volumes = f"{opt_ml}:/opt/ml", f"{opt_ml}/model:/opt/ml/model:ro"
    two = "--env", "MODEL_SERVER_WORKERS=2"
    container = run(*published(*volumes), *owner(tmp_path, GATED), *two)
    with client(container) as found:
        assert_pings_tell_the_truth(found, opt_ml)


def assert_pings_tell_the_truth(found: httpx.Client, opt_ml: Path) -> None:
    """Open one gate after the other, and ping meanwhile."""
    until(lambda: pinged(found)[0] == 503, 30)
    assert {pinged(found)[0] for _ in range(20)} == {503}
    (opt_ml / "warm-up").touch()
    until(lambda: pinged(found)[0] == 200, 30)
    with ThreadPoolExecutor(50) as callers:
        sent = []

        def all_begun() -> bool:
            sent.append(callers.submit(invoke, found, "busy\n"))
            return len(list(opt_ml.glob("begun-busy-*"))) == 2

        until(all_begun, 10)
        pings = [pinged(found) for _ in range(50)]
        (opt_ml / "busy").touch()
        assert {answer.result().status_code for answer in sent} == {200}
    assert {(code, body) for code, body, _ in pings} == {(200, b"")}
    assert max(seconds for _, _, seconds in pings) < 2


def test_check_07_docker_stop_with_a_request_in_flight(
    run: Run, opt_ml: Path, tmp_path: Path
) -> None:
    """H-03: the answer arrives, status 0, gone within 30 s."""
    container = run(*published(f"{opt_ml}:/opt/ml"), *owner(tmp_path, SLOW))
    ready(container)
    answers: list[httpx.Response] = []

    def call() -> None:
        with client(container) as found:
            answers.append(invoke(found, "7"))

    caller = Thread(target=call)
    caller.start()
    until((opt_ml / "predicting").exists, 10)
    stop = Thread(target=lambda: docker("stop", "--time", "30", container))
    started = time.monotonic()
    stop.start()
    until(lambda: "term" in log(container), 10)
    (opt_ml / "gate").touch()
    caller.join()
    stop.join()
    assert time.monotonic() - started < 30
    assert answers[0].json() == {"predictions": [7.0]}
    assert status(container) == 0


# 8: what it is given


def test_check_08_the_port_and_the_workers_are_what_the_container_is_given(
    run: Run, trained: Path
) -> None:
    """H-09, H-42, H-65, H-74, X-05, X-06: unasked, one a CPU and one a GiB."""
    volume = "--volume", f"{trained}:/opt/ml/model:ro"
    given = {
        ("--cpus", "1", "--env", "SAGEMAKER_BIND_TO_PORT=9000"): (9000, 1),
        ("--memory", "1g"): (8080, 1),
        ("--env", "SAGEMAKER_MODEL_SERVER_WORKERS=3", "--cpus", "1"): (8080, 3),
    }
    started = {run(*volume, *options): what for options, what in given.items()}
    for container, (port, n_workers) in started.items():
        ready(container, port)
        until(lambda name=container, n=n_workers: len(workers(name)) == n, 20)
        assert f"workers: {n_workers}, " in log(container)


# 13, 14, 16: other places


def test_check_13_a_killed_worker_is_replaced_a_killed_master_ends_the_container(
    run: Run, trained: Path
) -> None:
    """X-10: with a status that is not 0, and no worker keeps the container alive."""
    volume = "--volume", f"{trained}:/opt/ml/model:ro"
    container = run("--env", "MODEL_SERVER_WORKERS=2", *volume)
    ready(container)
    until(lambda: len(workers(container)) == 2, 20)
    killed, kept = workers(container)
    docker("exec", container, "sh", "-c", f"kill -9 {killed}")
    until(lambda: len({*workers(container)} - {killed, kept}) == 1, 20)
    assert kept in workers(container)
    ready(container)
    assert len(json.loads(ask_inside(container, payload()))["predictions"])
    docker("kill", container)
    until(lambda: not running(container), 10)
    assert status(container) == 137


def assert_serves(container: str) -> None:
    """Expect one prediction for each row."""
    ready(container)
    predictions = json.loads(ask_inside(container, payload()))["predictions"]
    assert len(predictions) == payload().count(b"\n")


@pytest.mark.parametrize(
    "options",
    [
        ["--read-only", "--tmpfs", "/tmp"],
        ["--user", "1001", "--ipc", "none"],
        [*serving.SERVERLESS, "--memory", "1g"],
    ],
    ids=["read-only", "a user", "serverless"],
)
def test_check_14_it_serves_where_little_can_be_written(
    image: str, trained: Path, tmp_path: Path, options: list[str]
) -> None:
    """H-28, H-41, H-42, H-43, H-45: in less than a minute."""
    place = Docker(image, None, tmp_path)
    with (
        closing(place),
        closing(place.start("serve", trained.parent, *options)) as run,
    ):
        e = Endpoint(run, payload().splitlines())
        assert serving.starts(e).verdict == "ok", run.log()
        assert time.monotonic() - run.begun < 60
        assert serving.answers_each_row(e).verdict == "ok", run.log()


def test_check_15_the_image_is_for_one_platform_and_below_10_gb(
    image: str, tmp_path: Path
) -> None:
    """I-06, I-11, H-41: what a push makes of it is proved with a registry."""
    about = Docker(image, None, tmp_path)
    engine = docker("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}").strip()
    assert engine in checks.image.architecture(about).seen
    assert checks.image.size(about).verdict == "ok"
    assert about.about["RootFS"]["Type"] == "layers"


def test_check_16_without_a_network_it_serves(run: Run, trained: Path) -> None:
    """T-54."""
    volume = "--volume", f"{trained}:/opt/ml/model:ro"
    assert_serves(run("--network", "none", *volume))


def test_every_check_has_its_test() -> None:
    files = (ROOT / "tests/contract").glob("test_conformance_*.py")
    text = "".join(file.read_text() for file in files)
    found = {
        int(number)
        for number in re.findall(r"^def test_check_(\d\d)_", text, re.MULTILINE)
    }
    assert found == set(range(1, 17))
