"""Whether a model folder can be served: loaded as `serve` does, and asked for rows.

Rows of the data judge. Where the model fails on its made-up warm-up row alone, that is
noted, and costs no model.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from runtime import formats
from runtime.errors import Error, ModelError
from runtime.formats import Outputs
from runtime.models import artifact
from runtime.models.owner import Owner, Predictor
from runtime.models.prediction import EVERY
from runtime.models.served import ServedModel
from runtime.models.validation.differing import differing
from runtime.models.validation.required import required
from runtime.models.validation.sendable import cause, read, sendable
from runtime.tabular.schema import Schema
from runtime.tabular.table import Table

log = logging.getLogger("validate")
MOST_ROWS = 20  # that judge
_SHOWN = 5  # columns of a row


def validated(model_dir: Path, kind: type[Predictor], folder: Path) -> dict[str, Any]:
    """Load a model and let it predict the rows in `folder`.

    Returns: what model.json gets. Raises: Error.
    """
    model = ServedModel.load(model_dir, kind)
    row, note = check(model, (folder / "rows.csv").read_bytes())
    names = required(model, row)
    found: dict[str, Any] = {artifact.WARM_UP_NOTE: note} if note else {}
    description = artifact.describe(model_dir)
    if other := differing(model, folder, (description or {}).get("classes")):
        log.warning("Predictor %s", other)
        found[artifact.PREDICTOR_NOTE] = other
    if model.schema and (names or (note and description is None)):
        found["columns"] = model.schema.requiring(names).to_json()
    return found


def check(model: ServedModel, body: bytes) -> tuple[list[Any] | None, str]:
    """Predict the first rows of a body together and one by one, and the warm-up row.

    Returns: the cells of the first row, None without any; and why there is no warm-up
    row, "" where it passes. Raises: Error.
    """
    model.start()
    row = _judged(model, body)
    try:
        model.warm_up()
    except Error as exc:
        if row is None or model.schema is None:
            raise
        why = _no_warm_up(model.owner, model.schema, exc)
        log.warning("the model is kept, and served without a warm-up row: %s", why)
        return row, f"none: {why}"
    return row, ""


def _judged(model: ServedModel, body: bytes) -> list[Any] | None:
    """Predict rows of a body. Returns: the cells of the first; None without any."""
    if not body or model.owner.decode:
        return None
    table, _ = sendable(model, body)
    if not table.rows:
        return None
    rows = read(model, Table(table.rows[:MOST_ROWS]))
    prediction = model.predict(rows)
    prediction.outputs()  # there are all that the owner has chosen
    together = prediction.outputs(EVERY)
    for name in (formats.JSON, formats.CSV):
        list(formats.encode([together], name))
    if model.owner.batchable:
        for number in range(rows.n_rows):
            alone = model.predict(rows.row(number)).outputs(EVERY)
            _compare(together, alone, number)
    return list(table.rows[0])


def _compare(together: Outputs, alone: Outputs, number: int) -> None:
    for name, values in together.columns.items():
        among, single = values[number], alone.columns.get(name, [None])[0]
        if not _same(among, single):
            message = (
                f"row {number + 1} gets {name} {single!r} alone, but {among!r} among "
                "other rows: let predict treat each row by itself, or set "
                "batchable = False in Predictor"
            )
            raise ModelError(message)


def _same(one: Any, other: Any) -> bool:
    """Compare answers; numbers may differ as much as the order of sums lets them."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    try:
        return bool(np.allclose(one, other, rtol=1e-5, atol=1e-8, equal_nan=True))
    except TypeError:
        return bool(one == other)


def _no_warm_up(owner: Owner, schema: Schema, exc: Error) -> str:
    """Say why the warm-up row fails where a row of the data passes, and the cure."""
    if owner.example is not None:
        row, cure = "`example` in Predictor", "correct it in predictor.py"
    else:
        # Made-up text fits least: dates, for one, are no "text".
        shown = sorted(schema.columns, key=lambda column: not column.is_text)[:_SHOWN]
        values = ", ".join(f"{c.name}={c.example!r}" for c in shown)
        names = ", ".join(f"{str(c.name)!r}: ..." for c in shown)
        row = f"a made-up row with {values}"
        cure = f"give real values in Predictor: example = {{{names}}}"
    return f"{row} fails ({cause(exc)}), rows of the data do not; {cure}"
