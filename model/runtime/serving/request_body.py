"""A request's body as a file: small ones in memory, large ones on disk (H-23, H-47)."""

import io
import tempfile
from collections.abc import AsyncIterable, Callable
from typing import IO

from runtime.errors import Overloaded, PayloadTooLarge

IN_MEMORY = 16 * 2**20  # bytes


async def read(
    chunks: AsyncIterable[bytes], length: int, limit: float, hold: Callable[[int], None]
) -> IO[bytes]:
    """Collect a body, also one without a length; `limit` is in bytes.

    `hold` is told how many bytes are in memory, more or (below 0) fewer than before.
    Raises: Overloaded; PayloadTooLarge, at once where the length says so.
    """
    if length > limit:
        raise _too_large(limit)
    held: list[bytes] = []
    size, file = 0, None
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        if file is None and size <= IN_MEMORY:
            hold(len(chunk))
            held.append(chunk)
        else:
            file = _written(file, [*held, chunk])
            hold(-sum(map(len, held)))
            held.clear()
    return file or io.BytesIO(b"".join(held))


def rewound(file: IO[bytes]) -> int:
    """Go to the start of a body. Returns: its size in bytes. Raises: Overloaded."""
    try:
        size = file.seek(0, io.SEEK_END)  # writes what has not been written yet
    except OSError as exc:
        raise _no_room(exc) from exc
    file.seek(0)
    return size


def _written(file: IO[bytes] | None, chunks: list[bytes]) -> IO[bytes]:
    """Add chunks to a file without a name."""
    try:
        file = file or tempfile.TemporaryFile()  # noqa: SIM115 -- the answer closes it
        file.writelines(chunks)
    except OSError as exc:
        raise _no_room(exc) from exc
    return file


def _no_room(exc: OSError) -> Overloaded:
    return Overloaded(f"no room for a body of this size: {exc.strerror}")


def _too_large(limit: float) -> PayloadTooLarge:
    message = f"the body is over {limit / 2**20:g} MB, SAGEMAKER_MAX_PAYLOAD_IN_MB"
    return PayloadTooLarge(message)
