"""Two hosts that share one model folder, as in the SDK's local mode (R-02, R-04)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import Training, copy_program, linux_only
from runtime.training import environment

pytestmark = linux_only

TRAIN = """
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from runtime import run

class Hyperparameters(BaseModel):
    pass

def train(job):
    (job.base_dir / "training").touch()
    while (job.base_dir / "gate").exists():
        time.sleep(0.01)
    if job.leader:
        (job.model_dir / "mine").touch()

run(train, Hyperparameters)
"""
HOSTS = ["algo-1", "algo-2"]
SAGEMAKER: dict[str, Any] = {
    "TRAINING_JOB_ARN": "arn:aws:sagemaker:eu-west-1:111122223333:x"
}


@contextmanager
def started(
    tmp_path: Path, host: str, *, gate: bool = False, **variables: object
) -> Iterator[Training]:
    """Start a host, which trains until its gate is gone."""
    base_dir = tmp_path / host / "ml"
    config = base_dir / "input/config"
    config.mkdir(parents=True)
    resources = {"current_host": host, "hosts": HOSTS}
    (config / "resourceconfig.json").write_text(json.dumps(resources))
    (tmp_path / "model").mkdir(exist_ok=True)
    (base_dir / "model").symlink_to(tmp_path / "model")
    if gate:
        (base_dir / "gate").touch()
    with Training(tmp_path / "program", base_dir, **variables) as job:
        yield job


def trains(job: Training) -> None:
    """Wait until a host trains."""
    job.reaches((job.base_dir / "training").exists)


def waits(job: Training) -> bool:
    """Say whether a host waits for a lock."""
    locks = Path("/proc/locks").read_text().splitlines()
    return any("->" in lock and f" {job.process.pid} " in lock for lock in locks)


@pytest.fixture(autouse=True)
def _program(tmp_path: Path) -> None:
    copy_program(tmp_path / "program", train=TRAIN)


def test_a_host_that_is_done_waits_until_the_leader_has_ended(tmp_path: Path) -> None:
    """R-04: local mode stops all hosts as soon as one ends."""
    with started(tmp_path, "algo-1", gate=True) as leader:
        trains(leader)
        with started(tmp_path, "algo-2") as other:
            other.reaches(lambda: waits(other))
            (leader.base_dir / "gate").unlink()
            assert leader.ended() == 0, leader.log()
            assert other.ended() == 0, other.log()
    assert (tmp_path / "model/mine").exists()


def test_a_host_that_is_done_waits_for_a_leader_that_starts_late(
    tmp_path: Path,
) -> None:
    """R-04."""
    with started(tmp_path, "algo-2") as other:
        trains(other)
        with started(tmp_path, "algo-1", gate=True) as leader:
            trains(leader)
            other.reaches(lambda: waits(other))
            (leader.base_dir / "gate").unlink()
            assert leader.ended() == 0, leader.log()
        assert other.ended() == 0, other.log()
    assert (tmp_path / "model/mine").exists()


def test_a_host_that_is_stopped_leaves_the_model_of_the_leader(tmp_path: Path) -> None:
    """R-04, T-42: the leader has ended first."""
    with started(tmp_path, "algo-2", gate=True) as other:
        trains(other)
        with started(tmp_path, "algo-1") as leader:
            assert leader.ended() == 0, leader.log()
        other.stop()
        assert other.ended() == 1
    assert (tmp_path / "model/mine").exists()


def test_a_host_that_starts_late_leaves_the_model_of_the_leader(tmp_path: Path) -> None:
    """R-04, T-38."""
    with started(tmp_path, "algo-1") as leader:
        assert leader.ended() == 0, leader.log()
    with started(tmp_path, "algo-2", **SAGEMAKER) as other:
        assert other.ended() == 0, other.log()
    assert (tmp_path / "model/mine").exists()


def test_in_sagemaker_no_host_waits(tmp_path: Path) -> None:
    """T-23, T-38: each has a model folder of its own."""
    with started(tmp_path, "algo-2", **SAGEMAKER) as other:
        trains(other)
        assert other.ended(environment.SKEW / 2) == 0, other.log()
