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
from runtime.tabular.table import Encoder, Layout, Outputs, Table, joined

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
    "Encoder",
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
    encode: Callable[[], Encoder]


def _late(module: str) -> Format:
    """Name a format whose module is imported at its first use: most never need it.

    `serve` reads the names of formats before it may import numpy (X-08).
    """

    def decode(body: IO[bytes], layout: Layout) -> Iterator[Table]:
        tables: Iterator[Table] = import_module(module).decode(body, layout)
        return tables

    def encode() -> Encoder:
        begun: Encoder = import_module(module).encode()
        return begun

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
    writer = encoder(media_type)
    for outputs in slices:
        yield writer.send(outputs)
    yield writer.send(None)


def encoder(media_type: str) -> Encoder:
    """Begin to write an answer in one of FORMATS, slice by slice."""
    begun = FORMATS[media_type].encode()
    next(begun)
    return begun


def _refuse_blank(body: IO[bytes]) -> None:
    body.seek(0)
    chunk = body.read(2**10).removeprefix(BOM_UTF8)
    while chunk.isspace():
        chunk = body.read(2**16)
    if not chunk:
        message = "the body is empty: send at least one row"
        raise BadInput(message)
    body.seek(0)
