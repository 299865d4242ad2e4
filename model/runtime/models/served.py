"""A model as it is served: the owner's Predictor, its schema, its formats."""

import contextlib
import logging
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Protocol

from runtime.errors import (
    BadInput,
    ModelError,
    PredictionFailed,
    RequestError,
    ThreadsLeft,
)
from runtime.formats import Outputs, Table
from runtime.models import artifact, onnx_session
from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("serve")
EVERY = ("*",)  # output that there is
ALL = slice(None)  # rows
_MISSING = ("NAType", "NaTType")  # pandas', which may not be imported
_PLAIN = {str, int, float, bool, NoneType}
_TASKS = Path("/proc/self/task")


class Predictor(Protocol):
    """What `predictor.py` has to offer; all else that `ServedModel` looks for is optional."""

    def __init__(self, model_dir: Path) -> None:
        """Load the model's files: once for each model, never for each request."""

    def predict(self, rows: "pd.DataFrame") -> Any:
        """Give one answer per row of `(n_rows, n_features)`."""


class ServedModel:
    """One loaded model: rows to outputs."""

    def __init__(
        self,
        predictor: Predictor,
        columns: list[dict[str, Any]] | None,
        *,
        outputs: tuple[str, ...] = (),
        closed: bool = False,
    ) -> None:
        """Serve a predictor; `columns` are those of model.json.

        `outputs` are those that are answered where a request names none; `closed`
        refuses categories that `fit` has not seen.
        """
        self.predictor = predictor
        self.outputs = outputs
        schema = _schema(predictor, columns)
        self.schema = schema.closed() if schema and closed else schema
        self.batchable: bool = getattr(predictor, "batchable", True)
        estimator = getattr(predictor, "model", None)
        self.instant: bool = getattr(estimator, "instant", False)  # see `engine`

    @classmethod
    def load(
        cls,
        model_dir: Path,
        kind: type[Predictor],
        version_check: str = "fail",
        **options: Any,
    ) -> "ServedModel":
        """Load the folder through the owner's Predictor; options as of `ServedModel`.

        Raises: ModelError, in one sentence with the file that is at fault.
        """
        started = time.monotonic()
        description = artifact.describe(model_dir)
        skew = version_check != "off" and artifact.version_skew(description or {})
        if skew and version_check == "fail":
            message = (
                f"{model_dir / artifact.DESCRIPTION}: {skew}: train again in this "
                "image, or set MODEL_VERSION_CHECK=warn"
            )
            raise ModelError(message)
        if skew:
            log.warning("%s", skew)
        if description is None:
            log.info("no model.json: no check of types or versions, no warm-up row")
        predictor = _construct(kind, model_dir)
        try:
            model = cls(predictor, (description or {}).get("columns"), **options)
        except (KeyError, TypeError, ValueError) as exc:
            file = model_dir / artifact.DESCRIPTION
            message = f"cannot read the columns of {file}: {exc!r}"
            raise ModelError(message) from exc
        log.info("loaded %s in %.2f s", model_dir, time.monotonic() - started)
        return model

    def start(self) -> None:
        """Run once in each worker, after the fork: the owner's clients and sockets."""
        if hasattr(self.predictor, "start"):
            self.predictor.start()

    def healthy(self) -> bool:
        """Ask the owner's `healthy`, where there is one; it has to answer at once."""
        return bool(getattr(self.predictor, "healthy", lambda: True)())

    def warm_up(self) -> None:
        """Predict one synthetic row, so that `/ping` tells the truth (H-15)."""
        example = getattr(self.predictor, "example", None)
        if example is not None:
            self.predict(self._owners_rows(example))
        elif hasattr(self.predictor, "decode"):
            log.info("decode is the owner's own: set `example` to have a warm-up row")
        elif self.schema is not None and self.schema.typed:
            self.predict(self.rows(self.schema, self.schema.example().columns))

    def rows(self, schema: Schema, columns: list[Any]) -> Any:
        """Make rows of typed columns: a DataFrame, or `Rows` for who needs none."""
        rows = Rows(schema, columns)
        return rows if self._frameless else rows.frame()

    @property
    def _frameless(self) -> bool:
        """Say whether `frame = False`; where types are unknown, pandas finds them."""
        typed = self.schema is not None and self.schema.typed
        return typed and not getattr(self.predictor, "frame", True)

    def _owners_rows(self, example: Any) -> Any:
        """Make rows of the owner's example: one row by name, or several."""
        records = [example] if isinstance(example, dict) else example
        if self.schema is not None and self._frameless:
            rows = self.schema.read(Table(records))
            return self.rows(self.schema, rows.columns)
        import pandas as pd  # noqa: PLC0415 -- a third of a second

        return pd.DataFrame(records)

    @property
    def joinable(self) -> bool:
        """Say whether rows of several requests may be predicted together."""
        own = hasattr(self.predictor, "decode") or hasattr(self.predictor, "encode")
        return self.divisible and not own

    @property
    def divisible(self) -> bool:
        """Say whether a body may be predicted in slices: no row knows of another."""
        return self.batchable and self.schema is not None and self.schema.typed

    def predict(self, rows: Any, wanted: tuple[str, ...] = ()) -> Outputs:
        """Predict the outputs that are wanted, `*` for all; else those of the settings.

        Raises: what `prediction` and `Prediction.outputs` raise.
        """
        return self.prediction(rows).outputs(wanted or self.outputs)

    def prediction(self, rows: Any) -> "Prediction":
        """Let the owner's code predict.

        Raises: BadInput where that code does; PredictionFailed for any other fault,
        also one answer too few.
        """
        with owners_code():
            answer, named = _columns(self.predictor.predict(rows))
            n_rows = count(rows)
            for name, values in answer.items():
                if len(values) != n_rows:
                    message = f"{len(values)} answers to {n_rows} rows, in {name!r}"
                    raise ValueError(message)
            return Prediction(answer, named=named)


class Prediction:
    """What `predict` gave to some rows: `(n_rows,)` or `(n_rows, k)` by output."""

    def __init__(self, answer: dict[str, Any], *, named: bool) -> None:
        self._answer, self._named = answer, named
        self._plain: dict[str, list[Any]] = {}

    def outputs(self, wanted: tuple[str, ...], rows: slice = ALL) -> Outputs:
        """Give the outputs that are wanted: `*` for all, without a name the first.

        Raises: BadInput for an output that there is not; PredictionFailed.
        """
        wanted = wanted or tuple(self._answer)[:1]
        wanted = tuple(self._answer) if wanted == EVERY else wanted
        if absent := [name for name in wanted if name not in self._answer]:
            message = f"no output {absent[0]!r}: there are {', '.join(self._answer)}"
            raise BadInput(message)
        with owners_code():  # the values are the owner's
            return Outputs({n: self._column(n)[rows] for n in wanted}, self._named)

    def _column(self, name: str) -> list[Any]:
        if name not in self._plain:
            self._plain[name] = _plain(self._answer[name])
        return self._plain[name]


def count(rows: Any) -> int:
    """Count rows; those of an owner's `decode` may be a sparse matrix."""
    if isinstance(rows, Rows):
        return rows.n_rows
    return int(rows.shape[0] if hasattr(rows, "shape") else len(rows))


@contextlib.contextmanager
def owners_code() -> Iterator[None]:
    """Keep what the owner's code raises out of the answer, but for a RequestError."""
    try:
        yield
    except RequestError:
        raise
    except (Exception, SystemExit) as exc:
        message = "the model failed on these rows; the log has the reason"
        raise PredictionFailed(message) from exc


def import_first(kind: type[Predictor], model_dir: Path) -> None:
    """Import the libraries of a model that start threads as they are imported.

    So `unthreaded` does not count these, which no fork needs.
    """
    fast = onnx_session.is_wanted(model_dir)
    if fast:
        import_module("onnxruntime")
    if getattr(kind, "frame", True) or not fast:
        import_module("pandas")


@contextlib.contextmanager
def unthreaded() -> Iterator[None]:
    """Refuse a block of code that leaves threads behind: it must not precede a fork.

    A forked child has none of them, and native libraries wait for them for ever
    (X-09). Import first what starts threads by itself. Raises: ThreadsLeft.
    """
    before = _thread_count()
    yield
    for _ in range(20):  # the kernel lists a thread for a moment after its end
        left = _thread_count() - before
        if left <= 0:
            break
        time.sleep(0.01)
    else:
        message = f"loading the model left {left} threads behind"
        raise ThreadsLeft(message)


def _thread_count() -> int:
    return len(list(_TASKS.iterdir())) if _TASKS.exists() else 0


def _construct(kind: type[Predictor], model_dir: Path) -> Predictor:
    try:
        return kind(model_dir)
    except ModelError:
        raise
    except Exception as exc:
        log.debug("Predictor failed", exc_info=True)
        message = f"Predictor({model_dir}) failed: {type(exc).__name__}: {exc}"
        raise ModelError(message) from exc


def _schema(
    predictor: Predictor, columns: list[dict[str, Any]] | None
) -> Schema | None:
    """Find the schema: the owner's word, model.json, or the estimator's own names."""
    if hasattr(predictor, "schema"):
        given: Schema | None = predictor.schema  # None: no check of the rows
        return given
    if columns is not None:
        return Schema.from_json(columns)
    estimator = getattr(predictor, "model", None)
    if (names := getattr(estimator, "feature_names_in_", None)) is not None:
        return Schema.of_names(map(str, names))
    if (width := getattr(estimator, "n_features_in_", None)) is not None:
        return Schema.of_names(range(width))
    return None


def _columns(answer: Any) -> tuple[dict[str, Any], bool]:
    """Give the outputs of `predict` by name, and whether it named them."""
    if isinstance(answer, dict) or hasattr(answer, "columns"):  # a DataFrame
        if not len(answer.keys()):
            message = "predict gave no output"
            raise ValueError(message)
        return {str(name): answer[name] for name in answer}, True
    return {"prediction": answer}, False


def _plain(values: Any) -> list[Any]:
    """Make a list of Python's own values of an array, a Series or a list."""
    plain = values if isinstance(values, list) else values.tolist()
    if set(map(type, plain)) <= _PLAIN:
        return plain
    return [_cell(value) for value in plain]


def _cell(value: Any) -> Any:
    """Undo numpy and pandas, at any depth."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_cell(item) for item in value]
    if isinstance(value, dict):
        return {key: _cell(item) for key, item in value.items()}
    return None if type(value).__name__ in _MISSING else value
