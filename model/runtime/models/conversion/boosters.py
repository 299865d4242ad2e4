"""XGBoost's and LightGBM's models, where the owner has one of these packages.

onnxmltools converts both too, by operators that compare and add in float32, where
LightGBM has float64; for XGBoost it adds the first value last. Here trees are read of
what the packages write to a file, and become the operator that scikit-learn's become.
"""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto

from runtime.models.conversion.equivalence import refuse
from runtime.models.conversion.nodes import BINARY, SINGLE, SPARSE, Nodes, package_of
from runtime.models.conversion.trees import (
    UNDER,
    Tree,
    ensemble,
    leaf_of,
    linked,
    predictor_of,
    tree_of,
)

_ZERO = float(np.float32(1e-35))  # LightGBM's own, which is of float32
_LINKS = {
    **dict.fromkeys(["binary:logistic", "reg:logistic", "binary"], "logit"),
    **dict.fromkeys(["multiclassova", "cross_entropy"], "logit"),
    **dict.fromkeys(["multi:softprob", "multiclass"], "softmax"),
    **dict.fromkeys(["count:poisson", "reg:gamma", "reg:tweedie"], "log"),
    **dict.fromkeys(["poisson", "gamma", "tweedie"], "log"),
    **dict.fromkeys(["reg:squarederror", "reg:squaredlogerror"], "identity"),
    **dict.fromkeys(["reg:pseudohubererror", "reg:absoluteerror"], "identity"),
    **dict.fromkeys(["reg:quantileerror", "regression", "regression_l1"], "identity"),
    **dict.fromkeys(["huber", "fair", "quantile", "mape"], "identity"),
}


class Booster(NamedTuple):
    """Trees with the values of their leaves, and the place of the sum of each."""

    trees: list[tuple[Tree, Any]]
    targets: list[int]
    objective: str
    first: Any = ()  # what the sums begin with
    n_rounds: int = 1  # by which sums are divided
    steepness: float = 1.0  # of the curve that makes shares of sums


def booster_of(part: Any) -> Booster | None:
    """Read a fitted model of one of the two packages. Raises: Different."""
    package = package_of(part)
    is_fitted = getattr(part, "__sklearn_is_fitted__", bool)
    if package not in {"xgboost", "lightgbm"} or not is_fitted():
        return None
    if package == "lightgbm":
        return _lightgbm(part.booster_)
    best = getattr(part, "best_iteration", None)  # where it stopped early
    return _xgboost(part.get_booster(), None if best is None else best + 1)


@cache  # read once, though it is asked for often
def _xgboost(booster: Any, n_rounds: int | None) -> Booster:
    booster = booster if n_rounds is None else booster[:n_rounds]
    whole = json.loads(booster.save_raw("json"))
    learner = whole["learner"]
    kept = learner["gradient_booster"].get("model")
    is_other = learner["gradient_booster"]["name"] != "gbtree"
    refuse(is_other, "XGBoost has another booster than gbtree")
    trees = [_tree_of_xgboost(tree) for tree in kept["trees"]]
    objective = learner["objective"]["name"]
    return Booster(trees, kept["tree_info"], objective, _first(booster))


def _tree_of_xgboost(tree: dict[str, Any]) -> tuple[Tree, Any]:
    has_categories = any(tree["split_type"])
    has_lists = int(tree["tree_param"]["size_leaf_vector"]) > 1
    refuse(has_categories, "XGBoost's trees have categories: encode them before it")
    refuse(has_lists, "XGBoost's leaves have several numbers: use one_output_per_tree")
    left, right = np.array([tree["left_children"], tree["right_children"]])
    threshold = np.array(tree["split_conditions"], "float32")
    missing_left = np.array(tree["default_left"])
    feature = np.array(tree["split_indices"])
    read = Tree(left, right, feature, threshold, missing_left, left < 0)
    return read, threshold[left < 0]


def _first(booster: Any) -> Any:
    """Let XGBoost itself compute what sums begin with: by trees that add nothing."""
    whole = json.loads(booster[:1].save_raw("json"))
    for tree in whole["learner"]["gradient_booster"]["model"]["trees"]:
        tree["split_conditions"] = [0.0] * len(tree["split_conditions"])
    empty = type(booster)()
    empty.load_model(bytearray(json.dumps(whole).encode()))
    row = np.zeros((1, booster.num_features()))
    return empty.inplace_predict(row, predict_type="margin").ravel()


@cache
def _lightgbm(booster: Any) -> Booster:
    text = booster.model_to_string().partition("\nend of trees")[0]
    head, *blocks = [
        dict(line.partition("=")[::2] for line in block.splitlines())
        for block in text.split("\nTree=")
    ]
    n_targets = int(head["num_tree_per_iteration"])
    targets = list(range(n_targets)) * (len(blocks) // n_targets)
    words = head.get("objective", "").split()
    extra = dict(word.split(":") for word in words if ":" in word)
    return Booster(
        [_tree_of_lightgbm(block) for block in blocks],
        targets,
        " ".join(word for word in words if ":" not in word),
        n_rounds=len(blocks) // n_targets if "average_output" in head else 1,
        steepness=float(extra.get("sigmoid", 1)),
    )


def _tree_of_lightgbm(block: dict[str, str]) -> tuple[Tree, Any]:
    def array(name: str, kind: Any = int) -> Any:
        return np.array(block[name].split()).astype(kind)

    values, threshold = array("leaf_value", float), array("threshold", float)
    if len(values) == 1:
        return leaf_of(values[0])
    kinds, n_inner = array("decision_type"), len(threshold)
    missing_kind, missing_left = kinds >> 2, kinds >> 1 & 1
    has_categories, has_lines = (block[n] != "0" for n in ("num_cat", "is_linear"))
    refuse(has_categories, "LightGBM's trees have categories: encode them before it")
    refuse(has_lines, "LightGBM's leaves have lines: use linear_tree=False")
    refuse(1 in missing_kind, "for LightGBM zero is missing: use zero_as_missing=False")
    # Where no value was missing in training, a missing one is a zero.
    missing_left = np.where(missing_kind == 0, threshold >= 0, missing_left)
    left, right = array("left_child"), array("right_child")
    left, right = (np.where(at < 0, n_inner + ~at, at) for at in (left, right))
    is_leaf = np.repeat([False, True], [n_inner, len(values)])
    inner = [left, right, array("split_feature"), threshold, missing_left]
    whole = [np.append(part, np.zeros(len(values), int)) for part in inner]
    return Tree._make([*whole, is_leaf]), values


def booster(nodes: Nodes) -> None:
    """Convert a model of either package.

    XGBoost compares and adds in float32, from its first value on; LightGBM in float64,
    where numbers next to zero are zero.
    """
    model = nodes.operator.raw_operator
    read = booster_of(model)
    assert read is not None  # noqa: S101 -- as it is registered for no other
    name, is_own = type(model).__name__, read.objective not in _LINKS
    refuse(is_own, f"{name}(objective={read.objective or 'its own'!r}) is not tried")
    several = len(getattr(model, "classes_", ())) == BINARY and any(read.targets)
    refuse(several, f"{name} answers several labels a row: use MultiOutputClassifier")
    trees = [*map(leaf_of, read.first), *read.trees]
    targets = [*range(len(read.first)), *read.targets]
    if package_of(model) == "xgboost":
        x = _without_missing(nodes)
        scores = ensemble(nodes, x, trees, targets, mode=UNDER, dtype="float32")
        scores = nodes.add("Cast", scores, to=TensorProto.DOUBLE)
    else:
        x = nodes.x()
        is_zero = nodes.add("LessOrEqual", nodes.add("Abs", x), np.array(_ZERO))
        x = nodes.add("Where", is_zero, np.array(0.0), x)
        scores = ensemble(nodes, x, trees, targets)
        scores = nodes.add("Div", scores, np.array(float(read.n_rounds)))
    # The least score of which the share is not rounded to a half.
    least = 0.75 * float(np.finfo("float32" if len(read.first) else "float64").eps)
    linked(nodes, scores, _LINKS[read.objective], read.steepness, limit=least)


def _without_missing(nodes: Nodes) -> str:
    """Give X in float32, with NaN for what XGBoost takes as missing."""
    model, x = nodes.operator.raw_operator, nodes.x()
    if nodes.option(SPARSE):  # what is not stored is missing to XGBoost
        is_none = nodes.add("Equal", x, np.array(0.0))
        x = nodes.add("Where", is_none, np.array(np.nan), x)
    x = nodes.add("Cast", x, to=TensorProto.FLOAT, name=SINGLE)
    if np.isnan(model.missing):
        return x
    is_missing = nodes.add("Equal", x, np.array(model.missing, "float32"))
    return nodes.add("Where", is_missing, np.array(np.nan, "float32"), x)


def trees_in(part: Any) -> list[Tree]:
    """Give the trees that a fitted estimator itself is made of. Raises: Different."""
    if read := booster_of(part):
        return [tree for tree, _ in read.trees]
    if hasattr(part, "tree_"):
        return [tree_of(part)]
    rounds = getattr(part, "_predictors", [])
    return [predictor_of(each)[0] for some in rounds for each in some]


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
            inner = ~np.asarray(tree.is_leaf, bool) & np.isfinite(tree.threshold)
            for place in np.unique(tree.feature[inner]):
                some = tree.threshold[inner & (tree.feature == place)]
                found[rows.columns[int(place)]].append(some)
    known = [name for name, some in found.items() if some and name in numbers]
    return {name: np.concatenate(found[name]) for name in known}
