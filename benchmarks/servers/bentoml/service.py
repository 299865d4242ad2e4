"""BentoML, with its adaptive batches: the rows of several requests are one call."""

import os
from pathlib import Path
from typing import Any

import bentoml
import joblib
import pandas as pd


@bentoml.service(
    workers=2, traffic={"timeout": 60}, logging={"access": {"enabled": False}}
)
class Penguins:
    """Loaded in each worker."""

    def __init__(self) -> None:
        self.model = joblib.load(Path(os.environ["MODEL_DIR"]) / "model.joblib")

    @bentoml.api(batchable=True, max_batch_size=100_000, max_latency_ms=60_000)  # type: ignore[untyped-decorator]
    def predict(self, rows: list[list[Any]]) -> list[str]:
        """Predict the rows of all requests of a batch."""
        names = list(self.model.feature_names_in_)
        frame = pd.DataFrame(rows, columns=names)
        labels: list[str] = self.model.predict(frame).tolist()
        return labels
