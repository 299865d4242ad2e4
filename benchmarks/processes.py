"""Servers as processes: started, asked, measured, and gone at the end."""

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from pings import ping

ROOT = Path(__file__).parents[1]
READY = 120  # seconds that a server has until it answers
STOP = 15  # seconds that it has to end by itself
STEERS = ("SAGEMAKER_", "MODEL_", "OMP_", "TRAINING_JOB_")  # what is not inherited


class Running:
    """The processes of one server, each command in a session of its own."""

    def __init__(self, commands: Sequence[Sequence[str]], log: Path, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self._commands, self._log = commands, log
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, cwd: Path, variables: dict[str, str]) -> None:
        """Start every command; what they write goes to the log."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(STEERS)}
        with self._log.open("wb") as log:
            for command in self._commands:
                process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env=kept | variables,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._started.append(process)

    def wait(self, path: str) -> None:
        """Wait until a GET is answered 200; else the end of the log is the message."""
        end = time.monotonic() + READY
        while ping(self.port, path) == math.inf:
            lost = any(process.poll() is not None for process in self._started)
            if lost or time.monotonic() > end:
                sys.exit(f"no answer from {self._commands}:\n{self.tail()}")
            time.sleep(0.005)

    def tail(self) -> str:
        """Give the last lines that the server has written."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-30:])

    def tree(self) -> list[psutil.Process]:
        """Give all processes that live, children of children too."""
        found = []
        for process in self._started:
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = psutil.Process(process.pid)
                found += [parent, *parent.children(recursive=True)]
        return found

    def cpu(self) -> float:
        """Give the CPU seconds of all processes that live."""
        return summed(self.tree(), lambda p: sum(p.cpu_times()[:2]))

    def memory(self) -> float:
        """Give their memory in MB: what several share counts once (PSS)."""
        return summed(self.tree(), lambda p: p.memory_full_info().pss / 1e6)

    def stop(self) -> None:
        """Ask every command to end, and kill what stays of its processes."""
        tree = self.tree()
        for process in self._started:
            process.send_signal(signal.SIGTERM)
        for process in self._started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP)
        for left in psutil.wait_procs(tree, 1)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
        for process in self._started:
            process.wait()


@contextmanager
def running(
    commands: Sequence[Sequence[str]],
    folder: Path,
    port: int,
    variables: dict[str, str],
    cwd: Path = ROOT,
) -> Iterator[Running]:
    """Start a server with a log in a folder, and stop it whatever happens."""
    server = Running(commands, folder / "server.log", port)
    try:
        server.start(cwd, variables)
        yield server
    finally:
        server.stop()


def summed(
    processes: list[psutil.Process], figure: Callable[[psutil.Process], float]
) -> float:
    """Add up a figure of the processes that still live."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            total += figure(process)
    return total


def free_port() -> int:
    """Give a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_on_sigterm() -> None:
    """Let a stop from outside also stop what was started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def environment_of(name: str) -> Path:
    """Make the environment of a server where there is none. Returns: its Python."""
    venv = ROOT / f".venv-{name}"
    requirements = ROOT / f"benchmarks/servers/{name}/requirements.txt"
    script, common = 'source "$0"; native::ensure "$@"', ROOT / "local-test/common.sh"
    subprocess.run(["bash", "-c", script, common, venv, requirements], check=True)
    return venv / "bin/python"


def trained(folder: Path) -> Path:
    """Train the sample as a job does. Returns: the folder in the place of /opt/ml."""
    base = folder / "ml"
    (base / "model").mkdir(parents=True)
    (base / "output").mkdir()
    (base / "input").symlink_to(ROOT / "local-test/test-dir/input")
    result = subprocess.run(
        [sys.executable, str(ROOT / "model/train")],
        check=False,
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(base)},
        capture_output=True,
        text=True,
    )
    if result.returncode:
        sys.exit(f"the sample is not trained:\n{result.stdout}{result.stderr}")
    if not (base / "model/model.onnx").exists():
        sys.exit(f"the job has left no model.onnx:\n{result.stdout}")
    return base
