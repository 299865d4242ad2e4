"""Several hosts as one cluster, here as processes on loopback addresses (T-20, T-38).

The leader's model folder is everybody's, as in the SDK's local mode (R-04), or its own,
as in SageMaker.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sklearn.ensemble import RandomForestClassifier

from harness import Training, copy_program, linux_only
from hosts import LATE, Hosts, one_cpu, processes, tasks
from runtime.models import artifact
from runtime.training.stopping import STOPPED

pytestmark = linux_only

TRAIN = """
from joblib import Parallel, delayed
from pydantic import BaseModel
from runtime import run
from sklearn.ensemble import RandomForestClassifier

import work


class Hyperparameters(BaseModel):
    do: str = "forest"


def forest(job):
    print("on", *sorted(job.client.run(work.meet, job.base_dir.parents[1]).values()))
    model = RandomForestClassifier(12, n_jobs=-1, random_state=0).fit(work.X, work.y)
    job.save(model.set_params(n_jobs=None), work.X)


def rounds(job):
    done, _ = job.restore()
    job.checkpoint("first" if done is None else "second")
    print("reached", done, flush=True)
    Parallel(n_jobs=-1)(delayed(work.wait)(job.base_dir, work.X) for _ in range(9))
    job.save(work.MODEL, work.X)


def checkpoint(job):
    job.checkpoint(1, work.MODEL, work.X)
    rounds(job)


def no_data(job):
    Parallel(n_jobs=-1)(delayed(work.wait)(job.base_dir) for _ in range(9))
    job.save(work.MODEL, work.X)


def alone(job):
    work.wait(job.base_dir)
    job.save(work.MODEL, work.X)


def read(job):
    job.save(work.MODEL, job.read("training"))


def train(job):
    globals()[job.hyperparameters.do](job)


if __name__ == "__main__":
    run(train, Hyperparameters)
"""
WORK = """
import os, time
from pathlib import Path

import numpy as np
import pandas as pd

X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 8))).add_prefix("x")
y = X["x0"] > 0
MODEL = b"model"


def meet(folder):
    "Wait until a task of each host is at work."
    host = os.environ["SM_CURRENT_HOST"]
    (folder / f"{host}.met").touch()
    while len(list(folder.glob("*.met"))) < len(list(folder.glob("*/ml"))):
        time.sleep(0.01)
    return host


def wait(base_dir, *_):
    print("at work", flush=True)
    while not (base_dir.parents[1] / "gate").exists():
        time.sleep(0.01)
"""
PREDICTOR = """
from runtime import load

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir)

    def predict(self, rows):
        return [1] * len(rows)
"""
LOST = 30  # seconds in which the others notice


@pytest.fixture
def hosts(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """Give two hosts; a test may ask for three, or for a model folder of all."""
    asked = getattr(request, "param", "")
    program = copy_program(tmp_path / "program", PREDICTOR, TRAIN)
    (program / "work.py").write_text(WORK)
    number = 3 if "three" in asked else 2
    with one_cpu(), Hosts(tmp_path, number, shared="shared" in asked) as found:
        yield found


def patience(tmp_path: Path, seconds: int) -> None:
    """Let hosts wait for each other as long as a test may take."""
    file = tmp_path / "program/runtime/training/hosts/network.py"
    text, wide = file.read_text(), "PATIENCE = 15 * 60"
    assert wide in text
    file.write_text(text.replace(wide, f"PATIENCE = {seconds}"))


def reason(job: Training) -> str:
    """Give what a host that has failed says."""
    return (job.base_dir / "output/failure").read_text()


def assert_failed(job: Training, words: str, seconds: float = LATE) -> None:
    assert job.ended(seconds) == 1, job.log()
    assert words in reason(job)
    assert not list((job.base_dir / "model").iterdir())


@pytest.mark.parametrize("hosts", ["three"], indirect=True)
def test_all_hosts_work_and_the_leader_alone_saves_the_model(hosts: Hosts) -> None:
    """T-20, T-21, T-38: plain n_jobs=-1, and the forest of a single host."""
    hosts.start()
    for job in (hosts.leader, *hosts.others):
        assert job.ended(LATE) == 0, job.log()
    assert f"on {' '.join(hosts.names)}\n" in hosts.leader.out()
    assert sum(tasks(hosts.leader.out()).values()) >= 12 // 3
    for job in hosts.others:
        assert not list((job.base_dir / "model").iterdir())
    scope: dict[str, Any] = {}
    exec(WORK, scope)  # the test's own rows
    X, y = scope["X"], scope["y"]
    expected = RandomForestClassifier(12, random_state=0).fit(X, y)
    found = artifact.load(hosts.leader.base_dir / "model")
    assert np.array_equal(found.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("hosts", ["three, shared"], indirect=True)
def test_hosts_may_start_in_any_order_and_end_after_the_leader(hosts: Hosts) -> None:
    """R-04, T-22, T-38: local mode stops all hosts as soon as one ends."""
    hosts.start(2)
    hosts.start(1)
    hosts.start(0)
    for job in hosts.others:
        assert job.ended(LATE) == 0, job.log()
        assert hosts.leader.process.poll() == 0, hosts.leader.log()
    assert (hosts.leader.base_dir / "model/model.joblib").exists()


def test_the_cluster_is_heard_on_the_addresses_of_the_hosts_alone(
    hosts: Hosts,
) -> None:
    """R-02, T-20: no port is open on all interfaces of a machine."""
    hosts.start(do="no_data")
    hosts.all_at_work()
    listening = {
        connection.laddr.ip
        for job in hosts.jobs.values()
        for process in processes(job)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert hosts.names[0] in listening
    assert listening <= {*hosts.names, "127.0.0.1"}


@pytest.mark.parametrize("hosts", ["three"], indirect=True)
def test_a_host_that_is_lost_with_data_fails_the_job_which_then_goes_on(
    hosts: Hosts,
) -> None:
    """T-40, T-47: all say the same reason, which names the host."""
    hosts.start(do="rounds")
    hosts.all_at_work()
    lost, left = hosts.others
    lost.kill()
    said = f"PlatformError: lost {hosts.names[1]}, and what lay there of the work"
    assert_failed(hosts.leader, said, LOST)
    assert_failed(left, said, LOST)
    assert reason(left) == reason(hosts.leader)
    assert "reached None" in hosts.leader.out()
    hosts.open()
    hosts.start(do="rounds")
    assert hosts.leader.ended(LATE) == 0, hosts.leader.log()
    assert "reached first" in hosts.leader.out()


def test_tasks_without_data_of_a_host_that_is_lost_run_elsewhere(hosts: Hosts) -> None:
    """T-49: and the log says so."""
    hosts.start(do="no_data")
    hosts.all_at_work()
    hosts.others[0].kill()
    line = f"lost a worker of the host {hosts.names[1]}: its tasks run elsewhere"
    hosts.leader.reaches(lambda: line in hosts.leader.out(), LOST)
    hosts.open()
    assert hosts.leader.ended(LATE) == 0, hosts.leader.log()
    assert sum(tasks(hosts.leader.out()).values()) >= 9


def test_a_host_that_is_lost_while_the_leader_works_alone_costs_nothing(
    hosts: Hosts,
) -> None:
    hosts.start(do="alone")
    hosts.leader.reaches(lambda: "at work" in hosts.leader.out(), LATE)
    hosts.others[0].kill()
    hosts.leader.reaches(lambda: "lost a worker" in hosts.leader.out(), LOST)
    hosts.open()
    assert hosts.leader.ended(LATE) == 0, hosts.leader.log()


@pytest.mark.parametrize("hosts", ["three"], indirect=True)
def test_a_host_that_is_lost_before_it_works_is_named(
    hosts: Hosts, tmp_path: Path
) -> None:
    """T-22, T-40: it was there, or never; the others hear why the job has failed."""
    patience(tmp_path, 20)
    hosts.start(0, 1)
    said = (
        f"PlatformError: no sign of {hosts.names[2]} within 20 seconds, of the 3 hosts"
    )
    assert_failed(hosts.leader, said)
    assert_failed(hosts.others[0], said)


@pytest.mark.parametrize("do", ["alone", "rounds", "forest"])
def test_without_the_leader_the_others_end_and_say_so(hosts: Hosts, do: str) -> None:
    """T-39, T-40: killed while it works alone, with all, or when it has saved."""
    hosts.start(do=do)
    if do == "rounds":
        hosts.all_at_work()
    saved = hosts.leader.base_dir / "model/model.joblib"
    words = "working for" if do == "alone" else ""
    for job in hosts.others:
        job.reaches(lambda: words in job.out(), LATE)  # noqa: B023 -- at once
    hosts.leader.reaches(lambda: do != "forest" or saved.exists(), LATE)
    hosts.leader.kill()
    for job in hosts.others:
        assert_failed(job, f"PlatformError: the leader {hosts.names[0]} was lost", LOST)


def test_a_leader_that_never_comes_is_named(hosts: Hosts, tmp_path: Path) -> None:
    """T-22."""
    patience(tmp_path, 3)
    hosts.start(1)
    (job,) = hosts.jobs.values()
    said = f"the leader {hosts.names[0]} did not answer at port 8786 within 3 seconds"
    assert_failed(job, said)


def test_names_that_do_not_resolve_at_first_are_asked_for_again(
    hosts: Hosts, tmp_path: Path
) -> None:
    """T-22: here they never do."""
    patience(tmp_path, 3)
    hosts.names = ["no-such-1.invalid", "no-such-2.invalid"]
    hosts.start(1)
    (job,) = hosts.jobs.values()
    assert_failed(job, "the leader no-such-1.invalid did not answer")


@pytest.mark.parametrize("do", ["checkpoint", "rounds"])
def test_a_stop_of_all_hosts_leaves_what_the_leader_has(hosts: Hosts, do: str) -> None:
    """T-43, T-45: the model of a checkpoint, and checkpoints; or none, and why."""
    hosts.start(do=do)
    hosts.all_at_work()
    for job in hosts.jobs.values():
        job.stop()
    status = 0 if do == "checkpoint" else 1
    for job in hosts.jobs.values():
        assert job.ended(LOST) == status, job.log()
    assert list((hosts.leader.base_dir / "checkpoints").glob("*.zip"))
    if status:
        assert {reason(job) for job in hosts.jobs.values()} == {STOPPED}
    else:
        description = hosts.leader.base_dir / "model/model.json"
        assert json.loads(description.read_text())["partial"] is True


@pytest.mark.parametrize("hosts", ["shared"], indirect=True)
def test_a_stop_of_one_host_waits_for_the_leader_and_leaves_its_model(
    hosts: Hosts,
) -> None:
    """R-04, T-42."""
    hosts.start(do="no_data")
    hosts.all_at_work()
    for job in hosts.others:
        job.stop()
    hosts.open()
    for job in (hosts.leader, *hosts.others):
        assert job.ended(LATE) == 0, job.log()
    assert (hosts.leader.base_dir / "model/model.joblib").exists()


@pytest.mark.parametrize("hosts", ["shared"], indirect=True)
def test_a_stop_of_a_host_that_does_not_work_yet_ends_it(hosts: Hosts) -> None:
    """R-04, T-42, T-43: and leaves the model alone, which is the leader's."""
    hosts.start(1)
    (job,) = hosts.jobs.values()
    mine = job.base_dir / "model/mine"
    mine.touch()
    job.reaches(lambda: len(processes(job)) == 1 and job_has_begun(job), LATE)
    job.stop()
    assert job.ended(LOST) == 1
    assert reason(job) == STOPPED
    assert mine.exists()


def job_has_begun(job: Training) -> bool:
    """Say whether SIGTERM would be heard: the thread `stop` is there."""
    return len([*Path(f"/proc/{job.process.pid}/task").iterdir()]) > 1


@pytest.mark.parametrize("absent", ["dask", "distributed"])
def test_without_dask_several_hosts_are_refused_before_any_work(
    hosts: Hosts, tmp_path: Path, absent: str
) -> None:
    """T-40: with the line that adds it."""
    stand_in = tmp_path / "absent" / f"{absent}.py"
    stand_in.parent.mkdir()
    stand_in.write_text(f"raise ModuleNotFoundError('gone', name={absent!r})")
    hosts.start(0, 1, environment={"PYTHONPATH": str(stand_in.parent)})
    for job in hosts.jobs.values():
        assert_failed(job, "local-test/add-package.sh distributed")
        assert reason(job).startswith("ClientError: a job of several hosts needs Dask")


def test_a_single_host_has_nothing_to_do_with_dask(
    hosts: Hosts, tmp_path: Path
) -> None:
    (tmp_path / "absent").mkdir()
    for name in ("dask", "distributed"):
        (tmp_path / "absent" / f"{name}.py").write_text("raise ImportError")
    hosts.names = hosts.names[:1]
    hosts.open()
    hosts.start(do="no_data", environment={"PYTHONPATH": str(tmp_path / "absent")})
    assert hosts.leader.ended(LATE) == 0, hosts.leader.log()


def test_a_channel_that_is_divided_among_hosts_is_refused(hosts: Hosts) -> None:
    """T-34: a model of the leader's part would know nothing of the others."""
    for name in hosts.names:
        folder = hosts.folder / name / "ml/input"
        (folder / "data/training").mkdir(parents=True)
        (folder / "data/training/part.csv").write_text("a\n1\n")
        (folder / "config").mkdir()
        sharded = {"training": {"S3DistributionType": "ShardedByS3Key"}}
        (folder / "config/inputdataconfig.json").write_text(json.dumps(sharded))
    hosts.start(do="read")
    for job in hosts.jobs.values():
        assert_failed(job, "channel 'training' is ShardedByS3Key")
