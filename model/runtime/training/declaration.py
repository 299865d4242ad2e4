"""What the owner's pydantic model declares, one hyperparameter at a time.

Parsing, tuning ranges and the table all look here. The types are those of JSON Schema:
pydantic has merged Annotated, Optional, Enum, Interval and the like into it.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

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


def hyperparameters(declared: type[BaseModel]) -> list[Hyperparameter]:
    """List what a model declares, in its order."""
    whole = declared.model_json_schema(by_alias=False, schema_generator=_Schema)
    schemas, shared = whole.get("properties", {}), whole.get("$defs", {})
    config = declared.model_config
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    return [
        Hyperparameter(
            _names(name, field, also_by_name=bool(by_name)),
            required=field.is_required(),
            schema=schemas.get(name, {}),
            members=_members(schemas.get(name, {}), shared),
        )
        for name, field in declared.model_fields.items()
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
