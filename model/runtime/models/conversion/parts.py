"""The estimators that a model is made of, and the rows that each of them is given."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.calibration import _CalibratedClassifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

# What chooses columns: by which model does not matter any more.
SELECTING = "sklearn.feature_selection"


def parts(model: Any) -> Iterator[Any]:
    """Go through a model and all estimators that it is made of."""
    return (part for part, _ in parts_with_rows(model, None))


def parts_with_rows(model: Any, rows: Any) -> Iterator[tuple[Any, Any]]:
    """Go through a model and its parts, with the rows that each is given of some rows.

    They are None where they are not known, and not rows of X.
    """
    seen, waiting = set(), [(model, rows)]
    while waiting:
        part, x = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, BaseEstimator | _CalibratedClassifier):
            yield part, x
            if not type(part).__module__.startswith(SELECTING):
                is_chain = hasattr(part, "order_")
                for name, value in vars(part).items():
                    is_own = is_chain or name == "final_estimator_"
                    waiting.append((value, None if is_own else x))
                waiting += _steps_with_rows(part, x)  # the last are taken first
        else:
            waiting += [(each, x) for each in _members(part)]


def _members(part: Any) -> Iterable[Any]:
    """Give what is in a list, or another container."""
    if isinstance(part, np.ndarray) and part.dtype == object:
        return part.ravel().tolist()
    if isinstance(part, dict):
        return part.values()
    return part if isinstance(part, list | tuple) else ()


def _steps_with_rows(part: Any, x: Any) -> Iterator[tuple[Any, Any]]:
    """Give the steps of a fitted pipeline, or of columns, with their own rows."""
    if x is None:
        return
    if isinstance(part, ColumnTransformer) and hasattr(part, "transformers_"):
        for name, step, _ in part.transformers_:
            yield step, x.iloc[:, part._transformer_to_input_indices[name]]  # noqa: SLF001
    elif isinstance(part, Pipeline) and part.__sklearn_is_fitted__():
        for step in steps_of(part):
            yield step, x
            x = step.transform(x) if hasattr(step, "transform") else x


def steps_of(estimator: Any) -> list[Any]:
    """List the steps of a pipeline, or the one estimator that is none."""
    return [step for _, step in getattr(estimator, "steps", [("", estimator)])]


def package_of(part: Any) -> str:
    """Name the package of an estimator's class."""
    return type(part).__module__.partition(".")[0]
