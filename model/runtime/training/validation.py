"""The last step of a job: a fresh process asks the model folder, as `serve` will.

What a model is made of is only sure to be there where nothing is left of the process
that has fitted it (T-39, X-31). The same process then makes model.onnx, if it can; that
costs neither the model nor the job, whatever becomes of it.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import runtime
from runtime.errors import ModelError
from runtime.models import artifact

if TYPE_CHECKING:
    import pandas as pd

SECONDS = 120  # that a conversion to ONNX may take
_ALONE = {"LOKY_MAX_CPU_COUNT": "1"}  # one row needs no pool


class FreshProcess:
    """The process that asks the model folder, begun before there is a model.

    It imports libraries while the job trains, and ends with the job.
    """

    def __init__(self) -> None:
        """Start it."""
        # A file takes all that it says, where a pipe would have to be emptied.
        self._answer = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- it keeps it
        self._child = subprocess.Popen(  # ourselves
            [sys.executable, "-m", "runtime.models.validation"],
            cwd=runtime.PROGRAM,
            env=os.environ | _ALONE,
            stdin=subprocess.PIPE,
            stdout=self._answer,
            text=True,
        )

    def ask(
        self,
        model_dir: Path,
        folder: Path,
        seconds: float,
        is_stopping: Callable[[], bool],
    ) -> tuple[int, dict[str, Any]]:
        """Have a model folder validated. Returns: the status, and the last answer.

        The first answer is there before a conversion begins, which may be killed or may
        take the process with it. Raises: BrokenPipeError where it has ended before.
        """
        question = {
            "model_dir": str(model_dir),
            "folder": str(folder),
            "seconds": seconds,
        }
        with self._answer, self._child:
            try:
                print(json.dumps(question), file=self._child.stdin, flush=True)
                while self._child.poll() is None:
                    if is_stopping() and os.fstat(self._answer.fileno()).st_size:
                        break
                    time.sleep(0.02)
            finally:
                self._child.kill()  # no harm where it has ended
            status = self._child.wait()
            self._answer.seek(0)
            lines = self._answer.read().split("\n")[:-1]
        if not lines:
            ended = f"the process that loads the model ended with status {status}"
            return status, {"failure": f"the model cannot be validated: {ended}"}
        return status, json.loads(lines[-1])


def validate(
    model_dir: Path,
    rows: "pd.DataFrame | None",
    sample: "pd.DataFrame | None" = None,
    is_stopping: Callable[[], bool] = lambda: False,
    *,
    seconds: float = SECONDS,
    answers: Sequence[Any] | None = None,
    process: FreshProcess | None = None,
) -> str:
    """Have a model folder loaded, some rows predicted, and model.onnx made of it.

    The first of `rows` are predicted together and one by one. `answers` are those of
    the estimator's own `predict` to all of them: where Predictor gives others, the log
    says so. `sample` are rows of X on which ONNX has to answer the same; without them
    there is no conversion. What was found is noted in model.json. Returns: what came of
    the conversion.
    Raises: ModelError, with the sentence that repairs it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_rows(folder, rows, answers)
        if sample is not None:
            with suppress(OSError):  # a full disk: half of a file cannot be converted
                sample.to_pickle(folder / "sample.pkl")
        question = (model_dir, folder, seconds, is_stopping)
        try:
            status, found = (process or FreshProcess()).ask(*question)
        except BrokenPipeError:  # it was killed meanwhile
            status, found = FreshProcess().ask(*question)
        if failure := found.pop("failure", ""):
            raise ModelError(failure)
        if status and (folder / "sample.pkl").exists():
            found = artifact.without_onnx(_why(status, seconds)) | found
        made = folder / artifact.ONNX
        try:
            onnx = made.read_bytes() if made.exists() else b""
            artifact.amend(model_dir, found, onnx)
        except OSError as exc:  # the model is whole without it
            return artifact.without_onnx(str(exc))[artifact.ONNX_NOTE]
    return "\n".join(_said(found))


def _said(found: dict[str, Any]) -> Iterator[str]:
    """Give what came of the conversion, and how long the answer to a row takes."""
    note = str(found.get(artifact.ONNX_NOTE, ""))
    yield note
    if (spent := found.get(artifact.SPEED)) is not None:
        engine = "ONNX" if artifact.ONNX_ORIGIN in found else "scikit-learn"
        yield f"answers from {engine}: {spent:g} ms a row"


def _write_rows(
    folder: Path, rows: "pd.DataFrame | None", answers: Sequence[Any] | None
) -> None:
    """Write rows as a client would send them, and what is expected of them."""
    file = folder / "rows.csv"
    file.touch()
    if rows is None:
        return
    # Without quotes a lone carriage return in a text would end its row.
    rows.to_csv(file, header=False, index=False, quoting=csv.QUOTE_NONNUMERIC)
    if answers is not None:
        expected = {"rows": rows.index.tolist(), "answers": answers}
        text = json.dumps(expected, default=str)
        (folder / "expected.json").write_text(text)


def _why(status: int, seconds: float) -> str:
    if status == -signal.SIGKILL:
        return "the job is stopping"
    if status == -signal.SIGALRM:
        return f"it took over {seconds:g} s"
    return f"the conversion ended with status {status}"
