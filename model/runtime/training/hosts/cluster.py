"""One job on several hosts: what the leader does, and what the others do.

All end as the leader does.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import dask
import joblib
from distributed import Client, LocalCluster, Variable
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from runtime.errors import HostLost
from runtime.training import environment
from runtime.training.hosts.attendance import Attendance
from runtime.training.hosts.network import PATIENCE, PORT, address, reach
from runtime.training.hosts.workers import FAREWELL, SILENCE, workers

if TYPE_CHECKING:
    from runtime.training.job import Job
    from runtime.training.stopping import JobState

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
    own, hosts = address(job), Attendance()
    cluster = LocalCluster(
        n_workers=0,
        host=own,
        scheduler_port=PORT,
        dashboard_address=f"{own}:0",  # no port of all interfaces
    )
    scheduler: Any = cluster.scheduler
    scheduler.add_plugin(hosts)
    client = Client(cluster)
    state.tell_hosts = partial(_tell, job, client, hosts)
    with workers(job.host, own, own):
        _meet(job, hosts)
        job.client = client
        with joblib.parallel_config("dask", client=client), _blamed(hosts):
            lead()
        done = ", ".join(f"{host} {hosts.tasks[host]}" for host in job.hosts)
        print(f"tasks by host: {done}", flush=True)


def _tell(job: "Job[Any]", client: Client, hosts: Attendance) -> None:
    """Let the others hear how the leader has ended, and end their workers."""
    hosts.ending = True
    reason = ""
    with suppress(FileNotFoundError):
        reason = job.failure_file.read_text(errors="replace")
    with suppress(Exception):
        Variable(_OUTCOME, client).set(reason, timeout=FAREWELL)
        hosts.wait(lambda here: here <= {job.host}, FAREWELL)


def _meet(job: "Job[Any]", hosts: Attendance) -> None:
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
def _blamed(hosts: Attendance) -> Iterator[None]:
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
    here, there = reach(leader)
    with workers(job.host, here, there):
        outcome = f"PlatformError: the leader {leader} was lost"
        with suppress(Exception):  # whatever Dask makes of that
            client = Client(f"tcp://{there}:{PORT}", set_as_default=False)
            state.follows = True
            print(f"working for {leader}", flush=True)
            outcome = Variable(_OUTCOME, client).get()
    environment.wait_for_leader(job.model_dir)
    if outcome:
        raise HostLost(outcome)
