"""Every serving variable, read once; all wrong values are reported together (H-74)."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

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


class Settings(BaseModel):
    """How this container serves. The first name of a variable that is set wins."""

    model_config = ConfigDict(frozen=True)

    base_dir: Path = Field(
        Path("/opt/ml"),
        validation_alias=AliasChoices("SAGEMAKER_BASE_DIR"),
        description="absolute folder in the place of `/opt/ml`",
    )
    port: int = Field(
        8080,
        ge=1,
        le=65535,
        validation_alias=AliasChoices("SAGEMAKER_BIND_TO_PORT"),
        description="port to listen on",
    )
    workers: int | None = Field(
        None,
        ge=1,
        validation_alias=AliasChoices(
            "SAGEMAKER_MODEL_SERVER_WORKERS", "MODEL_SERVER_WORKERS"
        ),
        description="worker processes; unset: one a CPU, each with 1 GiB of memory",
    )
    threads: int | None = Field(
        None,
        ge=1,
        validation_alias=AliasChoices("MODEL_SERVER_THREADS", "OMP_NUM_THREADS"),
        description="threads of native code in each worker; unset: CPUs / workers",
    )
    timeout: float | None = Field(
        None,
        gt=0,
        validation_alias=AliasChoices(
            "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT",
            "MODEL_SERVER_TIMEOUT",
        ),
        description="seconds until a request is answered 504; unset: 60, in batch "
        "transform 3600",
    )
    max_payload_mb: float = Field(
        25,
        ge=0,
        allow_inf_nan=False,
        validation_alias=AliasChoices("SAGEMAKER_MAX_PAYLOAD_IN_MB"),
        description="largest body in MB, over it 413; 0: no limit",
    )
    queue: int = Field(
        1000,
        ge=1,
        validation_alias=AliasChoices("MODEL_SERVER_QUEUE"),
        description="requests that a worker holds at once; the next one is 503",
    )
    default_accept: str = Field(
        "application/json",
        validation_alias=AliasChoices("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"),
        description="media type of the answer when the request names none",
    )
    outputs: tuple[str, ...] = Field(
        (),
        validation_alias=AliasChoices("SAGEMAKER_INFERENCE_OUTPUT"),
        description="outputs of `predict` that are answered, separated by commas; "
        "unset: the first",
    )
    unseen: Literal["pass", "refuse"] = Field(
        "pass",
        validation_alias=AliasChoices("MODEL_UNSEEN_CATEGORIES"),
        description="text that `fit` has not seen in a column of few categories: "
        "`predict` gets it, or the request is 400",
    )
    batch: bool = Field(
        default=False,
        validation_alias=AliasChoices("SAGEMAKER_BATCH"),
        description="true in batch transform, where SageMaker sets it",
    )
    transforms: int | None = Field(
        None,
        ge=1,
        validation_alias=AliasChoices("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"),
        description="requests at once in batch transform; unset: one a worker",
    )
    bad_records: Literal["fail", "mark"] = Field(
        "fail",
        validation_alias=AliasChoices("MODEL_BATCH_BAD_RECORDS"),
        description="a bad row in batch transform: the request is 400, or `ERROR` "
        "stands in the place of its answer",
    )
    preload: bool = Field(
        default=sys.platform == "linux",  # elsewhere no one counts the threads it left
        validation_alias=AliasChoices("MODEL_PRELOAD"),
        description="load the model once, before the workers fork, where safe",
    )
    engine: Literal["onnx", "scikit-learn"] = Field(
        default="onnx",
        validation_alias=AliasChoices("MODEL_ENGINE"),
        description="what answers for `load(model_dir, fast=True)`, where both can",
    )
    version_check: Literal["fail", "warn", "off"] = Field(
        "fail",
        validation_alias=AliasChoices("MODEL_VERSION_CHECK"),
        description="what to do with a model of another scikit-learn version",
    )
    log_requests: Literal["errors", "all", "off"] = Field(
        "errors",
        validation_alias=AliasChoices("LOG_REQUESTS"),
        description="which requests have a log line; a summary each minute but for off",
    )
    log_level: int = Field(
        20,
        validation_alias=AliasChoices("SAGEMAKER_CONTAINER_LOG_LEVEL"),
        description="Python's number: 10 debug, 20 info, 30 warning, 40 error",
    )

    @field_validator("outputs", mode="before")
    @classmethod
    def _names(cls, text: object) -> object:
        return names(text) if isinstance(text, str) else text

    @field_validator("preload", "batch", mode="before")
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
