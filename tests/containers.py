"""Containers of the image: the owner's files in them, and what they are asked."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pandas as pd

from harness import ECHO, docker, until
from runtime.tabular.schema import Schema

SLOW_LOAD = ECHO.replace(
    "        self.names", "        import time; time.sleep(60)\n        self.names"
)
SERVERLESS = ("--user", "1001", "--ipc", "none", "--read-only")
Run = Callable[..., str]  # see the fixture `run`

# One column, of text, which every format can spell; the answer is how long it is.
LENGTH = """
class Predictor:
    def __init__(self, model_dir):
        pass

    def predict(self, rows):
        return {"length": rows["word"].str.len().to_numpy("f8")}
"""

# A job of a few lines: the hyperparameters, and what `train` does, are the test's.
TRAIN = """#!/usr/bin/env python3
import time
from typing import Any

import pandas as pd
from pydantic import BaseModel
from runtime import run

X = pd.DataFrame({"size": [1.0, 2.0]})


class Hyperparameters(BaseModel):
    FIELDS


def train(job):
    ACTION


if __name__ == "__main__":
    run(train, Hyperparameters)
"""
ANY = "model_config = {'extra': 'allow'}"  # hyperparameters of all names


def running(container: str) -> bool:
    """Say whether it runs."""
    return docker("inspect", "--format", "{{.State.Running}}", container) == "true\n"


def status(container: str) -> int:
    """Give the status with which it has ended."""
    return int(docker("inspect", "--format", "{{.State.ExitCode}}", container))


def log(container: str) -> str:
    """Give what it has written so far."""
    return docker("logs", container, check=False)


def ready(container: str, port: int = 8080) -> None:
    """Wait until `/ping` answers 200, as seen from inside."""
    code = f"from urllib.request import urlopen as u; u('http://127.0.0.1:{port}/ping')"
    command = ["docker", "exec", container, "python3", "-c", code]
    until(
        lambda: (
            subprocess.run(command, capture_output=True).returncode == 0
            or not running(container)
        ),
        60,
    )
    assert running(container), log(container)


def ask_inside(container: str, body: bytes) -> str:
    """Send CSV to `/invocations` where no port is published. Returns: the answer."""
    code = """
import sys, urllib.request as u
body = sys.stdin.buffer.read()
q = u.Request("http://127.0.0.1:8080/invocations", body, {"Content-Type": "text/csv"})
sys.stdout.write(u.urlopen(q).read().decode())
"""
    command = ["docker", "exec", "--interactive", container, "python3", "-c", code]
    asked = subprocess.run(command, input=body, capture_output=True, check=True)
    return asked.stdout.decode()


def published(*volumes: str) -> list[str]:
    """Give the options of a container that this machine can ask."""
    options = ["--publish", "127.0.0.1::8080"]
    return options + [word for volume in volumes for word in ("--volume", volume)]


def client(container: str) -> httpx.Client:
    """Give a client of a published container; like SageMaker's, it adds no Accept."""
    place = docker("port", container, "8080").splitlines()[0]
    found = httpx.Client(base_url=f"http://{place}", timeout=60)
    del found.headers["accept"]
    return found


def invoke(
    asked: httpx.Client, body: str | bytes, content_type: str = "text/csv", **more: str
) -> httpx.Response:
    """Send a body to `/invocations`; a header that is empty is left out."""
    headers = {"content-type": content_type, **more}
    given = {name: value for name, value in headers.items() if value}
    return asked.post("/invocations", content=body, headers=given)


def workers(container: str) -> list[int]:
    """Give the process ids of gunicorn's workers, as the container counts them."""
    children = docker("exec", container, "cat", "/proc/1/task/1/children")
    return [int(pid) for pid in children.split()]


def owner(
    folder: Path, predictor: str = ECHO, action: str = "pass", fields: str = ANY
) -> list[str]:
    """Give the options that put an owner's files into the image; TRAIN is filled in."""
    train = TRAIN.replace("ACTION", action.replace("\n", "\n    "))
    options = []
    for name, text in (
        ("predictor.py", predictor),
        ("train", train.replace("FIELDS", fields.replace("\n", "\n    "))),
    ):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        options += ["--volume", f"{folder / name}:/opt/program/{name}:ro"]
    return options


def describe(model_dir: Path) -> None:
    """Describe the column of LENGTH, so that its rows are checked."""
    columns = Schema.learn(pd.DataFrame({"word": ["a", "bcd"]})).to_json()
    (model_dir / "model.json").write_text(json.dumps({"columns": columns}))


def configure(opt_ml: Path, name: str, content: Mapping[str, object]) -> None:
    """Write a file of input/config as SageMaker does."""
    (opt_ml / "input/config" / name).write_text(json.dumps(content))


def needed(requirements: str, names: set[str]) -> str:
    """Give the pinned lines of some packages and of all that they need."""
    lines = re.findall(r"^([\w-]+)(==.*)\n((?:    #.*\n)*)", requirements, re.MULTILINE)
    asks = [
        (name, set(re.findall(r"([\w-]+)$", via, re.MULTILINE)))
        for name, _, via in lines
    ]
    found = set(names)
    while more := {name for name, parents in asks if parents & found} - found:
        found |= more
    return "".join(f"{name}{pin}\n" for name, pin, _ in lines if name in found)
