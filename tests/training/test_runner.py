"""A job begins before the owner's files are imported: what fails there is told too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import Training, copy_program, environment
from runtime.training.stopping import STOPPED

FEATURES = "import ctypes\nctypes.CDLL('libsgdnosuch2.so.1')\n"
PACKAGE = [
    "ModuleNotFoundError: No module named 'no_such'",
    "in train, line 2: import no_such.thing",
    (
        "no_such is not in the image: add its package, local-test/add-package.sh; "
        "a file of your own, no_such.py, lies beside train"
    ),
]
LIBRARY = [
    (
        "OSError: libsgdnosuch2.so.1: cannot open shared object file: "
        "No such file or directory"
    ),
    "in features.py, line 2: ctypes.CDLL('libsgdnosuch2.so.1')",
    (
        "libsgdnosuch2.so.1 is not in the image: add the Debian package that has it, "
        "perhaps libsgdnosuch2-1, to packages.txt"
    ),
]
WAIT = "threading.Event().wait()"
EARLY = """
import time
print("early", flush=True)
while not Path("{gate}").exists():
    time.sleep(0.01)
"""
HEAD = "from pydantic import BaseModel\nfrom runtime import run\n"
JOB = f"""{HEAD}
class Hyperparameters(BaseModel):
    pass

def train(job):
    (job.model_dir / "mine").touch()

run(train, Hyperparameters)
"""


@pytest.fixture
def used(base_dir: Path) -> Path:
    """Give a tree in which an earlier job has left all that one can leave."""
    (base_dir / "output/data").mkdir()
    for name in ("model/model.joblib", "output/data/report.html", "output/failure"):
        (base_dir / name).write_text("of an earlier job")
    return base_dir


@pytest.mark.parametrize(
    ("train", "lines"),
    [
        (
            "def (",
            ["SyntaxError: invalid syntax (train, line 2)", "in train, line 2: def ("],
        ),
        ("1 / 0", ["ZeroDivisionError: division by zero", "in train, line 2: 1 / 0"]),
        ("import no_such.thing", PACKAGE),
        ("import features", LIBRARY),
        ("raise SystemExit(0)", ["train ended with sys.exit(0)"]),
        ("pass", ["train ended without a call of run(train, Hyperparameters)"]),
    ],
    ids=["syntax", "exception", "package", "library", "exit", "no-run"],
)
def test_what_fails_before_run_is_told_and_leaves_nothing_of_an_earlier_job(
    tmp_path: Path, used: Path, train: str, lines: list[str]
) -> None:
    """T-39, T-40, T-42: with the line, and with what to do."""
    program = copy_program(tmp_path / "program", train=train)
    (program / "features.py").write_text(FEATURES)
    with Training(program, used) as job:
        assert job.ended() == 1
        log = job.log()
    failure = (used / "output/failure").read_text()
    assert failure.splitlines()[: len(lines)] == [
        f"AlgorithmError: {lines[0]}",
        *lines[1:],
    ]
    assert failure in log
    assert not list((used / "model").iterdir())
    assert not list((used / "output/data").iterdir())


def test_a_stop_while_the_owners_files_are_imported_is_told(
    tmp_path: Path, used: Path
) -> None:
    """T-43: nor is the reason of an earlier job."""
    train = "import time\nprint('importing', flush=True)\ntime.sleep(100)"
    with Training(copy_program(tmp_path / "program", train=train), used) as job:
        job.reaches(lambda: "importing" in job.out())
        job.stop()
        assert job.ended(8) == 1
    assert (used / "output/failure").read_text() == STOPPED
    assert not list((used / "model").iterdir())


def test_a_stop_before_the_job_has_begun_waits_for_that(
    tmp_path: Path, used: Path
) -> None:
    """T-43: process 1, which has no handler yet, would never hear it."""
    program = copy_program(tmp_path / "program", train="import threading\n" + WAIT)
    early = program / "runtime/training/failure.py"  # imported before the job begins
    early.write_text(early.read_text() + EARLY.format(gate=tmp_path / "gate"))
    with Training(program, used) as job:
        job.reaches(lambda: "early" in job.out())
        job.stop()
        (tmp_path / "gate").touch()
        assert job.ended(8) == 1
    assert (used / "output/failure").read_text() == STOPPED


def test_a_reason_that_cannot_be_written_ends_the_job_all_the_same(
    tmp_path: Path, used: Path
) -> None:
    """T-39, T-51: it is in the log."""
    lost = (
        "import shutil; shutil.rmtree(job.base_dir / 'output'); raise ValueError('x')"
    )
    train = JOB.replace('(job.model_dir / "mine").touch()', lost)
    with Training(copy_program(tmp_path / "program", train=train), used) as job:
        assert job.ended(30) == 1
        assert "AlgorithmError: ValueError: x" in job.log()
    assert not list((used / "model").iterdir())


def started(base_dir: Path, *command: object) -> tuple[int, str]:
    """Run a command as in the image. Returns: its status, and what it printed."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        list(map(str, command)),
        cwd=base_dir,
        env=environment(SAGEMAKER_BASE_DIR=base_dir, PATH=path),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_train_needs_no_run_bit_no_first_line_and_no_working_directory(
    tmp_path: Path, used: Path
) -> None:
    """T-01."""
    program = copy_program(tmp_path / "program", train=JOB)
    (program / "train").write_text(JOB)
    (program / "train").chmod(0o644)
    (used / "runtime").mkdir()  # of somebody else
    (used / "runtime/__init__.py").write_text("1 / 0")
    status, log = started(used, program / "entrypoint", "train")
    assert status == 0, log
    assert [file.name for file in (used / "model").iterdir()] == ["mine"]


def test_train_that_is_started_directly_is_a_job_too(
    tmp_path: Path, used: Path
) -> None:
    """T-04: so does an SDK that has an entrypoint of its own."""
    program = copy_program(tmp_path / "program", train=JOB)
    status, log = started(used, sys.executable, program / "train")
    assert status == 0, log
    assert [file.name for file in (used / "model").iterdir()] == ["mine"]
    assert not (used / "output/failure").exists()


@pytest.mark.parametrize(
    ("argument", "status"), [("--describe", 0), ("--nonsense", 64)]
)
def test_with_an_argument_no_job_begins(
    tmp_path: Path, used: Path, argument: str, status: int
) -> None:
    """T-53: a model that is there stays."""
    program = copy_program(tmp_path / "program", train=JOB)
    ended, log = started(used, program / "entrypoint", "train", argument)
    assert ended == status, log
    assert (used / "model/model.joblib").exists()
    assert (used / "output/failure").read_text() == "of an earlier job"
