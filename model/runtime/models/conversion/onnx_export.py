"""The estimator of a job as ONNX, which answers in a fraction of the time.

It is kept only where it answers the same, as `equivalence` finds out. For the process
at the end of a job, which has limits: to convert a large forest takes longer than to
fit it, and skl2onnx takes a second to import.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, StringTensorType
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer

from runtime.models import artifact, onnx_session
from runtime.models.conversion import graph
from runtime.models.conversion.converters import registry
from runtime.models.conversion.converters.nodes import OPSET
from runtime.models.conversion.equivalence import Comparison
from runtime.models.conversion.fitted_trees import n_nodes, thresholds_of
from runtime.models.conversion.inexact import refuse_inexact
from runtime.models.conversion.parts import parts, parts_with_rows, steps_of
from runtime.models.conversion.refusal import TOLERANCE, Different
from runtime.models.engine import framed, takes_documents
from runtime.models.forests import without_joblib
from runtime.tabular.columns import Column
from runtime.tabular.schema import Schema

_TIMES = 5  # that the answer to a row is measured


def export(
    model_dir: Path, description: dict[str, Any], sample: Path
) -> tuple[bytes, dict[str, Any]]:
    """Give the content of model.onnx, and what model.json is to say of it.

    `sample` is a pickled DataFrame, rows of X. There is no content where ONNX answers
    something else, or nothing; then model.json says why.
    """
    rows = pd.read_pickle(sample)  # noqa: S301 -- of our own job
    model = without_joblib(artifact.load(model_dir))
    spent = milliseconds(framed(model), rows[:1])
    try:
        content, names = proved(model, description, rows)
    except Different as exc:
        return b"", {**artifact.without_onnx(str(exc)), artifact.SPEED: spent}
    schema = Schema.from_json(description["columns"]).requiring(names)
    fast = onnx_session.load(content, description)
    return content, {
        artifact.ONNX_NOTE: f"ONNX answers the same, to {TOLERANCE:g}",
        artifact.ONNX_ORIGIN: artifact.origin(model_dir),
        artifact.SPEED: milliseconds(fast, schema.example()),
        "columns": schema.to_json(),
    }


def milliseconds(model: Any, row: Any) -> float:
    """Measure how long the answer to one row takes, the least of some."""
    taken = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        model.predict(row)
        taken.append(time.perf_counter() - start)
    return float(f"{min(taken) * 1000:.2g}")


def proved(
    model: Any, description: dict[str, Any], rows: pd.DataFrame
) -> tuple[bytes, list[str | int]]:
    """Give the content of model.onnx, which answers as the model does on all rows.

    Also gives the columns that must have a value. Raises: Different.
    """
    columns = Schema.from_json(description["columns"]).columns
    model = getattr(model, "best_estimator_", model)  # a search answers by it
    refuse_inexact(model, columns, rows)
    try:
        content = converted(model, columns, rows[:1])
        fast = onnx_session.load(content, description)
    except (Different, MemoryError):
        raise
    except Exception as exc:  # skl2onnx's and ONNX Runtime's, of many kinds
        names = " or ".join(type(step).__name__ for step in steps_of(model))
        message = f"skl2onnx cannot convert {names} with these parameters and columns"
        raise Different(message) from exc
    has_trees = any(map(n_nodes, parts(model)))
    known = thresholds_of(parts(model), rows)
    comparison = Comparison(
        model, fast, rows, columns, has_trees=has_trees, thresholds=known
    )
    return content, comparison.run()


def converted(model: Any, columns: tuple[Column, ...], rows: pd.DataFrame) -> bytes:
    """Convert a model whose one input is a matrix, or one a column, `(n_rows, 1)`.

    Its outputs are those that the model has: labels, shares of classes.
    """
    registry.register(parts(model))
    kinds = {True: StringTensorType, False: DoubleTensorType}
    inputs = [
        (onnx_session.input_of(place), kinds[column.is_text]([None, 1]))
        for place, column in enumerate(columns)
    ]
    if not any(column.is_text for column in columns):
        inputs = [(onnx_session.MATRIX, DoubleTensorType([None, len(columns)]))]
    options = {id(model): {"zipmap": False}} if is_classifier(model) else {}
    documents = rows.iloc[:, 0] if takes_documents(model) else rows
    for part, x in parts_with_rows(model, documents):
        if known := registry.options_of(part, x):
            options[id(part)] = known
    with columns_by_number(model):
        found = to_onnx(
            model, initial_types=inputs, options=options, target_opset=OPSET
        )
    graph.finish(found)
    has_shares = hasattr(model, "predict_proba")
    if not has_shares:  # there may be scores, which nobody asks for
        found = select_model_inputs_outputs(found, found.graph.output[0].name)
    return bytes(found.SerializeToString())


@contextmanager
def columns_by_number(model: Any) -> Iterator[None]:
    """Let ColumnTransformers know their columns by number, as skl2onnx finds inputs.

    By name it looks for an input that is called so.
    """
    # Parts that are not fitted are among them: what was given as a parameter.
    found = [p for p in parts(model) if isinstance(p, ColumnTransformer)]
    known = [part for part in found if hasattr(part, "transformers_")]
    named = [part.transformers_ for part in known]
    for part in known:
        numbers = part._transformer_to_input_indices  # noqa: SLF001 -- no other
        part.transformers_ = [
            (name, step, list(numbers[name])) for name, step, _ in part.transformers_
        ]
    try:
        yield
    finally:
        for part, transformers in zip(known, named, strict=True):
            part.transformers_ = transformers
