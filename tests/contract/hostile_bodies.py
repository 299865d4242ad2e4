"""Bodies that no well-meaning client sends: Content-Type and bytes, by kind.

`BODIES` at the bottom is all that knows which kinds there are. Each takes a generator
of random numbers, so that a request can be made again from its number.
"""

import json
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from contract.hostile_binary import (
    CSV,
    JSON,
    LINES,
    NPY,
    PARQUET,
    PLAIN,
    ROWS,
    TYPES,
    Body,
    bomb,
    npy,
    npy_header,
    parquet,
    pickled,
)

MANY = 100_000  # columns, or brackets
NUMBERS = (
    *("1e999", "-1e308", "1e-400", "1e+", "-", ".", "--1", "1_000", "0x1p5", "1e5e5"),
    *("9" * 400, "9" * 5000, "1e" + "9" * 50, "0." + "0" * 5000 + "1", "3.5e38"),
    *("NaN", "-Infinity", "inf", "nan", "true", "\u0661\u0662", "18446744073709551616"),
    *("-9223372036854775809", "1.7976931348623159e308", "1" + "0" * 308, "\u00b2"),
)
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1", "cp037", "utf-8-sig")
INVALID = (b"\xed\xa0\x80", b"\xc0\xaf", b"\xf8\x88\x80\x80\x80", b"\xff", b"\xe2\x82")
ESCAPES = (b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\\x"', b'"\x01"', b"'a'")


@cache
def valid() -> tuple[Body, ...]:
    """Give well-formed bodies of two rows, in every format and shape."""
    records = ROWS.to_dict(orient="records")
    split = ROWS.to_dict(orient="split", index=False)
    shapes = (split["data"], records, {"instances": split["data"]}, split)
    wrapped = [{"data": {"features": {"values": row}}} for row in split["data"]]
    named = ROWS.to_records(index=False, column_dtypes={"c": "U4"})
    arrays = ROWS[["a", "b"]].to_numpy(), named
    return (
        (CSV, ROWS.to_csv(header=False, index=False).encode()),
        (CSV, ROWS.to_csv(index=False).encode()),
        *((JSON, json.dumps(shape).encode()) for shape in (*shapes, wrapped)),
        *((LINES, _lines(rows)) for rows in (split["data"], records, wrapped)),
        *((NPY, npy(array)) for array in arrays),
        (PARQUET, parquet(pa.Table.from_pandas(ROWS))),
        (PLAIN, b"a document\nanother\n"),
    )


def _lines(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def truncated(rng: Random) -> Body:
    """Cut a body anywhere."""
    kind, body = rng.choice(valid())
    return kind, body[: rng.randrange(len(body))]


def flipped(rng: Random) -> Body:
    """Change a few bits of a body; of a Parquet file mostly in the footer."""
    kind, body = rng.choice(valid())
    changed = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        first = len(body) // 2 if kind == PARQUET and rng.random() < 0.8 else 0
        changed[rng.randrange(first, len(body))] ^= 1 << rng.randrange(8)
    return kind, bytes(changed)


def garbage(rng: Random) -> Body:
    """Send bytes that mean nothing."""
    return rng.choice(TYPES), rng.randbytes(rng.randrange(2000))


def numbers(rng: Random) -> Body:
    """Put what is hardly a number into a cell."""
    cells = [rng.choice(NUMBERS) if rng.random() < 0.5 else "1" for _ in range(3)]
    row = ",".join(cells)
    kind = rng.choice((CSV, JSON, LINES))
    return kind, (row if kind == CSV else f"[{row}]").encode()


def deep(rng: Random) -> Body:
    """Nest JSON too deep for any parser, closed or not."""
    opening, closing = rng.choice(
        (("[", "]"), ('{"data":', "}"), ('[{"instances":', "}]"))
    )
    inside, end = rng.choice((("", ""), ("1", closing * MANY)))
    start = rng.choice(("", '{"instances": [[1, 2, "red"], '))
    return rng.choice((JSON, LINES)), (start + opening * MANY + inside + end).encode()


def encoded(rng: Random) -> Body:
    """Spell text in another encoding than UTF-8, or in none, and lie about it."""
    kind = rng.choice((CSV, JSON, LINES, PLAIN))
    text = "1,2,r\u00e9d\n" if kind in (CSV, PLAIN) else '[1, 2, "r\u00e9d"]'
    bad = rng.choice(INVALID if kind in (CSV, PLAIN) else INVALID + ESCAPES)
    body = text.encode(rng.choice(ENCODINGS), errors="replace")
    if rng.random() < 0.5:
        body = text.encode().replace(b'"r\xc3\xa9d"', bad).replace(b"r\xc3\xa9d", bad)
    charset = rng.choice(("", "; charset=utf-8", "; charset=utf-16", "; charset=x"))
    return kind + charset, rng.choice((b"", b"\xef\xbb\xbf", b"\xff\xfe")) + body


def zeros(rng: Random) -> Body:
    """Put NUL bytes anywhere."""
    kind, body = rng.choice(valid())
    place = rng.randrange(len(body) + 1)
    return kind, body[:place] + bytes(rng.choice((1, 2, 1000))) + body[place:]


def mismatched(rng: Random) -> Body:
    """Say that a body is of another format."""
    return rng.choice(TYPES), rng.choice(valid())[1]


def wide(rng: Random) -> Body:
    """Send a row of very many columns."""
    kind = rng.choice((CSV, JSON, LINES, NPY, PARQUET))
    return kind, _wide(kind)


@cache
def _wide(kind: str) -> bytes:
    if kind == NPY:
        return npy(np.zeros((1, MANY)))
    if kind == PARQUET:
        return parquet(pa.table({f"x{n}": [1.0] for n in range(MANY // 20)}))
    records = kind == LINES
    named = ",".join(f'"x{n}":1' for n in range(MANY))
    plain = ",".join(["1"] * MANY)
    return (
        f"{{{named}}}" if records else f"[{plain}]" if kind == JSON else plain
    ).encode()


def enormous(rng: Random) -> Body:
    """Send a cell of a few MB, in quotes or not, closed or not."""
    kind, cell = rng.choice((CSV, JSON, LINES)), rng.choice(("x", "9", '""', " ", "\n"))
    quote, end = rng.choice(("", '"')), rng.choice(("", '"', '"]'))
    start = "1,2," if kind == CSV else "[1,2,"
    return kind, (start + quote + cell * 2_000_000 + end).encode()


def duplicated(rng: Random) -> Body:
    """Name a column, or a part of the body, more than once."""
    pair = rng.choice(('"a": 1', '"instances": [[1, 2, "red"]]', '"columns": ["a"]'))
    count = rng.choice((2, 3, 10_000))
    body = "{" + ", ".join([pair] * count) + ', "a": 2, "b": 2, "c": "red"}'
    return rng.choice((JSON, LINES)), body.encode()


# How often each comes, and what makes it.
BODIES: dict[str, tuple[int, Callable[[Random], Body]]] = {
    "truncated": (120, truncated),
    "flipped": (120, flipped),
    "garbage": (40, garbage),
    "numbers": (60, numbers),
    "deep": (15, deep),
    "encoded": (60, encoded),
    "zeros": (40, zeros),
    "mismatched": (40, mismatched),
    "wide": (10, wide),
    "enormous": (6, enormous),
    "duplicated": (20, duplicated),
    "pickled": (40, pickled),
    "npy header": (80, npy_header),
    "bomb": (15, bomb),
}
