"""Text columns that look like numbers with a few odd cells: said, not changed.

One "?" among a thousand numbers makes text of them, and a model that learns from each
number as if it was a word. Only the owner knows what the odd cell means.
"""

import json
import re
from typing import TYPE_CHECKING, Any

from runtime.tabular.cells import is_number

if TYPE_CHECKING:
    import pandas as pd

_FEW = 5  # texts that stand for a missing value
_NEARLY_ALL = 0.9
_SHOWN = 3
_LENGTH = 20  # characters of a cell that are shown
_THOUSANDS = re.compile(r"\s*[+-]?\d{1,3}(,\d{3})+(\.\d*)?\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*[+-]?\d+,\d+\s*", re.ASCII)


def warn_of_odd_cells(text: "pd.Series[Any]") -> None:
    """Say in the log that nearly all cells of a column of text are numbers."""
    commas: dict[str, int] = {}
    odd: dict[str, int] = {}
    counts = text.value_counts()
    for cell, count in counts.items():
        if not is_number(str(cell)):
            has_comma = _THOUSANDS.fullmatch(str(cell)) or _DECIMAL.fullmatch(str(cell))
            (commas if has_comma else odd)[str(cell)] = count
            if len(odd) > _FEW:
                return
    n_cells = int(counts.sum())
    if sum(odd.values()) > (1 - _NEARLY_ALL) * n_cells:
        return
    found = commas | odd
    shown = ", ".join(repr(cell[:_LENGTH]) for cell in [*found][:_SHOWN])
    more = ", …" if len(found) > _SHOWN else ""
    print(
        f"column {text.name!r} is text, as {sum(found.values())} of its {n_cells} "
        f"cells are no numbers ({shown}{more}): read it with {_cure(commas, odd)}, or "
        f"with dtype={{{text.name!r}: 'str'}} if it is meant as text"
    )


def _cure(commas: dict[str, int], odd: dict[str, int]) -> str:
    options = []
    if commas:
        thousands = all(map(_THOUSANDS.fullmatch, commas))
        options.append('thousands=","' if thousands else 'decimal=","')
    if odd:
        listed = ", ".join(json.dumps(cell, ensure_ascii=False) for cell in odd)
        options.append(f"na_values=[{listed}] if that means a missing value")
    return " and ".join(options)
