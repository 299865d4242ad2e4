"""What the routes of a worker ask its endpoint."""

from pathlib import Path
from typing import Any

import pytest

from runtime.models.served import ServedModel
from runtime.resources import Budget
from runtime.serving.endpoint import Endpoint
from runtime.settings import Settings


class Client:
    """Has a client once `start` has run, and is healthy as that says."""

    client: Any = None

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir

    def healthy(self) -> bool:
        """Ask the client."""
        return bool(self.client.alive)

    def predict(self, rows: Any) -> Any:
        """Give the first column."""
        return rows.iloc[:, 0]


def test_healthy_is_asked_once_start_has_run_and_a_failure_of_it_is_no_health(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """H-13: another worker may have answered the warm-up row already."""
    endpoint = Endpoint(
        ServedModel(Client(Path())), Settings.read({}), Budget(1, 1, 2**30)
    )
    assert endpoint.healthy()
    endpoint.started = True
    assert not endpoint.healthy()
    assert "healthy failed" in caplog.text
