"""Runs a program of a client, and writes down what it asks of the world.

    python watched.py REPORT PROGRAM [ARGUMENT ...]

REPORT is a JSON object: `calls` are API calls of botocore, `hosts` are names and
addresses, but for those of this machine, that Python looked up or connected to.
"""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import botocore
from botocore.session import Session

HERE = ("localhost", "127.0.0.1", "::1")
calls: list[str] = []
hosts: list[str] = []


def watch(session: Session) -> None:
    """Note each call of every client that a session will make."""
    session.register("before-call", note_call)


def note_call(model: Any, **_: object) -> None:
    """Note a call, whether or not an answer comes."""
    calls.append(f"{model.service_model.service_name}.{model.name}")


def note_host(event: str, arguments: tuple[Any, ...]) -> None:
    """Note a host: what goes past botocore, such as telemetry, is seen here."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in HERE:
        hosts.append(str(host))


def main() -> None:
    """Run the program as `python PROGRAM` would."""
    report, program, *_ = sys.argv[1:]
    botocore.register_initializer(watch)
    sys.addaudithook(note_host)
    sys.argv = sys.argv[2:]
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        Path(report).write_text(json.dumps({"calls": calls, "hosts": hosts}))


if __name__ == "__main__":
    main()
