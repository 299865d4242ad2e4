"""What makes other numbers of the numbers in columns."""

from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from skl2onnx.common.data_types import StringTensorType

from runtime.models.conversion.converters.nodes import FLOAT32, Nodes, Value, spelt
from runtime.models.conversion.refusal import refuse

# As operators of ONNX, one after the other; Add and Sub are of 1.
FUNCTIONS: dict[Any, tuple[str, ...]] = {
    None: (),
    np.log1p: ("Add", "Log"),
    np.log: ("Log",),
    np.abs: ("Abs",),
    np.exp: ("Exp",),
    np.expm1: ("Exp", "Sub"),
    np.sqrt: ("Sqrt",),
}


def imputer(nodes: Nodes) -> None:
    """Convert SimpleImputer: ONNX Runtime's own takes neither float64 nor text."""
    model = nodes.model
    if any(isinstance(kind, StringTensorType) for _, kind in nodes.inputs()):
        pairs = zip(nodes.columns(), model.statistics_, strict=True)
        missing = spelt([np.nan])
        found = [x.equals(missing).where(spelt([value]), x) for (x, _), value in pairs]
        nodes.give(0, nodes.joined(found))
        return
    x, known = nodes.x(), model.statistics_.astype("float64")
    if nodes.option(FLOAT32):
        known = known.astype("float32").astype("float64")
    is_missing = x.apply("IsNaN")
    if model.missing_values == model.missing_values:  # not NaN
        is_missing = x.equals(float(model.missing_values))
    kept = is_missing.where(known, x)
    if np.isnan(known).any():
        kept = kept.take(np.flatnonzero(~np.isnan(known)))
    if model.indicator_ is not None:
        marks = is_missing.take(model.indicator_.features_).double()
        kept = nodes.joined([kept, marks])
    nodes.give(0, kept)


def scaler(nodes: Nodes) -> None:
    """Convert scalers, which round each step to float32 where they are given that."""
    model, x, is_single = nodes.model, nodes.x(), nodes.option(FLOAT32)
    steps = [("Sub", "center_"), ("Div", "scale_")]
    if getattr(model, "with_mean", False):  # without it there is a mean too
        steps[0] = "Sub", "mean_"
    if hasattr(model, "min_"):
        steps = [("Mul", "scale_"), ("Add", "min_")]
    for kind, name in steps:
        if (value := getattr(model, name, None)) is None:
            continue
        if is_single and hasattr(model, "mean_"):  # StandardScaler rounds these too
            value = value.astype("float32")
        x = x.apply(kind, value.astype("float64"))
        x = x.single() if is_single else x
    if getattr(model, "clip", False):
        limits = getattr(model, "feature_range", (-1, 1))
        x = x.apply("Clip", *np.array(limits, "float64"))
    nodes.give(0, x)


def polynomial(nodes: Nodes) -> None:
    """Convert PolynomialFeatures: skl2onnx mixes float32 and float64.

    Each term is one of a degree less times one column, as scikit-learn has it.
    """
    model, x = nodes.model, nodes.x()
    terms: list[tuple[int, ...]] = [()]  # of one degree, each by its columns
    values = x.equals(x).take([0]).double()  # 1, whatever the row
    everything, parts = [*terms], [values]
    for degree in range(1, model.powers_.sum(axis=1).max() + 1):
        kind = combinations if model.interaction_only else combinations_with_replacement
        longer = list(kind(range(model.n_features_in_), degree))
        before = values.take([terms.index(term[1:]) for term in longer])
        values, terms = before * x.take([term[0] for term in longer]), longer
        parts.append(values)
        everything += terms
    kept = [tuple(np.repeat(range(len(row)), row)) for row in model.powers_]
    places = [everything.index(term) for term in kept]
    nodes.give(0, nodes.joined(parts).take(places))


def power(nodes: Nodes) -> None:
    """Convert PowerTransformer: skl2onnx mixes float32 and float64."""
    model, found = nodes.model, []
    for (column, _), exponent in zip(nodes.columns(), model.lambdas_, strict=True):
        x = column.double()
        if model.method == "box-cox":
            found.append(powered(x, exponent))
            continue
        up, down = powered(x + 1.0, exponent), -powered(1.0 - x, 2 - exponent)
        both = (x >= 0.0).where(up, down)
        found.append(x.apply("IsNaN").where(x, both))
    values = nodes.joined(found)
    if model.standardize:
        scale = model._scaler  # noqa: SLF001 -- no other place has it
        values = (values - scale.mean_) / scale.scale_
    nodes.give(0, values)


def powered(x: Value, exponent: float) -> Value:
    """Give `(x**e - 1) / e`, which is the logarithm where the exponent is 0."""
    if abs(exponent) < np.spacing(1.0):
        return x.apply("Log")
    return (x**exponent - 1.0) / exponent


def function(nodes: Nodes) -> None:
    """Convert FunctionTransformer of numpy's functions: skl2onnx knows none."""
    model = nodes.model
    is_other = model.func not in FUNCTIONS or model.kw_args
    name = getattr(model.func, "__name__", "this one")
    refuse(is_other, f"FunctionTransformer has a function that ONNX has not: {name}")
    nodes.give(0, applied(nodes.x(), model.func))


def applied(x: Value, function: Any) -> Value:
    """Apply one of `FUNCTIONS`."""
    for kind in FUNCTIONS[function]:
        x = x.apply(kind, *([1.0] if kind in {"Add", "Sub"} else []))
    return x


def binarizer(nodes: Nodes) -> None:
    """Convert Binarizer: skl2onnx rounds to float32."""
    nodes.give(0, (nodes.x() > float(nodes.model.threshold)).double())
