"""What botocore's description of a service says of its calls, and does not check.

A call is checked here for what botocore's validator leaves out, and answered in the
shape of the service. Both the Python of the tests and that of an SDK import this.
"""

import re
from collections.abc import Iterator, Sized
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

TEXTS = ("name", "s3://bucket/folder/file", "arn:aws:iam::111122223333:role/name")


class WrongCallError(Exception):
    """A call that AWS would refuse, or that boto3 does not have."""


@cache
def model_of(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def check(parameters: dict[str, Any], shape: Any, operation: str) -> None:
    """Raise WrongCallError, with all that is wrong with the parameters of a call."""
    report = ParamValidator().validate(parameters, shape).generate_report()
    wrong = [report] if report else list(problems(parameters, shape, operation))
    if wrong:
        raise WrongCallError("\n".join(wrong))


def problems(value: Any, shape: Any, where: str) -> Iterator[str]:
    """Say what botocore lets pass: enums, patterns, and what is over a maximum."""
    for part, part_shape, name in parts(value, shape):
        yield from problems(part, part_shape, f"{where}{name}")
    limits = shape.metadata
    if limits.get("enum") and value not in limits["enum"]:
        yield f"{where}: {value!r} is not one of {limits['enum']}"
    if isinstance(value, str) and not fits(value, limits.get("pattern", "")):
        yield f"{where}: {value!r} does not match {limits['pattern']}"
    size = len(value) if isinstance(value, Sized) else value
    if "max" in limits and size > limits["max"]:
        yield f"{where}: {size} is over {limits['max']}"


def parts(value: Any, shape: Any) -> Iterator[tuple[Any, Any, str]]:
    """Take a value apart: each part with its shape and name."""
    if shape.type_name == "structure":
        for name, member in value.items():
            yield member, shape.members[name], f".{name}"
    elif shape.type_name == "list":
        for item in value:
            yield item, shape.member, "[]"
    elif shape.type_name == "map":
        for key, item in value.items():
            yield key, shape.key, f".{key} (key)"
            yield item, shape.value, f".{key}"


def fits(text: str, pattern: str) -> bool:
    """Match a whole text; a pattern that only Java can read is not checked."""
    try:
        return not pattern or re.fullmatch(pattern, text) is not None
    except (re.error, FutureWarning):
        return True


def example(shape: Any, given: dict[str, Any], inside: tuple[str, ...] = ()) -> Any:
    """Make a value of a shape; members that were parameters keep what was given."""
    if shape.name in inside:  # a shape that holds itself
        return {}
    if shape.type_name == "structure":
        known = (*inside, shape.name)
        return {
            name: given[name]
            if isinstance(given.get(name), str)
            else example(member, given, known)
            for name, member in shape.members.items()
        }
    if shape.type_name == "list":
        return [example(shape.member, given, inside)]
    if shape.type_name == "map":
        return {"name": example(shape.value, given, inside)}
    return scalar(shape)


def scalar(shape: Any) -> Any:
    if shape.type_name == "string":
        return text_of(shape)
    return {
        "blob": b"1",
        "boolean": True,
        "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
    }.get(shape.type_name, 1)


def text_of(shape: Any) -> str:
    """Choose a text: an end state, a member of the enum, or what fits the pattern."""
    values = shape.metadata.get("enum", [])
    ends = [value for value in ("Completed", "InService") if value in values]
    if values:
        return str((ends or values)[0])
    pattern = shape.metadata.get("pattern", "")
    return next((text for text in TEXTS if fits(text, pattern)), TEXTS[0])
