"""YOURS: how good a candidate is, in whichever process and on whichever host it is tried.

A module beside train, not train itself: so a process imports it once, and keeps the rows.
"""

import functools

from joblib import parallel_config
from runtime import Job, split_target
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split


@functools.cache  # once in each process: what travels is `job`, which is small
def rows(job: Job):
    """Read the channel of this host. Returns: X_train, X_test, y_train, y_test."""
    p = job.hyperparameters
    X, y = split_target(job.read("training"), p.target)
    return train_test_split(X, y, random_state=p.random_state)


def score(job: Job, number: int, fold: int, model):
    """Fit and measure a model on one fold. Returns: number, fold, score."""
    X, _, y, _ = rows(job)
    split = list(StratifiedKFold(job.hyperparameters.cv).split(X, y))[fold]
    with parallel_config("sequential"):  # one core, and nothing that travels
        return number, fold, float(cross_val_score(model, X, y, cv=[split])[0])
