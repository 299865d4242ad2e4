"""One column of X: learned at training, and what a request's cells become in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from runtime.errors import Problem
from runtime.tabular import bulk, cells, quick

Values = list[Any]  # of rows: a list or an array a column, in the order of `fit`


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

    def values(self, raw: Any, first: int, problems: list[Problem], most: int) -> Any:
        """Read cells, a list or an array, into values; note what is wrong.

        `first` is the number of the first row. Returns: `(n_rows,)`, a list or an
        array, fewer where there are problems, of which `most` are noted.
        """
        words = cells.MISSING if self.missing is None else frozenset(self.missing)
        for at_once in (bulk, quick):
            found = at_once.values(self.dtype, raw, words)
            if found is not None and self._takes(found):
                return found
            raw = bulk.listed(raw)
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

    def _takes(self, values: Any) -> bool:
        """Say whether no value is refused by this column."""
        if self._closed:  # a missing value is left to `_value`
            return set(values) <= set(self.categories)
        if isinstance(values, list):
            return not self.required or all(v == v for v in values)  # noqa: PLR0124
        return not self.required or bool((values == values).all())  # noqa: PLR0124

    @property
    def _closed(self) -> bool:
        return self.dtype == "category" or (self.closed and bool(self.categories))


def listed(names: Iterable[str | int]) -> str:
    """Write names as a sentence lists them."""
    return ", ".join(map(str, names))
