"""How the bytes of a channel's files lie: packed or not, on a disk or behind a network.

The readers of all formats open files here.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from pandas.io.common import get_handle  # type: ignore[import-not-found]  # no stub

try:
    import pyarrow as pa  # type: ignore[import-untyped]
except ImportError:  # the image may do without
    pa = None

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_LARGE = 2**23  # bytes of a file for which pandas uses all CPUs
_HEAD = 2**10  # bytes that tell a format
_EMPTY = 2**8  # bytes of a file that may hold nothing but its compression's own
_REMOTE = ("fuse", "nfs", "lustre")  # FastFile (T-28), EFS, FSx (T-27)


def is_empty(file: Path) -> bool:
    """Say whether a file has no byte, or compresses none; a pipe is not read."""
    n_bytes = file.stat().st_size if file.is_file() else _EMPTY
    return n_bytes == 0 or (n_bytes < _EMPTY and not _head(file, 1))


def format_by_content(file: Path) -> str | None:
    """Find Parquet and JSON Lines by their first bytes; a pipe is not read."""
    head = _head(file, _HEAD).lstrip(b"\xef\xbb\xbf \t\r\n") if file.is_file() else b""
    if head.startswith(b"PAR1"):
        return "Parquet"
    return "JSON Lines" if head.startswith(b"{") else None


def in_sequence(file: Path) -> bool:
    """Say whether a file can be read, or is read best, from its beginning on."""
    packed = file.suffix.lower() in COMPRESSED
    return packed or not file.is_file() or is_remote(file.parent.resolve())


def needs_threads(file: Path) -> bool:
    """Say whether one thread alone would read a file, so that several files gain."""
    return in_sequence(file) or file.stat().st_size < _LARGE


def _head(file: Path, n_bytes: int) -> bytes:
    """Read the first bytes; where they cannot be decompressed, as they are."""
    try:
        with opened(file) as stream:
            return stream.read(n_bytes)
    except Exception:  # noqa: BLE001 -- its reader says what is wrong
        with suppress(OSError), file.open("rb") as stream:
            return stream.read(n_bytes)
        return b"?"


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """Open a file to be read in sequence; undo the compression its suffix names."""
    if file.suffix.lower() == ".zst" and pa:  # pandas wants another package
        with pa.input_stream(file, compression="zstd") as stream:
            yield io.BufferedReader(stream)
    else:
        with get_handle(file, "rb", compression="infer", is_text=False) as handles:
            yield handles.handle


@cache
def is_remote(folder: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Say whether files come over a network as they are read: best in sequence."""
    if not mounts.exists():
        return False
    words = [line.split() for line in mounts.read_text().splitlines()]
    kinds = {Path(place): kind for _, place, kind, *_ in words}
    nearest = next(place for place in (folder, *folder.parents) if place in kinds)
    return kinds[nearest].startswith(_REMOTE)
