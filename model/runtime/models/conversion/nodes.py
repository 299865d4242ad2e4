"""The nodes that converters make, and what all classifiers have in common."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import (
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.base import BaseEstimator
from sklearn.calibration import _CalibratedClassifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from runtime.models.onnx_session import spell

ML = "ai.onnx.ml"


BINARY = 2  # classes


OWN, WORDS = "runtime", "Words"  # the node that stands for words to be counted


SINGLE = "Single"  # name of the one operator that may give float32


OPSET = {"": 21, ML: 3, OWN: 1}  # the largest that skl2onnx knows


SPARSE, FLOAT32 = "sparse", "float32"  # options: what rows an estimator is given


# What chooses columns: by which model does not matter any more.
SELECTING = "sklearn.feature_selection"


TREES = 5  # the opset of ML that has TreeEnsemble


class Nodes:
    """The operator of one estimator, as the nodes of a graph that are made for it."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        """Take what skl2onnx hands a converter."""
        self.scope, self.operator, self.container = scope, operator, container

    def add(self, kind: str, *inputs: Any, domain: str = "", **attributes: Any) -> str:
        """Add a node, whose inputs are names or arrays. Returns: its output's name."""
        output = self.scope.get_unique_variable_name(kind)
        self._add(kind, inputs, output, domain, attributes)
        return str(output)

    def give(self, place: int, name: str) -> None:
        """Make a value the output of the operator, whose declared type it has."""
        self.rename(name, self.operator.outputs[place].full_name)

    def rename(self, name: str, new: str) -> None:
        """Give a value a second name."""
        self._add("Identity", [name], new, "", {})

    def _add(
        self,
        kind: str,
        inputs: Iterable[Any],
        output: str,
        domain: str,
        extra: dict[str, Any],
    ) -> None:
        names = [self._name(value) for value in inputs]
        self.container.add_node(
            kind,
            names,
            output,
            op_domain=domain,
            op_version=OPSET[domain],
            name=self.scope.get_unique_operator_name(extra.pop("name", kind)),
            **extra,
        )

    def _name(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        name = self.scope.get_unique_variable_name("constant")
        self.container.initializers.append(numpy_helper.from_array(value, name))
        return str(name)

    def x(self) -> str:
        """Give X in float64, `(n_rows, n_features)`."""
        parts = [
            each.full_name
            if isinstance(each.type, DoubleTensorType)
            else self.add("Cast", each.full_name, to=TensorProto.DOUBLE)
            for each in self.operator.inputs
        ]
        return self.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]

    def option(self, name: str) -> bool:
        """Say whether the estimator has an option of the conversion."""
        model = self.operator.raw_operator
        return bool(self.container.get_options(model, {name: False})[name])

    def columns(self) -> list[tuple[str, bool]]:
        """Give each column of X, `(n_rows, 1)`, and whether it is text."""
        found = []
        for each in self.operator.inputs:
            is_text = type(each.type).__name__ == "StringTensorType"
            if each.type.shape[1] == 1:
                found.append((each.full_name, is_text))
                continue
            for place in range(each.type.shape[1]):
                name = self.add("Gather", each.full_name, np.array([place]), axis=1)
                found.append((name, is_text))
        return found


def spelt(values: Any) -> Any:
    """Give texts as a column of them arrives."""
    return np.array([spell(value) for value in values], dtype=object)


def single(nodes: Nodes, x: str = "") -> str:
    """Give X as a forest sees it, or other numbers: rounded to float32."""
    x = nodes.add("Cast", x or nodes.x(), to=TensorProto.FLOAT, name=SINGLE)
    return nodes.add("Cast", x, to=TensorProto.DOUBLE)


def labels(nodes: Nodes, places: str) -> None:
    """Make the label of a class, by its place in `classes_`, the first output."""
    classes = label_values(nodes.operator.raw_operator.classes_)
    nodes.give(0, nodes.add("Gather", classes, places, axis=0))


def label_values(classes: Any) -> Any:
    """Give classes as ONNX has them: text, or whole numbers."""
    return classes.astype(object if classes.dtype.kind in "OUT" else "int64")


def largest(nodes: Nodes, scores: str) -> str:
    """Give the place of the largest score, the first one of several."""
    return nodes.add("ArgMax", scores, axis=1, keepdims=0)


def of_two(nodes: Nodes, share: str) -> str:
    """Give the shares of two classes, of which that of the second is known."""
    other = nodes.add("Sub", np.array(1.0), share)
    return nodes.add("Concat", other, share, axis=1)


def decided(
    nodes: Nodes,
    scores: str,
    shares: str,
    border: str = "Greater",
    limit: float = 0.0,
) -> None:
    """Decide between classes, two of them by whether one score is over a limit.

    The second output is that of the shares, or of scores, one for each class, for those
    who ask for `raw_scores` and for a model that has no shares.
    """
    model = nodes.operator.raw_operator
    both = scores
    if len(model.classes_) > BINARY:
        labels(nodes, largest(nodes, scores))
    else:
        over = nodes.add(border, scores, np.array(limit))
        place = nodes.add("Cast", over, to=TensorProto.INT64)
        labels(nodes, nodes.add("Squeeze", place, np.array([1])))
        both = nodes.add("Concat", nodes.add("Neg", scores), scores, axis=1)
    is_raw = nodes.option("raw_scores") or not hasattr(model, "predict_proba")
    nodes.give(1, both if is_raw else shares)


def over_limit(nodes: Nodes, scores: str, limit: float = 0.0) -> None:
    """Make 1 of each score over a limit, and 0 of others, the first output."""
    over = nodes.add("Greater", scores, np.array(limit))
    nodes.give(0, nodes.add("Cast", over, to=TensorProto.INT64))


def dense(values: Any) -> Any:
    """Make an array of what may be sparse."""
    whole = values.toarray() if hasattr(values, "toarray") else values
    return np.asarray(whole, dtype="float64")


def added(nodes: Nodes, parts: list[str]) -> str:
    """Add numbers in their order, as each bit depends on it."""
    total = parts[0]
    for part in parts[1:]:
        total = nodes.add("Add", total, part)
    return total


def package_of(part: Any) -> str:
    """Name the package of an estimator's class."""
    return type(part).__module__.partition(".")[0]


def parts(model: Any) -> Iterator[Any]:
    """Go through a model and all estimators that it is made of."""
    return (part for part, _ in given(model, None))


def given(model: Any, rows: Any) -> Iterator[tuple[Any, Any]]:
    """Go through a model and its parts, with the rows that each is given of some rows.

    They are None where they are not known, and not rows of X.
    """
    seen, waiting = set(), [(model, rows)]
    while waiting:
        part, x = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, BaseEstimator | _CalibratedClassifier):
            yield part, x
            if not type(part).__module__.startswith(SELECTING):
                is_chain = hasattr(part, "order_")
                for name, value in vars(part).items():
                    is_own = is_chain or name == "final_estimator_"
                    waiting.append((value, None if is_own else x))
                waiting += _inner(part, x)  # the last are taken first
        else:
            waiting += [(each, x) for each in _members(part)]


def _members(part: Any) -> Iterable[Any]:
    """Give what is in a list, or another container."""
    if isinstance(part, np.ndarray) and part.dtype == object:
        return part.ravel().tolist()
    if isinstance(part, dict):
        return part.values()
    return part if isinstance(part, list | tuple) else ()


def _inner(part: Any, x: Any) -> Iterator[tuple[Any, Any]]:
    """Give the steps of a fitted pipeline, or of columns, with their own rows."""
    if x is None:
        return
    if isinstance(part, ColumnTransformer) and hasattr(part, "transformers_"):
        for name, step, _ in part.transformers_:
            yield step, x.iloc[:, part._transformer_to_input_indices[name]]  # noqa: SLF001
    elif isinstance(part, Pipeline) and part.__sklearn_is_fitted__():
        for step in steps_of(part):
            yield step, x
            x = step.transform(x) if hasattr(step, "transform") else x


def steps_of(estimator: Any) -> list[Any]:
    """List the steps of a pipeline, or the one estimator that is none."""
    return [step for _, step in getattr(estimator, "steps", [("", estimator)])]


def answer(nodes: Nodes, estimator: Any, x: str = "") -> list[str]:
    """Convert an estimator that is part of another, of which it has the input.

    Or that of `x`. Returns: its outputs, labels and shares, or numbers.
    """
    scope, given = nodes.scope, nodes.operator.inputs
    if x:
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
    return [each.full_name for each in found]


def label_type(classes: Any, *shape: int) -> Any:
    """Give the type of labels, `(n_rows,)` or of more dimensions."""
    kind = StringTensorType if classes.dtype.kind in "OUT" else Int64TensorType
    return kind([None, *shape])
