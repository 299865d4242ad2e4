"""What report.html shows: one page, one file, nothing to fetch.

The words and the looks are in the template; here is what they are about. Without jinja2
there is no page.
"""

import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support
from sklearn.utils import resample

from runtime.evaluation import charts, importance
from runtime.evaluation.evaluate import REGRESSION, Evaluation, evaluate
from runtime.evaluation.predictions import Predictions

IMPORTANCE_SECONDS = 2.0
TRAINING_ROWS = 10_000  # that the training score is measured on, at most
_WORST, _VALUES = 10, 12  # rows, and columns of each
_ROWS, _COLUMNS = 100_000, 100  # of a table that are described, at most
_WIDTH = 40  # characters of a value


@dataclass(frozen=True, slots=True)
class Context:
    """What the page tells besides the evaluation."""

    title: str  # the name of the job
    hyperparameters: Mapping[str, Any]
    versions: Mapping[str, str]
    seconds: Mapping[str, float]  # by step
    training: Any = None  # the X that the model was fitted on, or (X, y)
    date: str = ""
    notes: Sequence[str] = ()  # what the log says of the data


def write(file: Path, evaluation: Evaluation, context: Context) -> str:
    """Write the page into a folder that exists, in IMPORTANCE_SECONDS and some more.

    A page is not worth a model: whatever goes wrong is told, and nothing is raised.
    Returns: what is lacking, and why; or "".
    """
    if find_spec("jinja2") is None:
        return "there is no report.html: jinja2 is not installed"
    try:
        content = _content(evaluation, context)
        file.write_text(_rendered(content), "utf-8", "xmlcharrefreplace")
    except Exception:  # noqa: BLE001 -- the model's, or the disk's
        traceback.print_exc()
        return "there is no report.html, for the reason above"
    slow = content["importance"].get("slow", "")
    return slow and f"report.html: the importance of columns is {slow}"


def page(evaluation: Evaluation, context: Context) -> str:
    """Give the page as HTML. Raises: ImportError, if there is no jinja2."""
    return _rendered(_content(evaluation, context))


def _rendered(content: dict[str, Any]) -> str:
    import jinja2  # noqa: PLC0415 -- for a report only

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(content)


@np.errstate(all="ignore")  # what is not finite is not drawn
def _content(evaluation: Evaluation, context: Context) -> dict[str, Any]:
    asked, training = evaluation.predictions, context.training
    X, y = training if isinstance(training, tuple) else (training, None)
    kind = _of_numbers if evaluation.kind == REGRESSION else _of_classes
    tables = {"Held-out data": asked.frame}
    if X is not None:
        tables["Training data"] = pd.DataFrame(X)
    return kind(evaluation) | {
        "job": context,
        "n_fitted": 0 if X is None else len(X),
        "evaluation": evaluation,
        "training": _attempt(_training, asked.model, X, y),
        "importance": _attempt(_importance, asked),
        "worst": _worst(asked),
        "tables": {title: summarise(frame) for title, frame in tables.items()},
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
        X, y = resample(X, y, replace=False, n_samples=TRAINING_ROWS, random_state=0)
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
        "ticks": charts.ticks((0, 1)),
    }


def _of_numbers(evaluation: Evaluation) -> dict[str, Any]:
    truth, shares = evaluation.predictions.truth, (0.5, 0.9, 0.95, 1.0)
    off = np.abs(truth - evaluation.predictions.predicted)
    off = off[np.isfinite(off)]
    return {
        "constant": float(truth.std()),
        "sizes": [(s, np.quantile(off, s)) for s in shares] if len(off) else [],
        "residuals": charts.residuals(evaluation),
    }


def _worst(asked: Predictions) -> pd.DataFrame:
    """Give the rows that are most wrong, how wrong, and some of their values."""
    name, told = "error", asked.predicted - asked.truth
    order = -np.abs(told)
    if asked.scores is not None:
        known = asked.truth < asked.scores.shape[1]
        given = asked.scores[np.arange(len(known)), np.where(known, asked.truth, 0)]
        name, told = f"{asked.score} of true class", np.where(known, given, nan)
        order = told
    elif asked.labels:
        name, told = "right", asked.predicted == asked.truth
        order = told * 1.0
    chosen = np.argsort(np.nan_to_num(order, nan=-np.inf), kind="stable")[:_WORST]
    answers = asked.table().iloc[chosen, :3].assign(**{name: told[chosen]})
    values = asked.frame.iloc[chosen, :_VALUES].set_axis(chosen)
    table = pd.concat([answers, values], axis=1).astype(object)
    return table.where(table.notna(), "missing").map(_short)


def _importance(asked: Predictions) -> dict[str, Any]:
    """Give mean and spread of what was measured; none for some of the columns only."""
    names = asked.frame.columns
    found = importance.measure(asked, IMPORTANCE_SECONDS)
    if not found.harm:
        return {
            "slow": f"not measured, as {len(names):,} columns would take about "
            f"{found.seconds:,.0f} s, over {IMPORTANCE_SECONDS:g} s; scikit-learn's "
            "permutation_importance has no limit"
        }
    each = np.array([found.harm[place] for place in range(len(names))])
    columns = {"mean": each.mean(axis=1), "deviation": each.std(axis=1)}
    bars = pd.DataFrame(columns)
    if not np.isfinite(bars).all(axis=None):
        message = "its predictions of shuffled rows are not finite"
        raise ValueError(message)
    bars = bars.sort_values("mean", ascending=False, kind="stable")
    mean, low, high = bars["mean"], bars["mean"] - bars["deviation"], bars.sum(axis=1)
    edges = np.column_stack([np.zeros(len(bars)), mean, low, high])
    places = charts.place(edges, charts.span([*edges.ravel(), 0]))
    return {
        "rows": found.rows,
        "repeats": each.shape[1],
        "bars": list(
            zip(names[[*bars.index]], mean, bars["deviation"], places, strict=True)
        ),
    }


def summarise(frame: pd.DataFrame) -> tuple[list[dict[str, Any]], str]:
    """Describe each column, and say how much of the table is described."""
    some = frame.iloc[:, :_COLUMNS]
    if len(some) > _ROWS:
        some = some.sample(_ROWS, random_state=0)
    size = f"{len(frame):,} rows, {frame.shape[1]:,} columns"
    if some.shape != frame.shape:
        size += f"; {len(some):,} rows of {some.shape[1]} columns are described"
    return [_describe(name, some.iloc[:, i]) for i, name in enumerate(some)], f"{size}."


def _short(value: Any) -> str:
    """Write a value in 40 characters at most."""
    text = f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _describe(name: Any, column: "pd.Series[Any]") -> dict[str, Any]:
    """Give the least and the largest value, or the most frequent and its share."""
    values, told = column.dropna(), {"name": name, "type": column.dtype}
    if column.dtype == "object":
        values = values.astype("str")  # lists, for example, cannot be counted
    told |= {"distinct": values.nunique(), "missing": len(column) - len(values)}
    told["rows"] = len(column)
    if len(values) and values.dtype.kind in "iufmM":
        return told | {"range": f"{_short(values.min())} to {_short(values.max())}"}
    if values.empty:
        return told | {"range": ""}
    counts = values.value_counts(normalize=True)
    return told | {"range": _short(counts.index[0]), "share": counts.iloc[0]}
