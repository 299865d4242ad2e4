"""What a row can be in JSON: a list, an object by name, wrapped, or sparse (F-06)."""

from collections.abc import Iterable, Iterator
from typing import Any

from runtime.errors import BadInput

_SPARSE = ("keys", "shape", "values")


def one_kind(items: Iterable[Any], width: int | None) -> Iterator[Any]:
    """Give the rows of items: all of them lists, dense or sparse, or all objects.

    `width` is that of the model, where it is known. Raises: BadInput for a row of
    another kind than the first one.
    """
    kind: type | None = None
    for number, item in enumerate(items, 1):
        row = unwrapped(item, width, number)
        kind = kind or _kind(row)
        if not isinstance(row, kind):
            refuse_kind(number)
        yield row


def unwrapped(item: Any, width: int | None, number: int) -> Any:
    """Take a row out of `{"data": {"features": {"values": [...]}}}`, at any depth."""
    for key in ("data", "features", "values"):
        if not isinstance(item, dict):
            return item
        if _is_sparse(item):
            return _dense(item, width, number)
        if isinstance(item.get(key), list | dict):
            item = item[key]
    return item


def refuse_kind(number: int) -> None:
    """Refuse a row that is another thing than row 1."""
    message = "is not of the same kind as row 1: send lists, or objects"
    raise BadInput(message, row=number)


def _kind(first: Any) -> type:
    if not first:
        message = "has no values"
        raise BadInput(message, row=1)
    return type(first)


def _is_sparse(item: dict[str, Any]) -> bool:
    """Say whether a record is a sparse row; one of plain cells is no such thing."""
    return all(key in item for key in _SPARSE) and any(
        isinstance(item[key], list) for key in _SPARSE
    )


def _dense(item: dict[str, Any], width: int | None, number: int) -> list[Any]:
    """Make a list of `{"keys": [26, 182], "shape": [2000], "values": [1, 4]}`."""
    if width is None:
        message = "is sparse, but the model's number of columns is unknown: send lists"
        raise BadInput(message, row=number)
    if item["shape"] != [width]:  # before anything is allocated
        message = f'is sparse with a "shape" that is not [{width}], as the model\'s is'
        raise BadInput(message, row=number)
    keys, values = item["keys"], item["values"]
    if not _are_places(keys, width) or _length(values) != len(keys):
        message = (
            f'is sparse: "keys" are to be different integers from 0 to {width - 1}, '
            'and "values" as many'
        )
        raise BadInput(message, row=number)
    row = [0] * width
    for key, value in zip(keys, values, strict=True):
        row[key] = value
    return row


def _are_places(keys: Any, width: int) -> bool:
    if not isinstance(keys, list) or any(type(key) is not int for key in keys):
        return False
    return len(set(keys)) == len(keys) and all(0 <= key < width for key in keys)


def _length(values: Any) -> int:
    return len(values) if isinstance(values, list) else -1
