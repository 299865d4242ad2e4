"""Bad records in batch transform: `ERROR` in the place of their answers (H-55)."""

from collections.abc import Awaitable, Callable
from typing import Any

from runtime.errors import BadInput
from runtime.tabular.table import Outputs, Table

ERROR = "ERROR"


async def answered(
    table: Table,
    predict: Callable[[Table], Awaitable[Outputs]],
    pattern: Callable[[], Awaitable[Outputs]],
) -> Outputs:
    """Predict the good rows of a table, and mark the others.

    `predict` raises BadInput with the numbers of bad rows, counted from 1. `pattern`
    gives an answer as it looks where no row is good. Raises: BadInput for what is wrong
    with the table as a whole.
    """
    good = dict(enumerate(table.rows))
    while good:
        try:
            found = await predict(Table([*good.values()], table.names))
            return _marked(found, [place in good for place in range(len(table.rows))])
        except BadInput as exc:
            bad = {problem.row for problem in exc.moved([*good]).problems}
            if not bad & good.keys():
                raise
            good = {place: row for place, row in good.items() if place not in bad}
    return _marked(await pattern(), [False] * len(table.rows))


def _marked(found: Outputs, good: list[bool]) -> Outputs:
    columns = {name: _filled(values, good) for name, values in found.columns.items()}
    return Outputs(columns, found.named)


def _filled(values: list[Any], good: list[bool]) -> list[Any]:
    mark: Any = ERROR
    if isinstance(values[0], list):
        mark = [ERROR] * len(values[0])  # a cell for each, where a list is spread
    answers = iter(values)
    return [next(answers) if is_good else mark for is_good in good]
