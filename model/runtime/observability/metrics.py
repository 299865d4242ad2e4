"""Prometheus counters of all workers, for `GET /metrics` (H-40, X-43).

prometheus_client keeps the numbers of each worker in files of a folder, which any
worker can sum up. It reads PROMETHEUS_MULTIPROC_DIR once, when it is imported: here
only in functions, after gunicorn has set the variable. What the owner counts with
prometheus_client is in the same folder, and in the same answer.
"""

import atexit
import contextlib
import logging
import os
import shutil
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, partial
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from socket import gethostname
from typing import Any

from runtime.observability.logs import STAGES, RequestRecord

log = logging.getLogger("serve")

_PLACES = (Path("/dev/shm"), Path("/tmp"))  # noqa: S108 -- a folder of our own there
_FILES = ("counter", "histogram", "gauge_livesum")  # prometheus_client's names
_FILE_SIZE = 16 * 1024  # bytes; about three times what our series take
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_MOST_MODELS = 200  # that have series of their own; all others share one
_REFUSED = 400  # statuses
_OTHERS = ""  # the name in that series: no model has it
_MOST = 256  # requests between two ticks: these take 1 ms to write
_SUMS = {  # a field of each record: the series that sums it up, and what that says
    "rows": ("invocation_rows", "Rows of requests."),
    "bytes": ("invocation_bytes", "Bytes of the bodies of requests."),
    "ignored_columns": (
        "invocation_ignored_columns",
        "Named columns of requests that the model does not have.",
    ),
}


def prepare(places: Iterable[Path] = _PLACES) -> str | None:
    """Make a fresh folder in the first place that can be written.

    It is removed when this process ends. Returns: None, after one log line, where
    there is no such place or no prometheus_client.
    """
    if find_spec("prometheus_client") is None:
        log.info("no /metrics: prometheus-client is not installed")
        return None
    for place in places:
        # A container that starts anew, or `serve` itself, wipes what it has left. Other
        # containers, which may see the same place, have other names.
        folder = place / f"metrics-{gethostname()}-{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700)
            atexit.register(_remove, folder, os.getpid())
            return str(folder)
    log.info("no /metrics: cannot write to any of %s", ", ".join(map(str, places)))
    return None


def forget(folder: str | None, pid: int) -> None:
    """Drop the gauges of a worker that has ended; what it has counted stays."""
    if folder is None:
        return
    from prometheus_client import multiprocess  # noqa: PLC0415 -- the variable is set

    with contextlib.suppress(OSError):
        multiprocess.mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]


class Metrics:
    """The counters of one worker: made in the worker, after the fork.

    `folder` is what `prepare` gave; with None nothing is counted. A request costs an
    entry in a list; `tick`, once a second, writes the sums to the files. Nothing here
    fails: a worker that cannot write its files stops counting, and says so once. All
    but `render` is for one thread, that of the event loop.
    """

    def __init__(self, folder: str | None, *, by_model: bool = False) -> None:
        self.waiting = 0  # requests in this worker now: the caller counts them
        self._folder = folder
        self._series: _Series | None = None  # None: nothing is counted
        self._answered: list[tuple[RequestRecord, float]] = []
        if folder is not None:
            with self._no_failure():
                self._series = _Series(Path(folder), by_model=by_model)

    def observe(self, record: RequestRecord) -> None:
        """Count a request that has been answered."""
        if self._series is not None:
            self._answered.append((record, record.seconds))
            if len(self._answered) >= _MOST:
                self.tick()

    def tick(self) -> None:
        """Write what has been counted: each second, before `render`, at the end."""
        if self._series is not None:
            answered, self._answered = self._answered, []
            with self._no_failure():
                self._series.add(answered, self.waiting)

    def render(self) -> tuple[bytes, str] | None:
        """Sum up all workers, in some milliseconds: not for an event loop.

        Returns: the text and its content type; None if there is nothing to read.
        """
        if self._folder is None:
            return None
        from prometheus_client import (  # noqa: PLC0415 -- the variable is set
            CollectorRegistry,
            exposition,
            multiprocess,
        )

        try:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]
            text = exposition.generate_latest(registry)
        except (OSError, ValueError, RuntimeError, struct.error) as exc:
            log.warning("cannot read %s, no answer to /metrics: %s", self._folder, exc)
            return None
        return text, exposition.CONTENT_TYPE_PLAIN_0_0_4

    @contextlib.contextmanager
    def _no_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            self._series = None
            log.warning("this worker no longer counts for /metrics: %s", exc)


class _Series:
    """Every series, in this process's files. Raises: OSError."""

    def __init__(self, folder: Path, *, by_model: bool = False) -> None:
        _allocate(folder)
        import prometheus_client as client  # noqa: PLC0415 -- the variable is set

        # No registry: what is read are the files, of all processes.
        counter = partial(client.Counter, registry=None)
        statuses = counter("invocations", "Requests answered, by status.", ["status"])
        self._status = cache(statuses.labels)
        stages = counter(
            "invocation_stage_seconds",
            "Seconds that requests spent in each stage.",
            ["stage"],
        )
        self._sums = {stage: stages.labels(stage) for stage in STAGES}
        self._sums |= {field: counter(*about) for field, about in _SUMS.items()}
        self._seconds = client.Histogram(
            "invocation_seconds",
            "Seconds from a request to its answer.",
            buckets=_BUCKETS,
            registry=None,
        )
        self._waiting = client.Gauge(
            "invocations_in_progress",
            "Requests in the workers now.",
            multiprocess_mode="livesum",
            registry=None,
        )
        self._models = _ModelSeries(counter) if by_model else None

    def add(self, answered: list[tuple[RequestRecord, float]], waiting: int) -> None:
        records = [record for record, _ in answered]
        for status, count in Counter(record.status for record in records).items():
            self._status(status).inc(count)
        for field, counter in self._sums.items():
            counter.inc(sum(map(attrgetter(field), records)))
        for _, seconds in answered:
            self._seconds.observe(seconds)
        self._waiting.set(waiting)
        if self._models:
            self._models.add(answered)


class _ModelSeries:
    """What is counted by model: of so many names, since a name is never forgotten."""

    def __init__(self, counter: Any) -> None:
        by = ["model", "status"]
        self._requests = counter("model_invocations", "Requests answered.", by)
        text = "Seconds from requests to their answers."
        self._seconds = counter("model_invocation_seconds", text, by)
        self._names: set[str] = set()

    def add(self, answered: list[tuple[RequestRecord, float]]) -> None:
        for record, seconds in answered:
            labels = self._label(record), record.status
            self._requests.labels(*labels).inc()
            self._seconds.labels(*labels).inc(seconds)

    def _label(self, record: RequestRecord) -> str:
        """Give the name; who asks for a model that there is not makes no series."""
        if record.model not in self._names:
            if record.status >= _REFUSED or len(self._names) >= _MOST_MODELS:
                return _OTHERS
            self._names.add(record.model)
        return record.model


def _allocate(folder: Path) -> None:
    """Write this process's files in full, which prometheus_client would leave sparse.

    It maps them into memory: a disk that is full later would kill the process.
    """
    for kind in _FILES:
        file = folder / f"{kind}_{os.getpid()}.db"
        if not file.exists():
            new = file.with_suffix(".new")  # no reader sees half a file
            new.write_bytes(bytes(_FILE_SIZE))
            new.rename(file)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not a worker, which has inherited this
        shutil.rmtree(folder, ignore_errors=True)
