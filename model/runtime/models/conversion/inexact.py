"""What ONNX cannot answer exactly, and is refused before it is converted."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.preprocessing import FunctionTransformer

from runtime.models.conversion.converters import registry
from runtime.models.conversion.fitted_trees import n_nodes
from runtime.models.conversion.parts import (
    SELECTING,
    package_of,
    parts,
    steps_of,
)
from runtime.models.conversion.refusal import Different, refuse
from runtime.tabular.columns import Column

MOST_NODES = 500_000  # of all trees: about ten seconds and a gigabyte
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


def refuse_inexact(model: Any, columns: tuple[Column, ...], rows: pd.DataFrame) -> None:
    """Refuse columns, parts of the model, or rows of X. Raises: Different."""
    refuse_columns(columns)
    refuse_parts(model, columns)
    refuse_integers(rows)


def refuse_columns(columns: tuple[Column, ...]) -> None:
    """Refuse what skl2onnx knows no input for. Raises: Different."""
    for column in columns:
        name, dtype = repr(column.name), column.dtype
        refuse(
            dtype == "object[bool]",
            f"column {name} has gaps among true and false; read as text, "
            f"dtype={{{name}: 'str'}}, it has none",
        )
        is_other = dtype.startswith(("category[", "datetime", "timestamp"))
        refuse(is_other, f"column {name} is a {dtype}, no number or text")
        is_half = dtype.startswith(("float16", "halffloat"))
        refuse(is_half, f"column {name} is of float16: let it be float32")


def refuse_integers(rows: pd.DataFrame) -> None:
    """Refuse integers that float64 would round. Raises: Different."""
    for name in rows.select_dtypes("integer"):
        is_beyond = rows[name].dropna().abs().max() > LARGEST
        refuse(is_beyond, f"column {name!r} has integers beyond {LARGEST:,}")


def refuse_parts(model: Any, columns: tuple[Column, ...]) -> None:
    """Refuse what takes too long, and what rounding changes now and then.

    In float64 the last bit alone may differ, which only a border can show. Raises:
    Different.
    """
    found = list(parts(model))
    n_all = sum(map(n_nodes, found))
    refuse(n_all > MOST_NODES, f"its trees have {n_all:,} nodes, over {MOST_NODES:,}")
    names = [column.name for column in columns if column.is_single]
    for part in found:
        name, module = _name(part), type(part).__module__
        is_near = module.startswith("sklearn.neighbors")
        refuse(is_near, f"{name} lets rounding choose between equal distances")
        if names and module.startswith(_JUMPING):
            message = f"{name} is not the same in float32: {_advice(names)}"
            raise Different(message)
        own = "" if package_of(part) in registry.PACKAGES else ", a class of your own,"
        is_new = not registry.is_tried(part)
        refuse(is_new, f"{name}{own} has no proven conversion to ONNX")
    for part in found:
        for before, after in _orders(part):
            refuse_order(before, after, names)


def refuse_order(before: Any, after: Any, single: list[Any]) -> None:
    """Refuse what is not exactly what comes to a border that it may fall on.

    `single` are the columns of float32. Raises: Different.
    """
    computing = [_name(part) for part in parts(before) if not _passes(part)]
    rounded = [name for name in computing if name not in registry.IN_FLOAT32]
    has_trees = any(map(n_nodes, parts(after)))
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
    return bool(n_nodes(part)) or _name(part) == "KBinsDiscretizer"


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
    steps = steps_of(part)
    yield from ((steps[:place], step) for place, step in enumerate(steps) if place)
    if hasattr(part, "final_estimator_"):
        yield part.estimators_, part.final_estimator_
