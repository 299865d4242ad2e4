"""How good a model is on rows that it has not seen: numbers, and how far to trust them.

`evaluate` measures; `Evaluation.write` leaves evaluation.json, which SageMaker reads, and
predictions.csv, for people. A number is everywhere called by the name that it has in
SageMaker's model quality metrics. report.py makes a page of it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import precision_recall_curve, roc_curve

from runtime.errors import ClientError

Array = np.ndarray[Any, Any]
Statistic = Callable[[Array], dict[str, float]]  # numbers of the rows at these positions

# What `Evaluation.metrics` can hold. `precision`, `recall` and `f1` are those of the
# second of two classes; `auc` is the area under the ROC curve.
_CLASSIFICATION = ("accuracy", "balanced_accuracy", "auc", "log_loss")
_AVERAGES = ("weighted_precision", "weighted_recall", "weighted_f1")
_OF_TWO = ("precision", "recall", "f1")
METRICS = (*_CLASSIFICATION, *_OF_TWO, *_AVERAGES, "rmse", "mae", "r2")

RESAMPLES = 200
RESAMPLED_ROWS = 10_000  # rows in a resample, at most
CURVE_POINTS = 200
WHOLE_MATRIX = 100  # classes; with more, zeros are left out of evaluation.json
_Z = 1.959964  # standard deviations to either side of the mean that hold 95 %
_NEEDS = {
    "auc": "needs a finite score for each class, and rows of two known classes",
    "log_loss": "needs probabilities, and no class that the model does not know",
    "precision": "needs a row that is predicted to be of the second class",
    "recall": "needs a row of the second class",
    "f1": "needs a row that is of the second class or predicted to be",
    "r2": "needs finite predictions, and two values of y that differ",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A number, and where it lies for 95 of 100 such samples; all of them finite."""

    value: float
    standard_deviation: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What `evaluate` found out.

    `kind` is `binary_classification`, `multiclass_classification` or `regression`.
    `labels` are the classes, those that the model knows first; none for a regression.
    `truth` and `predicted`, `(n_rows,)`, are positions in `labels`, or the numbers.
    `scores` is `(n_rows, n_known_classes)`, by the method `score`. `undefined` says of
    each number that is not in `statistics` what it needs.
    """

    kind: str
    model: Any
    X: pd.DataFrame
    truth: Array
    predicted: Array
    labels: list[Any]
    score: str
    scores: Array | None
    statistics: dict[str, Metric]
    undefined: dict[str, str]

    @property
    def metrics(self) -> dict[str, float]:
        """Give the numbers for a log, in the order of METRICS."""
        known = self.statistics
        return {name: known[name].value for name in METRICS if name in known}

    @property
    def names(self) -> list[str]:
        """Give the labels as text, each of them once."""
        names = [str(label) for label in self.labels]
        unique = len(set(names)) == len(names)
        return names if unique else [repr(label) for label in self.labels]

    @property
    def confusion(self) -> Array:
        """Count the rows by true class (first axis) and predicted class (second)."""
        k = len(self.labels)
        cells = np.bincount(self.truth * k + self.predicted, minlength=k * k)
        return cells.reshape(k, k)

    def curves(self, label: int) -> tuple[Array, Array, Array, Array] | None:
        """Give false and true positive rates, then precisions and recalls, of a class.

        Each has some hundred points at most. None without scores, or where not both
        this class and another have rows.
        """
        positive = self.truth == label
        if self.scores is None or positive.all() or not positive.any():
            return None
        score = self.scores[:, label]
        false, true, _ = roc_curve(positive, score)
        precision, recall, _ = precision_recall_curve(
            positive, score, drop_intermediate=True
        )
        return *_thin(false, true), *_thin(precision[::-1], recall[::-1])

    def to_json(self) -> dict[str, Any]:
        """Give SageMaker's model quality metrics; confusion_matrix is true, predicted.

        The registry of models shows them, and a condition of a pipeline reads them.
        """
        found: dict[str, Any] = {
            name: {"value": m.value, "standard_deviation": m.standard_deviation}
            for name, m in self.statistics.items()
        }
        if self.labels:
            found["confusion_matrix"] = _matrix(self.names, self.confusion)
        curves = self.curves(1) if self.kind == "binary_classification" else None
        if curves is not None:
            false, true, precision, recall = (points.tolist() for points in curves)
            found["receiver_operating_characteristic_curve"] = {
                "false_positive_rates": false,
                "true_positive_rates": true,
            }
            found["precision_recall_curve"] = {
                "precisions": precision,
                "recalls": recall,
            }
        return {f"{self.kind}_metrics": found}

    def predictions(self) -> pd.DataFrame:
        """Give one row per row of X: its index, y, the prediction, and how sure it is.

        A class adds a column `predict_proba:CLASS`, or `decision_function:CLASS`.
        """
        if not self.labels:
            columns = {"y": self.truth, "prediction": self.predicted}
            columns["residual"] = self.truth - self.predicted
        else:
            labels = np.array([*self.labels, None], dtype=object)[:-1]
            columns = {"y": labels[self.truth], "prediction": labels[self.predicted]}
        if self.scores is not None:
            names = (f"{self.score}:{name}" for name in self.names)
            columns |= dict(zip(names, self.scores.T, strict=False))
        return pd.DataFrame({"row": np.asarray(self.X.index), **columns})

    def write(self, folder: Path) -> None:
        """Write evaluation.json and predictions.csv into a folder, made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        (folder / "evaluation.json").write_text(text + "\n")
        self.predictions().to_csv(folder / "predictions.csv", index=False)
