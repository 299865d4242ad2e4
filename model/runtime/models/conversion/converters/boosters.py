"""XGBoost's and LightGBM's models, where the owner has one of these packages.

onnxmltools converts both too, by operators that compare and add in float32, where
LightGBM has float64; for XGBoost it adds the first value last. Here trees are read of
what the packages write to a file, and become the operator that scikit-learn's become.
"""

import json
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto

from runtime.models.conversion.converters.answers import BINARY
from runtime.models.conversion.converters.ensembles import linked
from runtime.models.conversion.converters.nodes import SINGLE, SPARSE, Nodes, Value
from runtime.models.conversion.converters.trees import UNDER, Tree, ensemble, leaf_of
from runtime.models.conversion.parts import package_of
from runtime.models.conversion.refusal import refuse

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
    """Trees, and the place of the sum of each."""

    trees: list[Tree]
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


def _tree_of_xgboost(tree: dict[str, Any]) -> Tree:
    has_categories = any(tree["split_type"])
    has_lists = int(tree["tree_param"]["size_leaf_vector"]) > 1
    refuse(has_categories, "XGBoost's trees have categories: encode them before it")
    refuse(has_lists, "XGBoost's leaves have several numbers: use one_output_per_tree")
    left, right = np.array([tree["left_children"], tree["right_children"]])
    threshold = np.array(tree["split_conditions"], "float32")
    is_leaf = left < 0
    missing_left = np.array(tree["default_left"])
    feature = np.array(tree["split_indices"])
    leaves = threshold[is_leaf]
    return Tree(is_leaf, left, right, feature, threshold, missing_left, leaves)


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


def _tree_of_lightgbm(block: dict[str, str]) -> Tree:
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
    return Tree._make([is_leaf, *whole, values])


def booster(nodes: Nodes) -> None:
    """Convert a model of either package.

    XGBoost compares and adds in float32, from its first value on; LightGBM in float64,
    where numbers next to zero are zero.
    """
    model = nodes.model
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
        scores = ensemble(x, trees, targets, mode=UNDER, dtype="float32").double()
    else:
        x = nodes.x()
        x = (x.apply("Abs") <= _ZERO).where(0.0, x)
        scores = ensemble(x, trees, targets) / float(read.n_rounds)
    # The least score of which the share is not rounded to a half.
    least = 0.75 * float(np.finfo("float32" if len(read.first) else "float64").eps)
    linked(nodes, scores, _LINKS[read.objective], read.steepness, limit=least)


def _without_missing(nodes: Nodes) -> Value:
    """Give X in float32, with NaN for what XGBoost takes as missing."""
    missing, x = np.array(nodes.model.missing, "float32"), nodes.x()
    if nodes.option(SPARSE):  # what is not stored is missing to XGBoost
        x = x.equals(0.0).where(np.nan, x)
    x = x.apply("Cast", to=TensorProto.FLOAT, name=SINGLE)
    if np.isnan(missing):
        return x
    return x.equals(missing).where(np.array(np.nan, "float32"), x)
