"""Columns, types, categories: taken from X at training, enforced at serving.

A value gets the dtype that its column had in `fit`, or the request fails with the row
and the column named. No value is changed; text is spelt as `fit` saw the same value.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from runtime.errors import MAX_PROBLEMS, BadInput
from runtime.tabular import cells, columns
from runtime.tabular.columns import Column
from runtime.tabular.rows import Rows
from runtime.tabular.table import Table, header_names

_LIKE_A_HEADER = 3  # columns; 0,1 is the row of many a table


@dataclass(frozen=True)
class Schema:
    """The columns of X, in the order of `fit`."""

    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns, as a request spells them."""
        return [str(column.name) for column in self.columns]

    @cached_property
    def places(self) -> dict[str | int, int]:
        """The place of each column, by its name in `fit`."""
        return {column.name: place for place, column in enumerate(self.columns)}

    @cached_property
    def _alike(self) -> list[list[int]]:
        return columns.groups(self.columns)

    @cached_property
    def _words(self) -> set[str]:
        """Names that are no numbers, which cannot be told from values."""
        return {name for name in self.names if not cells.is_number(name)}

    @cached_property
    def _folded(self) -> set[str]:
        """Names without case and outer spaces; none where a column of numbers tells."""
        text = all(c.is_text or c.is_unknown for c in self.columns)
        return set(map(_folded, self.names)) if text and self._words else set()

    @classmethod
    def learn(
        cls, X: Any, na_values: Mapping[str, Iterable[str]] | None = None
    ) -> Self:
        """Take the schema of X, `(n_rows, n_features)`. Raises: ClientError.

        `na_values` gives the texts of a missing cell, by the name of a column, where
        they are not `cells.NA_VALUES`; other names in it are left alone.
        """
        from runtime.tabular import dataframes  # noqa: PLC0415 -- and pandas with it

        return cls(dataframes.learn(X, na_values))

    @classmethod
    def of_names(cls, names: Iterable[Any]) -> Self:
        """Make a schema of names alone: order is enforced, a cell is what it is."""
        return cls(tuple(Column(name, "any") for name in names))

    @classmethod
    def from_json(cls, described: list[dict[str, Any]]) -> Self:
        """Read what `to_json` wrote. Raises: KeyError, TypeError, ValueError."""
        return cls(tuple(Column.from_json(column) for column in described))

    def to_json(self) -> list[dict[str, Any]]:
        """Give plain values for model.json."""
        return [column.to_json() for column in self.columns]

    @cached_property
    def has_types(self) -> bool:
        """Say whether `example` can make a row: the types were taken at training."""
        return all(column.example is not None for column in self.columns)

    @property
    def one_text(self) -> bool:
        """Say whether the rows are documents: one column, of text."""
        return len(self.columns) == 1 and self.columns[0].is_text

    def closed(self) -> "Schema":
        """Give the same schema, which refuses unseen categories."""
        return Schema(tuple(replace(column, closed=True) for column in self.columns))

    def requiring(self, names: Collection[str | int]) -> "Schema":
        """Give the same schema, in which some more columns are required."""
        more = (
            replace(c, required=c.required or c.name in names) for c in self.columns
        )
        return Schema(tuple(more))

    def literal(self) -> "Schema":
        """Give the same schema, for which no text means a missing value or a number."""
        columns = (replace(c, na_values=(), number_spelling="") for c in self.columns)
        return Schema(tuple(columns))

    @cached_property
    def of_texts(self) -> "Schema":
        """Give the same schema for a format without types, as CSV is.

        Where nothing is known of a column, a cell that spells a number is one there.
        """
        columns = (
            replace(c, dtype="spelt") if c.dtype == "any" else c for c in self.columns
        )
        return Schema(tuple(columns))

    def example(self, without: Collection[str | int] = ()) -> Rows:
        """Make one synthetic row: medians and most frequent categories.

        Values of the columns `without` are missing.
        """
        row = [None if c.name in without else c.example for c in self.columns]
        return self.read(Table([row]))

    def is_header(self, line: list[str]) -> bool:
        """Say whether the first line of a CSV body holds the names of all columns.

        The cell above an index may have no name. A line of all names that are spelt
        with other case or spaces could be a header or a row: it is neither silently,
        but a row if it consists of categories as they were in `fit`, else refused.
        Raises: BadInput for it, and for some of the names in the place of numbers.
        """
        if not self._words:
            return self._is_header_of_numbers(line)
        has_names = not self._words.isdisjoint(line)
        if has_names and set(self.names) <= set(header_names(line)):
            return True
        if self._folded:
            self._refuse_respelt(line)
        if has_names:
            self._refuse_half(line)
        return False

    def _is_header_of_numbers(self, line: list[str]) -> bool:
        """Say whether a line has all names, where each is a number, such as a year.

        Columns without names of their own are counted: 0, 1, 2 could be a row.
        Raises: BadInput for that, from three columns on.
        """
        names = self.names
        if len(line) < len(names) or not set(names).issubset(line):
            return False
        if not set(names).issubset(map(str, range(len(names) + 1))):
            return len(names) > 1
        if line == names and len(names) >= _LIKE_A_HEADER:
            message = (
                f"{','.join(names)} could be a header line or a row: leave a header "
                "out, and send such a row as JSON"
            )
            raise BadInput(message, row=1)
        return False

    def _refuse_half(self, line: list[str]) -> None:
        words, pairs = self._words, zip(line, self.columns, strict=False)
        if any(cell in words and not column.is_text for cell, column in pairs):
            absent = ", ".join(name for name in self.names if name not in line)
            message = f"looks like a header line, which lacks {absent}"
            raise BadInput(message, row=1)

    def _refuse_respelt(self, line: list[str]) -> None:
        """Refuse all names in another spelling, where numbers cannot tell a header."""
        spare = len(line) - len(self._folded)  # cells that may be no names
        for cell in line:
            if cell.strip().casefold() not in self._folded:
                spare -= 1
                if spare < 0:  # with the first cell of most rows
                    return
        if not self._folded.issubset(map(_folded, line)):
            return
        pairs = zip(line, self.columns, strict=False)
        if not all(cell in column.categories for cell, column in pairs):
            message = (
                "looks like a header line in another spelling: leave it out, or "
                f"spell the names {', '.join(self.names)}"
            )
            raise BadInput(message, row=1)

    def read(self, table: Table, most: int = MAX_PROBLEMS) -> Rows:
        """Read the rows of a table. Raises: BadInput, with at most so many problems."""
        given = table.given_names
        raw = table.columns(self.names, most)
        values = columns.read(self.columns, self._alike, raw, table.first, most)
        rows = Rows(self, values)
        rows.ignored = len(set(given).difference(self.names)) if given else 0
        return rows


def _folded(name: str) -> str:
    return name.strip().casefold()


def found_in(table: Table) -> Schema:
    """Make a schema of a table that none describes: a cell is what it is."""
    return Schema.of_names(table.given_names or range(len(table.rows[0])))
