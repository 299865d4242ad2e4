"""YOURS: how a trained model answers: with the label of each text, and how sure it is."""

from pathlib import Path

from runtime import Rows, load


class Predictor:
    """Loaded once, before the first request; then `predict` runs for each."""

    outputs = ("predicted_label",)  # the answer, unless others are asked for

    def __init__(self, model_dir: Path) -> None:
        self.model = load(model_dir, fast=True)  # by ONNX where it answers the same

    def predict(self, rows: Rows):
        """Give one answer per text, of one or more outputs."""
        labels, shares = self.model.predict_and_proba(rows)
        return {
            "predicted_label": labels,
            "probability": shares.max(axis=1),
            "probabilities": shares,
            "labels": [self.model.classes_] * len(labels),
        }
