"""The nodes of a graph, made by what is computed with `Value`s, as with numpy's arrays.

`x * 2.0 + 1.0` of a `Value` x adds two nodes with a constant each.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

from runtime.models.onnx_session import spell

ML = "ai.onnx.ml"
OWN, WORDS = "runtime", "Words"  # the node that stands for words to be counted
SINGLE = "Single"  # name of the one operator that may give float32
OPSET = {"": 21, ML: 3, OWN: 1}  # the largest that skl2onnx knows
TREES = 5  # the opset of ML that has TreeEnsemble
SPARSE, FLOAT32 = "sparse", "float32"  # options: what rows an estimator is given


def _binary(kind: str) -> Callable[["Value", Any], "Value"]:
    return lambda value, other: value.nodes.add(kind, value, other)


class Value:
    """A value in a graph, `(n_rows, n_columns)` but where something else is said."""

    def __init__(self, nodes: "Nodes", name: str) -> None:
        self.nodes, self.name = nodes, name

    __add__, __sub__, __mul__ = _binary("Add"), _binary("Sub"), _binary("Mul")
    __truediv__, __pow__ = _binary("Div"), _binary("Pow")
    __matmul__ = _binary("MatMul")
    __gt__, __ge__ = _binary("Greater"), _binary("GreaterOrEqual")
    __lt__, __le__ = _binary("Less"), _binary("LessOrEqual")
    equals = _binary("Equal")

    def __rsub__(self, other: Any) -> "Value":
        """Take this from a constant."""
        return self.nodes.add("Sub", other, self)

    def __neg__(self) -> "Value":
        """Turn the sign."""
        return self.apply("Neg")

    def apply(self, kind: str, *others: Any, **attributes: Any) -> "Value":
        """Apply an operator of ONNX that is named, with what it takes besides."""
        return self.nodes.add(kind, self, *others, **attributes)

    def double(self) -> "Value":
        """Make float64 of it."""
        return self.apply("Cast", to=TensorProto.DOUBLE)

    def integer(self) -> "Value":
        """Make int64 of it."""
        return self.apply("Cast", to=TensorProto.INT64)

    def single(self) -> "Value":
        """Round it to float32, as a forest does, and keep it as float64."""
        return self.apply("Cast", to=TensorProto.FLOAT, name=SINGLE).double()

    def where(self, yes: Any, no: Any) -> "Value":
        """Give `yes` where this is true, else `no`."""
        return self.apply("Where", yes, no)

    def take(self, places: Any) -> "Value":
        """Take columns by a list of places; one place alone gives `(n_rows,)`."""
        return self.apply("Gather", places, axis=1)

    def lookup(self, table: Any) -> "Value":
        """Look up in the rows of a table, an array, of which this has the numbers."""
        return self.nodes.add("Gather", table, self, axis=0)

    def sum(self) -> "Value":
        """Add up each row, `(n_rows, 1)`."""
        return self.apply("ReduceSum", [1])

    def largest(self) -> "Value":
        """Give the place of the largest of a row, the first of several, `(n_rows,)`."""
        return self.apply("ArgMax", axis=1, keepdims=0)

    def squeezed(self) -> "Value":
        """Make `(n_rows,)` of one column."""
        return self.apply("Squeeze", [1])

    def as_column(self) -> "Value":
        """Make one column of `(n_rows,)`."""
        return self.apply("Reshape", [-1, 1])


class Nodes:
    """The nodes that are made for one estimator, `model`."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        """Take what skl2onnx hands a converter."""
        self.scope, self.operator, self.container = scope, operator, container
        self.model = operator.raw_operator

    def add(
        self,
        kind: str,
        *inputs: Any,
        domain: str = "",
        name: str = "",
        output: str = "",
        **attributes: Any,
    ) -> Value:
        """Add a node, whose inputs are values or constants. Returns: its output."""
        output = output or str(self.scope.get_unique_variable_name(kind))
        self.container.add_node(
            kind,
            [self._name(each) for each in inputs],
            output,
            op_domain=domain,
            op_version=OPSET[domain],
            name=self.scope.get_unique_operator_name(name or kind),
            **attributes,
        )
        return Value(self, output)

    def give(self, place: int, value: Value) -> None:
        """Make a value the output of the operator, whose declared type it has."""
        self.rename(value, self.operator.outputs[place].full_name)

    def rename(self, value: Value, new: str) -> None:
        """Give a value a second name."""
        self.add("Identity", value, output=new)

    def _name(self, value: Any) -> str:
        if isinstance(value, Value):
            return value.name
        name = self.scope.get_unique_variable_name("constant")
        constant = numpy_helper.from_array(np.asarray(value), name)
        self.container.initializers.append(constant)
        return str(name)

    def joined(self, parts: Iterable[Value]) -> Value:
        """Put columns side by side."""
        return self.add("Concat", *parts, axis=1)

    def inputs(self) -> list[tuple[Value, Any]]:
        """Give what X is made of, one or more columns each, with skl2onnx's types."""
        given = self.operator.inputs
        return [(Value(self, each.full_name), each.type) for each in given]

    def x(self) -> Value:
        """Give X in float64, `(n_rows, n_features)`."""
        parts = [
            x if isinstance(kind, DoubleTensorType) else x.double()
            for x, kind in self.inputs()
        ]
        return self.joined(parts) if len(parts) > 1 else parts[0]

    def columns(self) -> list[tuple[Value, bool]]:
        """Give each column of X, `(n_rows, 1)`, and whether it is text."""
        found = []
        for x, kind in self.inputs():
            width, is_text = kind.shape[1], isinstance(kind, StringTensorType)
            columns = [x] if width == 1 else [x.take([at]) for at in range(width)]
            found += [(column, is_text) for column in columns]
        return found

    def option(self, name: str) -> bool:
        """Say whether the estimator has an option of the conversion."""
        return bool(self.container.get_options(self.model, {name: False})[name])


def spelt(values: Any) -> Any:
    """Give texts as a column of them arrives."""
    return np.array([spell(value) for value in values], dtype=object)
