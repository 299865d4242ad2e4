"""Dask's worker processes of one host, whose CPUs and memory are all that it has."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dask

from runtime.resources import Budget
from runtime.training.hosts.network import PORT

SILENCE = 15  # seconds after which a host that cannot be reached is gone
FAREWELL = 5  # seconds that the others have to hear of the leader's end


@contextmanager
def workers(host: str, address: str, leader: str) -> Iterator[None]:
    """Run the workers of this host, which are the leader's to command."""
    budget = Budget.measure()
    options = {
        "host": address,
        "dashboard-address": f"{address}:0",  # without one it is 0.0.0.0
        "name": f"{host}:",
        "nworkers": budget.workers,
        "nthreads": budget.threads,
        "memory-limit": budget.memory // budget.workers,
        "death-timeout": SILENCE,
    }
    program = [sys.executable, "-P", "-m", "distributed.cli.dask_worker"]
    words = [f"--{name}={value}" for name, value in options.items()]
    command = [*program, f"tcp://{leader}:{PORT}", "--no-dashboard", *words]
    # Who is killed while a task runs leaves semaphores, which is no news.
    warnings = f"{os.environ.get('PYTHONWARNINGS', '')},ignore:resource_tracker"
    variables = {
        "PYTHONWARNINGS": warnings.lstrip(","),
        # As Dask hands its settings to processes of its own.
        "DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(dask.config.config),
    }
    child = subprocess.Popen(command, env=os.environ | variables)  # noqa: S603 -- Dask
    try:
        yield
    finally:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(FAREWELL)
        child.kill()
        child.wait()
