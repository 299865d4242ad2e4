"""What makes columns of categories, bins and words."""

import json
import warnings
from copy import copy
from typing import Any

import numpy as np
import pandas as pd
from onnx import TensorProto, numpy_helper
from sklearn.feature_extraction.text import TfidfVectorizer

from runtime.models.conversion.converters.nodes import (
    ML,
    OWN,
    WORDS,
    Nodes,
    Value,
    spelt,
)
from runtime.models.conversion.refusal import refuse

MOST_WORDS = 50_000


def one_hot(nodes: Nodes) -> None:
    """Convert OneHotEncoder, as it encodes each of its categories itself.

    skl2onnx makes 2 of the number 2.5, and gives float32.
    """
    model = copy(nodes.model)
    model.sparse_output = True
    found = []
    for place, (x, is_text) in enumerate(nodes.columns()):
        rows = encoded(model, place)
        width = rows[0].shape[1]
        ones = np.array([row.indices[0] if row.nnz else width for row in rows])
        one = number_of(x, model.categories_[place], is_text=is_text, numbers=ones)
        found.append(one.equals(np.arange(width)).double())
    nodes.give(0, nodes.joined(found))


def number_encoder(nodes: Nodes) -> None:
    """Convert OrdinalEncoder and TargetEncoder, as they encode each category.

    skl2onnx rounds to float32, and takes no column of numbers for TargetEncoder.
    """
    model = nodes.model
    found = []
    for place, (x, is_text) in enumerate(nodes.columns()):
        table = np.array(encoded(model, place), dtype="float64")
        number = number_of(x, model.categories_[place], is_text=is_text)
        found.append(number.squeezed().lookup(table))
    nodes.give(0, nodes.joined(found))


def encoded(model: Any, place: int) -> list[Any]:
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
    whole = model.transform(rows.set_axis(names, axis=1))
    widths = getattr(model, "_n_features_outs", None)
    widths = widths or [whole.shape[1] // len(columns)] * len(columns)
    begin = sum(widths[:place])
    end = begin + widths[place]
    try:
        with warnings.catch_warnings(action="ignore"):  # that it is none
            last = model.transform(strange.set_axis(names, axis=1))
    except ValueError:
        last = whole[:1] * 0
    return [*whole[:, begin:end], *last[:, begin:end]]


def number_of(
    x: Value, categories: Any, *, is_text: bool, numbers: Any = None
) -> Value:
    """Give the place of a value among categories, after the last one if it is none.

    Or one of `numbers` in the place of that. Returns: `(n_rows, 1)`.
    """
    given = np.arange(len(categories) + 1) if numbers is None else numbers
    given = given.astype("int64")
    is_made = is_text and categories.dtype.kind not in "OUT"
    refuse(is_made, "skl2onnx makes text of numbers beside it: encode them apart")
    if is_text:
        tables = {
            "keys_tensor": spelt(categories),
            "values_tensor": given[:-1],
            "default_tensor": given[-1:],
        }
        kept = {name: numpy_helper.from_array(table) for name, table in tables.items()}
        return x.apply("LabelEncoder", domain=ML, **kept)
    known, value = categories.astype("float64"), x.double()
    is_same = value.equals(known)
    if np.isnan(known).any():
        is_both = value.apply("IsNaN").apply("And", np.isnan(known))
        is_same = is_same.apply("Or", is_both)
    same = is_same.integer()
    is_known = same.apply("ReduceMax", [1]).apply("Cast", to=TensorProto.BOOL)
    return is_known.where(same.apply("ArgMax", axis=1), len(known)).lookup(given)


def k_bins(nodes: Nodes) -> None:
    """Convert KBinsDiscretizer: skl2onnx has no dense form of its ones and zeros."""
    model = nodes.model
    found = []
    for (x, _), edges in zip(nodes.columns(), model.bin_edges_, strict=True):
        place = (x.double() >= edges[1:-1]).integer().sum()
        if model.encode != "ordinal":
            place = place.equals(np.arange(len(edges) - 1))
        found.append(place.double())
    nodes.give(0, nodes.joined(found))


def words(nodes: Nodes) -> None:
    """Leave the counting of words to `onnx_session.Counts`, which takes this node away.

    skl2onnx needs the locale en_US.UTF-8, and words are of ASCII to ONNX Runtime.
    """
    model = nodes.model
    is_own = callable(model.analyzer) or model.tokenizer or model.preprocessor
    is_own, n_words = is_own or model.input != "content", len(model.vocabulary_)
    refuse(is_own, f"{type(model).__name__} splits text by a function of your own")
    refuse(n_words > MOST_WORDS, f"{n_words:,} words are too many: take max_features")
    names = ["lowercase", "strip_accents", "token_pattern", "analyzer", "binary"]
    parameters = {name: getattr(model, name) for name in names}
    stop_words = model.get_stop_words()
    parameters["stop_words"] = None if stop_words is None else sorted(stop_words)
    parameters["ngram_range"] = list(model.ngram_range)
    vocabulary = {word: int(place) for word, place in model.vocabulary_.items()}
    note = json.dumps({"parameters": parameters, "vocabulary": vocabulary})
    ((text, _),) = nodes.inputs()
    x = text.apply(WORDS, domain=OWN, note=note)
    nodes.give(0, weighted(x, model) if isinstance(model, TfidfVectorizer) else x)


def tfidf(nodes: Nodes) -> None:
    """Convert TfidfTransformer, as `words` does."""
    nodes.give(0, weighted(nodes.x(), nodes.model))


def weighted(x: Value, model: Any) -> Value:
    """Weigh counts of words by how rare these are."""
    if model.sublinear_tf:
        x = (x > 0.0).where(x.apply("Log") + 1.0, 0.0)
    if model.use_idf:
        x *= model.idf_.astype("float64")
    if model.norm is None:
        return x
    size = x.apply("Abs").sum() if model.norm == "l1" else (x * x).sum().apply("Sqrt")
    return x / size.equals(0.0).where(1.0, size)
