"""What a training program takes and prints, for a tuning job and for people.

`train --describe` prints `describe`, `train --describe table` prints `table`.
"""

import json
import re
from collections.abc import Sequence
from math import inf
from typing import Any

from pydantic import BaseModel

from runtime.errors import ClientError
from runtime.training.hyperparameters import JSON, Hyperparameter, declared_in

MOST_RANGES, MOST_VALUES, MOST_METRICS = 30, 30, 40  # of SageMaker (T-52, T-53)
LONGEST_TEXT, LONGEST_REGEX = 256, 500
LONGEST_METRIC = 255  # characters of a name (T-52)
_KINDS = {"integer": "IntegerParameterRanges", "number": "ContinuousParameterRanges"}
_CHOICES = "CategoricalParameterRanges"
_FIXED = 'leave out what is fixed, with json_schema_extra={"tunable": False}'
_LISTED = {"boolean": [True, False], "null": [None]}
_TYPES = {"string": "text", "array": "JSON list", "object": "JSON object"}
_BOUNDS = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
}


def main(
    declared: type[BaseModel], metrics: Sequence[str], arguments: list[str]
) -> str:
    """Answer the arguments of `train`; `metrics` are the names of all that it prints.

    Raises: ClientError, with the usage or with the limit that is exceeded.
    """
    if arguments == ["--describe"]:
        return json.dumps(describe(declared, metrics), indent=2)
    if arguments == ["--describe", "table"]:
        return table(declared)
    message = (
        f"train does not know {' '.join(arguments)!r}; usage: `train` trains,"
        " `train --describe` prints ranges and metrics for a tuning job,"
        " `train --describe table` prints the hyperparameters for people"
    )
    raise ClientError(message)


def describe(declared: type[BaseModel], metrics: Sequence[str]) -> JSON:
    """Give `ParameterRanges` and `MetricDefinitions` of a tuning job (T-53).

    A number has a range if its smallest and its largest value are declared, and both
    are allowed; Literal, Enum and bool have values. `json_schema_extra` may hold
    `tunable`, False for none of this, and `scaling`. Raises: ClientError.
    """
    ranges: dict[str, list[JSON]] = {k: [] for k in (*_KINDS.values(), _CHOICES)}
    for hyperparameter in declared_in(declared):
        if hyperparameter.schema.get("tunable") is not False:
            for kind, found in _ranges(hyperparameter).items():
                _check_texts(hyperparameter.names[0], found.get("Values", []))
                ranges[kind].append({"Name": hyperparameter.names[0], **found})
    number = sum(map(len, ranges.values()))
    _check(number, MOST_RANGES, f"hyperparameters to tune; {_FIXED}")
    regexes = {name: pattern(name) for name in metrics}
    _check(len(regexes), MOST_METRICS, "metrics")
    for name, regex in regexes.items():
        _check(len(regex), LONGEST_REGEX, f"characters in the regex of {name!r:.50}")
    definitions = [{"Name": n, "Regex": regex} for n, regex in regexes.items()]
    return {"ParameterRanges": ranges, "MetricDefinitions": definitions}


def pattern(name: str) -> str:
    """Give the regex for what `Job.metric` prints, and for no other metric (T-52).

    The name stands at the start of a line, or behind a prefix of the log or the quote
    of a JSON log. Raises: ClientError, where that could not tell two names apart.
    """
    if not re.fullmatch(r'[^\s"=;]+', name) or len(name) > LONGEST_METRIC:
        message = (
            f'metric {name!r:.50}: a name is one word without ", = and ;, of at most '
            f"{LONGEST_METRIC} characters"
        )
        raise ClientError(message)
    return rf'(?:^|[\s"]){re.escape(name)}=([0-9.eE+-]+);'


def table(declared: type[BaseModel]) -> str:
    """Give the hyperparameters as a table in Markdown."""
    rows = [
        ("hyperparameter", "takes", "default", ""),
        ("---", "---", "---", "---"),
        *map(_row, declared_in(declared)),
    ]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _ranges(hyperparameter: Hyperparameter) -> dict[str, JSON]:
    """Give the range of a hyperparameter under its kind; nothing where it has none."""
    values = _values(hyperparameter)
    if len(values) > 1:
        return {_CHOICES: {"Values": values}}
    numbers = [m for m in hyperparameter.members if m.get("type") != "null"]
    bounds = _bounds(numbers[0]) if len(numbers) == 1 else None
    if bounds is None:
        return {}
    scaling = _scaling(hyperparameter, *bounds)
    low, high = map(str, bounds)
    found = {"MinValue": low, "MaxValue": high, "ScalingType": scaling}
    return {_KINDS[numbers[0]["type"]]: found}


def _values(hyperparameter: Hyperparameter) -> list[str]:
    """List all values, as a job may write them; nothing where they have no list."""
    values: list[Any] = []
    for member in hyperparameter.members:
        listed = member.get("enum", _LISTED.get(member.get("type", "")))
        if listed is None or any(isinstance(v, list | dict) for v in listed):
            return []
        values += listed
    return list(dict.fromkeys(map(_spelt, values)))


def _bounds(member: JSON) -> tuple[float, float] | None:
    """Give the smallest and the largest value of a number; None where one is open."""
    kind = member.get("type")
    is_open = {"exclusiveMinimum", "exclusiveMaximum"} & member.keys()
    if kind not in _KINDS or "multipleOf" in member or (kind == "number" and is_open):
        return None
    low = max(member.get("minimum", -inf), member.get("exclusiveMinimum", -inf) + 1)
    high = min(member.get("maximum", inf), member.get("exclusiveMaximum", inf) - 1)
    if not -inf < low < high < inf:
        return None
    return (int(low), int(high)) if kind == "integer" else (low, high)


def _scaling(hyperparameter: Hyperparameter, low: float, high: float) -> str:
    """Give the declared scaling. Raises: ClientError, where SageMaker refuses it."""
    scaling = hyperparameter.schema.get("scaling", "Auto")
    possible = {
        "Auto": True,
        "Linear": True,
        "Logarithmic": low > 0,
        "ReverseLogarithmic": low >= 0 and high < 1,
    }
    if not possible.get(scaling):
        names = ", ".join(name for name, fits in possible.items() if fits)
        message = (
            f"hyperparameter {hyperparameter.names[0]}: scaling {scaling!r} is not for"
            f" a range from {low} to {high}; it can be {names}"
        )
        raise ClientError(message)
    return str(scaling)


def _check_texts(name: str, values: list[str]) -> None:
    _check(len(values), MOST_VALUES, f"values of hyperparameter {name}; {_FIXED}")
    longest = max(map(len, (name, *values)))
    _check(longest, LONGEST_TEXT, f"characters in hyperparameter {name:.50}; {_FIXED}")


def _check(number: int, most: int, what: str) -> None:
    """Hold a number against a limit of SageMaker. Raises: ClientError."""
    if number > most:
        message = f"SageMaker takes {most}, not {number}, {what}"
        raise ClientError(message)


def _row(hyperparameter: Hyperparameter) -> tuple[str, ...]:
    default = ""  # of a default_factory
    if hyperparameter.required:
        default = "required"
    elif "default" in hyperparameter.schema:
        default = _code(hyperparameter.schema["default"])
    takes = [word for member in hyperparameter.members for word in _words(member)]
    listed = [", ".join(takes[:-1]), takes[-1]] if len(takes) > 1 else takes
    description = hyperparameter.schema.get("description", "")
    return f"`{hyperparameter.names[0]}`", " or ".join(listed), default, description


def _words(member: JSON) -> list[str]:
    """Say what a member of a union takes."""
    kind = member.get("type", "")
    listed = member.get("enum", _LISTED.get(kind))
    if listed is not None:
        return [_code(value) for value in listed]
    bounds = [f"{word} {member[key]}" for key, word in _BOUNDS.items() if key in member]
    return [" ".join([_TYPES.get(kind, kind or "anything"), *bounds])]


def _code(value: Any) -> str:
    return f"`{_spelt(value) or json.dumps(value)}`"


def _spelt(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    """Keep a text inside of its cell."""
    return re.sub(r"(?<!\\)\|", r"\|", " ".join(text.split()))
