"""Rows on their way from a request to the model, column by column."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.tabular.cells_at_once import listed

if TYPE_CHECKING:
    import pandas as pd

    from runtime.tabular.schema import Schema


class Rows(dict[str | int, Any]):
    """A batch of rows: `rows["age"]` is an array, `(n_rows,)`, and NaN where missing.

    Numbers are int64 or float64, texts are objects. Columns are in the order of `fit`,
    `n_rows` counts rows, and `frame()` gives them as a DataFrame.

    A short column is an array from the moment on at which somebody asks for it: ONNX
    Runtime makes one of all of them, and has no use for an array of each.
    """

    def __init__(self, schema: "Schema", columns: Sequence[Any]) -> None:
        """Take the columns of some rows, lists or arrays, in the schema's order."""
        super().__init__(zip(schema.places, columns, strict=True))
        self.schema = schema
        self.n_rows = len(columns[0])
        self.ignored = 0  # columns that a body named and the schema does not

    def __getitem__(self, name: str | int) -> Any:
        """Give a column. Raises: KeyError."""
        values = super().__getitem__(name)
        if isinstance(values, list):
            values = self[name] = self._array(name, values)
        return values

    def __iter__(self) -> Iterator[str | int]:
        """Go through the names; without this, `dict(rows)` would not ask for arrays."""
        return super().__iter__()

    def get(self, name: str | int, default: Any = None) -> Any:
        """Give a column, or the default."""
        return dict(self).get(name, default)

    def values(self) -> Any:
        """Give the columns."""
        return dict(self).values()

    def items(self) -> Any:
        """Give the names with their columns."""
        return dict(self).items()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Help those who look for what a DataFrame has. Raises: AttributeError."""
            message = (
                f"Rows have no {name!r}: `rows.frame()` gives a DataFrame, and "
                "`def predict(self, rows: pd.DataFrame)` gets one"
            )
            raise AttributeError(message)

    def copy(self) -> dict[str | int, Any]:
        """Give a dict of the columns."""
        return dict(self)

    def __or__(self, other: Any) -> Any:
        """Give a dict of the columns and others."""
        return dict(self) | other

    def raw_columns(self, names: Iterable[str | int]) -> dict[str | int, Any]:
        """Give columns as they lie here, lists or arrays. Raises: KeyError."""
        get = dict.__getitem__
        return {name: get(self, name) for name in names}

    @classmethod
    def concat(cls, batches: Sequence["Rows"]) -> "Rows":
        """Put batches of one schema, at least one, behind one another."""
        schema = batches[0].schema
        columns = (batch.raw_columns(schema.places).values() for batch in batches)
        return cls(schema, [_joined(pieces) for pieces in zip(*columns, strict=True)])

    def row(self, number: int) -> "Rows":
        """Give one row alone; the first is 0."""
        columns = self.raw_columns(self.schema.places).values()
        return Rows(self.schema, [[column[number]] for column in columns])

    def part(self, chosen: slice) -> "Rows":
        """Give some rows, at least one."""
        columns = self.raw_columns(self.schema.places).values()
        return Rows(self.schema, [column[chosen] for column in columns])

    def frame(self) -> "pd.DataFrame":
        """Give the rows as they were in `fit`, `(n_rows, n_features)`."""
        from runtime.tabular import dataframes  # noqa: PLC0415 -- and pandas with it

        columns = self.raw_columns(self.schema.places).values()
        return dataframes.frame(self.schema.columns, columns)

    def _array(self, name: str | int, values: list[Any]) -> Any:
        place = self.schema.places.get(name)
        if place is None:  # the owner has added it
            return np.array(values)
        column = self.schema.columns[place]
        if column.is_unknown:
            from runtime.tabular import dataframes  # noqa: PLC0415 -- it finds types

            return np.asarray(dataframes.array(column, values))
        return np.array(values, dtype=object if column.is_text else None)


def _joined(columns: Sequence[Any]) -> Any:
    kinds = set(map(type, columns))
    if kinds == {list}:
        return list(chain.from_iterable(columns))
    if kinds == {np.ndarray}:
        return np.concatenate(columns)
    return list(chain.from_iterable(map(listed, columns)))
