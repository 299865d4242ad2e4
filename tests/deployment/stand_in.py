"""Runs programs of deploy/, with moto in the place of AWS, and notes each call.

Each line of stdin asks for a program, as `run` takes it, and is answered with a line.
Every call is checked against the service's own description before it is sent. `given`
has for an operation a list of answers, one for each call, of which the last is given
from then on. An answer is laid over what moto answers; where moto
has no such operation, `{"shape": true}` or more of it is the whole answer, filled up in
the shape of the service. `{"error": [code, message, status]}` is a refusal.
The report gets `calls`, each with operation, parameters and `seen`: "moto" or "shape".
Nobody waits: a sleep is over at once, but in local mode, where the image really runs.
"""

import io
import json
import os
import runpy
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore
from botocore.session import Session

from clients.watched import hosts, note_host
from service_model import check, example

IMPORTED = (  # by each fork: what the programs would import anew
    "sagemaker.core.local",
    "sagemaker.core.training.configs",
    "sagemaker.core.transformer",
    "sagemaker.train.model_trainer",
    "sagemaker.train.tuner",
)
calls: list[dict[str, Any]] = []
answers: dict[str, list[dict[str, Any]]] = {}
really_sleep = time.sleep


def watch(session: Session) -> None:
    """Take part in each call of every client that a session will make."""
    session.register("provide-client-params", note_call)
    session.register("before-call", answer_instead)
    session.register("after-call", lay_over)


def note_call(params: dict[str, Any], model: Any, **_: object) -> None:
    """Check and note a call."""
    if model.input_shape is not None:
        check(params, model.input_shape, model.name)
    service = model.service_model.service_name
    call = {"service": service, "operation": model.name, "parameters": params}
    calls.append({**call, "seen": "moto"})


def answer_instead(model: Any, **_: object) -> tuple[Any, dict[str, Any]] | None:
    """Answer in the place of moto, which is not asked then."""
    given = answers.get(model.name, [{}])[0]
    if not given.keys() & {"shape", "error"}:
        return None
    take(model.name)
    calls[-1]["seen"] = "shape"
    if "error" in given:
        code, message, status = given["error"]
        error = {"Code": code, "Message": message}
        metadata = {"HTTPStatusCode": status, "HTTPHeaders": {}}
        refusal = {"Error": error, "ResponseMetadata": metadata}
        return SimpleNamespace(status_code=status, headers={}), refusal
    shape = model.output_shape
    answer = example(shape, calls[-1]["parameters"]) if shape else {}
    laid = {k: v for k, v in given.items() if k != "shape"}
    metadata = {"HTTPStatusCode": 200, "HTTPHeaders": {}}
    whole = answer | laid | {"ResponseMetadata": metadata}
    return SimpleNamespace(status_code=200, headers={}), whole


def lay_over(parsed: dict[str, Any], model: Any, **_: object) -> None:
    """Drop what AWS would leave out, and lay a test's answer over moto's."""
    for name in [name for name, part in parsed.items() if part == {}]:
        del parsed[name]
    if calls and calls[-1]["seen"] == "moto" and model.name in answers:
        parsed.update(take(model.name))


def take(operation: str) -> dict[str, Any]:
    """Give the next answer; the last stays."""
    left = answers[operation]
    return left.pop(0) if len(left) > 1 else left[0]


def main() -> None:
    """Run the program of each request in a fork, and answer with its exit status."""
    for name in IMPORTED:
        import_module(name)
    for line in sys.stdin:
        fork = os.fork()
        if not fork:
            os._exit(run(**json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]), flush=True)


def run(
    program: str,
    arguments: list[str],
    given: dict[str, Any],
    report: str,
    **surroundings: Any,
) -> int:
    """Run a program as `python PROGRAM` would. Returns: its exit status."""
    become(**surroundings)
    answers.update(given)
    botocore.register_initializer(watch)
    sys.addaudithook(note_host)
    if "--local" not in arguments:
        time.sleep = lambda _: really_sleep(0)
    sys.argv = [program, *arguments]
    sys.path[0] = str(Path(program).parent)
    status = 0
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as exc:
        status = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
        if isinstance(exc.code, str):
            print(exc.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - as Python itself ends a program
        traceback.print_exc()
        status = 1
    noted = {"calls": calls, "hosts": hosts}
    Path(report).write_text(json.dumps(noted, default=str))
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def become(folder: str, environment: dict[str, str], typed: str, log: str) -> None:
    """Take the place of a new process, with what is typed and a log for all it says."""
    signal.alarm(300)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin = io.StringIO(typed)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)


if __name__ == "__main__":
    main()
