"""Bodies of text: UTF-8, read line by line, as they may be larger than memory.

`text/plain`, where a line is a row, stands here with what all formats of text share.
"""

import io
from collections.abc import Iterator
from typing import IO

from runtime.errors import BadInput, PayloadTooLarge
from runtime.tabular.table import Layout, Table, sliced

LINE_LIMIT = 2**25  # characters; one call parses a line, and lets no other thread run
ROWS_A_CALL = 10_000  # likewise, where an answer is written


def decode(body: IO[bytes], layout: Layout) -> Iterator[Table]:  # noqa: ARG001 -- as every format
    """Read a document a line, without its end: the one column of a model for text."""
    ended = lines(body, newline="\n")
    return sliced([line.removesuffix("\n").removesuffix("\r")] for line in ended)


def lines(body: IO[bytes], newline: str, number: int = 1) -> Iterator[str]:
    r"""Read lines with their ends: "\n" alone, or with newline="" also "\r" alone.

    The body, which stays open, is at its line `number`. Raises: BadInput where it is
    not UTF-8, PayloadTooLarge.
    """
    encoding = "utf-8-sig" if number == 1 else "utf-8"
    text = io.TextIOWrapper(body, encoding, newline=newline)
    try:
        while line := text.readline(LINE_LIMIT):
            if len(line) == LINE_LIMIT:
                message = f"line {number} is over {LINE_LIMIT:,} characters long"
                raise PayloadTooLarge(message)
            yield line
            number += 1
        if number == 1:  # of a byte order mark cut short Python makes nothing
            message = "the body is not UTF-8: it is half of a byte order mark"
            raise BadInput(message)
    except UnicodeDecodeError as exc:
        raise not_utf_8(exc, body.tell()) from exc
    finally:
        if not body.closed:
            text.detach()  # else the wrapper closes the body with itself


def blocks(body: IO[bytes], size: int) -> Iterator[bytes]:
    """Read whole lines, about `size` bytes at once; of one over LINE_LIMIT a part."""
    while block := body.read(size):
        yield block if block.endswith(b"\n") else block + body.readline(LINE_LIMIT)


def not_utf_8(exc: UnicodeDecodeError, end: int) -> BadInput:
    """Say which byte is wrong; what could not be decoded ends at `end` of the body."""
    place = end - len(exc.object) + exc.start
    byte = exc.object[exc.start]
    return BadInput(f"the body is not UTF-8: byte {place} is 0x{byte:02x}")
