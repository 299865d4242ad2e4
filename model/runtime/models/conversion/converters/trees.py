"""Trees as the operator that compares and adds in float64."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from onnx import numpy_helper

from runtime.models.conversion.converters.nodes import ML, Value

NOT_OVER, UNDER = 0, 1  # a threshold: what goes left
_NODES = [  # attributes of the operator, in the order of `_numbered`
    *("nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids"),
    *("nodes_falseleafs", "nodes_featureids", "nodes_missing_value_tracks_true"),
]


class Tree(NamedTuple):
    """A tree by its nodes: where `is_leaf`, the next arrays mean nothing.

    `leaves` has the value of each leaf, `(n_leaves,)`, or several, `(n_leaves, ...)`.
    """

    is_leaf: Any
    left: Any
    right: Any
    feature: Any
    threshold: Any
    missing_left: Any
    leaves: Any


def leaf_of(value: Any) -> Tree:
    """Give a tree that adds one value to each row."""
    none = np.array([0])
    return Tree(none == 0, none, none, none, none, none, np.array([value]))


def _rooted(tree: Tree) -> Tree:
    """Give a tree that is one leaf a root, as the operator wants, and two leaves."""
    if not tree.is_leaf[0]:
        return tree
    left, right, none = np.array([1, 0, 0]), np.array([2, 0, 0]), np.zeros(3)
    leaves = np.repeat(tree.leaves, 2)
    return Tree(left == 0, left, right, none, none, none, leaves)


def tree_of(estimator: Any, values: Any = None, features: Any = None) -> Tree:
    """Read a fitted tree.

    `values` are of each node, in the place of the tree's own; `features` are the
    columns of X that it was given.
    """
    tree = estimator.tree_
    values = tree.value if values is None else values
    feature = tree.feature if features is None else np.asarray(features)[tree.feature]
    is_leaf = tree.children_left < 0
    return Tree(
        is_leaf,
        tree.children_left,
        tree.children_right,
        feature,
        tree.threshold,
        np.asarray(tree.missing_go_to_left),
        values[is_leaf],
    )


def histogram_tree_of(predictor: Any) -> Tree:
    """Read a tree of HistGradientBoosting."""
    table = predictor.nodes
    is_leaf = table["is_leaf"].astype(bool)
    return Tree(
        is_leaf,
        table["left"],
        table["right"],
        table["feature_idx"].astype("int64"),
        table["num_threshold"].copy(),
        table["missing_go_to_left"],
        table["value"][is_leaf],
    )


def ensemble(
    x: Value,
    trees: list[Tree],
    targets: Iterable[int] | None = None,
    *,
    mode: int = NOT_OVER,
    dtype: str = "float64",
) -> Value:
    """Add up the leaves of trees, of one value each, in the order of the trees.

    `targets` are the places of the trees' sums in a row of the output. `mode` says what
    goes left; `dtype` is that of X, of thresholds and of sums. Returns:
    `(n_rows, n_targets)`.
    """
    targets, trees = list(targets or [0] * len(trees)), [*map(_rooted, trees)]
    n_inner = np.cumsum([0, *(np.sum(~tree.is_leaf) for tree in trees)])
    n_leaves = np.cumsum([0, *(len(tree.leaves) for tree in trees)])
    numbered = map(_numbered, trees, n_inner, n_leaves)
    whole = map(np.concatenate, zip(*numbered, strict=True))
    integers = dict(zip(_NODES, whole, strict=True))
    integers["tree_roots"] = n_inner[:-1]
    integers["leaf_targetids"] = np.repeat(targets, np.diff(n_leaves))
    thresholds = np.concatenate([tree.threshold[~tree.is_leaf] for tree in trees])
    leaves = np.concatenate([tree.leaves for tree in trees])
    return x.apply(
        "TreeEnsemble",
        domain=ML,
        n_targets=max(targets) + 1,
        aggregate_function=1,
        **{name: array.astype("int64").tolist() for name, array in integers.items()},
        nodes_modes=numpy_helper.from_array(np.full(n_inner[-1], mode, "uint8")),
        nodes_splits=numpy_helper.from_array(thresholds.astype(dtype)),
        leaf_weights=numpy_helper.from_array(leaves.astype(dtype)),
    )


def _numbered(tree: Tree, n_inner: int, n_leaves: int) -> list[Any]:
    """Give the arrays of `_NODES`, for what follows so many nodes of other trees."""
    is_leaf, inner = tree.is_leaf, ~tree.is_leaf
    leaf_places = n_leaves + np.cumsum(is_leaf) - 1
    places = np.where(is_leaf, leaf_places, n_inner + np.cumsum(inner) - 1)
    left, right = tree.left[inner], tree.right[inner]
    links = [places[left], is_leaf[left], places[right], is_leaf[right]]
    return [*links, tree.feature[inner], tree.missing_left[inner]]


def table_sum(x: Value, trees: list[Tree]) -> Value:
    """Add up the leaves of trees, `(n_leaves, n_values)` each.

    The operator finds the number of each tree's leaf, by which its values are looked
    up. Returns: `(n_rows, n_values)`.
    """
    ends = np.cumsum([len(tree.leaves) for tree in trees])
    numbers = np.split(np.arange(ends[-1], dtype="float64"), ends[:-1])
    pairs = zip(trees, numbers, strict=True)
    numbered = [tree._replace(leaves=own) for tree, own in pairs]
    found = ensemble(x, numbered, range(len(trees))).integer()
    table = np.concatenate([tree.leaves for tree in trees])
    return found.lookup(table).apply("ReduceSum", [1], keepdims=0)
