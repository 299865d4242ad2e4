"""How well predictions fit, in numbers that say how far they can be trusted.

Arrays in, `Metric`s out, under the names of SageMaker's model quality metrics. A number
that is not defined for these rows is NaN here; evaluation.py takes it out.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from math import isfinite, sqrt
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Metrics = dict[str, "Metric"]
Statistic = Callable[[Array], dict[str, float]]  # of the rows at these positions

RESAMPLES = 200
RESAMPLED_ROWS = 10_000  # rows in a resample, at most
_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


@dataclass(frozen=True, slots=True)
class Metric:
    """A number, its standard deviation, and its 95 % confidence interval."""

    value: float
    standard_deviation: float
    low: float
    high: float

    @property
    def finite(self) -> bool:
        """Whether each of the four is finite."""
        return all(map(isfinite, astuple(self)))


def of_classes(truth: Array, predicted: Array, n_classes: int) -> Metrics:
    """Measure predicted classes, `(n_rows,)` positions, as scikit-learn does.

    Shares of rows have Wilson's interval, which is not empty where no row is wrong; the
    others are resampled.
    """

    def averages(rows: Array) -> dict[str, float]:
        hits, true, said = _counts(truth[rows], predicted[rows], n_classes)
        share = true / true.sum()
        return {
            "balanced_accuracy": _ratio(hits, true)[true > 0].mean(),
            "weighted_precision": share @ _ratio(hits, said),
            "weighted_f0_5": share @ _f(0.5, hits, true, said),
            "weighted_f1": share @ _f(1, hits, true, said),
            "weighted_f2": share @ _f(2, hits, true, said),
        }

    right, n = np.sum(truth == predicted), len(truth)
    most = np.bincount(truth).max()
    return {
        "accuracy": _share(right, n),
        "accuracy_best_constant_classifier": _share(most, n),
        "weighted_recall": _share(right, n),
        **_resample(averages, n),
    }


def of_two_classes(truth: Array, predicted: Array) -> Metrics:
    """Measure how the second of two classes, position 1, is told from the first."""

    def fs(rows: Array) -> dict[str, float]:
        counts = [c[1] for c in _counts(truth[rows], predicted[rows], 2)]
        if not any(counts):
            return dict.fromkeys(("f0_5", "f1", "f2"), np.nan)
        return {"f0_5": _f(0.5, *counts), "f1": _f(1, *counts), "f2": _f(2, *counts)}

    hits, true, said = (counts[1] for counts in _counts(truth, predicted, 2))
    return {
        "precision": _share(hits, said),
        "recall": _share(hits, true),
        **_resample(fs, len(truth)),
    }


def of_probabilities(truth: Array, probabilities: Array) -> Metrics:
    """Measure probabilities `(n_rows, n_known_classes)`, floored as scikit-learn does.

    A row of a class beyond the known ones has an infinite loss.
    """
    known = truth < probabilities.shape[1]
    given = probabilities[np.arange(len(truth)), np.where(known, truth, 0)]
    loss = -np.log(np.clip(given, np.finfo(given.dtype).eps, 1))
    loss[~known] = np.inf
    return _resample(lambda rows: {"log_loss": loss[rows].mean()}, len(truth))


def of_scores(truth: Array, scores: Array) -> Metrics:
    """Measure how scores, `(n_rows, n_known_classes)`, put rows in order.

    `auc` is the area under the ROC curve of the second of two classes; of more classes
    the mean of each against the rest, weighted with its rows. Its spread is DeLong's,
    from the share of the other side that each row is rightly put above or below.
    """
    n, n_known = scores.shape
    count = np.bincount(truth, minlength=n_known)[:n_known]
    judged = [k for k in range(n_known) if 0 < count[k] < n]
    if n_known == 2:  # noqa: PLR2004 -- then the first says what the second does
        judged = [k for k in judged if k == 1]
    area, placed = 0.0 if judged else np.nan, np.zeros(n)
    for k in judged:
        positive, weight = truth == k, count[k] / count[judged].sum()
        inside, outside = np.sort(scores[positive, k]), np.sort(scores[~positive, k])
        above = _below(outside, scores[positive, k])
        under = 1 - _below(inside, scores[~positive, k])
        area += weight * above.mean()
        placed[positive] += weight * (above - above.mean()) / len(inside)
        placed[~positive] += weight * (under - above.mean()) / len(outside)
    deviation = float(np.sqrt(placed @ placed))
    low, high = max(0.0, area - _Z * deviation), min(1.0, area + _Z * deviation)
    return {"auc": Metric(float(area), deviation, low, high)}


def of_numbers(truth: Array, predicted: Array) -> Metrics:
    """Measure predicted numbers, `(n_rows,)`, in the unit of y; r2 has none."""
    error = predicted - truth

    def errors(rows: Array) -> dict[str, float]:
        mse, variance = np.mean(error[rows] ** 2), np.var(truth[rows])
        r2 = 1 - mse / variance if variance > 0 else np.nan
        mae = np.mean(np.abs(error[rows]))
        return {"mae": mae, "mse": mse, "rmse": np.sqrt(mse), "r2": r2}

    return _resample(errors, len(truth))


def _resample(statistic: Statistic, n: int) -> Metrics:
    """Bootstrap: how much numbers change when other rows are drawn from the same ones.

    200 resamples, seeded, of n rows with repetition; of 10,000 where there are more: a
    spread goes with the root of the number of rows, and is made as much smaller.
    The interval lies between the 2.5 % and 97.5 % quantiles.
    """
    values = statistic(np.arange(n))
    size, random = min(n, RESAMPLED_ROWS), np.random.default_rng(0)
    draws = [statistic(random.integers(n, size=size)) for _ in range(RESAMPLES)]
    return {
        name: _metric(value, np.array([d[name] for d in draws]), sqrt(size / n))
        for name, value in values.items()
    }


def _metric(value: float, draws: Array, scale: float) -> Metric:
    drawn = draws[np.isfinite(draws)]
    off = (drawn - value) * scale if len(drawn) else np.zeros(1)
    low, high = np.quantile(off, [0.025, 0.975])
    ends = value + min(low, 0.0), value + max(high, 0.0)
    return Metric(float(value), float(off.std()), *map(float, ends))


def _share(part: int, whole: int) -> Metric:
    """Give part / whole with Wilson's interval; NaN of nothing."""
    if not whole:
        return Metric(*[np.nan] * 4)
    share = float(part / whole)
    centre = (part + _Z**2 / 2) / (whole + _Z**2)
    half = _Z / (whole + _Z**2) * sqrt(whole * share * (1 - share) + _Z**2 / 4)
    low, high = min(share, centre - half), max(share, centre + half)
    return Metric(share, sqrt(share * (1 - share) / whole), max(0.0, low), high)


def _counts(truth: Array, predicted: Array, n_classes: int) -> list[Array]:
    """Count by class: rows predicted right, rows of it, rows predicted to be of it."""
    groups = truth[truth == predicted], truth, predicted
    return [np.bincount(group, minlength=n_classes) for group in groups]


def _f(beta: float, hits: Array, true: Array, said: Array) -> Any:
    return _ratio((1 + beta**2) * hits, beta**2 * true + said)


def _ratio(part: Array, whole: Array) -> Any:
    """Divide; nothing of nothing is 0."""
    return part / np.maximum(whole, np.finfo(float).tiny)


def _below(others: Array, scores: Array) -> Array:
    """Give the share of sorted others below each score; half of those that tie."""
    first, last = others.searchsorted(scores), others.searchsorted(scores, "right")
    return (first + last) / (2 * len(others))
