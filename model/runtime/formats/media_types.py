"""What the headers of a request say: media types (H-21, H-22), and outputs (H-19)."""

from functools import lru_cache

from runtime.errors import NotAcceptable, UnsupportedType


@lru_cache(maxsize=64)  # clients send few different ones
def choose(header: str, default: str, offered: tuple[str, ...]) -> str:
    """Choose one of the offered media types; of those named alike the default wins.

    So a client that lists CSV and JSON gets JSON: pandas' deserializer would take the
    first line of CSV for a header (F-15). Raises: NotAcceptable.
    """
    wanted = _ranges(header) or [("*/*", 1.0)]
    best = max((default, *offered), key=lambda name: _weight(name, wanted, default))
    if not _weight(best, wanted, default)[0]:
        message = f"cannot write {header!r}: accept {' or '.join(offered)}"
        raise NotAcceptable(message)
    return best


@lru_cache(maxsize=64)
def media_type(header: str) -> str:
    """Give the media type of a header in lower case, without its parameters (H-22)."""
    return header.partition(";")[0].strip().lower()


@lru_cache(maxsize=64)
def refuse_charset(content_type: str) -> None:
    """Refuse text that is declared to be no UTF-8. Raises: UnsupportedType."""
    for parameter in content_type.lower().split(";")[1:]:
        key, _, value = parameter.partition("=")
        charset = value.strip().strip('"')
        if key.strip() == "charset" and charset not in ("utf-8", "utf8", "us-ascii"):
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


def _ranges(header: str) -> list[tuple[str, float]]:
    """Split a header into media ranges and their weights."""
    found = []
    for part in header.split(","):
        if name := media_type(part):
            _, _, q = part.lower().replace(" ", "").partition(";q=")
            name = "*/*" if name == "*" else name
            found.append((name, _number(q.partition(";")[0])))
    return found


def _number(q: str) -> float:
    try:
        return min(max(float(q), 0.0), 1.0)
    except ValueError:
        return 1.0


def _weight(
    name: str, wanted: list[tuple[str, float]], default: str
) -> tuple[float, int, bool, int]:
    """Weigh a type by the most exact range that names it; earlier ones break ties."""
    kind = name.partition("/")[0]
    for vagueness, pattern in enumerate((name, f"{kind}/*", "*/*")):
        for place, (wish, q) in enumerate(wanted):
            if wish == pattern:
                return q, -vagueness, name == default, -place
    return 0.0, 0, False, 0
