"""Which converter is for which estimator, and which estimators have been tried."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from skl2onnx import _parse, update_registered_converter
from skl2onnx.common.data_types import DoubleTensorType
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
    PassiveAggressiveClassifier,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
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

from runtime.models.conversion.boosters import SPARSE, booster
from runtime.models.conversion.classifiers import (
    ada_boost,
    calibrated,
    linear,
    support_vectors,
    target,
    threshold,
    vector_classifier,
    voting,
)
from runtime.models.conversion.features import (
    binarizer,
    function,
    imputer,
    k_bins,
    number_encoder,
    one_hot,
    polynomial,
    power,
    tfidf,
    words,
)
from runtime.models.conversion.nodes import Nodes
from runtime.models.conversion.shapes import (
    gives_classes,
    gives_numbers,
    gives_outliers,
    gives_the_same,
)
from runtime.models.conversion.trees import (
    forest,
    gradient_boosting,
    hist_gradient_boosting,
    isolation_forest,
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
    *("SGDOneClassSVM", "MultiOutputRegressor", "RFE"),
    "MissingIndicator",
    *("SelectKBest", "SelectPercentile", "SelectFromModel", "VarianceThreshold"),
}


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


_BOOSTERS = {
    gives_classes: ("XGBClassifier", "XGBRFClassifier", "LGBMClassifier"),
    gives_numbers: ("XGBRegressor", "XGBRFRegressor", "LGBMRegressor"),
}


def _converters() -> Iterator[Any]:
    """Give all converters; those of a package only where a model of it was loaded."""
    yield from _CONVERTERS
    modules = [sys.modules.get(name) for name in ("xgboost", "lightgbm")]
    for shape, names in _BOOSTERS.items():
        found = [getattr(module, name, None) for module in modules for name in names]
        yield booster, shape, [kind for kind in found if kind]


def register() -> None:
    """Put all converters of this module in the place of skl2onnx's own."""
    _parse.guess_tensor_type = _guessed
    for converter, shape, kinds in _converters():
        options: dict[str, Any] | None = None
        if shape is gives_classes:
            options = {"zipmap": [False, True], "raw_scores": [False, True]}
        if converter is booster:
            options = {**(options or {}), SPARSE: [False, True]}
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
    return any(kind in kinds for _, _, kinds in _converters())


def _called(converter: Callable[[Nodes], None]) -> Callable[[Any, Any, Any], None]:
    def convert(scope: Any, operator: Any, container: Any) -> None:
        converter(Nodes(scope, operator, container))

    return convert
