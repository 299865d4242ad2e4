"""gunicorn, configured by the object that `serve` has made, and by nothing else."""

import os
import signal
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from gunicorn.errors import AppImportError

from runtime.errors import ModelError
from runtime.observability import logs, metrics
from runtime.server.context import ServerContext
from runtime.server.protocol import Protocol

# Where the package is left out, uvicorn's own copy, which is the same but deprecated.
_workers = "uvicorn_worker" if find_spec("uvicorn_worker") else "uvicorn.workers"
_MEMORY = "/dev/shm"  # noqa: S108 -- gunicorn unlinks its file there at once


class Worker(import_module(_workers).UvicornWorker):  # type: ignore[misc]
    """uvicorn without what nobody asks for, as the addresses of callers."""

    CONFIG_KWARGS: ClassVar = {
        "http": Protocol,
        "proxy_headers": False,
        "server_header": False,
        "ws": "none",
    }


class GunicornApp(BaseApplication):  # type: ignore[misc]
    """The processes of one server; `run` returns when they have ended."""

    def __init__(self, server: ServerContext) -> None:
        self._server = server
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options; it calls this again at a SIGHUP."""
        server = self._server
        options = {
            "bind": f"0.0.0.0:{server.settings.port}",  # H-09
            "backlog": 2048,  # connections wait here, accepted within 250 ms (H-10)
            "worker_class": Worker,
            "workers": server.budget.workers,
            # gunicorn sets them before it calls `load`.
            "raw_env": [f"{name}={v}" for name, v in server.environment().items()],
            "preload_app": server.settings.preload,  # one copy of the model for all
            # Of an event loop, not of a request: a worker that shows no sign of life.
            "timeout": 60,
            "graceful_timeout": 22,  # SageMaker kills 30 s after SIGTERM (H-03, X-03)
            "keepalive": 75,  # longer than a client's pause between two requests
            # The heartbeat's file: in memory where there is such a place (X-11, H-45).
            "worker_tmp_dir": _MEMORY
            if os.access(_MEMORY, os.W_OK | os.X_OK)
            else None,
            "control_socket_disable": True,  # it would write to $HOME
            "when_ready": when_ready,
            # What a worker that has ended was doing is left out.
            "child_exit": lambda _, w: metrics.forget(server.metrics_dir, w.pid),
            "logconfig_dict": logs.log_settings(server.settings.log_level),
            "errorlog": "-",
            "accesslog": None,  # a ping every few seconds says nothing
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the ASGI app: before the fork, or with MODEL_PRELOAD=false in a worker.

        Raises: ThreadsLeft, and where the model cannot be served AppImportError, which
        ends all of gunicorn with its one sentence.
        """
        from main import create  # noqa: PLC0415 -- numpy is imported with it

        try:
            return create(self._server)
        except ModelError as exc:
            raise AppImportError(str(exc)) from exc


def when_ready(_: object) -> None:
    """Let each worker hear a stop from its first moment on.

    Ctrl-C becomes a SIGTERM: uvicorn's workers do not hear gunicorn's SIGQUIT. And a
    SIGTERM that arrives before a worker has handlers of its own ends it: the handler
    that it has from gunicorn would only take a note of it, which nobody reads there.
    """
    signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    stop = {signal.SIGTERM}

    def in_worker() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stop)

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, stop),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, stop),
        after_in_child=in_worker,
    )
