"""The owner's Predictor: what it has to offer, and what it may offer besides.

All that is optional is looked for once, when the model is loaded: at request time
nobody asks any more whether there is a `decode`.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from runtime.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

log = logging.getLogger("serve")


class Predictor(Protocol):
    """What `predictor.py` has to offer; `Owner` lists what is optional."""

    def __init__(self, model_dir: Path) -> None:
        """Load the model's files: once for each model, never for each request."""

    def predict(self, rows: "pd.DataFrame") -> Any:
        """Give one answer per row of `(n_rows, n_features)`."""


class Owner:
    """A loaded Predictor, with a value for each of its optional parts."""

    def __init__(self, predictor: Predictor) -> None:
        def optional(name: str, *, default: Any) -> Any:
            return getattr(predictor, name, default)

        self.predictor = predictor
        self.predict: Callable[[Any], Any] = predictor.predict
        # False: an answer depends on the other rows of its request.
        self.batchable: bool = optional("batchable", default=True)
        self.wants_frame: bool = optional("frame", default=True)
        self.example: Any = optional("example", default=None)
        self.start: Callable[[], object] = optional("start", default=lambda: None)
        self.healthy: Callable[[], object] = optional("healthy", default=lambda: True)
        self.decode: Callable[[bytes, str], Any] | None = optional(
            "decode", default=None
        )
        self.encode: Callable[[Any, str], tuple[bytes, str]] | None
        self.encode = optional("encode", default=None)
        # None is the owner's word too: the rows are not checked.
        self.has_schema = hasattr(predictor, "schema")
        self.schema: Any = optional("schema", default=None)
        self.estimator: Any = optional("model", default=None)
        # See `onnx_session`: a few rows take less time than another thread.
        self.instant: bool = getattr(self.estimator, "instant", False)


def construct(kind: type[Predictor], model_dir: Path) -> Predictor:
    """Let the owner's class load a model folder. Raises: ModelError."""
    try:
        return kind(model_dir)
    except ModelError:
        raise
    except Exception as exc:
        log.debug("Predictor failed", exc_info=True)
        message = f"Predictor({model_dir}) failed: {type(exc).__name__}: {exc}"
        raise ModelError(message) from exc
