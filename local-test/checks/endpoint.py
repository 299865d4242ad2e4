"""A server that runs, and rows for it: what SageMaker sends, and what comes back."""

from __future__ import annotations

import http.client
import json
import math
import re
import time
from contextlib import closing
from typing import Any, NamedTuple

from checks.finding import fail
from checks.launch import Run
from checks.training import number


class Answer(NamedTuple):
    """What has come back, after how many seconds."""

    status: int
    media_type: str
    body: bytes
    seconds: float

    def __str__(self) -> str:
        """Say the status and how the body begins."""
        text = " ".join(self.body[:200].decode(errors="replace").split())
        return f"status {self.status}: {text[:100]}"

    def rows(self) -> list[str]:
        """Give one text an answer: lines, or the elements of a list in JSON."""
        if self.media_type.partition(";")[0] != "application/json":
            return self.body.decode().splitlines()
        found = json.loads(self.body)
        if isinstance(found, dict):
            found = next((v for v in found.values() if isinstance(v, list)), [found])
        return [json.dumps(one) for one in found]


class Endpoint(NamedTuple):
    """A server, and rows that it should answer: lines without their ends."""

    run: Run
    rows: list[bytes]
    media_type: str = "text/csv"

    def connect(self) -> http.client.HTTPConnection:
        """Give a connection, which the first request opens."""
        return http.client.HTTPConnection("127.0.0.1", self.run.port, timeout=60)

    def get(self, path: str, method: str = "GET") -> Answer:
        """Ask as SageMaker does, whose name for the host is its own (H-17)."""
        with closing(self.connect()) as connection:
            begun = time.monotonic()
            connection.request(method, path, headers={"Host": "model.aws.local:8080"})
            return answer_of(connection, begun)

    def ask(self, body: Any, **headers: str | None) -> Answer:
        """Send rows, on a connection of their own."""
        with closing(self.connect()) as connection:
            return self.send(connection, body, **headers)

    def send(
        self, connection: http.client.HTTPConnection, body: Any, **more: str | None
    ) -> Answer:
        """Send rows; a header that is None is left out."""
        accept = "text/csv" if self.media_type == "text/plain" else self.media_type
        given = {"content_type": self.media_type, "accept": accept, **more}
        headers = {k.replace("_", "-"): v for k, v in given.items() if v is not None}
        begun = time.monotonic()
        connection.request("POST", "/invocations", body, headers)
        return answer_of(connection, begun)

    def predict(self, body: Any, **headers: str | None) -> list[str]:
        """Give the answers to rows that have some."""
        found = self.ask(body, **headers)
        if found.status != 200:
            log = f"; its log: {self.run.last_words()}" if found.status >= 500 else ""
            fail(f"{found}{log}", self.run.hint())
        return found.rows()

    def same(self, body: Any, **headers: str | None) -> str:
        """Expect the answers that all rows have as they are."""
        return self.alike(self.predict(body, **headers), self.predict(lines(self.rows)))

    def alike(self, found: list[str], expected: list[str]) -> str:
        """Expect equal answers; numbers may differ as by rounding."""
        pairs = zip(cells(found), cells(expected))
        if len(found) != len(expected) or not all(
            a == b or near(a, b) for a, b in pairs
        ):
            seen = (
                f"{len(found)} answers {found[:2]}, not {len(expected)} {expected[:2]}"
            )
            fail(seen[:200])
        return "the same answers"


def answer_of(connection: http.client.HTTPConnection, begun: float) -> Answer:
    """Read an answer."""
    found = connection.getresponse()
    body, media_type = found.read(), found.headers.get("Content-Type", "")
    return Answer(found.status, media_type, body, time.monotonic() - begun)


def lines(rows: list[bytes]) -> bytes:
    """Join rows to a body."""
    return b"".join(row + b"\n" for row in rows)


def cells(answers: list[str]) -> list[str]:
    """Take answers of any format apart."""
    return re.findall(r"[^\s,:\[\]{}\"]+", "\n".join(answers))


def near(a: str, b: str) -> bool:
    """Say whether two texts are nearly the same number."""
    x, y = number(a), number(b)
    return None not in {x, y} and math.isclose(
        x or 0, y or 0, rel_tol=1e-4, abs_tol=1e-6
    )
