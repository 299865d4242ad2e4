"""How good a model is, for a log, for SageMaker and for people.

`evaluate` measures; `Evaluation.write` leaves evaluation.json, which SageMaker reads,
and predictions.csv, row by row. report.py makes a page of it.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import metrics as sk

from runtime.evaluation import metrics, predictions
from runtime.evaluation.metrics import Array, Metric
from runtime.evaluation.predictions import Predictions

# Names that `Evaluation.metrics` can have. `precision`, `recall` and `f1` are those of
# the second of two classes; weighted_recall is not here, since it is the accuracy.
_PREDICTED = ("accuracy", "balanced_accuracy", "weighted_precision", "weighted_f1")
_OF_CLASSES = (*_PREDICTED, "auc", "log_loss")
_OF_TWO = (*_OF_CLASSES, "precision", "recall", "f1")
_OF_NUMBERS = ("rmse", "mae", "r2")
METRICS = (*_OF_TWO, *_OF_NUMBERS)

BINARY, MULTICLASS = "binary_classification", "multiclass_classification"
REGRESSION = "regression"
_EXPECTED = {BINARY: _OF_TWO, MULTICLASS: _OF_CLASSES, REGRESSION: _OF_NUMBERS}
MANY_CLASSES = 100  # with more there is no auc, and evaluation.json leaves zeros out
_CURVE_POINTS = 200
_SHOWN = 3  # classes
_NEEDS = {
    "auc": f"finite scores of {MANY_CLASSES} classes at most, and rows of two of them",
    "log_loss": "probabilities, and no row of a class that the model does not know",
    "precision": "a row that is predicted to be of the second class",
    "recall": "a row of the second class",
    "f1": "a row of the second class, or one that is predicted to be",
    "rmse": "finite predictions, with errors that can be squared",
    "mae": "finite predictions",
    "r2": "finite predictions, and two values of y that differ",
}


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What `evaluate` found out.

    `undefined` says of each number that is not in `statistics` what it would need.
    """

    kind: str  # of the problem: BINARY, MULTICLASS or REGRESSION
    predictions: Predictions
    statistics: dict[str, Metric]
    undefined: dict[str, str]

    @property
    def metrics(self) -> dict[str, float]:
        """Give the numbers for a log, in the order of METRICS."""
        found = self.statistics
        return {name: found[name].value for name in METRICS if name in found}

    @property
    def unseen(self) -> str:
        """Say how many rows are of classes that the model does not know, if any."""
        asked = self.predictions
        n_known = len(getattr(asked.model, "classes_", ())) or len(asked.labels)
        rows = Counter(place for place in asked.truth.tolist() if place >= n_known)
        if not asked.labels or not rows:
            return ""
        names = ", ".join(repr(asked.labels[place]) for place in [*rows][:_SHOWN])
        more = ", …" if len(rows) > _SHOWN else ""
        return (
            f"{rows.total()} held-out rows are of classes that the model was not "
            f"fitted on ({names}{more}): they count as predicted wrong"
        )

    def curves(self, label: int) -> dict[str, dict[str, list[float]]]:
        """Give the curves of a class against the others, 200 points of each at most.

        There are none without scores of this class, or with rows of one side only.
        """
        positive, scores = self.predictions.truth == label, self.predictions.scores
        known = scores is not None and label < scores.shape[1]
        if scores is None or not known or positive.min() == positive.max():
            return {}
        false, true, _ = sk.roc_curve(positive, scores[:, label])
        precisions, recalls, _ = sk.precision_recall_curve(
            positive, scores[:, label], drop_intermediate=True
        )
        return {
            "receiver_operating_characteristic_curve": _thin(
                false_positive_rates=false, true_positive_rates=true
            ),
            "precision_recall_curve": _thin(
                precisions=precisions[::-1], recalls=recalls[::-1]
            ),
        }

    def to_json(self) -> dict[str, Any]:
        """Give SageMaker's model quality metrics; confusion_matrix is by true class.

        The model registry shows them, and JsonGet reads them in a pipeline's condition.
        """
        found: dict[str, Any] = {
            name: {"value": m.value, "standard_deviation": m.standard_deviation}
            for name, m in self.statistics.items()
        }
        if self.kind != REGRESSION:
            found["confusion_matrix"] = _matrix(self.predictions)
        if self.kind == BINARY:
            found |= self.curves(1)
        return {f"{self.kind}_metrics": found}

    def write(self, folder: Path) -> None:
        """Write evaluation.json and predictions.csv into a folder, made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        (folder / "evaluation.json").write_text(text + "\n")
        self.predictions.table().to_csv(folder / "predictions.csv", index=False)


def evaluate(model: Any, X: Any, y: Any) -> Evaluation:
    """Measure a fitted estimator on held-out X `(n_rows, n_features)`, y `(n_rows,)`.

    Raises: ClientError, if there is nothing to measure on.
    """
    asked = predictions.ask(model, X, y)
    kind = {0: REGRESSION, 2: BINARY}.get(len(asked.labels), MULTICLASS)
    found = _measure(asked)
    statistics = {name: metric for name, metric in found.items() if metric.finite}
    missing = (name for name in _EXPECTED[kind] if name not in statistics)
    return Evaluation(kind, asked, statistics, {name: _NEEDS[name] for name in missing})


def _measure(asked: Predictions) -> dict[str, Metric]:
    truth, predicted, scores = asked.truth, asked.predicted, asked.scores
    if not asked.labels:
        return metrics.of_numbers(truth, predicted)
    found = metrics.of_classes(truth, predicted, len(asked.labels))
    if scores is not None and len(asked.labels) <= MANY_CLASSES:
        found |= metrics.of_scores(truth, scores)
    if scores is not None and asked.score == "probability":
        found |= metrics.of_probabilities(truth, scores)
    return found


def _matrix(asked: Predictions) -> dict[str, dict[str, int]]:
    """Count rows by the names of the true and the predicted class."""
    counts, names = asked.confusion, list(enumerate(asked.names))
    whole = len(names) <= MANY_CLASSES
    return {
        true: {said: counts[i, j] for j, said in names if whole or counts[i, j]}
        for i, true in names
    }


def _thin(**axes: Array) -> dict[str, list[float]]:
    """Keep 200 points of a line, its ends among them."""
    n = len(next(iter(axes.values())))
    chosen = np.linspace(0, n - 1, min(n, _CURVE_POINTS)).round().astype(int)
    return {name: axis[chosen].tolist() for name, axis in axes.items()}
