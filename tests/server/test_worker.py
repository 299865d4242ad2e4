import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.models.served import ServedModel
from runtime.resources import Budget
from runtime.server import worker
from runtime.server.context import ServerContext
from runtime.serving.endpoint import Endpoint
from runtime.settings import Settings


class Noting:
    """Says what it was asked, in order."""

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir
        self.asked: list[str] = []
        self.example: Any = {"a": 1}

    def start(self) -> None:
        """Note that it was called."""
        self.asked.append("start")

    def predict(self, rows: Any) -> Any:
        """Give the first column."""
        self.asked.append("predict")
        return rows["a"].to_numpy()


async def lived(server: ServerContext, predictor: Noting) -> list[int]:
    """Let a worker live until its second look. Returns: the signals that it sent."""
    signals: list[int] = []
    loop, looks = asyncio.get_running_loop(), asyncio.Semaphore(0)
    loop.add_signal_handler(signal.SIGTERM, signals.append, signal.SIGTERM)
    endpoint = Endpoint(ServedModel(predictor), server.settings, server.budget)

    async def look() -> None:
        looks.release()

    endpoint.sweep = look  # type: ignore[method-assign]
    task = asyncio.create_task(worker.live(server, endpoint))
    await looks.acquire()
    await looks.acquire()
    task.cancel()
    loop.remove_signal_handler(signal.SIGTERM)
    return signals


@pytest.mark.parametrize(
    ("master", "stops"),
    [(os.getppid, []), (os.getpid, []), (lambda: 2**30, [signal.SIGTERM])],
    ids=["it lives", "there is none", "it was killed"],
)
def test_a_worker_ends_once_its_master_is_gone(
    master: Callable[[], int], stops: list[int]
) -> None:
    """X-32; a process that serves by itself has no master, and stays."""
    server = ServerContext(Settings.read({}), Budget(1, 1, 2**30), None, master())
    signals = asyncio.run(lived(server, Noting(Path())))
    assert signals[:1] == stops


def test_a_worker_is_warm_once_it_has_started_and_answered_a_row() -> None:
    """H-15."""
    server = ServerContext(Settings.read({}), Budget(1, 1, 2**30))
    predictor = Noting(Path())
    asyncio.run(lived(server, predictor))
    assert predictor.asked == ["start", "predict"]
    assert server.warm
