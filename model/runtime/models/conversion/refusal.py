"""Why there is no model.onnx: whatever makes or proves it may refuse to go on."""

from typing import Any

# Answers that are less apart are the same: of a probability; of a number, as a share of
# all numbers' range.
TOLERANCE = 1e-5


class Different(Exception):
    """The engine would answer something else, or cannot be made."""


def refuse(is_so: Any, why: str) -> None:
    """Raise Different with a reason, if that is so."""
    if is_so:
        raise Different(why)
