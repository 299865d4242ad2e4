"""Which columns a model relies on: how much worse it is when one is shuffled."""

from dataclasses import dataclass
from itertools import product
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from runtime.evaluation.metrics import Array
from runtime.evaluation.predictions import Predictions

ROWS = 200
REPEATS = 5


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
    is all that outlasts `seconds`. The columns come in random order, so that those of a
    wide table which are reached are not just the first.
    """
    ends, random = monotonic() + seconds, np.random.default_rng(0)
    chosen = np.sort(random.permutation(len(predictions.X))[:ROWS])
    rows, truth = predictions.X.iloc[chosen], predictions.truth[chosen]
    before = _error(predictions, rows, truth)
    harm: dict[int, list[float]] = {}
    columns = random.permutation(rows.shape[1]).tolist()
    for _, column in product(range(REPEATS), columns):
        if monotonic() > ends:
            break
        shuffled = rows.copy(deep=False)
        moved = rows.iloc[random.permutation(len(rows)), column].array
        shuffled.isetitem(column, moved)
        after = _error(predictions, shuffled, truth)
        harm.setdefault(column, []).append(after - before)
    return Importance(len(rows), harm)


def _error(predictions: Predictions, rows: pd.DataFrame, truth: Array) -> float:
    answers: Any = predictions.predict(rows)
    if predictions.labels:
        return float(np.mean(answers != truth))
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean((answers - truth) ** 2)))
