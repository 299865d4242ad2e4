"""LitServe, with its batches: what has gathered is one call of `predict`."""

import os
from pathlib import Path
from typing import Any

import joblib
import litserve
import numpy as np
import pandas as pd


class Penguins(litserve.LitAPI):  # type: ignore[misc]
    """Loaded in each worker."""

    def setup(self, device: str) -> None:  # noqa: ARG002 -- its signature
        """Load the model."""
        self.model = joblib.load(Path(os.environ["MODEL_DIR"]) / "model.joblib")

    def decode_request(self, request: dict[str, Any]) -> list[list[Any]]:
        """Take the rows as they are: one frame is made for all requests of a batch."""
        rows: list[list[Any]] = request["rows"]
        return rows

    def batch(self, inputs: list[list[list[Any]]]) -> list[list[list[Any]]]:
        """Keep requests apart, as they have different numbers of rows."""
        return inputs

    def predict(self, x: list[list[list[Any]]]) -> list[Any]:
        """Predict the rows of all requests. Returns: labels by request."""
        rows = [row for request in x for row in request]
        names = list(self.model.feature_names_in_)
        labels = self.model.predict(pd.DataFrame(rows, columns=names))
        return np.split(labels, np.cumsum([len(request) for request in x])[:-1])

    def unbatch(self, output: list[Any]) -> list[Any]:
        """Give what is apart already."""
        return output

    def encode_response(self, output: Any) -> dict[str, list[str]]:
        """Give the labels of one request."""
        return {"labels": output.tolist()}


if __name__ == "__main__":
    api = Penguins(max_batch_size=64, batch_timeout=0.002)
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=2, timeout=60
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        generate_client_file=False,
    )
