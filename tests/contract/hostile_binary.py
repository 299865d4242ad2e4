"""Hostile arrays, Parquet files and pickles; what all hostile bodies have in common."""

import io
import pickle
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet as pq

Body = tuple[str, bytes]  # its Content-Type, and what is sent
CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
NPY, PARQUET, PLAIN = "application/x-npy", "application/x-parquet", "text/plain"
TYPES = (CSV, JSON, LINES, NPY, PARQUET, PLAIN)
ROWS = pd.DataFrame({"a": [1.5, 2.5], "b": [2, 3], "c": ["red", "blue"]})
MARKER = Path(tempfile.gettempdir()) / "a-pickle-of-the-hostile-test-ran"
DESCRS = (
    *("'<f8'", "'|O'", "'<U0'", "'|V0'", "'|S0'", "'>f8'", "'<U1000000000'", "'<c16'"),
    *("'<M8[ns]'", "'f8, f8'", "[('a', '<f8', (1000000,))]", "[('a', [('b', '<f8')])]"),
    *("[('a', '|O')]", "[]", "None", "3", "'x'", "[('a', '<f8'), ('a', '<f8')]"),
    *("[(('t', 'a'), '<f8')]", "__import__('os').system('id')", "(" * 5000, "-" * 5000),
)
SHAPES = (
    *("(2, 3)", "()", "(0, 3)", "(3, 0)", "(6,)", "(-2, 3)", "(-1, -6)", "(1.5, 4)"),
    *("(1000000000000000, 3)", "(9223372036854775808, 2)", "(4294967296, 4294967296)"),
    *("(True, 6)", "'x'", "(1,) * 100", "(" + "1, " * 100 + ")", "6", "(2, 3"),
)


class Exploit:
    """Makes a file where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        """Say what unpickling calls."""
        return open, (str(MARKER), "w")


def npy(array: Any) -> bytes:
    """Write an array, objects as the pickles that they are."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def parquet(table: pa.Table) -> bytes:
    """Write a table with zstd."""
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def pickled(rng: Random) -> Body:
    """Send what runs code where it is unpickled."""
    objects = np.array([[Exploit(), 1, "red"]], dtype=object)
    archive = io.BytesIO()
    np.savez(archive, objects, allow_pickle=True)
    raw = pickle.dumps([Exploit()], protocol=rng.randint(0, 5))
    body = rng.choice((npy(objects), archive.getvalue(), raw))
    others = (
        "application/octet-stream",
        "application/x-npz",
        "application/x-pickle",
        "",
    )
    return rng.choice((*TYPES, *others)), body


def npy_header(rng: Random) -> Body:
    """Let the header of an array promise what the bytes do not hold."""
    descr, shape = rng.choice(DESCRS), rng.choice(SHAPES)
    order = rng.choice(("False", "False", "True", "0", "'x'"))
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    text += rng.choice(("", "", "}", " " * 20_000, "\x00", "# \u00e9"))
    header = text.encode() + b"\n"
    version = rng.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\0\0", b"\x09\x09"))
    size = 2 if version == b"\1\0" else 4
    length = rng.choice((len(header), len(header), 0, 65_535, 2**32 - 1))
    told = (length % 256**size).to_bytes(size, "little")
    return NPY, b"\x93NUMPY" + version + told + header + bytes(rng.choice((48, 0, 47)))


def bomb(rng: Random) -> Body:
    """Send few bytes that are a thousand million rows."""
    return PARQUET, _bomb(rng.choice(("floats", "text", "nulls")))


@cache
def _bomb(kind: str) -> bytes:
    """Write one group of rows, and a footer that names it again and again."""
    count = 1_000_000
    values = {"floats": pa.repeat(1.5, count), "text": pa.repeat("red", count)}
    column = values.get(kind, pa.nulls(count, pa.float64()))
    body = parquet(pa.table(dict.fromkeys(ROWS, column)))
    footer = pq.read_metadata(io.BytesIO(body))
    for _ in range(10):
        footer.append_row_groups(footer)
    file = io.BytesIO()
    footer.write_metadata_file(file)
    length = int.from_bytes(body[-8:-4], "little")
    return body[: -8 - length] + file.getvalue()[len(b"PAR1") :]
