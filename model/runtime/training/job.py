"""What the owner's `train` is handed: data in, metrics, checkpoints and a model out.

The order of things around it is in runner.py.
"""

import json
import os
import runpy
import sys
from datetime import UTC, datetime
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import pandas as pd

import runtime
from runtime import data, evaluation
from runtime.errors import ClientError, ModelError
from runtime.evaluation import report
from runtime.models import artifact
from runtime.tabular import dataframes
from runtime.tabular.schema import Schema
from runtime.training import sampling, tuning
from runtime.training.environment import Environment
from runtime.training.hyperparameters import Declared
from runtime.training.stopping import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from distributed import Client
    from pydantic import BaseModel

    from runtime.training.checkpoints import Checkpoints

LEARNED_FROM, MEASURED_ON = ("training", "train"), ("validation", "test")  # channels


class Job(Environment, Generic[Declared]):
    """One training job under a base folder, `/opt/ml` in SageMaker (T-10).

    A notebook makes one itself: `Job(Path("local-test/test-dir"), Hyperparameters())`.
    """

    def __init__(
        self,
        base_dir: Path,
        hyperparameters: Declared,
        name: str = "",
        state: JobState | None = None,
    ) -> None:
        super().__init__(base_dir)
        self.hyperparameters = hyperparameters
        self.name = name
        self.metrics: dict[str, float] = {}
        self.client: Client | None = None  # of Dask, while several hosts train
        self._state = state or JobState(base_dir)
        self._missing: dict[str, Sequence[str]] = {}
        self._learned: data.Learned | None = None
        self._notes: list[str] = []  # for the report

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process or host, as the job that is there."""
        return _arrive, (self.base_dir, self.hyperparameters, self.name)

    def read(self, name: str, **pandas_options: Any) -> pd.DataFrame:
        """Read all files of a channel into one frame, as `data.read` says.

        Columns of `validation` or `test` are to hold what those of `training` do, if
        that was read before. Raises: ClientError.
        """
        if self.client is not None and self.is_sharded(name):
            message = (
                f"channel {name!r} is ShardedByS3Key: this host has some of its files, "
                "and a model of those would know nothing of the others; make it "
                "FullyReplicated, or let each host read its own part, as "
                "examples/many_hosts does"
            )
            raise ClientError(message)
        learned = self._learned if name in MEASURED_ON else None
        with self._state.step(f"read {name}"):
            rows = data.read(self.channel(name), learned, **pandas_options)
        if name in LEARNED_FROM:
            self._learned = data.learn(rows, name)
        self._missing |= rows.attrs.get("missing", {})
        self._notes += [f"{name}: {note}" for note in rows.attrs.pop("notes", [])]
        rows.attrs[sampling.CHANNEL] = name  # for errors; parts of the frame keep it
        return rows

    def check_columns(self, X: Any) -> None:
        """Refuse columns that no request can spell, before an hour of `fit`.

        `evaluate` and `save` look too. Raises: ClientError, with the line that cures.
        """
        dataframes.check(X)

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

    def evaluate(self, model: Any, X: Any, y: Any, training: Any = None) -> None:
        """Measure a fitted estimator on rows that it has not seen, and show how good.

        X is `(n_rows, n_features)`, a frame or an array, y `(n_rows,)`; the columns of
        a frame may have another order than in `fit`, and there may be more. Prints
        metrics as `validation:NAME`, and writes evaluation.json, predictions.csv and
        report.html to `output_data_dir`. `training` is what the model was fitted on,
        (X, y) or X alone: the page measures it too, or describes it. Raises:
        ClientError, also for a column that is missing.
        """
        X = sampling.as_fitted(model, X)
        self.check_columns(X)
        with self._state.step("evaluate"):
            found = evaluation.evaluate(model, X, y)
            for name, value in found.metrics.items():
                self.metric(f"validation:{name}", value)
        if found.unseen:
            print(found.unseen)
            self._notes.append(found.unseen)
        self._state.held_out = sampling.some(X)
        if self.leader:  # the folders of all hosts become one archive (T-38)
            self._show(found, training)

    def _show(self, found: evaluation.Evaluation, training: Any) -> None:
        """Write what an evaluation has found."""
        found.write(self.output_data_dir)
        context = report.Context(
            title=self.name,
            hyperparameters=self.hyperparameters.model_dump(mode="json"),
            versions=artifact.versions(),
            seconds=self._state.seconds,
            training=training,
            date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            notes=self._notes,
        )
        with self._state.step("report"):
            lack = report.write(self.output_data_dir / "report.html", found, context)
        if lack:
            print(lack, flush=True)

    @property
    def stopping(self) -> bool:
        """Whether SageMaker is stopping the job (T-43).

        A train that has asked is given a minute to save what it has; any other ends at
        once, with the model of its newest checkpoint if it has one.
        """
        self._state.asked = True
        return self._state.stopping.is_set()

    def checkpoint(self, state: Any, model: Any = None, X: Any = None) -> None:
        """Save what the job goes on from when it is started anew (T-45).

        `state` is anything that can be pickled; `model`, with the X that it was fitted
        on, is what is left of the job if it is stopped before `save`.
        """
        files: Mapping[str, artifact.Write] = {}
        if model is not None:
            if X is None:
                message = "a checkpoint with a model needs the X that it was fitted on"
                raise TypeError(message)
            artifact.keep_frames(model)
            self._state.checkpointed = sampling.some(X)
            files = artifact.members(model, self._describe(model, X, partial=True))
        with self._state.step("checkpoint"), self._state.saving:
            self.checkpoints.save(state, files)

    def restore(self) -> tuple[Any, Any]:
        """Give state and model of the newest checkpoint that is whole.

        Returns: `(None, None)` at the first start of a job.
        """
        return self.checkpoints.load()

    @cached_property
    def checkpoints(self) -> "Checkpoints":
        """The checkpoints of this host; without CheckpointConfig they end with it."""
        from runtime.training.checkpoints import checkpoints_of  # noqa: PLC0415 -- rare

        return checkpoints_of(self, self.hyperparameters.model_dump(mode="json"))

    def save(
        self,
        model: Any,
        X: pd.DataFrame,
        held_out: pd.DataFrame | None = None,
        *,
        onnx: bool = True,
        pickle: bool = True,
    ) -> None:
        """Save a fitted estimator, and the schema of the X that it was fitted on.

        Some rows of `held_out`, by default those of `evaluate` or of X, are predicted
        as the last step of the job, which compares the answers with the model's own;
        no row is stored. `onnx=False` makes no model.onnx. `pickle=False` writes
        model.skops in the place of model.joblib, if skops can. Raises: ClientError.
        """
        state = self._state
        given = state.held_out if held_out is None else held_out
        rows = sampling.some(sampling.rows_like(X, given))
        state.partial = state.stopping.is_set()
        artifact.keep_frames(model)
        description = self._describe(model, X, partial=state.partial)
        if not onnx:
            description |= artifact.without_onnx("train says onnx=False")
        with state.step("save"):
            content = b"" if pickle else _without_pickle(model, description)
            with state.saving:
                if self.leader:
                    artifact.save(self.model_dir, model, description, content)
                    state.sample = sampling.with_extremes(X) if onnx else None
                state.saved.set()
            state.held_out = rows
            state.answers = sampling.answers(model, X, rows) if self.leader else None

    def script(self, path: str) -> None:
        """Run a script-mode script that lies beside `train`, with its arguments (T-25).

        It is `__main__`, and SM_* variables are there: `run` has set them.
        """
        file = str(runtime.PROGRAM / path)
        sys.argv = [file, *json.loads(self.environment()["SM_USER_ARGS"])]
        runpy.run_path(file, run_name="__main__")

    def environment(self) -> dict[str, str]:
        """Give the SM_* variables of the training toolkit (T-25)."""
        given = self.hyperparameters.model_dump(
            mode="json", by_alias=True, exclude_unset=True
        )
        return self.variables(given)

    def _describe(self, model: Any, X: Any, *, partial: bool) -> dict[str, Any]:
        """Give what model.json says beside versions."""
        return {
            "job": self.name,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "partial": partial,
            "hyperparameters": self.hyperparameters.model_dump(mode="json"),
            "metrics": self.metrics,
            "classes": artifact.classes_of(model),
            "columns": Schema.learn(X, na_values=self._missing).to_json(),
        }


_arrived: dict[tuple[Path, str, str], Job[Any]] = {}


def _arrive(base_dir: Path, hyperparameters: "BaseModel", name: str) -> Job[Any]:
    """Give the job that a task was handed: in one process it is always the same."""
    place = Path(os.environ.get("SAGEMAKER_BASE_DIR", base_dir)).resolve()
    key = place, name, hyperparameters.model_dump_json()
    if key not in _arrived:
        _arrived[key] = Job(place, hyperparameters, name)
    return _arrived[key]


def _without_pickle(model: Any, description: dict[str, Any]) -> bytes:
    """Give the content of model.skops, and say the types that `serve` has to trust."""
    try:
        content, types = artifact.without_pickle(model)
    except ModelError as exc:  # a pickle is better than no model
        print(f"WARNING: model.joblib is saved, a pickle, as {exc}", flush=True)
        return b""
    description[artifact.TRUSTED] = types
    if types:
        print(
            "serve opens model.skops, where ONNX does not answer, if predictor.py says "
            f"load(model_dir, fast=True, trusted={types})",
            flush=True,
        )
    return content
