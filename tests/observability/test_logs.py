"""RequestLog lines: which there are, what they hold, and that no text can forge one."""

import contextlib
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness import ROOT, environment, free_port, linux_only, until
from runtime.observability.logs import (
    Lines,
    RequestLog,
    RequestRecord,
    clean_id,
    request_id,
)

# `[time] [process] [LEVEL]`, then the id where there is one.
START = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] \[\d+\] \[[A-Z]+\] "


def record(status: int = 200, seconds: float = 0.001, **fields: Any) -> RequestRecord:
    """Give a request that has taken so many seconds."""
    started = time.perf_counter() - seconds
    return RequestRecord("an-id", status=status, started=started, **fields)


def lines(mode: Any, *records: RequestRecord) -> list[dict[str, Any]]:
    """Give what a log writes about requests."""
    stream = io.StringIO()
    log = RequestLog(mode, stream)
    for each in records:
        log.done(each)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@contextlib.contextmanager
def terminal() -> Iterator[tuple[Any, int]]:
    """Give a terminal's stream, and where to read what appears on it."""
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as stream:
        yield stream, master
    os.close(master)


@pytest.mark.parametrize("given", ["a", "1f-2e_3d", "x" * 64, "a.b:c/d=e{f}", "~!#"])
def test_an_id_that_can_stand_in_a_line_is_kept(given: str) -> None:
    """SageMaker's inference id is the id in our log (H-19)."""
    assert clean_id(given) == given


@pytest.mark.parametrize(
    "given", [None, "", "x" * 65, "a b", 'a"b', "a'b", "a\nb", "a\x7f", "é", "a]", "\\"]
)
def test_any_other_id_is_replaced_by_a_new_one(given: str | None) -> None:
    """Ids are optional, and clients write them (H-19)."""
    assert re.fullmatch("[0-9a-f]{32}", clean_id(given))
    assert clean_id(given) != clean_id(given)


@given(st.text(max_size=70))
def test_no_id_breaks_a_line(text: str) -> None:
    """Whatever a header holds: printable ASCII, without spaces and quotes."""
    name = clean_id(text)
    assert re.fullmatch(r"""[^\s"'\\\[\]]{1,64}""", name)
    assert name.isascii()
    assert name.isprintable()


@pytest.mark.parametrize(
    ("mode", "written"),
    [("off", []), ("errors", [400, 504]), ("all", [200, 400, 504])],
)
def test_log_requests_says_which_requests_have_a_line(
    mode: str, written: list[int]
) -> None:
    """Errors are statuses from 400."""
    shown = lines(mode, record(200), record(400), record(504))
    assert [line["status"] for line in shown] == written


def test_a_line_tells_size_and_time_and_no_values() -> None:
    """These fields and no others; the time is UTC, with milliseconds."""
    request = record(
        seconds=150,
        bytes=77,
        rows=3,
        queue=0.25,
        decode=0.5,
        predict=0.125,
        encode=0.0625,
    )
    (line,) = lines("all", request)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line["ms"].pop("total") == pytest.approx(150_000, rel=0.05)
    assert line == {
        "event": "request",
        "request_id": "an-id",
        "status": 200,
        "rows": 3,
        "bytes": 77,
        "ms": {"queue": 250, "decode": 500, "predict": 125, "encode": 62.5},
    }


def test_a_line_has_the_code_of_an_error_and_ignored_columns_if_any() -> None:
    """What most requests do not have takes no room."""
    (line,) = lines("all", record(400, code="bad_input", ignored_columns=2))
    assert line["code"] == "bad_input"
    assert line["ignored_columns"] == 2


def test_on_a_terminal_a_request_is_one_short_line() -> None:
    """People read there; of the times only the total is of use."""
    with terminal() as (stream, screen):
        RequestLog("all", stream).done(record(400, code="bad_input", rows=3, bytes=77))
        text = os.read(screen, 10_000).decode()
    expected = "request request_id=an-id status=400 code=bad_input rows=3 bytes=77 ms="
    assert text.startswith(expected)
    assert len(text) < 100
    assert text.count("\n") == 1


@given(st.text(), st.text(max_size=100))
def test_no_request_has_two_lines(name: str, code: str) -> None:
    """Not even where someone forgot to clean its id."""
    request = RequestRecord(name, status=400, code=code)
    assert len(lines("errors", request)) == 1
    with terminal() as (stream, screen):
        RequestLog("errors", stream).done(request)
        shown = os.read(screen, 10_000).decode(errors="replace")
    assert len(shown.splitlines()) == 1


@linux_only
def test_a_line_that_cannot_be_written_fails_no_request() -> None:
    """A full disk, a stream that somebody closed."""
    with contextlib.suppress(OSError), Path("/dev/full").open("w") as stream:
        log = RequestLog("all", stream)
        log.done(record())
    assert stream.closed
    log.done(record())


def formatted(message: str, name: str, text: str = "") -> str:
    """Format a record of the owner's code, with the text of a traceback."""
    token = request_id.set(name)
    made = logging.LogRecord("own", logging.INFO, "f", 1, message, None, None)
    made.exc_text = text
    try:
        return Lines().format(made)
    finally:
        request_id.reset(token)


def test_a_log_record_carries_the_id_of_its_request() -> None:
    """In brackets, and none where there is no request."""
    assert re.fullmatch(START + r"\[an-id\] hello", formatted("hello", "an-id"))
    assert re.fullmatch(START + "hello", formatted("hello", ""))


@given(st.text(), st.text(), st.text())
@example("a\u2028b\rc", "a\u2029b", "a\x85b\nc")
def test_no_message_forges_a_line(message: str, name: str, trace: str) -> None:
    """What follows the first line end of a text begins with a bar."""
    first, *later = formatted(message, name, trace).splitlines()
    assert re.match(START, first)
    assert all(line.startswith("  | ") for line in later)


def test_a_message_cannot_wipe_what_is_on_the_screen() -> None:
    """Controls are shown, not obeyed."""
    assert formatted("a\r\x1b[2Kb", "").endswith(r"a\x0d\x1b[2Kb")


def run(program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program that has imported logs, for 30 s at most."""
    header = "import logging, sys; from runtime.observability import logs\n"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", header + program],
        env=environment(PYTHONPATH=ROOT / "model"),
        text=True,
        timeout=30,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def test_configure_sends_records_of_a_level_and_above_to_stderr() -> None:
    """As SAGEMAKER_CONTAINER_LOG_LEVEL says."""
    done = run(
        "logs.configure(30)\n"
        "logging.getLogger('own').info('low')\n"
        "logging.getLogger('own').warning('high')\n"
    )
    assert re.fullmatch(START + "high\n", done.stderr)
    assert done.stdout == ""


def test_what_gunicorn_and_uvicorn_log_has_the_same_form(tmp_path: Path) -> None:
    """One form for one log; what the owner logs is in it, with its id."""
    (tmp_path / "config.py").write_text(
        "from runtime.observability.logs import configure, log_settings\n"
        f"bind = '127.0.0.1:{(port := free_port())}'\n"
        "wsgi_app = 'app:app'\n"
        "worker_class = 'uvicorn_worker.UvicornWorker'\n"
        "control_socket_disable = True\n"
        "logconfig_dict = log_settings(20)\n"
        "configure(20)\n"
    )
    (tmp_path / "app.py").write_text(
        "import logging\n"
        "from runtime.observability.logs import request_id\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n"
        "        await receive()\n"
        "        return await send({'type': 'lifespan.startup.complete'})\n"
        "    request_id.set('an-id')\n"
        "    logging.getLogger('own').warning('of the owner')\n"
        "    raise ValueError('oh')\n"
    )
    log = tmp_path / "log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "config.py"],
            cwd=tmp_path,
            env=environment(PYTHONPATH=f"{ROOT / 'model'}:{tmp_path}"),
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until(lambda: "startup complete" in log.read_text(), 30)
        subprocess.run(
            [
                sys.executable,
                "-c",
                f"import httpx; httpx.get('http://127.0.0.1:{port}')",
            ]
        )
        server.terminate()
        server.wait(30)
    finally:
        with contextlib.suppress(ProcessLookupError):  # its worker too
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    written = log.read_text().splitlines()
    assert all(re.match(f"{START}|  \\| ", line) for line in written), written
    assert any(re.fullmatch(START + r"\[an-id\] of the owner", x) for x in written)
    assert "  | ValueError: oh" in written
    assert any(line.endswith("Shutting down: Master") for line in written)
