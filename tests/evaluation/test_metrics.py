import tracemalloc
from math import isfinite, isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from runtime.evaluation import metrics
from runtime.evaluation.metrics import Metric

CLASSES = st.integers(2, 60).flatmap(
    lambda k: st.lists(st.tuples(*[st.integers(0, k - 1)] * 2), min_size=1).map(
        lambda pairs: (k, *np.array(pairs).T)
    )
)
NUMBERS = st.floats(-1e9, 1e9, width=32)


def values(found: dict[str, Metric]) -> dict[str, float]:
    return {name: metric.value for name, metric in found.items()}


@settings(max_examples=30, deadline=None)
@given(CLASSES)
def test_numbers_of_classes_are_those_of_scikit_learn(
    case: tuple[int, Any, Any],
) -> None:
    k, truth, predicted = case
    found = values(metrics.of_classes(truth, predicted, k))
    for name in ("precision", "recall", "f0_5", "f1", "f2"):  # those of two, see below
        assert (found.pop(name, None) is None) == (k > 2)
    weighted = {"average": "weighted", "zero_division": 0}
    assert found == pytest.approx(
        {
            "accuracy": sk.accuracy_score(truth, predicted),
            "accuracy_best_constant_classifier": np.bincount(truth).max() / len(truth),
            "balanced_accuracy": np.mean(
                [np.mean(predicted[truth == c] == c) for c in set(truth)]
            ),
            "weighted_recall": sk.recall_score(truth, predicted, **weighted),
            "weighted_precision": sk.precision_score(truth, predicted, **weighted),
            "weighted_f0_5": sk.fbeta_score(truth, predicted, beta=0.5, **weighted),
            "weighted_f1": sk.f1_score(truth, predicted, **weighted),
            "weighted_f2": sk.fbeta_score(truth, predicted, beta=2, **weighted),
        },
        rel=1e-12,
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1))
def test_numbers_of_two_classes_are_those_of_scikit_learn(
    pairs: list[tuple[int, int]],
) -> None:
    truth, predicted = np.array(pairs).T
    found = values(metrics.of_classes(truth, predicted, 2))
    undefined = {"zero_division": np.nan}
    names = ("precision", "recall", "f0_5", "f1", "f2")
    assert {name: found[name] for name in names} == pytest.approx(
        {
            "precision": sk.precision_score(truth, predicted, **undefined),
            "recall": sk.recall_score(truth, predicted, **undefined),
            "f0_5": sk.fbeta_score(truth, predicted, beta=0.5, **undefined),
            "f1": sk.f1_score(truth, predicted, **undefined),
            "f2": sk.fbeta_score(truth, predicted, beta=2, **undefined),
        },
        rel=1e-12,
        nan_ok=True,
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2))
def test_numbers_of_numbers_are_those_of_scikit_learn(
    pairs: list[tuple[float, float]],
) -> None:
    truth, predicted = np.array(pairs).T
    found = values(metrics.of_numbers(truth, predicted))
    r2 = found.pop("r2")
    if np.ptp(truth):
        true = sk.r2_score(truth, predicted, force_finite=False)
        assert r2 == pytest.approx(true, rel=1e-12)
    else:
        assert not isfinite(r2)
    assert found == pytest.approx(
        {
            "mae": sk.mean_absolute_error(truth, predicted),
            "mse": sk.mean_squared_error(truth, predicted),
            "rmse": sk.root_mean_squared_error(truth, predicted),
        },
        rel=1e-12,
    )


@pytest.mark.parametrize("k", [2, 3, 12])
def test_numbers_of_probabilities_are_those_of_scikit_learn(k: int) -> None:
    random = np.random.default_rng(k)
    truth = np.r_[np.arange(k), random.integers(k, size=300)]
    scores = random.normal(size=(len(truth), k)).round(1)  # some tie
    scores[np.arange(len(truth)), truth] += 1
    odds = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found = metrics.of_scores(truth, odds) | metrics.of_probabilities(truth, odds)
    asked = {"multi_class": "ovr", "average": "weighted"} if k > 2 else {}
    auc = sk.roc_auc_score(truth, odds if k > 2 else odds[:, 1], **asked)
    loss = sk.log_loss(truth, odds)
    assert values(found) == pytest.approx({"auc": auc, "log_loss": loss}, rel=1e-12)


def test_a_certain_error_costs_what_it_costs_in_scikit_learn() -> None:
    truth, odds = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    found = metrics.of_probabilities(truth, odds)["log_loss"].value
    assert found == pytest.approx(sk.log_loss(truth, odds))


def test_a_class_that_the_scores_do_not_know_is_against_each_and_weighs_nothing() -> (
    None
):
    truth = np.array([0, 0, 1, 1, 2])
    scores = np.array([[4, 0], [3, 1], [1, 2], [0, 3], [0.5, 1.5]])
    assert metrics.of_scores(truth, scores)["auc"].value == 1
    assert isnan(metrics.of_scores(np.array([2, 2]), scores[:2])["auc"].value)


@settings(max_examples=30, deadline=None)
@given(CLASSES)
def test_an_interval_contains_its_number(case: tuple[int, Any, Any]) -> None:
    k, truth, predicted = case
    error = (truth * 0.1, predicted * 0.1)
    found = metrics.of_classes(truth, predicted, k) | metrics.of_numbers(*error)
    for metric in found.values():
        if metric.finite:
            assert metric.low <= metric.value <= metric.high
            assert metric.standard_deviation >= 0


def test_no_error_in_few_rows_is_no_proof_of_none() -> None:
    """Wilson's interval of 67 hits in 67 rows, from a table."""
    right = np.arange(67) % 3
    accuracy = metrics.of_classes(right, right, 3)["accuracy"]
    assert (accuracy.value, accuracy.high) == (1, 1)
    assert accuracy.low == pytest.approx(0.9458, abs=1e-4)


def spread(n: int, seed: int) -> dict[str, Metric]:
    """Measure a fresh sample of n rows of the same kind, in all ways."""
    random = np.random.default_rng(seed)
    truth = random.choice(3, size=n, p=[0.6, 0.3, 0.1])
    scores = random.normal(size=(n, 3))
    scores[np.arange(n), truth] += 1
    odds = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    predicted, two = scores.argmax(axis=1), truth > 0
    return (
        metrics.of_classes(two.astype(int), (predicted > 0).astype(int), 2)
        | metrics.of_classes(truth, predicted, 3)
        | metrics.of_scores(truth, odds)
        | metrics.of_probabilities(truth, odds)
        | metrics.of_numbers(random.normal(size=n) + scores[:, 0], scores[:, 0])
    )


@pytest.mark.parametrize("n", [400, 40_000], ids=["all rows", "some rows"])
def test_a_standard_deviation_is_that_of_many_samples(n: int) -> None:
    """What no formula has to be believed for: draw new rows, and look."""
    samples = [spread(n, seed) for seed in range(24)]
    for name, metric in samples[0].items():
        seen = np.std([sample[name].value for sample in samples])
        told = np.median([sample[name].standard_deviation for sample in samples])
        assert told == pytest.approx(seen, rel=0.5), name
        assert metric.high - metric.low == pytest.approx(3.92 * told, rel=0.3), name


def test_an_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    large = values(spread(200_000, 0))
    samples = [spread(300, seed) for seed in range(1, 121)]
    for name, true in large.items():
        held = np.mean([s[name].low <= true <= s[name].high for s in samples])
        assert held > 0.87, name  # as 120 samples can tell 0.95 from less


def test_the_same_rows_have_the_same_numbers() -> None:
    assert spread(20_000, 1) == spread(20_000, 1)


@pytest.mark.parametrize("k", [3, 25_000], ids=["few classes", "many classes"])
def test_resamples_of_any_table_take_bounded_memory(k: int) -> None:
    random = np.random.default_rng(0)
    truth, predicted = random.integers(k, size=(2, 50_000))
    tracemalloc.start()
    metrics.of_classes(truth, predicted, k)
    metrics.of_numbers(truth * 1.0, predicted * 1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 250e6
