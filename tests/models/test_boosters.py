"""XGBoost and LightGBM are answered by ONNX as by themselves, or by name not at all."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from harness import ROOT, converted, described, environment
from runtime.models import artifact
from runtime.models.conversion.converters import boosters
from runtime.models.conversion.fitted_trees import thresholds_of
from runtime.models.conversion.made_rows import beside
from runtime.models.conversion.onnx_export import proved
from runtime.models.conversion.refusal import Different
from runtime.models.engine import answers_several, framed

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")
FEW = {"n_estimators": 20, "n_jobs": 1}
QUIET = {**FEW, "verbose": -1, "min_child_samples": 5}
CANCER = load_breast_cancer(as_frame=True)
X = CANCER.data.iloc[:, :8].mask(CANCER.data.iloc[:, :8] > 300)  # with gaps
THREE = pd.qcut(CANCER.data["worst area"], 3, labels=False)
AREA = CANCER.data["worst area"]


def near_thresholds(model: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """Make rows of which half of the values are thresholds, or the next numbers."""
    chance = np.random.default_rng(1)
    made = rows.iloc[chance.integers(len(rows), size=20_000)].reset_index(drop=True)
    for name, thresholds in thresholds_of([model], rows).items():
        chosen = chance.choice(beside(thresholds), len(made)).astype(rows[name].dtype)
        made[name] = np.where(chance.random(len(made)) < 0.5, chosen, made[name])
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("model", "y"),
    [
        (xgboost.XGBClassifier(**FEW), CANCER.target),
        (xgboost.XGBClassifier(base_score=0.2, gamma=1, **FEW), CANCER.target),
        (xgboost.XGBClassifier(**FEW), THREE),
        (xgboost.XGBRFClassifier(**FEW), THREE),
        (xgboost.XGBRegressor(**FEW), AREA),
        (xgboost.XGBRegressor(objective="count:poisson", **FEW), AREA),
        (xgboost.XGBRegressor(objective="reg:logistic", **FEW), CANCER.target),
        (lightgbm.LGBMClassifier(**QUIET), CANCER.target),
        (lightgbm.LGBMClassifier(**QUIET), THREE),
        (
            lightgbm.LGBMClassifier(**QUIET),
            THREE.map(["few", "some", "many"].__getitem__),
        ),
        (lightgbm.LGBMClassifier(objective="multiclassova", **QUIET), THREE),
        (lightgbm.LGBMClassifier(use_missing=False, **QUIET), THREE),
        (lightgbm.LGBMRegressor(**QUIET), AREA),
        (lightgbm.LGBMRegressor(objective="gamma", **QUIET), AREA),
        (lightgbm.LGBMRegressor(objective="cross_entropy", **QUIET), CANCER.target),
        (
            lightgbm.LGBMRegressor(
                boosting_type="rf", subsample=0.5, subsample_freq=1, **QUIET
            ),
            AREA,
        ),
    ],
)
def test_a_booster_is_equal_with_missing_values_and_at_thresholds(
    model: Any, y: Any, dtype: Any
) -> None:
    rows = X.astype(dtype)
    model.fit(rows, y)
    fast = converted(model, rows)
    near = near_thresholds(model, rows)
    expected, found = model.predict(near), fast.predict(near)
    if not hasattr(model, "classes_"):
        assert np.allclose(found, expected, rtol=1e-6)
        return
    assert (found == expected).all()
    assert np.allclose(fast.predict_proba(near), model.predict_proba(near), atol=1e-6)


def test_sums_are_added_as_the_package_adds_them() -> None:
    """To the last bit: in float32, from the first value on; or in float64."""
    models = xgboost.XGBRegressor(n_jobs=1), lightgbm.LGBMRegressor(**QUIET)
    for model in models:
        model.fit(X, AREA)
        assert (converted(model, X).predict(X) == model.predict(X)).all()


def test_a_share_of_a_half_is_not_more_than_half() -> None:
    """A model that knows nothing says so of both classes."""
    y = np.arange(len(X)) % 2
    model = xgboost.XGBClassifier(base_score=0.5, min_child_weight=1e6, **FEW).fit(X, y)
    assert (model.predict_proba(X) == 0.5).all()
    assert (converted(model, X).predict(X) == model.predict(X)).all()


@pytest.mark.parametrize("package", ["xgboost", "lightgbm"])
def test_trees_after_the_best_iteration_do_not_count(package: str) -> None:
    y = np.random.default_rng(0).permutation(CANCER.target)  # nothing to learn
    if package == "xgboost":
        model = xgboost.XGBClassifier(early_stopping_rounds=2, **FEW)
        model.fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], verbose=False)
        best, n_trees = (
            model.best_iteration + 1,
            model.get_booster().num_boosted_rounds(),
        )
    else:
        stop = lightgbm.early_stopping(2, verbose=False)
        model = lightgbm.LGBMClassifier(**QUIET)
        model.fit(X[:300], y[:300], eval_X=X[300:], eval_y=y[300:], callbacks=[stop])
        best, n_trees = model.best_iteration_, model.booster_.current_iteration()
    read = boosters.booster_of(model)
    assert read is not None
    assert len(read.trees) == best <= n_trees
    shares = converted(model, X).predict_proba(X)
    assert np.allclose(shares, model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm"])
def test_a_zero_that_is_not_stored_is_what_the_package_takes_it_for(kind: str) -> None:
    """Missing for XGBoost, zero for LightGBM; encoders give such rows."""
    chance = np.random.default_rng(0)
    rows = pd.DataFrame({"n": chance.integers(-2, 3, 800).astype("float64")})
    rows["kind"] = pd.Series(chance.choice(["a", "b", "c"], 800), dtype="str")
    y = (rows["n"] + rows["kind"].eq("b") + chance.normal(size=800) > 1).astype(int)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]), ("passthrough", ["n"])
    )
    columns.sparse_threshold = 1.0
    model = xgboost.XGBClassifier(**FEW)
    if kind == "lightgbm":
        model = lightgbm.LGBMClassifier(**QUIET)
    piped = make_pipeline(columns, model).fit(rows, y)
    rows.loc[::5, "n"] = [0.0, -0.0, 5e-324, np.nan] * 40
    found = converted(piped, rows).predict_proba(rows)
    assert np.allclose(found, piped.predict_proba(rows), atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_scaler_before_a_booster_is_exact(dtype: Any) -> None:
    rows = X.astype(dtype)
    for model in xgboost.XGBClassifier(**FEW), lightgbm.LGBMClassifier(**QUIET):
        piped = make_pipeline(StandardScaler(), model).fit(rows, CANCER.target)
        assert (converted(piped, rows).predict(rows) == piped.predict(rows)).all()


def own_objective(y: Any, score: Any) -> tuple[Any, Any]:
    """Give the gradient of squares, as a function of an owner's."""
    return score - y, np.ones(len(y))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (xgboost.XGBRegressor(booster="dart"), "another booster than gbtree"),
        (xgboost.XGBRegressor(booster="gblinear"), "another booster than gbtree"),
        (xgboost.XGBRegressor(objective="survival:cox"), "is not tried"),
        (lightgbm.LGBMRegressor(zero_as_missing=True), "zero_as_missing=False"),
        (lightgbm.LGBMRegressor(linear_tree=True), "linear_tree=False"),
        (lightgbm.LGBMRegressor(reg_sqrt=True), "'regression sqrt'"),
        (lightgbm.LGBMRegressor(objective=own_objective), "its own"),
    ],
)
def test_what_is_not_converted_is_named(model: Any, why: str) -> None:
    quiet = {"verbosity": 0} if "XGB" in type(model).__name__ else {"verbose": -1}
    model.set_params(n_estimators=3, **quiet).fit(CANCER.data, AREA)
    with pytest.raises(Different, match=why):
        converted(model, CANCER.data)


@pytest.mark.parametrize("package", ["XGBoost", "LightGBM"])
def test_trees_of_categories_are_refused(package: str) -> None:
    rows = X.assign(**{"mean radius": np.arange(len(X)) % 7})
    if package == "XGBoost":
        kinds = ["c", *["q"] * 7]
        model = xgboost.XGBClassifier(
            feature_types=kinds, enable_categorical=True, **FEW
        ).fit(rows, rows["mean radius"] % 3)
    else:
        model = lightgbm.LGBMClassifier(**QUIET).fit(
            rows, rows["mean radius"] % 3, categorical_feature=["mean radius"]
        )
    with pytest.raises(Different, match=f"{package}'s trees have categories"):
        converted(model, rows)


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm"])
def test_onnx_answers_where_the_package_is_not_installed(
    kind: str, tmp_path: Path
) -> None:
    """The pickle, which needs it, is not opened."""
    model = xgboost.XGBClassifier(**FEW)
    if kind == "lightgbm":
        model = lightgbm.LGBMClassifier(**QUIET)
    model.fit(X, CANCER.target)
    content, _ = proved(model, described(model, X), X)
    artifact.save(tmp_path, model, described(model, X))
    artifact.amend(tmp_path, {artifact.ONNX_ORIGIN: artifact.origin(tmp_path)}, content)
    program = (
        "import sys, pathlib, numpy\n"
        f"sys.modules[{kind!r}] = None\n"
        "from runtime import load\n"
        "model = load(pathlib.Path(sys.argv[1]), fast=True)\n"
        f"print(model.predict({{name: numpy.zeros(1) for name in {list(X)!r}}}))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment() | {"PYTHONPATH": str(ROOT / "model")},
    )
    assert result.stdout.strip() in {"[0]", "[1]"}, result.stderr


def test_xgboost_that_answers_several_labels_a_row_is_served_so() -> None:
    y = np.column_stack([CANCER.target, CANCER.target ^ 1, THREE > 1])
    model = xgboost.XGBClassifier(**FEW).fit(X, y)
    assert answers_several(model)
    assert not hasattr(framed(model), "predict_and_proba")
    assert framed(model).predict(X).tolist() == model.predict(X).tolist()
    for one in (CANCER.target, THREE):
        assert not answers_several(xgboost.XGBClassifier(**FEW).fit(X, one))
