"""The process at the end of a job: can this folder be served, and by ONNX too.

`python -m runtime.models.validation` imports what most models need until `training`
writes a JSON object to its stdin, which is what `main` is given. It answers with a JSON
object on its stdout: what model.json is to say besides, or the `failure`, a sentence
with the repair. It loads the folder as `serve` does, through the owner's Predictor,
predicts rows together and one by one, and compares. Then it converts the model to ONNX
and answers again: a conversion may hang, crash or need all memory, and by then the
first answer is there.
"""

import importlib
import json
import logging
import os
import re
import resource
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from runtime.errors import Error, ModelError
from runtime.models import engine
from runtime.models.owner import Predictor
from runtime.models.validation.folder import validated
from runtime.models.validation.staging import MEMORY, NEEDED, converted

log = logging.getLogger("validate")
# What takes a second to import, and is imported while the job trains.
LIBRARIES = (
    *("pandas", "joblib", "sklearn.compose", "sklearn.ensemble", *NEEDED),
    "runtime.models.conversion.onnx_export",
)
_PICKLED_IN_TRAIN = re.compile(
    r"get attribute '(\w+)' on <module '(?:__main__|runtime\.models\.validation\.\w+)'"
)


def asked() -> dict[str, Any]:
    """Import libraries until the job asks; end with a job that never does."""
    for name in LIBRARIES:
        if select.select([sys.stdin], [], [], 0)[0]:
            break
        with suppress(Exception):  # whoever needs it will say so
            importlib.import_module(name)
    found: dict[str, Any] = json.loads(sys.stdin.readline() or sys.exit())
    return found


def main(model_dir: Path, folder: Path, seconds: float) -> Iterator[dict[str, Any]]:
    """Validate a model folder, and convert the model where there is `sample.pkl`.

    `folder` has rows of X as `rows.csv`, and may have what is `expected.json` of them;
    it gets `model.onnx`. Yields: the answers.
    """
    try:
        kind = imported()
        found = validated(model_dir, kind, folder)
    except Error as exc:
        log.exception("the model folder was refused")
        yield {"failure": " ".join(_sentence(exc).split())}
        return
    yield found
    if (folder / "sample.pkl").exists():
        _limit(seconds)
        yield found | converted(model_dir, kind, folder, found)


def imported() -> type[Predictor]:
    """Import the owner's class. Raises: Error."""
    try:
        kind: type[Predictor] = importlib.import_module("predictor").Predictor
    except Exception as exc:
        message = f"predictor.py cannot be imported: {type(exc).__name__}: {exc}"
        if isinstance(exc, ModuleNotFoundError):
            message += f": add its package, local-test/add-package.sh {exc.name}"
        raise Error(message) from exc
    return kind


def _sentence(exc: Error) -> str:
    cause = exc.__cause__
    if type(exc) is Error:  # of `imported`
        return str(exc)
    if pickled := _PICKLED_IN_TRAIN.search(str(cause)):
        name = pickled[1]
        return (
            f"{name} is defined in train, where no other program finds it: move it to "
            f"a module beside train, say features.py, and `from features import {name}`"
        )
    if cause is not None and not isinstance(exc, ModelError):
        return f"predict failed in a fresh process: {type(cause).__name__}: {cause}"
    return f"the saved model cannot be served: {exc}"


def _limit(seconds: float) -> None:
    """Let the kernel end what takes too long, or more bytes, in native code too."""
    silence = os.open(os.devnull, os.O_WRONLY)  # converters are talkative
    for stream in (sys.stdout, sys.stderr):
        os.dup2(silence, stream.fileno())
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the owner's code prints is for the log
    engine.trust_all()
    question = asked()
    model_dir, folder = (Path(question[name]) for name in ("model_dir", "folder"))
    for found in main(model_dir, folder, question["seconds"]):
        print(json.dumps(found), file=answer, flush=True)
