"""Checkpoints: whole or not at all, of one host, of one job."""

import json
import pickle
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from harness import ROOT, environment, until
from runtime.errors import ModelError
from runtime.models import artifact
from runtime.training.checkpoints import KEPT, Checkpoints

SAME_FOLDER = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# A job that is killed where the test says: in the middle of a checkpoint.
WRITER = """
import sys, time
from pathlib import Path
from runtime.training.checkpoints import Checkpoints

folder = Path(sys.argv[1])

class Slow:
    def __reduce__(self):
        (folder.parent / "writing").touch()
        while True:
            time.sleep(0.01)

Checkpoints(folder, "algo-1", {}).save([b"x" * 2**20, Slow()], {})
"""


def of(folder: Path, host: str = "algo-1", **made_for: Any) -> Checkpoints:
    """Give a host's checkpoints, as a job finds them that starts."""
    return Checkpoints(folder, host, made_for)


def model(value: object) -> dict[str, artifact.Write]:
    """Give the files of a model."""
    return artifact.members(value, {"columns": [], "partial": True})


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def newest(folder: Path) -> Path:
    return max(folder.glob("*.zip"))


@pytest.fixture
def small_disk() -> Iterator[int]:
    """Let no file grow beyond 1 MiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    yield 2**20
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_at_the_first_start_there_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    """T-47: only the files tell a first start from another."""
    assert of(tmp_path).load() == (None, None)
    assert of(tmp_path).promote(tmp_path / "model") is None
    assert not (tmp_path / "model").exists()


def test_a_job_goes_on_from_the_newest(tmp_path: Path) -> None:
    """T-45, T-47, T-49."""
    checkpoints = of(tmp_path)
    for round_ in range(1, 3):
        checkpoints.save({"round": round_}, model(f"model {round_}"))
    assert of(tmp_path).load() == ({"round": 2}, "model 2")
    checkpoints.save({"round": 3}, {})
    assert of(tmp_path).load() == ({"round": 3}, None)


def test_arrays_and_estimators_come_back_as_they_were(tmp_path: Path) -> None:
    X, y = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0, 4.0])
    fitted = LinearRegression().fit(X, y)
    of(tmp_path).save({"seen": X}, model(fitted))
    state, loaded = of(tmp_path).load()
    assert np.array_equal(state["seen"], X)
    assert np.array_equal(loaded.predict(X), fitted.predict(X))


def test_the_newest_three_are_kept_of_each_host(tmp_path: Path) -> None:
    """T-45: deletions are mirrored to S3, where the disk is not the limit."""
    for host in ("algo-1", "algo-10"):
        for round_ in range(12):  # past 9: by number, not by name
            of(tmp_path, host).save(round_, {})
    assert KEPT == 3
    expected = [f"{h}-0000{n}.zip" for h in ("algo-1", "algo-10") for n in (10, 11, 12)]
    assert names(tmp_path) == sorted(expected)


def test_one_folder_serves_all_hosts(tmp_path: Path) -> None:
    """T-45: one S3 prefix is copied to every host; names do not clash."""
    for host in ("algo-1", "algo-10", "algo-2"):
        of(tmp_path, host).save(host, model(host))
    for host in ("algo-1", "algo-10", "algo-2"):
        assert of(tmp_path, host).load() == (host, host)
    assert of(tmp_path, "algo-3").load() == (None, None)
    assert of(tmp_path, "algo").load() == (None, None)


def test_numbers_beyond_a_million_are_still_in_order(tmp_path: Path) -> None:
    of(tmp_path).save("old", {})
    newest(tmp_path).rename(tmp_path / "algo-1-999999.zip")
    of(tmp_path).save("new", {})
    assert names(tmp_path) == ["algo-1-1000000.zip", "algo-1-999999.zip"]
    assert of(tmp_path).load() == ("new", None)


@pytest.mark.parametrize(
    "name",
    [
        "algo-1-000002.zip.sagemaker-uploading",
        "algo-1-000002.zip.sagemaker-uploaded",
        "algo-1-000002.zip.sagemaker-ignore",
        ".algo-1-000002.zip",
        "algo-1-last.zip",
        "xalgo-1-000002.zip",
        "model-000002.zip",
    ],
)
def test_files_of_others_are_neither_read_nor_removed(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """T-46: markers of the agent that uploads, and what the owner put there."""
    of(tmp_path).save("mine", {})
    (tmp_path / name).write_bytes(newest(tmp_path).read_bytes())
    checkpoints = of(tmp_path)
    for _ in range(4):
        checkpoints.save("mine", {})
    assert (tmp_path / name).exists()
    assert of(tmp_path).load() == ("mine", None)
    assert "skipped" not in capsys.readouterr().out


def test_a_kill_while_one_is_written_leaves_those_before_it(tmp_path: Path) -> None:
    """T-45, T-46: what is torn is not uploaded, and the next job removes it."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    of(folder).save("before", {})
    command = [sys.executable, "-c", WRITER, str(folder)]
    process = subprocess.Popen(command, env=environment(PYTHONPATH=ROOT / "model"))
    until((tmp_path / "writing").exists, 30)
    process.kill()
    process.wait()
    torn = [name for name in names(folder) if name != "algo-1-000001.zip"]
    assert torn == [".algo-1-000002.zip.sagemaker-ignore"]
    assert of(folder, "algo-2").load() == (None, None)
    assert torn[0] in names(folder)  # not another host's to remove
    assert of(folder).load() == ("before", None)
    assert names(folder) == ["algo-1-000001.zip"]


def damage(content: bytes) -> Iterator[bytes]:
    yield b""
    yield b"not a zip"
    yield content[: len(content) // 2]
    yield content[:-1]
    yield b"\0" * len(content)


@pytest.mark.parametrize(
    "kind", range(5), ids=["empty", "text", "half", "less-a-byte", "zeros"]
)
def test_one_that_is_damaged_is_skipped_for_the_one_before(
    tmp_path: Path, kind: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """T-45, T-47: and the log names the file."""
    for round_ in (1, 2):
        of(tmp_path).save(round_, model(round_))
    file = newest(tmp_path)
    file.write_bytes(list(damage(file.read_bytes()))[kind])
    assert of(tmp_path).load() == (1, 1)
    assert f"{file} is skipped: " in capsys.readouterr().out
    promoted = of(tmp_path).promote(tmp_path / "model")
    assert promoted == tmp_path / "algo-1-000001.zip"


@pytest.fixture(scope="module")
def two_rounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Save two checkpoints. Returns: the folder, and the newest's bytes."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for round_ in (1, 2):
        of(folder).save({"round": round_}, model(np.full(8, round_)))
    return folder, newest(folder).read_bytes()


def assert_whole(folder: Path) -> None:
    """Expect the first round or the second, and nothing in between."""
    state, loaded = of(folder).load()
    assert state in ({"round": 1}, {"round": 2})
    assert np.array_equal(loaded, np.full(8, state["round"]))
    from_ = of(folder).promote(folder / "model")
    assert from_ is not None
    round_ = int(from_.stem[-1])
    assert np.array_equal(artifact.load(folder / "model"), np.full(8, round_))
    assert artifact.describe(folder / "model") is not None


@SAME_FOLDER
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_never_gives_half_a_state(
    two_rounds: tuple[Path, bytes], where: float, bit: int
) -> None:
    """T-45: some bits mean nothing, such as those of a date; no other is lost on us."""
    folder, content = two_rounds
    flipped = bytearray(content)
    flipped[int(where * len(content))] ^= 1 << bit
    newest(folder).write_bytes(flipped)
    assert_whole(folder)


def test_an_index_that_lost_entries_is_no_checkpoint_without_a_model(
    two_rounds: tuple[Path, bytes],
) -> None:
    """T-45: the length of a comment, one bit longer, hides what follows it."""
    folder, content = two_rounds
    newest(folder).write_bytes(content)
    with zipfile.ZipFile(newest(folder)) as archive:
        index = archive.start_dir
    for place in range(index, len(content)):
        for bit in (1, 128):
            flipped = bytearray(content)
            flipped[place] ^= bit
            newest(folder).write_bytes(flipped)
            assert_whole(folder)


@SAME_FOLDER
@given(where=st.floats(0, 1, exclude_max=True))
def test_one_that_was_cut_off_anywhere_is_skipped(
    two_rounds: tuple[Path, bytes], where: float
) -> None:
    """T-45, T-47."""
    folder, content = two_rounds
    newest(folder).write_bytes(content[: int(where * len(content))])
    assert of(folder).load()[0] == {"round": 1}


def test_one_whose_class_is_gone_is_skipped_for_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of(tmp_path).save("before", {})
    gone = {artifact.ESTIMATOR: lambda file: file.write(b"cfeatures\nGone\n.")}
    of(tmp_path).save("after", gone)
    assert of(tmp_path).load() == ("before", None)
    assert "ModuleNotFoundError: No module named 'features'" in capsys.readouterr().out


def test_one_of_other_hyperparameters_is_not_gone_on_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """T-45: an S3 prefix may be given to several jobs."""
    of(tmp_path, n=1).save("of one", model("of one"))
    of(tmp_path, n=2).save("of two", {})
    assert of(tmp_path, n=1).load() == ("of one", "of one")
    assert "made with other hyperparameters" in capsys.readouterr().out
    assert of(tmp_path, n=3).load() == (None, None)
    assert of(tmp_path, n=2).promote(tmp_path / "model") is None


def test_a_full_disk_costs_the_checkpoint_and_not_the_job(
    tmp_path: Path, small_disk: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """T-45: no half file is left; those before it stay."""
    checkpoints = of(tmp_path)
    checkpoints.save("small", model("small"))
    checkpoints.save(b"x" * 2 * small_disk, {})
    checkpoints.save("small", model(b"x" * 2 * small_disk))
    assert names(tmp_path) == ["algo-1-000001.zip"]
    assert capsys.readouterr().out.count("the job goes on without the checkpoint") == 2
    assert of(tmp_path).load() == ("small", "small")


def test_a_state_that_cannot_be_pickled_is_the_owners_to_repair(tmp_path: Path) -> None:
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        of(tmp_path).save(lambda: 1, {})
    assert names(tmp_path) == []


def test_what_is_promoted_is_what_save_would_have_written(tmp_path: Path) -> None:
    """T-42, T-43: byte for byte the members of the checkpoint; nothing is unpickled."""
    fitted = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    of(tmp_path).save("state", model(fitted))
    file = of(tmp_path).promote(tmp_path / "model")
    assert file == newest(tmp_path)
    with zipfile.ZipFile(newest(tmp_path)) as archive:
        for name in (artifact.ESTIMATOR, artifact.DESCRIPTION):
            assert (tmp_path / "model" / name).read_bytes() == archive.read(name)
    artifact.save(tmp_path / "saved", fitted, {"columns": [], "partial": True})
    promoted, saved = (tmp_path / folder for folder in ("model", "saved"))
    assert names(promoted) == names(saved)
    assert artifact.describe(promoted) == artifact.describe(saved)
    assert artifact.load(promoted).coef_ == artifact.load(saved).coef_


def test_the_newest_with_a_model_is_promoted(tmp_path: Path) -> None:
    """T-43: a later checkpoint of the state alone does not hide the model."""
    checkpoints = of(tmp_path)
    checkpoints.save(1, model("first"))
    checkpoints.save(2, model("second"))
    checkpoints.save(3, {})
    assert checkpoints.promote(tmp_path / "model") == tmp_path / "algo-1-000002.zip"
    assert artifact.load(tmp_path / "model") == "second"


def test_a_model_folder_that_is_full_keeps_no_half_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """T-42."""
    of(tmp_path).save(1, model(b"x" * 2**20))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, before[1]))
    try:
        assert of(tmp_path).promote(tmp_path / "model") is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path / "model") == []
    assert "File too large" in capsys.readouterr().out
    with pytest.raises(ModelError):
        artifact.load(tmp_path / "model")


def test_a_checkpoint_is_a_zip_that_any_tool_opens(tmp_path: Path) -> None:
    of(tmp_path, n=1).save("state", model("model"))
    with zipfile.ZipFile(newest(tmp_path)) as archive:
        assert archive.namelist() == [
            *("state.joblib", "model.joblib", "model.json", "made_for.json")
        ]
        assert json.loads(archive.read("made_for.json")) == {"n": 1}
