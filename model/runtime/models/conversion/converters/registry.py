"""Which converter is for which estimator, and what that gives.

Classes are known by name: each is of a package that the model has loaded by then.
"""

from collections.abc import Callable, Iterable
from typing import Any

from scipy import sparse
from skl2onnx import _parse, update_registered_converter
from skl2onnx.common.data_types import (
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.base import ClassifierMixin

from runtime.models.conversion.converters import (
    boosters,
    classifiers,
    encoders,
    ensembles,
    features,
    several,
)
from runtime.models.conversion.converters.answers import label_type
from runtime.models.conversion.converters.nodes import FLOAT32, SPARSE, Nodes
from runtime.models.conversion.parts import package_of
from runtime.models.conversion.refusal import refuse
from runtime.models.engine import answers_several

# What computes in float32 where it is given that.
IN_FLOAT32 = {
    *("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"),
    "SimpleImputer",
}
PACKAGES = {"sklearn", "xgboost", "lightgbm"}


def gives_classes(operator: Any) -> None:
    """Declare labels and the shares of classes. Raises: Different."""
    model = operator.raw_operator
    known = model.classes_ if isinstance(model.classes_, list) else [model.classes_]
    is_mixed = len({type(label_type(classes)) for classes in known}) > 1
    refuse(is_mixed, f"{type(model).__name__} has labels of text beside numbers")
    n_shares = sum(map(len, known))
    n_labels = len(known) if known is model.classes_ else n_shares
    shape = [n_labels] if answers_several(model) else []
    operator.outputs[0].type = label_type(known[0], *shape)
    operator.outputs[1].type = DoubleTensorType([None, n_shares])


def gives_outliers(operator: Any) -> None:
    """Declare 1 and -1, and a score."""
    operator.outputs[0].type = Int64TensorType([None])
    operator.outputs[1].type = DoubleTensorType([None, 1])


def gives_numbers(operator: Any) -> None:
    """Declare float64, of labels and shares too."""
    for output in operator.outputs:
        output.type = DoubleTensorType([None, width_of(operator.raw_operator)])


def gives_the_same(operator: Any) -> None:
    """Declare text where it is given text, else float64."""
    kind = type(operator.inputs[0].type)
    kind = kind if kind is StringTensorType else DoubleTensorType
    operator.outputs[0].type = kind([None, width_of(operator.raw_operator)])


def width_of(model: Any) -> int:
    """Count the columns that an estimator gives for one row."""
    if hasattr(model, "get_feature_names_out"):
        return len(model.get_feature_names_out())
    if read := boosters.booster_of(model):
        return max(read.targets) + 1
    return int(getattr(model, "n_outputs_", len(getattr(model, "order_", [0]))))


# What skl2onnx converts well, and what needs no conversion.
_TRIED = {
    *("Pipeline", "ColumnTransformer", "FeatureUnion", "LabelEncoder"),
    *("LabelBinarizer", "DummyClassifier", "DummyRegressor", "IsotonicRegression"),
    "PCA",
    *("Normalizer", "QuantileTransformer", "TruncatedSVD", "LinearRegression"),
    *("LogisticRegression", "LogisticRegressionCV", "SGDClassifier"),
    *("Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"),
    *("SGDRegressor", "HuberRegressor", "BayesianRidge", "PoissonRegressor"),
    *("QuantileRegressor", "LinearSVR", "GaussianNB", "ComplementNB"),
    *("MultinomialNB", "PLSRegression"),
    *("BaggingClassifier", "BaggingRegressor", "StackingClassifier"),
    *("StackingRegressor", "VotingRegressor", "AdaBoostRegressor", "KMeans"),
    *("SGDOneClassSVM", "MultiOutputRegressor", "RFE"),
    "MissingIndicator",
    *("SelectKBest", "SelectPercentile", "SelectFromModel", "VarianceThreshold"),
}


_CONVERTERS: list[tuple[Callable[[Nodes], None], Callable[[Any], None], list[str]]] = [
    (
        ensembles.forest,
        gives_classes,
        ["RandomForestClassifier", "ExtraTreesClassifier"],
    ),
    (
        ensembles.forest,
        gives_classes,
        ["DecisionTreeClassifier", "ExtraTreeClassifier"],
    ),
    (ensembles.forest, gives_numbers, ["RandomForestRegressor", "ExtraTreesRegressor"]),
    (ensembles.forest, gives_numbers, ["DecisionTreeRegressor", "ExtraTreeRegressor"]),
    (ensembles.gradient_boosting, gives_classes, ["GradientBoostingClassifier"]),
    (ensembles.gradient_boosting, gives_numbers, ["GradientBoostingRegressor"]),
    (
        ensembles.hist_gradient_boosting,
        gives_classes,
        ["HistGradientBoostingClassifier"],
    ),
    (
        ensembles.hist_gradient_boosting,
        gives_numbers,
        ["HistGradientBoostingRegressor"],
    ),
    (ensembles.isolation_forest, gives_outliers, ["IsolationForest"]),
    (boosters.booster, gives_classes, ["XGBClassifier", "XGBRFClassifier"]),
    (boosters.booster, gives_numbers, ["XGBRegressor", "XGBRFRegressor"]),
    (boosters.booster, gives_classes, ["LGBMClassifier"]),
    (boosters.booster, gives_numbers, ["LGBMRegressor"]),
    (several.multi_output, gives_classes, ["MultiOutputClassifier"]),
    (several.chain, gives_numbers, ["ClassifierChain", "RegressorChain"]),
    (several.one_vs_rest, gives_classes, ["OneVsRestClassifier"]),
    (several.network, gives_classes, ["MLPClassifier"]),
    (several.network, gives_numbers, ["MLPRegressor"]),
    (classifiers.linear, gives_classes, ["RidgeClassifier", "RidgeClassifierCV"]),
    (classifiers.linear, gives_classes, ["LinearSVC", "LinearDiscriminantAnalysis"]),
    (classifiers.linear, gives_classes, ["Perceptron", "PassiveAggressiveClassifier"]),
    (classifiers.voting, gives_classes, ["VotingClassifier"]),
    (classifiers.ada_boost, gives_classes, ["AdaBoostClassifier"]),
    (classifiers.calibrated, gives_classes, ["CalibratedClassifierCV"]),
    (classifiers.vector_classifier, gives_classes, ["SVC", "NuSVC"]),
    (classifiers.support_vectors, gives_numbers, ["SVR", "NuSVR"]),
    (classifiers.support_vectors, gives_outliers, ["OneClassSVM"]),
    (classifiers.threshold, gives_classes, ["TunedThresholdClassifierCV"]),
    (classifiers.threshold, gives_classes, ["FixedThresholdClassifier"]),
    (classifiers.target, gives_numbers, ["TransformedTargetRegressor"]),
    (features.imputer, gives_the_same, ["SimpleImputer"]),
    (features.scaler, gives_numbers, ["StandardScaler", "MinMaxScaler"]),
    (features.scaler, gives_numbers, ["MaxAbsScaler", "RobustScaler"]),
    (encoders.one_hot, gives_numbers, ["OneHotEncoder"]),
    (encoders.number_encoder, gives_numbers, ["OrdinalEncoder", "TargetEncoder"]),
    (encoders.k_bins, gives_numbers, ["KBinsDiscretizer"]),
    (features.polynomial, gives_numbers, ["PolynomialFeatures"]),
    (features.power, gives_numbers, ["PowerTransformer"]),
    (encoders.words, gives_numbers, ["CountVectorizer", "TfidfVectorizer"]),
    (encoders.tfidf, gives_numbers, ["TfidfTransformer"]),
    (features.binarizer, gives_numbers, ["Binarizer"]),
    (features.function, gives_numbers, ["FunctionTransformer"]),
]
_BY_NAME = {
    name: (converter, shape)
    for converter, shape, names in _CONVERTERS
    for name in names
}


def register(parts: Iterable[Any]) -> None:
    """Put converters in the place of skl2onnx's own for estimators of such kinds."""
    _parse.guess_tensor_type = _guessed
    for kind in {type(part) for part in parts}:
        if kind.__name__ not in _BY_NAME:
            continue
        converter, shape = _BY_NAME[kind.__name__]
        options: dict[str, Any] = {}
        if converter is boosters.booster:
            options[SPARSE] = [False, True]
        if kind.__name__ in IN_FLOAT32:
            options[FLOAT32] = [False, True]
        if shape is gives_outliers:
            options["score_samples"] = [False]
        elif issubclass(kind, ClassifierMixin):
            options |= {"zipmap": [False, True], "raw_scores": [False, True]}
        alias, call = f"Own{kind.__name__}", _called(converter)
        update_registered_converter(kind, alias, shape, call, options=options or None)


def options_of(part: Any, x: Any) -> dict[str, Any]:
    """Say how an estimator's conversion depends on the rows that it is given."""
    if x is None or package_of(part) not in PACKAGES:
        return {}
    if package_of(part) == "xgboost":
        return {SPARSE: True} if sparse.issparse(x) else {}
    dtypes = set(x.dtypes) if hasattr(x, "columns") else {x.dtype}
    is_single = {str(dtype).lower() for dtype in dtypes} == {"float32"}
    return {FLOAT32: True} if is_single and type(part).__name__ in IN_FLOAT32 else {}


def _guessed(_: Any) -> DoubleTensorType:
    """Say what an estimator gives: skl2onnx guesses float32 where it is given text."""
    return DoubleTensorType()


def is_tried(part: Any) -> bool:
    """Say whether the conversion of a class has stood benchmarks/zoo.py."""
    name, package = type(part).__name__, package_of(part)
    if package == "sklearn" and (name[0] == "_" or name in _TRIED):
        return True
    return package in PACKAGES and name in _BY_NAME


def _called(converter: Callable[[Nodes], None]) -> Callable[[Any, Any, Any], None]:
    def convert(scope: Any, operator: Any, container: Any) -> None:
        converter(Nodes(scope, operator, container))

    return convert
