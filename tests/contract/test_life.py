"""The life of a server: busy, stuck, overloaded, left alone, stopped, killed."""

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from harness import Server, copy_program, lives, until
from runtime.tabular.schema import Schema

# What it does says the first row: `word,seconds,name`. The answer is the process id.
OBEDIENT = """
import logging
import os
import threading
import time


class Predictor:
    def __init__(self, model_dir):
        self.folder, self.lock = model_dir.parent, threading.Lock()

    def note(self, file, text):
        with (self.folder / file).open("a") as lines:
            lines.write(f"{text}\\n")

    def start(self):
        self.note("starts", os.getpid())

    def predict(self, rows):
        alone = self.lock.acquire(blocking=False)
        word, seconds, name = rows.iloc[0]
        self.note("calls" if alone else "overlaps", f"{word} {name} {os.getpid()}")
        getattr(self, word)(seconds)
        if alone:
            self.lock.release()
        return [os.getpid()] * len(rows)

    def hello(self, seconds):
        pass

    def sleep(self, seconds):
        time.sleep(seconds)

    def wait(self, seconds):
        while not (self.folder / "gate").exists():
            time.sleep(0.01)

    def spin(self, seconds):
        while not (self.folder / "gate").exists():
            sum(range(100)) and [None for _ in range(10**6)]

    def speak(self, seconds):
        print("printed", flush=True)
        logging.getLogger("theirs").warning("logged")
"""
ROW = pd.DataFrame({"word": ["hello"], "seconds": [0.0], "name": ["-"]})
MARKER = "Q7secretQ7"  # a value of a row, which no line of a log may hold
Callers = ThreadPoolExecutor


def serve(base_dir: Path, **variables: object) -> Server:
    """Serve the obedient model, its types checked, so that bodies go in slices."""
    description = {"columns": Schema.learn(ROW).to_json()}
    (base_dir / "model").mkdir(parents=True, exist_ok=True)
    (base_dir / "model/model.json").write_text(json.dumps(description))
    program = copy_program(base_dir.parent / "program", OBEDIENT)
    return Server(program, base_dir, **variables)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve with two workers, which log every request."""
    base_dir = tmp_path_factory.mktemp("life") / "ml"
    with serve(base_dir, MODEL_SERVER_WORKERS=2, LOG_REQUESTS="all") as running:
        running.ready()
        until(lambda: len(noted(running, "starts")) == 2, 10)
        yield running


@pytest.fixture
def callers() -> Iterator[Callers]:
    """Give threads that send requests."""
    with ThreadPoolExecutor(64) as threads:
        yield threads


def noted(server: Server, file: str) -> list[list[str]]:
    """Give the words of each line that the model has noted."""
    found = server.log_file.with_name(file)
    lines = found.read_text().splitlines() if found.exists() else []
    return [line.split() for line in lines]


def called(server: Server) -> list[str]:
    """Give the names of the calls that have begun, but for the warm-up."""
    return [name for _, name, _ in noted(server, "calls") if name != "-"]


def open_gate(server: Server) -> None:
    server.log_file.with_name("gate").touch()


def send(server: Server, body: str | bytes, content_type: str = "text/csv") -> int:
    """Send a body on a connection of its own. Returns: the status, 0 for none."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"content-type": content_type, "accept": "text/csv"}
    try:
        connection.request("POST", "/invocations", body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
    return answer.status


def ping(server: Server) -> tuple[int, float]:
    """Ping on a connection of its own. Returns: status, seconds."""
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", "/ping")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        connection.close()
    return status, time.monotonic() - started


@contextlib.contextmanager
def pinged(server: Server) -> Iterator[list[tuple[int, float]]]:
    """Ping all the time. Yields: what `ping` has given so far."""
    found = [ping(server)]
    end = threading.Event()

    def work() -> None:
        while not end.wait(0.02):
            found.append(ping(server))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join()


def occupied(server: Server, callers: Callers, word: str) -> list[Future[int]]:
    """Send requests until each worker has begun one that ends with the gate."""
    server.log_file.with_name("gate").unlink(missing_ok=True)
    server.log_file.with_name("calls").unlink(missing_ok=True)
    sent: list[Future[int]] = []

    def all_begun() -> bool:
        sent.append(callers.submit(send, server, f"{word},0,a\n"))
        time.sleep(0.05)
        begun = {pid for _, name, pid in noted(server, "calls") if name == "a"}
        return len(begun) == len(server.workers())

    until(all_begun, 10)
    return sent


def opened(server: Server, body: str = "", missing: int = 0) -> socket.socket:
    """Connect and send a request, whose last bytes are yet to come."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = "POST /invocations HTTP/1.1\r\nHost: x\r\nAccept: text/csv\r\n"
    length = f"Content-Length: {len(body)}\r\n\r\n"
    connection.sendall(f"{head}{length}{body[: len(body) - missing]}".encode())
    return connection


def metric(server: Server, name: str) -> float:
    """Give the sum of a metric over its labels."""
    lines = server.client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def log_of(server: Server, event: str) -> list[dict[str, object]]:
    """Give the JSON lines of one kind."""
    lines = [line for line in server.log().splitlines() if line.startswith("{")]
    return [found for found in map(json.loads, lines) if found["event"] == event]


# Busy


def test_a_connection_is_accepted_within_250_ms_while_every_worker_computes(
    server: Server, callers: Callers
) -> None:
    """H-10."""
    sent = occupied(server, callers, "spin")
    for _ in range(50):
        socket.create_connection(("127.0.0.1", server.port), timeout=0.25).close()
    open_gate(server)
    assert {answer.result() for answer in sent} == {200}


def test_ping_is_answered_within_2_s_while_every_worker_computes(
    server: Server, callers: Callers
) -> None:
    """H-12, H-13, X-16."""
    sent = occupied(server, callers, "spin")
    pings = [ping(server) for _ in range(200)]
    assert not any(answer.done() for answer in sent)
    open_gate(server)
    assert {status for status, _ in pings} == {200}
    assert max(seconds for _, seconds in pings) < 2


@pytest.mark.parametrize("content_type", ["text/csv", "application/json"])
def test_ping_is_answered_within_2_s_while_25_mb_are_read(
    server: Server, callers: Callers, content_type: str
) -> None:
    """H-12, H-13."""
    name = "n" * 80
    n_rows = 25 * 2**20 // 100
    body = f"hello,0.25,{name}\n" * n_rows
    if content_type == "application/json":
        body = "[" + f'["hello",0.2,"{name}"],' * n_rows + '["hello",0,"a"]]'
    sent = [callers.submit(send, server, body, content_type)]
    pings = []
    while not all(answer.done() for answer in sent):
        pings.append(ping(server))
    assert {answer.result() for answer in sent} == {200}
    assert {status for status, _ in pings} == {200}
    assert max(seconds for _, seconds in pings) < 2


def test_start_runs_once_in_each_worker_and_no_prediction_overlaps_another(
    server: Server, callers: Callers
) -> None:
    """What the reference promises an owner."""
    sent = [callers.submit(send, server, "sleep,0.01,a") for _ in range(60)]
    assert {answer.result() for answer in sent} == {200}
    assert not noted(server, "overlaps")
    starts = [int(pid) for (pid,) in noted(server, "starts")]
    assert sorted(starts) == sorted(server.workers())


# Logs


def test_what_the_owner_logs_carries_the_id_of_the_request_and_prints_are_unchanged(
    server: Server,
) -> None:
    """H-07, H-19."""
    named = {"x-amzn-sagemaker-inference-id": "event-1"}
    assert server.invoke("speak,0,a", **named).status_code == 200
    lines = server.log().splitlines()
    assert [x.split()[-1] for x in lines if "[event-1]" in x] == ["logged"]
    assert "printed" in lines


def test_each_request_has_one_line_with_its_stages_where_all_are_logged(
    server: Server,
) -> None:
    named = {"x-amzn-sagemaker-inference-id": "event-2"}
    body = "sleep,0.1,a\nhello,0,b\n"
    assert server.invoke(body, **named).status_code == 200
    until(lambda: "event-2" in server.log(), 10)
    (line,) = (
        line for line in log_of(server, "request") if line["request_id"] == "event-2"
    )
    assert (line["status"], line["rows"], line["bytes"]) == (200, 2, len(body))
    stages = line["ms"]
    assert isinstance(stages, dict)
    assert list(stages) == ["queue", "decode", "predict", "encode", "total"]
    assert 100 <= stages["predict"] <= stages["total"]


def test_no_line_of_the_log_holds_a_value_of_a_row_or_speaks_of_a_ping(
    server: Server,
) -> None:
    """X-44; a log is read by more people than the data."""
    bad = [f"hello,{MARKER},x", f"{MARKER}", f'"{MARKER}', f"hello,0,x\n{MARKER},1"]
    assert server.invoke(f"hello,0,{MARKER}").status_code == 200
    assert {server.invoke(body).status_code for body in bad} == {400}
    json_body = f'[["hello", 0, "{MARKER}"'
    assert server.invoke(json_body, "application/json").status_code == 400
    server.client.get("/ping")
    server.client.get("/metrics")
    server.invoke("hello,0,a", **{"x-amzn-sagemaker-inference-id": "the-last"})
    until(lambda: "the-last" in server.log(), 10)
    log = server.log().lower()
    assert not any(text in log for text in (MARKER.lower(), "ping", "/metrics"))


# Stuck, late, overloaded, left


@pytest.mark.parametrize(("word", "workers"), [("wait", 2), ("spin", 1)])
def test_a_worker_whose_prediction_hangs_is_replaced_and_ping_stays_200(
    base_dir: Path, callers: Callers, word: str, workers: int
) -> None:
    """H-11, H-13, X-19: every caller gets an answer, and the others see nothing."""
    variables = {"MODEL_SERVER_TIMEOUT": 1, "MODEL_SERVER_WORKERS": workers}
    with serve(base_dir, **variables) as server:
        server.ready()
        until(lambda: len(noted(server, "starts")) == workers, 10)
        before = set(server.workers())
        with pinged(server) as pings:
            hanging = callers.submit(send, server, f"{word},0,stuck")
            until(lambda: called(server) == ["stuck"], 10)
            ((_, _, stuck),) = (c for c in noted(server, "calls") if "stuck" in c)
            behind = [callers.submit(send, server, "hello,0,b") for _ in range(20)]
            assert hanging.result() == 504
            answered = {200, 503, 504} if workers > 1 else {503, 504}
            assert {answer.result() for answer in behind} <= answered
            until(lambda: int(stuck) not in server.workers(), 10)
            until(lambda: len(server.workers()) == workers, 10)
            after = [callers.submit(send, server, "hello,0,c") for _ in range(20)]
            assert {answer.result() for answer in after} == {200}
        assert before - set(server.workers()) == {int(stuck)}
        assert server.process.poll() is None
        statuses = [status for status, _ in pings]
        # One connection may be cut, which the worker has accepted as it ends.
        assert statuses.count(200) >= len(statuses) - 1
        assert max(seconds for _, seconds in pings) < 2
        assert "the worker is replaced" in server.log()


def test_a_request_whose_turn_comes_late_is_504_and_the_worker_stays(
    base_dir: Path, callers: Callers
) -> None:
    """H-11: what ends in time is not stuck, however many wait."""
    with serve(base_dir, MODEL_SERVER_TIMEOUT=2, MODEL_SERVER_WORKERS=1) as server:
        before = server.ready().workers()
        sent = [callers.submit(send, server, "sleep,1.4,first")]
        until(lambda: called(server) == ["first"], 10)
        # They share the next call, which ends 2.8 s after the first one began.
        sent += [callers.submit(send, server, f"sleep,1.4,{n}") for n in range(3)]
        statuses = sorted(answer.result() for answer in sent)
        assert statuses == [200, 504, 504, 504]
        until(lambda: send(server, "hello,0,last") == 200, 10)
        assert len(called(server)) == 3  # two of them, and the last
        assert server.workers() == before


def test_the_request_for_which_no_place_is_left_is_503_at_once(
    base_dir: Path, callers: Callers
) -> None:
    """X-19."""
    with serve(base_dir, MODEL_SERVER_QUEUE=2, MODEL_SERVER_WORKERS=1) as server:
        server.ready()
        sent = [callers.submit(send, server, "wait,0,a") for _ in range(3)]
        until(lambda: any(answer.done() for answer in sent), 10)
        assert [answer.result() for answer in sent if answer.done()] == [503]
        refused = server.invoke("hello,0,a")
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        open_gate(server)
        assert sorted(answer.result() for answer in sent) == [200, 200, 503]
        until(lambda: len(log_of(server, "request")) == 2, 10)  # errors, by default
        assert {line["status"] for line in log_of(server, "request")} == {503}


def test_nothing_is_predicted_for_a_caller_who_has_left(
    base_dir: Path, callers: Callers
) -> None:
    """One leaves while waiting, one between two slices of a long body."""
    long = "wait,0,long\n" * 1_000_000
    with serve(base_dir, MODEL_SERVER_WORKERS=1) as server:
        server.ready()
        with opened(server, long):
            until(lambda: called(server) == ["long"], 30)
            with opened(server, "hello,0,waiting"):
                staying = callers.submit(send, server, "sleep,0.3,staying")
                until(lambda: metric(server, "invocations_in_progress") == 3, 10)
        until(lambda: log_of(server, "request"), 10)  # of the one that waited
        open_gate(server)
        assert staying.result() == 200
        until(lambda: len(log_of(server, "request")) == 2, 10)
        assert {line["status"] for line in log_of(server, "request")} == {499}
        assert called(server) == ["long", "staying"]


# Stopped, killed


def test_sigterm_lets_all_requests_finish_that_are_there(
    base_dir: Path, callers: Callers
) -> None:
    """H-03, X-03: the one that is predicted, those that wait, one still arriving."""
    with serve(base_dir, MODEL_SERVER_WORKERS=1) as server:
        server.ready().client.get("/ping")  # an idle connection, which is kept alive
        sent = [callers.submit(send, server, "wait,0,first")]
        until(lambda: called(server) == ["first"], 10)
        sent += [callers.submit(send, server, "sleep,0.2,next") for _ in range(5)]
        with opened(server, "hello,0,late", missing=4) as arriving:
            until(lambda: metric(server, "invocations_in_progress") == 7, 10)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "Handling signal: term" in server.log(), 10)
            open_gate(server)
            assert [answer.result() for answer in sent] == [200] * 6
            arriving.sendall(b"late")
            assert b" 200 " in arriving.recv(1000)
        assert server.process.wait(25) == 0


def test_sigterm_with_a_prediction_that_never_ends_is_obeyed_within_25_s(
    base_dir: Path, callers: Callers
) -> None:
    """H-03, X-03: SageMaker's SIGKILL would come after 30 s."""
    with serve(base_dir, MODEL_SERVER_WORKERS=1) as server:
        server.ready()
        callers.submit(send, server, "spin,0,a")
        until(lambda: called(server) == ["a"], 10)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(25) == 0


def test_a_killed_worker_takes_only_its_own_requests_along(
    base_dir: Path, callers: Callers
) -> None:
    """X-10, X-43."""
    with serve(base_dir, MODEL_SERVER_WORKERS=2) as server:
        server.ready()
        until(lambda: len(noted(server, "starts")) == 2, 10)
        assert {send(server, "hello,0,early") for _ in range(10)} == {200}
        until(lambda: metric(server, "invocations_total") == 10, 10)
        before = set(server.workers())
        sent = occupied(server, callers, "wait")
        until(lambda: metric(server, "invocations_in_progress") == len(sent), 10)
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(noted(server, "starts")) == 3, 10)
        cut = [answer for answer in sent if answer.done()]
        assert {answer.result() for answer in cut} == {0}
        open_gate(server)
        kept = [answer for answer in sent if answer not in cut]
        assert {answer.result() for answer in kept} == {200}
        assert len(before & set(server.workers())) == 1
        assert {send(server, "hello,0,late") for _ in range(10)} == {200}
        total = 20 + len(kept)
        until(lambda: metric(server, "invocations_total") == total, 10)


@pytest.mark.parametrize("word", ["hello", "wait"])
def test_workers_end_by_themselves_where_the_master_was_killed(
    base_dir: Path, callers: Callers, word: str
) -> None:
    """X-32: outside of a container nobody else would stop them."""
    with serve(base_dir, MODEL_SERVER_WORKERS=2, MODEL_SERVER_TIMEOUT=3) as server:
        server.ready()
        callers.submit(send, server, f"{word},0,a")
        until(lambda: called(server) == ["a"], 10)
        workers = server.workers()
        server.process.kill()
        server.process.wait()
        try:
            until(lambda: not any(map(lives, workers)), 60)
        finally:
            print(server.log())  # shown where this fails
            for pid in filter(lives, workers):
                os.kill(pid, signal.SIGKILL)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", server.port))


STARTING = """
class Predictor:
    schema = None

    def __init__(self, model_dir):
        self.folder = model_dir.parent

    def start(self):
        with (self.folder / "starts").open("a") as file:
            file.write("start\\n")
        if (self.folder / "broken").exists():
            raise OSError("the feature store is away")

    def predict(self, rows):
        return rows.iloc[:, 0].to_numpy()
"""


def test_a_worker_that_cannot_start_again_leaves_the_others_serving(
    base_dir: Path,
) -> None:
    """X-10: a status of 3 would stop the whole server."""
    program = copy_program(base_dir.parent / "program", STARTING)
    with Server(program, base_dir, MODEL_SERVER_WORKERS=2) as server:
        server.ready()
        until(lambda: len(noted(server, "starts")) == 2, 10)
        (base_dir / "broken").touch()
        os.kill(server.workers()[0], signal.SIGKILL)
        until(lambda: len(noted(server, "starts")) > 3, 30)  # again and again
        assert server.process.poll() is None, server.log()
        assert "the worker stops: `start` in Predictor failed" in server.log()
        (base_dir / "broken").unlink()
        until(lambda: len(server.workers()) == 2 and server.ping() == 200, 30)
        assert server.invoke("1").status_code == 200
