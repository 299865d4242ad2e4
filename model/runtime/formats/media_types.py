"""What the headers of a request say: media types (H-21, H-22), and outputs (H-19)."""

from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from runtime.errors import NotAcceptable, UnsupportedType

_UTF_8 = ("utf-8", "utf8")


class _Range(NamedTuple):
    """A part of an Accept header; the charset is None where it has none."""

    name: str
    q: float
    charset: str | None


@lru_cache(maxsize=64)  # clients send few different ones
def choose(header: str, default: str, offered: tuple[str, ...]) -> str:
    """Choose one of the offered media types; of those named alike the default wins.

    So a client that lists CSV and JSON gets JSON: pandas' deserializer would take the
    first line of CSV for a header (F-15). Text is UTF-8: a client that asks for it by
    `text/csv; charset=utf-8` is told so, others get the bare type (F-16); a text in
    another charset is none that we have (RFC 9110, 12.5.1). Raises: NotAcceptable.
    """
    wanted = _ranges(header) or [_Range("*/*", 1.0, None)]
    best = max((default, *offered), key=lambda name: _weight(name, wanted, default))
    q, *_, place = _weight(best, wanted, default)
    if not q:
        message = f"cannot write {header!r}: accept {' or '.join(offered)}, in UTF-8"
        raise NotAcceptable(message)
    is_told = _is_text(best) and wanted[-place].charset
    return f"{best}; charset=utf-8" if is_told else best


def choose_any(header: str, default: str, offered: tuple[str, ...]) -> str:
    """Choose as `choose` does, also among types that the header alone names.

    So it is for an owner's `encode`, which may write any type: it never has to read a
    header. What we could not choose is the default, and for the owner to refuse.
    """
    named = (wish.name for wish in _ranges(header) if "*" not in wish.name)
    with suppress(NotAcceptable):
        return choose(header, default, (*named, *offered))
    return default


@lru_cache(maxsize=64)
def media_type(header: str) -> str:
    """Give the media type of a header in lower case, without its parameters (H-22)."""
    return header.partition(";")[0].strip().lower()


@lru_cache(maxsize=64)
def refuse_charset(content_type: str) -> None:
    """Refuse text that is declared to be no UTF-8. Raises: UnsupportedType."""
    charset = _charset(content_type)
    if charset is not None and charset not in (*_UTF_8, "us-ascii"):
        message = f"cannot read the charset {charset!r}: send UTF-8"
        raise UnsupportedType(message)


def names(text: str) -> tuple[str, ...]:
    """Split a list at its commas."""
    return tuple(filter(None, map(str.strip, text.split(","))))


@lru_cache(maxsize=64)
def outputs(attributes: str) -> tuple[str, ...]:
    """Give the outputs that X-Amzn-SageMaker-Custom-Attributes ask for.

    That header is the client's own (H-19): of `a=1;outputs=label,score` the second part
    is for us.
    """
    for part in attributes.split(";"):
        key, _, value = part.partition("=")
        if key.strip() == "outputs":
            return names(value)
    return ()


def _charset(header: str) -> str | None:
    """Give the charset that a media type declares, in lower case."""
    for parameter in header.lower().split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip() == "charset":
            return value.strip().strip('"')
    return None


def _is_text(name: str) -> bool:
    """Say whether a type has a charset at all: JSON has none (RFC 8259)."""
    return name.startswith("text/")


def _ranges(header: str) -> list[_Range]:
    """Split a header into media ranges and their weights."""
    found = []
    for part in header.split(","):
        if name := media_type(part):
            _, _, q = part.lower().replace(" ", "").partition(";q=")
            name = "*/*" if name == "*" else name
            found.append(_Range(name, _number(q.partition(";")[0]), _charset(part)))
    return found


def _number(q: str) -> float:
    try:
        return min(max(float(q), 0.0), 1.0)
    except ValueError:
        return 1.0


def _weight(
    name: str, wanted: list[_Range], default: str
) -> tuple[float, int, bool, int]:
    """Weigh a type by the most exact range that names it; earlier ones break ties."""
    kind = name.partition("/")[0]
    for vagueness, pattern in enumerate((name, f"{kind}/*", "*/*")):
        for place, (wish, q, charset) in enumerate(wanted):
            readable = charset in (None, *_UTF_8) or not _is_text(name)
            if wish == pattern and readable:
                return q, -vagueness, name == default, -place
    return 0.0, 0, False, 0
