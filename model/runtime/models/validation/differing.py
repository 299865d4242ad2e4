"""Whether Predictor answers otherwise than the estimator's own `predict`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import Error
from runtime.models.conversion.refusal import TOLERANCE
from runtime.models.served import ServedModel
from runtime.models.validation.sendable import cause, read, sendable
from runtime.tabular.table import Table


def differing(
    model: ServedModel, folder: Path, classes: list[Any] | None = None
) -> str:
    """Say how Predictor's answers differ from those of the estimator's own `predict`.

    They need not be the same: a threshold may be the owner's own. So this costs no
    model, and answers of another kind, such as probabilities, are not compared (A1).
    Returns: "" where there is nothing to say.
    """
    file = folder / "expected.json"
    if not file.exists() or model.owner.decode:
        return ""
    expected = json.loads(file.read_bytes())
    try:
        table, places = sendable(model, (folder / "rows.csv").read_bytes())
        answers = _first_output(model, table) if places else []
    except Error as exc:
        return f"fails on some of {len(expected['rows'])} held-out rows: {cause(exc)}"
    rows, own = ([expected[key][n] for n in places] for key in ("rows", "answers"))
    apart = _apart(answers, own, classes) if places else []
    if not apart:
        return ""
    row, given, right = (values[apart[0]] for values in (rows, answers, own))
    return (
        f"gives {len(apart)} of {len(answers)} held-out rows another answer than "
        f"model.predict, which was measured: {given!r} in the place of {right!r} in "
        f"row {row}. If that is not on purpose, answer what self.model.predict gives"
    )


def _first_output(model: ServedModel, table: Table) -> list[Any]:
    """Give what a request that asks for no output gets first, of each row."""
    outputs = model.predict(read(model, table)).outputs()
    return next(iter(outputs.columns.values()))


def _apart(
    answers: list[Any], expected: list[Any], classes: list[Any] | None
) -> list[int]:
    """Find the places where numbers, or labels, are not as expected.

    Answers of another kind have none.
    """
    if isinstance(next(iter(expected), None), list):
        return _apart_by_column(answers, expected, classes)
    if classes is None and _are_numbers(expected) and _are_numbers(answers):
        near = TOLERANCE * float(np.ptp(np.nan_to_num(expected)))
        same = np.isclose(answers, expected, rtol=TOLERANCE, atol=near, equal_nan=True)
        return [int(place) for place in np.flatnonzero(~same)]
    if not _are_labels(answers, [*expected, *(classes or ())]):
        return []
    return [n for n, answer in enumerate(answers) if answer != expected[n]]


def _are_labels(answers: list[Any], labels: list[Any]) -> bool:
    """Say whether answers are labels: known ones, or texts of which one is known."""
    given, kinds, known = {*map(type, answers)}, {*map(type, labels)}, {*labels}
    is_share = float in given - kinds  # 0.0 and 1.0 are no labels
    if is_share or not given | kinds <= {str, int, float, bool}:
        return False
    n_known = sum(answer in known for answer in answers)
    return n_known == len(answers) or (n_known > 0 and given == {str})


def _apart_by_column(
    answers: list[Any], expected: list[Any], classes: list[Any] | None
) -> list[int]:
    """Find the places where one of several numbers, or labels, is not as expected."""
    if len({len(v) if isinstance(v, list) else 0 for v in [*answers, *expected]}) > 1:
        return []
    of_each = classes is not None and isinstance(classes[0], list)
    known = classes if of_each else [classes and [0, 1]] * len(expected[0])
    columns = zip(*answers, strict=True), zip(*expected, strict=True), known or []
    apart = (_apart([*a], [*b], own) for a, b, own in zip(*columns, strict=True))
    return sorted(set().union(*apart))


def _are_numbers(values: list[Any]) -> bool:
    return {*map(type, values)} <= {int, float}
