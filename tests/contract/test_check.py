"""check.sh: red, in the right line, where a container is broken, and green elsewhere.

What is broken is not ours: a server of a few lines, since our runtime refuses most of
it before a check could see it. It runs without Docker.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import ROOT

ENTRYPOINT = '#!/bin/sh\nexec "$(dirname "$0")/$1"\n'
TRAIN = """#!/usr/bin/env python3
import json, os, pickle, signal, sys, time
from pathlib import Path

from scale import Scale

ML = Path(os.environ["SAGEMAKER_BASE_DIR"])


def train():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    time.sleep(2)
    given = json.loads((ML / "input/config/hyperparameters.json").read_text())
    files = (ML / "input/data/training").glob("*.csv")
    rows = [line.split(",") for file in files for line in file.read_text().split()]
    mean = sum(float(cell) for row in rows for cell in row) / len(rows)
    model = pickle.dumps(Scale(float(given["scale"]) * mean))
    (ML / "model/model.pkl").write_bytes(model)


try:
    train()
except Exception as exc:
    (ML / "output/failure").write_text(repr(exc))
    sys.exit(1)
"""
SCALE = """
class Scale:
    def __init__(self, factor):
        self.factor = factor
"""
SERVE = """#!/bin/sh
cd "$(dirname "$0")"
bind="0.0.0.0:$SAGEMAKER_BIND_TO_PORT"
exec gunicorn --threads 8 --log-level warning --bind "$bind" app:app
"""
APP = """
import csv, os, pickle, time
from pathlib import Path

from scale import Scale


def load():
    path = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model/model.pkl"
    return pickle.loads(path.read_bytes())


model = load()


def predict(rows):
    return [model.factor * sum(map(float, row)) for row in rows]


def invocations(environ):
    if not environ.get("CONTENT_TYPE", "").lower().startswith("text/csv"):
        return "415 Unsupported Media Type", "send text/csv"
    if environ.get("HTTP_ACCEPT") == "application/json":
        return "406 Not Acceptable", "accept text/csv"
    lines = environ["wsgi.input"].read().decode().splitlines()
    try:
        answers = predict(list(csv.reader(lines)))
    except ValueError as exc:
        return "400 Bad Request", str(exc)
    return "200 OK", "".join(f"{answer}\\n" for answer in answers)


def ping():
    return "200 OK", ""


def app(environ, start):
    status, text = "404 Not Found", ""
    if environ["PATH_INFO"] == "/ping":
        status, text = ping()
    if environ["PATH_INFO"] == "/invocations":
        status, text = invocations(environ)
    start(status, [("Content-Type", "text/csv"), ("Content-Length", str(len(text)))])
    return [text.encode()]
"""
FILES = {
    "entrypoint": ENTRYPOINT,
    "train": TRAIN,
    "scale.py": SCALE,
    "serve": SERVE,
    "app.py": APP,
}
LAZY = """def ping():
    global model
    if model is None:
        time.sleep(3)
        model = load()"""
Changes = dict[str, tuple[tuple[str, str], ...]]  # of a file: words, and others
# What is broken, by which words of which file, and the lines that have to say so.
BROKEN: dict[str, tuple[Changes, dict[str, str]]] = {
    "predict gives one row too few": (
        {"app.py": (("for row in rows]", "for row in rows[:-1]]"),)},
        {"H-54 an answer a row": "predict returns one for each row"},
    ),
    "a class is pickled as __main__": (
        {"train": (("from scale import Scale", SCALE),)},
        {"H-14 /ping is 200": "move it to a module that train and serve both import"},
    ),
    "the model folder is left empty": (
        {"train": (('(ML / "model/model.pkl").write_bytes(model)', "pass"),)},
        {"T-36 a model is in": "save it there"},
    ),
    "/ping loads": (
        {"app.py": (("model = load()", "model = None"), ("def ping():", LAZY))},
        {"H-15 the first /ping": "load at the start"},
    ),
    "a predict of 3 s while /ping is asked": (
        {
            "serve": (("--threads 8", "--worker-class sync"),),
            "app.py": (("(rows):", "(rows):\n    time.sleep(3 * (len(rows) > 1000))"),),
        },
        {"H-12 /ping is 200 in 2 s": "a thread or worker apart"},
    ),
    "text for a number is a 500": (
        {"app.py": (("except ValueError", "except KeyError"),)},
        {"H-73 a text for a number": "answer 400"},
    ),
    "a header is eaten": (
        {"app.py": (("list(csv.reader(lines))", "list(csv.reader(lines[1:]))"),)},
        {"H-54 an answer a row": "header=None"},
    ),
    "train swallows its exception": (
        {"train": (("    sys.exit(1)\n", "    sys.exit(0)\n"),)},
        {
            "T-40 random bytes": "let the exception out",
            "T-34 no data": "let the exception out",
            "T-13 text for a number": "let the exception out",
        },
    ),
}


def bare(folder: Path, changes: Changes) -> Path:
    """Write the program, with some words changed, and data. Returns: the folder."""
    for name, text in FILES.items():
        for before, after in changes.get(name, ()):
            assert before in text
            text = text.replace(before, after, 1)  # noqa: PLW2901 -- one after the other
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    data = folder / "test-dir/input"
    for name in ("config", "data/training"):
        (data / name).mkdir(parents=True)
    (data / "config/hyperparameters.json").write_text('{"scale": "2"}')
    (data / "data/training/rows.csv").write_text("1,2\n3,4.5\n" * 10)
    (folder / "test-dir/payload.csv").write_text("1,2\n3,4.5\n5,7\n-1,0\n")
    return folder


def checked(*arguments: object, silence: int = 0) -> tuple[int, list[str]]:
    """Run the checks without Docker. Returns: the status, and what they say."""
    command = [sys.executable, ROOT / "local-test/check.py", "--silence", silence]
    words = [str(word) for word in (*command, *arguments)]
    found = subprocess.run(words, capture_output=True, text=True)
    assert found.stderr == ""
    return found.returncode, found.stdout.splitlines()


def test_a_server_of_a_few_lines_that_keeps_the_contract_is_green(
    tmp_path: Path,
) -> None:
    status, said = checked("--program", bare(tmp_path, {}))
    assert [line for line in said if line.startswith(("FAIL", "advice"))] == []
    assert status == 0


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_broken_is_red_in_its_line_and_in_no_other(
    tmp_path: Path, fault: str
) -> None:
    changes, expected = BROKEN[fault]
    status, said = checked("--program", bare(tmp_path, changes))
    red = [line for line in said if line.startswith("FAIL")]
    assert len(red) == len(expected), said
    for line, (law, cure) in zip(red, expected.items(), strict=True):
        assert line.startswith(f"FAIL     {law}")
        assert cure in line.partition("; do: ")[2]
    assert status == 1


TEST_DIR = ROOT / "local-test/test-dir"
PROGRAMS = [ROOT / "model", ROOT / ".ci/another"]


@pytest.mark.parametrize("folder", PROGRAMS, ids=lambda folder: folder.name)
def test_the_program_of_this_checkout_and_another_are_green(folder: Path) -> None:
    status, said = checked("--program", folder)
    assert [line for line in said if line.startswith("FAIL")] == []
    assert status == 0
    assert said[-1] == "SageMaker takes it, as far as can be seen without AWS"


def test_the_image_is_green_and_the_data_stay_as_they_are(
    image: str,
) -> None:
    """T-02, T-06, T-28, T-36, T-39, T-40, T-43, T-54, H-03, H-10, H-12, H-13, H-23.

    By the script, as an owner runs it: nothing is skipped where Docker is.
    """
    before = {file: file.stat().st_mtime_ns for file in TEST_DIR.rglob("*")}
    script = ROOT / "local-test/check.sh"
    found = subprocess.run([script, image], capture_output=True, text=True)
    *lines, counts, end = found.stdout.splitlines()
    assert not [line for line in lines if line.startswith("FAIL")]
    assert "only Docker" not in found.stdout
    assert re.fullmatch(r".*\b\d\d ok\b.*, in \d+ s", counts)
    assert (found.returncode, end.split(",")[0]) == (0, "SageMaker takes it")
    assert before == {file: file.stat().st_mtime_ns for file in TEST_DIR.rglob("*")}


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--dockerless",), 64, "usage: check.sh [image]"),
        (("--program",), 64, "usage: check.sh [image]"),
        (("--program", "/nowhere"), 1, "there is no folder /nowhere"),
    ],
)
def test_what_cannot_be_checked_is_said(
    arguments: tuple[str, ...], status: int, words: str
) -> None:
    script = ROOT / "local-test/check.sh"
    found = subprocess.run([script, *arguments], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (status, "")
    assert words in found.stderr
