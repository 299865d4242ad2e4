"""How well predictions fit, in numbers that say how far they can be trusted.

Arrays in, `Metric`s out, under the names of SageMaker's model quality metrics. Each is
a function of many resamples at once, which scikit-learn has for numbers only; tests
hold the others to its values. What is not defined for these rows is not finite.
"""

import warnings
from collections.abc import Callable
from dataclasses import astuple, dataclass
from math import isfinite, nan, sqrt
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn import metrics as sk

Array = np.ndarray[Any, Any]
Metrics = dict[str, "Metric"]
# Of rows at positions (n_resamples, n_rows): numbers, each (n_resamples,).
Statistic = Callable[[Array], dict[str, Array]]

RESAMPLES = 200
RESAMPLED_ROWS = 10_000  # rows in a resample, at most
_AT_ONCE = 200_000  # numbers that are worked on, 1.6 MB
_BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
TWO = 2  # classes: the second is asked for, the first is not
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
    """Measure predicted classes, `(n_rows,)` positions; of two, also the second's.

    Shares of rows have Wilson's interval, which is not empty where no row is wrong; the
    others are resampled.
    """

    def scores(rows: Array) -> dict[str, Array]:
        hits, true, said = _counts(truth[rows], predicted[rows], n_classes)
        fs = {name: _f(beta, hits, true, said) for name, beta in _BETAS.items()}
        weights = true / rows.shape[1]
        weighted = {"precision": _ratio(hits, said)} | fs
        found = {
            f"weighted_{n}": (weights * v).sum(axis=1) for n, v in weighted.items()
        }
        recall = _ratio(hits, true).sum(axis=1)
        found["balanced_accuracy"] = recall / (true > 0).sum(axis=1)
        if n_classes == TWO:
            undefined = true[:, 1] + said[:, 1] == 0
            found |= {n: np.where(undefined, nan, f[:, 1]) for n, f in fs.items()}
        return found

    n, (hits, true, said) = len(truth), _counts(truth, predicted, n_classes)
    found = _bootstrap(scores, n, n_classes)
    found["accuracy"] = found["weighted_recall"] = share(hits.sum(), n)
    found["accuracy_best_constant_classifier"] = share(true.max(), n)
    if n_classes == TWO:
        found["precision"] = share(hits[0, 1], said[0, 1])
        found["recall"] = share(hits[0, 1], true[0, 1])
    return found


def of_probabilities(truth: Array, probabilities: Array) -> Metrics:
    """Measure probabilities `(n_rows, n_known_classes)`, floored as scikit-learn does.

    A row of a class beyond the known ones has an infinite loss.
    """
    known = truth < probabilities.shape[1]
    given = probabilities[np.arange(len(truth)), np.where(known, truth, 0)]
    loss = -np.log(np.clip(given, np.finfo(given.dtype).eps, 1))
    loss[~known] = np.inf
    return _bootstrap(lambda rows: {"log_loss": loss[rows].mean(axis=1)}, len(truth))


def of_scores(truth: Array, scores: Array) -> Metrics:
    """Measure how scores, `(n_rows, n_known_classes)`, put rows in order.

    `auc` is the area under the ROC curve of the second of two classes; of more classes
    the mean of each against the rest, weighted with its rows. Its spread is DeLong's,
    from the share of the other side that each row is rightly put above or below.
    """
    n, n_known = scores.shape
    count = np.bincount(truth, minlength=n_known)[:n_known]
    judged = [k for k in range(n_known) if 0 < count[k] < n]
    if n_known == TWO:  # then the first says what the second does
        judged = [k for k in judged if k == 1]
    area, placed = 0.0 if judged else nan, np.zeros(n)
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
    if not np.isfinite([truth, predicted]).all():
        return {}

    def errors(rows: Array) -> dict[str, Array]:
        both, each = (truth[rows].T, predicted[rows].T), {"multioutput": "raw_values"}
        mse = sk.mean_squared_error(*both, **each)
        with warnings.catch_warnings(action="ignore"):  # one row has one NaN
            r2 = sk.r2_score(*both, **each, force_finite=False)
        mae = sk.mean_absolute_error(*both, **each)
        return {"mae": mae, "mse": mse, "rmse": np.sqrt(mse), "r2": np.atleast_1d(r2)}

    return _bootstrap(errors, len(truth))


def share(part: int, whole: int) -> Metric:
    """Give part / whole with Wilson's interval; NaN of nothing."""
    if not whole:
        return Metric(*[nan] * 4)
    share = float(part / whole)
    ends = binomtest(int(part), int(whole)).proportion_ci(method="wilson")
    return Metric(share, sqrt(share * (1 - share) / whole), *map(float, ends))


@np.errstate(all="ignore")  # what is not finite is left out
def _bootstrap(statistic: Statistic, n: int, n_classes: int = 1) -> Metrics:
    """Say how much numbers change when other rows are drawn from the same ones.

    200 resamples, seeded, of n rows with repetition; of 10,000 where there are more: a
    spread goes with the root of the number of rows, and is made as much smaller.
    """
    values = statistic(np.arange(n)[None])
    size = min(n, RESAMPLED_ROWS)
    rows = np.random.default_rng(0).integers(n, size=(RESAMPLES, size))
    # Of a small table in one step; of a large one in steps that a cache can hold.
    steps = min(RESAMPLES, -(-RESAMPLES * max(size, n_classes) // _AT_ONCE))
    drawn = [statistic(part) for part in np.array_split(rows, steps)]
    return {
        name: _metric(value, np.concatenate([d[name] for d in drawn]), sqrt(size / n))
        for name, (value,) in values.items()
    }


def _metric(value: float, draws: Array, scale: float) -> Metric:
    """Give the interval between the 2.5 % and 97.5 % quantiles of the draws."""
    drawn = draws[np.isfinite(draws)]
    off = (drawn - value) * scale if len(drawn) else np.zeros(1)
    low, high = np.quantile(off, [0.025, 0.975])
    ends = value + min(low, 0.0), value + max(high, 0.0)
    return Metric(float(value), float(off.std()), *map(float, ends))


def _counts(truth: Array, predicted: Array, n_classes: int) -> list[Array]:
    """Count by class: rows predicted right, rows of it, rows predicted to be of it.

    `(n_resamples, n_rows)`, or one of them, become `(n_resamples, n_classes)`.
    """
    truth, predicted = np.atleast_2d(truth, predicted)
    n = len(truth)
    first = np.arange(n)[:, None] * n_classes  # each resample has bins of its own
    bins = first + truth, first + truth, first + predicted
    weights = (truth == predicted).ravel(), None, None
    return [
        np.bincount(b.ravel(), w, n * n_classes).reshape(n, n_classes)
        for b, w in zip(bins, weights, strict=True)
    ]


def _f(beta: float, hits: Array, true: Array, said: Array) -> Array:
    return _ratio((1 + beta**2) * hits, beta**2 * true + said)


def _ratio(part: Array, whole: Array) -> Array:
    """Divide; nothing of nothing is 0."""
    quotient: Array = part / np.maximum(whole, np.finfo(float).tiny)
    return quotient


def _below(others: Array, scores: Array) -> Array:
    """Give the share of sorted others below each score; half of those that tie."""
    first, last = others.searchsorted(scores), others.searchsorted(scores, "right")
    below: Array = (first + last) / (2 * len(others))
    return below
