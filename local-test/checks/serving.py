"""A server, from its first ping to its end: SageMaker's requests and its clients'."""

from __future__ import annotations

import csv
import http.client
import io
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import NamedTuple

from checks.endpoint import Answer, Endpoint, answer_of, lines
from checks.finding import advise, check, fail, skip
from checks.launch import docker

PAYLOAD = 6 * 2**20  # bytes: MaxPayloadInMB, where nobody says otherwise
HEADER = "read_csv(..., header=None): a request has no header, its first line is a row"
SERVERLESS = ("--user=1001", "--ipc=none", "--read-only", "--tmpfs=/tmp")


@check("H-14", "/ping is 200 within 8 minutes", "listen on 0.0.0.0:8080, load, answer")
def starts(e: Endpoint) -> str:
    found, run = None, e.run
    while time.monotonic() - run.begun < 480:
        if run.ended(0.1) is not None:
            seen = f"serve ended with status {run.ended(0)}: {run.last_words()}"
            fail(seen, run.hint())
        with suppress(OSError, http.client.HTTPException):
            found = e.get("/ping")
        if found and found.status == 200:
            return f"{time.monotonic() - run.begun:.1f} s after the start"
    return fail(f"{found or 'no answer'}; it says: {run.last_words()}", run.hint())


@check("H-13", "/ping is 200 within 2 s", "load at the start, answer from memory")
def pings(e: Endpoint) -> str:
    found = [e.get("/ping") for _ in range(20)]
    slowest = max(answer.seconds for answer in found)
    wrong = [answer for answer in found if answer.status != 200]
    if wrong or slowest > 2:
        fail(str(wrong[0]) if wrong else f"{slowest:.1f} s")
    if found[0].body:
        advise(f"a body, {found[0].body[:20]!r}", "no body: so says the guide")
    if e.get("/ping", "POST").status != 200:
        advise("POST /ping is refused (H-16)", "accept it too")
    return f"20 pings, the slowest {slowest * 1000:.0f} ms"


@check("H-54", "an answer a row, in their order", "predict returns one for each row")
def answers_each_row(e: Endpoint) -> str:
    found, n = e.predict(lines(e.rows)), len(e.rows)
    if len(found) != n:
        eaten = below_header(e)
        if eaten.status == 200 and len(eaten.rows()) == n:
            fail(f"{n} rows, {len(found)} answers; {n} below a header", HEADER)
        fail(f"{n} rows, {len(found)} answers")
    e.alike(e.predict(lines(e.rows[::-1])), found[::-1])
    return f"{n} rows: {', '.join(found[:3])} ..."[:100]


def below_header(e: Endpoint) -> Answer:
    """Send all rows below a line of names."""
    header = b",".join(b"c%d" % n for n in range(e.rows[0].count(b",") + 1))
    return e.ask(lines([header, *e.rows]))


@check("H-53", "a header line is no 500", "refuse it with 400: clients send none")
def header_line(e: Endpoint) -> str:
    found, n = below_header(e), len(e.rows)
    if found.status != 200:
        return str(found) if found.status < 500 else advise(str(found))
    kinds = {n: "left out", n + 1: "answered as a row"}
    return kinds.get(len(found.rows())) or fail(
        f"{n} rows, {len(found.rows())} answers"
    )


@check("H-53", "a row alone, its line ended or not", "one row is a table of one row")
def alone(e: Endpoint) -> str:
    expected = e.predict(lines(e.rows))
    for body, answer in zip(e.rows[:12], expected):
        e.alike(e.predict(body) + e.predict(body + b"\n"), [answer, answer])
    return "as in company (SingleRecord)"


@check("H-54", "answers to parts join to the whole", "end each line, the last one too")
def parts(e: Endpoint) -> str:
    cut = max(1, len(e.rows) // 3)
    bodies = [lines(e.rows[n : n + cut]) for n in range(0, len(e.rows), cut)]
    found = [e.ask(body if n else body[:-1]) for n, body in enumerate(bodies)]
    expected = e.predict(lines(e.rows))
    e.alike([row for answer in found for row in answer.rows()], expected)
    if b"".join(answer.body for answer in found).count(b"\n") != len(e.rows):
        advise("not one line an answer: no JoinSource, no AssembleWith None")
    return f"{len(found)} parts, as AssembleWith None and Line and JoinSource need"


@check("F-05", "lines may end with CR LF", "read CSV by a library, not by split")
def line_ends(e: Endpoint) -> str:
    return e.same(b"\r\n".join([*e.rows, b""]))


@check("F-05", "cells may be quoted", "read CSV by a library, not by split")
def quotes(e: Endpoint) -> str:
    if e.media_type != "text/csv":
        skip(f"rows are {e.media_type}")
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(csv.reader(row.decode() for row in e.rows))
    return e.same(text.getvalue().encode())


@check("H-22", "Content-Type may have a parameter", "compare its type, in lower case")
def parameters(e: Endpoint) -> str:
    for sent in (f"{e.media_type}; charset=utf-8", e.media_type.title()):
        found = e.ask(lines(e.rows), content_type=sent)
        if found.status != 200:
            advise(f"{sent}: {found}")
    return e.same(lines(e.rows), content_type=f"{e.media_type}; charset=utf-8")


@check("H-21", "Accept may be absent, any or a list", "name the type of each answer")
def accepts(e: Endpoint) -> str:
    kinds = []
    for accept in (None, "*/*", "text/csv, application/json", "application/json"):
        found = e.ask(lines(e.rows), accept=accept)
        if found.status not in {200, 406} or not found.media_type:
            fail(f"Accept {accept}: {found}, type '{found.media_type}'")
        kinds.append(found.media_type if found.status == 200 else "406")
    if not kinds[-1].startswith(("application/json", "406")):
        advise(f"Accept: application/json is answered as {kinds[-1]}", "or answer 406")
    if "charset" in e.ask(lines(e.rows)).media_type:
        advise("a charset (F-16)", "leave it out: PandasDeserializer knows text/csv")
    return f"without one: {kinds[0]}"


@check("H-18", "headers of others do no harm", "ignore what you do not know")
def headers(e: Endpoint) -> str:
    names = ("Inference-Id", "Custom-Attributes", "Target-Variant", "New-In-2030")
    return e.same(lines(e.rows), **{f"X-Amzn-SageMaker-{name}": "a" for name in names})


@check("H-23", "a body may come in chunks", "read Transfer-Encoding: chunked")
def chunks(e: Endpoint) -> str:
    return e.same(iter([row + b"\n" for row in e.rows]))


@check("H-18", "Expect: 100-continue does no harm", "leave HTTP to a library")
def expect(e: Endpoint) -> str:
    with closing(e.connect()) as connection:
        connection.putrequest("POST", "/invocations")
        body = lines(e.rows)
        names = ("Content-Type", e.media_type), ("Content-Length", len(body))
        for name, value in (*names, ("Expect", "100-continue")):
            connection.putheader(name, str(value))
        connection.endheaders()
        time.sleep(0.3)  # meanwhile the server says that it may come
        connection.send(body)
        found = answer_of(connection, 0)
    return "200" if found.status == 200 else fail(str(found))


@check("H-54", "callers at once get their own answers", "keep no request in a global")
def at_once(e: Endpoint) -> str:
    expected = e.predict(lines(e.rows))
    turns = [n % len(e.rows) for n in range(32)]
    with ThreadPoolExecutor(8) as callers:
        found = list(callers.map(lambda n: e.predict(e.rows[n] + b"\n"), turns))
    e.alike([row for rows in found for row in rows], [expected[n] for n in turns])
    return "32 requests, 8 at once"


@check("H-73", "a text for a number is no 500", "answer 400: alarms watch 5xx")
def text_for_number(e: Endpoint) -> str:
    cell, text = rb"(^|,)-?\d+(?:\.\d+)?(?=,|$)", rb"\1check.sh"
    if e.media_type == "application/jsonlines":
        cell, text = rb"([:\[,]\s*)-?\d+(?:\.\d+)?(?=\s*[,\]}])", rb'\1"check.sh"'
    body, found = re.subn(cell, text, e.rows[0], count=1)
    return refused(e, body + b"\n") if found else skip("the first row has no number")


@check("H-25", "an empty body is no 500", "answer 400 or 204")
def empty_body(e: Endpoint) -> str:
    found = e.ask(b"")
    return str(found) if found.status < 500 else advise(str(found))


@check("H-25", "an unknown media type is 415", "answer 415, whatever the body")
def unknown_type(e: Endpoint) -> str:
    seen = refused(e, lines(e.rows), content_type="application/x-check")
    return advise(seen) if seen.startswith("status 2") else seen


def refused(e: Endpoint, body: bytes, **headers: str) -> str:
    """Say how something wrong is refused, or that it is not."""
    found = e.ask(body, **headers)
    return str(found) if found.status < 500 else fail(str(found))


@check("H-50", "/execution-parameters: 404, or 100 MB", "transforms * payload <= 100")
def execution_parameters(e: Endpoint) -> str:
    found = e.get("/execution-parameters")
    if found.status != 200:
        return "404" if found.status == 404 else advise(str(found), "answer 404")
    said = json.loads(found.body)
    both = said.get("MaxConcurrentTransforms", 1), said.get("MaxPayloadInMB", 6)
    return (
        str(found) if min(both) > 0 and both[0] * both[1] <= 100 else fail(str(found))
    )


ASKED = (
    *(
        header_line,
        alone,
        parts,
        line_ends,
        quotes,
        parameters,
        accepts,
        headers,
        chunks,
        expect,
    ),
    *(at_once, text_for_number, empty_body, unknown_type, execution_parameters),
)


class Load(NamedTuple):
    """A body that keeps a server busy, its answer, and what was too large."""

    body: bytes
    n_rows: int
    answer: Answer
    refused: str = ""

    def __str__(self) -> str:
        """Say how large it is, and how long it takes."""
        megabytes, seconds = len(self.body) / 2**20, self.answer.seconds
        return f"{megabytes:.1f} MB, {self.n_rows:,} rows in {seconds:.1f} s"


def load(e: Endpoint) -> Load:
    """Find a body of at most 6 MB that takes about a second."""
    copies, most = 1, PAYLOAD // len(lines(e.rows))
    best = Load(lines(e.rows), len(e.rows), Answer(200, "", b"", 0))
    while True:
        body = lines(e.rows) * copies
        try:
            answer = e.ask(body)
        except OSError as exc:
            answer = Answer(0, "", f"no answer, {exc!r}".encode(), 60)
        if answer.status != 200:
            return best._replace(refused=f"{len(body) / 2**20:.1f} MB: {answer}")
        best = Load(body, copies * len(e.rows), answer)
        if answer.seconds > 0.5 or copies == most:
            return best
        copies = min(copies * 2, most)


@check("H-23", "a large body is answered in 60 s", "allow 6 MB: client_max_body_size")
def large(heavy: Load) -> str:
    if heavy.refused:
        fail(heavy.refused)
    n = len(heavy.answer.rows())
    return str(heavy) if n == heavy.n_rows else fail(f"{heavy}: {n:,} answers")


@check("H-12", "/ping is 200 in 2 s while it predicts", "a thread or worker apart")
def pings_while_busy(e: Endpoint, heavy: Load) -> str:
    found = pings_during(e, heavy)
    if slowest(found) > 2:  # once more: other programs may have had the cores
        found = pings_during(e, heavy)
    seen = f"{len(found)} pings during 4 requests, the slowest {slowest(found):.2f} s"
    return (
        seen
        if slowest(found) <= 2 and {a.status for a in found} == {200}
        else fail(seen)
    )


def pings_during(e: Endpoint, heavy: Load) -> list[Answer]:
    """Ask `/ping` again and again while the server answers four bodies."""
    found = []
    with ThreadPoolExecutor(4) as callers:
        sent = [callers.submit(e.ask, heavy.body) for _ in range(4)]
        while not all(one.done() for one in sent):
            found.append(e.get("/ping"))
            time.sleep(0.05)
    return found


def slowest(answers: list[Answer]) -> float:
    """Give the seconds of the slowest answer."""
    return max(answer.seconds for answer in answers)


@check("H-10", "a connection outlives 20 s of silence, or is closed", "HTTP/1.1")
def idle(e: Endpoint, connection: http.client.HTTPConnection, until: float) -> str:
    time.sleep(max(0, until - time.monotonic()))
    seen, found = "kept", None
    with suppress(http.client.RemoteDisconnected, ConnectionError):
        found = e.send(connection, lines(e.rows))
    if found is None:
        seen, found = "closed; a new one is accepted", e.ask(lines(e.rows))
    return seen if found.status == 200 else fail(str(found))


@check("H-28", "the model folder is only read", "write below /tmp")
def only_reads_model(before: dict[str, int], after: dict[str, int]) -> str:
    new = sorted({*before.items()} ^ {*after.items()})
    return fail(f"{new[0][0]} was written") if new else "unchanged"


@check(
    "H-03", "SIGTERM: an open request is answered, the end within 30 s", "exec serve"
)
def stops_serving(e: Endpoint, heavy: Load) -> str:
    with ThreadPoolExecutor(1) as caller:
        sent = caller.submit(e.ask, heavy.body)
        time.sleep(min(1, heavy.answer.seconds * 0.4))
        begun = time.monotonic()
        e.run.terminate()
        status, seconds = e.run.ended(30), time.monotonic() - begun
        if status is None:
            e.run.close()
            fail("it had to be killed after 30 s")
        n = len(sent.result().rows())
    seen = f"{n:,} answers, status {status} after {seconds:.1f} s"
    return seen if n == heavy.n_rows else fail(seen)


@check("H-15", "the first /ping finds a model that is loaded", "load at the start")
def loads_first(e: Endpoint, after: float) -> str:
    time.sleep(max(0, e.run.begun + after - time.monotonic()))
    while e.run.ended(0.1) is None:
        with suppress(ConnectionError):  # not there yet, which is no ping
            found = e.get("/ping")
            seen = f"{after:.1f} s after the start it took {found.seconds:.2f} s"
            return seen if found.status == 200 and found.seconds < 2 else fail(seen)
    return fail(e.run.last_words(), e.run.hint())


@check(
    "H-49", "restarted for a batch transform, it answers the same", "seed, and save all"
)
def answers_again(e: Endpoint, expected: list[str]) -> str:
    return e.alike(e.predict(lines(e.rows)), expected)


@check("T-54", "serves without a network", "put into the image what it loads")
def serves_isolated(e: Endpoint | None) -> str:
    if e is None:
        skip("only Docker can take the network away")
    code = "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/ping')"
    while e.run.ended(0.3) is None and time.monotonic() - e.run.begun < 480:
        with suppress(OSError):
            docker("exec", e.run.container, "python3", "-c", code)
            return "--network none"
    return fail(e.run.last_words(), e.run.hint())


@check("H-45", "serves as on serverless", "write below /tmp, need no /dev/shm")
def serves_serverless(e: Endpoint | None) -> str:
    if e is None:
        skip("only Docker can take away what serverless lacks")
    if (found := starts(e)).verdict != "ok":
        advise(found.seen)
    answer = e.ask(lines(e.rows))
    return " ".join(SERVERLESS) if answer.status == 200 else advise(str(answer))
