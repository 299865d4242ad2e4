"""The files of a channel: which there are, of which format, and how their bytes lie.

They are packed or not, on a disk or behind a network. The readers of all formats open
files here.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from pandas.io.common import get_handle  # type: ignore[import-not-found]  # no stub

from runtime.errors import ClientError

try:
    import pyarrow as pa  # type: ignore[import-untyped]
except ImportError:  # the image may do without
    pa = None

_FORMATS = {
    **dict.fromkeys((".csv", ".txt", ".data"), "CSV"),
    **dict.fromkeys((".tsv", ".tab"), "TSV"),
    **dict.fromkeys((".parquet", ".pq"), "Parquet"),
    **dict.fromkeys((".jsonl", ".jsonlines", ".ndjson"), "JSON Lines"),
}
# Parquet compresses within the file, and some say so in its name.
_CODECS = (".gz", ".gzip", ".zst", ".zstd", ".snappy", ".brotli", ".lz4")
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_LARGE = 2**23  # bytes of a file for which pandas uses all CPUs
_HEAD = 2**10  # bytes that tell a format
_EMPTY = 2**8  # bytes of a file that may hold nothing but its compression's own
_REMOTE = ("fuse", "nfs", "lustre")  # FastFile (T-28), EFS, FSx (T-27)


def list_files(folder: Path) -> dict[str, Path]:
    """List the files of a channel, by the names that the owner knows: channel/path.

    Files and folders whose names begin with . or _ are not data (F-03), nor are files
    without a byte, which some systems write for an empty part.
    """

    def refuse(exc: OSError) -> None:
        message = f"cannot read the folder {exc.filename}: {exc.strerror}"
        raise ClientError(message) from exc

    paths = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        paths += [Path(place, n) for n in names if not n.startswith((".", "_"))]
    full = [path for path in paths if not _is_empty(path)]
    if not full:
        found = "no file but empty ones" if paths else "no file"
        message = f"channel {folder.name!r} is empty: {found} in {folder}"
        raise ClientError(message)
    if len(full) < len(paths):
        print(f"empty files that are left out: {len(paths) - len(full)}")
    return {str(path.relative_to(folder.parent)): path for path in sorted(full)}


def format_of(folder: Path, files: dict[str, Path]) -> str:
    """Find the one format of all files. Raises: ClientError."""
    examples: dict[str, Path] = {}
    for name, path in files.items():
        form = _format_of(path)
        if form is None:
            message = (
                f"{name} is not CSV, Parquet or JSON Lines: give it a name that "
                "ends in .csv, .parquet or .jsonl"
            )
            raise ClientError(message)
        examples.setdefault(form, path.relative_to(folder))
    if len(examples) > 1:
        found = " and ".join(f"{form} ({path})" for form, path in examples.items())
        message = f"channel {folder.name!r} has {found}: keep one format in a channel"
        raise ClientError(message)
    return next(iter(examples))


def _format_of(file: Path) -> str | None:
    """Find the format that the name of a file says, else its content.

    Parts of Spark and Athena have no suffix, or `.json` where they are JSON Lines.
    """
    suffixes = [*map(str.lower, file.suffixes)]
    packed = suffixes[-1:] and suffixes[-1] in _CODECS
    if packed and _FORMATS.get(suffixes[-2:][0]) == "Parquet":
        return "Parquet"
    suffix = next((s for s in reversed(suffixes) if s not in _COMPRESSED), "")
    if suffix in ("", ".json"):
        return _format_by_content(file) or ("CSV" if not suffix else None)
    return _FORMATS.get(suffix)


def _is_empty(file: Path) -> bool:
    """Say whether a file has no byte, or compresses none; a pipe is not read."""
    n_bytes = file.stat().st_size if file.is_file() else _EMPTY
    return n_bytes == 0 or (n_bytes < _EMPTY and not _head(file, 1))


def _format_by_content(file: Path) -> str | None:
    """Find Parquet and JSON Lines by their first bytes; a pipe is not read."""
    head = _head(file, _HEAD).lstrip(b"\xef\xbb\xbf \t\r\n") if file.is_file() else b""
    if head.startswith(b"PAR1"):
        return "Parquet"
    return "JSON Lines" if head.startswith(b"{") else None


def in_sequence(file: Path) -> bool:
    """Say whether a file can be read, or is read best, from its beginning on."""
    packed = file.suffix.lower() in _COMPRESSED
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
