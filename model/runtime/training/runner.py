"""A training job in the order of its life, to an exit status that tells the truth.

It begins before the owner's files are imported, and what fails in them is told as any
other failure. 0 means that a model is there which a fresh process has loaded and asked
(T-39, X-31). Otherwise the reason lies in `output/failure` and on stderr, message first
(T-40), and the model folder is empty.
"""

import functools
import os
import runpy
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, cast

import runtime
from runtime.errors import ClientError, ModelError
from runtime.resources import memory_left
from runtime.training import failure, stopping, validation
from runtime.training.environment import empty, hold
from runtime.training.stopping import JobState

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runtime.training.hyperparameters import Declared
    from runtime.training.job import Job

ROOM = 2 * 2**30  # bytes of memory; with less, the process that validates comes last


def start(program: Path) -> NoReturn:
    """Begin the job, then run the owner's file, whose `run` goes on with it."""
    absent = "train ended without a call of run(train, Hyperparameters)"
    if sys.argv[1:]:  # `--describe` is no job
        runpy.run_path(str(program), run_name="__main__")
        sys.exit(absent)
    state = _state()
    with _told(state):
        begin(state)
        runpy.run_path(str(program), run_name="__main__")
        raise ModelError(absent)
    sys.exit(state.status)


def run(
    train: "Callable[[Job[Declared]], None]",
    declared: "type[Declared]",
    metrics: Sequence[str] = (),
) -> NoReturn:
    """Run a training job as SageMaker does, and exit with a status that is true.

    `metrics` are names of the owner's own that `train --describe` is to list with those
    of `Job.evaluate`.
    """
    if sys.argv[1:]:
        sys.exit(_describe(declared, metrics))
    state = _state()
    with _told(state):
        begin(state)
        job = _job(state, declared)
        work = functools.partial(_work, job, train, state)
        if len(job.hosts) == 1:
            work()
        else:
            _on_several_hosts(job, state, work)
        state.status = 0
    sys.exit(state.status)


@functools.cache
def _state() -> JobState:
    """Give the state of the job: a process has one."""
    base_dir = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
    return JobState(Path(base_dir).resolve())


@contextmanager
def _told(state: JobState) -> Iterator[None]:
    """Let whatever is raised end the job with its reason, unless it has ended."""
    stderr = failure.Tee(sys.stderr)
    try:
        with redirect_stderr(cast("IO[str]", stderr)):
            yield
    except BaseException as exc:  # noqa: BLE001 -- the job's outermost line
        if state.status is None:
            state.ending.acquire()
            state.status = failure.fail(state.environment, exc, stderr.last)
            failure.leave_within(failure.LINGER, state.status)
    finally:
        state.tell_hosts()


@functools.cache  # once, be it before the owner's files are imported or in `run`
def begin(state: JobState) -> None:
    """Leave nothing of an earlier job (T-37, T-42, T-50), and hear stops."""
    folders = state.environment
    folders.failure_file.parent.mkdir(parents=True, exist_ok=True)
    folders.failure_file.unlink(missing_ok=True)
    empty(folders.output_data_dir)
    if folders.leader:
        empty(folders.model_dir)
        hold(folders.model_dir)
    stopping.watch(state)
    if folders.leader and memory_left() > ROOM:
        state.validator = validation.FreshProcess()


def _job(state: JobState, declared: "type[Declared]") -> "Job[Declared]":
    """Make what `train` is handed, with its hyperparameters. Raises: ClientError."""
    from runtime.training import hyperparameters  # noqa: PLC0415 -- and pydantic
    from runtime.training.job import Job  # noqa: PLC0415 -- and pandas

    values = state.environment.config("hyperparameters.json")
    parsed = hyperparameters.parse(values, declared)
    name = os.environ.get("TRAINING_JOB_NAME", "")
    job = Job(state.environment.base_dir, parsed, name, state)
    os.environ.update(job.environment())
    state.seconds["imports"] = time.monotonic() - runtime.STARTED
    state.job = job
    return job


def _on_several_hosts(
    job: "Job[Any]", state: JobState, work: Callable[[], None]
) -> None:
    """Let all hosts work as one. Raises: ClientError without Dask; HostLost."""
    try:
        from runtime.training.hosts import cluster  # noqa: PLC0415 -- and Dask
    except ImportError as exc:
        message = (
            f"a job of several hosts needs Dask, and {exc.name} is not in the image: "
            "add it by local-test/add-package.sh distributed, or give the job one host"
        )
        raise ClientError(message) from exc
    cluster.run(job, state, work)


def _work(
    job: "Job[Declared]", train: "Callable[[Job[Declared]], None]", state: JobState
) -> None:
    """Make a model, and ask it. Raises: ModelError."""
    _train(job, train, state)
    _validate(job, state)
    partial = "partial " if state.partial else ""
    print(f"{partial}model saved in {job.model_dir} after {_spent(state)}", flush=True)


def _train(
    job: "Job[Declared]", train: "Callable[[Job[Declared]], None]", state: JobState
) -> None:
    """Let the owner's code work, then look at what it left. Raises: ModelError."""
    try:
        train(job)
    except SystemExit as exc:
        if exc.code not in (None, 0):
            raise
    if not any(job.model_dir.iterdir()):
        cure = "call job.save(model, X), or write the model's files there"
        message = f"train wrote nothing to {job.model_dir}: {cure}"
        raise ModelError(message)
    with state.saving:
        state.saved.set()  # files of the owner's own count from here on


def _validate(job: "Job[Any]", state: JobState) -> None:
    """Ask the model folder in a fresh process. Raises: ModelError."""
    with state.step("validate"):
        onnx = validation.validate(
            job.model_dir,
            state.held_out,
            state.sample,
            state.stopping.is_set,
            answers=state.answers,
            process=state.validator,
        )
    if onnx:
        print(onnx)
    wanted = job.config("hyperparameters.json").get("_tuning_objective_metric")
    if wanted and job.metrics and wanted not in job.metrics:  # T-53
        printed = ", ".join(job.metrics)
        print(f"the tuning job looks for {wanted!r}, this job printed {printed}")


def _spent(state: JobState) -> str:
    """Say what took how long; what is left over is the rest of the owner's train."""
    total = time.monotonic() - runtime.STARTED
    steps = {**state.seconds, "rest of train": total - sum(state.seconds.values())}
    spent = ", ".join(f"{name} {seconds:.1f}" for name, seconds in steps.items())
    return f"{total:.1f} s ({spent})"


def _describe(declared: "type[BaseModel]", metrics: Sequence[str]) -> int:
    """Answer the arguments of `train`. Returns: 64 for a usage error."""
    from runtime import evaluation  # noqa: PLC0415 -- and scikit-learn
    from runtime.training import tuning  # noqa: PLC0415 -- and pydantic

    names = [f"validation:{name}" for name in evaluation.METRICS]
    try:
        print(tuning.main(declared, [*names, *metrics], sys.argv[1:]))
    except ClientError as exc:
        print(exc, file=sys.stderr)
        return 64
    return 0
