"""Which columns a model relies on: how much worse it is when one is shuffled."""

from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from runtime.evaluation.metrics import Array
from runtime.evaluation.predictions import Predictions

ROWS = 200
REPEATS = 5
_TOGETHER = 2000  # rows that are predicted in one call, at most


@dataclass(frozen=True, slots=True)
class Importance:
    """What was measured on so many `rows`.

    `harm` has, for the position of each column that was reached, what each repeat added
    to the error: the share of rows that are predicted wrong, or the RMSE.
    """

    rows: int
    harm: dict[int, list[float]]


def measure(predictions: Predictions, seconds: float) -> Importance:
    """Shuffle each column among some rows, REPEATS times, as long as there is time.

    This is scikit-learn's permutation_importance with an end: a predict that has begun
    is all that outlasts `seconds`, and only a quick model is asked about several
    columns at once. They come in random order, so that those of a wide table which are
    reached are not just the first.
    """
    start, random = monotonic(), np.random.default_rng(0)
    chosen = np.sort(random.permutation(len(predictions.truth))[:ROWS])
    rows, truth = predictions.frame.iloc[chosen], predictions.truth[chosen]
    before = _errors(predictions, rows, truth)[0]
    quick = int(seconds / 10 / max(monotonic() - start, 1e-6))
    together = max(1, min(quick, _TOGETHER // len(rows)))
    columns = random.permutation(rows.shape[1]).tolist() * REPEATS
    harm: dict[int, list[float]] = {}
    for first in range(0, len(columns), together):
        if monotonic() > start + seconds:
            break
        some = columns[first : first + together]
        after = _errors(predictions, _shuffled(rows, some, random), truth)
        for column, error in zip(some, after, strict=True):
            harm.setdefault(column, []).append(error - before)
    return Importance(len(rows), harm)


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
    given: Any = rows  # in the form that X had
    if isinstance(predictions.X, pd.Series):
        given = rows.iloc[:, 0]
    elif not isinstance(predictions.X, pd.DataFrame):
        given = rows.to_numpy()
    answers = np.asarray(predictions.model.predict(given)).ravel()
    if predictions.labels:
        labels = pd.Index(predictions.labels, dtype=object)
        found = labels.get_indexer(answers).reshape(-1, len(truth))
        return (found != truth).mean(axis=1).tolist()
    off = answers.astype("float64").reshape(-1, len(truth)) - truth
    return np.sqrt((off**2).mean(axis=1)).tolist()
