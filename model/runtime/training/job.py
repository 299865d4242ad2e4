"""A training job: what SageMaker mounts, and what it wants back when the job ends.

`run` is the whole of it: read, train, check, and an exit status that tells the truth.
"""

import os
import runpy
import shutil
import sys
import tempfile
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import pandas as pd
from pydantic import BaseModel

import runtime
from runtime import data, evaluation
from runtime.errors import ClientError, ModelError
from runtime.evaluation import figures, report
from runtime.models import artifact, export
from runtime.tabular.schema import Schema
from runtime.training import ending, hyperparameters, script_mode, tuning
from runtime.training.checkpoints import Checkpoints
from runtime.training.environment import Environment

Declared = TypeVar("Declared", bound=BaseModel)
CHECKED_ROWS = 20  # rows that the last step of a job predicts


class Job(Environment, Generic[Declared]):
    """One training job under a base folder, `/opt/ml` in SageMaker (T-10).

    A notebook makes one itself: `Job(Path("local-test/test-dir"), Hyperparameters())`.
    """

    def __init__(
        self, base_dir: Path, hyperparameters: Declared, name: str = ""
    ) -> None:
        super().__init__(base_dir)
        self.hyperparameters = hyperparameters
        self.name = name
        self.metrics: dict[str, float] = {}
        self.seconds: dict[str, float] = {}  # by step, in the order of their ends
        # What the end of the job has to know, see ending.py.
        self.held_out: pd.DataFrame | None = None
        self.fitted: pd.DataFrame | None = None  # rows of X, for `export`
        self.checkpointed: pd.DataFrame | None = None  # in the place of held_out
        self.saving = threading.Lock()
        self.saved = threading.Event()
        self.asks = False
        self.partial = False
        self._stopping = threading.Event()
        self._missing: dict[str, Sequence[str]] = {}

    def read(self, name: str, **pandas_options: Any) -> pd.DataFrame:
        """Read all files of a channel into one frame, as `data.read` says.

        Raises: ClientError.
        """
        with self._step(f"read {name}"):
            rows = data.read(self.channel(name), **pandas_options)
        self._missing |= rows.attrs.get("missing", {})
        return rows

    def previous_model(self) -> Any:
        """Load the estimator of an earlier job from the channel `model` (T-48).

        Returns: None where there is no such channel. Raises: ClientError.
        """
        if "model" not in self.channels:
            return None
        try:
            return artifact.load_earlier(self.channel("model"))
        except ModelError as exc:
            message = f"channel 'model': {exc}"
            raise ClientError(message) from exc

    def metric(self, name: str, value: float) -> None:
        """Print a metric as `name=0.98;`, and keep it (T-52).

        `train --describe` gives the regex for it. Raises: ClientError for a name that
        no regex finds.
        """
        tuning.pattern(name)
        if not isfinite(value):
            message = f"metric {name!r} is {value}: no tuning job can read that"
            raise ValueError(message)
        self.metrics[name] = float(value)
        print(f"{name}={float(value):.6g};", flush=True)

    def evaluate(
        self, model: Any, X: pd.DataFrame, y: Any, training: pd.DataFrame | None = None
    ) -> None:
        """Measure a fitted estimator on rows that it has not seen, and show how good.

        X is `(n_rows, n_features)`, y `(n_rows,)`. Prints metrics as `validation:NAME`,
        and writes evaluation.json, predictions.csv and report.html, which describes the
        X of `training` too, to `output_data_dir`. Raises: ClientError.
        """
        with self._step("evaluate"):
            found = evaluation.evaluate(model, X, y)
            for name, value in found.metrics.items():
                self.metric(f"validation:{name}", value)
        self.held_out = pd.DataFrame(X).head(CHECKED_ROWS)
        if self.leader:  # the folders of all hosts become one archive (T-38)
            self._show(found, training)

    def _show(
        self, found: evaluation.Evaluation, training: pd.DataFrame | None
    ) -> None:
        """Write what an evaluation has found."""
        found.write(self.output_data_dir)
        context = report.Context(
            title=self.name,
            hyperparameters=self.hyperparameters.model_dump(mode="json"),
            versions=artifact.versions(),
            seconds=self.seconds,
            training=training,
        )
        try:
            with self._step("report"):
                if not figures.available():
                    print("report.html has no figures: matplotlib is not installed")
                report.write(self.output_data_dir / "report.html", found, context)
        except Exception:  # noqa: BLE001 -- a page is not worth a model
            traceback.print_exc()
            print("there is no report.html: the job goes on without it", flush=True)

    @property
    def stopping(self) -> bool:
        """Whether SageMaker is stopping the job (T-43).

        A train that has asked is given a minute to save what it has; any other ends at
        once, with the model of its newest checkpoint if it has one.
        """
        self.asks = True
        return self._stopping.is_set()

    def stop(self) -> None:
        """Note that SageMaker is stopping the job."""
        self._stopping.set()

    def checkpoint(self, state: Any, model: Any = None, X: Any = None) -> None:
        """Save what the job goes on from when it is started anew (T-45).

        `state` is anything that can be pickled; `model`, with the X that it was fitted
        on, is what is left of the job if it is stopped before `save`.
        """
        files: Mapping[str, artifact.Write] = {}
        if model is not None and X is None:
            message = "a checkpoint with a model needs the X that it was fitted on"
            raise TypeError(message)
        if model is not None:
            self.checkpointed = pd.DataFrame(X).head(CHECKED_ROWS)
            files = artifact.members(model, self._describe(model, X, partial=True))
        with self._step("checkpoint"), self.saving:
            self.checkpoints.save(state, files)

    def restore(self) -> tuple[Any, Any]:
        """Give state and model of the newest checkpoint that is whole.

        Returns: `(None, None)` at the first start of a job.
        """
        return self.checkpoints.load()

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints of this host; without CheckpointConfig they end with it."""
        folder = self.base_dir / "checkpoints"
        with suppress(ClientError, KeyError, TypeError):  # not in the contract (T-26)
            folder = Path(self.config("checkpointconfig.json")["LocalPath"])
        if not folder.is_dir():
            folder = Path(tempfile.mkdtemp())
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Checkpoints(
            folder, self.host, self.hyperparameters.model_dump(mode="json")
        )

    def save(
        self,
        model: Any,
        X: pd.DataFrame,
        held_out: pd.DataFrame | None = None,
    ) -> None:
        """Save a fitted estimator, and the schema of the X that it was fitted on.

        Some rows of `held_out`, by default those of `evaluate` or of X, are predicted
        as the last step of the job; no row is stored. Raises: ClientError.
        """
        rows = next(r for r in (held_out, self.held_out, X) if r is not None)
        self.partial = self._stopping.is_set()
        description = self._describe(model, X, partial=self.partial)
        with self._step("save"), self.saving:
            if self.leader:
                artifact.save(self.model_dir, model, description)
                self.fitted = export.sample(pd.DataFrame(X))
            self.saved.set()
        self.held_out = pd.DataFrame(rows).head(CHECKED_ROWS)

    def script(self, path: str) -> None:
        """Run a script-mode script that lies beside `train`, with its arguments (T-25).

        It is `__main__`, and SM_* variables are there: `run` has set them.
        """
        file = str(runtime.PROGRAM / path)
        sys.argv = [file, *script_mode.arguments(self._given())]
        runpy.run_path(file, run_name="__main__")

    def environment(self) -> dict[str, str]:
        """Give the SM_* variables of the training toolkit (T-25)."""
        folders = {name: self.base_dir / "input/data" / name for name in self.channels}
        return script_mode.variables(
            self.base_dir, folders, self._given(), self.resources
        )

    def _describe(self, model: Any, X: Any, *, partial: bool) -> dict[str, Any]:
        """Give what model.json says beside versions."""
        return {
            "job": self.name,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "partial": partial,
            "hyperparameters": self.hyperparameters.model_dump(mode="json"),
            "metrics": self.metrics,
            "classes": _classes(model),
            "columns": Schema.learn(X, na_values=self._missing).to_json(),
        }

    def _given(self) -> dict[str, Any]:
        return self.hyperparameters.model_dump(
            mode="json", by_alias=True, exclude_unset=True
        )

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - start
            self.seconds[name] = self.seconds.get(name, 0) + spent


def run(
    train: Callable[[Job[Declared]], None],
    declared: type[Declared],
    metrics: Sequence[str] = (),
) -> NoReturn:
    """Run a training job as SageMaker does, and exit with a status that is true.

    0 means that a model is there which a fresh process has loaded and asked (T-39,
    X-31). Otherwise the reason lies in `output/failure` and on stderr, message first
    (T-40), and the model folder is empty. `metrics` are names of the owner's own that
    `train --describe` is to list with those of `Job.evaluate`.
    """
    if sys.argv[1:]:
        names = [f"validation:{name}" for name in evaluation.METRICS]
        _describe(declared, [*names, *metrics])
    base_dir = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")).resolve()
    failure = base_dir / "output/failure"
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.unlink(missing_ok=True)
    try:
        config = base_dir / "input/config/hyperparameters.json"
        values = hyperparameters.parse(hyperparameters.read(config), declared)
        job = Job(base_dir, values, os.environ.get("TRAINING_JOB_NAME", ""))
        job.seconds["imports"] = time.monotonic() - runtime.STARTED
        os.environ.update(job.environment())
        ending.empty(job.output_data_dir)
        if job.leader:
            ending.empty(job.model_dir)
            ending.hold(job.model_dir)
        ending.watch_for_stop(job)
        _train(job, train)
    except BaseException as exc:  # noqa: BLE001 -- the job's outermost line
        status = ending.fail(base_dir, exc)
        ending.leave_within(ending.LINGER, status)
        sys.exit(status)
    partial = "partial " if job.partial else ""
    print(f"{partial}model saved in {job.model_dir}, {_spent(job)}")
    sys.exit(0)


def _describe(declared: type[BaseModel], metrics: Sequence[str]) -> NoReturn:
    """Answer the arguments of `train`; 64 is the status of a usage error."""
    try:
        print(tuning.main(declared, metrics, sys.argv[1:]))
    except ClientError as exc:
        print(exc, file=sys.stderr)
        sys.exit(64)
    sys.exit(0)


def _train(job: Job[Declared], train: Callable[[Job[Declared]], None]) -> None:
    """Let the owner's code work, then look at what it left. Raises: ModelError."""
    try:
        train(job)
    except SystemExit as exc:
        if exc.code not in (None, 0):
            raise
    if job.leader and not any(job.model_dir.iterdir()):
        message = f"train wrote nothing to {job.model_dir}: call job.save(model, X)"
        raise ModelError(message)
    with job.saving:
        job.saved.set()  # files of the owner's own count from here on
    if not job.leader:
        ending.wait_for_leader(job.model_dir)
        return
    if job.fitted is not None:
        with job._step("onnx"):  # noqa: SLF001 -- same module
            export.export(job.model_dir, job.fitted, job._stopping.is_set)  # noqa: SLF001
    with job._step("check"):  # noqa: SLF001 -- same module
        ending.check(job)
    wanted = job.config("hyperparameters.json").get("_tuning_objective_metric")
    if wanted and job.metrics and wanted not in job.metrics:  # T-53
        printed = ", ".join(job.metrics)
        print(f"the tuning job looks for {wanted!r}, this job printed {printed}")


def _spent(job: Job[Any]) -> str:
    """Say what took how long; what is left over is the owner's own code."""
    total = time.monotonic() - runtime.STARTED
    steps = {**job.seconds, "train": total - sum(job.seconds.values())}
    return f"{total:.1f} s, " + ", ".join(f"{k} {v:.1f}" for k, v in steps.items())


def _classes(model: Any) -> Any:
    """List the classes of a classifier; a regressor or several outputs have none."""
    return getattr(getattr(model, "classes_", None), "tolist", lambda: None)()
