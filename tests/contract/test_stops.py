"""What a stop leaves of a training job: a whole model, or none and a sentence.

SageMaker stops a job with SIGTERM, and with SIGKILL 120 seconds later (T-43, T-44).
"""

import json
import time
from pathlib import Path

import pytest

from harness import Container, Training, copy_program, docker, until
from runtime.models import artifact
from runtime.training import stopping

AT_ONCE = 8  # seconds, imports of the last check included; SageMaker gives 120
TRAIN = """
import signal, sys, threading, time
import pandas as pd
from pydantic import BaseModel
from runtime import run
from features import Slow, digest, forest, killed, one_killed, pool

X = pd.DataFrame({"size": [1.0, 2.0]})

class Hyperparameters(BaseModel):
    pass

def reached(job):
    print("reached", flush=True)

def stopped(job):
    while not job.stopping:
        time.sleep(0.01)

def train(job):
    ACTION

if __name__ == "__main__":
    run(train, Hyperparameters)
"""
FEATURES = """
import hashlib, os, time

def forest():
    from sklearn.ensemble import RandomForestRegressor
    X = [[n] for n in range(10_000)]
    print("reached", flush=True)
    RandomForestRegressor(10**6, n_jobs=2).fit(X, range(10_000))

def digest(_=0):
    print("reached", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)

def pool(work=digest):
    from joblib import Parallel, delayed
    Parallel(n_jobs=2)(delayed(work)(n) for n in range(4))

def killed(_):
    os.kill(os.getpid(), 9)

def one_killed(number):
    if number == 0:
        time.sleep(0.5)  # the other worker is there by then
        killed(number)
    time.sleep(2)

class Slow:
    '''A model that is being saved when the job is stopped.'''

    def __init__(self, job):
        self.job = job

    def __reduce__(self):
        print("reached", flush=True)
        self.job._state.stopping.wait()
        return bytes, (b"x" * 10**8,)
"""
# The model is one answer to all rows.
PREDICTOR = """
from runtime import load

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir)

    def predict(self, rows):
        return [len(self.model)] * len(rows)
"""


def program(tmp_path: Path, *action: str) -> Path:
    """Copy the programs, with these lines for `train`."""
    train = TRAIN.replace("ACTION", "\n    ".join(action))
    folder = copy_program(tmp_path / "program", PREDICTOR, train)
    (folder / "features.py").write_text(FEATURES)
    (folder / "train").chmod(0o755)
    return folder


def start(tmp_path: Path, base_dir: Path, *action: str) -> Training:
    """Start a job whose `train` has these lines."""
    return Training(program(tmp_path, *action), base_dir)


def stop(job: Training) -> int:
    """Stop a job once it has said "reached". Returns: the exit status."""
    job.reaches(lambda: "reached" in job.out())
    job.stop()
    return job.ended(AT_ONCE)


def assert_no_model(base_dir: Path, reason: str = stopping.STOPPED) -> None:
    assert (base_dir / "output/failure").read_text().startswith(reason)
    assert not list((base_dir / "model").iterdir())


def assert_model(base_dir: Path, model: bytes, *, partial: bool) -> None:
    names = sorted(path.name for path in (base_dir / "model").iterdir())
    assert names == ["model.joblib", "model.json"]
    assert artifact.load(base_dir / "model") == model
    description = json.loads((base_dir / "model/model.json").read_text())
    assert description["partial"] is partial
    assert not (base_dir / "output/failure").exists()


@pytest.mark.parametrize("work", ["digest", "forest", "pool"])
def test_a_stop_before_a_model_ends_the_job_and_its_pool_at_once(
    tmp_path: Path, base_dir: Path, work: str
) -> None:
    """T-42, T-43, T-44: a handler of Python's would wait until the fit has ended."""
    with start(tmp_path, base_dir, f"{work}()") as job:
        assert stop(job) == 1
        until(lambda: job.alive() == 0, AT_ONCE)
    assert_no_model(base_dir)


@pytest.mark.parametrize("folder", ["checkpoints", "none"])
def test_a_stop_after_a_checkpoint_leaves_its_model(
    tmp_path: Path, base_dir: Path, folder: str
) -> None:
    """T-43, T-47: with CheckpointConfig or without; a later state does not hide it."""
    (base_dir / folder).mkdir()
    models = ["job.checkpoint(1, b'one', X)", "job.checkpoint(2, b'two', X)"]
    with start(tmp_path, base_dir, *models, "job.checkpoint(3)", "pool()") as job:
        assert stop(job) == 0, job.log()
        until(lambda: job.alive() == 0, AT_ONCE)
    assert_model(base_dir, b"two", partial=True)


def test_a_train_that_asks_saves_what_it_has(tmp_path: Path, base_dir: Path) -> None:
    """T-43."""
    action = ["job.checkpoint(1, b'older', X)", "reached(job)", "stopped(job)"]
    with start(tmp_path, base_dir, *action, "job.save(b'mine', X)") as job:
        assert stop(job) == 0, job.log()
    assert_model(base_dir, b"mine", partial=True)


def test_a_train_that_asks_and_hangs_leaves_its_checkpoint(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-43: well before SIGKILL, and no earlier than it was promised."""
    action = ["job.checkpoint(1, b'one', X)", "reached(job)", "stopped(job)"]
    folder = program(tmp_path, *action, "threading.Event().wait()")
    source = (folder / "runtime/training/stopping.py").read_text()
    assert "GRACE = 60 " in source
    (folder / "runtime/training/stopping.py").write_text(
        source.replace("GRACE = 60", "GRACE = 1")
    )
    with Training(folder, base_dir) as job:
        started = time.monotonic()
        assert stop(job) == 0, job.log()
        assert time.monotonic() - started > 1
    assert_model(base_dir, b"one", partial=True)


def test_a_handler_of_the_owners_is_left_to_act(tmp_path: Path, base_dir: Path) -> None:
    """T-43."""
    action = [
        "def mine(*_): job.save(b'mine', X); sys.exit(0)",
        "signal.signal(signal.SIGTERM, mine)",
        "job.checkpoint(1, b'older', X)",
        "reached(job)",
        "threading.Event().wait()",
    ]
    with start(tmp_path, base_dir, *action) as job:
        assert stop(job) == 0, job.log()
    assert artifact.load(base_dir / "model") == b"mine"


def test_a_stop_after_save_lets_the_job_end_well(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-39, T-43: what is saved is shipped."""
    action = ["job.save(b'mine', X)", "reached(job)", "stopped(job)", "print('end')"]
    with start(tmp_path, base_dir, *action) as job:
        assert stop(job) == 0, job.log()
        assert "end" in job.out()
    assert_model(base_dir, b"mine", partial=False)


def test_a_second_stop_changes_nothing(tmp_path: Path, base_dir: Path) -> None:
    """T-43."""
    action = [
        "print('running', flush=True)",
        "stopped(job)",
        "reached(job)",
        "while not (job.base_dir / 'gate').exists(): time.sleep(0.01)",
        "job.save(b'mine', X)",
    ]
    with start(tmp_path, base_dir, *action) as job:
        job.reaches(lambda: "running" in job.out())
        job.stop()
        job.reaches(lambda: "reached" in job.out())
        job.stop()
        (base_dir / "gate").touch()
        assert job.ended(AT_ONCE) == 0, job.log()
    assert_model(base_dir, b"mine", partial=True)


def test_a_stop_in_the_middle_of_save_waits_for_its_end(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-42, T-43: a save that has begun before the stop is of a whole model."""
    with start(tmp_path, base_dir, "job.save(Slow(job), X)") as job:
        assert stop(job) == 0, job.log()
    assert_model(base_dir, b"x" * 10**8, partial=False)


def test_a_stop_in_the_middle_of_a_checkpoint_waits_for_its_end(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-43, T-47: else the work of that round would be lost."""
    action = ["job.checkpoint(1, Slow(job), X)", "threading.Event().wait()"]
    with start(tmp_path, base_dir, *action) as job:
        assert stop(job) == 0, job.log()
    assert_model(base_dir, b"x" * 10**8, partial=True)


@pytest.mark.parametrize(
    "late",
    ["raise ValueError('late')", "job.save(b'late', X)", "return"],
    ids=["failure", "save", "return"],
)
def test_what_comes_while_a_checkpoint_becomes_the_model_is_too_late(
    tmp_path: Path, base_dir: Path, late: str
) -> None:
    """T-39, T-42: one thread ends a job."""
    action = [
        "job.checkpoint(1, b'one', X)",
        "reached(job)",
        "while not (job.model_dir / 'model.json').exists(): time.sleep(0.001)",
        late,
    ]
    with start(tmp_path, base_dir, *action) as job:
        assert stop(job) == 0, job.log()
        assert "stopped: the model is that of the checkpoint" in job.out()
        assert "model saved in" not in job.out()
    assert_model(base_dir, b"one", partial=True)


def test_processes_that_the_owner_forks_and_ends_do_not_stop_the_job(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-43: a fork shares our handler; `Pool` ends its workers by SIGTERM."""
    action = [
        "from multiprocessing import get_context",
        "for _ in range(20):",
        "    child = get_context('fork').Process(target=threading.Event().wait)",
        "    child.start(); child.terminate(); child.join()",
        "    assert child.exitcode == -signal.SIGTERM",
        "assert not job.stopping",
        "job.save(b'mine', X)",
    ]
    with start(tmp_path, base_dir, *action) as job:
        assert job.ended() == 0, job.log()
    assert_model(base_dir, b"mine", partial=False)


def test_a_checkpoint_that_cannot_be_served_is_no_model(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-39, T-42: the last step of a job is done for a stopped one too."""
    with start(tmp_path, base_dir, "job.checkpoint(1, 7, X)", "pool()") as job:
        assert stop(job) == 1
    assert_no_model(base_dir, "AlgorithmError: ")


def test_a_stop_after_a_failure_does_not_make_a_model_of_it(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-39, T-42: a reason and status 1, and no checkpoint beside them."""
    (base_dir / "checkpoints").mkdir()
    action = [
        "import atexit",
        "def last():",
        "    reached(job); job._state.stopping.wait()",
        "    for _ in range(100):",
        "        any(job.model_dir.iterdir()) or time.sleep(0.01)",
        "atexit.register(last)",
        "job.checkpoint(1, b'one', X)",
        "raise ValueError('wrong')",
    ]
    with start(tmp_path, base_dir, *action) as job:
        assert stop(job) == 1
    assert_no_model(base_dir, "AlgorithmError: ValueError: wrong")


def owner(folder: Path) -> list[str]:
    """Give the options that put the owner's files into the image."""
    names = ("train", "predictor.py", "features.py")
    volumes = (f"{folder / name}:/opt/program/{name}:ro" for name in names)
    return [word for volume in volumes for word in ("--volume", volume)]


def test_docker_stop_after_a_checkpoint_leaves_its_model(
    image: str, tmp_path: Path, base_dir: Path
) -> None:
    """T-03, T-43, T-51: process 1 acts on it; what it printed was not held back."""
    action = ["job.checkpoint(1, b'one', X)", "print('not flushed')", "pool()"]
    with Container(image, base_dir, *owner(program(tmp_path, *action))) as job:
        job.reaches(lambda: "reached" in job.log())
        assert "not flushed" in job.log()
        started = time.monotonic()
        assert job.stop() == 0, job.log()
        assert time.monotonic() - started < AT_ONCE
    assert_model(base_dir, b"one", partial=True)


def test_a_worker_that_is_killed_for_its_memory_ends_the_job(
    image: str, tmp_path: Path, base_dir: Path
) -> None:
    """T-40: in the image joblib must find what it ends the other workers with."""
    options = owner(program(tmp_path, "pool(killed)"))
    with Container(image, base_dir, *options) as job:
        job.reaches(lambda: not job.running(), 30)
        assert job.ended() == 1
    assert_no_model(base_dir, "PlatformError: TerminatedWorkerError: ")


def test_a_job_that_fails_ends_also_where_a_package_would_wait_for_ever(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-39: so does joblib that has lost a worker, without psutil and pgrep."""
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "psutil.py").write_text("raise ImportError")
    folder = program(tmp_path, "pool(one_killed)")
    with Training(folder, base_dir, PYTHONPATH=absent, PATH=absent) as job:
        assert job.ended(60) == 1, job.log()
    assert_no_model(base_dir, "PlatformError: TerminatedWorkerError: ")


def test_a_full_disk_costs_a_checkpoint_and_leaves_no_half_model(
    image: str, tmp_path: Path, base_dir: Path
) -> None:
    """T-40, T-42, T-45: real disks of 64 KiB."""
    action = ["job.checkpoint(b'x' * 10**6)", "job.save(b'x' * 10**6, X)"]
    names = ("model", "checkpoints")
    disks = [w for n in names for w in ("--tmpfs", f"/opt/ml/{n}:size=64k")]
    volume = ["--volume", f"{base_dir}:/opt/ml", *owner(program(tmp_path, *action))]
    script = "train; echo status $?; ls -A /opt/ml/model /opt/ml/checkpoints"
    said = docker("run", "--rm", *volume, *disks, image, "sh", "-c", script)
    assert "the job goes on without the checkpoint" in said
    assert said.endswith("status 1\n/opt/ml/checkpoints:\n\n/opt/ml/model:\n")
    reason = (base_dir / "output/failure").read_text()
    assert reason.startswith("PlatformError: OSError: [Errno 28] No space left")
    assert "larger VolumeSizeInGB" in reason[:1024]
