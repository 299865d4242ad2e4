"""Real programs for the tests: a copy of model/ with an owner's files, and a server."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx
import pandas as pd
import psutil
import pytest

from runtime import formats
from runtime.models import artifact, onnx_session
from runtime.models.served import ServedModel
from runtime.observability.logs import RequestRecord
from runtime.serving.executor import Executor
from runtime.serving.invocation import Invocations, Policy, RequestHeaders
from runtime.tabular.schema import Schema
from runtime.tabular.table import Layout, Table, joined

ROOT = Path(__file__).parents[1]
PAYLOAD = ROOT / "local-test/payload.csv"
READY = 60  # seconds that a server has to answer its first ping

linux_only = pytest.mark.skipif(
    sys.platform != "linux",
    reason="not Linux: what needs /proc or a fork is not tested",
)

# A model of three lines: no estimator, no schema, one answer a row.
ECHO = """
class Predictor:
    def __init__(self, model_dir):
        self.names = sorted(path.name for path in model_dir.iterdir())

    def predict(self, rows):
        return rows.iloc[:, 0].to_numpy()
"""

# One that says when it is at work, and answers when the test lets it.
SLOW = """
import time
from pathlib import Path

class Predictor:
    def __init__(self, model_dir):
        self.gate = model_dir.parent / "gate"

    def predict(self, rows):
        (self.gate.parent / "predicting").touch()
        while not self.gate.exists():
            time.sleep(0.01)
        return rows.iloc[:, 0].to_numpy()
"""


def table_of(body: bytes, content_type: str, layout: Layout | None = None) -> Table:
    """Read all rows of a body."""
    return joined(formats.decode(BytesIO(body), content_type, layout or Layout()))


def answer_of(
    model: ServedModel,
    body: bytes,
    content_type: str = formats.CSV,
    accept: str = formats.CSV,
    attributes: str = "",
    *,
    record: RequestRecord | None = None,
    **policy: Any,
) -> tuple[bytes, str]:
    """Answer a body as a worker does, in this thread. Returns: body and media type."""
    headers = RequestHeaders(content_type, accept, attributes)
    given = record or RequestRecord("id")
    given.bytes = len(body)
    invocations = Invocations(model, executor(), Policy(**policy))
    return asyncio.run(invocations.respond(BytesIO(body), headers, given))


def payload() -> bytes:
    """Give the rows to predict, without the header that use-data.sh has written."""
    channel = ROOT / "local-test/test-dir/input/data/training"
    columns = [file.read_text().partition("\n")[0] for file in channel.glob("*.csv")]
    known = {name for line in columns for name in line.split(",")}
    header, rows = PAYLOAD.read_bytes().split(b"\n", 1)
    return (
        rows if known.issuperset(header.decode().split(",")) else header + b"\n" + rows
    )


@cache
def executor() -> Executor:
    """Give the one thread that predicts for all tests."""
    return Executor(1, 60)


def convert(model_dir: Path, X: pd.DataFrame) -> None:
    """Add model.onnx to a model folder, as the last step of a job does."""
    from runtime.models.conversion import onnx_export  # noqa: PLC0415 -- a second

    sample = model_dir.parent / "sample.pkl"
    X.to_pickle(sample)
    description = artifact.describe(model_dir) or {}
    content, news = onnx_export.export(model_dir, description, sample)
    artifact.amend(model_dir, news, content)


def described(model: Any, rows: pd.DataFrame) -> dict[str, Any]:
    """Give what model.json says of a model."""
    classes = model.classes_.tolist() if hasattr(model, "classes_") else None
    return {"columns": Schema.learn(rows).to_json(), "classes": classes}


def converted(model: Any, rows: pd.DataFrame) -> Any:
    """Give what answers in the place of a fitted model."""
    description = described(model, rows)
    from runtime.models.conversion.onnx_export import proved  # noqa: PLC0415 -- a second

    return onnx_session.load(proved(model, description, rows)[0], description)


def copy_program(folder: Path, predictor: str = ECHO, train: str = "") -> Path:
    """Copy model/ with other files of the owner. Returns: the folder."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "model", folder, ignore=ignore)
    (folder / "predictor.py").write_text(predictor)
    (folder / "train").write_text(f"#!/usr/bin/env python3\n{train}")
    return folder


def _ports() -> Iterator[int]:
    """Give ports of this process of pytest, below those that callers are given.

    A port that the kernel chose could be a caller's by the time a server binds it.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    yield from cycle(range(10_000 + 2_000 * process, 12_000 + 2_000 * process))


_PORTS = _ports()


def free_port() -> int:
    """Give a port on which nothing listens."""
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


def environment(**variables: object) -> dict[str, str]:
    """Give this process's environment without what would steer the programs."""
    ours = ("SAGEMAKER_", "MODEL_", "OMP_", "TRAINING_JOB_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {**kept, **{name: str(value) for name, value in variables.items()}}


def check(*options: object, python: str = sys.executable) -> list[str]:
    """Let check.sh look at a program, without Docker. Returns: its faults."""
    command = [python, ROOT / "local-test/check.py", *options]
    words = list(map(str, command))
    found = subprocess.run(words, capture_output=True, text=True, env=environment())
    faults = [line for line in found.stdout.splitlines() if line.startswith("FAIL")]
    assert found.returncode == bool(faults), found.stdout + found.stderr
    return faults


class Server:
    """`serve`, run as SageMaker runs it, on a port of its own."""

    def __init__(self, program: Path, base_dir: Path, **variables: object) -> None:
        self.port = free_port()
        self.log_file = base_dir / "serve.log"
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self._log: IO[bytes] = self.log_file.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(program / "serve")],
            env=environment(
                SAGEMAKER_BASE_DIR=base_dir,
                SAGEMAKER_BIND_TO_PORT=self.port,
                **variables,
            ),
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        workers = self.workers()  # while there is a master to ask
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        counted = f"/dev/shm/metrics-{socket.gethostname()}-{self.process.pid}"
        shutil.rmtree(counted, ignore_errors=True)  # which a killed server leaves
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.client.close()
        self._log.close()

    def ready(self) -> Self:
        """Wait until `/ping` answers 200."""
        until(lambda: self.ping() == 200 or self.process.poll() is not None, READY)
        assert self.process.poll() is None, self.log()
        return self

    def ping(self) -> int:
        """Give the status of `/ping`, 0 where nothing answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/ping").status_code
        except httpx.TransportError:
            return 0

    def invoke(
        self, body: str | bytes, content_type: str = "text/csv", **headers: str
    ) -> httpx.Response:
        """Send a body to `/invocations`."""
        given = {"content-type": content_type, **headers}
        return self.client.post("/invocations", content=body, headers=given)

    def workers(self) -> list[int]:
        """Give the process ids of the workers."""
        try:
            return [child.pid for child in psutil.Process(self.process.pid).children()]
        except psutil.NoSuchProcess:
            return []

    def log(self) -> str:
        """Give what the server has written so far."""
        return self.log_file.read_text()


class Training:
    """`train`, run as SageMaker runs it, in a process group of its own.

    What it prints is in `base_dir.parent`, as it was printed: nothing waits in a pipe.
    """

    python: Path | str = sys.executable

    def __init__(self, program: Path, base_dir: Path, **variables: object) -> None:
        self.base_dir = base_dir
        more = variables.get("PYTHONPATH")
        variables["PYTHONPATH"] = f"{program}:{more}" if more else program
        self._out, self._err = (base_dir.parent / f"{n}.log" for n in ("out", "err"))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [self.python, "-P", "-m", "runtime.training"],  # see entrypoint
                env=environment(
                    SAGEMAKER_BASE_DIR=base_dir, PYTHONUNBUFFERED=1, **variables
                ),
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):  # joblib's workers too
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def reaches(self, condition: Any, seconds: float = 60) -> None:
        """Wait until a condition holds, while the job runs."""
        until(lambda: condition() or self.process.poll() is not None, seconds)
        assert condition(), self.log()

    def stop(self) -> None:
        """Send SIGTERM to the program alone, as a container's engine does."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to all its processes, as a machine that is taken away does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ended(self, seconds: float = 60) -> int:
        """Wait for the end. Returns: the exit status."""
        return self.process.wait(seconds)

    def out(self) -> str:
        """Give what it has written to stdout so far."""
        return self._out.read_text()

    def log(self) -> str:
        """Give what it has written so far, stderr last."""
        return self.out() + self._err.read_text()

    def alive(self) -> int:
        """Count the processes of its group that live."""
        count = 0
        for pid in psutil.pids():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                count += os.getpgid(pid) == self.process.pid and lives(pid)
        return count


class Container:
    """`train` in the image, on a folder that is mounted as /opt/ml."""

    def __init__(self, image: str, base_dir: Path, *options: str) -> None:
        volume = f"{base_dir}:/opt/ml"
        command = ["run", "--detach", "--volume", volume, *options, image, "train"]
        self.name = docker(*command).strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        docker("rm", "--force", "--volumes", self.name)

    def reaches(self, condition: Any, seconds: float = 60) -> None:
        """Wait until a condition holds, while the job runs."""
        until(lambda: condition() or not self.running(), seconds)
        assert condition(), self.log()

    def running(self) -> bool:
        """Say whether it runs."""
        state = docker("inspect", "--format", "{{.State.Running}}", self.name)
        return state == "true\n"

    def stop(self) -> int:
        """Stop it as SageMaker does. Returns: the exit status."""
        docker("stop", "--time", "120", self.name)
        return self.ended()

    def kill(self) -> None:
        """Kill it, as a machine that is taken away does."""
        docker("kill", self.name)

    def ended(self) -> int:
        """Wait for the end. Returns: the exit status."""
        return int(docker("wait", self.name))

    def log(self) -> str:
        """Give what it has written so far."""
        return docker("logs", self.name, check=False)


def lives(pid: int) -> bool:
    """Say whether a process lives, also where nobody has asked for its status."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def engine_answers() -> bool:
    """Say whether there is a Docker engine."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0


def docker(*arguments: str, check: bool = True) -> str:
    """Run a docker command. Returns: what it prints."""
    result = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0 or not check, result.stderr
    return result.stdout + ("" if check else result.stderr)


def build_image(name: str, *more: str, folder: Path = ROOT) -> str:
    """Build an image, with BuildKit where there is one. Returns: what was printed."""
    buildx = subprocess.run(["docker", "buildx", "version"], capture_output=True)
    kit = "1" if buildx.returncode == 0 else "0"
    base = os.environ.get("BASE_IMAGE")
    options = ["--build-arg", f"BASE_IMAGE={base}"] if base else []
    result = subprocess.run(
        ["docker", "build", "--tag", name, *options, *more, str(folder)],
        env=os.environ | {"DOCKER_BUILDKIT": kit},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@contextlib.contextmanager
def alone_with(venv: Path) -> Iterator[Path]:
    """Keep other processes of pytest out, which may make the same environment."""
    name = f"{venv.name}-{ROOT.stat().st_ino}"
    with (Path(tempfile.gettempdir()) / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield venv


def uv_environment() -> Path:
    """Make .venv-uv as add-package.sh does; skips where PyPI does not answer."""
    command = 'source "$0"; uv::ensure'
    with alone_with(ROOT / ".venv-uv") as venv:
        made = ["bash", "-c", command, str(ROOT / "local-test/common.sh")]
        if subprocess.run(made, capture_output=True).returncode:
            pytest.skip("PyPI does not answer: what needs uv is not tested")
    return venv


def until(condition: Any, seconds: float) -> None:
    """Ask again and again until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)  # between two looks, not in the place of one
