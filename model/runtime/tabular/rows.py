"""Rows on their way from a request to the model, column by column."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from runtime.tabular.schema import Schema


class Rows(Mapping[str | int, Any]):
    """A batch of rows: `rows["age"]` are `(n_rows,)` numbers or texts, NaN for missing.

    A column is a list; where rows are many it may be an array: int64, float64, objects.
    `n_rows` counts them, `columns` has all in the order of `fit`, and `frame()` gives
    the DataFrame that a Predictor gets which does not say `frame = False`.
    """

    def __init__(self, schema: "Schema", columns: list[Any]) -> None:
        """Take the typed columns of some rows, in the order of the schema's."""
        self.columns = columns
        self.n_rows = len(columns[0])
        self.schema = schema

    @classmethod
    def concat(cls, batches: Sequence["Rows"]) -> "Rows":
        """Put batches of one schema, at least one, behind one another."""
        first, *others = batches
        if not others:
            return first
        pairs = zip(*(batch.columns for batch in batches), strict=True)
        return cls(first.schema, [list(chain(*columns)) for columns in pairs])

    def __getitem__(self, name: str | int) -> Any:
        """Give the values of a column, by its name in `fit`."""
        return self.columns[self.schema.places[name]]

    def __iter__(self) -> Iterator[str | int]:
        """Go through the names."""
        return iter(self.schema.places)

    def __len__(self) -> int:
        """Count the columns."""
        return len(self.columns)

    def row(self, number: int) -> "Rows":
        """Give one row alone; the first is 0."""
        return Rows(self.schema, [[column[number]] for column in self.columns])

    def frame(self) -> "pd.DataFrame":
        """Give the rows as they were in `fit`, `(n_rows, n_features)`."""
        from runtime.tabular import dataframes  # noqa: PLC0415 -- and pandas with it

        return dataframes.frame(self.schema.columns, self.columns)
