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
from sklearn.base import BaseEstimator, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import FunctionTransformer

from runtime.models import artifact, onnx_session
from runtime.models.conversion import boosters, graph, nodes, registry
from runtime.models.conversion.equivalence import TOLERANCE, Comparison, Different
from runtime.models.conversion.nodes import SELECTING, given, parts
from runtime.models.engine import framed, takes_documents
from runtime.models.forests import without_joblib
from runtime.tabular.columns import Column
from runtime.tabular.schema import Schema

MOST_NODES = 500_000  # of all trees: about ten seconds and a gigabyte
_TIMES = 5  # that the answer to a row is measured
LARGEST = 2**53  # larger integers are rounded in float64
# What jumps where a number is rounded: no check finds all rows that are near.
_JUMPING = ("sklearn.cluster", "sklearn.naive_bayes")
# What gives the numbers that it was given itself, or those of a category.
_PASSING = {
    *("Pipeline", "ColumnTransformer", "FeatureUnion", "SimpleImputer"),
    *("OneHotEncoder", "OrdinalEncoder", "LabelEncoder", "LabelBinarizer"),
    *("Binarizer", "MissingIndicator", "CountVectorizer"),
}
# What computes with the same operations in the same order.
_EXACT = {
    *("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"),
    *("PolynomialFeatures", "KBinsDiscretizer", "TargetEncoder"),
}


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
    refuse_columns(columns)
    model = getattr(model, "best_estimator_", model)  # a search answers by it
    refuse_parts(model, columns)
    refuse_integers(rows)
    try:
        content = converted(model, columns, rows[:1])
        fast = onnx_session.load(content, description)
    except (Different, MemoryError):
        raise
    except Exception as exc:  # skl2onnx's and ONNX Runtime's, of many kinds
        names = " or ".join(map(_name, nodes.steps_of(model)))
        message = f"skl2onnx cannot convert {names} with these parameters and columns"
        raise Different(message) from exc
    has_steps = any(map(boosters.n_nodes, parts(model)))
    known = boosters.thresholds_of(parts(model), rows)
    comparison = Comparison(
        model, fast, rows, columns, has_steps=has_steps, thresholds=known
    )
    return content, comparison.run()


def refuse_parts(model: Any, columns: tuple[Column, ...]) -> None:
    """Refuse what takes too long, and what rounding changes now and then.

    In float64 the last bit alone may differ, which only a border can show. Raises:
    Different.
    """
    found = list(parts(model))
    n_nodes = sum(boosters.n_nodes(part) for part in found)
    if n_nodes > MOST_NODES:
        message = f"its trees have {n_nodes:,} nodes, over {MOST_NODES:,}"
        raise Different(message)
    names = [column.name for column in columns if column.is_single]
    for part in found:
        module = type(part).__module__
        if module.startswith("sklearn.neighbors"):
            message = f"{_name(part)} lets rounding choose between equal distances"
            raise Different(message)
        if names and module.startswith(_JUMPING):
            message = f"{_name(part)} is not the same in float32: {_advice(names)}"
            raise Different(message)
        if not registry.is_tried(part):
            is_known = module.startswith(("sklearn.", "xgboost.", "lightgbm."))
            own = "" if is_known else ", a class of your own,"
            message = f"{_name(part)}{own} has no proven conversion to ONNX"
            raise Different(message)
    for part in found:
        for before, after in _orders(part):
            refuse_order(before, after, names)


def refuse_order(before: Any, after: Any, single: list[Any]) -> None:
    """Refuse what is not exactly what comes to a border that it may fall on.

    `single` are the columns of float32. Raises: Different.
    """
    computing = [_name(part) for part in parts(before) if not _passes(part)]
    rounded = [name for name in computing if name not in registry.IN_FLOAT32]
    has_trees = any(map(boosters.n_nodes, parts(after)))
    if single and rounded and has_trees:
        message = f"{rounded[0]} before trees rounds to float32: {_advice(single)}"
        raise Different(message)
    inexact = [name for name in computing if name not in _EXACT]
    strict = [_name(part) for part in parts(after) if _is_strict(part)]
    if inexact and strict:
        message = (
            f"{strict[0]} sees the last bit of {inexact[0]}: leave one of them out"
        )
        raise Different(message)


def _is_strict(part: BaseEstimator) -> bool:
    """Say whether an estimator compares with borders that numbers may fall on."""
    return bool(boosters.n_nodes(part)) or _name(part) == "KBinsDiscretizer"


def _passes(part: BaseEstimator) -> bool:
    """Say whether an estimator gives the numbers that it is given."""
    if isinstance(part, FunctionTransformer):
        return part.func is None
    is_choice = type(part).__module__.startswith(SELECTING)
    return is_choice or _name(part) in _PASSING


def _name(part: BaseEstimator) -> str:
    return type(part).__name__


def _advice(names: list[Any]) -> str:
    return f"let column {names[0]!r} be float64 in training, as pandas reads it"


def _orders(part: BaseEstimator) -> Iterator[tuple[Any, Any]]:
    """Give what comes before what in a model."""
    steps = [step for _, step in getattr(part, "steps", [])]
    yield from ((steps[:place], step) for place, step in enumerate(steps) if place)
    if hasattr(part, "final_estimator_"):
        yield part.estimators_, part.final_estimator_


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
        if column.dtype.startswith(("float16", "halffloat")):
            message = f"column {column.name!r} is of float16: let it be float32"
            raise Different(message)


def refuse_integers(rows: pd.DataFrame) -> None:
    """Refuse integers that float64 would round. Raises: Different."""
    for name in rows.select_dtypes("integer"):
        if rows[name].dropna().abs().max() > LARGEST:
            message = f"column {name!r} has integers beyond {LARGEST:,}"
            raise Different(message)


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
    for part, x in given(model, documents):
        if known := registry.options_of(part, x):
            options[id(part)] = known
    opset = nodes.OPSET
    with columns_by_number(model):
        found = to_onnx(
            model, initial_types=inputs, options=options, target_opset=opset
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
