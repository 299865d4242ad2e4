"""Media types <-> rows: what a body holds, and how an answer is written.

A format is two functions, `decode` and `encode`, in a module of its own; the tables
below are all that knows which there are. All work slice by slice, and no call in them
is a long one: `/ping` is answered meanwhile. Sources: F-05 to F-08 (requests), F-09 to
F-16 (answers).
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import IO

from runtime.errors import BadInput, UnsupportedType
from runtime.formats import csv, json, text
from runtime.formats.media_types import media_type, refuse_charset
from runtime.tabular.cells import ABSENT
from runtime.tabular.table import Layout, Outputs, Table, joined

__all__ = [
    "ABSENT",
    "CSV",
    "FORMATS",
    "JSON",
    "JSONLINES",
    "NPY",
    "PARQUET",
    "PLAIN",
    "READ",
    "WRITTEN",
    "Layout",
    "Outputs",
    "Table",
    "decode",
    "encode",
    "joined",
]


@dataclass(frozen=True, slots=True)
class Format:
    """What reads bodies of a media type, not blank, and what writes answers in it.

    A body gives at least one table, or RequestError is raised; an answer that is text
    ends with a newline (R-08).
    """

    decode: Callable[[IO[bytes], Layout], Iterator[Table]]
    encode: Callable[[Iterable[Outputs]], Iterator[bytes]]


def _late(module: str) -> Format:
    """Name a format whose module is imported at its first use: most never need it.

    `serve` reads the names of formats before it may import numpy (X-08).
    """

    def decode(body: IO[bytes], layout: Layout) -> Iterator[Table]:
        tables: Iterator[Table] = import_module(module).decode(body, layout)
        return tables

    def encode(slices: Iterable[Outputs]) -> Iterator[bytes]:
        chunks: Iterator[bytes] = import_module(module).encode(slices)
        return chunks

    return Format(decode, encode)


CSV = "text/csv"
JSON = "application/json"
JSONLINES = "application/jsonlines"
NPY = "application/x-npy"
PARQUET = "application/x-parquet"
PLAIN = "text/plain"

_OWN = {
    JSON: Format(json.decode, json.encode),
    CSV: Format(csv.decode, csv.encode),
    JSONLINES: Format(json.decode_lines, json.encode_lines),
    NPY: _late("runtime.formats.npy"),
}
if find_spec("pyarrow"):  # the image may do without
    _OWN[PARQUET] = _late("runtime.formats.parquet")
_ALIASES = {
    "application/x-jsonlines": JSONLINES,
    "application/jsonl": JSONLINES,
    "application/vnd.apache.parquet": PARQUET,
}
FORMATS = _OWN | {name: _OWN[own] for name, own in _ALIASES.items() if own in _OWN}
WRITTEN = tuple(FORMATS)
READ = {name: format_.decode for name, format_ in FORMATS.items()} | {
    PLAIN: text.decode
}


def decode(body: IO[bytes], content_type: str, layout: Layout) -> Iterator[Table]:
    """Read a body by its Content-Type; without one it is CSV (H-22, H-58).

    `body` is a seekable file, which stays open. Returns: slices, at least one, of at
    most SLICE_CELLS cells or one row. Raises: UnsupportedType at once; BadInput and
    PayloadTooLarge at once or while slices are read.
    """
    name = media_type(content_type) or CSV
    if name not in READ:
        known = " or ".join(kind for kind in READ if kind not in _ALIASES)
        message = f"cannot read {name!r}: send {known} as the Content-Type"
        raise UnsupportedType(message)
    if name.startswith("text/"):
        refuse_charset(content_type)
    _refuse_blank(body)
    return READ[name](body, layout)


def encode(slices: Iterable[Outputs], media_type: str) -> Iterator[bytes]:
    """Write an answer, at least one slice, in one of FORMATS.

    Raises: NotAcceptable where the format cannot spell a value.
    """
    return FORMATS[media_type].encode(slices)


class Encoder:
    """Writes an answer slice by slice."""

    def __init__(self, media_type: str) -> None:
        self._media_type = media_type
        self._slices: list[Outputs] = []

    def write(self, outputs: Outputs) -> bytes:
        """Write the answer to a slice."""
        self._slices.append(outputs)
        return b""

    def end(self) -> bytes:
        """Write what follows the last slice."""
        return b"".join(encode(iter(self._slices), self._media_type))


def encoder(media_type: str) -> Encoder:
    """Give what writes an answer in one of FORMATS."""
    return Encoder(media_type)


def _refuse_blank(body: IO[bytes]) -> None:
    body.seek(0)
    chunk = body.read(2**10).removeprefix(BOM_UTF8)
    while chunk.isspace():
        chunk = body.read(2**16)
    if not chunk:
        message = "the body is empty: send at least one row"
        raise BadInput(message)
    body.seek(0)
