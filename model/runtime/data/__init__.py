"""A channel's files -> one DataFrame, and that into X and y."""

from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from runtime.data import channel
from runtime.data.columns import Plan, join
from runtime.errors import ClientError
from runtime.resources import cpu_count
from runtime.tabular.cells import NA_VALUES


def read(folder: Path, **options: Any) -> pd.DataFrame:
    """Read all files of a channel, sub-folders too (T-27), sorted by path.

    CSV, Parquet and JSON Lines may stand together, in files of any number and order:
    the types are those that all rows have in common, see columns.py. `options` are
    pandas' of `read_csv`: `header=None` for files without a header line, whose columns
    are then "0", "1", ...; `dtype={"zip": "str"}` for text as it is written.

    Returns: `(n_rows, n_columns)`. Where a column takes other texts for missing than
    `cells.NA_VALUES`, `attrs["missing"]` lists them by its name.
    Raises: ClientError, which names the file, and the line or the column.
    """
    files = channel.files(folder)
    plan = Plan(options, channel.default(files))
    pieces = channel.pieces(files, plan)
    if as_text := channel.mixed(pieces, plan):
        pieces.clear()  # they need not fit twice
        plan = Plan(options, channel.default(files), as_text)
        pieces = channel.pieces(files, plan)
    names = list(pieces[0][1])
    with ThreadPoolExecutor(cpu_count()) as pool:
        joined = pool.map(
            lambda n: join([piece.pop(n) for _, piece in pieces], n, plan), names
        )
        columns = dict(zip(names, joined, strict=True))
    frame = pd.DataFrame(columns, copy=False)
    words = {n: plan.missing(n, text=v.dtype == "str") for n, v in columns.items()}
    frame.attrs["missing"] = {n: sorted(w) for n, w in words.items() if w != NA_VALUES}
    return frame


def split_target(
    rows: pd.DataFrame, target: str, *, fit: bool = True
) -> tuple[pd.DataFrame, Any]:
    """Split rows into X, `(n_rows, n_features)`, and y, `(n_rows,)`.

    `target` names a column; "" means the first column of files without a header line
    (F-01). Rows without a target are left out, and counted in the log. `fit=False`
    takes rows that nothing can be learned from, to measure on.
    Raises: ClientError.
    """
    name = target or rows.columns[0]
    if name not in rows:
        near = get_close_matches(name, rows.columns, n=1)
        hint = f"nearest: {near[0]}" if near else f"columns: {', '.join(rows.columns)}"
        message = f"there is no target column {name!r}; {hint}"
        raise ClientError(message)
    if not target:
        _refuse_header(rows)
    known = rows[rows[name].notna()]
    if len(known) < len(rows):
        print(f"{len(rows) - len(known)} rows without a {name!r} are left out")
        known = known.astype({name: _narrowest(known[name])})
    if fit:
        _refuse_unlearnable(known, name)
    return known.drop(columns=name), known[name]


def _refuse_header(rows: pd.DataFrame) -> None:
    """Find a header line that was read as a row: text above a column of numbers."""
    for name in rows:
        numbers = pd.to_numeric(rows[name], errors="coerce").notna()
        below = rows[name][1:].notna()
        if below.any() and numbers[1:].eq(below).all() and _is_text(rows[name].iloc[0]):
            message = (
                f"the first line looks like a header, {rows[name].iloc[0]!r} above "
                "numbers: name the column to predict in the hyperparameter target"
            )
            raise ClientError(message)


def _narrowest(y: "pd.Series[Any]") -> Any:
    """Give integers their type back, which a missing one among them had taken."""
    whole = y.dtype.kind == "f" and bool((y % 1 == 0).all())
    return "int64" if whole else y.dtype


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str) and pd.isna(pd.to_numeric(cell, errors="coerce"))


def _refuse_unlearnable(rows: pd.DataFrame, target: str) -> None:
    """Refuse what no estimator can learn from."""
    values = rows[target].unique().tolist()
    if len(values) < 2:  # noqa: PLR2004 -- two make a difference
        only = f"only the value {values[0]!r}" if values else "no value"
        message = f"target column {target!r} has {only} in {len(rows)} rows"
        raise ClientError(message)
    if rows.shape[1] == 1:
        message = f"there is no column but the target {target!r}"
        raise ClientError(message)
    for name in rows:
        if rows[name].isna().all():
            message = (
                f"column {name!r} has no value in any row: remove it from the data"
            )
            raise ClientError(message)
