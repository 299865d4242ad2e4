"""What skl2onnx converts otherwise than scikit-learn computes, or not at all.

Everything in the graph is float64, as in scikit-learn: what is near a border of a tree,
of a bin or of a class is then on the same side of it. Trees become the one operator
that compares and adds in float64, `TreeEnsemble` of ai.onnx.ml 5, with scikit-learn's
own thresholds; forests see their values through float32, as they do in scikit-learn.

Each converter says what is wrong with skl2onnx 1.20 that it is there. `register` puts
all of them in the place of skl2onnx's own.
"""

import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from itertools import combinations, combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import _parse, update_registered_converter
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import (
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import (
    CountVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    PassiveAggressiveClassifier,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
)
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from runtime.models.equivalence import Different
from runtime.models.onnx_session import COUNTS, spell

ML = "ai.onnx.ml"
BINARY = 2  # classes
OWN, WORDS = "runtime", "Words"  # the node that stands for words to be counted
MOST_WORDS = 50_000
SINGLE = "Single"  # name of the one operator that may give float32
OPSET = {"": 21, ML: 3, OWN: 1}  # the largest that skl2onnx knows
TREES = 5  # the opset of ML that has TreeEnsemble


class Nodes:
    """The operator of one estimator, as the nodes of a graph that are made for it."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        """Take what skl2onnx hands a converter."""
        self.scope, self.operator, self.container = scope, operator, container

    def add(self, kind: str, *inputs: Any, domain: str = "", **attributes: Any) -> str:
        """Add a node, whose inputs are names or arrays. Returns: its output's name."""
        output = self.scope.get_unique_variable_name(kind)
        self._add(kind, inputs, output, domain, attributes)
        return str(output)

    def give(self, place: int, name: str) -> None:
        """Make a value the output of the operator, whose declared type it has."""
        output = self.operator.outputs[place].full_name
        self._add("Identity", [name], output, "", {})

    def _add(
        self,
        kind: str,
        inputs: Iterable[Any],
        output: str,
        domain: str,
        extra: dict[str, Any],
    ) -> None:
        names = [self._name(value) for value in inputs]
        self.container.add_node(
            kind,
            names,
            output,
            op_domain=domain,
            op_version=OPSET[domain],
            name=self.scope.get_unique_operator_name(extra.pop("name", kind)),
            **extra,
        )

    def _name(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        name = self.scope.get_unique_variable_name("constant")
        self.container.initializers.append(numpy_helper.from_array(value, name))
        return str(name)

    def x(self) -> str:
        """Give X in float64, `(n_rows, n_features)`."""
        parts = [
            each.full_name
            if isinstance(each.type, DoubleTensorType)
            else self.add("Cast", each.full_name, to=TensorProto.DOUBLE)
            for each in self.operator.inputs
        ]
        return self.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]

    def columns(self) -> list[tuple[str, bool]]:
        """Give each column of X, `(n_rows, 1)`, and whether it is text."""
        found = []
        for each in self.operator.inputs:
            is_text = type(each.type).__name__ == "StringTensorType"
            if each.type.shape[1] == 1:
                found.append((each.full_name, is_text))
                continue
            for place in range(each.type.shape[1]):
                name = self.add("Gather", each.full_name, np.array([place]), axis=1)
                found.append((name, is_text))
        return found


def spelt(values: Any) -> Any:
    """Give texts as a column of them arrives."""
    return np.array([spell(value) for value in values], dtype=object)


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
) -> str:
    """Add up the leaves of trees, given with a value for each leaf, in their order.

    `targets` are the places of the trees' sums in a row of the output. Returns: the
    name of the output, `(n_rows, n_targets)`.
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
        nodes_modes=numpy_helper.from_array(np.zeros(n_inner[-1], "uint8")),
        nodes_splits=numpy_helper.from_array(whole[-1].astype("float64")),
        leaf_weights=numpy_helper.from_array(values.astype("float64")),
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


def single(nodes: Nodes) -> str:
    """Give X as a forest sees it: rounded to float32."""
    x = nodes.add("Cast", nodes.x(), to=TensorProto.FLOAT, name=SINGLE)
    return nodes.add("Cast", x, to=TensorProto.DOUBLE)


def labels(nodes: Nodes, places: str) -> None:
    """Make the label of a class, by its place in `classes_`, the first output."""
    classes = label_values(nodes.operator.raw_operator.classes_)
    nodes.give(0, nodes.add("Gather", classes, places, axis=0))


def label_values(classes: Any) -> Any:
    """Give classes as ONNX has them: text, or whole numbers."""
    return classes.astype(object if classes.dtype.kind in "OUT" else "int64")


def largest(nodes: Nodes, scores: str) -> str:
    """Give the place of the largest score, the first one of several."""
    return nodes.add("ArgMax", scores, axis=1, keepdims=0)


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
        tables = [value[:, 0] for value in values]
        shares = nodes.add("Div", table_sum(nodes, x, trees, tables), count)
        labels(nodes, largest(nodes, shares))
        nodes.give(1, shares)
        return
    tables = [value[:, :, 0] for value in values]
    if tables[0].shape[1] == 1:
        leaves = [(t, v[:, 0]) for t, v in zip(trees, tables, strict=True)]
        total = ensemble(nodes, x, leaves)
    else:
        total = table_sum(nodes, x, trees, tables)
    nodes.give(0, nodes.add("Div", total, count))


def gradient_boosting(nodes: Nodes) -> None:
    """Convert boosted trees, as `forest` does."""
    model = nodes.operator.raw_operator
    first = model._raw_predict_init(np.zeros((1, model.n_features_in_)))  # noqa: SLF001
    rounds = [
        [
            (tree_of(each), each.tree_.value[each.tree_.children_left < 0, 0, 0])
            for each in some
        ]
        for some in model.estimators_
    ]
    scaled = [[(t, model.learning_rate * v) for t, v in some] for some in rounds]
    boosted(nodes, single(nodes), first[0], scaled)


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
    zero = np.array([0])
    leaf = Tree(zero, zero, zero, zero, zero, np.array([1]))
    start = [(leaf, np.array([value])) for value in first]
    rounds = [start, *rounds]
    trees = [tree for some in rounds for tree in some]
    targets = [place for some in rounds for place in range(len(some))]
    scores = ensemble(nodes, x, trees, targets)
    model = nodes.operator.raw_operator
    loss = model._loss  # noqa: SLF001 -- no other place says it
    if not hasattr(model, "classes_"):
        is_log = type(loss.link).__name__ == "LogLink"
        nodes.give(0, nodes.add("Exp", scores) if is_log else scores)
        return
    if len(first) > 1:
        decided(nodes, scores, nodes.add("Softmax", scores, axis=1))
        return
    times = 2.0 if type(loss).__name__ == "ExponentialLoss" else 1.0
    share = nodes.add("Sigmoid", nodes.add("Mul", scores, np.array(times)))
    other = nodes.add("Sub", np.array(1.0), share)
    border = "Greater" if hasattr(model, "_predictors") else "GreaterOrEqual"
    shares = nodes.add("Concat", other, share, axis=1)
    decided(nodes, scores, shares, border)


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


def linear(nodes: Nodes) -> None:
    """Convert classifiers that have scores alone: skl2onnx does so in float32 only."""
    model = nodes.operator.raw_operator
    coefficients = np.atleast_2d(model.coef_).T.astype("float64")
    scores = nodes.add("MatMul", nodes.x(), coefficients)
    scores = nodes.add("Add", scores, dense(np.atleast_1d(model.intercept_)))
    if coefficients.shape[1] > 1:
        decided(nodes, scores, nodes.add("Softmax", scores, axis=1))
        return
    share = nodes.add("Sigmoid", scores)
    other = nodes.add("Sub", np.array(1.0), share)
    decided(nodes, scores, nodes.add("Concat", other, share, axis=1))


def decided(nodes: Nodes, scores: str, shares: str, border: str = "Greater") -> None:
    """Decide between classes, two of them by the sign of one score.

    The second output is that of the shares, or of scores, one for each class, for those
    who ask for `raw_scores` and for a model that has no shares.
    """
    model = nodes.operator.raw_operator
    both = scores
    if len(model.classes_) > BINARY:
        labels(nodes, largest(nodes, scores))
    else:
        over = nodes.add(border, scores, np.array(0.0))
        place = nodes.add("Cast", over, to=TensorProto.INT64)
        labels(nodes, nodes.add("Squeeze", place, np.array([1])))
        both = nodes.add("Concat", nodes.add("Neg", scores), scores, axis=1)
    options = nodes.container.get_options(model, {"raw_scores": False})
    is_raw = options["raw_scores"] or not hasattr(model, "predict_proba")
    nodes.give(1, both if is_raw else shares)


def kernel(nodes: Nodes) -> str:
    """Give the kernel of X with a machine's support vectors, `(n_rows, n_vectors)`."""
    model = nodes.operator.raw_operator
    gamma = np.array(model._gamma, "float64")  # noqa: SLF001 -- no other place has it
    known = dense(model.support_vectors_)
    x = nodes.x()
    product = nodes.add("MatMul", x, known.T)
    if model.kernel == "linear":
        return product
    if model.kernel == "rbf":
        own = nodes.add("ReduceSum", nodes.add("Mul", x, x), np.array([1]))
        both = nodes.add("Add", own, (known**2).sum(axis=1))
        twice = nodes.add("Mul", product, np.array(2.0))
        return nodes.add("Exp", nodes.add("Mul", nodes.add("Sub", both, twice), -gamma))
    inner = nodes.add("Mul", product, gamma)
    inner = nodes.add("Add", inner, np.array(float(model.coef0)))
    if model.kernel == "sigmoid":
        return nodes.add("Tanh", inner)
    if model.kernel == "poly":
        return nodes.add("Pow", inner, np.array(float(model.degree)))
    message = f"{type(model).__name__} has a kernel of its own"
    raise Different(message)


def dense(values: Any) -> Any:
    """Make an array of what may be sparse."""
    whole = values.toarray() if hasattr(values, "toarray") else values
    return np.asarray(whole, dtype="float64")


def support_vectors(nodes: Nodes) -> None:
    """Convert SVR and OneClassSVM: ONNX's own operator computes in float32."""
    model = nodes.operator.raw_operator
    scores = nodes.add("MatMul", kernel(nodes), dense(model.dual_coef_).T)
    scores = nodes.add("Add", scores, dense(model.intercept_))
    if isinstance(model, OneClassSVM):
        is_inlier = nodes.add("Greater", scores, np.array(0.0))
        nodes.give(0, nodes.add("Where", is_inlier, np.array(1), np.array(-1)))
    nodes.give(-1, scores)


def vector_classifier(nodes: Nodes) -> None:
    """Convert SVC, in which each pair of classes has a vote, as in libsvm."""
    model = nodes.operator.raw_operator
    if model.probability is True:
        message = (
            f"{type(model).__name__}(probability=True) is fitted and asked by an "
            "iteration that ONNX has not: use CalibratedClassifierCV"
        )
        raise Different(message)
    n_classes = len(model.classes_)
    pairs = list(combinations(range(n_classes), 2))
    owner = np.repeat(range(n_classes), model.n_support_)
    dual = dense(model._dual_coef_)  # the other is turned for two classes
    weights = np.zeros((len(owner), len(pairs)))
    wins, losses = np.zeros((2, len(pairs), n_classes))
    for place, (one, two) in enumerate(pairs):
        weights[owner == one, place] = dual[two - 1, owner == one]
        weights[owner == two, place] = dual[one, owner == two]
        wins[place, one] = losses[place, two] = 1.0
    scores = nodes.add("MatMul", kernel(nodes), weights)
    scores = nodes.add("Add", scores, dense(model._intercept_))
    won = nodes.add("Greater", scores, np.array(0.0))
    won = nodes.add("Cast", won, to=TensorProto.DOUBLE)
    lost = nodes.add("Sub", np.array(1.0), won)
    votes = nodes.add("MatMul", won, wins)
    votes = nodes.add("Add", votes, nodes.add("MatMul", lost, losses))
    labels(nodes, largest(nodes, votes))
    both = nodes.add("Concat", scores, nodes.add("Neg", scores), axis=1)
    nodes.give(1, votes if n_classes > BINARY else both)


def threshold(nodes: Nodes) -> None:
    """Convert a tuned threshold: skl2onnx takes the label of the largest share."""
    model = nodes.operator.raw_operator
    if (
        not hasattr(model, "predict_proba")
        or model.response_method == "decision_function"
    ):
        message = f"{type(model).__name__} decides by scores: let it have probabilities"
        raise Different(message)
    estimator = getattr(model, "estimator_", model.estimator)
    final = steps_of(estimator)[-1]
    if getattr(model, "cv", None) == "prefit" and hasattr(final, "decision_function"):
        message = "the threshold may be the share of a row of training, to the last bit"
        raise Different(message)
    shares = answer(nodes, estimator)[1]
    limit = getattr(model, "best_threshold_", getattr(model, "threshold", 0.5))
    limit = 0.5 if limit == "auto" else limit
    positive = list(model.classes_).index(positive_of(model))
    share = nodes.add("Gather", shares, np.array(positive), axis=1)
    over = nodes.add("GreaterOrEqual", share, np.array(float(limit)))
    kinds = np.array(positive), np.array(1 - positive)
    labels(nodes, nodes.add("Where", over, *kinds))
    nodes.give(1, shares)


def positive_of(model: Any) -> Any:
    """Give the class of which the share is looked at."""
    label = getattr(model, "pos_label", None)
    if label is None:
        label = getattr(getattr(model, "_curve_scorer", None), "_kwargs", {}).get(
            "pos_label"
        )
    return model.classes_[1] if label is None else label


def voting(nodes: Nodes) -> None:
    """Convert VotingClassifier: skl2onnx refuses its default parameters."""
    model = nodes.operator.raw_operator
    weights = model._weights_not_none  # noqa: SLF001 -- those of what is not dropped
    weights = np.array([1.0] * len(model.estimators_) if weights is None else weights)
    parts = []
    for estimator, weight in zip(model.estimators_, weights, strict=True):
        label, part = answer(nodes, estimator)
        if model.voting == "hard":
            column = nodes.add("Reshape", label, np.array([-1, 1]))
            part = nodes.add("Equal", column, np.arange(len(model.classes_)))
            part = nodes.add("Cast", part, to=TensorProto.DOUBLE)
        parts.append(nodes.add("Mul", part, np.array(float(weight))))
    shares = nodes.add("Div", added(nodes, parts), np.array(float(weights.sum())))
    labels(nodes, largest(nodes, shares))
    nodes.give(1, shares)


def added(nodes: Nodes, parts: list[str]) -> str:
    """Add numbers in their order, as each bit depends on it."""
    total = parts[0]
    for part in parts[1:]:
        total = nodes.add("Add", total, part)
    return total


def ada_boost(nodes: Nodes) -> None:
    """Convert AdaBoostClassifier: skl2onnx mixes float32 and float64."""
    model = nodes.operator.raw_operator
    n_classes, parts = len(model.classes_), []
    for estimator, weight in zip(
        model.estimators_, model.estimator_weights_, strict=False
    ):
        label = nodes.add("Reshape", answer(nodes, estimator)[0], np.array([-1, 1]))
        is_same = nodes.add("Equal", label, label_values(model.classes_))
        less = -1 / (n_classes - 1) * weight
        parts.append(nodes.add("Where", is_same, np.array(weight), np.array(less)))
    scale = model.estimator_weights_.sum()
    scores = nodes.add("Div", added(nodes, parts), np.array(scale))
    if n_classes == BINARY:
        turned = nodes.add("Mul", scores, np.array([-1.0, 1.0]))
        scores = nodes.add("ReduceSum", turned, np.array([1]))
        both = nodes.add("Concat", nodes.add("Neg", scores), scores, axis=1)
        part = nodes.add("Div", both, np.array(2.0))
    else:
        part = nodes.add("Div", scores, np.array(n_classes - 1.0))
    decided(nodes, scores, nodes.add("Softmax", part, axis=1))


def calibrated(nodes: Nodes) -> None:
    """Convert CalibratedClassifierCV.

    skl2onnx calibrates shares where scikit-learn calibrates scores, and makes steps of
    the lines of an isotonic regression.
    """
    model = nodes.operator.raw_operator
    wholes = [_calibrated(nodes, each) for each in model.calibrated_classifiers_]
    shares = nodes.add("Div", added(nodes, wholes), np.array(float(len(wholes))))
    labels(nodes, largest(nodes, shares))
    nodes.give(1, shares)


def _calibrated(nodes: Nodes, member: Any) -> str:
    n_classes = len(member.classes)
    curves = member.calibrators
    if member.method == "temperature" or len(curves) not in {1, n_classes}:
        message = f"CalibratedClassifierCV(method={member.method!r}) is not tried"
        raise Different(message)
    scores, columns = scored(nodes, member.estimator), []
    for place, curve in enumerate(curves):
        at = np.array([place if n_classes > BINARY else 1])
        column = nodes.add("Gather", scores, at, axis=1)
        kind = interpolated if member.method == "isotonic" else sigmoid
        columns.append(kind(nodes, column, curve))
    if n_classes == BINARY:
        return nodes.add(
            "Concat", nodes.add("Sub", np.array(1.0), columns[0]), *columns, axis=1
        )
    whole = nodes.add("Concat", *columns, axis=1)
    total = nodes.add("ReduceSum", whole, np.array([1]))
    is_none = nodes.add("Equal", total, np.array(0.0))
    share = nodes.add("Div", whole, total)
    return nodes.add("Where", is_none, np.array(1 / n_classes), share)


def sigmoid(nodes: Nodes, scores: str, calibrator: Any) -> str:
    """Calibrate by a logistic curve, which is exact where it is next to nothing.

    Sigmoid of ONNX Runtime is not, and the shares of a row are divided by their sum.
    """
    scaled = nodes.add("Mul", scores, np.array(float(calibrator.a_)))
    scaled = nodes.add("Add", scaled, np.array(float(calibrator.b_)))
    over = nodes.add("Neg", nodes.add("Max", scaled, np.array(0.0)))
    under = nodes.add("Exp", nodes.add("Neg", nodes.add("Abs", scaled)))
    below = nodes.add("Add", under, np.array(1.0))
    return nodes.add("Div", nodes.add("Exp", over), below)


def interpolated(nodes: Nodes, scores: str, calibrator: Any) -> str:
    """Calibrate by lines between points, as scipy's interp1d has them."""
    final = nodes.operator.raw_operator
    if any("Boosting" in type(part).__name__ for part in steps_of(final.estimator)):
        message = "an isotonic curve sees the last bit of boosted trees: use sigmoid"
        raise Different(message)
    x, y = calibrator.X_thresholds_, calibrator.y_thresholds_
    x, y = x.astype("float64"), y.astype("float64")
    if len(x) == 1:
        return nodes.add("Add", nodes.add("Mul", scores, np.array(0.0)), y)
    value = nodes.add("Clip", scores, x[0], x[-1])
    over = nodes.add("Greater", value, x[1:-1])
    place = nodes.add(
        "ReduceSum", nodes.add("Cast", over, to=TensorProto.INT64), np.array([1])
    )
    slope = (y[1:] - y[:-1]) / (x[1:] - x[:-1])
    slope, low, base = (nodes.add("Gather", a, place) for a in (slope, x[:-1], y[:-1]))
    risen = nodes.add("Mul", slope, nodes.add("Sub", value, low))
    return nodes.add("Add", risen, base)


def steps_of(estimator: Any) -> list[Any]:
    """List the steps of a pipeline, or the one estimator that is none."""
    return [step for _, step in getattr(estimator, "steps", [("", estimator)])]


def scored(nodes: Nodes, estimator: Any) -> str:
    """Convert a part that is asked for its scores, if it has some, else for shares."""
    final = steps_of(estimator)[-1]
    if hasattr(final, "decision_function"):
        if not isinstance(final, _SCORED) or (
            isinstance(final, SVC | NuSVC) and len(final.classes_) > BINARY
        ):
            message = f"the scores of {type(final).__name__} are not tried"
            raise Different(message)
        if hasattr(final, "predict_proba"):
            nodes.container.add_options(id(final), {"raw_scores": True})
            nodes.scope.add_options(id(final), {"raw_scores": True})
    return answer(nodes, estimator)[1]


def answer(nodes: Nodes, estimator: Any) -> tuple[str, str]:
    """Convert an estimator that is part of another. Returns: its two outputs."""
    scope, operator = nodes.scope, nodes.operator
    alias = sklearn_operator_name_map[type(estimator)]
    inner = scope.declare_local_operator(alias, estimator)
    inner.inputs = operator.inputs
    is_text = estimator.classes_.dtype.kind in "OUT"
    kind = StringTensorType if is_text else Int64TensorType
    label = scope.declare_local_variable("label", kind([None]))
    shares = scope.declare_local_variable("shares", DoubleTensorType())
    inner.outputs += [label, shares]
    return label.full_name, shares.full_name


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
    if is_text and categories.dtype.kind not in "OUT":
        message = "skl2onnx makes text of numbers beside it: encode them apart from it"
        raise Different(message)
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
    if model.func not in FUNCTIONS or model.kw_args:
        name = getattr(model.func, "__name__", "this one")
        message = f"FunctionTransformer has a function that ONNX has not: {name}"
        raise Different(message)
    nodes.give(0, applied(nodes, nodes.x(), model.func))


def target(nodes: Nodes) -> None:
    """Convert TransformedTargetRegressor by functions of numpy: skl2onnx does not."""
    model = nodes.operator.raw_operator
    inverse = getattr(model.transformer_, "inverse_func", model)
    if inverse not in FUNCTIONS:
        message = "TransformedTargetRegressor turns back by what ONNX has not"
        raise Different(message)
    scope = nodes.scope
    inner = scope.declare_local_operator(
        sklearn_operator_name_map[type(model.regressor_)], model.regressor_
    )
    inner.inputs = nodes.operator.inputs
    value = scope.declare_local_variable("value", DoubleTensorType([None, 1]))
    inner.outputs.append(value)
    nodes.give(0, applied(nodes, value.full_name, inverse))


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
    if own or model.input != "content":
        message = f"{type(model).__name__} splits text by a function of your own"
        raise Different(message)
    if len(model.vocabulary_) > MOST_WORDS:
        message = f"{len(model.vocabulary_):,} words are too many: take max_features"
        raise Different(message)
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


def binarizer(nodes: Nodes) -> None:
    """Convert Binarizer: skl2onnx rounds to float32."""
    limit = np.array(float(nodes.operator.raw_operator.threshold))
    is_over = nodes.add("Greater", nodes.x(), limit)
    nodes.give(0, nodes.add("Cast", is_over, to=TensorProto.DOUBLE))


_SCORED = (
    *(LogisticRegression, LogisticRegressionCV, SGDClassifier, LinearSVC, SVC, NuSVC),
    *(RidgeClassifier, RidgeClassifierCV, Perceptron, LinearDiscriminantAnalysis),
    *(GradientBoostingClassifier, HistGradientBoostingClassifier, AdaBoostClassifier),
)
# What skl2onnx converts well, and what needs no conversion.
_TRIED = {
    *("Pipeline", "ColumnTransformer", "FeatureUnion", "LabelEncoder"),
    *("LabelBinarizer", "DummyClassifier", "DummyRegressor", "IsotonicRegression"),
    *("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PCA"),
    *("Normalizer", "QuantileTransformer", "TruncatedSVD", "LinearRegression"),
    *("LogisticRegression", "LogisticRegressionCV", "SGDClassifier"),
    *("Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"),
    *("SGDRegressor", "HuberRegressor", "BayesianRidge", "PoissonRegressor"),
    *("QuantileRegressor", "LinearSVR", "GaussianNB", "ComplementNB"),
    *("MultinomialNB", "MLPClassifier", "MLPRegressor", "PLSRegression"),
    *("BaggingClassifier", "BaggingRegressor", "StackingClassifier"),
    *("StackingRegressor", "VotingRegressor", "AdaBoostRegressor", "KMeans"),
    *("SGDOneClassSVM", "MultiOutputRegressor", "RFE", "RFECV"),
    "MissingIndicator",
    *("SelectKBest", "SelectPercentile", "SelectFromModel", "VarianceThreshold"),
}
_IN_FLOAT64 = {"TreeEnsemble", "LabelEncoder", "ArrayFeatureExtractor"}
_CONVERTERS: list[tuple[Callable[[Nodes], None], Callable[[Any], None], list[type]]] = [
    (forest, gives_classes, [RandomForestClassifier, ExtraTreesClassifier]),
    (forest, gives_classes, [DecisionTreeClassifier, ExtraTreeClassifier]),
    (forest, gives_numbers, [RandomForestRegressor, ExtraTreesRegressor]),
    (forest, gives_numbers, [DecisionTreeRegressor, ExtraTreeRegressor]),
    (gradient_boosting, gives_classes, [GradientBoostingClassifier]),
    (gradient_boosting, gives_numbers, [GradientBoostingRegressor]),
    (hist_gradient_boosting, gives_classes, [HistGradientBoostingClassifier]),
    (hist_gradient_boosting, gives_numbers, [HistGradientBoostingRegressor]),
    (isolation_forest, gives_outliers, [IsolationForest]),
    (linear, gives_classes, [RidgeClassifier, RidgeClassifierCV, LinearSVC]),
    (linear, gives_classes, [Perceptron, PassiveAggressiveClassifier]),
    (linear, gives_classes, [LinearDiscriminantAnalysis]),
    (voting, gives_classes, [VotingClassifier]),
    (ada_boost, gives_classes, [AdaBoostClassifier]),
    (calibrated, gives_classes, [CalibratedClassifierCV]),
    (vector_classifier, gives_classes, [SVC, NuSVC]),
    (support_vectors, gives_numbers, [SVR, NuSVR]),
    (support_vectors, gives_outliers, [OneClassSVM]),
    (threshold, gives_classes, [TunedThresholdClassifierCV, FixedThresholdClassifier]),
    (imputer, gives_the_same, [SimpleImputer]),
    (one_hot, gives_numbers, [OneHotEncoder]),
    (number_encoder, gives_numbers, [OrdinalEncoder, TargetEncoder]),
    (k_bins, gives_numbers, [KBinsDiscretizer]),
    (polynomial, gives_numbers, [PolynomialFeatures]),
    (power, gives_numbers, [PowerTransformer]),
    (words, gives_numbers, [CountVectorizer, TfidfVectorizer]),
    (tfidf, gives_numbers, [TfidfTransformer]),
    (binarizer, gives_numbers, [Binarizer]),
    (target, gives_numbers, [TransformedTargetRegressor]),
    (function, gives_numbers, [FunctionTransformer]),
]


def register() -> None:
    """Put all converters of this module in the place of skl2onnx's own."""
    _parse.guess_tensor_type = _guessed
    for converter, shape, kinds in _CONVERTERS:
        options: dict[str, Any] | None = None
        if shape is gives_classes:
            options = {"zipmap": [False, True], "raw_scores": [False, True]}
        if shape is gives_outliers:
            options = {"score_samples": [False]}
        for kind in kinds:
            alias, call = f"Own{kind.__name__}", _called(converter)
            update_registered_converter(kind, alias, shape, call, options=options)


def _guessed(_: Any) -> DoubleTensorType:
    """Say what an estimator gives: skl2onnx guesses float32 where it is given text."""
    return DoubleTensorType()


def is_tried(part: Any) -> bool:
    """Say whether the conversion of a class has stood benchmarks/zoo.py."""
    kind = type(part)
    is_inner = kind.__module__.startswith("sklearn.") and kind.__name__[0] == "_"
    if is_inner or kind.__name__ in _TRIED:
        return True
    return any(kind in kinds for _, _, kinds in _CONVERTERS)


def n_nodes(part: Any) -> int:
    """Count the nodes of a fitted tree, or of boosted ones."""
    if hasattr(part, "tree_"):
        return int(part.tree_.node_count)
    rounds = getattr(part, "_predictors", [])
    return sum(len(tree.nodes) for trees in rounds for tree in trees)


def finish(model: Any) -> None:
    """Repair a whole graph: skl2onnx joins columns by an operator of float32.

    Raises: Different, if something in it computes in float32.
    """
    for node in model.graph.node:
        if node.op_type == "FeatureVectorizer":
            node.op_type, node.domain = "Concat", ""
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("axis", 1))
        elif node.domain == ML and node.op_type not in _IN_FLOAT64:
            message = f"{node.op_type} of ONNX computes in float32"
            raise Different(message)
        elif _is_float32(node):
            message = "skl2onnx would compute a part of it in float32"
            raise Different(message)
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


def _called(converter: Callable[[Nodes], None]) -> Callable[[Any, Any, Any], None]:
    def convert(scope: Any, operator: Any, container: Any) -> None:
        converter(Nodes(scope, operator, container))

    return convert
