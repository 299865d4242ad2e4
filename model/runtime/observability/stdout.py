"""What the owner prints for a request becomes log lines with the request's id."""

import contextlib
import logging
import sys
import threading
from collections.abc import Iterable
from typing import Any, TextIO, cast

from runtime.observability.logs import request_id

_LONGEST = 8192  # characters of a printed line; a longer one is broken


def capture_prints() -> None:
    """Let what is printed for a request carry its id; called once in a worker."""
    logging.getLogger("print").setLevel(logging.INFO)  # seen at any level
    sys.stdout = cast("TextIO", Prints(sys.stdout))


class _Partial(threading.local):
    """What one thread has printed since its last line end, and for which request."""

    text = ""
    name = ""
    busy = False


class Prints:
    """Stands in for sys.stdout: lines printed for a request become log records.

    All else, and all that has no request, goes to the real stream as it is. What has
    no line end yet waits for one, for `flush`, or for the thread's next request.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._partial = _Partial()

    def __getattr__(self, name: str) -> Any:
        """Give isatty, fileno, encoding, buffer and the others of the real stream."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Take a text. Returns: its length, also where the real stream fails."""
        partial, name = self._partial, request_id.get()
        if name != partial.name and not partial.busy:
            self._end()
            partial.name = name
        if name and not partial.busy:
            self._collect(text)
        else:  # busy: logging goes to stdout, and this is the record
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Take several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log what waits for a line end, but for a progress bar: it will go on."""
        if "\r" not in self._partial.text:
            self._end()
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def _collect(self, text: str) -> None:
        partial = self._partial
        *lines, partial.text = (partial.text + text).split("\n")
        for line in lines:
            self._log(line)
        if len(partial.text) > _LONGEST:
            self._end()

    def _end(self) -> None:
        text, self._partial.text = self._partial.text, ""
        if text:
            self._log(text)

    def _log(self, line: str) -> None:
        """Log a line under the request that printed it, as a terminal would show it."""
        token = request_id.set(self._partial.name)
        self._partial.busy = True
        try:
            shown = line.rstrip("\r").rpartition("\r")[2]
            logging.getLogger("print").info("%s", shown)
        finally:
            self._partial.busy = False
            request_id.reset(token)
