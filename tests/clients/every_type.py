"""A hyperparameter of every type, for each SDK to send and for the job to receive."""

from typing import Any

EVERY_TYPE: dict[str, Any] = {
    "flag": True,
    "nothing": None,
    "count": 3,
    "share": 0.5,
    "items": [1, 2],
    "table": {"a": 1},
    "text": "some words",
}
