"""The last step of a job: a fresh process asks the model folder, as `serve` will.

What a model is made of is only sure to be there where nothing is left of the process
that has fitted it (T-39, X-31). The same process then makes model.onnx, if it can; that
costs neither the model nor the job, whatever becomes of it.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import runtime
from runtime.errors import ModelError
from runtime.models import artifact

if TYPE_CHECKING:
    import pandas as pd

SECONDS, MEMORY = 120, 8 * 2**30  # limits of a conversion to ONNX; bytes


def validate(
    model_dir: Path,
    rows: "pd.DataFrame | None",
    sample: "pd.DataFrame | None" = None,
    is_stopping: Callable[[], bool] = lambda: False,
    **limits: float,
) -> str:
    """Have a model folder loaded, some rows predicted, and model.onnx made of it.

    `rows` are predicted together and one by one. `sample` are rows of X on which ONNX
    has to answer the same; without them there is no conversion. What was found is noted
    in model.json. Returns: what came of the conversion.
    Raises: ModelError, with the sentence that repairs it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "rows.csv").touch()
        if rows is not None:
            rows.to_csv(folder / "rows.csv", header=False, index=False)
        if sample is not None:
            with suppress(OSError):  # a full disk: half of a file cannot be converted
                sample.to_pickle(folder / "sample.pkl")
        given = {"seconds": SECONDS, "memory": MEMORY, **limits}
        request = {"model_dir": str(model_dir), "folder": scratch, "limits": given}
        found = _ask(request, folder, is_stopping)
        if failure := found.pop("failure", ""):
            raise ModelError(failure)
        try:
            _keep(model_dir, found, folder / artifact.ONNX)
        except OSError as exc:  # the model is whole without it
            return f"no ONNX: {exc}"
        return str(found.get(artifact.ONNX_NOTE, ""))


def _ask(
    request: dict[str, Any], folder: Path, is_stopping: Callable[[], bool]
) -> dict[str, Any]:
    """Run the process. Returns: the JSON object on the last line of its stdout.

    The first line is there before a conversion begins, which may be killed or may take
    its process with it. A file takes all lines, where a pipe would have to be emptied.
    """
    command = [sys.executable, "-m", "runtime.models.validate", json.dumps(request)]
    alone = os.environ | {"LOKY_MAX_CPU_COUNT": "1"}  # one row needs no pool
    answer = folder / "answer"
    with (
        answer.open("wb") as stdout,
        subprocess.Popen(  # noqa: S603 -- ourselves
            command, cwd=runtime.PROGRAM, env=alone, stdout=stdout
        ) as child,
    ):
        try:
            while child.poll() is None:
                if is_stopping() and answer.stat().st_size:
                    break
                time.sleep(0.02)
        finally:
            child.kill()  # no harm where it has ended
    lines = answer.read_text().split("\n")[:-1]
    if not lines:
        ended = f"the process that loads the model ended with status {child.returncode}"
        return {"failure": f"the model cannot be validated: {ended}"}
    found: dict[str, Any] = json.loads(lines[-1])
    if child.returncode and (folder / "sample.pkl").exists():
        found.setdefault(
            artifact.ONNX_NOTE, f"no ONNX: {_why(child.returncode, request)}"
        )
    return found


def _why(status: int, request: dict[str, Any]) -> str:
    if status == -signal.SIGKILL:
        return "the job is stopping"
    if status == -signal.SIGALRM:
        return f"it took over {request['limits']['seconds']:g} s"
    return f"the conversion ended with status {status}"


def _keep(model_dir: Path, found: dict[str, Any], made: Path) -> None:
    if made.exists():
        content = made.read_bytes()
        artifact.write(model_dir / artifact.ONNX, lambda file: file.write(content))
    if found:
        artifact.describe_again(model_dir, **found)
