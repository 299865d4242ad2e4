"""YOURS: how a trained model answers. Nothing here knows HTTP, CSV or JSON.

The sample: the model that train saved, asked for predictions and probabilities.
"""

from pathlib import Path

from runtime import load


class Predictor:
    """Loaded once, before the first request; then `predict` runs for each."""

    frame = False  # `rows` maps names to columns; without this line it is a DataFrame

    def __init__(self, model_dir: Path) -> None:
        self.model = load(model_dir, fast=True)  # by ONNX where it answers the same

    def predict(self, rows):
        """Give one answer per row; of several outputs the first, unless others are asked for."""
        if not hasattr(self.model, "predict_proba"):
            return {"score": self.model.predict(rows)}
        labels, shares = self.model.classes_, self.model.predict_proba(rows)
        return {
            "predicted_label": labels[shares.argmax(axis=1)],
            "probability": shares.max(axis=1),
            "probabilities": shares,
            "labels": [labels] * len(shares),
        }
