import asyncio
import math
import tempfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest

from runtime.errors import Overloaded, PayloadTooLarge
from runtime.serving import request_body

MB = 2**20


def read(
    chunks: list[bytes], length: int = 0, limit: float = math.inf
) -> tuple[IO[bytes], int]:
    """Read a body. Returns: the file, and the bytes that stayed in memory."""
    held = [0]

    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    def hold(size: int) -> None:
        held[0] += size

    return asyncio.run(request_body.read(stream(), length, limit, hold)), held[0]


@pytest.mark.parametrize("chunks", [[], [b""], [b"1,2"], [b"1", b",", b"2"]])
def test_a_small_body_is_in_memory(chunks: list[bytes]) -> None:
    file, held = read(chunks)
    assert isinstance(file, BytesIO)
    assert file.getvalue() == b"".join(chunks)
    assert held == len(b"".join(chunks))


def test_a_large_body_is_on_disk_and_whole() -> None:
    """H-47."""
    chunks = [bytes([n]) * MB for n in range(40)]
    file, held = read(chunks)
    with file:
        assert not isinstance(file, BytesIO)
        assert file.seek(0, 2) == 40 * MB
        file.seek(0)
        assert file.read() == b"".join(chunks)
    assert held == 0


def test_a_body_over_the_limit_is_refused_with_the_variable() -> None:
    """H-23, H-25."""
    with pytest.raises(PayloadTooLarge, match=r"over 0\.5 MB, SAGEMAKER_MAX_PAYLOAD"):
        read([b"x" * MB], limit=MB / 2)
    assert read([b"x" * MB], MB, MB)[0].read() == b"x" * MB


def test_a_body_that_says_it_is_over_the_limit_is_not_read() -> None:
    """H-23."""
    with pytest.raises(PayloadTooLarge):
        read([b"1"], length=MB + 1, limit=MB)


def test_no_room_on_disk_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(Overloaded, match="no room for a body of this size"):
        read([b"x" * MB] * 17)
