"""Columns, types, categories: taken from X at training, enforced at serving.

A value gets the dtype that its column had in `fit`, or the request fails with the row
and the column named: no value is ever rewritten.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from runtime.errors import BadInput, Problem
from runtime.formats import Table
from runtime.tabular import cells
from runtime.tabular.column import Column, Values, listed

if TYPE_CHECKING:
    import pandas as pd

MAX_PROBLEMS = 10  # reported in one answer


@dataclass(frozen=True)
class Schema:
    """The columns of X, in the order of `fit`."""

    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns, as a request spells them."""
        return [str(column.name) for column in self.columns]

    @cached_property
    def _words(self) -> set[str]:
        """Names that are no numbers, which cannot be told from values."""
        return {name for name in self.names if not cells.is_number(name)}

    @classmethod
    def learn(cls, X: Any, missing: Mapping[str, Iterable[str]] | None = None) -> Self:
        """Take the schema of X, `(n_rows, n_features)`. Raises: ClientError.

        `missing` gives the texts of a missing cell, by the name of a column, where
        they are not `cells.MISSING`; other names in it are left alone.
        """
        from runtime.tabular import dataframes  # noqa: PLC0415 -- and pandas with it

        return cls(dataframes.learn(X, missing))

    @classmethod
    def of_names(cls, names: Iterable[Any]) -> Self:
        """Make a schema of names alone: order is enforced, types are as they look."""
        return cls(tuple(Column(name, "any") for name in names))

    @classmethod
    def from_json(cls, columns: list[dict[str, Any]]) -> Self:
        """Read what `to_json` wrote. Raises: KeyError, TypeError, ValueError."""
        for column in columns:
            if cells.reader(column["dtype"]) is None:
                message = f"dtype {column['dtype']!r}"
                raise ValueError(message)
        return cls(tuple(Column.from_json(column) for column in columns))

    def to_json(self) -> list[dict[str, Any]]:
        """Give plain values for model.json."""
        kept = [field.name for field in fields(Column) if field.name != "closed"]
        return [{name: getattr(c, name) for name in kept} for c in self.columns]

    @property
    def typed(self) -> bool:
        """Say whether `example` can make a row: the types were taken at training."""
        return all(column.dtype != "any" for column in self.columns)

    @property
    def one_text(self) -> bool:
        """Say whether the rows are documents: one column, of text."""
        return len(self.columns) == 1 and self.columns[0].is_text

    def closed(self) -> "Schema":
        """Give the same schema, which refuses unseen categories."""
        return Schema(tuple(replace(column, closed=True) for column in self.columns))

    def requiring(self, names: Collection[str | int]) -> "Schema":
        """Give the same schema, in which some more columns are required."""
        columns = (
            replace(c, required=c.required or c.name in names) for c in self.columns
        )
        return Schema(tuple(columns))

    def literal(self) -> "Schema":
        """Give the same schema, for which no text means a missing value."""
        return Schema(tuple(replace(column, missing=()) for column in self.columns))

    def example(self, without: Collection[str | int] = ()) -> Values:
        """Make one synthetic row: medians and most frequent categories.

        Values of the columns `without` are missing.
        """
        row = [None if c.name in without else c.example for c in self.columns]
        return self.values(Table([row]))

    def is_header(self, line: list[str]) -> bool:
        """Say whether the first line of a CSV body holds the names of all columns.

        Raises: BadInput for some of the names in the place of numbers.
        """
        words = self._words
        if words.isdisjoint(line):
            return False
        if set(self.names) <= set(line):
            return True
        pairs = zip(line, self.columns, strict=False)
        if any(cell in words and not column.is_text for cell, column in pairs):
            absent = listed(name for name in self.names if name not in line)
            message = f"looks like a header line, which lacks {absent}"
            raise BadInput(message, row=1)
        return False

    def ignored(self, table: Table) -> int:
        """Count the columns that a table names and the schema does not."""
        given = table.rows[0] if table.records else table.names or ()
        return len(set(given).difference(self.names)) if given else 0

    def values(self, table: Table, most: int = MAX_PROBLEMS) -> Values:
        """Read the rows of a table, column by column in the order of `fit`.

        Returns: a list of `(n_rows,)` for each column. Raises: BadInput, with the first
        problems, at most so many.
        """
        keys = self._keys(table, most)
        problems = self._ragged(table)[:most]
        found: Values = []
        if not problems:
            for column, key in zip(self.columns, keys, strict=True):
                raw = table.column(key)
                found.append(column.values(raw, table.first, problems, most))
                if len(problems) == most:
                    break
        if problems:
            first, *more = sorted(problems, key=lambda p: p.row or 0)
            raise BadInput(first.message, first.row, first.column, tuple(more))
        return found

    def rows(self, values: Values) -> "pd.DataFrame":
        """Give rows as they were in `fit`, `(n_rows, n_features)`, of their values."""
        from runtime.tabular import dataframes  # noqa: PLC0415 -- and pandas with it

        return dataframes.frame(self.columns, values)

    def frame(self, table: Table, most: int = MAX_PROBLEMS) -> "pd.DataFrame":
        """Give the rows of a table as they were in `fit`. Raises: BadInput."""
        return self.rows(self.values(table, most))

    def _keys(self, table: Table, most: int) -> list[Any]:
        """Find the key of each column in the rows; names not ours are left alone."""
        names = self.names
        if table.records:
            absent = (n for n in names if not any(n in row for row in table.rows))
            rows = range(table.first, table.first + len(table.rows))
            self._refuse_absent(absent, rows[:most])
            return names
        if table.names is None:
            return list(range(len(names)))
        places = {name: place for place, name in enumerate(table.names)}
        self._refuse_absent(name for name in names if name not in places)
        return [places[name] for name in names]

    def _refuse_absent(self, names: Iterable[str], rows: Iterable[int] = ()) -> None:
        """Name the columns that a table lacks, or that each of some rows lacks."""
        if absent := list(names):
            expected = listed(column.name for column in self.columns)
            message = f"missing: {listed(absent)}; expected {expected}"
            column = absent[0]
            more = [Problem(message, row, column) for row in rows]
            first = more.pop(0).row if more else None
            raise BadInput(message, first, column, tuple(more))

    def _ragged(self, table: Table) -> list[Problem]:
        """Find the rows of another width."""
        if table.records:
            return []
        names = table.names or self.names
        if set(table.widths()) == {len(names)}:
            return []
        return [
            Problem(f"{len(row)} columns, expected {len(names)}: {listed(names)}", n)
            for n, row in enumerate(table.rows, table.first)
            if len(row) != len(names)
        ]


def found_in(table: Table) -> Schema:
    """Make a schema of a table that none describes: types are as they look."""
    row: Any = table.rows[0]
    names = table.names or (row if table.records else range(len(row)))
    return Schema.of_names(names)
