"""Many plain lines of CSV at once, by column: by Arrow where it is, else by Python.

A line is a row here. Whatever is not as plain as that is left to `csv`, which
reads row by row and finds the words for what is wrong.
"""

import csv
import io
from codecs import BOM_UTF8
from importlib.util import find_spec
from itertools import islice
from typing import Any

from runtime.formats.text import LINE_LIMIT
from runtime.tabular.table import ByColumn

_LONG = 2**16  # bytes for which Arrow, which has to be imported once, pays
_FEW_ROWS = 5000  # one call reads them, and lets no other thread run
_HAS_ARROW = find_spec("pyarrow") is not None  # the image may do without


def block_rows(block: bytes, width: int) -> ByColumn | None:
    """Read lines, each of `width` cells; None where that is not certain."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if b"\r" in block or len(block) >= LINE_LIMIT:  # of a line there may be more
        return None
    # Arrow has other rules for quotes, and for these at the start of what it reads.
    odd = block.startswith((b"\n", BOM_UTF8)) or b'"' in block or b"\n\n" in block
    if _HAS_ARROW and len(block) > _LONG and not odd:
        return _by_arrow(block, width)
    return _by_python(block, width)


def _by_arrow(block: bytes, width: int) -> ByColumn | None:
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 -- takes time
    from pyarrow import csv as arrow  # noqa: PLC0415

    names = [str(place) for place in range(width)]
    try:
        table = arrow.read_csv(
            pa.py_buffer(block),
            arrow.ReadOptions(
                use_threads=False, block_size=len(block) + 1, column_names=names
            ),
            arrow.ParseOptions(quote_char=False, ignore_empty_lines=False),
            arrow.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
    return ByColumn([column.combine_chunks() for column in table.columns])


def _by_python(block: bytes, width: int) -> ByColumn | None:
    columns: list[list[Any]] = [[] for _ in range(width)]
    try:
        reader = csv.reader(io.StringIO(block.decode(), newline=""), strict=True)
        for rows in iter(lambda: list(islice(reader, _FEW_ROWS)), []):
            for column, cells in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(cells)
    except (ValueError, csv.Error):  # not UTF-8, not CSV, or of another width
        return None
    # With fewer rows than lines some are blank, or a quoted cell has several lines.
    return ByColumn(columns) if len(columns[0]) == len(block.splitlines()) else None
