"""SageMaker's strings -> the types that the owner declared (T-13, T-15)."""

import json
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from runtime.errors import ClientError

Declared = TypeVar("Declared", bound=BaseModel)
_NOT_OURS = ("_", "sagemaker_", "default_user_module_name")


def read(file: Path) -> dict[str, Any]:
    """Read one object of a JSON file; no file means nothing in it (T-13).

    Raises: ClientError.
    """
    try:
        raw = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as exc:
        message = f"cannot read {file.resolve()}: {exc}"
        raise ClientError(message) from exc
    if not isinstance(raw, dict):
        message = f"{file} is to be one JSON object, name by name"
        raise ClientError(message)
    return raw


def parse(raw: dict[str, Any], declared: type[Declared]) -> Declared:
    """Turn strings into declared values; keys of the SDK and the tuner are left out.

    Raises: ClientError, with a line for each value that is wrong.
    """
    ours = {k: v for k, v in raw.items() if not k.startswith(_NOT_OURS)}
    for name in ours:
        if name not in declared.model_fields:
            raise ClientError(_unknown(name, declared))
    values = {
        k: _decode(v, declared.model_fields[k].annotation) for k, v in ours.items()
    }
    try:
        return declared.model_validate(values)
    except ValidationError as exc:
        lines = [
            f"hyperparameter {'.'.join(map(str, e['loc']))}"
            f"={ours.get(str(e['loc'][0]) if e['loc'] else '')!r}: {e['msg']}"
            for e in exc.errors(include_url=False)
        ]
        raise ClientError("\n".join(lines)) from exc


def _decode(value: Any, annotation: Any) -> Any:
    """Undo the SDK's encodings: a text field unwraps a JSON string and nothing else."""
    if not isinstance(value, str):
        return value
    kinds = _members(annotation)
    if value in ("None", "null") and type(None) in kinds:
        return None
    try:
        decoded = json.loads({"True": "true", "False": "false"}.get(value, value))
    except (ValueError, RecursionError):
        return value
    only_text = kinds <= {str, type(None)}
    not_a_switch = isinstance(decoded, bool) and not kinds & {bool, Any}
    if not isinstance(decoded, str) and (only_text or not_a_switch):
        return value
    return decoded


def _members(annotation: Any) -> set[Any]:
    """List the types that a field takes; a Literal counts as its values' types."""
    if get_origin(annotation) is Literal:
        return {type(value) for value in get_args(annotation)}
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(_members, get_args(annotation)))
    return {get_origin(annotation) or annotation}


def _unknown(name: str, declared: type[BaseModel]) -> str:
    near = get_close_matches(name, declared.model_fields, n=1)
    known = ", ".join(declared.model_fields)
    guess = f"did you mean {near[0]!r}?" if near else f"known: {known}"
    return f"unknown hyperparameter {name!r}: {guess}"
