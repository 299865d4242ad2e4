"""What a worker writes: a line for a request, and what the owner's code logs.

Lines about requests are JSON, one object each; on a terminal they are short text.
Neither holds a value of a row. The owner's log records carry the id of the request that
they speak of, and no text can start a line that looks like one of ours.
"""

import contextlib
import json
import logging
import logging.config
import re
import sys
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import getrandbits
from typing import Any, Literal, TextIO

# The request that this thread or task works on; empty where there is none.
request_id: ContextVar[str] = ContextVar("request_id", default="")
# Likewise the model, where there are several.
model_name: ContextVar[str] = ContextVar("model_name", default="")

# Up to 64 printable ASCII characters; no space, quote, bracket or backslash (H-19).
_ID = re.compile(r"[!#-&(-Z^-~]{1,64}")
# Controls and line ends, which are shown but not obeyed.
_ESCAPES = {c: f"\\x{c:02x}" for c in (*range(32), *range(127, 160))}
_ESCAPES |= {0x2028: "\\u2028", 0x2029: "\\u2029"}
_LATER = _ESCAPES | {9: "\t", 10: "\n  | "}  # a text's later lines begin with a bar
STAGES = ("queue", "decode", "predict", "encode")  # of a request, in this order
# The lowest status that has a line, by LOG_REQUESTS.
_LOWEST = {"errors": 400, "all": 0, "off": 1000}


def clean_id(text: str | None) -> str:
    """Give SageMaker's id of a request if it can stand in a line, else a new one."""
    return text if text and _ID.fullmatch(text) else f"{getrandbits(128):032x}"


@dataclass(slots=True)
class RequestRecord:
    """One request, filled in on its way. Stages are in seconds, `bytes` of the body."""

    request_id: str
    model: str = ""  # its name, where there are several
    bytes: int = 0
    rows: int = 0
    ignored_columns: int = 0  # named in the request, unknown to the model
    status: int = 0
    code: str = ""  # of the error
    queue: float = 0.0
    decode: float = 0.0
    predict: float = 0.0
    encode: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.perf_counter() - self.started


class RequestLog:
    """The lines about requests of one worker; used from its event loop only.

    `requests` is LOG_REQUESTS; the stream is stderr. A write that fails is dropped.
    """

    def __init__(
        self,
        requests: Literal["errors", "all", "off"] = "errors",
        stream: TextIO | None = None,
    ) -> None:
        self._lowest = _LOWEST[requests]
        self._stream = stream or sys.stderr
        self._short = self._stream.isatty()

    def done(self, record: RequestRecord) -> None:
        """Write the line of a request that has been answered, if it has one."""
        if record.status < self._lowest:
            return
        fields = _fields(record, staged=not self._short)
        if self._short:
            line = " ".join(["request", *(f"{k}={v}" for k, v in fields.items())])
        else:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = json.dumps({"time": f"{now[:-6]}Z", "event": "request", **fields})
        with contextlib.suppress(OSError, ValueError):  # full disk; closed stream
            self._stream.write(line.translate(_ESCAPES) + "\n")
            self._stream.flush()


def _fields(record: RequestRecord, *, staged: bool) -> dict[str, Any]:
    ms = {stage: round(getattr(record, stage) * 1000, 3) for stage in STAGES}
    ms["total"] = round(record.seconds * 1000, 3)
    names = ("request_id", "model", "status", "code", "rows", "bytes")
    fields = {name: getattr(record, name) for name in (*names, "ignored_columns")}
    for name in ("model", "code", "ignored_columns"):  # most requests have none
        if not fields[name]:
            del fields[name]
    return fields | {"ms": ms if staged else ms["total"]}


class Lines(logging.Formatter):
    """`[time] [process] [LEVEL] [request id] message`, the id where there is one.

    Where there are several models, `[model NAME]` follows the id.
    """

    def __init__(self) -> None:
        super().__init__(
            "[%(asctime)s] [%(process)d] [%(levelname)s]%(in_request)s %(message)s"
        )

    def format(self, record: logging.LogRecord) -> str:
        """Add the id; later lines of a message or a traceback begin with `  | `."""
        name, model = request_id.get(), model_name.get()
        of_model = f" [model {model}]" if model else ""
        record.in_request = (f" [{name}]" if name else "") + of_model
        return super().format(record).translate(_LATER)


def log_settings(level: int) -> dict[str, Any]:
    """Give the set-up of logging, for gunicorn too: its logconfig_dict.

    uvicorn's workers take the handlers of `gunicorn.error`.
    """
    handler = {"class": "logging.StreamHandler", "formatter": "lines"}  # to stderr
    to_stderr = {"level": level, "handlers": ["stderr"]}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": Lines}},
        "handlers": {"stderr": handler},
        "root": to_stderr,
        "loggers": {"gunicorn.error": {**to_stderr, "propagate": False}},
    }


def configure(level: int) -> None:
    """Send log records of a level and above to stderr, as `Lines`."""
    logging.config.dictConfig(log_settings(level))
