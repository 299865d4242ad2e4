"""The image under the SageMaker Python SDK v2, in local mode."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from clients.every_type import EVERY_TYPE
from clients.local_mode import Machine, Ran, example, member, members

PROGRAM = Path(__file__).with_name("sdk_v2.py")
NAMES = ["one", "two", "three"]  # of the rows that are asked for
WRONG = "ClientError: hyperparameter count='many': should be an integer"


@pytest.fixture(scope="module")
def trained(machine: Machine, owners_image: str) -> Ran:
    return machine.run(PROGRAM, "train", owners_image)


@pytest.fixture(scope="module")
def answers(machine: Machine, owners_image: str, trained: Ran) -> Any:
    """Deploy the model, and ask it in every way."""
    assert trained.log
    ran = machine.run(PROGRAM, "endpoint", owners_image)
    assert_alone(ran)
    return machine.result()


def assert_alone(ran: Ran) -> None:
    """Expect that nothing was asked of AWS, nor of any other machine (R-12)."""
    assert ran.calls == []
    assert ran.hosts == []


def test_hyperparameters_of_every_type_arrive_with_their_types(
    machine: Machine, trained: Ran
) -> None:
    """R-01, R-03, T-09, T-15, T-17."""
    assert_alone(trained)
    archive = machine.home / "trained/model.tar.gz"
    given = json.loads(member(archive, "model.json"))["hyperparameters"]
    assert {name: given[name] for name in EVERY_TYPE} == EVERY_TYPE


def test_the_caller_learns_why_a_job_has_failed(
    machine: Machine, owners_image: str
) -> None:
    """T-39, T-40, T-42: an exception, the log, and the file `failure`."""
    ran = machine.run(PROGRAM, "fail", owners_image)
    assert_alone(ran)
    assert "exited with code: 1" in machine.result()
    assert WRONG in ran.log
    assert member(machine.home / "failed/output.tar.gz", "failure") == WRONG
    assert members(machine.home / "failed/model.tar.gz") == []


def test_two_hosts_work_together_and_the_model_is_there(
    machine: Machine, owners_image_with_dask: str
) -> None:
    """R-02, R-04, T-38: local mode stops both as soon as one ends."""
    ran = machine.run(PROGRAM, "two_hosts", owners_image_with_dask)
    assert_alone(ran)
    assert re.search("at work: algo-1-[a-z0-9]+ algo-2-", ran.log)
    assert "tasks by host: algo-1-" in ran.log
    archive = machine.home / "two_hosts/model.tar.gz"
    assert members(archive) == ["model.joblib", "model.json"]


def test_csv_json_and_npy_come_back_as_they_were_asked_for(answers: Any) -> None:
    """F-05, F-14, F-15, R-06: the serializers and deserializers of the SDK."""
    assert answers["csv"] == [[name] for name in NAMES]
    assert answers["json"] == {"predictions": NAMES}
    assert answers["numpy"] == NAMES


def test_a_data_frame_has_a_row_for_each_prediction(answers: Any) -> None:
    """F-15: of what the SDK's deserializer names, CSV would lose the first one."""
    assert answers["frame"] == {"predictions": NAMES}


def test_an_error_does_not_look_like_a_prediction(answers: Any) -> None:
    """R-07: local mode shows no status to its caller."""
    assert answers["wrong"]["code"] == "bad_input"
    assert "predictions" not in answers["wrong"]


def test_in_batch_transform_each_prediction_is_a_line_and_nothing_else_is(
    machine: Machine, owners_image: str, trained: Ran
) -> None:
    """H-53, H-54, H-55, R-08.

    The SDK glues answers together; for AssembleWith=Line it adds a newline of its own
    to each, so that blank lines are between them.
    """
    assert trained.log
    assert_alone(machine.run(PROGRAM, "batch", owners_image))
    outputs = machine.result()
    assert outputs["SingleRecord, None"] == "one\ntwo\nthree\n"
    assert outputs["MultiRecord, None"] == "one\ntwo\nthree\n"
    assert outputs["SingleRecord, Line"] == "one\n\ntwo\n\nthree\n\n"
    assert outputs["MultiRecord, Line"] == "one\ntwo\nthree\n\n"


@pytest.mark.sample
@pytest.mark.penguins
def test_the_example_of_the_page_trains_and_predicts(
    machine: Machine, image: str
) -> None:
    ran = machine.run(example(machine, "v2", image))
    assert_alone(ran)
    n_rows = (machine.home / "local-test/payload.csv").read_bytes().count(b"\n")
    lines = [line for line in ran.log.splitlines() if line.startswith("['")]
    assert [len(ast.literal_eval(line)) for line in lines] == [n_rows]


ASKING = """
import socket
import boto3
from botocore.exceptions import EndpointConnectionError

socket.getaddrinfo("192.0.2.1", 443)
try:
    boto3.client("sts", endpoint_url="http://127.0.0.1:9").get_caller_identity()
except EndpointConnectionError:
    pass
"""


def test_a_call_of_aws_would_be_seen(machine: Machine) -> None:
    program = machine.home / "asking.py"
    program.write_text(ASKING)
    ran = machine.run(program)
    assert ran.calls == ["sts.GetCallerIdentity"]
    assert ran.hosts == ["192.0.2.1"]
