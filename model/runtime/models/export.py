"""The step of a job that makes `model.onnx`; nothing that fails in it fails the job."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

import runtime
from runtime.models import artifact

SECONDS = 120
NEEDED = ("onnxruntime", "skl2onnx")
ROWS, NOTES = "rows", "notes.json"  # what the child finds and leaves in its folder
SAMPLE = 1000  # rows of X that have to be predicted alike


def sample(X: pd.DataFrame) -> pd.DataFrame:
    """Take rows of X, among them the lowest and the highest of each column."""
    some = X.sample(min(len(X), SAMPLE), random_state=0)
    numbers = X.select_dtypes("number").reset_index(drop=True)
    ends = [*numbers.idxmin(skipna=True), *numbers.idxmax(skipna=True)]
    return pd.concat([some, X.iloc[sorted({int(end) for end in ends})]])


def export(
    model_dir: Path, rows: pd.DataFrame, is_stopping: Callable[[], bool]
) -> None:
    """Make model.onnx if it can be, and note in model.json what came of it.

    `rows` are those of `sample`. A job that is being stopped goes without.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            notes = _notes(model_dir, rows, Path(folder), is_stopping)
            _keep(model_dir, notes, Path(folder, artifact.ONNX))
    except (OSError, ValueError) as exc:  # a full disk, say
        notes = {artifact.ONNX_NOTE: f"no ONNX: {exc}"}
    print(notes[artifact.ONNX_NOTE])


def _keep(model_dir: Path, notes: dict[str, Any], made: Path) -> None:
    if artifact.ONNX_ORIGIN in notes:
        content = made.read_bytes()
        artifact.write(model_dir / artifact.ONNX, lambda file: file.write(content))
    else:  # nor that of an earlier job in this folder
        (model_dir / artifact.ONNX).unlink(missing_ok=True)
    artifact.describe_again(model_dir, **notes)


def _notes(
    model_dir: Path, rows: pd.DataFrame, folder: Path, is_stopping: Callable[[], bool]
) -> dict[str, Any]:
    """Give what model.json will say: where a conversion has ended, that says it."""
    if absent := [name for name in NEEDED if find_spec(name) is None]:
        return {artifact.ONNX_NOTE: f"no ONNX: {absent[0]} is not installed"}
    joblib.dump(rows, folder / ROWS)
    status = _run([str(model_dir), str(folder)], is_stopping)
    if status == 0:
        notes: dict[str, Any] = json.loads((folder / NOTES).read_bytes())
        return notes
    why = f"the conversion ended with status {status}"
    if status is None:
        why = "the job is stopping" if is_stopping() else f"it took over {SECONDS} s"
    return {artifact.ONNX_NOTE: f"no ONNX: {why}"}


def _run(arguments: list[str], is_stopping: Callable[[], bool]) -> int | None:
    """Run a conversion. Returns: its status, None if it had to be killed."""
    child = subprocess.Popen(  # noqa: S603 -- ourselves
        [sys.executable, "-m", "runtime.models.onnx_export", *arguments],
        cwd=runtime.PROGRAM,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + SECONDS
    while child.poll() is None:
        if time.monotonic() > end or is_stopping():
            child.kill()
            child.wait()
            return None
        time.sleep(0.02)
    return child.returncode
