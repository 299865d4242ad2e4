"""What makes other columns of columns: numbers, categories, words."""

import json
import warnings
from copy import copy
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
import pandas as pd
from onnx import TensorProto, numpy_helper
from skl2onnx.common.data_types import (
    StringTensorType,
)
from sklearn.feature_extraction.text import (
    TfidfVectorizer,
)

from runtime.models.conversion.equivalence import refuse
from runtime.models.conversion.nodes import (
    FLOAT32,
    ML,
    OWN,
    WORDS,
    Nodes,
    single,
    spelt,
)

MOST_WORDS = 50_000


def imputer(nodes: Nodes) -> None:
    """Convert SimpleImputer: ONNX Runtime's own takes neither float64 nor text."""
    model = nodes.operator.raw_operator
    if isinstance(nodes.operator.inputs[0].type, StringTensorType):
        found = []
        for (name, _), value in zip(nodes.columns(), model.statistics_, strict=True):
            is_missing = nodes.add("Equal", name, spelt([np.nan]))
            found.append(nodes.add("Where", is_missing, spelt([value]), name))
        nodes.give(0, nodes.add("Concat", *found, axis=1))
        return
    x, known = nodes.x(), model.statistics_.astype("float64")
    if nodes.option(FLOAT32):
        known = known.astype("float32").astype("float64")
    is_missing = nodes.add("IsNaN", x)
    if model.missing_values == model.missing_values:  # not NaN
        is_missing = nodes.add("Equal", x, np.array(float(model.missing_values)))
    filled = nodes.add("Where", is_missing, known, x)
    kept = filled
    if np.isnan(known).any():
        kept = nodes.add("Gather", filled, np.flatnonzero(~np.isnan(known)), axis=1)
    if model.indicator_ is not None:
        marks = nodes.add("Gather", is_missing, model.indicator_.features_, axis=1)
        marks = nodes.add("Cast", marks, to=TensorProto.DOUBLE)
        kept = nodes.add("Concat", kept, marks, axis=1)
    nodes.give(0, kept)


def scaler(nodes: Nodes) -> None:
    """Convert scalers, which round each step to float32 where they are given that."""
    model, x, is_single = nodes.operator.raw_operator, nodes.x(), nodes.option(FLOAT32)
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
        x = nodes.add(kind, x, value.astype("float64"))
        x = single(nodes, x) if is_single else x
    if getattr(model, "clip", False):
        limits = getattr(model, "feature_range", (-1, 1))
        x = nodes.add("Clip", x, *np.array(limits, "float64"))
    nodes.give(0, x)


def one_hot(nodes: Nodes) -> None:
    """Convert OneHotEncoder, as it encodes each of its categories itself.

    skl2onnx makes 2 of the number 2.5, and gives float32.
    """
    model = copy(nodes.operator.raw_operator)
    model.sparse_output = True
    found = []
    for place, (name, is_text) in enumerate(nodes.columns()):
        rows = answers(model, place)
        width = rows[0].shape[1]
        ones = [row.indices[0] if row.nnz else width for row in rows]
        categories = model.categories_[place]
        one = number_of(nodes, name, categories, is_text=is_text, numbers=ones)
        is_one = nodes.add("Equal", one, np.arange(width))
        found.append(nodes.add("Cast", is_one, to=TensorProto.DOUBLE))
    nodes.give(0, nodes.add("Concat", *found, axis=1))


def number_encoder(nodes: Nodes) -> None:
    """Convert OrdinalEncoder and TargetEncoder, as they encode each category.

    skl2onnx rounds to float32, and takes no column of numbers for TargetEncoder.
    """
    model = nodes.operator.raw_operator
    found = []
    for place, (name, is_text) in enumerate(nodes.columns()):
        table = np.array(answers(model, place), dtype="float64")
        number = number_of(nodes, name, model.categories_[place], is_text=is_text)
        number = nodes.add("Squeeze", number, np.array([1]))
        found.append(nodes.add("Gather", table, number, axis=0))
    nodes.give(0, nodes.add("Concat", *found, axis=1))


def answers(model: Any, place: int) -> list[Any]:
    """Let an encoder encode each category of a column, and then a value that is none.

    Returns: `(n_outputs,)` each; the last is empty, or zeros, if the value is refused.
    """
    model = copy(model)
    vars(model).pop("_sklearn_output_config", None)  # no frame, which is not sparse
    columns = list(model.categories_)
    known = columns[place]
    other: Any = "\0none"
    if known.dtype.kind not in "OUT":
        other = np.nanmax(np.append(known.astype("float64"), 0)) + 1
    rows = pd.DataFrame({at: [column[0]] for at, column in enumerate(columns)})
    rows = rows.loc[[0] * len(known)]
    rows[place] = known
    strange = rows[:1].astype({place: object})
    strange[place] = [other]
    names = getattr(model, "feature_names_in_", rows.columns)
    encoded = model.transform(rows.set_axis(names, axis=1))
    widths = getattr(model, "_n_features_outs", None)
    widths = widths or [encoded.shape[1] // len(columns)] * len(columns)
    begin = sum(widths[:place])
    end = begin + widths[place]
    try:
        with warnings.catch_warnings(action="ignore"):  # that it is none
            last = model.transform(strange.set_axis(names, axis=1))
    except ValueError:
        last = encoded[:1] * 0
    return [*encoded[:, begin:end], *last[:, begin:end]]


def number_of(
    nodes: Nodes, name: str, categories: Any, *, is_text: bool, numbers: Any = None
) -> str:
    """Give the place of a value among categories, after the last one if it is none.

    Or one of `numbers` in the place of that. Returns: the name of an output,
    `(n_rows, 1)`.
    """
    given = np.arange(len(categories) + 1) if numbers is None else np.array(numbers)
    is_made = is_text and categories.dtype.kind not in "OUT"
    refuse(is_made, "skl2onnx makes text of numbers beside it: encode them apart")
    if is_text:
        keys = numpy_helper.from_array(spelt(categories))
        places = numpy_helper.from_array(given[:-1].astype("int64"))
        none = numpy_helper.from_array(given[-1:].astype("int64"))
        extra = {"keys_tensor": keys, "values_tensor": places, "default_tensor": none}
        return nodes.add("LabelEncoder", name, domain=ML, **extra)
    known = categories.astype("float64")
    value = nodes.add("Cast", name, to=TensorProto.DOUBLE)
    is_same = nodes.add("Equal", value, known)
    if np.isnan(known).any():
        is_both = nodes.add("And", nodes.add("IsNaN", value), np.isnan(known))
        is_same = nodes.add("Or", is_same, is_both)
    number = nodes.add("Cast", is_same, to=TensorProto.INT64)
    one = nodes.add("ArgMax", number, axis=1)
    has_one = nodes.add("ReduceMax", number, np.array([1]))
    is_known = nodes.add("Cast", has_one, to=TensorProto.BOOL)
    place = nodes.add("Where", is_known, one, np.array(len(known)))
    return nodes.add("Gather", given.astype("int64"), place, axis=0)


def k_bins(nodes: Nodes) -> None:
    """Convert KBinsDiscretizer: skl2onnx has no dense form of its ones and zeros."""
    model = nodes.operator.raw_operator
    found = []
    for (name, _), edges in zip(nodes.columns(), model.bin_edges_, strict=True):
        value = nodes.add("Cast", name, to=TensorProto.DOUBLE)
        is_over = nodes.add("GreaterOrEqual", value, edges[1:-1])
        over = nodes.add("Cast", is_over, to=TensorProto.INT64)
        place = nodes.add("ReduceSum", over, np.array([1]))
        if model.encode != "ordinal":
            place = nodes.add("Equal", place, np.arange(len(edges) - 1))
        found.append(nodes.add("Cast", place, to=TensorProto.DOUBLE))
    nodes.give(0, nodes.add("Concat", *found, axis=1))


def polynomial(nodes: Nodes) -> None:
    """Convert PolynomialFeatures: skl2onnx mixes float32 and float64.

    Each term is one of a degree less times one column, as scikit-learn has it.
    """
    model = nodes.operator.raw_operator
    x = nodes.x()
    columns = [tuple(np.repeat(range(len(row)), row)) for row in model.powers_]
    one = nodes.add("Gather", nodes.add("Equal", x, x), np.array([0]), axis=1)
    parts = [nodes.add("Cast", one, to=TensorProto.DOUBLE)]
    terms: list[tuple[int, ...]] = [()]
    values = parts[0]
    for degree in range(1, model.powers_.sum(axis=1).max() + 1):
        longer = combined(model, degree)
        before = nodes.add(
            "Gather",
            values,
            np.array([terms.index(term[1:]) for term in longer]),
            axis=1,
        )
        times = nodes.add("Gather", x, np.array([term[0] for term in longer]), axis=1)
        values, terms = nodes.add("Mul", before, times), longer
        parts.append(values)
    n_all = [1, *(len(combined(model, degree)) for degree in range(1, len(parts)))]
    everything = [
        term for degree in range(len(n_all)) for term in combined(model, degree)
    ]
    kept = np.array([everything.index(term) for term in columns])
    whole = nodes.add("Concat", *parts, axis=1)
    nodes.give(0, nodes.add("Gather", whole, kept, axis=1))


def combined(model: Any, degree: int) -> list[tuple[int, ...]]:
    """List the terms of a degree, each by its columns."""
    kind = combinations if model.interaction_only else combinations_with_replacement
    return list(kind(range(model.n_features_in_), degree))


def power(nodes: Nodes) -> None:
    """Convert PowerTransformer: skl2onnx mixes float32 and float64."""
    model = nodes.operator.raw_operator
    found = []
    for (name, _), power in zip(nodes.columns(), model.lambdas_, strict=True):
        x = nodes.add("Cast", name, to=TensorProto.DOUBLE)
        if model.method == "box-cox":
            found.append(powered(nodes, x, power))
            continue
        up = powered(nodes, nodes.add("Add", x, np.array(1.0)), power)
        down = nodes.add("Sub", np.array(1.0), x)
        down = nodes.add("Neg", powered(nodes, down, 2 - power))
        is_up = nodes.add("GreaterOrEqual", x, np.array(0.0))
        both = nodes.add("Where", is_up, up, down)
        is_nan = nodes.add("IsNaN", x)
        found.append(nodes.add("Where", is_nan, x, both))
    values = nodes.add("Concat", *found, axis=1)
    if model.standardize:
        scaler = model._scaler  # noqa: SLF001 -- no other place has it
        centred = nodes.add("Sub", values, scaler.mean_)
        values = nodes.add("Div", centred, scaler.scale_)
    nodes.give(0, values)


def powered(nodes: Nodes, x: str, power: float) -> str:
    """Give `(x**power - 1) / power`, which is the logarithm where the power is 0."""
    if abs(power) < np.spacing(1.0):
        return nodes.add("Log", x)
    raised = nodes.add("Sub", nodes.add("Pow", x, np.array(power)), np.array(1.0))
    return nodes.add("Div", raised, np.array(power))


FUNCTIONS: dict[Any, tuple[str, ...]] = {
    None: (),
    np.log1p: ("Add", "Log"),
    np.log: ("Log",),
    np.abs: ("Abs",),
    np.exp: ("Exp",),
    np.expm1: ("Exp", "Sub"),
    np.sqrt: ("Sqrt",),
}


def function(nodes: Nodes) -> None:
    """Convert FunctionTransformer of numpy's functions: skl2onnx knows none."""
    model = nodes.operator.raw_operator
    is_other = model.func not in FUNCTIONS or model.kw_args
    name = getattr(model.func, "__name__", "this one")
    refuse(is_other, f"FunctionTransformer has a function that ONNX has not: {name}")
    nodes.give(0, applied(nodes, nodes.x(), model.func))


def applied(nodes: Nodes, x: str, function: Any) -> str:
    """Apply one of `FUNCTIONS`."""
    for kind in FUNCTIONS[function]:
        x = nodes.add(kind, x, *([np.array(1.0)] if kind in {"Add", "Sub"} else []))
    return x


def words(nodes: Nodes) -> None:
    """Leave the counting of words to `onnx_session.Counts`, which takes this node away.

    skl2onnx needs the locale en_US.UTF-8, and words are of ASCII to ONNX Runtime.
    """
    model = nodes.operator.raw_operator
    own = callable(model.analyzer) or model.tokenizer or model.preprocessor
    own, n_words = own or model.input != "content", len(model.vocabulary_)
    refuse(own, f"{type(model).__name__} splits text by a function of your own")
    refuse(n_words > MOST_WORDS, f"{n_words:,} words are too many: take max_features")
    names = ["lowercase", "strip_accents", "token_pattern", "analyzer", "binary"]
    parameters = {name: getattr(model, name) for name in names}
    stop_words = model.get_stop_words()
    parameters["stop_words"] = None if stop_words is None else sorted(stop_words)
    parameters["ngram_range"] = list(model.ngram_range)
    vocabulary = {word: int(place) for word, place in model.vocabulary_.items()}
    note = json.dumps({"parameters": parameters, "vocabulary": vocabulary})
    column = nodes.operator.inputs[0].full_name
    x = nodes.add(WORDS, column, domain=OWN, note=note)
    nodes.give(
        0, weighted(nodes, x, model) if isinstance(model, TfidfVectorizer) else x
    )


def tfidf(nodes: Nodes) -> None:
    """Convert TfidfTransformer, as `words` does."""
    nodes.give(0, weighted(nodes, nodes.x(), nodes.operator.raw_operator))


def weighted(nodes: Nodes, x: str, model: Any) -> str:
    """Weigh counts of words by how rare these are."""
    if model.sublinear_tf:
        is_some = nodes.add("Greater", x, np.array(0.0))
        more = nodes.add("Add", nodes.add("Log", x), np.array(1.0))
        x = nodes.add("Where", is_some, more, np.array(0.0))
    if model.use_idf:
        x = nodes.add("Mul", x, model.idf_.astype("float64"))
    if model.norm is None:
        return x
    size = nodes.add("Abs", x) if model.norm == "l1" else nodes.add("Mul", x, x)
    size = nodes.add("ReduceSum", size, np.array([1]))
    size = size if model.norm == "l1" else nodes.add("Sqrt", size)
    is_none = nodes.add("Equal", size, np.array(0.0))
    return nodes.add("Div", x, nodes.add("Where", is_none, np.array(1.0), size))


def binarizer(nodes: Nodes) -> None:
    """Convert Binarizer: skl2onnx rounds to float32."""
    limit = np.array(float(nodes.operator.raw_operator.threshold))
    is_over = nodes.add("Greater", nodes.x(), limit)
    nodes.give(0, nodes.add("Cast", is_over, to=TensorProto.DOUBLE))
