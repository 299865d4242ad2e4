"""What can go wrong, and whose turn it is to act.

Error: its text is a sentence for people
├── ClientError            training: the data or the hyperparameters are wrong
├── HostLost               training: of several hosts another is gone, or has failed
├── ModelError             the model folder cannot be served: the process ends
├── ThreadsLeft            loading left threads behind: it must not precede a fork
├── SettingsError          an environment variable is wrong: the process ends
└── RequestError           serving: one request fails, with a status (H-24, H-25)
    ├── BadInput           400  the rows
    ├── UnusableModel      400  the folder of a model that was to be loaded
    ├── ModelNotFound      404  no model of this name
    ├── NotAcceptable      406  the Accept header
    ├── BodyTimeout        408  the body did not arrive in time
    ├── ModelExists        409  a model of this name
    ├── PayloadTooLarge    413  the size of the body
    ├── UnsupportedType    415  the Content-Type header
    ├── PredictionFailed   500  ours: the text stays in the log
    ├── Overloaded         503  too many requests wait: try again
    ├── DeadlineExceeded   504  the time
    └── OutOfMemory        507  a model for which there is no room
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

MAX_PROBLEMS = 10  # reported in one answer


class Error(Exception):
    """Any error whose text is a sentence for people."""


class ClientError(Error):
    """The owner of the training job can repair this: data or hyperparameters."""


class HostLost(Error):
    """Another host of the job is gone or has failed; the text is a whole reason."""


class ModelError(Error):
    """The files in the model folder cannot be served as they are."""


class ThreadsLeft(Error):
    """Loading the model left threads behind; a forked worker lacks them (X-09)."""


class SettingsError(Error):
    """One or more environment variables have values that cannot be used."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a body. Rows count from 1."""

    message: str
    row: int | None = None
    column: str | int | None = None

    def __str__(self) -> str:
        """Say where, then what."""
        where = [] if self.row is None else [f"row {self.row}"]
        if self.column is not None:
            where.append(f"column {self.column!r}")
        return f"{', '.join(where)}: {self.message}" if where else self.message


class RequestError(Error):
    """One request cannot be answered. `code` never changes, the sentence may."""

    status = 500
    code = "internal_error"
    ours = False  # its cause belongs into the log

    def body(self) -> dict[str, object]:
        """Give the fields of the JSON object that the caller sees."""
        return {"code": self.code, "message": str(self)}


class BadInput(RequestError):
    """The rows are wrong: raise it in `predict`, and its text reaches the caller."""

    status = 400
    code = "bad_input"

    def __init__(
        self,
        message: str,
        row: int | None = None,
        column: str | int | None = None,
        more: tuple[Problem, ...] = (),
    ) -> None:
        row = None if row is None else int(row)  # numpy's numbers are no JSON
        column = column if column is None or isinstance(column, str) else int(column)
        self.problems = (Problem(message, row, column), *more)
        super().__init__(str(self.problems[0]))

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> "BadInput":
        """Tell of several problems, at least one: the first makes the sentence."""
        first, *more = problems
        return cls(first.message, first.row, first.column, tuple(more))

    def body(self) -> dict[str, object]:
        """Add the first problems with their rows and columns."""
        return {
            **super().body(),
            "problems": [asdict(p) for p in self.problems[:MAX_PROBLEMS]],
        }

    def moved(self, numbers: Sequence[int]) -> "BadInput":
        """Tell the same of other rows: problem n becomes one of row `numbers[n - 1]`.

        A row that is not among them is left out of the sentence.
        """
        moved = [
            replace(p, row=numbers[p.row - 1])
            if p.row and p.row <= len(numbers)
            else replace(p, row=None)
            for p in self.problems
        ]
        return BadInput.of(moved)


class NotAcceptable(RequestError):
    """No media type of the Accept header can be written."""

    status = 406
    code = "not_acceptable"


class BodyTimeout(RequestError):
    """The caller was too slow."""

    status = 408
    code = "body_timeout"


class PayloadTooLarge(RequestError):
    """The body is larger than this server takes."""

    status = 413
    code = "payload_too_large"


class UnsupportedType(RequestError):
    """The Content-Type header names a type that cannot be read."""

    status = 415
    code = "unsupported_type"


class CallerLeft(RequestError):
    """Nobody reads the answer: this status stands in the log alone."""

    status = 499
    code = "caller_left"


class PredictionFailed(RequestError):
    """`predict` raised, or its answer does not fit the rows. The cause is logged."""

    code = "prediction_failed"
    ours = True


class Overloaded(RequestError):
    """The worker has no room for the request now, and soon has (X-19)."""

    status = 503
    code = "overloaded"


class DeadlineExceeded(RequestError):
    """The answer was not ready in time."""

    status = 504
    code = "deadline_exceeded"


class UnusableModel(RequestError):
    """A model cannot be loaded from the folder that is named."""

    status = 400
    code = "unusable_model"


class ModelNotFound(RequestError):
    """No model of this name is loaded, or there is no such folder to load (H-60)."""

    status = 404
    code = "model_not_found"


class ModelExists(RequestError):
    """A model of this name is loaded already (H-60)."""

    status = 409
    code = "model_exists"


class OutOfMemory(RequestError):
    """A model needs more memory than is left: others have to be unloaded (H-60)."""

    status = 507
    code = "out_of_memory"
