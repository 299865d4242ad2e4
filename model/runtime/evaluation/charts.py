"""What charts.html draws: places between 0 and 1, on axes with round numbers."""

from math import ceil, floor, log10
from typing import Any

import numpy as np
from sklearn import metrics as sk

from runtime.evaluation import metrics
from runtime.evaluation.evaluate import BINARY, Evaluation

CLASSES, POINTS = 6, 1000  # drawn at most
LARGEST = 1e300  # drawn at most: axes are longer than what they show
_COLUMNS, _BINS = 30, 10
Span = tuple[float, float]


def span(values: Any) -> Span:
    """Give the ends of an axis for these values, with room if they are all equal."""
    low, high = float(np.min(values)), float(np.max(values))
    room = 1e-9 * max(-low, high) or 0.5
    return (low, high) if high - low > room else (low - room, high + room)


def place(values: Any, ends: Span) -> Any:
    """Say where values lie: 0 is the start of the axis, 1 its end."""
    return ((np.asarray(values) - ends[0]) / (ends[1] - ends[0])).tolist()


def ticks(ends: Span) -> list[tuple[float, str]]:
    """Give six round numbers at most, each with its place."""
    low, high = ends
    power = 10.0 ** floor(log10((high - low) / 5))
    step = next(power * n for n in (1, 2, 5, 10) if high - low < 5.5 * power * n)
    values = step * np.arange(ceil(low / step), floor(high / step) + 1)
    return list(zip(place(values, ends), map(_tick, values), strict=True))


def curves(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Give the curves of the second of two classes, or of the largest."""
    asked, found = evaluation.predictions, []
    rows = np.bincount(asked.truth, minlength=len(asked.labels))
    largest = sorted(rows.argsort()[::-1][:CLASSES])
    for label in [1] if evaluation.kind == BINARY else largest:
        drawn = evaluation.curves(label)
        if drawn and asked.scores is not None:
            given = asked.truth == label, asked.scores[:, label]
            areas = sk.roc_auc_score(*given), sk.average_precision_score(*given)
            found.append({"name": asked.names[label], "areas": areas} | drawn)
    return found


def calibration(evaluation: Evaluation) -> dict[str, Any] | None:
    """Compare probabilities with how often they come true, in ten bins.

    They are those of the second of two classes, or of each row's most probable one.
    """
    asked = evaluation.predictions
    if asked.scores is None or asked.score != "probability":
        return None
    top = asked.scores.argmax(axis=1)
    if evaluation.kind == BINARY:
        top[:] = asked.scores.shape[1] - 1
    said = asked.scores[np.arange(len(top)), top].clip(0, 1)
    right, bins = asked.truth == top, np.minimum((said * _BINS).astype(int), _BINS - 1)
    parts = [bins == b for b in np.unique(bins)]
    points = [(said[p].mean(), metrics.share(right[p].sum(), p.sum())) for p in parts]
    return {"points": points, "brier": sk.brier_score_loss(right, said, pos_label=True)}


def residuals(evaluation: Evaluation) -> dict[str, Any] | None:
    """Give predictions beside the truth, and how many rows have which error.

    They are those of rows whose numbers are not near infinity.
    """
    asked = evaluation.predictions
    both = np.stack([asked.truth, asked.predicted])
    both = both[:, (np.abs(both) < LARGEST).all(axis=0)]
    if not both.size:
        return None
    some = both[:, np.random.default_rng(0).permutation(both.shape[1])[:POINTS]]
    numbers, errors = span(some), span(both[0] - both[1])
    rows, _ = np.histogram(both[0] - both[1], bins=_COLUMNS, range=errors)
    return {
        "points": list(zip(*place(some, numbers), strict=True)),
        "columns": place(rows, (0, rows.max())),
        "zero": place(0, errors),
        "numbers": ticks(numbers),
        "errors": ticks(errors),
        "rows": ticks((0, float(rows.max()))),
    }


def _tick(value: float) -> str:
    """Write a round number shortly: 250k."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= abs(value) < 1000 * size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"
