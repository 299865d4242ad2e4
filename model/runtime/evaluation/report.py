"""What report.html shows: one page, one file, nothing to fetch.

The words and the looks are in the template; here is what they are about. Without jinja2
there is no page.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support
from sklearn.utils import resample

from runtime.evaluation import charts, importance
from runtime.evaluation.evaluate import REGRESSION, Evaluation, evaluate
from runtime.evaluation.predictions import Predictions
from runtime.evaluation.summary import short, summarise

IMPORTANCE_SECONDS = 2.0
TRAINING_ROWS = 10_000  # that the training score is measured on, at most
SHOWN = 20  # classes, confusions and columns that are not folded away
_WORST, _VALUES = 10, 12  # rows, and columns of each


@dataclass(frozen=True, slots=True)
class Context:
    """What the page tells besides the evaluation."""

    title: str  # the name of the job
    hyperparameters: Mapping[str, Any]
    versions: Mapping[str, str]
    seconds: Mapping[str, float]  # by step
    training: Any = None  # the X that the model was fitted on, or (X, y)
    date: str = ""


def available() -> bool:
    """Say whether jinja2 is installed."""
    try:
        import jinja2  # noqa: PLC0415 -- for a report only
    except ImportError:
        return False
    return bool(jinja2)


def write(file: Path, evaluation: Evaluation, context: Context) -> None:
    """Write the page into a folder that exists, in IMPORTANCE_SECONDS and some more."""
    file.write_text(page(evaluation, context), "utf-8", "xmlcharrefreplace")


def page(evaluation: Evaluation, context: Context) -> str:
    """Give the page as HTML. Raises: ImportError, if there is no jinja2."""
    import jinja2  # noqa: PLC0415 -- likewise

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": percent, "short": short}
    content = _content(evaluation, context)
    return environment.get_template("report.html").render(content)


def number(value: float) -> str:
    """Write a number with four digits or all those before its point: 0.9701, 53.60."""
    size = int(f"{value:.3e}".partition("e")[2] or 9)
    if size in range(-4, 9):
        return f"{value:,.{max(0, 3 - size)}f}"
    return "none" if isnan(value) else f"{value:.3e}"


def percent(share: float) -> str:
    """Write a share: 0.97 is 97.0 %."""
    return f"{share:.1%}".replace("%", "\N{NO-BREAK SPACE}%")


def _content(evaluation: Evaluation, context: Context) -> dict[str, Any]:
    asked, training = evaluation.predictions, context.training
    X, y = training if isinstance(training, tuple) else (training, None)
    kind = _of_numbers if evaluation.kind == REGRESSION else _of_classes
    tables = {"Held-out data": asked.frame}
    if X is not None:
        tables["Training data"] = pd.DataFrame(X)
    return kind(evaluation) | {
        "job": context,
        "evaluation": evaluation,
        "asked": asked,
        "training": _attempt(_training, asked.model, X, y),
        "importance": _attempt(_importance, asked),
        "worst": _worst(asked),
        "tables": {title: summarise(frame) for title, frame in tables.items()},
        "SHOWN": SHOWN,
        "IMPORTANCE_SECONDS": IMPORTANCE_SECONDS,
    }


def _attempt(ask: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """Ask the model once more; the rest of the page stands without its answer."""
    try:
        return ask(*given)
    except Exception as exc:  # noqa: BLE001 -- the model is the owner's
        return {"problem": f"{type(exc).__name__}: {exc}"}


def _training(model: Any, X: Any, y: Any) -> dict[str, Any]:
    """Measure the model on rows that it was fitted on."""
    if y is not None and len(X) > TRAINING_ROWS:
        given = {"replace": False, "n_samples": TRAINING_ROWS, "random_state": 0}
        X, y = resample(X, y, **given)
    return {"metrics": {} if y is None else evaluate(model, X, y).metrics}


def _of_classes(evaluation: Evaluation) -> dict[str, Any]:
    asked = evaluation.predictions
    names, count = asked.names, asked.confusion
    with warnings.catch_warnings(action="ignore"):  # that many classes are no news
        by_class = precision_recall_fscore_support(
            asked.truth, asked.predicted, labels=range(len(names)), zero_division=nan
        )
    return {
        "classes": list(zip(names, *by_class, strict=True)),
        "count": count,
        "confusions": [pair for pair, _ in count.most_common() if pair[0] != pair[1]],
        "curves": charts.curves(evaluation),
        "calibration": charts.calibration(evaluation),
        "unit": charts.Axis(),
    }


def _of_numbers(evaluation: Evaluation) -> dict[str, Any]:
    asked = evaluation.predictions
    with np.errstate(all="ignore"):
        off, constant = np.abs(asked.truth - asked.predicted), asked.truth.std()
    off, shares = off[np.isfinite(off)], (0.5, 0.9, 0.95, 1.0)
    sizes = [np.quantile(off, share) for share in shares] if len(off) else []
    return {
        "constant": float(constant),
        "sizes": list(zip(shares, sizes, strict=False)),
        "residuals": charts.residuals(evaluation),
    }


def _worst(asked: Predictions) -> pd.DataFrame:
    """Give the rows that are most wrong, how wrong, and some of their values."""
    name, n = "error", len(asked.truth)
    if not asked.labels:
        wrong = asked.predicted - asked.truth
        order = -np.abs(wrong)
    elif asked.scores is None:
        name, order = "wrong", asked.predicted == asked.truth
        wrong = ~order
    else:
        name = f"{asked.score} of true class"
        known = asked.truth < asked.scores.shape[1]
        given = asked.scores[np.arange(n), np.where(known, asked.truth, 0)]
        order = wrong = np.where(known, given, nan)
    chosen = np.argsort(np.nan_to_num(order, nan=-np.inf), kind="stable")[:_WORST]
    values = asked.frame.iloc[chosen, :_VALUES].reset_index(drop=True)
    told = asked.table().iloc[chosen, :3].assign(**{name: wrong[chosen]})
    table = pd.concat([told.reset_index(drop=True), values], axis=1).astype(object)
    return table.where(table.notna(), "missing")


def _importance(asked: Predictions) -> dict[str, Any]:
    """Give mean and spread of what was measured, and the columns that were not."""
    found, names = importance.measure(asked, IMPORTANCE_SECONDS), asked.frame.columns
    rows = {c: (float(np.mean(h)), float(np.std(h))) for c, h in found.harm.items()}
    rows = {c: row for c, row in rows.items() if isfinite(sum(row))}
    axis = charts.Axis.around(
        [0, *(m + s * k for m, s in rows.values() for k in (-1, 1))]
    )
    return {
        "rows": found.rows,
        "repeats": sorted({len(harm) for harm in found.harm.values()}),
        "bars": [
            (
                names[c],
                mean,
                spread,
                axis.place([0, mean, mean - spread, mean + spread]),
            )
            for c, (mean, spread) in sorted(rows.items(), key=lambda item: -item[1][0])
        ],
        "missing": [name for c, name in enumerate(names) if c not in rows],
    }
