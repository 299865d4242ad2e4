"""The image under the SageMaker Python SDK v3, in local container mode."""

import json
import re
from pathlib import Path

import pytest

from clients.every_type import EVERY_TYPE
from clients.local_mode import Machine, example, member, members

PROGRAM = Path(__file__).with_name("sdk_v3.py")
WRONG = "ClientError: hyperparameter count='many': should be an integer"


@pytest.mark.parametrize(
    ("scenario", "channels"),
    [("train", "training"), ("source", "code sm_drivers training")],
)
def test_hyperparameters_of_every_type_arrive_with_their_types(
    machine: Machine, owners_image: str, scenario: str, channels: str
) -> None:
    """R-03, R-05, T-08, T-15, T-17: no argument, or a script that calls it."""
    ran = machine.run(PROGRAM, scenario, owners_image)
    assert ran.calls == []
    assert ran.hosts == []
    assert f"channels: {channels}\n" in ran.log
    archive = machine.home / scenario / "compressed_artifacts/model.tar.gz"
    assert members(archive) == ["model.joblib", "model.json"]
    given = json.loads(member(archive, "model.json"))["hyperparameters"]
    assert {name: given[name] for name in EVERY_TYPE} == EVERY_TYPE


def test_two_hosts_work_together_and_the_model_is_there(
    machine: Machine, owners_image_with_dask: str
) -> None:
    """R-02, R-04, T-38: the interface that the SDK names is none."""
    ran = machine.run(PROGRAM, "two_hosts", owners_image_with_dask)
    assert ran.calls == []
    assert ran.hosts == []
    assert re.search(r"at work: algo-1\S* algo-2", ran.log)
    assert "tasks by host: algo-1" in ran.log
    archive = machine.home / "two_hosts/compressed_artifacts/model.tar.gz"
    assert members(archive) == ["model.joblib", "model.json"]


def test_the_caller_learns_why_a_job_has_failed(
    machine: Machine, owners_image: str
) -> None:
    """T-39, T-40, T-42: an exception, the log, and the file `failure`."""
    ran = machine.run(PROGRAM, "fail", owners_image)
    assert ran.calls == []
    assert ran.hosts == []
    assert "exited with code: 1" in machine.result()
    assert WRONG in ran.log
    archives = machine.home / "failed/compressed_artifacts"
    assert member(archives / "output.tar.gz", "failure") == WRONG
    assert members(archives / "model.tar.gz") == []


@pytest.mark.sample
@pytest.mark.penguins
def test_the_example_of_the_page_trains(machine: Machine, image: str) -> None:
    ran = machine.run(example(machine, "v3", image))
    assert ran.calls == []
    assert ran.hosts == []
    archive = machine.home / "trained-v3/compressed_artifacts/model.tar.gz"
    assert members(archive) == ["model.joblib", "model.json", "model.onnx"]
