"""SageMaker's strings -> the types that the owner declared (T-13, T-15).

Parsing, tuning ranges and the table all look at what the owner's pydantic model
declares, one hyperparameter at a time. The types are those of JSON Schema: pydantic has
merged Annotated, Optional, Enum, Interval and the like into it.
"""

import json
import re
from ast import literal_eval
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import ErrorDetails

from runtime.errors import ClientError

Declared = TypeVar("Declared", bound=BaseModel)
JSON = dict[str, Any]
TYPES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    tuple: "array",
    dict: "object",
}
_NOT_OURS = ("_", "sagemaker_", "default_user_module_name")
_WORDS = ("True", "False", "None")  # as str() spells them
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


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One field of the owner's model."""

    names: tuple[str, ...]  # as a job may write it; the first is the one to show
    required: bool
    schema: JSON  # with default, description and what json_schema_extra adds
    members: list[JSON]  # what it takes: several in a union

    @property
    def types(self) -> set[str]:
        """What JSON calls the types of its values."""
        return set().union(*map(_types, self.members))

    @property
    def choices(self) -> list[Any]:
        """The values of its Literals and Enums."""
        return [value for member in self.members for value in member.get("enum", [])]

    @property
    def takes_any_text(self) -> bool:
        """Whether it takes text that is no choice."""
        return any("enum" not in m and "string" in _types(m) for m in self.members)


ANYTHING = Hyperparameter((), required=False, schema={}, members=[{}])


class _Schema(GenerateJsonSchema):
    """JSON Schema where a type that JSON does not have is one that takes anything."""

    def handle_invalid_for_json_schema(self, *_: object) -> JSON:
        """Say nothing about it, which JSON Schema reads as anything."""
        return {}

    def emit_warning(self, *_: object) -> None:
        """Leave such a default out, as JSON Schema does, but without a warning."""


def declared_in(model: type[BaseModel]) -> list[Hyperparameter]:
    """List what a model declares, in its order."""
    whole = model.model_json_schema(by_alias=False, schema_generator=_Schema)
    schemas, shared = whole.get("properties", {}), whole.get("$defs", {})
    config = model.model_config
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    return [
        Hyperparameter(
            _names(name, field, also_by_name=bool(by_name)),
            required=field.is_required(),
            schema=schemas.get(name, {}),
            members=_members(schemas.get(name, {}), shared),
        )
        for name, field in model.model_fields.items()
    ]


def _names(name: str, field: FieldInfo, *, also_by_name: bool) -> tuple[str, ...]:
    alias = field.validation_alias
    if alias is None:
        return (name,)
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return (*map(str, choices), *([name] if also_by_name else []))


def _members(schema: JSON, shared: dict[str, JSON]) -> list[JSON]:
    """Take a union apart; a constant is an enumeration of one."""
    if "$ref" in schema:
        return _members(shared[schema["$ref"].rpartition("/")[2]], shared)
    if "const" in schema:
        return [{**schema, "enum": [schema["const"]]}]
    if "anyOf" not in schema:
        return [schema]
    return [member for part in schema["anyOf"] for member in _members(part, shared)]


def _types(member: JSON) -> set[str]:
    if "enum" in member:
        return {TYPES[type(value)] for value in member["enum"]}
    return {member["type"]} if "type" in member else set(TYPES.values())


def parse(raw: dict[str, Any], declared: type[Declared]) -> Declared:
    """Turn strings into declared values; keys of the SDK and the tuner are left out.

    Unknown names are refused unless `extra` in the model's configuration takes them.
    Raises: ClientError, with a line for each name or value that is wrong.
    """
    known = {name: h for h in declared_in(declared) for name in h.names}
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
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    if text in _WORDS or text.startswith(("[", "(", "{")):
        with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return literal_eval(text)
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
