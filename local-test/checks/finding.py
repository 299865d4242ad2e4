"""What a check is: a function that returns what it saw, or ends otherwise.

FAIL: a job, an endpoint or a transform would break, or answer wrongly. advice: it
works, but some client or some recommendation is disregarded.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, NoReturn

# No answer, or none of the form that was asked for.
UNREADABLE = (
    *(OSError, http.client.HTTPException),
    *(ValueError, TypeError, AttributeError),
)


class Finding(NamedTuple):
    """What a check has found: a line of the output."""

    verdict: str  # ok, advice, FAIL or skipped
    clause: str
    law: str
    seen: str
    cure: str = ""

    def __str__(self) -> str:
        """Spell it, with the cure where one is needed."""
        seen = " ".join(self.seen.split())
        line = f"{self.verdict:8} {self.clause} {self.law}: {seen}"
        return f"{line}; do: {self.cure}" if self.cure else line


class Otherwise(Exception):
    """A check ends otherwise than well: verdict, what was seen, a better cure."""


def fail(seen: str, cure: str = "") -> NoReturn:
    """End a check: SageMaker or a client would break."""
    raise Otherwise("FAIL", seen, cure)


def advise(seen: str, cure: str = "") -> NoReturn:
    """End a check: it works, though something is disregarded."""
    raise Otherwise("advice", seen, cure)


def skip(reason: str) -> NoReturn:
    """End a check that cannot be made here."""
    raise Otherwise("skipped", reason, "")


def check(clause: str, law: str, cure: str) -> Callable[[Callable[..., str]], Any]:
    """Make a function that returns what it saw into one that returns a Finding."""

    def of(function: Callable[..., str]) -> Callable[..., Finding]:
        @wraps(function)
        def made(*arguments: Any) -> Finding:
            try:
                return Finding("ok", clause, law, function(*arguments))
            except Otherwise as end:
                verdict, seen, better = end.args
                do = "" if verdict == "skipped" else better or cure
                return Finding(verdict, clause, law, seen, do)
            except UNREADABLE as exc:
                seen = f"nothing that can be read ({type(exc).__name__}: {exc})"
                return Finding("FAIL", clause, law, seen, cure)

        return made

    return of
