"""Rows on their way from a request to the model, column by column."""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from runtime.tabular.schema import Schema


class Rows(dict[str | int, Any]):
    """A batch of rows: `rows["age"]` are `(n_rows,)` numbers or texts, NaN for missing.

    A column is a list; where rows are many it may be an array: int64, float64, objects.
    The columns are in the order of `fit`, `n_rows` counts rows, and `frame()` gives the
    DataFrame that a Predictor gets which does not say `frame = False`.
    """

    def __init__(self, schema: "Schema", columns: Sequence[Any]) -> None:
        """Take the typed columns of some rows, in the order of the schema's."""
        super().__init__(zip(schema.places, columns, strict=True))
        self.schema = schema
        self.n_rows = len(columns[0])
        self.ignored = 0  # columns that a body named and the schema does not

    @classmethod
    def concat(cls, batches: Sequence["Rows"]) -> "Rows":
        """Put batches of one schema, at least one, behind one another."""
        pairs = zip(*(batch.values() for batch in batches), strict=True)
        return cls(batches[0].schema, [list(chain(*columns)) for columns in pairs])

    def row(self, number: int) -> "Rows":
        """Give one row alone; the first is 0."""
        return Rows(self.schema, [[column[number]] for column in self.values()])

    def frame(self) -> "pd.DataFrame":
        """Give the rows as they were in `fit`, `(n_rows, n_features)`."""
        from runtime.tabular import dataframes  # noqa: PLC0415 -- and pandas with it

        return dataframes.frame(self.schema.columns, self.values())
