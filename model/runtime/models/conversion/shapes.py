"""What converters declare of their outputs."""

from typing import Any

from skl2onnx.common.data_types import (
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
)


def gives_classes(operator: Any) -> None:
    """Declare labels and the shares of classes."""
    classes = operator.raw_operator.classes_
    kind = StringTensorType if classes.dtype.kind in "OUT" else Int64TensorType
    operator.outputs[0].type = kind([None])
    operator.outputs[1].type = DoubleTensorType([None, len(classes)])


def gives_outliers(operator: Any) -> None:
    """Declare 1 and -1, and a score."""
    operator.outputs[0].type = Int64TensorType([None])
    operator.outputs[1].type = DoubleTensorType([None, 1])


def gives_numbers(operator: Any) -> None:
    """Declare float64."""
    operator.outputs[0].type = DoubleTensorType([None, width_of(operator)])


def gives_the_same(operator: Any) -> None:
    """Declare text where it is given text, else float64."""
    kind = type(operator.inputs[0].type)
    kind = kind if kind is StringTensorType else DoubleTensorType
    operator.outputs[0].type = kind([None, width_of(operator)])


def width_of(operator: Any) -> int:
    """Count the columns that an estimator gives for one row."""
    model = operator.raw_operator
    if hasattr(model, "get_feature_names_out"):
        return len(model.get_feature_names_out())
    return int(getattr(model, "n_outputs_", 1))
