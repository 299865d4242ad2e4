"""The owner's Predictor: what it has to offer, and what it may offer besides.

All that is optional is looked for once, when the model is loaded: at request time
nobody asks any more whether there is a `decode`. What could not be called then is found
now, and is a sentence.
"""

import logging
from inspect import iscoroutinefunction, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from runtime.errors import ModelError
from runtime.tabular.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("serve")
_CALLED = {  # methods of a Predictor, and what each is given
    "predict": ("rows",),
    "start": (),
    "healthy": (),
    "decode": ("body", "media_type"),
    "encode": ("answer", "accept"),
}


class Predictor(Protocol):
    """What `predictor.py` has to offer; `Owner` lists what is optional."""

    def __init__(self, model_dir: Path) -> None:
        """Load the model's files: once for each model, never for each request."""

    def predict(self, rows: Any) -> Any:
        """Give one answer per row of a DataFrame, `(n_rows, n_features)`, or `Rows`."""


class Owner:
    """A loaded Predictor, with a value for each of its optional parts."""

    def __init__(self, predictor: Predictor) -> None:
        """Look for its parts. Raises: ModelError for one that is none."""

        def optional(name: str, *, default: Any) -> Any:
            return getattr(predictor, name, default)

        for name, arguments in _CALLED.items():
            _refuse_uncallable(predictor, name, arguments)
        if optional("frame", default=None) is False:
            message = "`frame = False` is gone: write `def predict(self, rows: Rows)`"
            raise ModelError(message)
        self.predictor = predictor
        self.predict: Callable[[Any], Any] = predictor.predict
        self.wants_frame = wants_frame(predictor)
        # False: an answer depends on the other rows of its request.
        self.batchable: bool = optional("batchable", default=True)
        # Of several, those that are answered by default; none: all.
        self.outputs = _outputs(optional("outputs", default=()))
        self.example: Any = optional("example", default=None)
        self.start: Callable[[], object] = optional("start", default=lambda: None)
        self.healthy: Callable[[], object] = optional("healthy", default=lambda: True)
        self.decode: Callable[[bytes, str], Any] | None = optional(
            "decode", default=None
        )
        self.encode: Callable[[Any, str], Any] | None = optional("encode", default=None)
        # None is the owner's word too: the rows are not checked.
        self.has_schema = hasattr(predictor, "schema")
        self.schema: Any = optional("schema", default=None)
        self.estimator: Any = optional("model", default=None)
        # See `onnx_session`: a few rows take less time than another thread.
        self.instant: bool = getattr(self.estimator, "instant", False)


def construct(kind: type[Predictor], model_dir: Path) -> Predictor:
    """Let the owner's class load a model folder. Raises: ModelError."""
    try:
        return kind(model_dir)
    except ModelError:
        raise
    except Exception as exc:
        log.debug("Predictor failed", exc_info=True)
        message = f"Predictor({model_dir}) failed: {type(exc).__name__}: {exc}"
        raise ModelError(message) from exc


def wants_frame(predictor: Predictor | type[Predictor]) -> bool:
    """Say whether `predict` gets a DataFrame; with `rows: Rows` it gets that."""
    predict = getattr(predictor, "predict", None)
    return not any(map(_is_rows, _annotations(predict)))


def _annotations(function: Any) -> list[Any]:
    for known in (True, False):
        try:
            parameters = signature(function, eval_str=known).parameters.values()
            return [parameter.annotation for parameter in parameters]
        except Exception:  # noqa: BLE001, S112 -- names that only a type checker knows
            continue
    return []


def _is_rows(annotation: Any) -> bool:
    if isinstance(annotation, str):  # of a name that is imported for type checkers
        return annotation.strip("'\"").rpartition(".")[2] == Rows.__name__
    return annotation is Rows


def _refuse_uncallable(
    predictor: Predictor, name: str, arguments: tuple[str, ...]
) -> None:
    """Refuse a method that cannot be called as it will be. Raises: ModelError."""
    method = getattr(predictor, name, None)
    if method is None and name != "predict":
        return
    if why := _why_uncallable(method, arguments):
        spelt = ", ".join(("self", *arguments))
        message = f"Predictor.{name} {why}: write `def {name}({spelt})` in predictor.py"
        raise ModelError(message)


def _why_uncallable(method: Any, arguments: tuple[str, ...]) -> str:
    if not callable(method):
        return "is missing" if method is None else "is no method"
    if iscoroutinefunction(method):
        return "is async, and nobody would await it"
    try:
        signature(method).bind(*arguments)
    except TypeError as exc:
        return f"cannot be called with ({', '.join(arguments)}), {exc}"
    except ValueError:  # one in C, which does not say what it takes
        pass
    return ""


def _outputs(names: Any) -> tuple[str, ...]:
    """Take the owner's `outputs`, names or one name. Raises: ModelError."""
    found = (names,) if isinstance(names, str) else names
    if isinstance(found, list | tuple) and all(isinstance(n, str) for n in found):
        return tuple(found)
    message = (
        f"Predictor has outputs = {names!r}: write the names of outputs of predict, "
        'such as ("predicted_label",)'
    )
    raise ModelError(message)
