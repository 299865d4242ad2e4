"""Columns without a value of which a model fails: a request that lacks one is a 400."""

from typing import Any

from runtime.errors import Error
from runtime.models.served import ServedModel
from runtime.tabular.table import Table

MOST_COLUMNS = 200  # a call each


def required(model: ServedModel, row: list[Any] | None = None) -> list[str | int]:
    """Find the columns without a value of which the model fails on a row.

    The row is given by its cells; without one it is the schema's example. A request
    that lacks such a value is the caller's fault, and no 500 (H-25, H-73). Of more than
    MOST_COLUMNS none is looked for, unless the model bears all of them missing.
    """
    schema = model.schema
    if schema is None or not schema.has_types or model.owner.decode:
        return []
    names = [column.name for column in schema.columns]
    whole = row or [column.example for column in schema.columns]

    def fails(absent: list[str | int]) -> bool:
        cells = zip(names, whole, strict=True)
        given = [None if name in absent else cell for name, cell in cells]
        try:
            model.predict(schema.read(Table([given]))).outputs()
        except Error:
            return True
        return False

    if len(names) > MOST_COLUMNS or not fails(names):
        return []
    return [name for name in names if fails([name])]
