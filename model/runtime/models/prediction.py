"""What `predict` gave, as named outputs of Python's own values, for each request."""

from types import NoneType
from typing import Any

from runtime.errors import BadInput, ModelError, PredictionFailed, RequestError
from runtime.tabular.rows import Rows
from runtime.tabular.table import Outputs

EVERY = ("*",)  # `outputs=*`: all that there are
ALL = slice(None)  # rows
_MISSING = ("NAType", "NaTType")  # pandas', which may not be imported
_PLAIN = {str, int, float, bool, NoneType}


class OwnersCode:
    """Keep what the owner's code raises out of the answer, but for a RequestError."""

    def __enter__(self) -> None:
        """Begin to run the owner's code."""

    def __exit__(self, _: object, exc: BaseException | None, trace: object) -> None:
        """Raise PredictionFailed, with what happened as its cause."""
        # Also what is no Exception: SystemExit, or a panic of a library in Rust.
        if exc is not None and not isinstance(exc, RequestError):
            message = "the model failed on these rows; the log has the reason"
            raise PredictionFailed(message) from exc


owners_code = OwnersCode()


class Prediction:
    """What `predict` gave to some rows: `(n_rows,)` or `(n_rows, k)` by output.

    An output that is a function of rows is computed where somebody asks for it.
    """

    def __init__(
        self,
        answer: dict[str, Any],
        named: bool,  # noqa: FBT001 -- as `Outputs` has it
        default: tuple[str, ...] = (),
        chosen: tuple[str, ...] = (),
    ) -> None:
        """Take the outputs: `default`, else the owner's choice, else all are given."""
        self._answer, self._named, self._chosen = answer, named, chosen
        self._default = default or chosen or EVERY
        self._plain: dict[str, list[Any]] = {}

    def outputs(self, wanted: tuple[str, ...] = (), rows: slice = ALL) -> Outputs:
        """Give the outputs that are wanted, `*` for all.

        Raises: BadInput for an output that there is not, ModelError where the owner has
        chosen it; PredictionFailed.
        """
        wanted = wanted or self._default
        wanted = tuple(self._answer) if wanted == EVERY else wanted
        if absent := [name for name in wanted if name not in self._answer]:
            message = f"no output {absent[0]!r}: there are {', '.join(self._answer)}"
            if wanted is self._chosen:
                message = (
                    f"Predictor has outputs = {wanted}, and predict gives {message}"
                )
                raise ModelError(message)
            raise BadInput(message)
        with owners_code:  # the values are the owner's
            return Outputs({n: self._column(n, rows) for n in wanted}, self._named)

    def _column(self, name: str, rows: slice) -> list[Any]:
        values = self._answer[name]
        if callable(values):
            found: list[Any] = values(rows)
            return found
        if name not in self._plain:
            self._plain[name] = plain(values)
        return self._plain[name][rows]


def count(rows: Any) -> int:
    """Count rows; those of an owner's `decode` may be a sparse matrix."""
    if isinstance(rows, Rows):
        return rows.n_rows
    return int(rows.shape[0] if hasattr(rows, "shape") else len(rows))


def by_output(answer: Any) -> tuple[dict[str, Any], bool]:
    """Give the outputs of `predict` by name, and whether it named them."""
    if isinstance(answer, dict) or hasattr(answer, "columns"):  # a DataFrame
        if not len(answer.keys()):
            message = "predict gave no output"
            raise ValueError(message)
        return {str(name): answer[name] for name in answer}, True
    return {"prediction": answer}, False


def other_length(name: str, values: Any, n_rows: int) -> ValueError:
    """Say that an output has more answers, or fewer, than there are rows."""
    return ValueError(f"{len(values)} answers to {n_rows} rows, in {name!r}")


def plain(values: Any) -> list[Any]:
    """Make a list of Python's own values of an array, a Series or a list."""
    found = values if isinstance(values, list) else values.tolist()
    if set(map(type, found)) <= _PLAIN:
        return found
    return [cell(value) for value in found]


def cell(value: Any) -> Any:
    """Undo numpy and pandas, at any depth."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [cell(item) for item in value]
    if isinstance(value, dict):
        return {key: cell(item) for key, item in value.items()}
    return None if type(value).__name__ in _MISSING else value
