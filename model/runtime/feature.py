"""One column of X: learned at training, and what a request's cells become in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from runtime import cells, quick
from runtime.errors import ClientError, Problem

MAX_CATEGORIES = 100  # a text column with more distinct values is free text


@dataclass(frozen=True, slots=True)
class Column:
    """One column of X. `dtype` is pandas' name, or "any" where nothing is known.

    `missing` lists the texts of a missing cell, None if they are `cells.MISSING`.
    A `closed` column refuses text that is none of its categories, a `required` one a
    missing value.
    """

    name: str | int
    dtype: str
    example: Any = None
    categories: tuple[str, ...] = ()
    ordered: bool = False
    missing: tuple[str, ...] | None = None
    closed: bool = False
    required: bool = False

    @classmethod
    def learn(cls, values: "pd.Series[Any]") -> Self:
        """Describe a column of X; the example is synthetic: a median, or a mode.

        Raises: ClientError for a name or a type that no request can spell.
        """
        name, dtype = _checked(values)
        if pd.api.types.is_bool_dtype(values.dtype):
            return cls(name, dtype, bool(values.mode().iloc[0]))
        if pd.api.types.is_numeric_dtype(values.dtype):
            low, high = (
                float(values.quantile(0.5, interpolation=side))
                for side in ("lower", "higher")
            )
            median = low / 2 + high / 2  # their sum may be too large
            return cls(name, dtype, round(median) if "int" in dtype.lower() else median)
        counts = values.value_counts()
        if dtype == "category":
            categories, ordered = tuple(values.cat.categories), bool(values.cat.ordered)
            return cls(name, dtype, counts.index[0], categories, ordered)
        if len(counts) >= MAX_CATEGORIES:
            return cls(name, dtype, "text")
        return cls(name, dtype, counts.index[0], tuple(sorted(counts.index)))

    @classmethod
    def from_json(cls, column: dict[str, Any]) -> Self:
        """Read one column of `Schema.to_json`; older files have no `missing`."""
        words = column.get("missing")
        lists = {
            "categories": tuple(column["categories"]),
            "missing": None if words is None else tuple(words),
        }
        return cls(**column | lists)

    @property
    def is_text(self) -> bool:
        """Say whether any text may stand in the column."""
        return self.dtype.startswith(("str", "object", "category"))

    def values(
        self, raw: list[Any], first: int, problems: list[Problem], most: int
    ) -> list[Any]:
        """Read cells into Python's values; note what is wrong.

        `first` is the number of the first row. Returns: `(n_rows,)`, fewer where there
        are problems, of which `most` are noted.
        """
        words = cells.MISSING if self.missing is None else frozenset(self.missing)
        found = quick.values(self.dtype, raw, words)
        if found is not None and self._takes(found):
            return found
        found = []
        for row, cell in enumerate(raw, first):
            try:
                found.append(self._value(cell, words))
            except ValueError as exc:
                problems.append(Problem(str(exc), row, self.name))
                if len(problems) == most:
                    break
        return found

    def _value(self, cell: Any, words: cells.Words) -> Any:
        read = cells.reader(self.dtype)
        value = read(cell, words)  # type: ignore[misc]  # `learn` has checked the dtype
        if self.required and cells.is_missing(value):
            raise ValueError(cells.expected("a value, which the model needs", cell))
        if self._closed and isinstance(value, str) and value not in self.categories:
            raise ValueError(cells.expected(f"one of {listed(self.categories)}", cell))
        return value

    def _takes(self, values: list[Any]) -> bool:
        """Say whether no value is refused by this column."""
        if self._closed:  # a missing value is left to `_value`
            return set(values) <= set(self.categories)
        return not self.required or all(value == value for value in values)  # noqa: PLR0124

    @property
    def _closed(self) -> bool:
        return self.dtype == "category" or (self.closed and bool(self.categories))

    def array(self, values: list[Any]) -> Any:
        """Make an array of this column's dtype, `(n_rows,)`, of what `values` gave."""
        if self.dtype == "any":
            return _as_it_looks(values)
        if self.dtype == "category":
            return pd.Categorical(values, list(self.categories), ordered=self.ordered)
        if self.dtype.lower().startswith("bool"):
            return np.array(values, dtype=object if None in values else bool)
        if self.dtype.startswith(("str", "object")):
            return pd.Series(values, dtype=self.dtype)
        if "int" in self.dtype.lower() and all(isinstance(v, int) for v in values):
            return _integers(values)
        single = self.dtype.lower() == "float32"
        return np.array(values, dtype="float32" if single else "float64")


def _checked(values: "pd.Series[Any]") -> tuple[str | int, str]:
    """Give name and dtype of a column that a request can spell."""
    name, dtype = values.name, str(values.dtype)
    if not isinstance(name, str | int):
        message = f"column {name!r}: a column's name is to be text"
        raise ClientError(message)
    if cells.reader(dtype) is None:
        message = f"column {name!r} has dtype {dtype}: fit on numbers or text"
        raise ClientError(message)
    if values.isna().all():
        message = f"column {name!r} has no value in any row: leave it out"
        raise ClientError(message)
    if dtype in ("object", "category") and not all(
        isinstance(value, str) for value in values.dropna()
    ):
        message = (
            f"column {name!r} mixes types, or true and false with missing cells: have "
            f"it read as text, dtype={{{name!r}: 'str'}}"
        )
        raise ClientError(message)
    return name, dtype


def _as_it_looks(values: list[Any]) -> Any:
    """Make numbers of a column in which every cell is one, else text."""
    try:
        return np.array([cells.number(value) for value in values], dtype="float64")
    except ValueError:
        return pd.array([cells.string(value) for value in values], dtype="str")


def _integers(values: list[int]) -> Any:
    """Keep integers exact in 64 bits, also where `fit` had fewer; nothing overflows."""
    low, high = min(values), max(values)
    if low >= -(2**63) and high < 2**63:
        return np.array(values, dtype="int64")
    return np.array(values, dtype="uint64" if low >= 0 and high < 2**64 else "float64")


def listed(names: Iterable[str | int]) -> str:
    """Write names as a sentence lists them."""
    return ", ".join(map(str, names))
