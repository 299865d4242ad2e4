"""A training job: what SageMaker mounts, and what it wants back when the job ends.

`run` is the whole of it: read, train, check, and an exit status that tells the truth.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import pandas as pd
from pydantic import BaseModel

from runtime import artifact, data, hyperparameters
from runtime.errors import ClientError, ModelError
from runtime.schema import Schema

Declared = TypeVar("Declared", bound=BaseModel)
CHECKED_ROWS = 20  # rows that the last step of a job predicts
_ALIASES = {"training": "train", "train": "training"}  # both are habits (T-19)
_PROGRAM = Path(__file__).parents[1]


class Job(Generic[Declared]):
    """One training job under a base folder, `/opt/ml` in SageMaker (T-10)."""

    def __init__(
        self, base_dir: Path, hyperparameters: Declared, name: str = ""
    ) -> None:
        self.base_dir = base_dir
        self.hyperparameters = hyperparameters
        self.name = name
        self.metrics: dict[str, float] = {}
        self.saved = False
        self.stopping = threading.Event()
        self._saving = threading.Lock()
        self._held_out: pd.DataFrame | None = None

    @property
    def model_dir(self) -> Path:
        """Where the model goes, and nothing else (T-36)."""
        return self.base_dir / "model"

    @property
    def output_data_dir(self) -> Path:
        """Where everything but the model goes (T-37)."""
        return self.base_dir / "output/data"

    @property
    def channels(self) -> list[str]:
        """Input channels: those of the configuration, else the folders (T-17)."""
        config = self.base_dir / "input/config/inputdataconfig.json"
        if config.exists():
            return sorted(hyperparameters.read(config))
        folders = (self.base_dir / "input/data").glob("*")
        return sorted(f.name for f in folders if f.is_dir())  # T-33: files too

    def channel(self, name: str) -> Path:
        """Give the folder of a channel; `training` and `train` are one.

        Raises: ClientError, which names the channels that there are.
        """
        known = self.channels
        found = next((n for n in (name, _ALIASES.get(name)) if n in known), name)
        folder = self.base_dir / "input/data" / found
        if found not in known or not folder.is_dir():
            there = ", ".join(known) or "none"
            message = f"no channel {name!r} at {folder}; channels of this job: {there}"
            raise ClientError(message)
        return folder

    def read(self, name: str, **pandas_options: Any) -> pd.DataFrame:
        """Read all CSV files of a channel into one frame. Raises: ClientError."""
        return data.read(self.channel(name), **pandas_options)

    def metric(self, name: str, value: float) -> None:
        """Print a metric for the regex `name=([0-9.eE+-]+);`, and keep it (T-52)."""
        if not isfinite(value):
            message = f"metric {name!r} is {value}: no tuning job can read that"
            raise ValueError(message)
        self.metrics[name] = float(value)
        print(f"{name}={float(value):.6g};", flush=True)

    def save(
        self,
        model: Any,
        X: pd.DataFrame,
        held_out: pd.DataFrame | None = None,
    ) -> None:
        """Save a fitted estimator, and the schema of the X that it was fitted on.

        Some rows of `held_out`, by default of X, are predicted as the last step of the
        job; no row of either is stored. Raises: ClientError.
        """
        rows = X if held_out is None else held_out
        description = {
            "job": self.name,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "hyperparameters": self.hyperparameters.model_dump(mode="json"),
            "metrics": self.metrics,
            "classes": _classes(model),
            "columns": Schema.learn(X).to_json(),
        }
        with self._saving:
            artifact.save(self.model_dir, model, description)
            self.saved = True
        self._held_out = pd.DataFrame(rows).head(CHECKED_ROWS)


def run(train: Callable[[Job[Declared]], None], declared: type[Declared]) -> NoReturn:
    """Run a training job as SageMaker does, and exit with a status that is true.

    0 means that a model is there which a fresh process has loaded and asked (T-39,
    X-31). Otherwise the reason lies in `output/failure` and on stderr, message first
    (T-40), and the model folder is empty. SIGTERM before a model was saved ends the
    job at once (T-43); after that it is left to finish.
    """
    base_dir = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")).resolve()
    failure = base_dir / "output/failure"
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.unlink(missing_ok=True)
    started = time.monotonic()
    try:
        config = base_dir / "input/config/hyperparameters.json"
        values = hyperparameters.parse(hyperparameters.read(config), declared)
        job = Job(base_dir, values, os.environ.get("TRAINING_JOB_NAME", ""))
        _empty(job.model_dir)
        _watch_for_stop(job)
        train(job)
        _check(job)
    except BaseException as exc:  # noqa: BLE001 -- the job's outermost line
        sys.exit(_fail(base_dir, exc))
    print(f"model saved in {job.model_dir.resolve()}, {time.monotonic() - started:.1f} s")
    sys.exit(0)


def _check(job: Job[Any]) -> None:
    """Ask the saved folder in a fresh process for predictions, as `serve` will."""
    if not any(job.model_dir.iterdir()):
        message = f"train wrote nothing to {job.model_dir}: call job.save(model, X)"
        raise ModelError(message)
    with job._saving:  # noqa: SLF001 -- files of the owner's own count from here on
        job.saved = True
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as rows:
        if job._held_out is not None:  # noqa: SLF001 -- same module
            job._held_out.to_csv(rows, header=False, index=False)  # noqa: SLF001
            rows.flush()
        command = [sys.executable, "-m", "runtime.check", "predictor:Predictor"]
        command += [str(job.model_dir), rows.name]
        alone = os.environ | {"LOKY_MAX_CPU_COUNT": "1"}  # one row needs no pool
        result = subprocess.run(  # noqa: S603 -- ourselves
            command,
            cwd=_PROGRAM,
            env=alone,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    if result.returncode:
        trace, _, sentence = result.stderr.rstrip().rpartition("\n")
        print(trace, file=sys.stderr)
        raise ModelError(sentence)


def _fail(base_dir: Path, exc: BaseException) -> int:
    """Empty the model folder, log, and as the last act write the reason (T-40)."""
    if isinstance(exc, KeyboardInterrupt):
        reason = "Interrupted before the job had ended"
    elif isinstance(exc, SystemExit) and not isinstance(exc.code, str):
        reason = f"AlgorithmError: train called sys.exit({exc.code})"
    elif isinstance(exc, ClientError):
        reason = f"ClientError: {exc}"
    elif isinstance(exc, ModelError | SystemExit):
        reason = f"AlgorithmError: {exc}"
    else:
        name = f"{type(exc).__name__}: {exc}".rstrip(": ")
        reason = f"AlgorithmError: {name}\n\n{''.join(traceback.format_exception(exc))}"
    _leave_no_model(base_dir, reason)
    return 130 if isinstance(exc, KeyboardInterrupt) else 1


def _leave_no_model(base_dir: Path, reason: str) -> None:
    """Empty the model folder; the reason is told even where that fails."""
    try:
        _empty(base_dir / "model")
    finally:
        print(reason, file=sys.stderr, flush=True)
        failure = base_dir / "output/failure"
        if not failure.exists():  # a reason that the owner's code wrote wins (T-41)
            failure.write_text(reason, errors="backslashreplace")


def _empty(folder: Path) -> None:
    """Remove what lies in a folder; the folder itself may be a mount and stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _watch_for_stop(job: Job[Any]) -> None:
    """Act on SIGTERM in a thread of its own (T-43).

    A Python handler waits until the main thread leaves native code, which can take as
    long as a fit; the byte that the interpreter writes for a signal does not wait.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def watch() -> None:
        while os.read(reader, 1) != bytes([signal.SIGTERM]):
            pass
        job.stopping.set()
        with job._saving:  # noqa: SLF001 -- a save that has begun is let finish
            if job.saved:
                return
            _leave_no_model(job.base_dir, "Stopped before a model was saved")
            os._exit(1)

    threading.Thread(target=watch, name="stop", daemon=True).start()


def _classes(model: Any) -> Any:
    """List the classes of a classifier; a regressor or several outputs have none."""
    return getattr(getattr(model, "classes_", None), "tolist", lambda: None)()
