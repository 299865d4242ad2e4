"""SageMaker's strings -> the types that the owner declared (T-13, T-15)."""

import json
import re
from ast import literal_eval
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runtime.errors import ClientError
from runtime.training.declaration import (
    ANYTHING,
    TYPES,
    Hyperparameter,
    hyperparameters,
)

Declared = TypeVar("Declared", bound=BaseModel)
_NOT_OURS = ("_", "sagemaker_", "default_user_module_name")
_PYTHON = {"True": True, "False": False, "None": None}  # as str() spells them
_SHOWN = 100  # characters of a wrong value
_OPENING = re.compile("^(Input|Value error,|Assertion failed,) (?=.)")  # pydantic's
_LIST = "should be a JSON list, such as [1, 2]"
_OBJECT = 'should be a JSON object, such as {"name": 1}'
_EXPECTED = {  # by the first word of pydantic's code for what is wrong
    "int": "should be an integer",
    "float": "should be a number",
    "bool": "should be true or false",
    "list": _LIST,
    "tuple": _LIST,
    "set": _LIST,
    "dict": _OBJECT,
    "model": _OBJECT,
    "missing": "is required",
    "extra": "is unknown",
}


def read(file: Path) -> dict[str, Any]:
    """Read a file of `input/config`, one JSON object; no file is an empty one (T-13).

    Raises: ClientError.
    """
    try:
        raw = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as exc:
        message = f"cannot read {file.resolve()}: {exc.strerror}"
        raise ClientError(message) from exc
    except (ValueError, RecursionError) as exc:
        message = f'{file.resolve()} should be JSON, such as {{"name": "1"}}: {exc}'
        raise ClientError(message) from exc
    if not isinstance(raw, dict):
        message = f'{file.resolve()} should be one object, such as {{"name": "1"}}'
        raise ClientError(message)
    return raw


def parse(raw: dict[str, Any], declared: type[Declared]) -> Declared:
    """Turn strings into declared values; keys of the SDK and the tuner are left out.

    Unknown names are refused unless `extra` in the model's configuration takes them.
    Raises: ClientError, with a line for each name or value that is wrong.
    """
    known = {name: h for h in hyperparameters(declared) for name in h.names}
    given = {k: v for k, v in raw.items() if k in known or not k.startswith(_NOT_OURS)}
    wrong = []
    if declared.model_config.get("extra", "forbid") == "forbid":
        wrong = [_unknown(name, [*known]) for name in given if name not in known]
        given = {name: value for name, value in given.items() if name in known}
    try:
        parsed = declared.model_validate(
            {k: _decode(v, known.get(k, ANYTHING)) for k, v in given.items()}
        )
    except ValidationError as exc:
        raise ClientError("\n".join(wrong + _wrong(exc, given, known))) from exc
    if wrong:
        raise ClientError("\n".join(wrong))
    return parsed


def _decode(value: Any, declared: Hyperparameter) -> Any:
    """Undo the encodings of the SDK and the tuner (T-15).

    A value is JSON, or Python's spelling of it, where that gives a declared type; else
    it is text. So a text field unwraps a JSON string, and nothing else.
    """
    if not isinstance(value, str) or value in declared.choices:
        return value
    decoded = _read(value)
    text_is_meant = declared.takes_any_text or decoded in declared.choices
    if isinstance(decoded, str) and not text_is_meant:  # a number, sent as text
        value, decoded = decoded, _read(decoded)
    return decoded if _fits(decoded, declared.types) else value


def _read(text: str) -> Any:
    """Read JSON, or Python as `str` writes it; what is neither stays text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if not text.startswith(("[", "(", "{")):
        return _PYTHON.get(text, text)
    try:
        return literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def _fits(value: Any, types: set[str]) -> bool:
    """Say whether a value has one of the types; 10.0 is an integer to the tuner."""
    kind = TYPES.get(type(value), "")
    numbers = {"integer", "number"}
    return kind in types or (kind in numbers and bool(types & numbers))


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    guess = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    return f"unknown hyperparameter {name!r}: {guess}"


def _wrong(
    exc: ValidationError, given: dict[str, Any], known: dict[str, Hyperparameter]
) -> list[str]:
    """Write a line for each value that is wrong, and for a rule that spans several."""
    faults: dict[str, list[ErrorDetails]] = {}
    for fault in exc.errors(include_url=False):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        faults.setdefault(name, []).append(fault)
    return [
        f"{_place(name, given)} {_sentences(found, known.get(name, ANYTHING))}"
        for name, found in faults.items()
    ]


def _place(name: str, given: dict[str, Any]) -> str:
    if not name:
        return "hyperparameters:"
    if name not in given:
        return f"hyperparameter {name}"
    return f"hyperparameter {name}={given[name]!r:.{_SHOWN}}:"


def _sentences(faults: list[ErrorDetails], declared: Hyperparameter) -> str:
    """Join what is wrong with one value; of a union each member has its say."""
    union = sum(member.get("type") != "null" for member in declared.members) > 1
    inside = 2 if union else 1  # where the place inside of the value begins
    said = []
    for fault in faults:
        where = "".join(f"[{part!r}] " for part in fault["loc"][inside:])
        kind = fault["type"].partition("_")[0]
        plain = _OPENING.sub("", fault["msg"]).rstrip(", ")
        said.append(where + _EXPECTED.get(kind, plain))
    return (", or " if union else "; ").join(said)
