"""Does SageMaker take this container? check.sh runs this.

It trains, serves, asks, interrupts and stops as SageMaker and its clients do, on this
machine alone. It knows /opt/ml, HTTP and the rows of the payload, and nothing of the
model: any image can be given. A Python 3.9 without packages is enough.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from checks import image, serving, training
from checks.endpoint import Endpoint, lines
from checks.finding import Finding, Otherwise, check, fail
from checks.launch import Docker, Native, Place
from checks.training import Job, number, train

HERE = Path(__file__).resolve().parent
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".jsonl": "application/jsonlines",
    ".txt": "text/plain",
}
BATCH = {
    "SAGEMAKER_BATCH": "true",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": "6",
    "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
    "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "1",
    "SAGEMAKER_REGION": "eu-west-1",
}


class Data(NamedTuple):
    """What to train on, and rows to ask about."""

    input: Path  # as SageMaker mounts it
    rows: list[bytes]
    media_type: str


def read_data(own: Path | None, scratch: Path) -> Data:
    """Find data and rows: what a folder has, and for the rest what local-test has."""
    data = shutil.copytree(HERE / "test-dir/input", scratch / "input")
    if own and (own / "input/data").is_dir():
        shutil.rmtree(data / "data")
        (data / "config/inputdataconfig.json").unlink(missing_ok=True)
    if own and (own / "input").is_dir():
        shutil.copytree(own / "input", data, dirs_exist_ok=True)
    folders = filter(None, (own, HERE))
    files = [f for each in folders for f in sorted(each.glob("payload.*"))]
    payload = next(file for file in files if file.suffix in MEDIA_TYPES)
    rows = payload.read_bytes().splitlines()
    channels = filter(Path.is_file, (data / "data").rglob("*"))
    names = {name for file in channels for name in first_cells(file)}
    first = first_cells(payload)
    if names.issuperset(first) and not all(map(number, first)):
        del rows[0]  # a header, which SageMaker's clients do not send
    if not rows:
        sys.exit(f"check.sh: {payload} has no row to ask about: put some there")
    return Data(Path(data), rows, MEDIA_TYPES[payload.suffix])


def first_cells(file: Path) -> list[str]:
    """Give the cells of a first line, if it is one of CSV."""
    with file.open(errors="replace", newline="") as text:
        return next(csv.reader([text.readline()]), [])


def findings(place: Place, data: Data, silence: float) -> Iterator[Finding]:
    """Check everything, in the order of a model's life."""
    if isinstance(place, Docker):
        yield from (look(place) for look in image.CHECKS)
    job = yield from trained(place, data)
    if job is None:
        yield Finding("skipped", "H-01", "serve", "there is no model")
    else:
        stopped = train(place, data.input, stop=job.seconds / 2)
        yield training.stops(stopped, job.seconds)
        yield leaves_no_half(place, data, stopped)
        yield from served(place, data, job, silence)


@check("T-42", "a stopped job leaves a whole model or none", "write, then os.replace")
def leaves_no_half(place: Place, data: Data, job: Job) -> str:
    if not job.model():
        return "none"
    with serve(place, data, job.base) as e:
        if (found := serving.starts(e)).verdict != "ok":
            fail(found.seen)
        return f"{len(e.predict(lines(e.rows)))} answers"


def trained(place: Place, data: Data) -> Generator[Finding, None, Job | None]:
    """Train, without a network where one can be taken away. Returns: what to serve."""
    isolated: bool | None = isinstance(place, Docker) or None
    job = train(place, data.input, *(["--network=none"] if isolated else []))
    if job.status and isolated:
        job = train(place, data.input)
        isolated = bool(job.status)
    yield training.ends_well(job)
    if job.status:
        return None
    yield training.only_reads(job, data.input)
    yield training.needs_no_network(isolated)
    yield training.leaves_a_model(job)
    return job if job.model() else None


@contextmanager
def serve(
    place: Place, data: Data, base: Path, *options: str, **env: str
) -> Iterator[Endpoint]:
    """Start the server on the model of a job, and end it."""
    with closing(place.start("serve", base, *options, **env)) as run:
        yield Endpoint(run, data.rows, data.media_type)


def served(place: Place, data: Data, job: Job, silence: float) -> Iterator[Finding]:
    """Ask all that is asked of a server, stop it, and start others."""
    with serve(place, data, job.base) as e, closing(e.connect()) as quiet:
        yield (started := serving.starts(e))
        ready = time.monotonic() - e.run.begun
        if started.verdict == "FAIL":
            yield Finding("skipped", "H-18", "all requests", "there is no server")
            return
        yield serving.pings(e)
        yield (answered := serving.answers_each_row(e))
        if answered.verdict == "FAIL":
            yield Finding("skipped", "H-18", "other requests", "see above, first")
            return
        expected = e.predict(lines(e.rows))
        until = time.monotonic() + silence
        for _ in range(5):
            e.send(quiet, lines(e.rows))
        yield from (look(e) for look in serving.ASKED)
        yield serving.large(heavy := serving.load(e))
        yield serving.pings_while_busy(e, heavy)
        yield from refused_jobs(place, data)  # while the connection is silent
        yield serving.idle(e, quiet, until)
        before = job.model()
        yield serving.stops_serving(e, heavy)
        yield serving.only_reads_model(before, job.model())
    yield from served_again(place, data, job, expected, ready)


def refused_jobs(place: Place, data: Data) -> Iterator[Finding]:
    """Train on what no job can train on, and on what clients write."""
    changes: dict[Callable[[Job | None], Finding], Callable[[Path], None]] = {
        training.random_bytes: training.spoil,
        training.no_data: training.empty,
        training.wrong_hyperparameter: training.mistype,
        training.written_by_others: training.add_what_others_write,
    }

    def run_changed(change: Callable[[Path], None]) -> Job | None:
        folder = place.scratch / change.__name__
        shutil.copytree(data.input, folder)
        (folder / "config").mkdir(exist_ok=True)
        with suppress(StopIteration):  # there is nothing to change
            change(folder)
            return train(place, folder)
        return None

    with ThreadPoolExecutor(2) as jobs:
        made = jobs.map(run_changed, changes.values())
        yield from (look(job) for look, job in zip(changes, made))


def served_again(
    place: Place, data: Data, job: Job, expected: list[str], ready: float
) -> Iterator[Finding]:
    """Serve the model as for a batch transform, and where things are missing."""
    batch, labels = dict(BATCH), place.config.get("Labels") or {}
    if labels.get("com.amazonaws.sagemaker.capabilities.accept-bind-to-port") == "true":
        batch["SAGEMAKER_BIND_TO_PORT"] = "9000"  # as in a pipeline (H-65)
    with serve(place, data, job.base, **batch) as e:
        yield serving.loads_first(e, 2 * ready + 1)
        yield serving.answers_again(e, expected)
    if isinstance(place, Native):
        yield serving.serves_isolated(None)
        yield serving.serves_serverless(None)
        return
    with (
        serve(place, data, job.base, "--network=none") as isolated,
        serve(place, data, job.base, *serving.SERVERLESS) as bare,
    ):
        yield serving.serves_isolated(isolated)
        yield serving.serves_serverless(bare)


def main() -> int:
    """Read the arguments, check, and print. Returns: the status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--image")
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--program", type=Path)
    parser.add_argument("--test-dir", type=Path)
    parser.add_argument("--silence", type=float, default=20)
    given = parser.parse_args()
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda stop, _: sys.exit(128 + stop))
    own = given.program / "test-dir" if given.program else None
    begun, scratch = time.monotonic(), Path(tempfile.mkdtemp(prefix="check-"))
    data = read_data(given.test_dir or own, scratch)
    found: dict[str, list[str]] = defaultdict(list)
    try:
        place: Place = Native(given.python, given.program, scratch)
        if given.image:
            place = Docker(given.image, given.program, scratch)
        with closing(place):
            for finding in findings(place, data, given.silence):
                print(finding, flush=True)
                found[finding.verdict].append(finding.clause)
    except (OSError, HTTPException, Otherwise) as exc:
        print(f"FAIL     it cannot go on: {exc}")
        found["FAIL"].append("the end")
    counts = (f"{len(clauses)} {verdict}" for verdict, clauses in found.items())
    print(f"{', '.join(counts)}, in {time.monotonic() - begun:.0f} s")
    if found["FAIL"]:
        print(f"broken: {', '.join(found['FAIL'])}; logs are in {scratch}")
        return 1
    shutil.rmtree(scratch)
    print("SageMaker takes it, as far as can be seen without AWS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
