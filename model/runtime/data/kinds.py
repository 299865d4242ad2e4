"""What a column holds: a channel to measure on is to hold what was learned from.

A "?" in the channel `validation` makes text of a column that is numbers in `training`,
and then nothing fits: which is better known before an hour of `fit` than after it.
"""

from typing import Any, NamedTuple

import pandas as pd

from runtime.data.advice import of_numbers
from runtime.errors import ClientError

TEXT, NUMBERS = "text", "numbers"
KINDS = {"string": TEXT, "boolean": "true and false"}  # by pandas' words for them


class Learned(NamedTuple):
    """A channel to learn from, and what each of its columns holds."""

    channel: str
    kinds: dict[str, str]


def learn(rows: pd.DataFrame, channel: str) -> Learned:
    """Say what the columns of a channel hold."""
    found = {str(name): _kind(rows[name]) for name in rows}
    return Learned(channel, {name: kind for name, kind in found.items() if kind})


def refuse_others(rows: pd.DataFrame, learned: Learned, channel: str) -> None:
    """Refuse columns that hold something else. Raises: ClientError."""
    for name in rows:
        expected, kind = learned.kinds.get(str(name), ""), _kind(rows[name])
        if not expected or kind in ("", expected):
            continue
        why = ": write it alike in both"
        if (kind, expected) == (TEXT, NUMBERS):
            why = f", as {of_numbers(rows[name])}"
        message = (
            f"channel {channel!r}: column {name!r} is {kind}, but {expected} in the "
            f"channel {learned.channel!r}{why}; or, if train does not use it, read it "
            f"with dtype={{{name!r}: 'str'}} in both"
        )
        raise ClientError(message)


def _kind(values: "pd.Series[Any]") -> str:
    """Say what a column holds, "" if no value or something else."""
    if values.isna().all():
        return ""
    kind = pd.api.types.infer_dtype(values, skipna=True)
    return KINDS.get(kind, NUMBERS if values.dtype.kind in "iuf" else "")
