"""Media types <-> rows: what a body holds, and how an answer is written.

A format is one class with `decode` and `encode`; the tables below are all that knows
which there are. All of them work slice by slice, and no call in them is a long one:
`/ping` is answered meanwhile. Sources: F-05 to F-08 (requests), F-09 to F-16 (answers).
"""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import IO, Protocol

from runtime.errors import BadInput, UnsupportedType
from runtime.formats.csv import Csv, Plain
from runtime.formats.json import Json, JsonLines
from runtime.formats.media_types import media_type
from runtime.formats.text import refuse_charset
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


class Reader(Protocol):
    """Reads bodies of one media type."""

    def decode(self, body: IO[bytes], layout: Layout) -> Iterator[Table]:
        """Read a body that is not blank, at least one row. Raises: RequestError."""


class Format(Reader, Protocol):
    """Reads bodies of one media type and writes answers in it."""

    def encode(self, slices: Iterable[Outputs]) -> Iterator[bytes]:
        """Write an answer; text has a newline at its end (R-08)."""


class Late:
    """A format in a module of its own, imported at its first use: most never need it.

    `serve` reads the names of formats before it may import numpy (X-08).
    """

    def __init__(self, module: str) -> None:
        self._module = f"{__name__}.{module}"

    def decode(self, body: IO[bytes], layout: Layout) -> Iterator[Table]:
        """Read a body."""
        tables: Iterator[Table] = import_module(self._module).decode(body, layout)
        return tables

    def encode(self, slices: Iterable[Outputs]) -> Iterator[bytes]:
        """Write an answer."""
        chunks: Iterator[bytes] = import_module(self._module).encode(slices)
        return chunks


CSV = "text/csv"
JSON = "application/json"
JSONLINES = "application/jsonlines"
NPY = "application/x-npy"
PARQUET = "application/x-parquet"
PLAIN = "text/plain"

_OWN: dict[str, Format] = {
    JSON: Json(),
    CSV: Csv(),
    JSONLINES: JsonLines(),
    NPY: Late("npy"),
}
if find_spec("pyarrow"):  # the image may do without
    _OWN[PARQUET] = Late("parquet")
_ALIASES = {
    "application/x-jsonlines": JSONLINES,
    "application/jsonl": JSONLINES,
    "application/vnd.apache.parquet": PARQUET,
}
FORMATS = _OWN | {name: _OWN[own] for name, own in _ALIASES.items() if own in _OWN}
WRITTEN = tuple(FORMATS)
READ: dict[str, Reader] = {**FORMATS, PLAIN: Plain()}


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
    return READ[name].decode(body, layout)


def encode(slices: Iterable[Outputs], media_type: str) -> Iterator[bytes]:
    """Write an answer, at least one slice, in one of FORMATS.

    Raises: NotAcceptable where the format cannot spell a value.
    """
    return FORMATS[media_type].encode(slices)


def _refuse_blank(body: IO[bytes]) -> None:
    body.seek(0)
    chunk = body.read(2**10).removeprefix(BOM_UTF8)
    while chunk.isspace():
        chunk = body.read(2**16)
    if not chunk:
        message = "the body is empty: send at least one row"
        raise BadInput(message)
    body.seek(0)
