"""Forests, boosted trees and outliers by trees.

Forests see their values through float32, as they do in scikit-learn; boosted histograms
do not. Thresholds are scikit-learn's own.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from runtime.models.conversion.converters.answers import (
    BINARY,
    decide,
    decide_by_shares,
    label_values,
    of_two,
)
from runtime.models.conversion.converters.encoders import number_of
from runtime.models.conversion.converters.nodes import Nodes, Value
from runtime.models.conversion.converters.trees import (
    Tree,
    ensemble,
    histogram_tree_of,
    leaf_of,
    table_sum,
    tree_of,
)
from runtime.models.engine import answers_several

_OF_LINK = {"log": "Exp", "logit": "Sigmoid"}


def forest(nodes: Nodes) -> None:
    """Convert trees whose leaves are averaged.

    skl2onnx adds float32, so that 50 of 100 trees may be more than half; rounds the
    thresholds; and sends missing values to the right.
    """
    model, x = nodes.model, nodes.x().single()
    trees = [tree_of(member) for member in getattr(model, "estimators_", [model])]
    if hasattr(model, "classes_"):
        elect(nodes, x, trees)
        return
    # The mean of each output has one class, to the tree.
    trees = [tree._replace(leaves=tree.leaves[:, :, 0]) for tree in trees]
    if model.n_outputs_ == 1:
        trees = [tree._replace(leaves=tree.leaves[:, 0]) for tree in trees]
        total = ensemble(x, trees)
    else:
        total = table_sum(x, trees)
    nodes.give(0, total / float(len(trees)))


def elect(nodes: Nodes, x: Value, trees: list[Tree]) -> None:
    """Give the labels, one or several a row, that trees have most shares of.

    Their leaves have shares, `(n_leaves, n_labels, most_classes)`.
    """
    model = nodes.model
    several = answers_several(model)
    known = model.classes_ if several else [model.classes_]
    widths = [len(classes) for classes in known]
    label = np.repeat(range(len(known)), widths)
    place = np.concatenate([np.arange(width) for width in widths])
    tables = [tree._replace(leaves=tree.leaves[:, label, place]) for tree in trees]
    shares = table_sum(x, tables) / float(len(trees))
    if not several:
        decide_by_shares(nodes, shares)
        return
    nodes.give(1, shares)
    found = []
    for classes, end in zip(known, np.cumsum(widths), strict=True):
        own = shares.take(np.arange(end - len(classes), end))
        found.append(own.apply("ArgMax", axis=1).lookup(label_values(classes)))
    nodes.give(0, nodes.joined(found))


def gradient_boosting(nodes: Nodes) -> None:
    """Convert boosted trees, as `forest` does."""
    model, rate = nodes.model, nodes.model.learning_rate
    first = model._raw_predict_init(np.zeros((1, model.n_features_in_)))  # noqa: SLF001
    rounds = [
        [tree_of(each, rate * each.tree_.value[:, 0, 0]) for each in some]
        for some in model.estimators_
    ]
    scores = boosted(nodes.x().single(), first[0], rounds)
    is_exponential = type(model._loss).__name__ == "ExponentialLoss"  # noqa: SLF001
    times = 2.0 if is_exponential else 1.0
    linked(nodes, scores, "identity", times, border="GreaterOrEqual")


def hist_gradient_boosting(nodes: Nodes) -> None:
    """Convert boosted trees that compare float64.

    skl2onnx hands Python's booleans to protobuf, and knows no categories.
    """
    model = nodes.model
    rounds = [
        [histogram_tree_of(each) for each in some]
        for some in model._predictors  # noqa: SLF001 -- no other place has them
    ]
    x = nodes.x() if model.is_categorical_ is None else categorical(nodes, rounds)
    scores = boosted(x, model._baseline_prediction.ravel(), rounds)  # noqa: SLF001
    is_log = type(model._loss.link).__name__ == "LogLink"  # noqa: SLF001
    linked(nodes, scores, "log" if is_log else "identity")


def categorical(nodes: Nodes, rounds: list[list[Tree]]) -> Value:
    """Make a number of each question that a tree asks about a category.

    The number is 0 where the answer is left, 1 where it is right, and missing where the
    category is not known. The trees of `rounds` are changed to ask for these numbers,
    which follow the others in X. Returns: that X.
    """
    model, columns = nodes.model, nodes.columns()
    chosen = np.flatnonzero(model.is_categorical_)
    rest = [x for at, (x, _) in enumerate(columns) if at not in set(chosen)]
    known = model._preprocessor.named_transformers_["encoder"].categories_  # noqa: SLF001
    tables: list[list[Any]] = [[] for _ in chosen]
    asked = list(_questions(model, rounds, known, tables))
    first = np.cumsum([len(rest), *map(len, tables)])
    for tree in chain.from_iterable(rounds):
        tree.feature[:] -= len(chosen)
    for tree, at, feature, later in asked:
        tree.feature[at], tree.threshold[at] = first[feature] + later, 0.5
    inputs = [x.double() for x in rest]
    for place, categories, table in zip(chosen, known, tables, strict=True):
        x, is_text = columns[place]
        if table:
            number = number_of(x, categories, is_text=is_text).squeezed()
            inputs.append(number.lookup(np.array(table).T))
    return nodes.joined(inputs)


def _questions(
    model: Any, rounds: list[list[Tree]], known: Any, tables: list[Any]
) -> Iterator[tuple[Tree, int, int, int]]:
    """Give each tree's node that asks for a category, and note its answers in a table.

    With them go the feature, and the place in its table.
    """
    predictors = chain.from_iterable(model._predictors)  # noqa: SLF001
    for tree, each in zip(chain.from_iterable(rounds), predictors, strict=True):
        for at in np.flatnonzero(each.nodes["is_categorical"]).tolist():
            feature = each.nodes[at]["feature_idx"]
            bits = each.raw_left_cat_bitsets[each.nodes[at]["bitset_idx"]]
            yield tree, at, feature, len(tables[feature])
            tables[feature].append(_sides(bits, known[feature]))


def _sides(bits: Any, known: Any) -> Any:
    """Say for each category, and for what is none, on which side of a node it is."""
    places = np.arange(len(known))
    is_left = (bits[places // 32] >> (places % 32).astype("uint32")) & 1
    sides = np.where(is_left == 1, 0.0, 1.0)
    sides[[value != value for value in known]] = np.nan  # noqa: PLR0124 -- NaN alone
    return np.append(sides, np.nan)


def boosted(x: Value, first: Any, rounds: list[list[Tree]]) -> Value:
    """Add up rounds of trees, from the first values on, in scikit-learn's order."""
    trees = [*map(leaf_of, first), *chain.from_iterable(rounds)]
    targets = [place for some in [first, *rounds] for place in range(len(some))]
    return ensemble(x, trees, targets)


def linked(
    nodes: Nodes, scores: Value, link: str, times: float = 1.0, **border: Any
) -> None:
    """Give what a model answers by the sums of its trees.

    Classes have shares of one whole, unless the link is `logit`, which is of each class
    alone. `border` says which of two it is, as `decide` takes it.
    """
    model = nodes.model
    if not hasattr(model, "classes_"):
        nodes.give(0, scores.apply(_OF_LINK.get(link, "Identity")))
        return
    steep = scores * times
    if len(model.classes_) == BINARY:
        decide(nodes, scores, of_two(steep.apply("Sigmoid")), **border)
    elif link == "logit":
        decide(nodes, scores, steep.apply("Sigmoid"))
    else:
        decide(nodes, scores, steep.apply("Softmax", axis=1))


def isolation_forest(nodes: Nodes) -> None:
    """Convert trees whose leaves' depths decide what is an outlier.

    skl2onnx has no converter for ai.onnx.ml 5, and computes in float32. Here the border
    is one of the sum of depths, from which scikit-learn computes a score.
    """
    model, trees = nodes.model, []
    for place, member in enumerate(model.estimators_):
        depth = model._decision_path_lengths[place]  # noqa: SLF001
        depth = depth + model._average_path_length_per_tree[place] - 1.0  # noqa: SLF001
        trees.append(tree_of(member, depth, model.estimators_features_[place]))
    depths = ensemble(nodes.x().single(), trees)
    nodes.give(0, (depths < least_depth(model)).where(-1, 1))
    nodes.give(1, depths)


def least_depth(model: Any) -> float:
    """Find the least sum of depths that is no outlier, to the last bit."""
    from sklearn.ensemble._iforest import _average_path_length  # noqa: PLC0415

    path = _average_path_length([model._max_samples])  # noqa: SLF001
    whole = len(model.estimators_) * path

    def is_outlier(depth: float) -> bool:
        score = -(2 ** (-np.divide([depth], whole)))
        return bool(score[0] - model.offset_ < 0)

    low, high = 0.0, 1e6
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if is_outlier(middle) else (low, middle)
    return high
