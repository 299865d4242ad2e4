"""YOURS: how a trained model answers, and why.

The score is the prediction itself for numbers. For two classes it is the log-odds of the
predicted one; for more it is the predicted one's number before softmax.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from runtime import BadInput, load

MOST_ROWS = 1000  # at once: contributions take ten times as long as predictions


class Predictor:
    """Loaded once, before the first request; then `predict` runs for each."""

    outputs = ("prediction",)  # the answer, unless others are asked for

    def __init__(self, model_dir: Path) -> None:
        self.model = load(model_dir)

    def predict(self, rows: pd.DataFrame):
        """Give one answer per row; what is a function runs only where it is asked for."""
        return {
            "prediction": self.model.predict(rows),
            "score": self.score,
            "contributions": self.contributions,
        }

    def score(self, rows: pd.DataFrame):
        return self.of_prediction(rows, self.model.predict(rows, raw_score=True))

    def contributions(self, rows: pd.DataFrame):
        if len(rows) > MOST_ROWS:
            raise BadInput(f"{len(rows)} rows: contributions are given for {MOST_ROWS} at once")
        names = [*rows.columns, "(base)"]
        found = self.of_prediction(rows, self.model.predict(rows, pred_contrib=True), len(names))
        return [dict(zip(names, row.tolist(), strict=True)) for row in found]

    def of_prediction(self, rows: pd.DataFrame, found, *shape: int):
        """Take what is of the predicted class, where there are classes."""
        found = found.reshape(len(rows), -1, *shape)
        classes = getattr(self.model, "classes_", [None])
        place = np.searchsorted(classes, self.model.predict(rows)) if len(classes) > 1 else 0
        if len(classes) == 2:  # LightGBM speaks of the second one
            return found[:, 0] * np.where(place == 1, 1, -1).reshape(-1, *[1] * len(shape))
        return found[np.arange(len(rows)), place]
