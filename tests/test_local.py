"""local-test/: each step alone, from any folder, with a sentence for what goes wrong.

Here without Docker, or with a stand-in for it first on PATH; contract/test_container.py
has the real one.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness import ECHO, ROOT, environment, free_port, until

# Says what it was called with; `info` answers, so there is an engine.
DOCKER = """#!/usr/bin/env bash
echo "$*" >>"${DOCKER_LOG}"
case "$*" in
    "buildx version") exit 1 ;;
    build*) exit "${BUILD_STATUS:-0}" ;;
    "info --format"*) echo "${DOCKER_SECURITY:-}" ;;
    *"image inspect"*) exit "${INSPECT_STATUS:-0}" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what the scripts use; `.venv` is the environment of these tests."""
    folder = tmp_path / "check out"  # a blank in the path is no trap
    for name in ("model", "local-test"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("model", "output"):
        shutil.rmtree(folder / "local-test/test-dir" / name, ignore_errors=True)
    shutil.copy(ROOT / "requirements.txt", folder)
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    shutil.copy(ROOT / "requirements.txt", folder / ".venv")
    return folder


@pytest.fixture
def docker_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in for Docker first on PATH. Returns: what it was called with."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_LOG", str(tmp_path / "docker.log"))
    return tmp_path / "docker.log"


def call(script: Path, *arguments: str, **variables: object) -> tuple[int, str, str]:
    """Run a script from another folder. Returns: status, stdout, stderr."""
    result = subprocess.run(
        [str(script), *arguments],
        cwd="/",
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return result.returncode, result.stdout, result.stderr


@pytest.fixture
def served(checkout: Path) -> Iterator[int]:
    """Train and serve without Docker. Returns: the port."""
    local, port = checkout / "local-test", free_port()
    status, _, log = call(local / "train-local.sh", "--native")
    assert status == 0, log
    server = subprocess.Popen(
        [str(local / "serve-local.sh"), "--native"],
        cwd="/",
        env=environment(PORT=port),
        stderr=subprocess.DEVNULL,
    )
    until(lambda: answers(port), 60)
    yield port
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    assert not answers(port)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping").is_success
    except httpx.TransportError:
        return False


def test_a_training_that_fails_keeps_the_model_before_it_beside(checkout: Path) -> None:
    local = checkout / "local-test"
    folder, hyperparameters = (
        local / "test-dir",
        local / "test-dir/input/config/hyperparameters.json",
    )
    assert call(local / "train-local.sh", "--native")[0] == 0
    content = (folder / "model/model.joblib").read_bytes()
    assert not (folder / "model.previous").exists()
    given = hyperparameters.read_text()
    hyperparameters.write_text('{"target": "species", "n_estimators": "many"}')
    for _ in range(2):  # also where there is no model any more
        status, _, log = call(local / "train-local.sh", "--native")
        assert status == 1
        assert (folder / "model.previous/model.joblib").read_bytes() == content
        assert "the model before it is in" in log
    assert not list((folder / "model").iterdir())
    hyperparameters.write_text(given)
    assert call(local / "train-local.sh", "--native")[0] == 0
    assert not (folder / "model.previous").exists()


def test_trained_served_and_asked_without_docker(checkout: Path, served: int) -> None:
    predict = checkout / "local-test/predict.sh"
    payload = checkout / "local-test/payload.csv"
    status, out, _ = call(predict, str(payload), PORT=served, ACCEPT="text/csv")
    assert status == 0
    assert out.count("\n") == payload.read_text().count("\n")


def test_an_answer_that_is_no_success_fails_and_is_shown(
    checkout: Path, served: int
) -> None:
    payload = checkout / "bad.csv"
    payload.write_text("")
    predict = checkout / "local-test/predict.sh"
    status, out, log = call(predict, str(payload), PORT=served)
    assert (status, out) == (1, "")
    assert '"code":"bad_input"' in log
    assert log.endswith("predict.sh: the server answered 400\n")


def test_the_demo_does_it_all_without_docker(checkout: Path) -> None:
    demo = checkout / "local-test/demo.sh"
    status, out, log = call(demo, "--native", PORT=free_port())
    assert status == 0, log
    assert '"predictions"' in out


def test_where_no_engine_answers_one_line_says_what_is_done_instead(
    checkout: Path,
) -> None:
    script = checkout / "local-test/train-local.sh"
    status, _, log = call(script, DOCKER_HOST="unix:///nowhere")
    assert status == 0
    assert log.splitlines()[0].startswith("no Docker engine answers")


def test_data_from_elsewhere_is_trained_on(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    rows = "species,size\n" + "a,1\nb,2\n" * 20
    (tmp_path / "rows/rows.csv").write_text(rows)
    script = checkout / "local-test/train-local.sh"
    status, _, log = call(script, "--native", "--data", str(tmp_path / "rows"))
    assert status == 0, log
    description = checkout / "local-test/test-dir/model/model.json"
    assert '"name": "size"' in description.read_text()


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("serve-local.sh", [], "there is no model in "),
        ("serve-local.sh", ["--model", "nowhere"], "there is no folder nowhere"),
        ("serve-local.sh", ["--multi-model", "nowhere"], "there is no folder nowhere"),
        ("serve-local.sh", ["--multi-model", "/proc/self/fd"], "there is no folder in"),
        ("train-local.sh", ["--data", "nowhere"], "there is no folder nowhere"),
        ("predict.sh", ["nowhere.csv"], "cannot read the file nowhere.csv"),
        ("predict.sh", ["/etc/hostname"], "nothing answers on port "),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    checkout: Path, script: str, arguments: list[str], words: str
) -> None:
    path = checkout / "local-test" / script
    native = [] if script == "predict.sh" else ["--native"]
    status, out, log = call(path, *arguments, *native, PORT=free_port())
    assert (status, out) == (1, "")
    assert log.startswith(f"{script}: ")
    assert words in log
    assert log.count("\n") == 1


def test_a_busy_port_is_said_in_one_sentence(checkout: Path, served: int) -> None:
    script = checkout / "local-test/serve-local.sh"
    status, _, log = call(script, "--native", PORT=served)
    assert status == 1
    assert log.startswith(f"serve-local.sh: port {served} is in use")


def test_a_server_that_dies_is_said_and_its_reason_is_shown(checkout: Path) -> None:
    model = checkout / "local-test/test-dir/model"
    model.mkdir(parents=True)
    (model / "model.joblib").write_bytes(b"no model")
    script = checkout / "local-test/serve-local.sh"
    status, _, log = call(script, "--native", PORT=free_port())
    assert status == 1
    *_, reason, last = log.splitlines()
    assert reason.startswith("serve: ")
    assert last.startswith("serve-local.sh: the server ended by itself")


def test_a_job_that_fails_is_said_and_its_reason_is_shown(checkout: Path) -> None:
    config = checkout / "local-test/test-dir/input/config/hyperparameters.json"
    config.write_text('{"targte": "species"}')
    status, _, log = call(checkout / "local-test/train-local.sh", "--native")
    assert status == 1
    assert log.splitlines()[-1].startswith("train-local.sh: training failed")


@pytest.mark.parametrize("script", ["train-local.sh", "demo.sh", "predict.sh"])
def test_a_wrong_option_is_64_and_shows_the_usage(checkout: Path, script: str) -> None:
    status, _, log = call(checkout / "local-test" / script, "--nothing", "x", "y")
    assert status == 64
    assert log.startswith(f"usage: {script}")


def test_many_models_are_loaded_and_asked_as_the_line_says(checkout: Path) -> None:
    """H-59: each folder is a model; `curl`, word for word, from any folder."""
    many = checkout / "models"
    for name in ("first", "second"):
        (many / name).mkdir(parents=True)
    (checkout / "model/predictor.py").write_text(ECHO)
    script, port = checkout / "local-test/serve-local.sh", free_port()
    with (checkout / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(script), "--native", "--multi-model", str(many)],
            env=environment(PORT=port),
            stderr=log,
        )
    until(lambda: answers(port), 60)
    (line,) = (
        line.partition(": ")[2]
        for line in (checkout / "log").read_text().splitlines()
        if line.startswith("when it listens: ")
    )
    shown = subprocess.run(
        ["bash", "-c", f"set -e; {line}"], cwd=checkout, capture_output=True, text=True
    )
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    assert shown.stdout.startswith('{"status":"Workers scaled"}{"predictions":')


def test_many_models_are_mounted_where_the_service_has_them(
    checkout: Path, docker_log: Path
) -> None:
    """H-60."""
    (checkout / "models/one").mkdir(parents=True)
    script = checkout / "local-test/serve-local.sh"
    _, _, log = call(script, "mine:1", "--multi-model", str(checkout / "models"))
    assert f"{checkout}/models:/opt/ml/models:ro" in docker_log.read_text()
    assert "--env SAGEMAKER_MULTI_MODEL" in docker_log.read_text()
    assert '"url": "/opt/ml/models/one"' in log


def test_without_an_image_it_is_built_first(checkout: Path, docker_log: Path) -> None:
    status, _, log = call(checkout / "local-test/train-local.sh")
    assert status == 0, log
    calls = docker_log.read_text().splitlines()
    words = [line.split()[0] for line in calls]
    assert words.index("build") < words.index("run")


def test_an_image_that_is_named_is_used_as_it_is(
    checkout: Path, docker_log: Path
) -> None:
    status, _, log = call(checkout / "local-test/train-local.sh", "mine:1")
    assert status == 0, log
    assert "build" not in docker_log.read_text().replace("buildx", "")
    assert "mine:1 train" in docker_log.read_text()


def test_after_a_failed_build_nothing_runs(checkout: Path, docker_log: Path) -> None:
    status, _, log = call(checkout / "local-test/train-local.sh", BUILD_STATUS=1)
    assert status == 1
    assert "the image was not built" in log
    assert "run" not in [
        line.split()[0] for line in docker_log.read_text().splitlines()
    ]


def test_files_belong_to_the_caller(checkout: Path, docker_log: Path) -> None:
    call(checkout / "local-test/train-local.sh")
    assert f"--user={os.getuid()}:{os.getgid()}" in docker_log.read_text()


def test_a_rootless_engine_maps_its_root_itself(
    checkout: Path, docker_log: Path
) -> None:
    call(checkout / "local-test/train-local.sh", DOCKER_SECURITY="[name=rootless]")
    assert "--user" not in docker_log.read_text()


def test_scripts_have_their_run_bit_and_unix_line_ends() -> None:
    """X-02."""
    programs = [ROOT / "build_and_push.sh", ROOT / "tests/run.sh", ROOT / ".ci/run"]
    programs += [ROOT / "model" / name for name in ("train", "serve", "entrypoint")]
    programs += [p for p in ROOT.glob("local-test/*.sh") if p.name != "common.sh"]
    for program in programs:
        assert os.access(program, os.X_OK), program
        assert b"\r" not in program.read_bytes(), program
    assert "eol=lf" in (ROOT / ".gitattributes").read_text()
