"""JSON, read element by element: one long call would let no other thread run.

`/ping` has to be answered while a body is read (H-13). So the outermost list, and the
lists that are values of the outermost object, are read here; what is in them in C,
some elements at once where they are plain.
"""

import json
import re
from json import JSONDecodeError, JSONDecoder
from typing import Any

_CLOSING = {"[": "]", "{": "}"}
_MANY = 2**15  # characters of elements that one call reads
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
    at = _plain_elements(text, at, values)
    while True:
        value, at = _read(text, at)
        values.append(value)
        at = _skip(text, at)
        if text.startswith("]", at):
            return values, at + 1
        at = _skip(text, _past(text, at, ","))


def _plain_elements(text: str, at: int, values: list[Any]) -> int:
    """Read elements many at once, as far as that goes. Returns: where others begin.

    What is valid up to a bracket that ends an element is no other thing in a longer
    text; what is not valid by itself was cut in a wrong place.
    """
    end_mark = _CLOSING.get(text[at : at + 1], "\0") + ","
    while (end := text.find(end_mark, at + _MANY, at + 2 * _MANY)) > 0:
        try:
            some = json.loads(f"[{text[at : end + 1]}]")
        except (ValueError, RecursionError):
            break
        values += some
        at = _skip(text, end + 2)
    return at


def of_lines(block: bytes) -> list[Any] | None:
    """Read lines of which each is a list, or each an object; None if that is uncertain.

    Each line begins with the one opening bracket that it has, and ends with the one
    that closes it: if there are as many values as lines, a line is a value.
    """
    try:
        text = block.decode().removesuffix("\n")
        opening = text[:1]
        closing = _CLOSING[opening]
        counts = {text.count(mark) for mark in (opening, closing)}
        n_ends = text.count(f"{closing}\n{opening}")
        if {text.count("\n"), n_ends} != {n_ends} or counts != {n_ends + 1}:
            return None
        values: list[Any] = json.loads("[" + text.replace("\n", ",") + "]")
    except (KeyError, ValueError, RecursionError):
        return None
    return values if len(values) == n_ends + 1 else None


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
