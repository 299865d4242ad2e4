"""Trees as the operator that compares and adds in float64.

Forests see their values through float32, as they do in scikit-learn; boosted histograms
do not. Thresholds are scikit-learn's own.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto, numpy_helper

from runtime.models.conversion.features import number_of
from runtime.models.conversion.nodes import (
    BINARY,
    ML,
    Nodes,
    decided,
    label_values,
    labels,
    largest,
    of_two,
    single,
)
from runtime.models.engine import answers_several


class Tree(NamedTuple):
    """A tree by its nodes: where `is_leaf`, the other arrays mean nothing."""

    left: Any
    right: Any
    feature: Any
    threshold: Any
    missing_left: Any
    is_leaf: Any


_NONE = np.zeros(3)


STUMP = Tree(np.array([1, 0, 0]), np.array([2, 0, 0]), _NONE, _NONE, _NONE, _NONE)


STUMP = STUMP._replace(is_leaf=np.array([0, 1, 1]))


NOT_OVER, UNDER = 0, 1  # a threshold: what goes left


_OF_LINK = {"log": "Exp", "logit": "Sigmoid"}


def leaf_of(value: Any) -> tuple[Tree, Any]:
    """Give a tree that adds one value to each row."""
    zero = np.array([0])
    return Tree(zero, zero, zero, zero, zero, np.array([1])), np.array([value])


def tree_of(estimator: Any, features: Any = None) -> Tree:
    """Read a fitted tree; `features` are the columns of X that it was given."""
    tree = estimator.tree_
    feature = tree.feature if features is None else np.asarray(features)[tree.feature]
    left, right = tree.children_left, tree.children_right
    missing = np.asarray(tree.missing_go_to_left)
    return Tree(left, right, feature, tree.threshold, missing, left < 0)


def ensemble(
    nodes: Nodes,
    x: str,
    trees: list[tuple[Tree, Any]],
    targets: Iterable[int] | None = None,
    *,
    mode: int = NOT_OVER,
    dtype: str = "float64",
) -> str:
    """Add up the leaves of trees, given with a value for each leaf, in their order.

    `targets` are the places of the trees' sums in a row of the output. `mode` says what
    goes left; `dtype` is that of X, of thresholds and of sums. Returns: the name of the
    output, `(n_rows, n_targets)`.
    """
    targets = list(targets or [0] * len(trees))
    rooted = [
        (STUMP, np.repeat(v, 2)) if tree.is_leaf[0] else (tree, v) for tree, v in trees
    ]
    n_inner = np.cumsum([0, *(np.sum(tree.is_leaf == 0) for tree, _ in rooted)])
    n_leaves = np.cumsum([0, *(len(values) for _, values in rooted)])
    parts = [
        _numbered(tree, *start)
        for (tree, _), *start in zip(rooted, n_inner[:-1], n_leaves[:-1], strict=True)
    ]
    whole = [np.concatenate(part) for part in zip(*parts, strict=True)]
    integers = dict(zip(_NODES, whole[:-1], strict=True))
    integers["tree_roots"] = n_inner[:-1]
    integers["leaf_targetids"] = np.repeat(targets, np.diff(n_leaves))
    values = np.concatenate([values for _, values in rooted])
    return nodes.add(
        "TreeEnsemble",
        x,
        domain=ML,
        n_targets=max(targets) + 1,
        aggregate_function=1,
        **{name: array.astype("int64").tolist() for name, array in integers.items()},
        nodes_modes=numpy_helper.from_array(np.full(n_inner[-1], mode, "uint8")),
        nodes_splits=numpy_helper.from_array(whole[-1].astype(dtype)),
        leaf_weights=numpy_helper.from_array(values.astype(dtype)),
    )


_NODES = [
    *("nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids"),
    *("nodes_falseleafs", "nodes_featureids", "nodes_missing_value_tracks_true"),
]


def _numbered(tree: Tree, n_inner: int, n_leaves: int) -> list[Any]:
    """Give the arrays of `_NODES` and the thresholds, for what follows other trees."""
    is_leaf = tree.is_leaf.astype(bool)
    inner = ~is_leaf
    leaf_places = n_leaves + np.cumsum(is_leaf) - 1
    places = np.where(is_leaf, leaf_places, n_inner + np.cumsum(inner) - 1)
    left, right = tree.left[inner], tree.right[inner]
    links = [places[left], is_leaf[left], places[right], is_leaf[right]]
    return [
        *links,
        tree.feature[inner],
        tree.missing_left[inner],
        tree.threshold[inner],
    ]


def table_sum(nodes: Nodes, x: str, trees: list[Tree], tables: list[Any]) -> str:
    """Add up the leaves of trees, of which each holds several values.

    `tables` has those of each tree, `(n_leaves, n_values)`. The operator finds the
    number of each tree's leaf, by which its values are looked up: `(n_rows, n_values)`.
    """
    numbered, first = [], 0
    for tree, table in zip(trees, tables, strict=True):
        places = np.arange(first, first + len(table), dtype="float64")
        numbered.append((tree, places))
        first += len(table)
    leaves = ensemble(nodes, x, numbered, range(len(trees)))
    whole = nodes.add("Cast", leaves, to=TensorProto.INT64)
    each = nodes.add("Gather", np.concatenate(tables), whole, axis=0)
    return nodes.add("ReduceSum", each, np.array([1]), keepdims=0)


def forest(nodes: Nodes) -> None:
    """Convert trees whose leaves are averaged.

    skl2onnx adds float32, so that 50 of 100 trees may be more than half; rounds the
    thresholds; and sends missing values to the right.
    """
    model = nodes.operator.raw_operator
    members = getattr(model, "estimators_", [model])
    trees = [tree_of(member) for member in members]
    values = [m.tree_.value[t.is_leaf] for m, t in zip(members, trees, strict=True)]
    x, count = single(nodes), np.array(float(len(trees)))
    if hasattr(model, "classes_"):
        elect(nodes, x, trees, values)
        return
    tables = [value[:, :, 0] for value in values]
    if tables[0].shape[1] == 1:
        leaves = [(t, v[:, 0]) for t, v in zip(trees, tables, strict=True)]
        total = ensemble(nodes, x, leaves)
    else:
        total = table_sum(nodes, x, trees, tables)
    nodes.give(0, nodes.add("Div", total, count))


def elect(nodes: Nodes, x: str, trees: list[Tree], values: list[Any]) -> None:
    """Give the labels, one or several a row, that trees have most shares of.

    `values` has the shares of each tree, `(n_leaves, n_labels, most_classes)`.
    """
    model = nodes.operator.raw_operator
    several = answers_several(model)
    known = model.classes_ if several else [model.classes_]
    chosen = np.concatenate([np.arange(len(classes)) for classes in known])
    widths = [len(classes) for classes in known]
    tables = [v[:, np.repeat(range(len(known)), widths), chosen] for v in values]
    whole = table_sum(nodes, x, trees, tables)
    shares = nodes.add("Div", whole, np.array(float(len(trees))))
    nodes.give(1, shares)
    if not several:
        labels(nodes, largest(nodes, shares))
        return
    found = []
    for classes, end in zip(known, np.cumsum(widths), strict=True):
        own = np.arange(end - len(classes), end)
        place = nodes.add("ArgMax", nodes.add("Gather", shares, own, axis=1), axis=1)
        found.append(nodes.add("Gather", label_values(classes), place, axis=0))
    nodes.give(0, nodes.add("Concat", *found, axis=1))


def gradient_boosting(nodes: Nodes) -> None:
    """Convert boosted trees, as `forest` does."""
    model = nodes.operator.raw_operator
    first = model._raw_predict_init(np.zeros((1, model.n_features_in_)))  # noqa: SLF001
    read = [
        [(each.tree_, tree_of(each)) for each in some] for some in model.estimators_
    ]
    rounds = [
        [(t, model.learning_rate * tree.value[t.is_leaf, 0, 0]) for tree, t in some]
        for some in read
    ]
    boosted(nodes, single(nodes), first[0], rounds)


def hist_gradient_boosting(nodes: Nodes) -> None:
    """Convert boosted trees that compare float64.

    skl2onnx hands Python's booleans to protobuf, and knows no categories.
    """
    model = nodes.operator.raw_operator
    rounds = [
        [predictor_of(each) for each in some]
        for some in model._predictors  # noqa: SLF001 -- no other place has them
    ]
    x = nodes.x() if model.is_categorical_ is None else categorical(nodes, rounds)
    boosted(nodes, x, model._baseline_prediction.ravel(), rounds)  # noqa: SLF001


def categorical(nodes: Nodes, rounds: list[list[tuple[Tree, Any]]]) -> str:
    """Make a number of each question that a tree asks about a category.

    The number is 0 where the answer is left, 1 where it is right, and missing where the
    category is not known. The trees of `rounds` are changed to ask for these numbers,
    which follow the others in X. Returns: the name of that X.
    """
    model, columns = nodes.operator.raw_operator, nodes.columns()
    chosen = np.flatnonzero(model.is_categorical_)
    rest = [name for at, (name, _) in enumerate(columns) if at not in set(chosen)]
    inputs = [nodes.add("Cast", name, to=TensorProto.DOUBLE) for name in rest]
    known = model._preprocessor.named_transformers_["encoder"].categories_  # noqa: SLF001
    tables: list[list[Any]] = [[] for _ in chosen]
    asked = list(_questions(model, rounds, known, tables))
    first = np.cumsum([len(rest), *map(len, tables)])
    for tree in {id(tree): tree for some in rounds for tree, _ in some}.values():
        tree.feature[:] -= len(chosen)
    for tree, at, feature, later in asked:
        tree.feature[at], tree.threshold[at] = first[feature] + later, 0.5
    for place, categories, table in zip(chosen, known, tables, strict=True):
        column, is_text = columns[place]
        if table:
            number = number_of(nodes, column, categories, is_text=is_text)
            number = nodes.add("Squeeze", number, np.array([1]))
            inputs.append(nodes.add("Gather", np.array(table).T, number, axis=0))
    return nodes.add("Concat", *inputs, axis=1)


def _questions(
    model: Any, rounds: list[list[tuple[Tree, Any]]], known: Any, tables: list[Any]
) -> Iterator[tuple[Tree, int, int, int]]:
    """Give each tree's node that asks for a category, and note its answers in a table.

    With them go the feature, and the place in its table.
    """
    for some, predictors in zip(rounds, model._predictors, strict=True):  # noqa: SLF001
        for (tree, _), each in zip(some, predictors, strict=True):
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


def predictor_of(predictor: Any) -> tuple[Tree, Any]:
    """Read a tree of HistGradientBoosting, and the values of its leaves."""
    table = predictor.nodes
    is_leaf = table["is_leaf"].astype(bool)
    tree = Tree(
        table["left"],
        table["right"],
        table["feature_idx"].astype("int64"),
        table["num_threshold"].copy(),
        table["missing_go_to_left"],
        is_leaf,
    )
    return tree, table["value"][is_leaf]


def boosted(
    nodes: Nodes, x: str, first: Any, rounds: list[list[tuple[Tree, Any]]]
) -> None:
    """Add up rounds of trees, from the first values on, in scikit-learn's order."""
    trees = [*map(leaf_of, first), *(tree for some in rounds for tree in some)]
    targets = [place for some in [first, *rounds] for place in range(len(some))]
    scores = ensemble(nodes, x, trees, targets)
    model = nodes.operator.raw_operator
    loss = model._loss  # noqa: SLF001 -- no other place says it
    link = "log" if type(loss.link).__name__ == "LogLink" else "identity"
    if hasattr(model, "_predictors"):
        linked(nodes, scores, link)
        return
    times = 2.0 if type(loss).__name__ == "ExponentialLoss" else 1.0
    linked(nodes, scores, link, times, border="GreaterOrEqual")


def linked(
    nodes: Nodes, scores: str, link: str, times: float = 1.0, **border: Any
) -> None:
    """Give what a model answers by the sums of its trees.

    Classes have shares of one whole, unless the link is `logit`, which is of each class
    alone. `border` says which of two it is, as `decided` takes it.
    """
    model, kind = nodes.operator.raw_operator, _OF_LINK.get(link, "Identity")
    if not hasattr(model, "classes_"):
        nodes.give(0, nodes.add(kind, scores))
        return
    steep = nodes.add("Mul", scores, np.array(times))
    if len(model.classes_) == BINARY:
        decided(nodes, scores, of_two(nodes, nodes.add("Sigmoid", steep)), **border)
    elif link == "logit":
        decided(nodes, scores, nodes.add("Sigmoid", steep))
    else:
        decided(nodes, scores, nodes.add("Softmax", steep, axis=1))


def isolation_forest(nodes: Nodes) -> None:
    """Convert trees whose leaves' depths decide what is an outlier.

    skl2onnx has no converter for ai.onnx.ml 5, and computes in float32. Here the border
    is one of the sum of depths, from which scikit-learn computes a score.
    """
    model = nodes.operator.raw_operator
    trees = []
    for place, (member, features) in enumerate(
        zip(model.estimators_, model.estimators_features_, strict=True)
    ):
        tree = tree_of(member, features)
        depth = model._decision_path_lengths[place]  # noqa: SLF001
        depth = depth + model._average_path_length_per_tree[place] - 1.0  # noqa: SLF001
        trees.append((tree, depth[tree.is_leaf]))
    depths = ensemble(nodes, single(nodes), trees)
    is_outlier = nodes.add("Less", depths, np.array(least_depth(model)))
    nodes.give(0, nodes.add("Where", is_outlier, np.array(-1), np.array(1)))
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
