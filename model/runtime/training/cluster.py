"""Several hosts as one Dask cluster: `n_jobs=-1` means the cores of all of them.

The leader runs Dask's scheduler and `train`; each host, the leader too, runs Dask's
worker processes, whose CPUs and memory are all that it has. The others wait for what
becomes of the leader, and end as it does. A job on one host does not import this, which
alone imports distributed.
"""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, Any

import joblib

from runtime.errors import ClientError, HostLost
from runtime.resources import Budget
from runtime.training import environment
from runtime.training.environment import Environment

try:
    import dask
    import psutil
    from distributed import Client, LocalCluster, Variable
    from distributed.comm.core import CommClosedError
    from distributed.diagnostics.plugin import SchedulerPlugin
    from distributed.scheduler import KilledWorker
except ImportError as exc:
    message = (
        f"a job of several hosts needs Dask, and {exc.name} is not in the image: add "
        "it by local-test/add-package.sh distributed, or give the job one host"
    )
    raise ClientError(message) from exc

if TYPE_CHECKING:
    from runtime.training.job import Job
    from runtime.training.stopping import JobState

PORT = 8786  # Dask's own; at 8787 a scheduler answers HTTP, with a dashboard or without
PATIENCE = 15 * 60  # seconds that hosts may start apart, as in SageMaker's toolkit
SILENCE = 15  # seconds after which a host that cannot be reached is gone
FAREWELL = 5  # seconds that the others have to hear of the leader's end
_OUTCOME = "outcome"  # of the leader: its reason for failing, or no text
_LOGGED = {  # by Dask: what a job does not tell itself
    "distributed": "critical",
    "distributed.client": "critical",
    "distributed.nanny.memory": "warning",
}
_SETTINGS = {
    "distributed.comm.timeouts.tcp": f"{SILENCE}s",
    # Code that holds Python's lock for minutes is no reason to give its worker up.
    "distributed.scheduler.worker-ttl": None,
    "distributed.worker.profile.enabled": False,  # which nobody looks at
    "logging": _LOGGED,
}
_LOST = (CancelledError, CommClosedError, KilledWorker)  # as Dask tells joblib


class Hosts(SchedulerPlugin):
    """Who is there, who was lost, and how many tasks each has done."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.workers: dict[str, str] = {}  # address -> host
        self.lost: list[str] = []
        self.tasks: Counter[str] = Counter()
        self.ending = False

    def add_worker(self, scheduler: Any, worker: str) -> None:
        """Note a worker that has come."""
        name = str(scheduler.workers[worker].name)
        with self.changed:
            self.workers[worker] = name.partition(":")[0]
            self.changed.notify_all()

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:
        """Note that a worker was lost, and give up the tasks that were handed data.

        Whether a copy of the data is left is a matter of luck: so a job always fails
        then. Tasks that fetch their own data run elsewhere.
        """
        with self.changed:
            host = self.workers.pop(worker, worker)
            self.changed.notify_all()
        if self.ending:
            return
        handed = [task for task in scheduler.tasks.values() if not task.run_spec]
        end = "the tasks had data that is lost" if handed else "its tasks run elsewhere"
        if host not in self.lost:
            print(f"lost a worker of the host {host}: {end}", flush=True)
            self.lost.append(host)
        for task in handed:
            for client in [*task.who_wants]:
                scheduler.stimulus_cancel(
                    [task.key], client.client_key, force=True, reason="lost", msg=host
                )

    def transition(self, *change: Any, worker: str = "", **_: Any) -> None:
        """Count a task that is done; `change` is its key, and two of Dask's states."""
        if change[1:3] == ("processing", "memory"):
            self.tasks[self.workers.get(worker, "")] += 1

    def wait(self, condition: Callable[[set[str]], bool], seconds: float) -> bool:
        """Wait until a condition holds of the hosts that have a worker."""
        with self.changed:
            return self.changed.wait_for(
                lambda: condition(set(self.workers.values())), seconds
            )


def run(job: "Job[Any]", state: "JobState", lead: Callable[[], None]) -> None:
    """Run `lead` on the leader, with the cores of all hosts; on another, follow it.

    Raises: HostLost.
    """
    dask.config.set(_SETTINGS)
    for name, level in _LOGGED.items():  # their levels are set with the first import
        logging.getLogger(name).setLevel(level.upper())
    if job.leader:
        _lead(job, state, lead)
    else:
        _follow(job, state)


def _lead(job: "Job[Any]", state: "JobState", lead: Callable[[], None]) -> None:
    address, hosts = _address(job), Hosts()
    cluster = LocalCluster(
        n_workers=0,
        host=address,
        scheduler_port=PORT,
        dashboard_address=f"{address}:0",  # no port of all interfaces
    )
    scheduler: Any = cluster.scheduler
    scheduler.add_plugin(hosts)
    client = Client(cluster)

    def tell() -> None:  # each other host ends its worker once it has heard
        hosts.ending = True
        reason = ""
        with suppress(FileNotFoundError):
            reason = job.failure_file.read_text(errors="replace")
        with suppress(Exception):
            Variable(_OUTCOME, client).set(reason, timeout=FAREWELL)
            hosts.wait(lambda here: here <= {job.host}, FAREWELL)

    state.tell_hosts = tell
    with _worker(job, address, address):
        _meet(job, hosts)
        job.client = client
        with joblib.parallel_config("dask", client=client), _blamed(hosts):
            lead()
        done = ", ".join(f"{host} {hosts.tasks[host]}" for host in job.hosts)
        print(f"tasks by host: {done}", flush=True)


def _meet(job: "Job[Any]", hosts: Hosts) -> None:
    """Wait for all hosts. Raises: HostLost."""
    if not hosts.wait(set(job.hosts).issubset, PATIENCE):
        absent = ", ".join(sorted(set(job.hosts) - set(hosts.workers.values())))
        message = (
            f"PlatformError: no sign of {absent} within {PATIENCE} seconds, of the "
            f"{len(job.hosts)} hosts of this job: look for their own logs"
        )
        raise HostLost(message)
    print(f"{len(job.hosts)} hosts work as one: {', '.join(job.hosts)}", flush=True)


@contextmanager
def _blamed(hosts: Hosts) -> Iterator[None]:
    """Name the host that is behind what Dask says of lost work. Raises: HostLost."""
    try:
        yield
    except _LOST as exc:
        names = ", ".join(hosts.lost) or "a host"
        message = (
            f"PlatformError: lost {names}, and what lay there of the work: the machine "
            "is gone, or its memory was not enough. Start the job again: it goes on "
            f"from its checkpoints\n\n{type(exc).__name__}: {exc}"
        )
        raise HostLost(message) from exc
    finally:
        hosts.ending = True


def _follow(job: "Job[Any]", state: "JobState") -> None:
    """Work for the leader until it has ended. Raises: HostLost, where it has failed."""
    leader = job.hosts[0]
    here, there = _reached(leader)
    with _worker(job, here, there):
        outcome = f"PlatformError: the leader {leader} was lost"
        with suppress(Exception):  # whatever Dask makes of that
            client = Client(f"tcp://{there}:{PORT}", set_as_default=False)
            state.follows = True
            print(f"working for {leader}", flush=True)
            outcome = Variable(_OUTCOME, client).get()
    environment.wait_for_leader(job.model_dir)
    if outcome:
        raise HostLost(outcome)


@contextmanager
def _worker(job: "Job[Any]", address: str, leader: str) -> Iterator[None]:
    """Run Dask's workers of this host, with all of its CPUs and its memory."""
    budget = Budget.measure()
    options = {
        "host": address,
        "dashboard-address": f"{address}:0",  # without one it is 0.0.0.0
        "name": f"{job.host}:",
        "nworkers": budget.workers,
        "nthreads": budget.threads,
        "memory-limit": budget.memory // budget.workers,
        "death-timeout": SILENCE,
    }
    program = [sys.executable, "-P", "-m", "distributed.cli.dask_worker"]
    words = [f"--{name}={value}" for name, value in options.items()]
    command = [*program, f"tcp://{leader}:{PORT}", "--no-dashboard", *words]
    variables = {
        f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": str(value)
        for name, value in _SETTINGS.items()
    }
    # Who is killed while a task runs leaves semaphores, which is no news.
    warnings = f"{os.environ.get('PYTHONWARNINGS', '')},ignore:resource_tracker"
    variables["PYTHONWARNINGS"] = warnings.lstrip(",")
    child = subprocess.Popen(command, env=os.environ | variables)  # noqa: S603 -- Dask
    try:
        yield
    finally:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(FAREWELL)
        child.kill()
        child.wait()


def _reached(leader: str) -> tuple[str, str]:
    """Wait for the leader's port (T-22). Returns: this host's address, the leader's.

    Raises: HostLost.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection((leader, PORT), 5) as way:
            return way.getsockname()[0], way.getpeername()[0]
        time.sleep(0.5)
    message = (
        f"PlatformError: the leader {leader} did not answer at port {PORT} within "
        f"{PATIENCE} seconds: look for its own log"
    )
    raise HostLost(message)


def _address(leader: Environment) -> str:
    """Give the address at which the other hosts find this one (T-21, T-22).

    That of its name, unless the interface that the job names is there, and has another
    (R-02). Raises: HostLost.
    """
    end = time.monotonic() + PATIENCE
    networks = _networks(leader.resources.get("network_interface_name"))
    while time.monotonic() < end:
        with suppress(OSError):
            found = socket.gethostbyname(leader.host)
            if not networks or any(IPv4Address(found) in n.network for n in networks):
                return found
        if networks:
            return str(networks[0].ip)
        time.sleep(0.5)
    message = (
        f"PlatformError: the name {leader.host} of this host had no address within "
        f"{PATIENCE} seconds"
    )
    raise HostLost(message)


def _networks(interface: str | None) -> list[IPv4Interface]:
    """List the addresses of an interface; a name that there is not has none (R-02)."""
    return [
        IPv4Interface(f"{own.address}/{own.netmask}")
        for own in psutil.net_if_addrs().get(interface, ())
        if own.family == socket.AF_INET
    ]
