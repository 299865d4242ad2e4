"""What decides between classes without trees, or by other estimators."""

import re
from itertools import combinations
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
)
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.svm import SVC, LinearSVC, NuSVC, OneClassSVM

from runtime.models.conversion.equivalence import Different, refuse
from runtime.models.conversion.features import FUNCTIONS, applied
from runtime.models.conversion.nodes import (
    BINARY,
    Nodes,
    added,
    answer,
    decided,
    dense,
    label_values,
    labels,
    largest,
    of_two,
    over_limit,
    steps_of,
)
from runtime.models.engine import answers_several


def linear(nodes: Nodes) -> None:
    """Convert classifiers that have scores alone: skl2onnx does so in float32 only."""
    model = nodes.operator.raw_operator
    coefficients = np.atleast_2d(model.coef_).T.astype("float64")
    scores = nodes.add("MatMul", nodes.x(), coefficients)
    scores = nodes.add("Add", scores, dense(np.atleast_1d(model.intercept_)))
    if answers_several(model):
        over_limit(nodes, scores)
        nodes.give(1, scores)
        return
    if coefficients.shape[1] > 1:
        decided(nodes, scores, nodes.add("Softmax", scores, axis=1))
        return
    decided(nodes, scores, of_two(nodes, nodes.add("Sigmoid", scores)))


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
    is_prefit = getattr(model, "cv", None) == "prefit"
    is_inexact = is_prefit and hasattr(final, "decision_function")
    refuse(is_inexact, "the threshold may be the share of a row, to the last bit")
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
    is_other = member.method == "temperature" or len(curves) not in {1, n_classes}
    refuse(is_other, f"CalibratedClassifierCV(method={member.method!r}) is not tried")
    scores, columns = scored(nodes, member.estimator), []
    for place, curve in enumerate(curves):
        at = np.array([place if n_classes > BINARY else 1])
        column = nodes.add("Gather", scores, at, axis=1)
        kind = interpolated if member.method == "isotonic" else sigmoid
        columns.append(kind(nodes, column, curve))
    if n_classes == BINARY:
        return of_two(nodes, columns[0])
    whole = nodes.add("Concat", *columns, axis=1)
    total = nodes.add("ReduceSum", whole, np.array([1]))
    is_none = nodes.add("Equal", total, np.array(0.0))
    share = nodes.add("Div", whole, total)
    return nodes.add("Where", is_none, np.array(1 / n_classes), share)


def sigmoid(nodes: Nodes, scores: str, calibrator: Any) -> str:
    """Calibrate by a logistic curve."""
    scaled = nodes.add("Mul", scores, np.array(float(calibrator.a_)))
    return curve(nodes, nodes.add("Add", scaled, np.array(float(calibrator.b_))))


def curve(nodes: Nodes, scaled: str) -> str:
    """Give `1 / (1 + exp(x))`, exact where it is next to nothing.

    Sigmoid of ONNX Runtime is not, and the shares of a row are divided by their sum.
    """
    over = nodes.add("Neg", nodes.add("Max", scaled, np.array(0.0)))
    under = nodes.add("Exp", nodes.add("Neg", nodes.add("Abs", scaled)))
    below = nodes.add("Add", under, np.array(1.0))
    return nodes.add("Div", nodes.add("Exp", over), below)


def interpolated(nodes: Nodes, scores: str, calibrator: Any) -> str:
    """Calibrate by lines between points, as scipy's interp1d has them."""
    final = nodes.operator.raw_operator
    kind = type(steps_of(final.estimator)[-1]).__name__
    is_boosted = re.search("Boosting|XGB|LGBM", kind)
    refuse(
        is_boosted, "an isotonic curve sees the last bit of boosted trees: use sigmoid"
    )
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


def target(nodes: Nodes) -> None:
    """Convert TransformedTargetRegressor by functions of numpy: skl2onnx does not."""
    model = nodes.operator.raw_operator
    inverse = getattr(model.transformer_, "inverse_func", model)
    is_other = inverse not in FUNCTIONS
    refuse(is_other, "TransformedTargetRegressor turns back by what ONNX has not")
    (value,) = answer(nodes, model.regressor_)
    nodes.give(0, applied(nodes, value, inverse))


_SCORED = (
    *(LogisticRegression, LogisticRegressionCV, SGDClassifier, LinearSVC, SVC, NuSVC),
    *(RidgeClassifier, RidgeClassifierCV, Perceptron, LinearDiscriminantAnalysis),
    *(GradientBoostingClassifier, HistGradientBoostingClassifier, AdaBoostClassifier),
)
