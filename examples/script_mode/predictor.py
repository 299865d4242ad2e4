"""YOURS: an inference.py of script mode, which stays as it is. It lies beside this file.

If yours has no input_fn or output_fn, ours read and write. If it has a transform_fn instead,
return `[(body, media_type)]` from decode, `rows` from predict, and
`inference.transform_fn(self.model, *answer[0], accept)` from encode.
"""

from pathlib import Path

import inference
from runtime import BadInput

TEXT = ("application/json", "text/csv")  # what script mode hands over as str


class Predictor:
    """Calls what SageMaker's own container would call, with the same arguments."""

    def __init__(self, model_dir: Path) -> None:
        self.model = inference.model_fn(str(model_dir))
        if not hasattr(inference, "input_fn"):
            self.decode = None
        if not hasattr(inference, "output_fn"):
            self.encode = None

    def decode(self, body: bytes, media_type: str):
        try:
            return inference.input_fn(body.decode() if media_type in TEXT else body, media_type)
        except (LookupError, TypeError, ValueError) as exc:  # the body is to blame: a 400
            raise BadInput(f"{type(exc).__name__}: {exc}") from exc

    def predict(self, rows):
        try:
            if hasattr(inference, "predict_fn"):
                return inference.predict_fn(rows, self.model)
            return self.model.predict(rows)
        except ValueError as exc:  # text for a number, or a column too few: a 400
            raise BadInput(str(exc)) from exc

    def encode(self, answer, accept: str):
        return inference.output_fn(answer, accept)
