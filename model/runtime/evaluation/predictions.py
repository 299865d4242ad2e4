"""What a model says of rows that it has not seen, beside the truth.

Classes are counted through: a label becomes its position, whatever its type.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier, is_regressor

from runtime.errors import ClientError
from runtime.evaluation.metrics import Array

_SCORES = {"predict_proba": "probability", "decision_function": "score"}


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Rows, what is true of them, and what the model predicts.

    `truth` and `predicted`, `(n_rows,)`, are numbers or, of a classifier, positions in
    `labels`: the classes, those that the model knows first. `scores` is `(n_rows,
    n_known_classes)` or None, each of them a `probability` or a `score`.
    """

    model: Any
    X: Any  # as it was given
    frame: pd.DataFrame  # X, whatever it is
    target: str  # the name of y, if it has one
    truth: Array
    predicted: Array
    labels: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()  # the labels as text, no two the same
    scores: Array | None = None
    score: str = ""

    @property
    def confusion(self) -> Counter[tuple[int, int]]:
        """Count the rows of a classifier by true and predicted class."""
        return Counter(zip(self.truth.tolist(), self.predicted.tolist(), strict=True))

    def table(self) -> pd.DataFrame:
        """Give one row per row of X: its index, y, the prediction, and how sure it is.

        A classifier adds a column `probability:CLASS`, or `score:CLASS`, for each class
        that it knows; a regressor the column `residual`, y - prediction.
        """
        columns: dict[str, Any] = {"y": self.truth, "prediction": self.predicted}
        if self.labels:
            labels = pd.Index(self.labels, dtype=object)
            columns = {name: labels.take(codes) for name, codes in columns.items()}
        else:
            columns["residual"] = self.truth - self.predicted
        if self.scores is not None:
            names = (f"{self.score}:{name}" for name in self.names)
            columns |= dict(zip(names, self.scores.T, strict=False))
        return pd.DataFrame({"row": np.asarray(self.frame.index), **columns})


def ask(model: Any, X: Any, y: Any) -> Predictions:
    """Ask a fitted estimator about X, `(n_rows, n_features)`; y, `(n_rows,)`, is true.

    A classifier is what scikit-learn takes for one; of an estimator that is neither
    classifier nor regressor, what gives probabilities, or has a y that is not numbers.
    Raises: ClientError, if there are no rows, or not one y for each.
    """
    truth = _column(y, len(X), "y")
    missing = int(pd.isna(truth).sum())
    if missing or not len(X):
        message = (
            f"y is missing in {missing} of {len(X)} held-out rows: hold out rows, each "
            "with the value to predict"
        )
        raise ClientError(message)
    given = model, X, pd.DataFrame(X), _name(y)
    predicted = _column(model.predict(X), len(X), "what the model predicts")
    if not _classifies(model, truth):
        return Predictions(*given, truth.astype("float64"), predicted.astype("float64"))
    known = np.asarray(getattr(model, "classes_", [])).tolist()
    truth, predicted = truth.astype(object), predicted.astype(object)
    predicted[pd.isna(predicted)] = np.nan  # no answer is a wrong one
    seen = pd.unique(np.concatenate([truth, predicted]))
    new = sorted({*seen} - {*known}, key=lambda label: (type(label).__name__, label))
    labels = pd.Index([*known, *new], dtype=object)
    codes = labels.get_indexer(truth), labels.get_indexer(predicted)
    scores = _scores(model, X, len(known or new))
    return Predictions(*given, *codes, tuple(labels), _texts(labels), *scores)


def in_form_of(X: Any, rows: pd.DataFrame) -> Any:
    """Give rows in the form that X has: one column alone, a frame or an array."""
    if np.ndim(X) == 1:
        return rows.iloc[:, 0]
    return rows if isinstance(X, pd.DataFrame) else rows.to_numpy()


def _column(values: Any, n_rows: int, what: str) -> Array:
    """Give `(n_rows,)` values; a table of one column will do. Raises: ClientError."""
    column = np.asarray(values)
    if column.shape not in {(n_rows,), (n_rows, 1)}:
        message = (
            f"{what} has the shape {column.shape}: evaluate takes ({n_rows},), one "
            "value for each row; several are measured by job.metric(name, value)"
        )
        raise ClientError(message)
    return column.ravel()


def _name(y: Any) -> str:
    """Give the name of a Series, or of a frame's one column."""
    name = y.columns[0] if isinstance(y, pd.DataFrame) else getattr(y, "name", None)
    return "" if name is None else str(name)


def _texts(labels: "pd.Index[Any]") -> tuple[str, ...]:
    """Write labels so that no two are the same: 1 and '1'."""
    texts = tuple(map(str, labels))
    return texts if len(set(texts)) == len(texts) else tuple(map(repr, labels))


def _classifies(model: Any, truth: Array) -> bool:
    try:
        if is_classifier(model) or is_regressor(model):
            return bool(is_classifier(model))
    except AttributeError:  # it has nothing of scikit-learn's base classes
        pass
    return hasattr(model, "predict_proba") or truth.dtype.kind not in "iuf"


def _scores(model: Any, X: Any, n_known: int) -> tuple[Array | None, str]:
    """Ask for probabilities, else scores; None without finite ones for each class."""
    for method, name in _SCORES.items():
        if hasattr(model, method):
            scores = np.asarray(getattr(model, method)(X), dtype="float64")
            if scores.ndim == 1:  # of the second class, against the first
                scores = np.column_stack([-scores, scores])
            if scores.shape == (len(X), n_known) and np.isfinite(scores).all():
                return scores, name
    return None, ""
