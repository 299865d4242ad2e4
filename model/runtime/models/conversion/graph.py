"""What is repaired, or refused, in a graph as a whole."""

import json
from typing import Any

from onnx import TensorProto, helper

from runtime.models.conversion.converters.nodes import ML, OWN, SINGLE, TREES, WORDS
from runtime.models.conversion.refusal import refuse
from runtime.models.onnx_session import COUNTS

_IN_FLOAT64 = {"TreeEnsemble", "LabelEncoder", "ArrayFeatureExtractor"}


def finish(model: Any) -> None:
    """Repair a whole graph: skl2onnx joins columns by an operator of float32.

    Raises: Different, if something in it computes in float32.
    """
    for node in model.graph.node:
        if node.op_type == "FeatureVectorizer":
            node.op_type, node.domain = "Concat", ""
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("axis", 1))
            continue
        is_single = node.domain == ML and node.op_type not in _IN_FLOAT64
        refuse(is_single, f"{node.op_type} of ONNX computes in float32")
        refuse(_is_float32(node), "skl2onnx would compute a part of it in float32")
    for opset in model.opset_import:
        if opset.domain == ML:
            opset.version = TREES
    _take_counts(model)


def _take_counts(model: Any) -> None:
    """Make the results of nodes of WORDS inputs, of which the file tells the rest."""
    graph, notes = model.graph, []
    makers = {name: node for node in graph.node for name in node.output}
    counting = [node for node in graph.node if node.op_type == WORDS]
    for node in counting:
        (output,), column = node.output, node.input[0]
        while column in makers:
            column = makers[column].input[0]
        stored = json.loads(node.attribute[0].s)
        shape = [None, len(stored["vocabulary"])]
        kind = helper.make_tensor_value_info(output, TensorProto.DOUBLE, shape)
        graph.input.append(kind)
        graph.node.remove(node)
        notes.append({"column": column, "name": output, **stored})
    if counting:
        model.metadata_props.add(key=COUNTS, value=json.dumps(notes))
        _drop_unused(model)


def _drop_unused(model: Any) -> None:
    graph, asked = model.graph, {output.name for output in model.graph.output}
    for node in reversed(list(graph.node)):  # what is asked for comes last
        if asked.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            asked.update(node.input)
    for each in list(graph.input):
        if each.name not in asked:
            graph.input.remove(each)
    for opset in list(model.opset_import):
        if opset.domain == OWN:
            model.opset_import.remove(opset)


def _is_float32(node: Any) -> bool:
    """Say whether a node makes float32 of something."""
    if node.op_type != "Cast" or node.name.startswith(SINGLE):
        return False
    return bool(node.attribute[0].i == TensorProto.FLOAT)
