"""The image, run as SageMaker runs it: what no conformance check asks for."""

import subprocess
import time
from pathlib import Path

import pytest

from containers import SERVERLESS, SLOW_LOAD, Run, log, owner, ready, running, status
from harness import docker, until


@pytest.mark.parametrize("word", ["help", "--help", "trian"])
def test_help_and_unknown_words_get_the_usage_and_status_64(
    image: str, word: str
) -> None:
    """T-04."""
    result = subprocess.run(
        ["docker", "run", "--rm", image, word], capture_output=True, text=True
    )
    assert result.returncode == 64
    assert "usage: docker run IMAGE train" in result.stdout + result.stderr


@pytest.mark.parametrize("program", ["bash", "python3", "pip"])
def test_any_program_on_path_can_be_run(image: str, program: str) -> None:
    """T-04, T-08."""
    assert program in docker(
        "run", "--rm", image, program, "--version"
    ).lower().replace("python 3", "python3")


def test_metrics_are_off_with_one_line_where_nothing_can_be_written(
    run: Run, trained: Path
) -> None:
    """H-40, H-45: it serves, and says so once."""
    volume = ("--volume", f"{trained}:/opt/ml/model:ro")
    container = run(*SERVERLESS, "--tmpfs", "/var/tmp", *volume)
    ready(container)
    code = """
from urllib.error import HTTPError
from urllib.request import urlopen
try:
    urlopen("http://127.0.0.1:8080/metrics")
except HTTPError as refused:
    print(refused.status)
"""
    assert docker("exec", container, "python3", "-c", code) == "404\n"
    said = log(container)
    assert said.count("no /metrics: cannot write to any of /dev/shm, /tmp") == 1
    assert said.count("metrics") == 1


def test_where_nothing_at_all_can_be_written_serve_says_what_it_needs(
    run: Run, trained: Path
) -> None:
    """H-45: gunicorn's heartbeat is a file; serverless has /tmp."""
    container = run(*SERVERLESS, "--volume", f"{trained}:/opt/ml/model:ro")
    until(lambda: not running(container), 60)
    assert status(container) == 1
    assert log(container).endswith(
        "no folder can be written: mount one, docker run --tmpfs /tmp\n"
    )


@pytest.mark.parametrize("command", ["train", "serve"])
def test_process_1_is_the_program_itself(
    run: Run, opt_ml: Path, tmp_path: Path, command: str
) -> None:
    """T-02, H-01, X-01."""
    options = [
        "--volume",
        f"{opt_ml}:/opt/ml",
        *owner(tmp_path, SLOW_LOAD, "time.sleep(60)"),
    ]
    container = run(*options, command=command)
    read = ["docker", "exec", container, "cat", "/proc/1/cmdline"]
    name = {"train": b"runtime.training", "serve": b"/opt/program/serve"}[command]
    until(lambda: name in subprocess.run(read, capture_output=True).stdout, 10)


def test_docker_stop_while_train_still_imports(
    run: Run, opt_ml: Path, tmp_path: Path
) -> None:
    """T-43: process 1 would not hear it, had the job not begun first."""
    train = tmp_path / "train"
    train.write_text(
        "import pathlib, time\n"
        "pathlib.Path('/opt/ml/importing').touch()\ntime.sleep(100)\n"
    )
    train.chmod(0o755)
    volumes = [f"{opt_ml}:/opt/ml", f"{train}:/opt/program/train:ro"]
    options = [word for volume in volumes for word in ("--volume", volume)]
    container = run(*options, command="train")
    until((opt_ml / "importing").exists, 30)
    docker("stop", "--time", "120", container)
    assert status(container) == 1
    assert (opt_ml / "output/failure").read_text() == "Stopped before a model was saved"
    assert not list((opt_ml / "model").iterdir())


def test_docker_stop_while_the_model_loads_ends_at_once(
    run: Run, opt_ml: Path, tmp_path: Path
) -> None:
    """H-03."""
    container = run("--volume", f"{opt_ml}:/opt/ml", *owner(tmp_path, SLOW_LOAD))
    until(lambda: "workers: " in log(container), 20)
    started = time.monotonic()
    docker("stop", "--time", "30", container)
    assert time.monotonic() - started < 10
    assert status(container) == 0


def test_without_a_model_the_container_ends_with_one_line_and_status_1(
    run: Run, opt_ml: Path
) -> None:
    """X-10."""
    container = run("--volume", f"{opt_ml}:/opt/ml")
    until(lambda: not running(container), 30)
    assert status(container) == 1
    last = log(container).rstrip().splitlines()[-1]
    assert last.startswith("serve: ")
