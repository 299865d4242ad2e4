"""What classifiers answer: labels, and the shares of their classes."""

from typing import Any

from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import (
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
)

from runtime.models.conversion.converters.nodes import Nodes, Value

BINARY = 2  # classes


def give_labels(nodes: Nodes, places: Value) -> None:
    """Make the label of a class, by its place in `classes_`, the first output."""
    nodes.give(0, places.lookup(label_values(nodes.model.classes_)))


def label_values(classes: Any) -> Any:
    """Give classes as ONNX has them: text, or whole numbers."""
    return classes.astype(object if classes.dtype.kind in "OUT" else "int64")


def label_type(classes: Any, *shape: int) -> Any:
    """Give the type of labels, `(n_rows,)` or of more dimensions."""
    kind = StringTensorType if classes.dtype.kind in "OUT" else Int64TensorType
    return kind([None, *shape])


def of_two(share: Value) -> Value:
    """Give the shares of two classes, of which that of the second is known."""
    return share.nodes.joined([1.0 - share, share])


def decide_by_shares(nodes: Nodes, shares: Value) -> None:
    """Give shares, and the label of the largest of them."""
    give_labels(nodes, shares.largest())
    nodes.give(1, shares)


def decide(
    nodes: Nodes,
    scores: Value,
    shares: Value,
    border: str = "Greater",
    limit: float = 0.0,
) -> None:
    """Decide by scores: between two classes by whether one score is over a limit.

    The second output is that of the shares, or of scores, one for each class, for those
    who ask for `raw_scores` and for a model that has no shares.
    """
    model, both = nodes.model, scores
    if len(model.classes_) > BINARY:
        give_labels(nodes, scores.largest())
    else:
        give_labels(nodes, scores.apply(border, limit).integer().squeezed())
        both = nodes.joined([-scores, scores])
    is_raw = nodes.option("raw_scores") or not hasattr(model, "predict_proba")
    nodes.give(1, both if is_raw else shares)


def decide_each(nodes: Nodes, scores: Value, shares: Value, limit: float = 0.0) -> None:
    """Decide for each label by itself: 1 where its score is over a limit, else 0."""
    nodes.give(0, (scores > limit).integer())
    nodes.give(1, shares)


def outputs_of(
    nodes: Nodes, estimator: Any, x: Value | None = None
) -> tuple[Value, ...]:
    """Convert an estimator that is part of another, of which it has the input.

    Or that of `x`. Returns: its outputs, labels and shares, or numbers.
    """
    scope, given = nodes.scope, nodes.operator.inputs
    if x is not None:
        kind = DoubleTensorType([None, estimator.n_features_in_])
        given = [scope.declare_local_variable("x", kind)]
        nodes.rename(x, given[0].full_name)
    alias = sklearn_operator_name_map[type(estimator)]
    inner = scope.declare_local_operator(alias, estimator)
    inner.inputs = given
    kinds = {"value": DoubleTensorType([None, 1])}
    if hasattr(estimator, "classes_"):
        kinds = {"label": label_type(estimator.classes_), "shares": DoubleTensorType()}
    found = [scope.declare_local_variable(*kind) for kind in kinds.items()]
    inner.outputs += found
    return tuple(Value(nodes, each.full_name) for each in found)
