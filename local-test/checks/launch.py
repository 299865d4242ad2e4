"""Starts `train` and `serve`: in an image, or as programs of this machine.

Both give a Run, so that no check has to know which it is.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Union

MODEL = Path(__file__).resolve().parents[2] / "model"
HINTS = {  # what a program that failed has written, and what to do
    r"on <module '__main__'": "train pickles a class of its own as __main__: move it "
    "to a module that train and serve both import",
    r"No module named": "install what is missing into the image",
    r"exec format error": "docker build --platform linux/amd64",
    r"executable file not found": "make `train` and `serve` programs on PATH",
    r"Permission denied|Read-only file system": "write below /tmp",
}


class Run:
    """A program that was started; what it prints is in a file."""

    def __init__(
        self, command: list[str], log: Path, port: int, container: str = "", **more: Any
    ) -> None:
        self.log_file, self.port, self.container = log, port, container
        self.begun = time.monotonic()
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, start_new_session=True, **more
            )

    def ended(self, seconds: float) -> int | None:
        """Wait for the end. Returns: the status, or None where it still runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        return None

    def terminate(self) -> None:
        """Send SIGTERM to the program alone, as `docker stop` does."""
        if self.container:
            docker("kill", "--signal", "TERM", self.container)
        else:
            self.process.terminate()

    def is_deaf(self) -> bool:
        """Say whether process 1 has no handler of SIGTERM: there is no default one."""
        if not self.container:
            return False  # a program of this machine ends by SIGTERM, as can be seen
        command = ["docker", "exec", self.container, "cat", "/proc/1/status"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        caught = re.search(r"SigCgt:\s*(\w+)", found.stdout)
        return caught is not None and not int(caught[1], 16) >> (signal.SIGTERM - 1) & 1

    def log(self) -> str:
        """Give what it has written so far."""
        return self.log_file.read_text(errors="replace").strip()

    def last_words(self) -> str:
        """Give the last error that it has written, or its last line."""
        errors = re.findall(r"\w[\w.]*(?:Error|Exception): .*", self.log())
        return str((errors or self.log().splitlines() or ["no word"])[-1])[:300]

    def hint(self) -> str:
        """Give the cure for what it has written, if it is a known one."""
        said = self.log()
        return next((do for words, do in HINTS.items() if re.search(words, said)), "")

    def close(self) -> None:
        """End it, and all that it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.container:
            docker("rm", "--force", "--volumes", self.container)
            self.container = ""


class Docker:
    """An image. Files are copied in, where they are root's, and out again."""

    def __init__(self, image: str, program: Path | None, scratch: Path) -> None:
        self.image, self.program, self.scratch = image, program, scratch
        (self.about,) = json.loads(docker("image", "inspect", image))
        self.config: dict[str, Any] = self.about["Config"]
        self.volumes: list[str] = []

    def start(self, word: str, base: Path, *options: str, **env: str) -> Run:
        """Start it with a folder as /opt/ml, or with a model, which is read-only."""
        port, given = free_port(), [*options]
        if word == "serve":
            inside = env.get("SAGEMAKER_BIND_TO_PORT", "8080")
            given += ["--publish", f"127.0.0.1:{port}:{inside}"]
            given += ["--volume", f"{self.volume(base / 'model')}:/opt/ml/model:ro"]
        else:
            given += ["--volume", "/opt/ml"]
        for pair in env.items():
            given += ["--env", "=".join(pair)]
        name = docker("create", *given, self.image, word)
        if word == "train":
            docker("cp", f"{base}/.", f"{name}:/opt/ml")
        if self.program:
            docker("cp", f"{self.program}/.", f"{name}:{self.config['WorkingDir']}")
        command = ["docker", "start", "--attach", name]
        return Run(command, self.scratch / f"{word}-{port}.log", port, name)

    def volume(self, model: Path) -> str:
        """Make a volume with the files of a model. Returns: its name."""
        self.volumes.append(docker("volume", "create"))
        mounted = ("--volume", f"{self.volumes[-1]}:/opt/ml/model")
        name = docker("create", *mounted, self.image, "serve")
        docker("cp", f"{model}/.", f"{name}:/opt/ml/model")
        docker("rm", name)
        return self.volumes[-1]

    def collect(self, run: Run, base: Path) -> None:
        """Copy what a job has left into its folder."""
        shutil.rmtree(base)
        docker("cp", f"{run.container}:/opt/ml", str(base))

    def close(self) -> None:
        """Remove the volumes."""
        if self.volumes:
            docker("volume", "rm", "--force", *self.volumes)


class Native:
    """The programs of model/, on a folder in the place of /opt/ml."""

    config: dict[str, Any] = {}  # noqa: RUF012 -- no image, and none of its claims

    def __init__(self, python: Path, program: Path | None, scratch: Path) -> None:
        self.python, self.scratch, self.program = python, scratch, scratch / "program"
        ignore = shutil.ignore_patterns("__pycache__", "test-dir")
        for folder in filter(None, (MODEL, program)):
            shutil.copytree(folder, self.program, ignore=ignore, dirs_exist_ok=True)

    def start(self, word: str, base: Path, *_: str, **more: str) -> Run:
        """Start `train` or `serve`; there are no options without an engine."""
        port, ours = free_port(), ("SAGEMAKER_", "SM_", "MODEL_", "PYTHON")
        env = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        env |= {**more, "SAGEMAKER_BASE_DIR": str(base)}
        env["SAGEMAKER_BIND_TO_PORT"] = str(port)
        env["PATH"] = f"{self.program}:{self.python.parent}:{env['PATH']}"
        command = [str(self.program / "entrypoint"), word]
        log = self.scratch / f"{word}-{port}.log"
        return Run(command, log, port, env=env, cwd=self.program)

    def collect(self, _: Run, base: Path) -> None:
        """Do nothing: a job's folder is its own."""

    def close(self) -> None:
        """Do nothing: there are no volumes."""


def docker(*arguments: str) -> str:
    """Run a docker command. Returns: what it prints. Raises: OSError."""
    command = ["docker", *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise OSError(found.stderr.strip())
    return found.stdout.strip()


def free_port() -> int:
    """Give a port on which nothing listens, and which no caller is given meanwhile."""
    while True:
        port = random.randrange(15_000, 30_000)  # noqa: S311 -- callers have those above
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port


Place = Union[Docker, Native]  # where a container runs
