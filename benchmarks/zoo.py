"""Which models of scikit-learn are answered by ONNX, how fast, and with no wrong label.

Estimators and pipelines as people write them, after scikit-learn's gallery and common
notebooks. Each is fitted, offered to the conversion as at the end of a job, and, where
it is kept, asked again about fresh rows: drawn from different rows, with missing,
unseen and extreme values, and at the thresholds of trees that see columns as they are.

    python benchmarks/zoo.py [--short] [--only TEXT]
"""

# ruff: noqa: E402 -- one thread, as set before numpy is there

import argparse
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "model"))

import numpy as np
import pandas as pd
import sklearn.calibration as ca
import sklearn.cluster as cl
import sklearn.compose as co
import sklearn.decomposition as de
import sklearn.discriminant_analysis as da
import sklearn.ensemble as en
import sklearn.feature_extraction.text as tx
import sklearn.feature_selection as fs
import sklearn.impute as im
import sklearn.linear_model as lm
import sklearn.model_selection as ms
import sklearn.naive_bayes as nb
import sklearn.neighbors as ne
import sklearn.neural_network as nn
import sklearn.preprocessing as pp
import sklearn.svm as sv
import sklearn.tree as tr
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.pipeline import make_pipeline, make_union

from runtime.models import onnx_session
from runtime.models.artifact import classes_of
from runtime.models.conversion.fitted_trees import thresholds_of
from runtime.models.conversion.made_rows import beside
from runtime.models.conversion.onnx_export import proved
from runtime.models.conversion.parts import parts
from runtime.models.conversion.refusal import Different
from runtime.tabular.schema import Schema

SEED = 0
# One of these has no wheel for macOS.
xg: Any
lb: Any
xg, lb = [import_module(n) if find_spec(n) else None for n in ("xgboost", "lightgbm")]
FEW = {"n_estimators": 20, "n_jobs": 1}
QUIET = {**FEW, "verbose": -1, "min_child_samples": 5}
SEVERAL = {"random_state": SEED, "n_estimators": 20}
SCALED = ("scaled RandomForest", "scaled HistGradientBoosting", "MinMax", "Robust")
WORDS = [
    *("good", "bad", "fine", "poor", "très", "cheap,", "slow;", "nice-looking"),
    *("don't", "5", "stars", "É", "ß", "broken"),
]


def table(n_rows: int = 800) -> tuple[pd.DataFrame, Any]:
    """Make people: numbers and text, some of them missing; and who has bought."""
    chance = np.random.default_rng(SEED)
    age = chance.integers(18, 80, n_rows).astype("float64")
    city = chance.choice(np.array(["Oslo", "Bergen", "Narvik", "nan"], object), n_rows)
    pay = chance.lognormal(10, 1, n_rows).round(2)
    plan = chance.choice(np.array(["a", "b", "c"], object), n_rows)
    y = (age / 80 + (city == "Oslo") + pay / 4e4 + chance.normal(0, 0.3, n_rows)) > 1.4
    rows = pd.DataFrame({"age": age, "pay (NOK)": pay, "city": city, "plan": plan})
    rows.loc[::9, "age"] = np.nan
    rows.loc[::13, "city"] = np.nan
    rows["visits"] = chance.integers(0, 9, n_rows)
    return rows.astype({"city": "str", "plan": "str"}), np.where(y, "yes", "no")


def columns(*numbers: Any, encoder: Any = None) -> Any:
    """Give the ColumnTransformer that notebooks have, for `table`."""
    encoder = encoder or pp.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    text = make_pipeline(im.SimpleImputer(strategy="most_frequent"), encoder)
    steps = numbers or (im.SimpleImputer(strategy="median"),)
    return co.make_column_transformer(
        (make_pipeline(*steps), ["age", "pay (NOK)", "visits"]),
        (text, ["city", "plan"]),
    )


def scaled(*steps: Any) -> Any:
    """Put a StandardScaler before steps."""
    return make_pipeline(pp.StandardScaler(), *steps)


def trees() -> dict[str, Any]:
    """Give classifiers of trees."""
    return {
        "RandomForest": en.RandomForestClassifier(**SEVERAL),
        "RandomForest, shallow": en.RandomForestClassifier(max_depth=4, **SEVERAL),
        "RandomForest, balanced": en.RandomForestClassifier(
            class_weight="balanced", min_samples_leaf=3, **SEVERAL
        ),
        "ExtraTrees": en.ExtraTreesClassifier(**SEVERAL),
        "GradientBoosting": en.GradientBoostingClassifier(**SEVERAL),
        "GradientBoosting, subsample": en.GradientBoostingClassifier(
            subsample=0.5, learning_rate=0.3, **SEVERAL
        ),
        "HistGradientBoosting": en.HistGradientBoostingClassifier(max_iter=30),
        "HistGradientBoosting, regularised": en.HistGradientBoostingClassifier(
            max_iter=30, l2_regularization=1, max_leaf_nodes=7, class_weight="balanced"
        ),
        "DecisionTree": tr.DecisionTreeClassifier(random_state=SEED),
        "DecisionTree, depth 3": tr.DecisionTreeClassifier(max_depth=3),
        "ExtraTree": tr.ExtraTreeClassifier(random_state=SEED),
        "AdaBoost": en.AdaBoostClassifier(**SEVERAL),
        "Bagging": en.BaggingClassifier(random_state=SEED),
        "scaled RandomForest": scaled(en.RandomForestClassifier(**SEVERAL)),
        "scaled HistGradientBoosting": scaled(
            en.HistGradientBoostingClassifier(max_iter=30)
        ),
        "MinMax, GradientBoosting": make_pipeline(
            pp.MinMaxScaler(), en.GradientBoostingClassifier(**SEVERAL)
        ),
        "Robust, ExtraTrees": make_pipeline(
            pp.RobustScaler(), en.ExtraTreesClassifier(**SEVERAL)
        ),
        "PCA, RandomForest": scaled(
            de.PCA(5, random_state=SEED), en.RandomForestClassifier(**SEVERAL)
        ),
        "SelectKBest, RandomForest": make_pipeline(
            fs.SelectKBest(k=5), en.RandomForestClassifier(**SEVERAL)
        ),
        "SelectFromModel, HistGradientBoosting": make_pipeline(
            fs.SelectFromModel(en.ExtraTreesClassifier(**SEVERAL)),
            en.HistGradientBoostingClassifier(max_iter=30),
        ),
        "polynomials, RandomForest": make_pipeline(
            pp.PolynomialFeatures(2), en.RandomForestClassifier(**SEVERAL)
        ),
        "KBins, DecisionTree": make_pipeline(
            pp.KBinsDiscretizer(
                5, encode="ordinal", quantile_method="averaged_inverted_cdf"
            ),
            tr.DecisionTreeClassifier(random_state=SEED),
        ),
        "VarianceThreshold, ExtraTrees": make_pipeline(
            fs.VarianceThreshold(0.1), en.ExtraTreesClassifier(**SEVERAL)
        ),
        "SelectPercentile, LogisticRegression": scaled(
            fs.SelectPercentile(percentile=50), lm.LogisticRegression()
        ),
        "RFECV, LogisticRegression": scaled(fs.RFECV(lm.LogisticRegression(), cv=3)),
        "MaxAbs, SVD, LogisticRegression": make_pipeline(
            pp.MaxAbsScaler(),
            de.TruncatedSVD(5, random_state=SEED),
            lm.LogisticRegression(),
        ),
        "PCA, HistGradientBoosting": scaled(
            de.PCA(5), en.HistGradientBoostingClassifier(max_iter=30)
        ),
    }


def classifiers() -> dict[str, Any]:
    """Give classifiers without trees, most of them behind a scaler."""
    found = {
        "LogisticRegression": lm.LogisticRegression(max_iter=500),
        "LogisticRegression, l1": lm.LogisticRegression(
            solver="saga", l1_ratio=1, max_iter=300
        ),
        "LogisticRegressionCV": lm.LogisticRegressionCV(
            Cs=2, l1_ratios=(0,), use_legacy_attributes=False
        ),
        "SGD, hinge": lm.SGDClassifier(random_state=SEED),
        "SGD, log_loss": lm.SGDClassifier(loss="log_loss", random_state=SEED),
        "Ridge": lm.RidgeClassifier(),
        "RidgeCV": lm.RidgeClassifierCV(),
        "Perceptron": lm.Perceptron(random_state=SEED),
        "LinearSVC": sv.LinearSVC(random_state=SEED),
        "SVC, rbf": sv.SVC(),
        "SVC, linear": sv.SVC(kernel="linear"),
        "SVC, poly": sv.SVC(kernel="poly"),
        "NuSVC": sv.NuSVC(nu=0.1),
        "GaussianNB": nb.GaussianNB(),
        "KNeighbors": ne.KNeighborsClassifier(),
        "KNeighbors, distance": ne.KNeighborsClassifier(15, weights="distance"),
        "NearestCentroid": ne.NearestCentroid(),
        "MLP": nn.MLPClassifier((16,), max_iter=60, random_state=SEED),
        "LDA": da.LinearDiscriminantAnalysis(),
        "QDA": da.QuadraticDiscriminantAnalysis(reg_param=0.1),
        "SVC, calibrated": ca.CalibratedClassifierCV(sv.SVC()),
    }
    piped = {f"scaled {name}": scaled(model) for name, model in found.items()}
    return piped | {
        "plain LogisticRegression": lm.LogisticRegression(max_iter=9000),
        "MinMax, ComplementNB": make_pipeline(
            pp.MinMaxScaler(clip=True), nb.ComplementNB()
        ),
        "MinMax, MultinomialNB": make_pipeline(
            pp.MinMaxScaler(clip=True), nb.MultinomialNB()
        ),
        "Binarizer, BernoulliNB": make_pipeline(
            pp.Binarizer(threshold=1.0), nb.BernoulliNB()
        ),
        "PCA, LogisticRegression": scaled(de.PCA(5), lm.LogisticRegression()),
        "PCA, SVC": scaled(de.PCA(5), sv.SVC()),
        "Normalizer, LogisticRegression": make_pipeline(
            pp.Normalizer(), lm.LogisticRegression()
        ),
        "Power, LogisticRegression": make_pipeline(
            pp.PowerTransformer(), lm.LogisticRegression()
        ),
        "Quantile, LogisticRegression": make_pipeline(
            pp.QuantileTransformer(n_quantiles=20), lm.LogisticRegression()
        ),
        "polynomials, LogisticRegression": scaled(
            pp.PolynomialFeatures(2, interaction_only=True), lm.LogisticRegression()
        ),
        "splines, LogisticRegression": make_pipeline(
            pp.SplineTransformer(n_knots=4), lm.LogisticRegression(max_iter=500)
        ),
        "KBins, LogisticRegression": make_pipeline(
            pp.KBinsDiscretizer(5, quantile_method="averaged_inverted_cdf"),
            lm.LogisticRegression(),
        ),
        "log1p, LogisticRegression": make_pipeline(
            pp.FunctionTransformer(np.log1p), lm.LogisticRegression(max_iter=900)
        ),
        "RFE, LogisticRegression": scaled(
            fs.RFE(lm.LogisticRegression(), n_features_to_select=5),
            lm.LogisticRegression(),
        ),
        "union of PCA and SelectKBest": scaled(
            make_union(de.PCA(3), fs.SelectKBest(k=3)), lm.LogisticRegression()
        ),
        "KMeans as features": scaled(
            cl.KMeans(5, random_state=SEED), lm.LogisticRegression()
        ),
        "RBF kernel features": scaled(
            __import__("sklearn.kernel_approximation", fromlist=["x"]).Nystroem(
                n_components=30, random_state=SEED
            ),
            lm.LogisticRegression(),
        ),
    }


def composed() -> dict[str, Any]:
    """Give classifiers that are made of others."""

    def some() -> list[tuple[str, Any]]:
        return [
            ("forest", en.RandomForestClassifier(**SEVERAL)),
            ("linear", scaled(lm.LogisticRegression())),
            ("boosting", en.HistGradientBoostingClassifier(max_iter=10)),
        ]

    linear, forest = some()[1][1], some()[0][1]
    calibrated = ca.CalibratedClassifierCV
    return {
        "Voting, soft": en.VotingClassifier(some(), voting="soft"),
        "Voting, hard": en.VotingClassifier(some()),
        "Voting, weights": en.VotingClassifier(
            some(), voting="soft", weights=[2, 1, 1]
        ),
        "Stacking": en.StackingClassifier(some(), cv=3),
        "Stacking, passthrough": en.StackingClassifier(
            some()[:2], passthrough=True, cv=3
        ),
        "Stacking, LinearSVC": en.StackingClassifier(
            [("svc", scaled(sv.LinearSVC())), some()[0]], cv=3
        ),
        "Bagging, LogisticRegression": en.BaggingClassifier(
            linear, 5, max_features=0.5
        ),
        "AdaBoost, depth 2": en.AdaBoostClassifier(
            tr.DecisionTreeClassifier(max_depth=2), **SEVERAL
        ),
        "calibrated forest": calibrated(forest, cv=3),
        "calibrated forest, isotonic": calibrated(forest, method="isotonic", cv=3),
        "calibrated LinearSVC": calibrated(scaled(sv.LinearSVC()), cv=3),
        "calibrated boosting": calibrated(
            en.HistGradientBoostingClassifier(max_iter=10), cv=3
        ),
        "calibrated GaussianNB, isotonic": calibrated(
            nb.GaussianNB(), method="isotonic", cv=3
        ),
        "GridSearch, LogisticRegression": ms.GridSearchCV(
            linear, {"logisticregression__C": [0.1, 1]}, cv=3
        ),
        "RandomizedSearch, HistGradientBoosting": ms.RandomizedSearchCV(
            en.HistGradientBoostingClassifier(max_iter=10),
            {"max_leaf_nodes": [7, 15]},
            n_iter=2,
            cv=3,
        ),
    }


def thresholds() -> dict[str, Any]:
    """Give classifiers of two classes with a threshold of their own."""
    tuned, forest = ms.TunedThresholdClassifierCV, en.RandomForestClassifier(**SEVERAL)
    linear = scaled(lm.LogisticRegression())
    return {
        "tuned LogisticRegression": tuned(linear),
        "tuned forest, f1": tuned(forest, scoring="balanced_accuracy", cv=3),
        "tuned HistGradientBoosting": tuned(
            en.HistGradientBoostingClassifier(max_iter=10), cv=3
        ),
        "fixed threshold": ms.FixedThresholdClassifier(linear, threshold=0.3),
    }


def mixed() -> dict[str, Any]:
    """Give pipelines for numbers and text with missing values."""
    imputer = im.SimpleImputer
    ordinal = pp.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    one_hot = pp.OneHotEncoder
    forest, linear = en.RandomForestClassifier(**SEVERAL), lm.LogisticRegression()
    boosting = en.HistGradientBoostingClassifier(max_iter=20)
    raw = co.make_column_transformer(
        (
            pp.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            ["city", "plan"],
        ),
        remainder="passthrough",
    )
    return {
        "columns, forest": make_pipeline(columns(), forest),
        "columns, LogisticRegression": make_pipeline(
            columns(imputer(), pp.StandardScaler()), linear
        ),
        "columns, scaled forest": make_pipeline(
            columns(imputer(), pp.StandardScaler()), forest
        ),
        "columns, HistGradientBoosting": make_pipeline(columns(), boosting),
        "ordinal, HistGradientBoosting": make_pipeline(raw, boosting),
        "ordinal, categorical_features": make_pipeline(
            raw,
            en.HistGradientBoostingClassifier(max_iter=20, categorical_features=[0, 1]),
        ),
        "columns, GradientBoosting": make_pipeline(
            columns(), en.GradientBoostingClassifier(**SEVERAL)
        ),
        "columns, SVC": make_pipeline(
            columns(imputer(), pp.StandardScaler()), sv.SVC()
        ),
        "columns, LinearSVC": make_pipeline(
            columns(imputer(), pp.StandardScaler()), sv.LinearSVC()
        ),
        "columns, MLP": make_pipeline(
            columns(imputer(), pp.StandardScaler()),
            nn.MLPClassifier((8,), max_iter=40, random_state=SEED),
        ),
        "ordinal, forest": make_pipeline(columns(encoder=ordinal), forest),
        "target encoder, LogisticRegression": make_pipeline(
            columns(imputer(), pp.StandardScaler(), encoder=pp.TargetEncoder()), linear
        ),
        "target encoder, forest": make_pipeline(
            columns(encoder=pp.TargetEncoder()), forest
        ),
        "infrequent categories": make_pipeline(
            columns(
                encoder=one_hot(min_frequency=0.3, handle_unknown="infrequent_if_exist")
            ),
            linear,
        ),
        "drop first": make_pipeline(
            columns(encoder=one_hot(drop="first", handle_unknown="ignore")), linear
        ),
        "indicator, LogisticRegression": make_pipeline(
            columns(imputer(add_indicator=True), pp.StandardScaler()), linear
        ),
        "KNNImputer": make_pipeline(columns(im.KNNImputer()), linear),
        "PowerTransformer, LogisticRegression": make_pipeline(
            columns(imputer(), pp.PowerTransformer()), linear
        ),
        "log1p, forest": make_pipeline(
            columns(imputer(), pp.FunctionTransformer(np.log1p)), forest
        ),
        "KBins, forest": make_pipeline(
            columns(
                imputer(),
                pp.KBinsDiscretizer(
                    4, encode="ordinal", quantile_method="averaged_inverted_cdf"
                ),
            ),
            forest,
        ),
        "strict encoder": make_pipeline(
            columns(encoder=one_hot(handle_unknown="error")), linear
        ),
        "Voting": make_pipeline(
            columns(imputer(), pp.StandardScaler()),
            en.VotingClassifier([("a", forest), ("b", linear)], voting="soft"),
        ),
        "Stacking": make_pipeline(
            columns(), en.StackingClassifier([("a", forest), ("b", boosting)], cv=3)
        ),
        "calibrated": ca.CalibratedClassifierCV(make_pipeline(columns(), forest), cv=3),
        "GridSearch": ms.GridSearchCV(
            make_pipeline(columns(), forest),
            {"randomforestclassifier__max_depth": [3, 5]},
            cv=3,
        ),
        "tuned threshold": ms.TunedThresholdClassifierCV(
            make_pipeline(columns(), boosting), cv=3
        ),
    }


def regressors() -> dict[str, Any]:
    """Give regressors."""
    plain = {
        "LinearRegression": lm.LinearRegression(),
        "Ridge": lm.Ridge(),
        "RidgeCV": lm.RidgeCV(),
        "Lasso": lm.Lasso(),
        "LassoCV": lm.LassoCV(cv=3),
        "ElasticNet": lm.ElasticNet(),
        "ElasticNetCV": lm.ElasticNetCV(cv=3),
        "SGD": lm.SGDRegressor(random_state=SEED),
        "Huber": lm.HuberRegressor(max_iter=500),
        "BayesianRidge": lm.BayesianRidge(),
        "Poisson": lm.PoissonRegressor(),
        "Quantile": lm.QuantileRegressor(alpha=0.1),
        "SVR": sv.SVR(),
        "LinearSVR": sv.LinearSVR(),
        "KNeighbors": ne.KNeighborsRegressor(),
        "MLP": nn.MLPRegressor(hidden_layer_sizes=(8,), max_iter=60, random_state=SEED),
    }
    linear = scaled(lm.Ridge())
    forest = en.RandomForestRegressor(**SEVERAL)
    boosting = en.HistGradientBoostingRegressor(max_iter=20)
    some = [("forest", forest), ("linear", linear)]
    return {f"scaled {name}": scaled(model) for name, model in plain.items()} | {
        "RandomForest": forest,
        "ExtraTrees": en.ExtraTreesRegressor(**SEVERAL),
        "GradientBoosting": en.GradientBoostingRegressor(**SEVERAL),
        "GradientBoosting, quantile": en.GradientBoostingRegressor(
            loss="quantile", **SEVERAL
        ),
        "HistGradientBoosting": boosting,
        "HistGradientBoosting, poisson": en.HistGradientBoostingRegressor(
            loss="poisson", max_iter=20
        ),
        "HistGradientBoosting, quantile": en.HistGradientBoostingRegressor(
            loss="quantile", quantile=0.9, max_iter=20
        ),
        "DecisionTree": tr.DecisionTreeRegressor(random_state=SEED),
        "AdaBoost": en.AdaBoostRegressor(**SEVERAL),
        "Bagging": en.BaggingRegressor(random_state=SEED),
        "Voting": en.VotingRegressor(some),
        "Stacking": en.StackingRegressor(some, cv=3),
        "scaled RandomForest": scaled(forest),
        "scaled HistGradientBoosting": scaled(boosting),
        "polynomials, Ridge": scaled(pp.PolynomialFeatures(2), lm.Ridge()),
        "PCA, LinearRegression": scaled(de.PCA(4), lm.LinearRegression()),
        "log of the target, Ridge": co.TransformedTargetRegressor(
            linear, func=np.log1p, inverse_func=np.expm1
        ),
        "log of the target, forest": co.TransformedTargetRegressor(
            forest, func=np.log1p, inverse_func=np.expm1
        ),
        "PLS": __import__("sklearn.cross_decomposition", fromlist=["x"]).PLSRegression(
            3
        ),
        "GridSearch, SVR": ms.GridSearchCV(scaled(sv.SVR()), {"svr__C": [1, 10]}, cv=3),
    }


def texts() -> dict[str, Any]:
    """Give classifiers of one text."""
    linear, forest = lm.LogisticRegression(), en.RandomForestClassifier(**SEVERAL)
    tfidf, count = tx.TfidfVectorizer, tx.CountVectorizer
    return {
        "TF-IDF, LogisticRegression": make_pipeline(tfidf(), linear),
        "TF-IDF, sublinear, bigrams": make_pipeline(
            tfidf(ngram_range=(1, 2), sublinear_tf=True), linear
        ),
        "TF-IDF, stop words": make_pipeline(tfidf(stop_words="english"), linear),
        "TF-IDF, case kept": make_pipeline(tfidf(lowercase=False), linear),
        "TF-IDF, LinearSVC": make_pipeline(tfidf(), sv.LinearSVC()),
        "TF-IDF, SGD": make_pipeline(tfidf(), lm.SGDClassifier(random_state=SEED)),
        "TF-IDF, characters": make_pipeline(
            tfidf(analyzer="char_wb", ngram_range=(2, 3)), linear
        ),
        "counts, MultinomialNB": make_pipeline(count(), nb.MultinomialNB()),
        "counts, forest": make_pipeline(count(), forest),
        "counts, binary, BernoulliNB": make_pipeline(
            count(binary=True), nb.BernoulliNB()
        ),
        "counts, TF-IDF, ComplementNB": make_pipeline(
            count(), tx.TfidfTransformer(), nb.ComplementNB()
        ),
        "hashes, SGD": make_pipeline(
            tx.HashingVectorizer(n_features=2**8), lm.SGDClassifier()
        ),
    }


def others() -> dict[str, Any]:
    """Give what tells outliers, and clusters."""
    return {
        "IsolationForest": en.IsolationForest(**SEVERAL),
        "IsolationForest, contamination": en.IsolationForest(
            contamination=0.1, max_features=0.5, **SEVERAL
        ),
        "scaled IsolationForest": scaled(en.IsolationForest(**SEVERAL)),
        "scaled OneClassSVM": scaled(sv.OneClassSVM(nu=0.1)),
        "scaled SGDOneClassSVM": scaled(lm.SGDOneClassSVM(random_state=SEED)),
        "LocalOutlierFactor": ne.LocalOutlierFactor(novelty=True),
        "scaled KMeans": scaled(cl.KMeans(3, random_state=SEED)),
    }


def boosters() -> dict[str, Any]:
    """Give classifiers of XGBoost and LightGBM."""
    return {
        "XGB": xg.XGBClassifier(**FEW),
        "XGB, deep, pruned": xg.XGBClassifier(max_depth=12, gamma=1, **FEW),
        "XGB, regularised": xg.XGBClassifier(
            base_score=0.3, reg_alpha=1, subsample=0.7, tree_method="exact", **FEW
        ),
        "XGB, random forest": xg.XGBRFClassifier(**FEW),
        "scaled XGB": scaled(xg.XGBClassifier(**FEW)),
        "LGBM": lb.LGBMClassifier(**QUIET),
        "LGBM, balanced": lb.LGBMClassifier(class_weight="balanced", **QUIET),
        "LGBM, dart": lb.LGBMClassifier(boosting_type="dart", **QUIET),
        "LGBM, random forest": lb.LGBMClassifier(
            boosting_type="rf", subsample=0.5, subsample_freq=1, **QUIET
        ),
        "LGBM, extra trees": lb.LGBMClassifier(extra_trees=True, **QUIET),
        "scaled LGBM": scaled(lb.LGBMClassifier(**QUIET)),
        "calibrated XGB": ca.CalibratedClassifierCV(xg.XGBClassifier(**FEW), cv=3),
        "Voting of both": en.VotingClassifier(
            [("x", xg.XGBClassifier(**FEW)), ("l", lb.LGBMClassifier(**QUIET))],
            voting="soft",
        ),
        "Stacking of both": en.StackingClassifier(
            [("x", xg.XGBClassifier(**FEW)), ("l", lb.LGBMClassifier(**QUIET))], cv=3
        ),
    }


def mixed_boosters() -> dict[str, Any]:
    """Give pipelines of both for `table`, whose numbers may be missing."""
    numbers = ["age", "pay (NOK)", "visits"]
    texts = ["city", "plan"]
    one_hot = pp.OneHotEncoder(handle_unknown="ignore")
    sparse = co.make_column_transformer((one_hot, texts), ("passthrough", numbers))
    sparse.sparse_threshold = 1.0
    ordinal = pp.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    dense = co.make_column_transformer((ordinal, texts), ("passthrough", numbers))
    return {
        "sparse, XGB": make_pipeline(sparse, xg.XGBClassifier(**FEW)),
        "sparse, LGBM": make_pipeline(sparse, lb.LGBMClassifier(**QUIET)),
        "ordinal, XGB": make_pipeline(dense, xg.XGBClassifier(**FEW)),
        "ordinal, LGBM": make_pipeline(dense, lb.LGBMClassifier(**QUIET)),
        "imputer, scaled, XGB": make_pipeline(
            columns(im.SimpleImputer(), pp.StandardScaler()), xg.XGBClassifier(**FEW)
        ),
        "ordinal, XGB, tuned threshold": ms.TunedThresholdClassifierCV(
            make_pipeline(dense, xg.XGBClassifier(**FEW)), cv=3
        ),
    }


def boosted_numbers() -> dict[str, Any]:
    """Give regressors of both."""
    xgb, lgbm = xg.XGBRegressor, lb.LGBMRegressor
    return {
        "XGB": xgb(**FEW),
        "XGB, absolute": xgb(objective="reg:absoluteerror", **FEW),
        "XGB, poisson": xgb(objective="count:poisson", **FEW),
        "XGB, gamma": xgb(objective="reg:gamma", missing=0.0, **FEW),
        "scaled XGB": scaled(xgb(**FEW)),
        "XGB, dart": xgb(booster="dart", **FEW),
        "LGBM": lgbm(**QUIET),
        "LGBM, poisson": lgbm(objective="poisson", **QUIET),
        "LGBM, quantile": lgbm(objective="quantile", alpha=0.9, **QUIET),
        "LGBM, l1": lgbm(objective="l1", **QUIET),
        "LGBM, zeros missing": lgbm(zero_as_missing=True, **QUIET),
        "log of the target, LGBM": co.TransformedTargetRegressor(
            lgbm(**QUIET), func=np.log1p, inverse_func=np.expm1
        ),
    }


def several() -> dict[str, Any]:
    """Give what answers several numbers a row."""
    multi = __import__("sklearn.multioutput", fromlist=["x"])
    return {
        "LinearRegression": lm.LinearRegression(),
        "RandomForest": en.RandomForestRegressor(**SEVERAL),
        "scaled Ridge": scaled(lm.Ridge()),
        "MultiOutput, GradientBoosting": multi.MultiOutputRegressor(
            en.GradientBoostingRegressor(**SEVERAL)
        ),
        "MultiOutput, HistGradientBoosting": multi.MultiOutputRegressor(
            en.HistGradientBoostingRegressor(max_iter=10)
        ),
        "chain, forest": multi.RegressorChain(
            en.RandomForestRegressor(**SEVERAL), order=[1, 0]
        ),
        "scaled MLP": scaled(
            nn.MLPRegressor(hidden_layer_sizes=(8,), max_iter=60, random_state=SEED)
        ),
        "KNeighbors": ne.KNeighborsRegressor(),
    }


def labels() -> dict[str, Any]:
    """Give what answers several labels a row, or has an estimator for each class."""
    multi = __import__("sklearn.multioutput", fromlist=["x"])
    rest = __import__("sklearn.multiclass", fromlist=["x"]).OneVsRestClassifier
    linear, forest = lm.LogisticRegression(), en.RandomForestClassifier(**SEVERAL)
    return {
        "RandomForest": forest,
        "DecisionTree": tr.DecisionTreeClassifier(random_state=SEED),
        "scaled MLP": scaled(nn.MLPClassifier((8,), max_iter=60, random_state=SEED)),
        "scaled Ridge": scaled(lm.RidgeClassifier()),
        "scaled MultiOutput, LogisticRegression": scaled(
            multi.MultiOutputClassifier(linear)
        ),
        "MultiOutput, HistGradientBoosting": multi.MultiOutputClassifier(
            en.HistGradientBoostingClassifier(max_iter=10)
        ),
        "MultiOutput, scaled LinearSVC": multi.MultiOutputClassifier(
            scaled(sv.LinearSVC())
        ),
        "scaled chain, LogisticRegression": scaled(
            multi.ClassifierChain(linear, order="random", random_state=SEED)
        ),
        "chain, forest": multi.ClassifierChain(forest),
        "scaled OneVsRest, LogisticRegression": scaled(rest(linear)),
        "OneVsRest, scaled LinearSVC": rest(scaled(sv.LinearSVC())),
        "OneVsRest, GradientBoosting": rest(en.GradientBoostingClassifier(**SEVERAL)),
        "OneVsRest, RandomForest": rest(forest),
        "KNeighbors": ne.KNeighborsClassifier(),
    }


def one_of_three() -> dict[str, Any]:
    """Give what has an estimator for each class."""
    return {name: labels()[name] for name in labels() if "OneVsRest" in name}


def tags(y: Any) -> Any:
    """Make three labels of a class, some of which more rows have."""
    chance = np.random.default_rng(SEED)
    is_other = chance.random((len(y), 3)) < 0.2
    return (is_other | (np.arange(3) == np.array(y)[:, None])).astype(int)


def texts_and_numbers() -> dict[str, Any]:
    """Give what answers a label of text and another one of three a row."""
    multi = __import__("sklearn.multioutput", fromlist=["x"])
    return {
        "forest": make_pipeline(columns(), en.RandomForestClassifier(**SEVERAL)),
        "MultiOutput": make_pipeline(
            columns(im.SimpleImputer(), pp.StandardScaler()),
            multi.MultiOutputClassifier(lm.LogisticRegression()),
        ),
    }


def sentences(n_rows: int = 600) -> tuple[pd.DataFrame, Any]:
    """Make texts of a few words, and whether they are good."""
    chance = np.random.default_rng(SEED)
    made = [
        " ".join(chance.choice(WORDS, chance.integers(1, 9))) for _ in range(n_rows)
    ]
    return pd.DataFrame({"text": made}).astype("str"), np.array(
        ["good" in t for t in made]
    )


def zoo() -> Iterator[tuple[str, str, Any, pd.DataFrame, Any]]:
    """Give kind, name, model, X and y of each."""
    wine = load_wine(return_X_y=True, as_frame=True)
    cancer = load_breast_cancer(return_X_y=True, as_frame=True)
    sugar = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    people = table()
    bought = people[0], (people[1] == "yes").astype(int)  # as XGBoost has classes
    sorts = np.stack([people[1], people[0]["plan"].to_numpy(object)], axis=1)
    both = sugar[0].iloc[:, 2:], sugar[0].iloc[:, :2]
    single = wine[0].astype("float32"), wine[1]
    behind = [name for name in trees() if name.split(", ")[0] in SCALED]
    kinds: list[tuple[str, Callable[[], dict[str, Any]], Any]] = [
        ("trees, 3 classes", trees, wine),
        ("trees, float32", lambda: dict(list(trees().items())[:13]), single),
        ("scaled, float32", lambda: {n: trees()[n] for n in behind}, single),
        ("classifiers, 2 classes", classifiers, cancer),
        ("composed, 3 classes", composed, wine),
        ("thresholds", thresholds, cancer),
        ("numbers and text", mixed, people),
        ("regressors", regressors, sugar),
        ("text", texts, sentences()),
        ("outliers and clusters", others, wine),
        ("several numbers", several, both),
        ("several labels", labels, (wine[0], tags(wine[1]))),
        ("several texts", texts_and_numbers, (people[0], sorts)),
        ("one of three", one_of_three, wine),
    ]
    if xg and lb:
        kinds += [
            ("boosters, 2 classes", boosters, cancer),
            ("boosters, 3 classes, float32", boosters, single),
            ("boosters, numbers and text", mixed_boosters, bought),
            ("boosters, numbers", boosted_numbers, sugar),
        ]
    for kind, models, (X, y) in kinds:
        for name, model in models().items():
            yield kind, name, model, X, y


def fresh(
    X: pd.DataFrame, n_rows: int, required: set[Any], thresholds: dict[Any, Any]
) -> pd.DataFrame:
    """Make rows that the proof has not seen."""
    chance = np.random.default_rng(SEED + 1)
    drawn = {c: X[c].iloc[chance.integers(len(X), size=n_rows)].array for c in X}
    rows = pd.DataFrame(drawn)
    for name in X:
        values = rows[name].astype(object)
        at = chance.random(n_rows)
        if X[name].dtype.kind in "fiu":
            known = X[name].dropna().to_numpy("float64")
            spread = chance.choice([1e-3, 1, 1e3, 1e9], n_rows) * np.ptp(known)
            odd = known.mean() + chance.normal(size=n_rows) * spread
            values = values.where(at > 0.1, odd).astype("float64")
            if name in thresholds:
                at_border = chance.random(n_rows) < 0.2
                borders = chance.choice(beside(thresholds[name]), n_rows)
                values = values.mask(at_border, borders)
            steps = chance.choice([-np.inf, np.inf], n_rows)
            near = np.nextafter(values.to_numpy(), steps)
            values = values.where(at < 0.5, near)
        else:
            extra = [
                "",
                "unseen",
                "nan",
                "Good  BAD",
                "don't_x",
                "ÉTÉ ß",
                "a\nb\tc",
                "5五 x",
            ]
            values = values.where(at > 0.2, chance.choice(extra, n_rows))
        if name not in required:
            values = values.mask(chance.random(n_rows) < 0.05)
        rows[name] = values
    kinds = {c: "float64" if X[c].dtype.kind in "iu" else X[c].dtype for c in X}
    return rows.astype(kinds)


def microseconds(call: Callable[[], Any], seconds: float) -> float:
    """Give the time of a call, the median of some."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or (time.perf_counter() < end and len(taken) < 200):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * 1e6


def wrong(model: Any, fast: Any, rows: pd.DataFrame) -> tuple[int, float]:
    """Count other labels, and give the largest difference of shares or numbers."""
    expected, found = np.asarray(model.predict(rows)), np.asarray(fast.predict(rows))
    if hasattr(model, "classes_"):
        apart = 0.0
        if hasattr(model, "predict_proba"):
            shares, found_shares = model.predict_proba(rows), fast.predict_proba(rows)
            if isinstance(shares, list):  # of several labels
                shares, found_shares = np.hstack(shares), np.hstack(found_shares)
            apart = float(np.abs(found_shares - shares).max())
        return int((expected != found).sum()), apart
    if expected.dtype.kind in "iu":
        return int((expected != found).sum()), 0.0
    scale = np.abs(expected) + np.ptp(expected) + 1e-300
    apart = np.abs(found - expected) / scale
    return 0, float(np.where(found == expected, 0, apart).max())  # also of infinities


def main() -> int:
    """Print a line for each model, and what is kept by kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer models and rows")
    parser.add_argument("--only", default="", help="kinds or names with this in them")
    options = parser.parse_args()
    n_rows = 2000 if options.short else 20_000
    kept, tried, n_wrong, n_asked = Counter[str](), Counter[str](), 0, 0
    for place, (kind, name, model, X, y) in enumerate(zoo()):
        if options.only not in f"{kind}: {name}" or (options.short and place % 6):
            continue
        tried[kind] += 1
        line, other = tell(model, X, y, n_rows)
        kept[kind] += other is not None
        n_wrong += other or 0
        n_asked += n_rows if other is not None else 0
        print(f"{kind}: {name:38} {line}", flush=True)
    print()
    for kind, count in tried.items():
        print(f"{kind:25} {kept[kind]:3} of {count:3}")
    whole = kept.total(), tried.total()
    print(f"kept {whole[0]} of {whole[1]}, {whole[0] / whole[1]:.0%}; ", end="")
    print(f"{n_wrong} wrong labels in {n_asked:,} fresh rows")
    return 1 if n_wrong else 0


def tell(model: Any, X: pd.DataFrame, y: Any, n_rows: int) -> tuple[str, int | None]:
    """Fit and offer one model. Returns: its line; its wrong labels, if it is kept."""
    if "text" in X:  # words are counted in one column
        columns = co.make_column_transformer((model.steps[0][1], "text"))
        model.steps[0] = ("columns", columns)
    model.fit(X, y)
    classes = classes_of(model)
    description = {"columns": Schema.learn(X).to_json(), "classes": classes}
    slow = microseconds(lambda: model.predict(X[:1]), 0.2)
    try:
        content, required = proved(model, description, X.iloc[:1000])
    except Different as exc:
        return f"{slow:6.0f} µs        no: {exc}", None
    fast = onnx_session.load(content, description)
    one = {name: X[name].to_numpy()[:1] for name in X}  # as a request has columns
    speed = microseconds(lambda: fast.predict(one), 0.1)
    rows = fresh(X, n_rows, set(required), thresholds_of(parts(model), X))
    other, apart = wrong(model, fast, rows)
    mark = "" if not other else f"  {other} WRONG LABELS"
    return f"{slow:6.0f} µs {speed:5.0f} µs  {apart:.0e}{mark}", other


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
