"""gunicorn's configuration, as plain assignments. `serve` has checked the settings."""

import logging
import mmap
import os
import signal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from runtime.observability import logs, metrics
from runtime.resources import Budget, thread_variables
from runtime.settings import Settings

log = logging.getLogger("serve")
_settings = Settings.read()
# No settings of gunicorn's: whose the workers are, what they have, where they count.
master = os.getpid()
budget = Budget.measure(_settings.workers, _settings.threads)
metrics_dir = metrics.prepare()

wsgi_app = "main:create()"
bind = f"0.0.0.0:{_settings.port}"  # H-09
backlog = 2048  # connections wait here, accepted within 250 ms (H-10)

# Where the package is left out, uvicorn's own copy, which is the same but deprecated.
_workers = "uvicorn_worker" if find_spec("uvicorn_worker") else "uvicorn.workers"


class Worker(import_module(_workers).UvicornWorker):  # type: ignore[misc]
    """uvicorn without what nobody asks for, as the addresses of callers."""

    CONFIG_KWARGS: ClassVar = {
        "proxy_headers": False,
        "server_header": False,
        "ws": "none",
    }


worker_class = Worker
workers = budget.workers
# gunicorn sets them before it imports `main`, and numpy with it.
raw_env = [f"{name}={value}" for name, value in thread_variables(budget).items()]
raw_env += [f"PROMETHEUS_MULTIPROC_DIR={metrics_dir}"] if metrics_dir else []
preload_app = _settings.preload  # one copy of the model for all workers
# Of a worker's event loop, not of a request: a worker that shows no sign of life.
timeout = 60
graceful_timeout = 22  # SageMaker sends SIGKILL 30 s after SIGTERM (H-03, X-03)
keepalive = 75  # longer than a client's pause between two requests

# The heartbeat's file: in memory where there is such a place (X-11, H-45).
_memory = Path("/dev/shm")  # noqa: S108 -- gunicorn unlinks the file at once
worker_tmp_dir = str(_memory) if os.access(_memory, os.W_OK | os.X_OK) else None
control_socket_disable = True  # it would write to $HOME

# No setting: one byte that all workers share, 1 once the model has answered in one of
# them. A worker that starts later warms up before it predicts, and `/ping` stays 200.
warmed = mmap.mmap(-1, 1)


def when_ready(_: object) -> None:
    """Make Ctrl-C a SIGTERM: uvicorn's workers do not hear gunicorn's SIGQUIT."""
    signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def child_exit(_: object, worker: Any) -> None:
    """Leave out what a worker that has ended was doing (X-43)."""
    metrics.forget(metrics_dir, worker.pid)


logconfig_dict = logs.log_settings(_settings.log_level)
errorlog = "-"
accesslog = None  # a ping every few seconds says nothing
log.info("workers: %d, threads each: %d", budget.workers, budget.threads)
