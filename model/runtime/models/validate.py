"""The last step of a training job, in a fresh process: can this folder be served.

`python -m runtime.models.validate predictor:Predictor MODEL_DIR ROWS.csv` loads it as
`serve` does, predicts the rows together and one by one, and compares. What fails ends
with a sentence that repairs it, on the last line of stderr.
"""

import importlib
import logging
import re
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from runtime import formats
from runtime.errors import Error, ModelError
from runtime.formats import Layout, Outputs, joined
from runtime.models import artifact
from runtime.models.served import EVERY, ServedModel
from runtime.tabular.schema import found_in

MOST_COLUMNS = 200  # a call each
_PICKLED_IN_TRAIN = re.compile(
    r"get attribute '(\w+)' on <module '(?:__main__|runtime\.models\.validate)'"  # as run by -m
)


def check(model: ServedModel, body: bytes) -> None:
    """Predict the warm-up row, and the rows of a CSV body together and one by one.

    Raises: Error.
    """
    model.start()
    model.warm_up()
    if not body or hasattr(model.predictor, "decode"):
        return
    table = joined(formats.decode(BytesIO(body), formats.CSV, Layout()))
    schema = model.schema or found_in(table)
    rows = schema.read(table)
    together = model.predict(model.rows(schema, rows.columns), EVERY)
    for name in (formats.JSON, formats.CSV):
        list(formats.encode([together], name))
    if model.batchable:
        for number in range(len(table.rows)):
            row = model.rows(schema, rows.row(number).columns)
            _compare(together, model.predict(row, EVERY), number)


def required(model: ServedModel) -> list[str | int]:
    """Find the columns without a value of which the model fails on the synthetic row.

    A request that lacks one is the caller's fault, and no 500 (H-25, H-73). Of more
    than MOST_COLUMNS none is looked for, unless the model bears all of them missing.
    """
    schema = model.schema
    if schema is None or not schema.typed or hasattr(model.predictor, "decode"):
        return []

    def fails(names: list[str | int]) -> bool:
        try:
            row = schema.example(without=names)
            model.predict(model.rows(schema, row.columns))
        except Error:
            return True
        return False

    names = [column.name for column in schema.columns]
    if len(names) > MOST_COLUMNS or not fails(names):
        return []
    return [name for name in names if fails([name])]


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


def _sentence(exc: Error) -> str:
    cause = exc.__cause__
    pickled = _PICKLED_IN_TRAIN.search(str(cause))
    if pickled:
        name = pickled[1]
        return (
            f"{name} is defined in train, where no other program finds it: move it to "
            f"a module beside train, say features.py, and `from features import {name}`"
        )
    if cause is not None and not isinstance(exc, ModelError):
        return f"predict failed in a fresh process: {type(cause).__name__}: {cause}"
    return f"the saved model cannot be served: {exc}"


def main(predictor: str, model_dir: str, rows: str) -> None:
    """Check a model folder; the class to check it with is handed in by name."""
    logging.basicConfig(level=logging.WARNING)
    module, _, name = predictor.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except Exception as exc:  # the owner's module
        logging.getLogger("check").exception("%s was refused", module)
        sys.exit(f"{module}.py cannot be imported: {type(exc).__name__}: {exc}")
    folder = Path(model_dir)
    try:
        loaded = ServedModel.load(folder, kind)
        check(loaded, Path(rows).read_bytes())
        if loaded.schema and (names := required(loaded)):
            columns = loaded.schema.requiring(names).to_json()
            artifact.describe_again(folder, columns=columns)
    except Error as exc:
        logging.getLogger("check").exception("the model folder was refused")
        sys.exit(" ".join(_sentence(exc).split()))


if __name__ == "__main__":
    main(*sys.argv[1:])
