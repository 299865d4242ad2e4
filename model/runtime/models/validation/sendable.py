"""Rows of the data, read as a request that sends them as CSV is read."""

import logging
from functools import cache
from io import BytesIO

from runtime import formats
from runtime.errors import BadInput, Error
from runtime.formats import Layout, joined
from runtime.models.served import ServedModel
from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema, found_in
from runtime.tabular.table import Table

log = logging.getLogger("validate")


def read(model: ServedModel, table: Table) -> Rows:
    """Give the rows of a table, as the model is asked for them. Raises: BadInput."""
    return _schema(model, table).read(table)


def sendable(model: ServedModel, body: bytes) -> tuple[Table, list[int]]:
    """Give the rows of a CSV body that no request would be refused for.

    Returns: them, and their places in the body. Raises: BadInput where it is the
    columns that do not fit.
    """
    table = joined(formats.decode(BytesIO(body), formats.CSV, Layout()))
    schema = _schema(model, table)
    refused = set[int | None]()
    try:
        schema.read(table, most=len(table.rows) * len(schema.columns))
    except BadInput as exc:
        if any(None in (p.row, p.column) for p in exc.problems):
            raise
        refused = {problem.row for problem in exc.problems}
        for problem in {p.column: p for p in exc.problems}.values():
            _say_refused(problem.column, problem.message)
    kept = [place for place in range(len(table.rows)) if place + 1 not in refused]
    return Table([table.rows[place] for place in kept]), kept


def cause(exc: Error) -> str:
    """Give what the owner's code has raised, in a line."""
    raised = exc.__cause__ or exc
    return " ".join(f"{type(raised).__name__}: {raised}".split())[:200]


def _schema(model: ServedModel, table: Table) -> Schema:
    schema = model.schema or found_in(table)
    return schema if schema.has_types else schema.of_texts


@cache  # once, though rows are read for each of the questions
def _say_refused(column: str | int, message: str) -> None:
    log.warning(
        "held-out rows are left out of the check, as a request with them would be a "
        "400: column %r: %s",
        column,
        message,
    )
