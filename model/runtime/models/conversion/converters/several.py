"""What answers several labels or numbers a row, or is made of an estimator for each."""

import numpy as np

from runtime.models.conversion.converters.answers import (
    BINARY,
    decide,
    decide_each,
    give_labels,
    of_two,
    outputs_of,
)
from runtime.models.conversion.converters.classifiers import logistic, scored
from runtime.models.conversion.converters.nodes import Nodes, Value
from runtime.models.conversion.parts import steps_of
from runtime.models.conversion.refusal import refuse
from runtime.models.engine import answers_several

_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def multi_output(nodes: Nodes) -> None:
    """Convert MultiOutputClassifier: skl2onnx gives its shares one by one."""
    found = [outputs_of(nodes, estimator) for estimator in nodes.model.estimators_]
    nodes.give(0, nodes.joined(label.as_column() for label, _ in found))
    nodes.give(1, nodes.joined(shares for _, shares in found))


def chain(nodes: Nodes) -> None:
    """Convert a chain of estimators, of which each sees the answers before its own."""
    model = nodes.model
    classes = getattr(model, "classes_", [])
    is_other = getattr(model, "chain_method_", "predict") != "predict"
    is_other = is_other or any(len(each) > BINARY for each in classes)
    why = "ClassifierChain is tried with chain_method='predict' and two classes"
    refuse(is_other, why)
    x = nodes.x()
    found: list[tuple[Value, ...]] = []
    for estimator in model.estimators_:
        first, *rest = outputs_of(nodes, estimator, x)
        column = first.double().as_column()
        x = nodes.joined([x, column])
        found.append((column, *(shares.take([1]) for shares in rest)))
    ordered = [found[place] for place in np.argsort(model.order_)]
    for place, columns in enumerate(zip(*ordered, strict=True)):
        nodes.give(place, nodes.joined(columns))


def one_vs_rest(nodes: Nodes) -> None:
    """Convert OneVsRestClassifier, whose estimators are asked for scores if they can.

    skl2onnx asks for shares, of which several may be 1.
    """
    model = nodes.model
    asked = [scored(nodes, estimator) for estimator in model.estimators_]
    scores = nodes.joined(each.take([1]) for each in asked)
    has_scores = hasattr(steps_of(model.estimators_[0])[-1], "decision_function")
    shares = logistic(-scores) if has_scores else scores
    limit = 0.0 if has_scores else 0.5
    if answers_several(model):
        decide_each(nodes, scores, shares, limit)
    elif len(asked) > 1:
        give_labels(nodes, scores.largest())
        total = shares.sum()
        nodes.give(1, shares / total.equals(0.0).where(1.0, total))
    else:
        decide(nodes, scores, of_two(shares), limit=limit)


def network(nodes: Nodes) -> None:
    """Convert MLPClassifier and MLPRegressor.

    skl2onnx takes several labels through float32, and makes one column of numbers.
    """
    model, x = nodes.model, nodes.x()
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    for place, (weights, intercepts) in enumerate(layers, 1):
        x = x @ weights.astype("float64") + intercepts.astype("float64")
        if place < len(layers) and model.activation in _ACTIVATIONS:
            x = x.apply(_ACTIVATIONS[model.activation])
    if not hasattr(model, "classes_"):
        nodes.give(0, x.apply("Exp") if model.out_activation_ == "exp" else x)
    elif model.out_activation_ == "softmax":
        decide(nodes, x, x.apply("Softmax", axis=1))
    elif answers_several(model):
        decide_each(nodes, x, x.apply("Sigmoid"))
    else:
        decide(nodes, x, of_two(x.apply("Sigmoid")))
