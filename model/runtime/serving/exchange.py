"""One HTTP request and its answer, in ASGI's words: nothing more is in the hot path."""

from collections.abc import AsyncIterator
from typing import Any

from runtime.errors import CallerLeft

Scope = Any  # ASGI's: https://asgi.readthedocs.io/en/latest/specs/www.html
Receive = Any
Send = Any


class Exchange:
    """A request; `answer` is called once."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._headers = dict(reversed(scope["headers"]))  # of two the first counts

    def header(self, name: str) -> str:
        """Give a header by its name in lower case; "" where there is none."""
        value: bytes = self._headers.get(name.encode(), b"")
        return value.decode("latin-1")

    async def body(self) -> AsyncIterator[bytes]:
        """Give the body as it arrives. Raises: CallerLeft."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise CallerLeft
            yield message.get("body", b"")
            more = message.get("more_body", False)

    async def left(self) -> None:
        """Wait until the caller has left, once the body has arrived."""
        await self._receive()

    def has_left(self) -> bool:
        """Say whether the caller has left, without waiting, once the body has arrived.

        `receive` ends at once where that is so; else it is not pursued further.
        """
        step = self._receive()
        try:
            step.send(None)
        except StopIteration:
            return True
        step.close()
        return False

    async def answer(self, status: int, content: bytes, media_type: str) -> None:
        """Send the answer. No charset is added to its media type (F-16)."""
        headers = [
            (b"content-type", media_type.encode("latin-1")),
            (b"content-length", b"%d" % len(content)),
        ]
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": content})
