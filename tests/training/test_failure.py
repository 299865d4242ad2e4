"""Why a job failed: what the first 1024 characters of a reason say."""

import errno
import io
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

import runtime
from runtime.errors import ClientError, ModelError
from runtime.training import failure
from runtime.training.environment import Environment, empty

SHOWN = 1024  # characters of FailureReason
DISK = "The disk is full or broken: give the job a larger VolumeSizeInGB"
MEMORY = "The memory was not enough: use a larger instance, or fewer processes"


def raised(exc: BaseException, cause: BaseException | None = None) -> BaseException:
    """Give an exception with a traceback, as one that was caught has it."""
    with pytest.raises(type(exc)) as caught:
        raise exc from cause
    return caught.value


def of_owner(text: str, file: Path = runtime.PROGRAM / "train") -> BaseException:
    """Give an exception that the seventh line of a file of the owner's raises."""
    code = compile("\n" * 6 + "raise ValueError(text)", str(file), "exec")
    try:
        exec(code, {"text": text})
    except ValueError as caught:
        return caught
    raise AssertionError


@pytest.mark.parametrize(
    ("exc", "first"),
    [
        (ClientError("no column 'a'"), "ClientError: no column 'a'"),
        (ModelError("cannot load x"), "AlgorithmError: cannot load x"),
        (KeyError("colour"), "AlgorithmError: KeyError: 'colour'"),
        (ValueError(), "AlgorithmError: ValueError"),
        (AssertionError("a\nb"), "AlgorithmError: AssertionError: a"),
        (SystemExit(3), "AlgorithmError: train ended with sys.exit(3)"),
        (SystemExit("no rows"), "AlgorithmError: train ended with no rows"),
        (MemoryError(), "PlatformError: MemoryError"),
        (OSError(errno.ENOSPC, "No space"), "PlatformError: OSError: [Errno 28] No"),
        (OSError(errno.EDQUOT, "Quota"), "PlatformError: OSError: [Errno 122] Quota"),
        (TerminatedWorkerError("killed"), "PlatformError: TerminatedWorkerError: kil"),
        (FileNotFoundError(2, "gone"), "AlgorithmError: FileNotFoundError: [Errno 2]"),
        (KeyboardInterrupt(), "Interrupted before the job had ended"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_the_first_word_says_whose_turn_it_is(exc: BaseException, first: str) -> None:
    """T-40."""
    assert failure.reason(raised(exc)).startswith(first)


@pytest.mark.parametrize("outer", [ValueError, ClientError, ModelError])
@pytest.mark.parametrize(
    ("cause", "cure"),
    [
        (MemoryError("1 TiB"), MEMORY),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), MEMORY),
        (OSError(errno.ENOSPC, "No space left on device"), DISK),
        (OSError(errno.EIO, "Input/output error"), DISK),
    ],
    ids=["memory", "fork", "disk", "broken-disk"],
)
def test_the_machine_is_to_blame_however_its_fault_was_wrapped(
    outer: type[Exception], cause: BaseException, cure: str
) -> None:
    """T-40: and the reason says what to ask for."""
    middle = raised(RuntimeError("middle"), raised(cause))
    reason = failure.reason(raised(outer("cannot go on"), middle))
    assert reason.startswith(f"PlatformError: {outer.__name__}: cannot go on\n{cure}")


def die() -> NoReturn:
    os.kill(os.getpid(), 9)
    raise AssertionError


def test_a_worker_that_was_killed_for_its_memory_is_told_as_that() -> None:
    """T-40: the engine's out-of-memory killer leaves joblib's own exception."""
    with pytest.raises(TerminatedWorkerError) as caught:
        Parallel(n_jobs=2)(delayed(die)() for _ in range(2))
    reason = failure.reason(caught.value)
    assert reason.startswith("PlatformError: TerminatedWorkerError: ")
    assert MEMORY in reason[:SHOWN]


def test_an_exception_that_is_its_own_cause_has_an_end() -> None:
    """T-40: `raise exc from exc` is often written."""
    exc = ValueError("x")
    assert failure.reason(raised(exc, exc)).startswith("AlgorithmError: ValueError: x")


@pytest.mark.parametrize("length", [0, 700, 5000])
def test_the_owners_line_is_within_what_is_shown(length: int) -> None:
    """T-40: type, text and line, however long the text is; the traceback follows."""
    reason = failure.reason(of_owner("x" * length))
    shown = reason[:SHOWN]
    assert shown.startswith("AlgorithmError: ValueError")
    assert "\nin train, line 7: " in shown
    assert "Traceback (most recent call last)" in reason


def test_the_cure_is_within_what_is_shown() -> None:
    """T-40."""
    assert MEMORY in failure.reason(raised(MemoryError("x" * 5000)))[:SHOWN]


def test_where_no_line_is_the_owners_none_is_named() -> None:
    """T-40."""
    elsewhere = of_owner("x", runtime.PROGRAM / "runtime/data.py")
    assert "\nin " not in failure.reason(elsewhere).partition("Traceback")[0]


@given(st.text())
def test_any_text_can_be_a_reason(text: str) -> None:
    """T-40: also one that no file's encoding can hold."""
    assert failure.reason(raised(ValueError(text))).startswith("AlgorithmError: Value")


def tree(base_dir: Path) -> Iterator[Path]:
    """Fill a model folder with all that can lie in one."""
    model = base_dir / "model"
    (model / "deep/er").mkdir(parents=True)
    for name in ("model.joblib", ".model.json.17", "deep/er/file"):
        (model / name).touch()
    outside = base_dir / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (model / "link").symlink_to(outside)
    yield from outside.iterdir()


def test_a_folder_is_emptied_and_stays_and_links_are_not_followed(
    base_dir: Path,
) -> None:
    """T-42: it may be a mount."""
    outside = list(tree(base_dir))
    inode = (base_dir / "model").stat().st_ino
    empty(base_dir / "model")
    assert not list((base_dir / "model").iterdir())
    assert (base_dir / "model").stat().st_ino == inode
    assert all(file.exists() for file in outside)


def test_a_failure_leaves_a_reason_and_no_model(
    base_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """T-39, T-40, T-42, T-51: on stderr too, with the traceback."""
    list(tree(base_dir))
    assert failure.fail(Environment(base_dir), of_owner("wrong \udcff")) == 1
    said = (base_dir / "output/failure").read_text()
    assert said.startswith("AlgorithmError: ValueError: wrong \\udcff\nin train, ")
    assert "Traceback (most recent call last)" in capfd.readouterr().err
    assert not list((base_dir / "model").iterdir())


def test_a_reason_of_the_owners_is_kept(base_dir: Path) -> None:
    """T-41."""
    (base_dir / "output/failure").write_text("mine")
    failure.fail(Environment(base_dir), raised(ValueError("ours")))
    assert (base_dir / "output/failure").read_text() == "mine"


@pytest.mark.parametrize(
    ("exc", "status"),
    [(ValueError(), 1), (OSError(28, ""), 1), (KeyboardInterrupt(), 130)],
    ids=["exception", "os-error", "interrupt"],
)
def test_no_failure_has_status_0(
    base_dir: Path, exc: BaseException, status: int
) -> None:
    """T-39, T-41."""
    assert failure.fail(Environment(base_dir), raised(exc)) == status


def test_a_disk_without_room_for_the_reason_still_loses_the_model(
    base_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """T-42, T-51: the model goes first, the log has the reason."""
    list(tree(base_dir))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            failure.fail(
                Environment(base_dir), raised(OSError(errno.ENOSPC, "No space left"))
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((base_dir / "model").iterdir())
    assert "PlatformError" in capsys.readouterr().err


def test_what_goes_through_a_tee_is_written_at_once_and_its_end_is_kept() -> None:
    """C14."""
    stream = io.StringIO()
    tee = failure.Tee(stream)
    for number in range(1000):
        print(f"line {number}", file=tee)
    tee.writelines(["an", " end"])
    assert stream.getvalue().startswith("line 0\n")
    assert stream.getvalue().endswith("line 999\nan end")
    assert tee.last.endswith("line 999\nan end")
    assert not tee.isatty()
    first, *rest = failure.reason(SystemExit(2), tee.last).splitlines()
    assert first == (
        "AlgorithmError: train ended with sys.exit(2); stderr ends with: an end"
    )
    assert len("\n".join([first, *rest])) <= SHOWN


def test_a_sentence_of_sys_exit_needs_no_stderr() -> None:
    said = failure.reason(SystemExit("no rows"), "a warning")
    assert said == "AlgorithmError: train ended with no rows"
