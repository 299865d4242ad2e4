"""`application/x-npy`: an array as `np.save` writes it, and never a pickle (X-28)."""

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from math import nan, prod
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from runtime.errors import BadInput, NotAcceptable
from runtime.tabular.table import (
    ByColumn,
    Encoder,
    Layout,
    Outputs,
    Table,
    collected,
    rows_a_slice,
)

_TEXT_LIMIT = 2**30  # bytes: in an array each text takes the room of the longest
_HEADERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def decode(body: IO[bytes], layout: Layout) -> Iterator[Table]:  # noqa: ARG001 -- as every format
    """Read `(n_rows, n_columns)`, or `(n_columns,)`, which is one row.

    Rows are numbers, text, or fields with names (F-08).
    """
    return _stored(body).tables()


def encode() -> Encoder:
    """Write `(n_rows,)` or `(n_rows, k)`; several outputs are fields with names."""
    slices: list[Outputs] = []
    while (outputs := (yield b"")) is not None:
        slices.append(outputs)
    arrays = {name: _array(v) for name, v in collected(slices).items()}
    array, *others = arrays.values()
    if others:
        array = _structured(arrays)
    ascii_names = all(map(str.isascii, arrays))
    file = io.BytesIO()
    version = (1, 0) if ascii_names else (3, 0)  # else numpy warns
    npy.write_array(file, array, version, allow_pickle=False)
    yield file.getvalue()


@dataclass(frozen=True, slots=True)
class _Stored:
    """An array in a body, of which only the header has been read."""

    body: IO[bytes]
    start: int
    dtype: np.dtype[Any]
    n_rows: int
    width: int
    by_column: bool

    def tables(self) -> Iterator[Table]:
        names = list(self.dtype.names) if self.dtype.names else None
        step = rows_a_slice(len(names or ()) or self.width)
        for first in range(0, self.n_rows, step):
            try:
                rows = self._rows(first, min(step, self.n_rows - first))
            except ValueError as exc:  # UTF-8, or a code point that is none
                message = f"the array holds text that is none: {exc}"
                raise BadInput(message) from exc
            yield Table(rows, names, first + 1)

    def _rows(self, first: int, n_rows: int) -> Any:
        if self.by_column:
            places = (first + place * self.n_rows for place in range(self.width))
            return ByColumn([_plain(self._items(place, n_rows)) for place in places])
        items = self._items(first * self.width, n_rows * self.width)
        if names := self.dtype.names:
            return ByColumn([_plain(items[name]) for name in names])
        rows = _plain(items.reshape(n_rows, self.width))
        return ByColumn(list(rows.T)) if self.width < n_rows else rows.tolist()

    def _items(self, first: int, count: int) -> Any:
        self.body.seek(self.start + first * self.dtype.itemsize)
        return np.frombuffer(self.body.read(count * self.dtype.itemsize), self.dtype)


def _plain(items: Any) -> Any:
    """Make text of bytes, and refuse broken text. Raises: ValueError."""
    if items.dtype.kind == "S":
        items = np.char.decode(items, "utf-8")
    if items.dtype.kind == "U":  # unchecked, numpy makes broken text of any number
        number = np.dtype("u4").newbyteorder(items.dtype.byteorder)
        if np.ascontiguousarray(items).view(number).max() > sys.maxunicode:
            message = "a character is over U+10FFFF"
            raise ValueError(message)
    return items


def _stored(body: IO[bytes]) -> _Stored:
    """Read the header; what it promises is what has to follow, to the byte."""
    try:
        version = npy.read_magic(body)
        shape, by_column, dtype = _HEADERS[version](body)
    except Exception as exc:
        message = "the body is not an array of the .npy format 1.0 or 2.0, by np.save"
        raise BadInput(message) from exc
    _refuse_dtype(dtype)
    n_rows, width = _two(shape, dtype)
    start = body.tell()
    there, promised = body.seek(0, io.SEEK_END) - start, prod(shape) * dtype.itemsize
    if there != promised:
        message = f"the array has {there} bytes, its header promises {promised}"
        raise BadInput(message)
    return _Stored(body, start, dtype, n_rows, width, by_column)


def _refuse_dtype(dtype: np.dtype[Any]) -> None:
    """Refuse what is neither numbers nor text: objects, which are pickles, dates."""
    for field in [dtype[name] for name in dtype.names or ()] or [dtype]:
        # Of no size there could be any number; of more than 8 bytes is no Python float.
        long = field.kind == "f" and field.itemsize > 8  # noqa: PLR2004
        if field.kind not in "biufUS" or field.hasobject or not field.itemsize or long:
            message = f"the array holds {field}: write numbers, true/false or text"
            raise BadInput(message)


def _two(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, int]:
    """Give rows and columns; a record counts as one item."""
    if dtype.names:
        sizes = (*shape, 1) if len(shape) == 1 else shape
    else:
        sizes = (1, *shape) if len(shape) == 1 else shape
    if len(shape) not in ((1,) if dtype.names else (1, 2)) or min(shape) < 1:
        message = f"the array has the shape {shape}, expected (rows, columns)"
        raise BadInput(message)
    return sizes[0], sizes[1]


def _array(values: list[Any]) -> Any:
    """Make an array of plain values, or of lists of one length at any depth."""
    if any(isinstance(value, list) for value in values):
        lengths = {len(v) if isinstance(v, list) else None for v in values}
        if len(lengths) > 1:
            message = "lists of different lengths are no array: accept application/json"
            raise NotAcceptable(message)
        items = _array(list(chain.from_iterable(values)))
        return items.reshape(len(values), *lengths, *items.shape[1:])
    return _flat(values)


def _flat(values: list[Any]) -> Any:
    """Choose the type; missing values are NaN among numbers, "" among text."""
    present = [v for v in values if v is not None and v == v]  # noqa: PLR0124
    kinds = {type(value) for value in present}
    if not kinds <= {bool, int, float}:
        return _texts(values, kinds)
    if len(kinds) == 1 and len(present) == len(values):
        return _numbers(values, *kinds)
    return _numbers([nan if v is None else v for v in values], float)


def _numbers(values: list[Any], kind: type) -> Any:
    try:
        return np.array(values, kind)
    except OverflowError as exc:
        message = "a number of this answer needs over 64 bits: accept application/json"
        raise NotAcceptable(message) from exc


def _texts(values: list[Any], kinds: set[type]) -> Any:
    if kinds & {bool, int, float, dict}:
        message = "the answer is neither numbers nor text: accept application/json"
        raise NotAcceptable(message)
    # What is not equal to itself is NaN, and missing.
    texts = ["" if v is None or v != v else str(v) for v in values]  # noqa: PLR0124
    if 4 * max(map(len, texts)) * len(texts) > _TEXT_LIMIT:
        message = "a text is too long to be repeated: accept application/jsonlines"
        raise NotAcceptable(message)
    return np.array(texts)


def _structured(arrays: dict[str, Any]) -> Any:
    """Make one array of several: an output is a field."""
    fields = [(name, array.dtype, array.shape[1:]) for name, array in arrays.items()]
    together = np.empty(len(next(iter(arrays.values()))), fields)
    for name, array in arrays.items():
        together[name] = array
    return together
