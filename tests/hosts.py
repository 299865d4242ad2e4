"""Several hosts of one job, as processes on loopback addresses of their own."""

import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Self

import psutil

from harness import Training

LATE = 120  # seconds for what takes ten, on a machine that has other work too
NOTHING: Mapping[str, str] = MappingProxyType({})
_networks = itertools.count(1)


def configure(
    base_dir: Path,
    name: str,
    names: Sequence[str],
    values: Mapping[str, str],
    interface: str,
) -> None:
    """Write what SageMaker gives one of several hosts, in no order (T-21)."""
    config = base_dir / "input/config"
    config.mkdir(parents=True, exist_ok=True)
    (base_dir / "checkpoints").mkdir(exist_ok=True)
    resources = {
        "current_host": name,
        "hosts": names[::-1],
        "network_interface_name": interface,
    }
    (config / "resourceconfig.json").write_text(json.dumps(resources))
    (config / "hyperparameters.json").write_text(json.dumps(dict(values)))


class Hosts:
    """Hosts of the program in a folder; the first one leads.

    The leader's model folder is everybody's, as in the SDK's local mode (R-04), or its
    own, as in SageMaker.
    """

    def __init__(self, folder: Path, number: int, *, shared: bool) -> None:
        network = f"127.{os.getpid() % 250 + 1}.{next(_networks)}"
        self.names = [f"{network}.{n + 1}" for n in range(number)]
        self.folder, self._shared = folder, shared
        self._stack = ExitStack()
        self.jobs: dict[str, Training] = {}

    def start(
        self,
        *numbers: int,
        do: str = "",
        values: Mapping[str, str] = NOTHING,
        environment: Mapping[str, str] = NOTHING,
    ) -> None:
        """Start some hosts, by default all, with one hyperparameter or with many."""
        given = {"do": do} if do else values
        for name in [self.names[n] for n in numbers] or self.names:
            base_dir = self.folder / name / "ml"
            configure(base_dir, name, self.names, given, "lo")
            model = self.folder / "model" if self._shared else base_dir / "own"
            model.mkdir(exist_ok=True)
            if not (base_dir / "model").exists():
                (base_dir / "model").symlink_to(model)
            job = Training(self.folder / "program", base_dir, **environment)
            self.jobs[name] = self._stack.enter_context(job)

    @property
    def leader(self) -> Training:
        """The host that saves the model."""
        return self.jobs[self.names[0]]

    @property
    def others(self) -> list[Training]:
        """All other hosts that were started."""
        return [job for job in self.jobs.values() if job is not self.leader]

    def all_at_work(self) -> None:
        """Wait until a task runs on each host."""
        for job in self.jobs.values():
            job.reaches(lambda: "at work" in job.out(), LATE)  # noqa: B023 -- at once

    def open(self) -> None:
        """Let the tasks end."""
        (self.folder / "gate").touch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@contextmanager
def one_cpu() -> Iterator[None]:
    """Let what is started have one CPU: a host then has one worker."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def tasks(log: str) -> dict[str, int]:
    """Give how many tasks each host has done, as the leader says."""
    (line,) = re.findall("^tasks by host: (.*)$", log, re.MULTILINE)
    return {host: int(number) for host, number in map(str.split, line.split(", "))}


def processes(job: Training) -> list[psutil.Process]:
    """Give all processes of a host."""
    first = psutil.Process(job.process.pid)
    return [first, *first.children(recursive=True)]
