"""What answers several labels or numbers a row, or is made of an estimator for each."""

import numpy as np
from onnx import TensorProto

from runtime.models.conversion.classifiers import curve, scored
from runtime.models.conversion.equivalence import refuse
from runtime.models.conversion.nodes import (
    BINARY,
    Nodes,
    answer,
    decided,
    labels,
    largest,
    of_two,
    over_limit,
    steps_of,
)
from runtime.models.engine import answers_several

_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def multi_output(nodes: Nodes) -> None:
    """Convert MultiOutputClassifier: skl2onnx gives its shares one by one."""
    model = nodes.operator.raw_operator
    asked = [answer(nodes, estimator) for estimator in model.estimators_]
    nodes.give(0, side_by_side(nodes, [label for label, _ in asked]))
    nodes.give(1, nodes.add("Concat", *(shares for _, shares in asked), axis=1))


def side_by_side(nodes: Nodes, parts: list[str]) -> str:
    """Make a column of each part, `(n_rows,)`. Returns: `(n_rows, n_parts)`."""
    columns = [nodes.add("Reshape", part, np.array([-1, 1])) for part in parts]
    return nodes.add("Concat", *columns, axis=1)


def chain(nodes: Nodes) -> None:
    """Convert a chain of estimators, of which each sees the answers before its own."""
    model = nodes.operator.raw_operator
    classes = getattr(model, "classes_", [])
    is_other = getattr(model, "chain_method_", "predict") != "predict"
    is_other = is_other or any(len(each) > BINARY for each in classes)
    why = "ClassifierChain is tried with chain_method='predict' and two classes"
    refuse(is_other, why)
    x = nodes.x()
    found: list[tuple[str, ...]] = []
    for estimator in model.estimators_:
        first, *rest = answer(nodes, estimator, x)
        number = nodes.add("Cast", first, to=TensorProto.DOUBLE)
        column = nodes.add("Reshape", number, np.array([-1, 1]))
        shares = [nodes.add("Gather", each, np.array([1]), axis=1) for each in rest]
        x = nodes.add("Concat", x, column, axis=1)
        found.append((column, *shares))
    ordered = [found[place] for place in np.argsort(model.order_)]
    for place, columns in enumerate(zip(*ordered, strict=True)):
        nodes.give(place, nodes.add("Concat", *columns, axis=1))


def one_vs_rest(nodes: Nodes) -> None:
    """Convert OneVsRestClassifier, whose estimators are asked for scores if they can.

    skl2onnx asks for shares, of which several may be 1.
    """
    model = nodes.operator.raw_operator
    parts = [scored(nodes, each) for each in model.estimators_]
    parts = [nodes.add("Gather", each, np.array([1]), axis=1) for each in parts]
    scores = nodes.add("Concat", *parts, axis=1)
    has_scores = hasattr(steps_of(model.estimators_[0])[-1], "decision_function")
    shares = curve(nodes, nodes.add("Neg", scores)) if has_scores else scores
    limit = 0.0 if has_scores else 0.5
    if answers_several(model):
        over_limit(nodes, scores, limit)
        nodes.give(1, shares)
    elif len(parts) > 1:
        labels(nodes, largest(nodes, scores))
        total = nodes.add("ReduceSum", shares, np.array([1]))
        is_none = nodes.add("Equal", total, np.array(0.0))
        total = nodes.add("Where", is_none, np.array(1.0), total)
        nodes.give(1, nodes.add("Div", shares, total))
    else:
        decided(nodes, scores, of_two(nodes, shares), limit=limit)


def network(nodes: Nodes) -> None:
    """Convert MLPClassifier and MLPRegressor.

    skl2onnx takes several labels through float32, and makes one column of numbers.
    """
    model, x = nodes.operator.raw_operator, nodes.x()
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    for place, (weights, intercepts) in enumerate(layers, 1):
        x = nodes.add("MatMul", x, weights.astype("float64"))
        x = nodes.add("Add", x, intercepts.astype("float64"))
        if place < len(layers) and model.activation in _ACTIVATIONS:
            x = nodes.add(_ACTIVATIONS[model.activation], x)
    if not hasattr(model, "classes_"):
        is_log = model.out_activation_ == "exp"
        nodes.give(0, nodes.add("Exp", x) if is_log else x)
        return
    if model.out_activation_ == "softmax":
        decided(nodes, x, nodes.add("Softmax", x, axis=1))
        return
    shares = nodes.add("Sigmoid", x)
    if answers_several(model):
        over_limit(nodes, x)
        nodes.give(1, shares)
    else:
        decided(nodes, x, of_two(nodes, shares))
