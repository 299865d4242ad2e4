"""Which columns a model relies on: how much worse it is when one is shuffled."""

from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from runtime.evaluation.metrics import Array
from runtime.evaluation.predictions import Predictions, in_form_of

ROWS = 200
REPEATS = 5
_TOGETHER = 2000  # rows that are predicted in one call, at most


@dataclass(frozen=True, slots=True)
class Importance:
    """What was measured on so many `rows`.

    `harm` has, for the position of each column, what each repeat added to the error:
    the share of rows that are predicted wrong, or the RMSE. Where there was no time for
    all columns it has none, and `seconds` is about what one repeat would take.
    """

    rows: int
    harm: dict[int, list[float]]
    seconds: float


def measure(predictions: Predictions, seconds: float) -> Importance:
    """Shuffle each column among some rows, REPEATS times, as long as there is time.

    This is scikit-learn's permutation_importance with an end: a predict that has begun
    is all that outlasts `seconds`, and only a quick model is asked about several
    columns at once. All columns are shuffled equally often.
    """
    start, random = monotonic(), np.random.default_rng(0)
    chosen = np.sort(random.permutation(len(predictions.truth))[:ROWS])
    rows, truth = predictions.frame.iloc[chosen], predictions.truth[chosen]
    before = _errors(predictions, rows, truth)[0]
    first = max(monotonic() - start, 1e-6)
    together = max(1, min(int(seconds / 10 / first), _TOGETHER // len(rows)))
    n_columns = rows.shape[1]
    harm: dict[int, list[float]] = {}
    columns = [*range(n_columns)] * REPEATS
    done = 0
    while done < len(columns) and monotonic() < start + seconds:
        some = columns[done : done + together]
        after = _errors(predictions, _shuffled(rows, some, random), truth)
        for column, error in zip(some, after, strict=True):
            harm.setdefault(column, []).append(error - before)
        done += len(some)
    spent, whole = monotonic() - start, done // n_columns if n_columns else 0
    kept = {column: errors[:whole] for column, errors in harm.items() if whole}
    return Importance(len(rows), kept, spent * (1 + n_columns) / (1 + done))


def _shuffled(
    rows: pd.DataFrame, columns: list[int], random: np.random.Generator
) -> pd.DataFrame:
    """Give all rows once for each of some columns, which is shuffled there."""
    same = np.tile(np.arange(len(rows)), (len(columns), 1))
    table, moved = rows.iloc[same.ravel()], dict[int, Array]()
    for copy, column in enumerate(columns):
        order = moved.setdefault(column, same.copy())
        order[copy] = random.permutation(len(rows))
    for column, order in moved.items():
        table.isetitem(column, rows.iloc[order.ravel(), column].array)
    return table


def _errors(predictions: Predictions, rows: pd.DataFrame, truth: Array) -> Any:
    """Give the error in each of the copies of the rows that follow one another."""
    given = in_form_of(predictions.X, rows)
    answers = np.asarray(predictions.model.predict(given)).ravel()
    if predictions.labels:
        labels = pd.Index(predictions.labels, dtype=object)
        found = labels.get_indexer(answers).reshape(-1, len(truth))
        return (found != truth).mean(axis=1).tolist()
    off = answers.astype("float64").reshape(-1, len(truth)) - truth
    return np.sqrt((off**2).mean(axis=1)).tolist()
