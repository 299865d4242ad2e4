"""Training jobs: one that ends well, one that is stopped, and others that cannot."""

from __future__ import annotations

import json
import math
import shutil
import signal
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from checks.finding import advise, check, fail, skip
from checks.launch import Place, Run

RAISE = "let the exception out, and write its text to /opt/ml/output/failure"


class Job(NamedTuple):
    """A job that has ended; without a status it had to be killed."""

    run: Run
    base: Path
    status: int | None
    seconds: float  # since its start, or since it was stopped
    deaf: bool = False

    def model(self) -> dict[str, int]:
        """Give the files of the model, and their sizes."""
        return sizes(self.base / "model")

    def reason(self) -> str:
        """Give what a FailureReason would show."""
        file = self.base / "output/failure"
        return file.read_text(errors="replace")[:1024] if file.is_file() else ""

    def said(self) -> str:
        """Give the first line of the reason, else what it has printed last."""
        first = self.reason().strip().partition("\n")[0] or self.run.last_words()
        return f"status {self.status}: {first[:120]}"


def sizes(folder: Path) -> dict[str, int]:
    """Give the files below a folder, and their sizes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


def train(place: Place, data: Path, *options: str, stop: float = 0) -> Job:
    """Run a job on a copy of a folder `input`; stop it after so many seconds."""
    base = Path(tempfile.mkdtemp(dir=place.scratch, prefix="job-"))
    shutil.copytree(data, base / "input")
    for name in ("model", "output/data"):
        (base / name).mkdir(parents=True)
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:training-job/check"
    env = {"TRAINING_JOB_NAME": "check", "TRAINING_JOB_ARN": arn}
    env["AWS_REGION"] = "eu-west-1"
    with closing(place.start("train", base, *options, **env)) as run:
        begun, deaf = run.begun, False
        if stop and run.ended(stop) is None:
            deaf, begun = run.is_deaf(), time.monotonic()
            run.terminate()
        status = run.ended(120 if stop else 86_400)
        seconds = time.monotonic() - begun
        place.collect(run, base)
    return Job(run, base, status, seconds, deaf or status == -signal.SIGTERM)


@check("T-39", "train ends with status 0", "repair what it says")
def ends_well(job: Job) -> str:
    return (
        f"{job.seconds:.1f} s" if not job.status else fail(job.said(), job.run.hint())
    )


@check(
    "T-36", "a model is in /opt/ml/model", f"save it there; where train fails, {RAISE}"
)
def leaves_a_model(job: Job) -> str:
    if not job.model():
        fail("an empty folder and status 0: the job would be Completed")
    if any(path.is_symlink() for path in (job.base / "model").rglob("*")):
        fail("a link, which no endpoint unpacks (H-29)", "copy the file")
    return f"{len(job.model())} files, {sum(job.model().values()):,} bytes"


@check("T-28", "channels are only read", "unpack and cache below /tmp")
def only_reads(job: Job, data: Path) -> str:
    same = sizes(job.base / "input") == sizes(data)
    return "unchanged" if same else fail("files in /opt/ml/input have changed")


@check("T-54", "trains without a network", "put into the image what it loads")
def needs_no_network(isolated: bool | None) -> str:  # noqa: FBT001 -- what is asked
    if isolated is None:
        skip("only Docker can take the network away")
    return "--network none" if isolated else advise("only with a network")


@check("T-43", "SIGTERM ends train within 120 s", "signal.signal(signal.SIGTERM, ...)")
def stops(job: Job, whole: float) -> str:
    if whole < 1:
        skip(f"a job of {whole:.1f} s is over too soon")
    if job.status is None:
        fail("it had to be killed")
    if job.deaf:
        fail("process 1 has no handler: a longer job would be killed, its model lost")
    return f"status {job.status} after {job.seconds:.1f} s"


def refusal(job: Job | None) -> str:
    """Say how a job was refused that could not end well."""
    if job is None:
        skip("no hyperparameter is a number")
    if not job.status:
        if job.model():
            advise("status 0, and a model", "say so, if a mistake may cost a day")
        fail("status 0 and no model: the job would be Completed")
    return job.said() if job.reason() else fail(f"{job.said()}, no output/failure")


random_bytes = check("T-40", "random bytes as data: a status, a reason", RAISE)(refusal)
no_data = check("T-34", "no data: a status, a reason", RAISE)(refusal)
wrong_hyperparameter = check("T-13", "text for a number: a status, a reason", RAISE)(
    refusal
)


@check("T-15", "files as SDKs, tuners and S3 write them", "ignore what is not yours")
def written_by_others(job: Job) -> str:
    if job.status or not job.model():
        fail(job.said())
    return "more hyperparameters, other hosts, a manifest beside the channel"


def spoil(data: Path) -> None:
    """Fill each file of each channel with nonsense."""
    for file in filter(Path.is_file, (data / "data").rglob("*")):
        file.write_bytes(bytes(range(256)) * 9)


def empty(data: Path) -> None:
    """Take all channels away."""
    shutil.rmtree(data / "data")
    (data / "data").mkdir()
    (data / "config/inputdataconfig.json").write_text("{}")


def mistype(data: Path) -> None:
    """Write a text for the first hyperparameter that is a number."""
    file, values = data / "config/hyperparameters.json", hyperparameters(data)
    name = next(filter(lambda name: number(values[name]) is not None, values))
    file.write_text(json.dumps({**values, name: "check.sh"}))


def add_what_others_write(data: Path) -> None:
    """Write what comes of the SDK, its local mode and tuners (T-09, T-33, R-02)."""
    channels = [path.name for path in (data / "data").iterdir() if path.is_dir()]
    values = {
        **hyperparameters(data),
        "_tuning_objective_metric": "validation:loss",
        "sagemaker_program": '"train.py"',
    }
    host = "algo-1-2yxqh"
    network = {"network_interface_name": "ethwe"}
    files = {
        "hyperparameters": values,
        "inputdataconfig": {name: {"TrainingInputMode": "File"} for name in channels},
        "resourceconfig": {"current_host": host, "hosts": [host], **network},
        "metric-definition-regex": [],
    }
    for name, content in files.items():
        (data / f"config/{name}.json").write_text(json.dumps(content))
    for name in channels:
        (data / f"data/{name}-manifest").write_text("[]")


def hyperparameters(data: Path) -> dict[str, str]:
    """Read those of a folder `input`, which may have none."""
    file = data / "config/hyperparameters.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def number(text: str) -> float | None:
    """Read a number, or give None."""
    with suppress(ValueError):
        return float(text) if math.isfinite(float(text)) else None
    return None
