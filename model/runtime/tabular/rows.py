"""Rows for a Predictor that needs no DataFrame: `frame = False`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from runtime.tabular.column import Values
from runtime.tabular.schema import Schema

if TYPE_CHECKING:
    import pandas as pd


class Rows(Mapping[str | int, Any]):
    """Some rows, by column: `(n_rows,)` numbers or texts, NaN where one is missing.

    A column is a list; where rows are many it may be an array: int64, float64, objects.

    `n_rows` counts them; `frame()` gives the DataFrame that they would have been.
    """

    def __init__(self, schema: Schema, values: Values) -> None:
        """Take the values of rows, in the order of the schema's columns."""
        self._schema, self._values = schema, values
        self._places = {c.name: n for n, c in enumerate(schema.columns)}
        self.n_rows = len(values[0])

    def __getitem__(self, name: str | int) -> Any:
        """Give the values of a column."""
        return self._values[self._places[name]]

    def __iter__(self) -> Iterator[str | int]:
        """Go through the names."""
        return iter(self._places)

    def __len__(self) -> int:
        """Count the columns."""
        return len(self._places)

    def frame(self) -> "pd.DataFrame":
        """Give the rows as they were in `fit`, `(n_rows, n_features)`."""
        return self._schema.rows(self._values)
