"""What answers for a model folder: the fitted estimator, or ONNX Runtime in its place.

`load` is what the owner's Predictor calls. The fast engine is asked for by one visible
argument, and is there only where a job has proved that it answers the same.
"""

import contextlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from runtime.models import artifact, onnx_session
from runtime.models.forests import without_joblib
from runtime.tabular.rows import Rows

log = logging.getLogger("serve")
ONNX = "onnx"  # by its name in the settings
_preferred: ContextVar[str] = ContextVar("preferred", default=ONNX)
_trusts_all: ContextVar[bool] = ContextVar("trusts_all", default=False)


@contextlib.contextmanager
def preferring(engine: str) -> Iterator[None]:
    """Let `load` prefer an engine: the owner, who calls it, has no settings."""
    token = _preferred.set(engine)
    try:
        yield
    finally:
        _preferred.reset(token)


def trust_all() -> None:
    """Let `load` trust all types of model.skops: in the job that has written it."""
    _trusts_all.set(True)


def load(model_dir: Path, *, fast: bool = False, trusted: Sequence[str] = ()) -> Any:
    """Load the fitted estimator: model.joblib, or the one other file of an estimator.

    With `fast` it is what answers fastest: model.onnx where it is equal, and then no
    pickle is opened, else the estimator; `predict` and `predict_proba` then take `Rows`
    or a DataFrame. `trusted` are types that model.skops may have besides those that
    skops knows. Raises: ModelError, which names the file.
    """
    types = None if _trusts_all.get() else trusted
    if not fast:
        return artifact.load(model_dir, types)
    description = artifact.describe(model_dir) or {}
    why_not = hindrance(model_dir, description, _preferred.get())
    if not why_not:
        try:
            return onnx_session.load(model_dir / artifact.ONNX, description)
        except Exception as exc:  # noqa: BLE001 -- ONNX Runtime's, of many kinds
            why_not = f"{artifact.ONNX} cannot be loaded: {exc}"
    log.info("scikit-learn answers, not ONNX: %s", why_not)
    return framed(without_joblib(artifact.load(model_dir, types)))


def hindrance(
    model_dir: Path, description: dict[str, Any] | None, preferred: str
) -> str:
    """Say why ONNX does not answer; nothing where it does.

    Without a `description` it is not checked that model.onnx belongs to the estimator.
    """
    if preferred != ONNX:
        return f"MODEL_ENGINE={preferred}"
    if not (model_dir / artifact.ONNX).exists():
        return artifact.why_no_onnx(description or {})
    if find_spec("onnxruntime") is None:
        return "onnxruntime is not installed"
    if description is not None and artifact.is_changed(model_dir, description):
        return f"{artifact.ONNX} was made of another estimator"
    return ""


def framed(estimator: Any) -> "Framed":
    """Let the methods of an estimator take `Rows` in the place of a DataFrame."""
    has_one = not answers_several(estimator) and hasattr(estimator, "predict_proba")
    return FramedClassifier(estimator) if has_one else Framed(estimator)


def answers_several(estimator: Any) -> bool:
    """Say whether a classifier answers several labels a row."""
    final = _final(estimator)
    binarizer = getattr(final, "label_binarizer_", None)
    binarizer = getattr(final, "_label_binarizer", binarizer)
    is_multilabel = getattr(binarizer, "y_type_", "").startswith("multilabel")
    if type(final).__name__.startswith("XGB") and hasattr(final, "classes_"):
        learned = json.loads(final.get_booster().save_config())["learner"]
        is_multilabel = int(learned["learner_model_param"]["num_target"]) > 1
    return is_multilabel or isinstance(getattr(final, "classes_", None), list)


def _final(estimator: Any) -> Any:
    """Give what answers: the last step of a pipeline, the best model of a search."""
    if (best := getattr(estimator, "best_estimator_", None)) is not None:
        return _final(best)
    steps = getattr(estimator, "steps", None)
    return _final(steps[-1][1]) if steps else estimator


def takes_documents(estimator: Any) -> bool:
    """Say whether a model was fitted on texts themselves, not on a table with a column.

    What counts words comes first in it, and would take the names of a table's columns
    for its rows.
    """
    for name in ("steps", "transformer_list", "estimators"):
        if parts := getattr(estimator, name, None):
            return takes_documents(parts[0][1])
    if (inner := getattr(estimator, "estimator", None)) is not None:
        return takes_documents(inner)
    with contextlib.suppress(Exception):  # of what is like no estimator
        given = estimator.__sklearn_tags__().input_tags
        return bool(given.string and not given.two_d_array)
    return False


class Framed:
    """A fitted estimator whose methods take `Rows` in the place of a DataFrame."""

    def __init__(self, estimator: Any) -> None:
        """Stand before an estimator: all that it has is here."""
        self._estimator = estimator
        self._takes_documents = takes_documents(estimator)

    def __getattr__(self, name: str) -> Any:
        """Give what the estimator has."""
        found = getattr(self._estimator, name)
        return self._framed(found) if callable(found) else found

    def _given(self, rows: Any) -> Any:
        """Give rows as `fit` saw them."""
        frame = rows.frame() if isinstance(rows, Rows) else rows
        is_table = self._takes_documents and np.ndim(frame) > 1
        return frame.iloc[:, 0] if is_table else frame

    def _framed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(rows: Any, *args: Any, **kwargs: Any) -> Any:
            return method(self._given(rows), *args, **kwargs)

        return call


class FramedClassifier(Framed):
    """A classifier of one label a row, with probabilities."""

    def __init__(self, estimator: Any) -> None:
        """Stand before an estimator: all that it has is here."""
        super().__init__(estimator)
        self._decides_by_share = _decides_by_share(estimator)

    def predict_and_proba(self, rows: Any) -> tuple[Any, Any]:
        """Give the labels of `predict` and the shares of `predict_proba`.

        A label is not always that of the largest share: a tuned threshold, for one,
        decides otherwise.
        """
        rows = self._given(rows)
        shares = self._estimator.predict_proba(rows)
        if self._decides_by_share:
            return self._estimator.classes_.take(shares.argmax(axis=1)), shares
        return self._estimator.predict(rows), shares


def _decides_by_share(estimator: Any) -> bool:
    """Say whether `predict` only looks for the largest share, as that of a forest does.

    A second call of a forest would take as long as the first.
    """
    final: Any = type(_final(estimator))
    forests = (kind for kind in final.__mro__ if kind.__name__ == "ForestClassifier")
    return any(final.predict is forest.predict for forest in forests)
