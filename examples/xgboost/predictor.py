"""YOURS: how a trained model answers: with what is predicted, and with probabilities."""

from pathlib import Path

import pandas as pd
from runtime import load


class Predictor:
    """Loaded once, before the first request; then `predict` runs for each."""

    outputs = ("prediction",)  # the answer, unless others are asked for

    def __init__(self, model_dir: Path) -> None:
        self.model = load(model_dir)

    def predict(self, rows: pd.DataFrame):
        """Give one answer per row, of one or more outputs."""
        answer = {"prediction": self.model.predict(rows)}
        if hasattr(self.model, "predict_proba"):
            answer["probabilities"] = self.model.predict_proba(rows)
            answer["labels"] = [self.model.classes_] * len(rows)
        return answer
