"""A user's machine with an SDK of SageMaker, whose local mode runs the image.

Local mode leaves containers, a network and root's files behind: `swept` removes them.
"""

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import ROOT, alone_with, docker, free_port

HERE = Path(__file__).parent
NETWORK = "sagemaker-local"  # the SDK's name for it
OPTED_OUT = """
SchemaVersion: "1.0"
SageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that has ended, with what it printed and what it asked of the world."""

    log: str
    calls: list[str]  # of AWS
    hosts: list[str]  # that are not this machine


class Machine:
    """An environment with an SDK, and a home folder in which programs run.

    Nothing of the caller's AWS configuration is there. Endpoints have a free port.
    """

    def __init__(self, sdk: str, home: Path) -> None:
        self.home = home
        self._python = environment_of(sdk)
        local = {"serving_port": free_port(), "container_root": str(home / "tmp")}
        (home / "tmp").mkdir()
        (home / ".sagemaker").mkdir()
        (home / ".sagemaker/config.yaml").write_text(json.dumps({"local": local}))
        (home / "defaults.yaml").write_text(OPTED_OUT)

    def run(self, program: Path, *arguments: str) -> Ran:
        """Run a program to its end, which has to be a good one."""
        asked = self.home / "asked.json"
        result = subprocess.run(
            [self._python, HERE / "watched.py", asked, program, *arguments],
            cwd=self.home,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert result.returncode == 0, result.stdout
        return Ran(log=result.stdout, **json.loads(asked.read_text()))

    def result(self) -> Any:
        """Give what the last scenario has returned."""
        return json.loads((self.home / "result.json").read_text())

    def _environment(self) -> dict[str, str]:
        theirs = ("AWS_", "SAGEMAKER_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(theirs)}
        engine = os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker"))
        return {
            **kept,
            "PATH": f"{self._python.parent}:{os.environ['PATH']}",  # docker-compose
            "PYTHONPATH": str(ROOT / "tests"),
            "HOME": str(self.home),
            "TMPDIR": str(self.home / "tmp"),
            "DOCKER_CONFIG": engine,
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(self.home / "defaults.yaml"),
        }


def example(machine: Machine, sdk: str, image: str) -> Path:
    """Put the example of docs/deploy.md, and the data it names, into a home folder."""
    page = (ROOT / "docs/deploy.md").read_text()
    (code,) = re.findall(
        rf"^```python {sdk}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE
    )
    ignored = shutil.ignore_patterns("model", "output", "checkpoints")
    shutil.copytree(ROOT / "local-test", machine.home / "local-test", ignore=ignored)
    program = machine.home / "example.py"
    program.write_text(code.replace("sagemaker-model:local", image))
    return program


def member(archive: Path, name: str) -> str:
    """Read a file of a model.tar.gz or output.tar.gz."""
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read().decode()


def members(archive: Path) -> list[str]:
    """List the files of a model.tar.gz or output.tar.gz."""
    with tarfile.open(archive) as tar:
        return sorted(file.name for file in tar if file.isfile())


def environment_of(sdk: str, listed: str = "") -> Path:
    """Make the environment of an SDK where there is none. Returns: its Python."""
    venv, requirements = ROOT / f".venv-{sdk}", HERE / f"{listed or sdk}.txt"
    script = 'source "$0"; native::ensure "$@"'
    common = ROOT / "local-test/common.sh"
    with alone_with(venv):
        subprocess.run(["bash", "-c", script, common, venv, requirements], check=True)
    return venv / "bin/python"


@contextmanager
def swept(home: Path, image: str) -> Iterator[None]:
    """Remove at the end what local mode has left, whoever owns it."""
    networks = docker("network", "ls", "--format", "{{.Name}}").split()
    try:
        yield
    finally:
        for container in containers(home):
            docker("rm", "--force", "--volumes", container)
        if NETWORK not in networks:
            docker("network", "rm", NETWORK, check=False)  # another run may be in it
        delete = ["find", "/home", "-mindepth", "1", "-delete"]
        docker("run", "--rm", "--volume", f"{home}:/home", image, *delete)


def containers(home: Path) -> list[str]:
    """List the containers, running or not, that were made from a home folder."""
    form = '{{.ID}} {{.Label "com.docker.compose.project.working_dir"}}'
    lines = docker("ps", "--all", "--format", form).splitlines()
    found = [line.partition(" ") for line in lines]
    return [name for name, _, folder in found if folder.startswith(f"{home}/")]
