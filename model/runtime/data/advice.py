"""What the log advises on columns, with the cure; nothing is changed.

Text may look like numbers or dates, numbers may have lost their leading zeros, and a
column may count the rows. One "?" among a thousand numbers makes text of them, and a
model that learns from each number as if it was a word. Only the owner knows what the
odd cell means.
"""

import json
import re
import warnings
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from runtime.data.csv_files import leading_zeros
from runtime.data.options import ColumnOption, ColumnOptions
from runtime.tabular.cells import is_number

_FEW = 5  # texts that stand for a missing value
_NEARLY_ALL = 0.9
_SHOWN = 3
_LENGTH = 20  # characters of a cell that are shown
_SPELLINGS = {  # the first that fits, of a cell that is no number
    "thousands": re.compile(r"\s*[+-]?\d{1,3}(,\d{3})+(\.\d*)?\s*", re.ASCII),
    "decimal": re.compile(r"\s*[+-]?\d+,\d+\s*", re.ASCII),
    "percent": re.compile(r"\s*[+-]?\d+(\.\d+)?\s*%\s*", re.ASCII),
    "%Y-%m-%d": re.compile(r"\d{4}-\d\d?-\d\d?([T ]\d\d:\d\d\S*)?", re.ASCII),
    "%Y/%m/%d": re.compile(r"\d{4}/\d\d?/\d\d?", re.ASCII),
    "%d.%m.%Y": re.compile(r"\d\d?\.\d\d?\.\d{4}", re.ASCII),
    "%m/%d/%Y": re.compile(r"\d\d?/\d\d?/\d{4}", re.ASCII),
}
_NUMBERS = ("number", "thousands", "decimal", "percent")
_DATES = tuple(name for name in _SPELLINGS if name.startswith("%"))
_PLAIN_NUMBERS = (
    'thousands="." is for these files alone: a request writes 1234 for their 1.234, '
    "which to it is little more than one"
)
Counts = dict[str, int]  # of cells, by their text


def of_texts(
    frame: pd.DataFrame, own: dict[str, ColumnOption], spelt: Collection[str]
) -> Iterator[str]:
    """Say which columns are text, and hold numbers or dates, or are infinite."""
    for name in spelt:
        is_text = own[name].dtype is None and frame[name].dtype == "str"
        if is_text and (told := _of_text(frame[name], own[name].dates)):
            yield told
    numbers = (frame[name] for name in frame.select_dtypes("float64"))
    yield from filter(None, map(_infinite, numbers))


def of_files(
    files: dict[str, Path], frames: dict[str, pd.DataFrame], declared: ColumnOptions
) -> Iterator[str]:
    """Say which columns count rows, or are numbers that may have been codes."""
    yield from _row_numbers([*frames.values()], typed=declared.typed)
    if not declared.typed:
        yield from _lost_zeros(files, frames, declared)
    if declared.others.get("thousands") == ".":
        yield _PLAIN_NUMBERS


def _row_numbers(frames: list[pd.DataFrame], *, typed: bool) -> list[str]:
    """Say which column without a name is the index that `to_csv` writes."""

    def counts(values: "pd.Series[Any]") -> bool:
        numbers = pd.to_numeric(values.dropna(), errors="coerce")
        return numbers.is_unique and bool((numbers % 1 == 0).all())

    return [
        f"column {name!r} counts rows, as the index that to_csv() writes: leave it out "
        f"{f'by drop(columns={name!r})' if typed else 'with index_col=0'}, or write "
        "the file with to_csv(index=False)"
        for name in frames[0].columns[:1]
        if name.startswith("Unnamed: ") and all(counts(f[name]) for f in frames)
    ]


def _lost_zeros(
    files: dict[str, Path], frames: dict[str, pd.DataFrame], declared: ColumnOptions
) -> list[str]:
    """Say which columns of the first file are numbers that may have been codes."""
    name, file = next(iter(files.items()))
    lost = leading_zeros(file, frames[name], declared)
    return [
        f"column {column!r} is a number, and {cell} is {float(cell):.15g} in it: if "
        f"that is a code, read it as text, dtype={{{column!r}: 'str'}}"
        for column, cell in lost.items()
    ]


def _of_text(text: "pd.Series[Any]", dates: dict[str, Any] | None = None) -> str:
    """Say that nearly all cells of a column of text are numbers, or dates.

    `dates` is how they were to be read as such, where they were to be. Returns: a
    sentence with the first of the cells and the options that cure it, or "".
    """
    if dates is not None:
        return _of_unread_dates(text.dropna(), dates)
    found = _by_spelling(text, _FEW)
    n_cells, n_dates = _total(found), _total(found, _DATES)
    usual = _DATES if n_dates > _total(found, _NUMBERS) else _NUMBERS
    odd = _listed(found, found.keys() - {*usual})
    few = len(odd) <= _FEW and sum(odd.values()) <= (1 - _NEARLY_ALL) * n_cells
    if not n_cells or not few:
        return ""
    told = _of_dates(text, found) if usual is _DATES else of_numbers(text)
    meant = f"if it is meant as text, say dtype={{{text.name!r}: 'str'}}"
    return f"column {text.name!r} is text, as {told}; {meant}"


def _infinite(numbers: "pd.Series[Any]") -> str:
    """Say how many cells of a column are infinite, which few models take, or ""."""
    n_cells = int(np.isinf(numbers.to_numpy()).sum())
    if not n_cells:
        return ""
    are = "cell is" if n_cells == 1 else "cells are"
    return (
        f"column {numbers.name!r}: {n_cells} {are} infinite, which no request can "
        'spell: read it with na_values=["inf", "-inf"] if that means a missing value'
    )


def of_numbers(text: "pd.Series[Any]") -> str:
    """Say how many cells of a column are no numbers, the first ones, and the cure."""
    found = _by_spelling(text, len(text))
    odd = _listed(found, ["odd", *_DATES])
    others = _listed(found, _NUMBERS[1:]) | odd
    options = []
    if found["thousands"] or found["decimal"]:
        options.append('decimal=","' if found["decimal"] else 'thousands=","')
    if odd and len(odd) <= _FEW:
        listed = ", ".join(json.dumps(cell, ensure_ascii=False) for cell in odd)
        options.append(f"na_values=[{listed}] if that means a missing value")
    if found["percent"]:
        column = f"rows[{text.name!r}]"
        line = f"{column} = {column}.str.rstrip('% ').astype('float')"
        options.append(f"take off the signs in train, {line}")
    if options and not options[0].startswith("take"):
        options[0] = f"read it with {options[0]}"
    cure = " and ".join(options) or "write numbers there"
    n_others, n_cells = sum(others.values()), _total(found)
    none = f"none of its {n_cells} cells is a number"
    are = "is no number" if n_others == 1 else "are no numbers"
    some = f"{n_others} of its {n_cells} cells {are}"
    return f"{some if n_others < n_cells else none} ({_shown(others)}): {cure}"


def _of_dates(text: "pd.Series[Any]", found: dict[str, Counts]) -> str:
    """Say how many cells of a column are dates, the first ones, and what to do."""
    dates, odd = _listed(found, _DATES), _listed(found, found.keys() - {*_DATES})
    form = max(_DATES, key=lambda name: _total(found, [name]))
    option = f"parse_dates=[{text.name!r}]"
    if form != _DATES[0]:
        option += f', date_format="{form}"'
    others = f", but not all ({_shown(odd)})" if odd else ""
    n_dates = sum(dates.values()) if odd else "all"
    return (
        f"{n_dates} of its {_total(found)} cells are dates ({_shown(dates)}){others}: "
        "to learn from them make numbers of them, in a transformer beside train or, "
        f"with {option}, as rows[{text.name!r}].dt.year"
    )


def _of_unread_dates(text: "pd.Series[Any]", dates: dict[str, Any]) -> str:
    """Say which cell has made text of a column that `parse_dates` names."""
    start = f"column {text.name!r} is text, though parse_dates names it, as "
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there is no form, which we say
        read: Any = partial(pd.to_datetime, text, errors="coerce", utc=True)
        odd = text[read(**dates).isna()].unique().tolist()
        is_iso = read(format="ISO8601").notna().all()
    if not odd:
        line = f"rows[{text.name!r}] = pd.to_datetime(rows[{text.name!r}], utc=True)"
        return f"{start}its dates have several time zones: write in train, {line}"
    form = f"of the form {dates['format']}" if dates["format"] else "like the others"
    cure = 'read it with date_format="ISO8601"' if is_iso else "write it in that form"
    if not is_iso and len(odd) <= _FEW:
        missing = json.dumps(odd, ensure_ascii=False)
        cure += f", or read it with na_values={missing} if that means a missing value"
    return f"{start}{odd[0][:_LENGTH]!r} is no date {form}: {cure}"


def _by_spelling(text: "pd.Series[Any]", most: int) -> dict[str, Counts]:
    """Count the cells of a column by how they are spelt, up to so many odd texts."""
    found: dict[str, Counts] = {name: {} for name in ("number", *_SPELLINGS, "odd")}
    for value, count in text.value_counts().items():
        cell = str(value)
        fits = (name for name, form in _SPELLINGS.items() if form.fullmatch(cell))
        name = "number" if is_number(cell) else next(fits, "odd")
        found[name][cell] = count
        if len(found["odd"]) > most:
            break
    return found


def _listed(found: dict[str, Counts], names: Iterable[str]) -> Counts:
    return {
        cell: n for name in found if name in names for cell, n in found[name].items()
    }


def _total(found: dict[str, Counts], names: Iterable[str] | None = None) -> int:
    return sum(_listed(found, found if names is None else names).values())


def _shown(counts: Counts) -> str:
    cells = ", ".join(repr(cell[:_LENGTH]) for cell in [*counts][:_SHOWN])
    return f"{cells}, …" if len(counts) > _SHOWN else cells
