"""Folders `name=value`, in which Spark, Athena and others keep columns of the rows.

Their files lack these columns, so that without a look at the folders they are lost.
"""

from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

import pandas as pd

from runtime.data.options import ColumnOptions
from runtime.errors import ClientError

_MISSING = "__HIVE_DEFAULT_PARTITION__"


def partition_columns(
    frames: dict[str, pd.DataFrame], options: ColumnOptions
) -> pd.DataFrame:
    """Give the columns that folders spell, as text, a row for each row of the files.

    `frames` are by the path of their file, whose first folder is the channel.
    Raises: ClientError where a file lacks a folder of the others, or has the column.
    """
    cells = {file: _cells(file) for file in frames}
    first, expected = next(iter(cells.items()))
    for file, own in cells.items():
        if own.keys() != expected.keys():
            message = (
                f"{file} lies in folders of {_listed(own)}, "
                f"but {first} in folders of {_listed(expected)}"
            )
            raise ClientError(message)
        for name in own.keys() & {*frames[file]}:
            message = (
                f"column {name!r} is in {file}, and in the name of its folder: "
                "rename one of them"
            )
            raise ClientError(message)
    if not expected:
        return pd.DataFrame(index=range(sum(map(len, frames.values()))))
    print(f"columns from the names of folders: {', '.join(expected)}")
    table = pd.DataFrame([*cells.values()], columns=[*expected], dtype="str")
    for name in expected:
        table[name] = table[name].mask(table[name].isin(["", *options.na_values(name)]))
    rows = table.index.repeat([len(frame) for frame in frames.values()])
    return table.loc[rows].reset_index(drop=True)


def _cells(file: str) -> dict[str, str]:
    folders = (part.partition("=") for part in PurePath(file).parts[1:-1])
    named = {unquote(name): value for name, sign, value in folders if name and sign}
    return {n: "" if v == _MISSING else unquote(v) for n, v in named.items()}


def _listed(own: dict[str, Any]) -> str:
    return ", ".join(f"{name}=…" for name in own) or "no column"
