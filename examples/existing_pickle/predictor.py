"""YOURS: how a model that was trained elsewhere answers: with what its own `predict` gives."""

from pathlib import Path

from runtime import Rows, load


class Predictor:
    """Loaded once, before the first request; then `predict` runs for each."""

    outputs = ("prediction",)  # the answer, unless others are asked for

    def __init__(self, model_dir: Path) -> None:
        # The one .joblib or .pkl file of the folder; or ONNX, if train has found it equal.
        self.model = load(model_dir, fast=True)

    def predict(self, rows: Rows):
        """Give one answer per row, of one or more outputs."""
        if not hasattr(self.model, "predict_proba"):
            return {"prediction": self.model.predict(rows)}
        labels, shares = self.model.predict_and_proba(rows)
        classes = [self.model.classes_] * len(labels)
        return {"prediction": labels, "probabilities": shares, "labels": classes}
