"""The conformance checks of training, by their numbers: the image, run as a job."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from containers import configure, owner
from harness import Container, docker
from runtime.training import stopping

AT_ONCE = 10  # seconds that a stopped job takes; SageMaker gives it 120
FIELDS = """depth: int
rate: float
flag: bool
names: list[str]
quoted: str
nothing: int | None
bare: str"""
# As the SDK, its two generations and a tuning job write them (T-15, R-03).
STRINGS = {
    "depth": "10.0",
    "rate": "1e-3",
    "flag": "False",
    "names": '["a", "b"]',
    "quoted": '"gini"',
    "nothing": "None",
    "bare": "gini",
    "_tuning_objective_metric": "validation:accuracy",
    "sagemaker_program": '"train.py"',
    "sagemaker_new_in_2030": "{}",
}
MEANT = {
    "depth": 10,
    "rate": 0.001,
    "flag": False,
    "names": ["a", "b"],
    "quoted": "gini",
    "nothing": None,
    "bare": "gini",
}


def refused(image: str, opt_ml: Path, *options: str) -> str:
    """Run a job that has to fail. Returns: the first line of the reason."""
    with Container(image, opt_ml, *options) as job:
        job.reaches(lambda: not job.running())
        assert job.ended() == 1
    assert not list((opt_ml / "model").iterdir())
    return (opt_ml / "output/failure").read_text().splitlines()[0]


def test_check_01_train_leaves_a_model_and_status_0(trained: Path) -> None:
    """T-01: and no other files than these."""
    names = {path.name for path in trained.iterdir()} - {"model.onnx"}  # if it is equal
    assert names == {"model.joblib", "model.json"}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("", "ClientError: channel 'training' is empty: no file but empty ones in "),
        ("a,b\n1,2\n3,4,5\n", "ClientError: cannot read training/rows.csv: "),
        ('a,b\n1,"2\n', "ClientError: cannot read training/rows.csv: "),
        (None, "ClientError: no channel 'training'"),
    ],
    ids=["empty", "ragged", "quote", "none"],
)
def test_check_01_bad_data_leaves_its_reason_and_no_model(
    image: str, opt_ml: Path, rows: str | None, reason: str
) -> None:
    """T-39, T-40."""
    shutil.rmtree(opt_ml / "input/data")
    if rows is not None:
        (opt_ml / "input/data/training").mkdir(parents=True)
        (opt_ml / "input/data/training/rows.csv").write_text(rows)
    said = refused(image, opt_ml)
    assert said.startswith(reason)
    assert len(said) <= 1024


def stopped(image: str, opt_ml: Path, tmp_path: Path, action: str) -> int:
    """Stop a job once it has said "reached". Returns: the exit status."""
    action += "\nprint('reached')\ntime.sleep(100)"
    with Container(image, opt_ml, *owner(tmp_path, action=action)) as job:
        job.reaches(lambda: "reached" in job.log())
        started = time.monotonic()
        ended = job.stop()
        assert time.monotonic() - started < AT_ONCE
    return ended


def test_check_02_docker_stop_before_a_model_was_saved(
    image: str, opt_ml: Path, tmp_path: Path
) -> None:
    """T-43, T-51: failure file, non-zero status, empty model folder."""
    action = "(job.model_dir / 'half').touch()"
    assert stopped(image, opt_ml, tmp_path, action) == 1
    assert (opt_ml / "output/failure").read_text() == stopping.STOPPED
    assert not list((opt_ml / "model").iterdir())


def test_check_02_docker_stop_saves_the_model_of_a_checkpoint(
    image: str, opt_ml: Path, tmp_path: Path
) -> None:
    """T-03, T-43, T-47: process 1 hears it."""
    action = "job.checkpoint(1, [1, 2], X)"
    assert stopped(image, opt_ml, tmp_path, action) == 0
    description = json.loads((opt_ml / "model/model.json").read_text())
    assert description["partial"] is True
    assert not (opt_ml / "output/failure").exists()


def test_check_02_docker_stop_lets_a_job_save_that_asks_for_it(
    image: str, opt_ml: Path, tmp_path: Path
) -> None:
    """T-43: `job.stopping` is for jobs that can end early."""
    action = (
        "print('reached')\n"
        "while not job.stopping:\n    time.sleep(0.01)\n"
        "return job.save([1, 2], X)"
    )
    assert stopped(image, opt_ml, tmp_path, action) == 0
    assert (opt_ml / "model/model.joblib").exists()


def test_check_03_hyperparameters_are_strings_of_many_kinds(
    image: str, opt_ml: Path, tmp_path: Path
) -> None:
    """T-13, T-15."""
    configure(opt_ml, "hyperparameters.json", STRINGS)
    action = (
        "seen = job.hyperparameters.model_dump_json()\n"
        "(job.model_dir / 'seen.json').write_text(seen)"
    )
    options = owner(tmp_path, action=action, fields=FIELDS)
    with Container(image, opt_ml, *options) as job:
        assert job.ended() == 0, job.log()
    assert json.loads((opt_ml / "model/seen.json").read_text()) == MEANT


def test_check_04_no_config_a_manifest_nested_folders_a_read_only_channel(
    image: str, opt_ml: Path, tmp_path: Path
) -> None:
    """T-17, T-28, T-33: only folders are channels, and nothing is written to them."""
    shutil.rmtree(opt_ml / "input")
    channel = opt_ml / "input/data/training"
    for folder, value in (("", 1), ("2026", 2), ("2026/11", 3)):
        (channel / folder).mkdir(parents=True, exist_ok=True)
        (channel / folder / f"{value}.csv").write_text(f"size\n{value}\n")
    channel.with_name("training-manifest").write_text("{}")
    action = (
        "assert list(job.channels) == ['training'], job.channels\n"
        "rows = job.read('training')\n"
        "(job.model_dir / 'sizes').write_text(str(sorted(rows['size'])))"
    )
    read_only = f"{opt_ml}/input:/opt/ml/input:ro"
    options = [*owner(tmp_path, action=action), "--volume", read_only]
    with Container(image, opt_ml, *options) as job:
        assert job.ended() == 0, job.log()
    assert (opt_ml / "model/sizes").read_text() == "[1, 2, 3]"


def test_check_04_a_channel_that_is_missing_is_named(
    image: str, opt_ml: Path, tmp_path: Path
) -> None:
    """T-17, T-34: with those that are there."""
    options = owner(tmp_path, action="job.read('validation')")
    said = refused(image, opt_ml, *options)
    assert said.startswith("ClientError: no channel 'validation'")
    assert "training" in said


def test_check_04_a_fifo_is_refused_and_nothing_waits_for_it(
    image: str, opt_ml: Path, tmp_path: Path
) -> None:
    """T-29: Pipe mode is not offered."""
    shutil.rmtree(opt_ml / "input/data/training")
    os.mkfifo(opt_ml / "input/data/training_0")
    mode = {"TrainingInputMode": "Pipe", "S3DistributionType": "FullyReplicated"}
    configure(opt_ml, "inputdataconfig.json", {"training": mode})
    said = refused(image, opt_ml, *owner(tmp_path, action="job.read('training')"))
    assert said.startswith("ClientError: channel 'training' is a pipe")


@pytest.mark.parametrize("host", ["algo-1", "algo-2"])
def test_check_05_without_dask_no_one_of_several_hosts_begins(
    image: str, opt_ml: Path, host: str
) -> None:
    """T-21, T-38, T-40: an image with it is in test_hosts_in_containers."""
    hosts = {"current_host": host, "hosts": ["algo-1", "algo-2"]}
    configure(opt_ml, "resourceconfig.json", hosts)
    said = refused(image, opt_ml)
    assert said.startswith("ClientError: a job of several hosts needs Dask")


@pytest.mark.parametrize("command", ["", "train"])
def test_check_16_without_a_network_it_trains(
    image: str, opt_ml: Path, command: str
) -> None:
    """T-54, R-05: also without an argument."""
    options = ["--rm", "--network", "none", "--volume", f"{opt_ml}:/opt/ml"]
    docker("run", *options, image, *command.split())
    assert (opt_ml / "model/model.json").exists()
