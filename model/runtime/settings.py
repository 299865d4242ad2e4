"""Every serving variable, read once; all wrong values are reported together (H-74)."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from runtime.errors import SettingsError
from runtime.formats import FORMATS
from runtime.formats.media_types import media_type, names


def _set(default: Any, *variables: str, **limits: Any) -> Any:
    """Declare a field; of its variables the first that is set wins."""
    return Field(default, validation_alias=AliasChoices(*variables), **limits)


class Settings(BaseModel):
    """How this container serves; the reference's table has the sentence of each."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    base_dir: Path = _set(Path("/opt/ml"), "SAGEMAKER_BASE_DIR")
    """absolute folder in the place of `/opt/ml`"""
    port: int = _set(8080, "SAGEMAKER_BIND_TO_PORT", ge=1, le=65535)
    """port to listen on"""
    workers: int | None = _set(
        None, "SAGEMAKER_MODEL_SERVER_WORKERS", "MODEL_SERVER_WORKERS", ge=1
    )
    """worker processes; unset: one a CPU, each with 1 GiB of memory"""
    threads: int | None = _set(None, "MODEL_SERVER_THREADS", "OMP_NUM_THREADS", ge=1)
    """threads of native code in each worker; unset: CPUs / workers"""
    timeout: float | None = _set(
        None,
        "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT",
        "MODEL_SERVER_TIMEOUT",
        gt=0,
    )
    """seconds until a request is answered 504; unset: 60, in batch transform 3600"""
    max_payload_mb: float = _set(
        25, "SAGEMAKER_MAX_PAYLOAD_IN_MB", ge=0, allow_inf_nan=False
    )
    """largest body in MB, over it 413; 0: no limit"""
    queue: int = _set(1000, "MODEL_SERVER_QUEUE", ge=1)
    """requests that a worker holds at once; the next one is 503"""
    default_accept: str = _set(
        "application/json", "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"
    )
    """media type of the answer when the request names none"""
    outputs: tuple[str, ...] = _set((), "SAGEMAKER_INFERENCE_OUTPUT")
    """outputs that are answered, by commas; unset: `outputs` of Predictor, else all"""
    unseen: Literal["pass", "refuse"] = _set("pass", "MODEL_UNSEEN_CATEGORIES")
    """text that `fit` has not seen in its column: `predict` gets it, or it is a 400"""
    batch: bool = _set(False, "SAGEMAKER_BATCH")  # noqa: FBT003 -- as of `Field`
    """true in batch transform, where SageMaker sets it"""
    transforms: int | None = _set(None, "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", ge=1)
    """requests at once in batch transform; unset: one a worker"""
    bad_records: Literal["fail", "mark"] = _set("fail", "MODEL_BATCH_BAD_RECORDS")
    """a bad row in batch transform: a 400, or `ERROR` in the place of its answer"""
    multi_model: bool = _set(False, "SAGEMAKER_MULTI_MODEL")  # noqa: FBT003 -- likewise
    """true on a multi-model endpoint, where SageMaker sets it: one worker process"""
    # Elsewhere than on Linux no one counts the threads that loading has left.
    preload: bool = _set(sys.platform == "linux", "MODEL_PRELOAD")
    """load the model once, before the workers fork, where safe"""
    allow_pickle: bool = _set(True, "MODEL_ALLOW_PICKLE")  # noqa: FBT003 -- likewise
    """false: no pickle is opened, not by your code either; ONNX or skops answers"""
    engine: Literal["onnx", "scikit-learn"] = _set("onnx", "MODEL_ENGINE")
    """what answers for `load(model_dir, fast=True)`, where both can"""
    version_check: Literal["fail", "warn", "off"] = _set("fail", "MODEL_VERSION_CHECK")
    """what to do with a model of another scikit-learn version"""
    log_requests: Literal["errors", "all", "off"] = _set("errors", "LOG_REQUESTS")
    """which requests have a log line"""
    log_level: int = _set(20, "SAGEMAKER_CONTAINER_LOG_LEVEL")
    """Python's number: 10 debug, 20 info, 30 warning, 40 error"""

    @field_validator("outputs", mode="before")
    @classmethod
    def _names(cls, text: object) -> object:
        return names(text) if isinstance(text, str) else text

    @field_validator("preload", "batch", "multi_model", "allow_pickle", mode="before")
    @classmethod
    def _switch(cls, word: object) -> object:
        if str(word).lower() not in ("true", "1", "false", "0"):
            msg = "should be a boolean, true or false"
            raise ValueError(msg)
        return word

    @field_validator("base_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        if not folder.is_absolute():
            msg = "should be an absolute path"
            raise ValueError(msg)
        return folder

    @field_validator("default_accept")
    @classmethod
    def _writable(cls, name: str) -> str:
        if media_type(name) not in FORMATS:
            msg = f"should be one of {', '.join(FORMATS)}"
            raise ValueError(msg)
        return media_type(name)

    @property
    def deadline(self) -> float:
        """Seconds that a request may take (H-11)."""
        return self.timeout or (3600 if self.batch else 60)

    @property
    def max_payload(self) -> float:
        """Bytes that a body may have (H-23)."""
        return self.max_payload_mb * 1024 * 1024 or float("inf")

    @property
    def model_dir(self) -> Path:
        """The folder with the model's files (H-27)."""
        return self.base_dir / "model"

    @property
    def models_dirs(self) -> tuple[Path, ...]:
        """The folders below which models may be loaded by name (H-60, R-09)."""
        return self.base_dir / "models", self.model_dir

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the variables; one that is set to nothing counts as not set.

        Raises: SettingsError, with a line for each wrong value.
        """
        given = {name: value for name, value in environ.items() if value.strip()}
        try:
            return cls.model_validate(given)
        except ValidationError as exc:
            lines = [
                f"{e['loc'][0]}={e['input']!r}: {e['msg']}"
                for e in exc.errors(include_url=False)
            ]
            raise SettingsError("\n".join(lines)) from exc
