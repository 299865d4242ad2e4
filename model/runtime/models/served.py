"""A model as it is served: rows in, named outputs out, whatever the class is."""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import NoneType, TracebackType
from typing import Any

from runtime.errors import BadInput, ModelError, PredictionFailed, RequestError
from runtime.models import artifact, engine
from runtime.models.fitted_columns import fitted_columns, refuse_cells
from runtime.models.owner import Owner, Predictor, construct
from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema, found_in
from runtime.tabular.table import Outputs, Table

log = logging.getLogger("serve")
EVERY = ("*",)  # `outputs=*`: all that there are
ALL = slice(None)  # rows
_MISSING = ("NAType", "NaTType")  # pandas', which may not be imported
_PLAIN = {str, int, float, bool, NoneType}


class OwnersCode:
    """Keep what the owner's code raises out of the answer, but for a RequestError."""

    def __enter__(self) -> None:
        """Begin to run the owner's code."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise PredictionFailed, with what happened as its cause."""
        # Also what is no Exception: SystemExit, or a panic of a library in Rust.
        if exc is not None and not isinstance(exc, RequestError):
            message = "the model failed on these rows; the log has the reason"
            raise PredictionFailed(message) from exc


owners_code = OwnersCode()


class ServedModel:
    """One loaded model."""

    def __init__(
        self,
        predictor: Predictor,
        columns: list[dict[str, Any]] | None = None,
        *,
        preferred: str = engine.ONNX,
        outputs: tuple[str, ...] = (),
        closed: bool = False,
        cold: str = "",
    ) -> None:
        """Serve a predictor; `columns` are those of model.json.

        `preferred` names the engine that answers where both can. `outputs` take the
        place of the owner's own; `closed` refuses categories that `fit` has not seen.
        `cold` says why the model's warm-up row may fail: at the end of its job it did,
        and rows of the data did not.
        """
        self.owner = owner = Owner(predictor)
        self.outputs = outputs
        schema = _schema(owner, columns)
        self.schema = schema.closed() if schema and closed else schema
        self.instant = owner.instant
        self._cold = cold
        self._preferred = preferred
        self._typed = schema is not None and schema.has_types
        # Whether a body may be predicted in slices: no row knows of another, and it is
        # not the owner who writes the answer to all of them.
        self.divisible = owner.batchable and self._typed and owner.encode is None
        # Whether rows of several requests may be predicted together.
        self.joinable = self.divisible and owner.decode is None

    @classmethod
    def load(
        cls,
        model_dir: Path,
        kind: type[Predictor],
        version_check: str = "fail",
        preferred: str = engine.ONNX,
        **options: Any,
    ) -> "ServedModel":
        """Load the folder through the owner's Predictor; options as of `ServedModel`.

        Raises: ModelError, in one sentence with the file that is at fault.
        """
        started = time.monotonic()
        description = artifact.describe(model_dir)
        _compare_versions(model_dir, description or {}, version_check)
        if description is None:
            log.info("no model.json: types are the estimator's, no warm-up row")
        with engine.preferring(preferred):
            predictor = construct(kind, model_dir)
        try:
            columns = (description or {}).get("columns")
            options["cold"] = (description or {}).get(artifact.WARM_UP_NOTE, "")
            model = cls(predictor, columns, preferred=preferred, **options)
        except (KeyError, TypeError, ValueError) as exc:
            file = model_dir / artifact.DESCRIPTION
            message = f"cannot read the columns of {file}: {exc!r}"
            raise ModelError(message) from exc
        log.info("loaded %s in %.2f s", model_dir, time.monotonic() - started)
        return model

    def start(self) -> None:
        """Let the owner open clients: once in each worker, after the fork."""
        with engine.preferring(self._preferred):
            self.owner.start()

    def warm_up(self) -> None:
        """Predict one synthetic row, so that `/ping` tells the truth (H-15).

        The owner's `example` takes its place. Raises: what `predict` raises.
        """
        if self._cold and self.owner.example is None:
            log.info("warm-up row: %s", self._cold)
            return
        try:
            self._predict_warm_up()
        except (PredictionFailed, BadInput):
            if not self._cold:
                raise
            log.warning("`example` in Predictor fails as a warm-up row", exc_info=True)

    def _predict_warm_up(self) -> None:
        if self.owner.example is None and self.owner.decode is not None:
            log.info("decode is the owner's own: set `example` to have a warm-up row")
        elif self.owner.example is not None or self._typed:
            self.predict(self.example()).outputs()

    def example(self) -> Any:
        """Give the owner's example, or the schema's, of which there has to be one."""
        if self.owner.example is not None:
            with owners_code:
                return self._owners_rows(self.owner.example)
        assert self.schema is not None  # noqa: S101 -- as the caller knows
        return self.schema.example()

    def _owners_rows(self, example: Any) -> Any:
        """Make rows of the owner's example: one row by name, or several.

        Columns that it does not name have the schema's own examples.
        """
        records = [example] if isinstance(example, dict) else example
        if hasattr(records, "to_dict") and not self.owner.wants_frame:
            records = records.to_dict("records")
        named = isinstance(records, list) and all(isinstance(r, dict) for r in records)
        if named and self.schema is not None and self._typed:
            return self.schema.read(Table([self._filled(r) for r in records]))
        if not self.owner.wants_frame:
            table = Table(records)
            return (self.schema or found_in(table)).read(table)
        import pandas as pd  # noqa: PLC0415 -- a third of a second

        return pd.DataFrame(records)

    def _filled(self, record: dict[Any, Any]) -> dict[str, Any]:
        """Give a row by the names of the schema; others go along, and are left."""
        given = {str(name): _cell(value) for name, value in record.items()}
        columns = self.schema.columns if self.schema is not None else ()
        return {str(c.name): c.example for c in columns} | given

    def ask_owner(self, rows: Any) -> Any:
        """Give what the owner's `predict` gives to `Rows`, or to what `decode` gave.

        Raises: BadInput for text that it refuses where no type is known, and what it
        raises itself.
        """
        if self._typed or not isinstance(rows, Rows):
            return self._ask(rows)
        try:
            return self._ask(rows)
        except RequestError:
            raise
        except Exception as exc:
            refuse_cells(rows, self._ask, exc)
            raise

    def _ask(self, rows: Any) -> Any:
        return self.owner.predict(self._as_owner_takes(rows))

    def _as_owner_takes(self, rows: Any) -> Any:
        is_frame = self.owner.wants_frame and isinstance(rows, Rows)
        return rows.frame() if is_frame else rows

    def predict(self, rows: Any) -> "Prediction":
        """Predict rows, as `ask_owner` takes them.

        Raises: BadInput where that code does; PredictionFailed for any other fault,
        also one answer too few.
        """
        n_rows = count(rows)
        with owners_code:
            answer, named = _by_output(self.ask_owner(rows))
            for name, values in answer.items():
                if callable(values):
                    answer[name] = partial(self._called, name, values, rows)
                elif len(values) != n_rows:
                    raise _other_length(name, values, n_rows)
        chosen = self.owner.outputs if len(answer) > 1 else ()
        return Prediction(answer, named, self.outputs, chosen)

    def _called(
        self, name: str, function: Callable[[Any], Any], rows: Any, chosen: slice
    ) -> list[Any]:
        """Ask a function that is an output, for the rows of one request alone."""
        part = rows.part(chosen) if isinstance(rows, Rows) else rows
        values = function(self._as_owner_takes(part))
        if len(values) != count(part):
            raise _other_length(name, values, count(part))
        return _plain(values)


class Prediction:
    """What `predict` gave to some rows: `(n_rows,)` or `(n_rows, k)` by output.

    An output that is a function of rows is computed where somebody asks for it.
    """

    def __init__(
        self,
        answer: dict[str, Any],
        named: bool,  # noqa: FBT001 -- as `Outputs` has it
        default: tuple[str, ...] = (),
        chosen: tuple[str, ...] = (),
    ) -> None:
        """Take the outputs: `default`, else the owner's choice, else all are given."""
        self._answer, self._named, self._chosen = answer, named, chosen
        self._default = default or chosen or EVERY
        self._plain: dict[str, list[Any]] = {}

    def outputs(self, wanted: tuple[str, ...] = (), rows: slice = ALL) -> Outputs:
        """Give the outputs that are wanted, `*` for all.

        Raises: BadInput for an output that there is not, ModelError where the owner has
        chosen it; PredictionFailed.
        """
        wanted = wanted or self._default
        wanted = tuple(self._answer) if wanted == EVERY else wanted
        if absent := [name for name in wanted if name not in self._answer]:
            message = f"no output {absent[0]!r}: there are {', '.join(self._answer)}"
            if wanted is self._chosen:
                message = (
                    f"Predictor has outputs = {wanted}, and predict gives {message}"
                )
                raise ModelError(message)
            raise BadInput(message)
        with owners_code:  # the values are the owner's
            return Outputs({n: self._column(n, rows) for n in wanted}, self._named)

    def _column(self, name: str, rows: slice) -> list[Any]:
        values = self._answer[name]
        if callable(values):
            found: list[Any] = values(rows)
            return found
        if name not in self._plain:
            self._plain[name] = _plain(values)
        return self._plain[name][rows]


def count(rows: Any) -> int:
    """Count rows; those of an owner's `decode` may be a sparse matrix."""
    if isinstance(rows, Rows):
        return rows.n_rows
    return int(rows.shape[0] if hasattr(rows, "shape") else len(rows))


def _compare_versions(
    model_dir: Path, description: dict[str, Any], version_check: str
) -> None:
    """Compare scikit-learn's versions (X-29). Raises: ModelError."""
    if version_check == "off" or not (skew := artifact.version_skew(description)):
        return
    if version_check == "fail":
        message = (
            f"{model_dir / artifact.DESCRIPTION}: {skew}: train again in this "
            "image, or set MODEL_VERSION_CHECK=warn"
        )
        raise ModelError(message)
    log.warning("%s", skew)


def _schema(owner: Owner, columns: list[dict[str, Any]] | None) -> Schema | None:
    """Find the schema: the owner's word, model.json, or what the estimator knows."""
    if owner.has_schema:
        given: Schema | None = owner.schema
        return given
    if columns is not None:
        return Schema.from_json(columns)
    found = fitted_columns(owner.estimator)
    return None if found is None else Schema(found)


def _by_output(answer: Any) -> tuple[dict[str, Any], bool]:
    """Give the outputs of `predict` by name, and whether it named them."""
    if isinstance(answer, dict) or hasattr(answer, "columns"):  # a DataFrame
        if not len(answer.keys()):
            message = "predict gave no output"
            raise ValueError(message)
        return {str(name): answer[name] for name in answer}, True
    return {"prediction": answer}, False


def _other_length(name: str, values: Any, n_rows: int) -> ValueError:
    return ValueError(f"{len(values)} answers to {n_rows} rows, in {name!r}")


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
