"""JSON, read element by element: one long call would let no other thread run.

`/ping` has to be answered while a body is read (H-13). So the outermost list, and the
lists that are values of the outermost object, are read here; what is in them in C.
"""

import re
from json import JSONDecodeError, JSONDecoder
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*").match
_read = JSONDecoder().raw_decode


def loads(text: str) -> Any:
    """Give what `json.loads` gives. Raises: what it raises."""
    start = _skip(text, 0)
    if text.startswith("{", start):
        value, end = _object(text, start + 1)
    else:
        value, end = _value(text, start)
    end = _skip(text, end)
    if end < len(text):
        message = "Extra data"
        raise JSONDecodeError(message, text, end)
    return value


def _value(text: str, start: int) -> tuple[Any, int]:
    """Read a value, and where it is a list each of its elements."""
    if not text.startswith("[", start):
        return _read(text, start)
    values: list[Any] = []
    at = _skip(text, start + 1)
    if text.startswith("]", at):
        return values, at + 1
    while True:
        value, at = _read(text, at)
        values.append(value)
        at = _skip(text, at)
        if text.startswith("]", at):
            return values, at + 1
        at = _skip(text, _past(text, at, ","))


def _object(text: str, start: int) -> tuple[dict[str, Any], int]:
    """Read the pairs of the outermost object, which begins before `start`."""
    found: dict[str, Any] = {}
    at = _skip(text, start)
    if text.startswith("}", at):
        return found, at + 1
    while True:
        if not text.startswith('"', at):
            message = "Expecting property name enclosed in double quotes"
            raise JSONDecodeError(message, text, at)
        key, at = _read(text, at)
        at = _skip(text, _past(text, _skip(text, at), ":"))
        found[key], at = _value(text, at)
        at = _skip(text, at)
        if text.startswith("}", at):
            return found, at + 1
        at = _skip(text, _past(text, at, ","))


def _skip(text: str, at: int) -> int:
    """Give the place behind what JSON takes for space."""
    found = _SPACE(text, at)
    return found.end() if found else at


def _past(text: str, at: int, mark: str) -> int:
    if not text.startswith(mark, at):
        message = f"Expecting {mark!r} delimiter"
        raise JSONDecodeError(message, text, at)
    return at + 1
