"""YOURS: how a trained model answers. Nothing here knows HTTP, CSV or JSON.

The sample: the estimator that train saved, asked for its predictions.
"""

from pathlib import Path

import pandas as pd
from runtime import load


class Predictor:
    """Loaded once, before the first request; then `predict` runs for each."""

    def __init__(self, model_dir: Path) -> None:
        self.model = load(model_dir)  # the estimator that train saved

    def predict(self, rows: pd.DataFrame):
        """Give one answer per row; `rows` has the columns and types of `fit`."""
        return self.model.predict(rows)
