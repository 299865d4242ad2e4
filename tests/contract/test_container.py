"""The image, run as SageMaker runs it. Skipped where there is no Docker engine."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest

import runtime
from harness import ECHO, ROOT, SLOW, docker, until

SLOW_LOAD = ECHO.replace(
    "        self.names", "        import time; time.sleep(60)\n        self.names"
)
SERVERLESS = ("--user", "1001", "--ipc", "none", "--read-only")
Run = Callable[..., str]


@pytest.fixture
def run(image: str) -> Iterator[Run]:
    """Start containers in the background; they are gone when the test ends."""
    started: list[str] = []

    def start(*options: str, command: str = "serve") -> str:
        words = command.split()
        started.append(docker("run", "--detach", *options, image, *words).strip())
        return started[-1]

    yield start
    for container in started:
        docker("rm", "--force", "--volumes", container)


@pytest.fixture
def opt_ml(tmp_path: Path) -> Path:
    """Give the tree of local-test, with nothing that a run has produced."""
    folder = tmp_path / "ml"
    shutil.copytree(ROOT / "local-test/test-dir/input", folder / "input")
    (folder / "model").mkdir()
    (folder / "output").mkdir()
    return folder


@pytest.fixture(scope="module")
def trained(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train in the image once. Returns: the model folder."""
    folder = tmp_path_factory.mktemp("ml")
    shutil.copytree(ROOT / "local-test/test-dir/input", folder / "input")
    docker("run", "--rm", "--volume", f"{folder}:/opt/ml", image, "train")
    return folder / "model"


def ready(container: str, port: int = 8080) -> None:
    """Wait until `/ping` answers 200, as seen from inside."""
    code = f"from urllib.request import urlopen as u; u('http://127.0.0.1:{port}/ping')"
    command = ["docker", "exec", container, "python3", "-c", code]
    until(
        lambda: (
            subprocess.run(command, capture_output=True).returncode == 0
            or not running(container)
        ),
        60,
    )
    assert running(container), docker("logs", container, check=False)


def running(container: str) -> bool:
    return docker("inspect", "--format", "{{.State.Running}}", container) == "true\n"


def status(container: str) -> int:
    return int(docker("inspect", "--format", "{{.State.ExitCode}}", container))


def address(container: str) -> str:
    return "http://" + docker("port", container, "8080").splitlines()[0]


def owner(tmp_path: Path, predictor: str) -> tuple[str, str]:
    """Give the options that put another predictor.py into the image."""
    file = tmp_path / "predictor.py"
    file.write_text(predictor)
    return "--volume", f"{file}:/opt/program/predictor.py:ro"


def test_the_image_trains_what_is_mounted(trained: Path) -> None:
    """Conformance check 1; T-01."""
    names = sorted(path.name for path in trained.iterdir())
    assert names == ["model.joblib", "model.json"]


@pytest.mark.parametrize("command", ["", "train"])
def test_without_an_argument_and_without_a_network_it_trains(
    image: str, opt_ml: Path, command: str
) -> None:
    """R-05, T-54; conformance check 16."""
    volume = f"{opt_ml}:/opt/ml"
    options = ["--rm", "--network", "none", "--volume", volume]
    docker("run", *options, image, *command.split())
    assert (opt_ml / "model/model.json").exists()


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


def test_a_failed_job_leaves_its_reason_and_no_model(image: str, opt_ml: Path) -> None:
    """T-39, T-40; conformance check 1."""
    shutil.rmtree(opt_ml / "input/data")
    command = ["docker", "run", "--rm", "--volume", f"{opt_ml}:/opt/ml", image, "train"]
    assert subprocess.run(command, capture_output=True).returncode == 1
    reason = (opt_ml / "output/failure").read_text()
    assert reason.startswith("ClientError: no channel 'training'")
    assert not list((opt_ml / "model").iterdir())


@pytest.mark.parametrize(
    "options",
    [
        ["--network", "none"],
        ["--read-only", "--tmpfs", "/tmp"],
        [*SERVERLESS, "--tmpfs", "/tmp", "--memory", "1g"],
        ["--memory", "1g", "--cpus", "1"],
    ],
    ids=["no-network", "read-only", "serverless", "small"],
)
def test_it_serves_a_read_only_model_wherever_it_is_put(
    run: Run, trained: Path, options: list[str]
) -> None:
    """H-28, H-42, H-43, H-45, T-54: in less than a minute; checks 6, 14 and 16."""
    container = run(*options, "--volume", f"{trained}:/opt/ml/model:ro")
    ready(container)
    code = """
import sys, urllib.request as u
body = sys.stdin.buffer.read()
q = u.Request("http://127.0.0.1:8080/invocations", body, {"Content-Type": "text/csv"})
sys.stdout.write(u.urlopen(q).read().decode())
"""
    payload = (ROOT / "local-test/payload.csv").read_bytes()
    answer = subprocess.run(
        ["docker", "exec", "--interactive", container, "python3", "-c", code],
        input=payload,
        capture_output=True,
        check=True,
    )
    predictions = json.loads(answer.stdout)["predictions"]
    assert len(predictions) == payload.count(b"\n")


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
    log = docker("logs", container, check=False)
    assert log.count("no /metrics: cannot write to any of /dev/shm, /tmp") == 1
    assert log.count("metrics") == 1


def test_where_nothing_at_all_can_be_written_serve_says_what_it_needs(
    run: Run, trained: Path
) -> None:
    """H-45: gunicorn's heartbeat is a file; serverless has /tmp."""
    container = run(*SERVERLESS, "--volume", f"{trained}:/opt/ml/model:ro")
    until(lambda: not running(container), 60)
    assert status(container) == 1
    log = docker("logs", container, check=False)
    assert log.endswith(
        "no folder can be written: mount one, docker run --tmpfs /tmp\n"
    )


def test_a_killed_server_ends_the_container_with_a_status_that_is_not_0(
    run: Run, trained: Path
) -> None:
    """X-10: no worker keeps it alive."""
    container = run("--volume", f"{trained}:/opt/ml/model:ro")
    ready(container)
    docker("kill", container)
    until(lambda: not running(container), 10)
    assert status(container) == 137


def test_workers_are_counted_by_what_the_container_has(run: Run, trained: Path) -> None:
    """X-05, X-06; conformance check 8."""
    container = run(
        *("--cpus", "1", "--memory", "1g", "--volume", f"{trained}:/opt/ml/model:ro")
    )
    ready(container)
    assert "workers: 1," in docker("logs", container, check=False)


def test_the_port_that_sagemaker_names_is_the_one_that_is_bound(
    run: Run, trained: Path
) -> None:
    """H-09, H-65; conformance check 8."""
    volume = f"{trained}:/opt/ml/model:ro"
    container = run("--env", "SAGEMAKER_BIND_TO_PORT=9000", "--volume", volume)
    ready(container, 9000)


@pytest.mark.parametrize("command", ["train", "serve"])
def test_process_1_is_the_program_itself(
    run: Run, opt_ml: Path, tmp_path: Path, command: str
) -> None:
    """T-02, H-01, X-01."""
    options = ["--volume", f"{opt_ml}:/opt/ml", *owner(tmp_path, SLOW_LOAD)]
    container = run(*options, command=command)
    read = ["docker", "exec", container, "cat", "/proc/1/cmdline"]
    name = f"/opt/program/{command}".encode()
    until(lambda: name in subprocess.run(read, capture_output=True).stdout, 10)


def test_docker_stop_before_a_model_was_saved(
    run: Run, opt_ml: Path, tmp_path: Path
) -> None:
    """T-43; conformance check 2: failure file, non-zero status, empty model folder."""
    train = tmp_path / "train"
    train.write_text(
        "#!/usr/bin/env python3\n"
        "import time\nfrom pydantic import BaseModel\nfrom runtime.job import run\n"
        "class Hyperparameters(BaseModel, extra='allow'):\n    target: str = ''\n"
        "    n_estimators: int = 1\n    random_state: int = 0\n"
        "def train(job):\n    (job.model_dir / 'half').touch()\n    time.sleep(100)\n"
        "run(train, Hyperparameters)\n"
    )
    train.chmod(0o755)
    volumes = [f"{opt_ml}:/opt/ml", f"{train}:/opt/program/train:ro"]
    options = [word for volume in volumes for word in ("--volume", volume)]
    container = run(*options, command="train")
    until((opt_ml / "model/half").exists, 30)
    started = time.monotonic()
    docker("stop", "--time", "120", container)
    assert time.monotonic() - started < 10
    assert status(container) == 1
    assert (opt_ml / "output/failure").read_text() == "Stopped before a model was saved"
    assert not list((opt_ml / "model").iterdir())


def test_docker_stop_while_train_still_imports(
    run: Run, opt_ml: Path, tmp_path: Path
) -> None:
    """T-43: process 1 would not hear it, had `runtime` not set a handler first."""
    train = tmp_path / "train"
    train.write_text(
        "#!/usr/bin/env python3\nimport pathlib, runtime, time\n"
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


@pytest.mark.sample
def test_nothing_is_imported_before_a_stop_is_heard() -> None:
    """T-43."""
    lines = (ROOT / "model/train").read_text().splitlines()
    first = next(line for line in lines if line.startswith(("import ", "from ")))
    assert first.startswith("from runtime.")


def test_docker_stop_with_a_request_in_flight(
    run: Run, opt_ml: Path, tmp_path: Path
) -> None:
    """H-03; conformance check 7: the answer arrives, status 0, gone within 30 s."""
    publish = ("--publish", "127.0.0.1::8080", "--volume", f"{opt_ml}:/opt/ml")
    container = run(*publish, *owner(tmp_path, SLOW))
    ready(container)
    answers: list[httpx.Response] = []
    url = address(container) + "/invocations"
    headers = {"content-type": "text/csv"}
    caller = Thread(
        target=lambda: answers.append(httpx.post(url, content="7", headers=headers))
    )
    caller.start()
    until((opt_ml / "predicting").exists, 10)
    stop = Thread(target=lambda: docker("stop", "--time", "30", container))
    stop.start()
    until(lambda: "term" in docker("logs", container, check=False), 10)
    (opt_ml / "gate").touch()
    caller.join()
    stop.join()
    assert answers[0].json() == {"predictions": [7.0]}
    assert status(container) == 0


def test_docker_stop_while_the_model_loads_ends_at_once(
    run: Run, opt_ml: Path, tmp_path: Path
) -> None:
    """H-03."""
    container = run("--volume", f"{opt_ml}:/opt/ml", *owner(tmp_path, SLOW_LOAD))
    until(lambda: "workers: " in docker("logs", container, check=False), 20)
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
    last = docker("logs", container, check=False).rstrip().splitlines()[-1]
    assert last.startswith("serve: ")


def test_the_image_runs_as_root(image: str) -> None:
    """H-02, T-06: SageMaker expects it."""
    user = docker("inspect", "--format", "{{.Config.User}}", image)
    assert user.strip() in ("", "root", "0")


def test_labels_promise_what_the_image_does(image: str) -> None:
    """I-13, H-65."""
    labels = json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels == {
        "com.amazonaws.sagemaker.capabilities.accept-bind-to-port": "true",
        "org.opencontainers.image.version": runtime.__version__,
    }


def test_no_compiler_and_no_cache_is_left_in_the_image(image: str) -> None:
    script = "command -v gcc cc make || find / -xdev -path '*/.cache/pip*' 2>/dev/null"
    found = docker("run", "--rm", image, "sh", "-c", script, check=False)
    assert found.strip() == ""


def test_no_module_is_compiled_at_run_time(image: str) -> None:
    """H-28, H-45: each has its bytecode, and no more is written."""
    script = (
        "import pathlib, sys; "
        "sys.exit(any(not list(p.parent.glob(f'__pycache__/{p.stem}.*.pyc')) "
        "for p in pathlib.Path('/opt/program').rglob('*.py')))"
    )
    docker("run", "--rm", image, "python3", "-c", script)


def test_the_image_less_its_base_stays_under_750_mb_and_without_extras_450(
    image: str,
) -> None:
    """I-11, H-41."""
    layers = docker("history", "--human=false", "--format", "{{.Size}}", image).split()
    base = (
        ROOT.joinpath("Dockerfile").read_text().split("ARG BASE_IMAGE=")[1].split()[0]
    )
    below = docker("history", "--human=false", "--format", "{{.Size}}", base).split()
    size = sum(map(int, layers)) - sum(map(int, below))
    assert size < 750e6
    extras = "pyarrow matplotlib mpl_toolkits fontTools PIL pillow.libs kiwisolver"
    script = f"cd /opt/venv/lib/python3.*/site-packages && du -sbc {extras} | tail -n 1"
    assert (
        size - int(docker("run", "--rm", image, "sh", "-c", script).split()[0]) < 450e6
    )


def test_neither_data_nor_history_nor_wheels_enter_the_image(image: str) -> None:
    script = (
        "find / -xdev \\( -name '.git' -o -name 'penguins.csv' -o -name '*.whl' \\)"
    )
    found = docker("run", "--rm", image, "sh", "-c", f"{script} 2>/dev/null; true")
    assert [line for line in found.split() if "python-wheels" not in line] == []
