"""The trees that a fitted model is made of: how many nodes, and which thresholds."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from runtime.models.conversion.converters.boosters import booster_of
from runtime.models.conversion.converters.trees import Tree, histogram_tree_of, tree_of


def trees_in(part: Any) -> list[Tree]:
    """Give the trees that a fitted estimator itself is made of. Raises: Different."""
    if read := booster_of(part):
        return read.trees
    if hasattr(part, "tree_"):
        return [tree_of(part)]
    rounds = getattr(part, "_predictors", [])
    return [histogram_tree_of(each) for some in rounds for each in some]


def n_nodes(part: Any) -> int:
    """Count the nodes of all trees of a fitted estimator. Raises: Different."""
    return sum(len(tree.left) for tree in trees_in(part))


def thresholds_of(parts: Iterable[Any], rows: Any) -> dict[Any, Any]:
    """Give the numbers that trees compare with each column, where they see all of X."""
    found: dict[Any, list[Any]] = {name: [] for name in rows}
    numbers = set(rows.select_dtypes("number"))
    for part in parts:
        if getattr(part, "n_features_in_", 0) != len(rows.columns):
            continue
        for tree in trees_in(part):
            # Infinite ones part missing values from all others.
            inner = ~tree.is_leaf & np.isfinite(tree.threshold)
            for place in np.unique(tree.feature[inner]):
                some = tree.threshold[inner & (tree.feature == place)]
                found[rows.columns[int(place)]].append(some)
    known = [name for name, some in found.items() if some and name in numbers]
    return {name: np.concatenate(found[name]) for name in known}
