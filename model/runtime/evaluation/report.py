"""The page that says at a glance how good a model is: one file, nothing to fetch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from runtime.evaluation import (
    BINARY,
    REGRESSION,
    Evaluation,
    figures,
    importance,
    markup,
    summary,
)
from runtime.evaluation.markup import number, percent, section, table
from runtime.evaluation.metrics import Metric

IMPORTANCE_SECONDS = 2.0
MATRIX_CLASSES, CONFUSIONS, BARS, POINTS = 20, 20, 20, 1000  # shown at most
LARGEST = 1e300  # drawn at most: axes are longer than what they show
_MEANINGS = {
    "accuracy": "share of rows that are predicted right",
    "balanced_accuracy": "the same for each class, then their mean",
    "weighted_precision": "of the rows predicted to be of a class, the share that are",
    "weighted_f1": "precision and recall in one; a class counts by its rows",
    "auc": "chance that a row of a class is put above another row; 0.5 is luck",
    "log_loss": "how far the probabilities are from the truth; 0 is best",
    "precision": "of the rows predicted to be {}, the share that are",
    "recall": "of the rows that are {}, the share predicted to be",
    "f1": "precision and recall of {} in one",
    "rmse": "root of the mean squared error, in the unit of y",
    "mae": "mean absolute error, in the unit of y",
    "r2": "share of y's variance that is explained; 1 is best, 0 is that of the mean",
}
_INTERVALS = (
    "With 95 % confidence the number for other rows like these lies in its interval. "
    "None is given where these rows are too much alike to tell."
)


@dataclass(frozen=True, slots=True)
class Context:
    """What the page tells besides the evaluation."""

    title: str  # the name of the job
    hyperparameters: Mapping[str, Any]
    versions: Mapping[str, str]
    seconds: Mapping[str, float]  # by step
    training: pd.DataFrame | None = None  # the X that the model was fitted on


def write(file: Path, evaluation: Evaluation, context: Context) -> None:
    """Write the page into a folder that exists.

    The importance of columns takes up to IMPORTANCE_SECONDS, matplotlib about one more.
    """
    file.write_text(page(evaluation, context), "utf-8", "xmlcharrefreplace")


def page(evaluation: Evaluation, context: Context) -> str:
    """Give the page as HTML."""
    numbers = evaluation.kind == REGRESSION
    seconds = ((step, f"{value:.2f}") for step, value in context.seconds.items())
    body = (
        _headline(evaluation),
        _metrics(evaluation),
        _errors(evaluation) if numbers else _confusions(evaluation),
        _drawn(evaluation),
        _importance(evaluation),
        markup.beside(
            _data("Held-out data", evaluation.predictions.X),
            _data("Training data", context.training),
        ),
        markup.beside(
            section("Hyperparameters", table((), context.hyperparameters.items())),
            section("Seconds by step", table((), seconds)),
            section("Versions", table((), context.versions.items())),
        ),
    )
    style = Path(__file__).with_suffix(".css").read_text("utf-8")
    return markup.document(context.title or "Training job", style, body)


def _headline(evaluation: Evaluation) -> str:
    """Say the main number in plain words, and what a constant answer would reach."""
    known, truth = evaluation.statistics, evaluation.predictions.truth
    main = known.get("accuracy") or known.get("rmse")
    if main is None:
        return '<p class="headline">The predictions are not finite numbers.</p>\n'
    show: Callable[[float], str] = percent
    if evaluation.kind == REGRESSION:
        show = number
        words = f"is the typical error (rmse) in {len(truth):,} held-out rows."
        constant = f"their mean is off by {show(float(truth.std()))}"
    else:
        words = f"of {len(truth):,} held-out rows are predicted right (accuracy)."
        share = show(known["accuracy_best_constant_classifier"].value)
        constant = f"their most frequent class is right in {share}"
    return (
        f'<p class="headline"><b>{show(main.value)}</b> {words} For other rows like '
        f"these expect {show(main.low)} to {show(main.high)} (95 % confidence). "
        f"For comparison, always answering {constant}.</p>\n"
    )


def _metrics(evaluation: Evaluation) -> str:
    second = repr(evaluation.predictions.names[1]) if evaluation.kind == BINARY else ""
    rows = [
        ((name, _MEANINGS[name].format(second)), number(m.value), _interval(m))
        for name in evaluation.metrics
        for m in [evaluation.statistics[name]]
    ]
    missing = (f"No {n}: it needs {what}." for n, what in evaluation.undefined.items())
    head = ("metric", "value", "95 % interval")
    return section("Metrics", table(head, rows), *missing, _INTERVALS)


def _interval(metric: Metric) -> str:
    low, high = number(metric.low), number(metric.high)
    return f"{low} to {high}" if low != high else "none"


def _confusions(evaluation: Evaluation) -> str:
    """Show the confusion matrix; of many classes, its largest cells."""
    counts, names = evaluation.predictions.confusion, evaluation.predictions.names
    if len(names) <= MATRIX_CLASSES:
        every = range(len(names))
        cells = [[counts[i, j] for j in every] for i in every]
        note = "Rows: the true class. Columns: the predicted one. %: of the row."
        return section("Confusion matrix", markup.matrix(names, cells), note)
    wrong = [(i, j) for (i, j), _ in counts.most_common() if i != j]
    rows = [(names[i], names[j], f"{counts[i, j]:,}") for i, j in wrong[:CONFUSIONS]]
    note = f"The most frequent of {len(wrong):,}, between {len(names):,} classes."
    return section("Confusions", table(("true class", "predicted", "rows"), rows), note)


def _errors(evaluation: Evaluation) -> str:
    """Show how large the errors are, of those that are finite."""
    asked, shares = evaluation.predictions, (0.5, 0.9, 0.95, 1)
    with np.errstate(all="ignore"):
        off = np.abs(asked.truth - asked.predicted)
    off = off[np.isfinite(off)]
    if not len(off):
        return ""
    sizes = np.quantile(off, shares)
    rows = [(f"{s:.0%}", number(size)) for s, size in zip(shares, sizes, strict=True)]
    return section("Errors", table(("of the rows", "are off by at most"), rows))


def _drawn(evaluation: Evaluation) -> str:
    """Show curves of a classifier, of a regressor where its errors lie."""
    if not figures.available():
        return section("Figures", "", "There are none: matplotlib is not installed.")
    draw = _residuals if evaluation.kind == REGRESSION else _curves
    legend, *drawn = draw(evaluation) or [""]
    return section("Figures", legend + markup.beside(*drawn)) if drawn else ""


def _curves(evaluation: Evaluation) -> list[str]:
    """Give a legend and two figures, of the second of two classes or the largest."""
    asked = evaluation.predictions
    rows = np.bincount(asked.truth, minlength=len(asked.labels))
    largest = sorted(rows.argsort()[::-1][: len(figures.COLOURS)])
    labels = [1] if evaluation.kind == BINARY else largest
    found = {asked.names[i]: c for i in labels if (c := evaluation.curves(i))}
    if not found:
        return []
    roc, pr = zip(*found.values(), strict=True)
    roc_curve = figures.lines("False positive rate", "True positive rate", roc)
    pr_curve = figures.lines("Recall", "Precision", pr)
    return [
        markup.legend(zip(figures.COLOURS, found, strict=False)),
        markup.figure("ROC curve", roc_curve),
        markup.figure("Precision and recall", pr_curve),
    ]


def _residuals(evaluation: Evaluation) -> list[str]:
    """Give no legend, and two figures of rows whose numbers are not near infinity."""
    asked = evaluation.predictions
    size = np.maximum(np.abs(asked.truth), np.abs(asked.predicted))
    drawable = np.flatnonzero(size < LARGEST)
    if not len(drawable):
        return []
    chosen = np.random.default_rng(0).permutation(drawable)[:POINTS]
    truth, predicted = asked.truth[chosen], asked.predicted[chosen]
    points = figures.scatter("y", "Prediction", (truth, predicted))
    errors = figures.histogram("y - prediction", "Rows", truth - predicted)
    return ["", markup.figure("Predicted", points), markup.figure("Errors", errors)]


def _importance(evaluation: Evaluation) -> str:
    """Show which columns the model relies on."""
    X = evaluation.predictions.X
    found = importance.measure(evaluation.predictions, IMPORTANCE_SECONDS)
    name = "rmse grows by" if evaluation.kind == REGRESSION else "accuracy falls by"
    mean = {column: float(np.mean(harm)) for column, harm in found.harm.items()}
    finite = (column for column in mean if isfinite(mean[column]))
    worst = sorted(finite, key=lambda column: -mean[column])[:BARS]
    rows = [(str(X.columns[c]), mean[c], number(mean[c])) for c in worst]
    repeats = {len(harm) for harm in found.harm.values()} or {0}
    note = (
        f"The values of a column are shuffled among {found.rows} held-out rows, "
        f"{' or '.join(map(str, sorted(repeats)))} times; the mean is given. "
        f"{len(mean):,} of {X.shape[1]:,} columns were reached in the time for it, "
        f"{IMPORTANCE_SECONDS:g} s; the first {len(rows)} are shown."
    )
    return section("Importance of columns", markup.bars(("column", name), rows), note)


def _data(title: str, X: pd.DataFrame | None) -> str:
    if X is None:
        return ""
    rows, size = summary.summarise(X)
    return section(title, table(summary.HEAD, rows), size)
