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
import threading
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
from runtime.observability.stdout import Prints

# `[time] [process] [LEVEL]`, then the id where there is one.
START = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] \[\d+\] \[[A-Z]+\] "


def record(status: int = 200, seconds: float = 0.001, **fields: Any) -> RequestRecord:
    """Give a request that has taken so many seconds."""
    started = time.perf_counter() - seconds
    return RequestRecord("an-id", status=status, started=started, **fields)


def lines(
    mode: Any, *records: RequestRecord, summary: bool = False
) -> list[dict[str, Any]]:
    """Give what a log writes about requests."""
    stream = io.StringIO()
    log = RequestLog(mode, stream)
    for each in records:
        log.done(each)
    if summary:
        log.summary()
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


def test_a_summary_counts_the_requests_since_the_last_one() -> None:
    """Refused is the caller's fault, errors are ours."""
    stream = io.StringIO()
    log = RequestLog("errors", stream)
    for status in (200, 400, 413, 500):
        log.done(record(status, rows=2))
    log.summary()
    log.done(record(rows=5))
    log.summary()
    shown = [json.loads(line) for line in stream.getvalue().splitlines()]
    first, second = (line for line in shown if line["event"] == "summary")
    counts = ("requests", "errors", "refused", "rows")
    assert [first[name] for name in counts] == [4, 1, 2, 8]
    assert [second[name] for name in counts] == [1, 0, 0, 5]
    assert first.keys() == {*counts, "time", "event", "seconds", "p50_ms", "p99_ms"}


@pytest.mark.parametrize(("mode", "written"), [("errors", 1), ("all", 2), ("off", 0)])
def test_a_summary_says_nothing_where_it_has_nothing_to_say(
    mode: str, written: int
) -> None:
    """None without requests, none with LOG_REQUESTS=off."""
    assert lines(mode, summary=True) == []
    assert len(lines(mode, record(), summary=True)) == written


@given(st.lists(st.floats(100, 100_000), min_size=1, max_size=300))
@example([100.0] * 98 + [200.0, 1000.0])
def test_quantiles_are_within_three_percent(seconds: list[float]) -> None:
    """Of the durations themselves: the smallest that so many do not exceed."""
    requests = [record(seconds=each) for each in seconds]
    shown = lines("errors", *requests, summary=True)[-1]
    for name, share in (("p50_ms", 50), ("p99_ms", 99)):
        place = -(-share * len(seconds) // 100) - 1
        true = sorted(seconds)[place] * 1000
        assert shown[name] == pytest.approx(true, rel=0.03)


def test_the_memory_of_a_summary_has_a_bound() -> None:
    """From a microsecond to a day there are some hundred steps."""
    log = RequestLog("errors", io.StringIO())
    for step in range(50_000):
        log.done(record(seconds=1e-6 * 1.0005**step))
    assert len(log._tally.steps) < 600


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
    header = "import logging, sys; from runtime.observability import logs, stdout\n"
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
    """One form for one log; the owner's prints are in it, with their id."""
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
        "from runtime.observability.stdout import capture_prints\n"
        "from runtime.observability.logs import request_id\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n"
        "        await receive()\n"
        "        capture_prints()\n"
        "        return await send({'type': 'lifespan.startup.complete'})\n"
        "    request_id.set('an-id')\n"
        "    print('of the owner')\n"
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


@pytest.fixture
def prints() -> Iterator[tuple[Prints, io.StringIO, io.StringIO]]:
    """Give what stands in for stdout, the real stream, and the log."""
    real, log = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(Lines())
    logger = logging.getLogger("print")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield Prints(real), real, log
    logger.removeHandler(handler)


def logged(log: io.StringIO) -> list[tuple[str, str]]:
    """Give id and message of each record."""
    form = re.compile(START + r"\[([^]]+)\] (.*)")
    matches = [form.fullmatch(line) for line in log.getvalue().splitlines()]
    return [(m[1], m[2]) for m in matches if m]


@contextlib.contextmanager
def request(name: str) -> Iterator[None]:
    """Run a block for a request."""
    token = request_id.set(name)
    yield
    request_id.reset(token)


def test_what_is_printed_for_a_request_is_logged_under_its_id(prints: Any) -> None:
    """Line by line, wherever the pieces end."""
    out, real, log = prints
    with request("one"):
        print("a", 1, "\nb", file=out)
        out.writelines(["c", "d\n"])
    assert logged(log) == [("one", "a 1 "), ("one", "b"), ("one", "cd")]
    assert real.getvalue() == ""


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_printed_without_a_request_is_unchanged(text: str) -> None:
    """Not one character more, and at once."""
    real = io.StringIO(newline="")
    assert Prints(real).write(text) == len(text)
    assert real.getvalue() == text


@given(st.lists(st.text()))
def test_no_print_forges_a_line(texts: list[str]) -> None:
    """Neither in one piece nor in several."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(Lines())
    logging.getLogger("print").addHandler(handler)
    logging.getLogger("print").setLevel(logging.INFO)
    with request("one"):
        out = Prints(io.StringIO())
        out.writelines(texts)
        out.flush()
    logging.getLogger("print").removeHandler(handler)
    for line in log.getvalue().splitlines():
        assert re.match(START + r"\[one\] ", line), line


def test_half_a_line_stays_with_its_request(prints: Any) -> None:
    """Another request of the thread, or none, ends it."""
    out, real, log = prints
    with request("one"):
        print("half", end="", file=out)
    with request("two"):
        print("whole", file=out)
        print("half", end="", file=out)
    print("none", file=out)
    assert logged(log) == [("one", "half"), ("two", "whole"), ("two", "half")]
    assert real.getvalue() == "none\n"


def test_flush_shows_half_a_line_but_not_a_progress_bar(prints: Any) -> None:
    """A bar is written over, and only its end is worth a record."""
    out, _, log = prints
    with request("one"):
        print("Loading ", end="", flush=True, file=out)
        for percent in (0, 50, 100):
            print(f"\r{percent} %", end="", flush=True, file=out)
        print(file=out)
        print("Windows\r", file=out)
    assert logged(log) == [("one", "Loading "), ("one", "100 %"), ("one", "Windows")]


def test_a_line_without_an_end_does_not_fill_the_memory(prints: Any) -> None:
    """It comes in pieces, and none is lost."""
    out, _, log = prints
    with request("one"):
        for _ in range(100):
            out.write("x" * 1000)
        out.flush()
    pieces = [message for _, message in logged(log)]
    assert "".join(pieces) == "x" * 100_000
    assert max(map(len, pieces)) < 10_000


def test_threads_do_not_mix_their_lines(prints: Any) -> None:
    """Each thread has a half line of its own."""
    out, _, log = prints
    together = threading.Barrier(8)

    def work(name: str) -> None:
        with request(name):
            together.wait()
            for _ in range(50):
                for piece in (name, "-", name, "\n"):
                    out.write(piece)

    threads = [threading.Thread(target=work, args=(f"r{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(logged(log)) == sorted(
        (f"r{n}", f"r{n}-r{n}") for n in range(8) for _ in range(50)
    )


def test_prints_are_logged_once_where_logging_goes_to_stdout() -> None:
    """The owner's own handler on sys.stdout does not call itself for ever."""
    done = run(
        "stdout.capture_prints()\n"
        "logging.basicConfig(stream=sys.stdout, format='%(name)s: %(message)s')\n"
        "logs.request_id.set('one')\n"
        "print('hello')\n"
        "logging.getLogger('own').error('oh')\n"
    )
    # A record to stdout is printed text, and what is printed is a record.
    assert done.stdout == "print: hello\nprint: own: oh\n"
    assert done.stderr == ""


def test_prints_are_logged_at_any_level() -> None:
    """A person who prints wants to see it."""
    done = run(
        "logs.configure(40)\n"
        "stdout.capture_prints()\n"
        "logs.request_id.set('one')\n"
        "print('hello')\n"
    )
    assert re.fullmatch(START + r"\[one\] hello\n", done.stderr)


def test_programs_find_what_they_know_of_stdout() -> None:
    """The descriptor, the encoding, the bytes below; faulthandler writes to it."""
    done = run(
        "import faulthandler\n"
        "real = sys.stdout\n"
        "stdout.capture_prints()\n"
        "out = sys.stdout\n"
        "assert out.fileno() == 1 and not out.isatty() and out.writable()\n"
        "assert out.encoding == real.encoding and out.errors == real.errors\n"
        "print('text', flush=True)\n"
        "out.buffer.write(b'bytes\\n')\n"
        "out.flush()\n"
        "faulthandler.dump_traceback(file=out)\n"
    )
    assert done.stdout.startswith("text\nbytes\nCurrent thread"), done.stderr


@linux_only
def test_a_print_that_cannot_be_written_fails_no_request() -> None:
    """A full disk, and a stdout that the owner has closed."""
    with Path("/dev/full").open("w") as full:
        done = run(
            "import io\n"
            "sys.stdout = stdout.Prints(sys.stdout)\n"
            "print('x', flush=True)\n"
            "print('x' * 100_000)\n"
            "sys.stdout = stdout.Prints(io.StringIO())\n"
            "sys.stdout.close()\n"
            "print('x')\n"
            "print('survived', file=sys.stderr)\n",
            stdout=full,
        )
    assert done.stderr.startswith("survived\n")
