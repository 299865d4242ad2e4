"""uvicorn's reading and writing of HTTP, less one call of the system for each answer.

uvicorn sends the head of an answer before its body. Each call of the system takes about
a tenth of a small request, so the head waits here for the body, which comes at once.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

SHORT = 2**16  # bytes of a body; to copy a longer one costs more than a second call
_HEAD, _INTERIM = b"HTTP/1.1 ", b"HTTP/1.1 1"  # of an answer; of `100 Continue`


class JoinedWrites:
    """A transport that keeps the head of an answer until something else is written."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._head = transport, b""

    def write(self, data: bytes) -> None:
        """Send some bytes, behind the head that waits for them, or let a head wait."""
        if not self._head and data.startswith(_HEAD) and data[:10] != _INTERIM:
            self._head = data
        elif len(data) < SHORT:
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self.flush()
            self._transport.write(data)

    def flush(self) -> None:
        """Send a head that has no body."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        """Send all, and close the connection."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """Give all else that a transport has."""
        return getattr(self._transport, name)


class Protocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """uvicorn's own, of httptools or h11, over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to serve a connection."""
        super().connection_made(JoinedWrites(transport))

    def on_response_complete(self) -> None:
        """Send also what has no body, as the answer to a HEAD."""
        self.transport.flush()
        super().on_response_complete()
