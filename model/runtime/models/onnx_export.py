"""The estimator of a job as ONNX, which answers in a fraction of the time.

It is kept only where it answers the same, as `equivalence` finds out. For the process
at the end of a job, which has limits: to convert a large forest takes longer than to
fit it, and skl2onnx takes a second to import.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer

from runtime.models import artifact, onnx_session
from runtime.models.equivalence import TOLERANCE, Comparison, Different
from runtime.tabular.columns import Column
from runtime.tabular.schema import Schema

MOST_NODES = 500_000  # of all trees: about ten seconds and a gigabyte
EXACT = 2**24  # larger integers are rounded in float32
# What jumps where a number is rounded: no check finds all rows that are near.
_JUMPING = ("sklearn.neighbors", "sklearn.cluster", "sklearn.naive_bayes")
# What gives a tree the numbers that it was given itself.
_PASSING = {
    *("Pipeline", "ColumnTransformer", "FeatureUnion", "FunctionTransformer"),
    *("SimpleImputer", "OneHotEncoder", "OrdinalEncoder"),
    *("LabelEncoder", "LabelBinarizer"),
}


def export(
    model_dir: Path, description: dict[str, Any], sample: Path
) -> tuple[bytes, dict[str, Any]]:
    """Give the content of model.onnx, and what model.json is to say of it.

    `sample` is a pickled DataFrame, rows of X. Raises: what `proved` raises.
    """
    rows = pd.read_pickle(sample)  # noqa: S301 -- of our own job
    content, names = proved(artifact.load(model_dir), description, rows)
    schema = Schema.from_json(description["columns"]).requiring(names)
    return content, {
        artifact.ONNX_NOTE: f"ONNX answers the same, to {TOLERANCE:g}",
        artifact.ONNX_ORIGIN: artifact.origin(model_dir),
        "columns": schema.to_json(),
    }


def proved(
    model: Any, description: dict[str, Any], rows: pd.DataFrame
) -> tuple[bytes, list[str | int]]:
    """Give the content of model.onnx, which answers as the model does on all rows.

    Also gives the columns that must have a value. Raises: Different, and whatever
    skl2onnx raises.
    """
    refuse_parts(list(parts(model)))
    refuse_integers(rows)
    columns = Schema.from_json(description["columns"]).columns
    refuse_columns(columns)
    content = converted(model, columns)
    fast = onnx_session.load(content, description)
    return content, Comparison(model, fast, rows, columns).run()


def parts(model: Any) -> Iterator[BaseEstimator]:
    """Go through a model and all estimators that it is made of."""
    seen, waiting = set(), [model]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, np.ndarray) and part.dtype == object:
            waiting += part.ravel().tolist()
        elif isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list | tuple):
            waiting += part
        elif isinstance(part, BaseEstimator):
            yield part
            waiting += vars(part).values()


def refuse_parts(found: list[BaseEstimator]) -> None:
    """Refuse what takes too long, and what float32 changes now and then.

    Raises: Different.
    """
    trees = [part.tree_ for part in found if hasattr(part, "tree_")]
    nodes = sum(tree.node_count for tree in trees)
    if nodes > MOST_NODES:
        message = f"its trees have {nodes:,} nodes, over {MOST_NODES:,}"
        raise Different(message)
    for part in found:
        name = type(part).__name__
        if type(part).__module__.startswith(_JUMPING):
            message = f"{name} is not the same in float32"
            raise Different(message)
        if trees and hasattr(part, "transform") and name not in _PASSING:
            message = f"{name} before trees is not the same in float32: leave it out"
            raise Different(message)


def refuse_columns(columns: tuple[Column, ...]) -> None:
    """Refuse what skl2onnx knows no input for. Raises: Different."""
    for column in columns:
        if column.dtype == "object[bool]":
            message = (
                f"column {column.name!r} has gaps among true and false; read as text, "
                f"dtype={{{column.name!r}: 'str'}}, it has none"
            )
            raise Different(message)
        if column.dtype.startswith(("category[", "datetime", "timestamp")):
            message = f"column {column.name!r} is a {column.dtype}, no number or text"
            raise Different(message)


def refuse_integers(rows: pd.DataFrame) -> None:
    """Refuse integers that float32 would round. Raises: Different."""
    for name in rows.select_dtypes("number"):
        values = rows[name].dropna().to_numpy("float64")
        if np.abs(values).max(initial=0) > EXACT and (values == np.floor(values)).all():
            message = f"column {name!r} has integers beyond {EXACT:,}"
            raise Different(message)


def converted(model: Any, columns: tuple[Column, ...]) -> bytes:
    """Convert a model whose one input is a matrix, or one a column, `(n_rows, 1)`.

    Its outputs are those that the model has: labels, shares of classes.
    """
    count_columns(model)
    kinds = {True: StringTensorType, False: FloatTensorType}
    inputs = [
        (onnx_session.input_of(place), kinds[column.is_text]([None, 1]))
        for place, column in enumerate(columns)
    ]
    if not any(column.is_text for column in columns):
        inputs = [(onnx_session.MATRIX, FloatTensorType([None, len(columns)]))]
    has_shares = hasattr(model, "predict_proba")
    options = {id(model): {"zipmap": False}} if has_shares else {}
    found = to_onnx(model, initial_types=inputs, options=options)
    if not has_shares:  # there may be scores, which nobody asks for
        found = select_model_inputs_outputs(found, found.graph.output[0].name)
    return bytes(found.SerializeToString())


def count_columns(model: Any) -> None:
    """Let ColumnTransformers know their columns by number, as skl2onnx finds inputs.

    By name it looks for an input that is called so. Nothing else reads this list once
    a model is fitted.
    """
    for part in parts(model):
        # Parts that are not fitted are among them: what was given as a parameter.
        if isinstance(part, ColumnTransformer) and hasattr(part, "transformers_"):
            numbers = part._transformer_to_input_indices  # noqa: SLF001 -- no other
            part.transformers_ = [
                (name, step, list(numbers[name]))
                for name, step, _ in part.transformers_
            ]
