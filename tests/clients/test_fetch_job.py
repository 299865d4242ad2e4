"""fetch-job.sh: a training job of SageMaker, brought here and repeated.

The service is moto's server, asked by the real AWS CLI. moto ends every job well: for
one that has failed, a few lines before the CLI say so.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.ecr_harness import VENV, Api, make_environment
from harness import ROOT, environment

pytestmark = pytest.mark.penguins
SAMPLE = ROOT / "local-test/test-dir/input/data/training/penguins.csv"
HYPERPARAMETERS = {"target": "species", "n_estimators": "7"}
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
REASON = "ClientError: no channel\nin line two"
# The CLI, in whose answer the job has failed.
FAILED = f"""#!{sys.executable}
import json, os, subprocess, sys
command = ["{VENV}/bin/aws", *sys.argv[1:]]
if sys.argv[2] != "describe-training-job":
    os.execv(command[0], command)
job = json.loads(subprocess.check_output(command))
print(json.dumps(job | {{"FailureReason": {REASON!r}}}))
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    make_environment()
    with Api(tmp_path_factory.mktemp("moto") / "log") as found:
        yield found.ready()


@pytest.fixture(scope="module")
def job(api: Api, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Make a job of three channels. Returns: what it was made of, for others."""
    folder, s3 = tmp_path_factory.mktemp("job"), api.client("s3")
    location = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket="data", CreateBucketConfiguration=location)
    rows = SAMPLE.read_bytes()
    objects = {
        "penguins/2026/a.csv": rows,
        "penguins/b.csv.gz": gzip.compress(rows),
        "penguins/": b"",  # as a console makes a folder
        "quoted/notes.csv": b'id,note\n1,"two\nlines"\n2,x\n3,y\n',
        "images/1.png": b"\x89PNG\n\n\n",
        "images/2.png": b"\x89PNG\n\n\n",
        "list.json": json.dumps(
            [{"prefix": "s3://data/quoted/"}, "notes.csv"]
        ).encode(),
    }
    (folder / "model.joblib").write_bytes(b"trees")
    with tarfile.open(folder / "model.tar.gz", "w:gz") as packed:
        packed.add(folder / "model.joblib", "model.joblib")
    for key, content in objects.items():
        s3.put_object(Bucket="data", Key=key, Body=content)
    packed_model = str(folder / "model.tar.gz")
    s3.upload_file(packed_model, "data", "out/job-1/output/model.tar.gz")
    made = {
        "TrainingJobName": "job-1",
        "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::111122223333:role/any",
        "InputDataConfig": [
            channel("training", "s3://data/penguins", ContentType="text/csv"),
            channel("notes", "s3://data/list.json", "ManifestFile"),
            channel("images", "s3://data/images/"),
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://data/out"},
        "ResourceConfig": {
            "InstanceCount": 2,
            "InstanceType": "ml.c5.xlarge",
            "VolumeSizeInGB": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "HyperParameters": HYPERPARAMETERS,
    }
    api.client("sagemaker").create_training_job(**made)
    return made


def channel(
    name: str, uri: str, kind: str = "S3Prefix", **more: str
) -> dict[str, object]:
    """Describe a channel as a job does."""
    source = {"S3DataType": kind, "S3Uri": uri}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """Make a checkout that git knows, with the sample's data. Returns: local-test."""
    folder = tmp_path / "check out"
    ignore = shutil.ignore_patterns("__pycache__", "model", "output")
    shutil.copytree(ROOT / "local-test", folder / "local-test", ignore=ignore)
    shutil.copy(ROOT / ".gitignore", folder)
    for command in ("init", "add .", "-c user.name=a -c user.email=a@b commit -m a"):
        words = ["git", "-C", str(folder), *command.split()]
        subprocess.run(words, check=True, capture_output=True)
    return folder / "local-test"


def fetched(
    api: Api, local: Path, *arguments: str, path: Path = VENV / "bin"
) -> tuple[int, str]:
    """Run the script with this AWS CLI. Returns: the status, and what it says."""
    region = api.client("s3").meta.region_name
    variables = KEYS | {"AWS_ENDPOINT_URL": api.url, "AWS_DEFAULT_REGION": region}
    found = subprocess.run(
        [local / "fetch-job.sh", *arguments],
        env=environment(**variables, PATH=f"{path}:{os.environ['PATH']}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return found.returncode, found.stdout


def files(folder: Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def test_a_job_is_here_as_it_was_in_sagemaker(
    api: Api, job: dict[str, Any], local: Path
) -> None:
    """T-13, T-16, T-20, T-27, T-32."""
    status, said = fetched(api, local, job["TrainingJobName"])
    assert status == 0, said
    here = local / "test-dir"
    assert files(here / "input/data") == {
        "training/2026/a.csv",
        "training/b.csv.gz",
        "notes/notes.csv",
        "images/1.png",
        "images/2.png",
    }
    file = here / "input/data/training/2026/a.csv"
    assert file.read_bytes() == SAMPLE.read_bytes()
    config = {p.stem: json.loads(p.read_text()) for p in here.rglob("config/*.json")}
    assert config["hyperparameters"] == HYPERPARAMETERS
    assert config["inputdataconfig"]["training"]["ContentType"] == "text/csv"
    assert "ContentType" not in config["inputdataconfig"]["images"]
    assert config["resourceconfig"]["current_instance_type"] == "ml.c5.xlarge"
    assert files(here / "model") == {"model.joblib"}
    assert "it ran on 2 hosts; here there is one" in said
    assert not (local / "test-dir.previous").exists()


def test_rows_are_the_first_of_each_text_and_no_row_is_cut(
    api: Api, job: dict[str, Any], local: Path
) -> None:
    status, said = fetched(api, local, job["TrainingJobName"], "--rows", "1")
    assert status == 0, said
    data = local / "test-dir/input/data"
    first = b"".join(SAMPLE.read_bytes().splitlines(keepends=True)[:2])
    assert files(data / "training") == {"2026/a.csv"}  # the first object
    assert (data / "training/2026/a.csv").read_bytes() == first
    assert (data / "notes/notes.csv").read_text() == 'id,note\n1,"two\nlines"\n'
    assert (data / "images/1.png").read_bytes() == b"\x89PNG\n\n\n"
    assert "1 of 2 objects" in said
    status, said = fetched(api, local, job["TrainingJobName"], "--rows", "2")
    assert status == 0, said
    packed = (data / "training/b.csv.gz").read_bytes()
    assert gzip.decompress(packed).count(b"\n") == 3


def test_data_of_ones_own_are_kept_and_never_overwritten(
    api: Api, job: dict[str, Any], local: Path
) -> None:
    own = local / "test-dir/input/data/training/own.csv"
    own.write_text("mine\n")
    assert fetched(api, local, job["TrainingJobName"], "--rows", "1")[0] == 0
    kept = local / "test-dir.previous/input/data/training/own.csv"
    assert kept.read_text() == "mine\n"
    before = files(local / "test-dir")
    status, said = fetched(api, local, job["TrainingJobName"])
    assert status == 1
    assert "local-test/test-dir.previous is there" in said
    assert kept.read_text() == "mine\n"
    assert files(local / "test-dir") == before


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((), 64, "usage: fetch-job.sh JOB [--rows N]"),
        (("job-1", "--rows", "none"), 64, "usage: "),
        (("job-2",), 1, "job-2"),
    ],
)
def test_what_cannot_be_fetched_is_said_and_test_dir_stays(
    api: Api, local: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    before = files(local / "test-dir")
    found, said = fetched(api, local, *arguments)
    assert (found, words in said) == (status, True), said
    assert files(local / "test-dir") == before


def test_a_job_that_failed_is_repeated_by_train_local(
    api: Api, job: dict[str, Any], local: Path, tmp_path: Path
) -> None:
    """T-40: its reason is here, and its data and hyperparameters train."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/aws").write_text(FAILED)
    (tmp_path / "bin/aws").chmod(0o755)
    status, said = fetched(api, local, job["TrainingJobName"], path=tmp_path / "bin")
    assert status == 0, said
    assert "it failed: ClientError: no channel\n" in said, said
    assert (local / "test-dir/output/failure").read_text() == REASON
    (local.parent / "model").symlink_to(ROOT / "model")
    python = local.parent / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for folder in (local.parent, local.parent / ".venv"):
        shutil.copy(ROOT / "requirements.txt", folder)
    shutil.rmtree(local / "test-dir/input/data/notes")
    words = [str(local / "train-local.sh"), "--native"]
    repeated = subprocess.run(words, env=environment(), capture_output=True, text=True)
    assert repeated.returncode == 0, repeated.stdout + repeated.stderr
    assert "model.joblib" in files(local / "test-dir/model")
