"""A model as it is served: rows in, named outputs out, whatever the class is."""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from runtime.errors import BadInput, ModelError, PredictionFailed, RequestError
from runtime.models import artifact, engine
from runtime.models.fitted_columns import fitted_columns
from runtime.models.owner import Owner, Predictor, construct
from runtime.models.prediction import (
    Prediction,
    by_output,
    cell,
    count,
    other_length,
    owners_code,
    plain,
)
from runtime.models.refused_cells import refuse_cells, refuse_unseen
from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema, found_in
from runtime.tabular.table import Table

log = logging.getLogger("serve")


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
        no_warm_up: str = "",
    ) -> None:
        """Serve a predictor; `columns` are those of model.json.

        `preferred` names the engine that answers where both can. `outputs` take the
        place of the owner's own; `closed` refuses categories that `fit` has not seen.
        `no_warm_up` says why the model's warm-up row may fail: at the end of its job it
        did, and rows of the data did not.
        """
        self.owner = owner = Owner(predictor)
        self.outputs = outputs
        schema = _schema(owner, columns)
        self.schema = schema.closed() if schema and closed else schema
        self.instant = owner.instant
        self._no_warm_up = no_warm_up
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
            options["no_warm_up"] = (description or {}).get(artifact.WARM_UP_NOTE, "")
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
        if self._no_warm_up and self.owner.example is None:
            log.info("warm-up row: %s", self._no_warm_up)
            return
        try:
            self._predict_warm_up()
        except (PredictionFailed, BadInput):
            if not self._no_warm_up:
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
        given = {str(name): cell(value) for name, value in record.items()}
        columns = self.schema.columns if self.schema is not None else ()
        return {str(c.name): c.example for c in columns} | given

    def ask_owner(self, rows: Any) -> Any:
        """Give what the owner's `predict` gives to `Rows`, or to what `decode` gave.

        Raises: BadInput for categories that it does not know, for text that it refuses
        where no type is known, and what it raises itself.
        """
        try:
            return self._ask(rows)
        except RequestError:
            raise
        except Exception as exc:
            if isinstance(rows, Rows):
                refuse_unseen(rows, exc)
                if not self._typed:
                    refuse_cells(rows, self._ask, exc)
            raise

    def _ask(self, rows: Any) -> Any:
        return self.owner.predict(self._as_owner_takes(rows))

    def _as_owner_takes(self, rows: Any) -> Any:
        is_frame = self.owner.wants_frame and isinstance(rows, Rows)
        return rows.frame() if is_frame else rows

    def predict(self, rows: Any) -> Prediction:
        """Predict rows, as `ask_owner` takes them.

        Raises: BadInput where that code does; PredictionFailed for any other fault,
        also one answer too few.
        """
        n_rows = count(rows)
        with owners_code:
            answer, named = by_output(self.ask_owner(rows))
            for name, values in answer.items():
                if callable(values):
                    answer[name] = partial(self._called, name, values, rows)
                elif len(values) != n_rows:
                    raise other_length(name, values, n_rows)
        chosen = self.owner.outputs if len(answer) > 1 else ()
        return Prediction(answer, named, self.outputs, chosen)

    def _called(
        self, name: str, function: Callable[[Any], Any], rows: Any, chosen: slice
    ) -> list[Any]:
        """Ask a function that is an output, for the rows of one request alone."""
        part = rows.part(chosen) if isinstance(rows, Rows) else rows
        values = function(self._as_owner_takes(part))
        if len(values) != count(part):
            raise other_length(name, values, count(part))
        return plain(values)


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
