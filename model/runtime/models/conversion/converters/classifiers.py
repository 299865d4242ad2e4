"""What decides between classes without trees, or by other estimators."""

import operator
import re
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
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

from runtime.models.conversion.converters.answers import (
    BINARY,
    decide,
    decide_by_shares,
    decide_each,
    give_labels,
    label_values,
    of_two,
    outputs_of,
)
from runtime.models.conversion.converters.features import FUNCTIONS, applied
from runtime.models.conversion.converters.nodes import Nodes, Value
from runtime.models.conversion.parts import steps_of
from runtime.models.conversion.refusal import refuse
from runtime.models.engine import answers_several

# What is asked for its scores as a part of another classifier.
_SCORED = (
    *(LogisticRegression, LogisticRegressionCV, SGDClassifier, LinearSVC, SVC, NuSVC),
    *(RidgeClassifier, RidgeClassifierCV, Perceptron, LinearDiscriminantAnalysis),
    *(GradientBoostingClassifier, HistGradientBoostingClassifier, AdaBoostClassifier),
)


def linear(nodes: Nodes) -> None:
    """Convert classifiers that have scores alone: skl2onnx does so in float32 only."""
    model = nodes.model
    coefficients = np.atleast_2d(model.coef_).T.astype("float64")
    scores = nodes.x() @ coefficients + dense(np.atleast_1d(model.intercept_))
    if answers_several(model):
        decide_each(nodes, scores, scores)
    elif coefficients.shape[1] > 1:
        decide(nodes, scores, scores.apply("Softmax", axis=1))
    else:
        decide(nodes, scores, of_two(scores.apply("Sigmoid")))


def kernel(nodes: Nodes) -> Value:
    """Give the kernel of X with a machine's support vectors, `(n_rows, n_vectors)`."""
    model, x = nodes.model, nodes.x()
    gamma = np.array(model._gamma, "float64")  # noqa: SLF001 -- no other place has it
    known = dense(model.support_vectors_)
    product = x @ known.T
    if model.kernel == "linear":
        return product
    if model.kernel == "rbf":
        squares: Value = (x * x).sum() + (known**2).sum(axis=1)
        return ((squares - product * 2.0) * -gamma).apply("Exp")
    inner = product * gamma + float(model.coef0)
    if model.kernel == "sigmoid":
        return inner.apply("Tanh")
    refuse(model.kernel != "poly", f"{type(model).__name__} has a kernel of its own")
    return inner ** float(model.degree)


def support_vectors(nodes: Nodes) -> None:
    """Convert SVR and OneClassSVM: ONNX's own operator computes in float32."""
    model = nodes.model
    scores = kernel(nodes) @ dense(model.dual_coef_).T + dense(model.intercept_)
    if isinstance(model, OneClassSVM):
        nodes.give(0, (scores > 0.0).where(1, -1))
    nodes.give(-1, scores)


def vector_classifier(nodes: Nodes) -> None:
    """Convert SVC, in which each pair of classes has a vote, as in libsvm."""
    model = nodes.model
    refuse(
        model.probability is True,
        f"{type(model).__name__}(probability=True) is fitted and asked by an iteration "
        "that ONNX has not: use CalibratedClassifierCV",
    )
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
    scores = kernel(nodes) @ weights + dense(model._intercept_)
    won = (scores > 0.0).double()
    lost = 1.0 - won
    votes = won @ wins + lost @ losses
    give_labels(nodes, votes.largest())
    nodes.give(1, votes if n_classes > BINARY else nodes.joined([scores, -scores]))


def threshold(nodes: Nodes) -> None:
    """Convert a tuned threshold: skl2onnx takes the label of the largest share."""
    model = nodes.model
    has_scores = model.response_method == "decision_function"
    refuse(
        has_scores or not hasattr(model, "predict_proba"),
        f"{type(model).__name__} decides by scores: let it have probabilities",
    )
    estimator = getattr(model, "estimator_", model.estimator)
    final = steps_of(estimator)[-1]
    is_prefit = getattr(model, "cv", None) == "prefit"
    is_inexact = is_prefit and hasattr(final, "decision_function")
    refuse(is_inexact, "the threshold may be the share of a row, to the last bit")
    _, shares = outputs_of(nodes, estimator)
    limit = getattr(model, "best_threshold_", getattr(model, "threshold", 0.5))
    limit = 0.5 if limit == "auto" else limit
    positive = list(model.classes_).index(positive_of(model))
    is_over = shares.take(positive) >= float(limit)
    give_labels(nodes, is_over.where(positive, 1 - positive))
    nodes.give(1, shares)


def positive_of(model: Any) -> Any:
    """Give the class of which the share is looked at."""
    scorer = getattr(model, "_curve_scorer", None)
    tuned_for = getattr(scorer, "_kwargs", {}).get("pos_label")
    label = getattr(model, "pos_label", None)
    label = tuned_for if label is None else label
    return model.classes_[1] if label is None else label


def voting(nodes: Nodes) -> None:
    """Convert VotingClassifier: skl2onnx refuses its default parameters."""
    model = nodes.model
    weights = model._weights_not_none  # noqa: SLF001 -- those of what is not dropped
    weights = np.array([1.0] * len(model.estimators_) if weights is None else weights)
    votes = []
    for estimator, weight in zip(model.estimators_, weights, strict=True):
        label, vote = outputs_of(nodes, estimator)
        if model.voting == "hard":
            classes = np.arange(len(model.classes_))
            vote = label.as_column().equals(classes).double()
        votes.append(vote * float(weight))
    decide_by_shares(nodes, added(votes) / float(weights.sum()))


def ada_boost(nodes: Nodes) -> None:
    """Convert AdaBoostClassifier: skl2onnx mixes float32 and float64."""
    model = nodes.model
    n_classes, votes = len(model.classes_), []
    weights = model.estimator_weights_  # with places for those that were not fitted
    for estimator, weight in zip(model.estimators_, weights, strict=False):
        label, *_ = outputs_of(nodes, estimator)
        is_same = label.as_column().equals(label_values(model.classes_))
        votes.append(is_same.where(weight, -1 / (n_classes - 1) * weight))
    scores = added(votes) / weights.sum()
    if n_classes == BINARY:
        scores = (scores * [-1.0, 1.0]).sum()
        part = nodes.joined([-scores, scores]) / 2.0
    else:
        part = scores / (n_classes - 1.0)
    decide(nodes, scores, part.apply("Softmax", axis=1))


def calibrated(nodes: Nodes) -> None:
    """Convert CalibratedClassifierCV.

    skl2onnx calibrates shares where scikit-learn calibrates scores, and makes steps of
    the lines of an isotonic regression.
    """
    members = nodes.model.calibrated_classifiers_
    shares = [_calibrated(nodes, member) for member in members]
    decide_by_shares(nodes, added(shares) / float(len(shares)))


def _calibrated(nodes: Nodes, member: Any) -> Value:
    n_classes = len(member.classes)
    curves = member.calibrators
    is_other = member.method == "temperature" or len(curves) not in {1, n_classes}
    refuse(is_other, f"CalibratedClassifierCV(method={member.method!r}) is not tried")
    kind = interpolated if member.method == "isotonic" else sigmoid
    scores = scored(nodes, member.estimator)
    if n_classes == BINARY:
        return of_two(kind(scores.take([1]), curves[0]))
    columns = [kind(scores.take([at]), each) for at, each in enumerate(curves)]
    whole = nodes.joined(columns)
    total = whole.sum()
    share = whole / total
    return total.equals(0.0).where(1 / n_classes, share)


def sigmoid(scores: Value, calibrator: Any) -> Value:
    """Calibrate by a logistic curve."""
    return logistic(scores * float(calibrator.a_) + float(calibrator.b_))


def logistic(x: Value) -> Value:
    """Give `1 / (1 + exp(x))`, exact where it is next to nothing.

    Sigmoid of ONNX Runtime is not, and the shares of a row are divided by their sum.
    """
    over = -x.apply("Max", 0.0)
    under = (-x.apply("Abs")).apply("Exp")
    return over.apply("Exp") / (under + 1.0)


def interpolated(scores: Value, calibrator: Any) -> Value:
    """Calibrate by lines between points, as scipy's interp1d has them."""
    kind = type(steps_of(scores.nodes.model.estimator)[-1]).__name__
    is_boosted = re.search("Boosting|XGB|LGBM", kind)
    why = "an isotonic curve sees the last bit of boosted trees: use sigmoid"
    refuse(is_boosted, why)
    x, y = dense(calibrator.X_thresholds_), dense(calibrator.y_thresholds_)
    if len(x) == 1:
        return scores * 0.0 + y
    value = scores.apply("Clip", x[0], x[-1])
    place = (value > x[1:-1]).integer().sum()
    slope = (y[1:] - y[:-1]) / (x[1:] - x[:-1])
    return place.lookup(slope) * (value - place.lookup(x[:-1])) + place.lookup(y[:-1])


def scored(nodes: Nodes, estimator: Any) -> Value:
    """Convert a part that is asked for its scores, if it has some, else for shares."""
    final = steps_of(estimator)[-1]
    if hasattr(final, "decision_function"):
        has_votes = isinstance(final, SVC | NuSVC) and len(final.classes_) > BINARY
        is_other = has_votes or not isinstance(final, _SCORED)
        refuse(is_other, f"the scores of {type(final).__name__} are not tried")
        if hasattr(final, "predict_proba"):
            nodes.container.add_options(id(final), {"raw_scores": True})
            nodes.scope.add_options(id(final), {"raw_scores": True})
    return outputs_of(nodes, estimator)[1]


def target(nodes: Nodes) -> None:
    """Convert TransformedTargetRegressor by functions of numpy: skl2onnx does not."""
    model = nodes.model
    inverse = getattr(model.transformer_, "inverse_func", model)
    is_other = inverse not in FUNCTIONS
    refuse(is_other, "TransformedTargetRegressor turns back by what ONNX has not")
    (value,) = outputs_of(nodes, model.regressor_)
    nodes.give(0, applied(value, inverse))


def dense(values: Any) -> np.ndarray[Any, Any]:
    """Make an array of what may be sparse."""
    whole = values.toarray() if hasattr(values, "toarray") else values
    return np.asarray(whole, dtype="float64")


def added(values: list[Value]) -> Value:
    """Add values in their order, as each bit depends on it."""
    return reduce(operator.add, values)
