"""Where the rows stand in a JSON value: what clients of this field send (F-06).

Clients wrap the same rows differently: SageMaker, pandas, MLflow, and servers of the
Open Inference Protocol. A cell is never a list or an object. So an object with one of
their keys that holds a list is a wrapper, and with plain values it is a record.
"""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

from runtime.errors import BadInput
from runtime.formats.json_rows import one_kind, refuse_kind, unwrapped
from runtime.tabular.table import Layout, Table, sliced

SHAPES = (
    'send {"instances": [[...], ...]}, a list of rows or of records, {"inputs": ...} '
    'with either or with tensors of the Open Inference Protocol, {"dataframe_split": '
    '{...}}, {"dataframe_records": [...]}, {"column": [...], ...} with a list for each '
    "column, or what DataFrame.to_json() writes"
)
_CONTAINERS = {list, dict}  # what no cell is
_TENSOR = {"name", "shape", "datatype"}
_BESIDE = {"id", "parameters", "params"}  # which wrappers may have beside the rows


def tables(value: Any, layout: Layout) -> Iterator[Table]:
    """Find the rows in a JSON value. Raises: BadInput, at once or while they are read.

    A record of the model's columns is one, whatever their names; other objects are
    wrappers, then rows or columns by name, then a record.
    """
    if not isinstance(value, dict):
        return _listed(value, layout)
    if isinstance(value.get("instances"), list):
        return _listed(value["instances"], layout)
    plain = _CONTAINERS.isdisjoint(map(type, value.values()))
    if plain or _is_record(value, layout):
        return _record(value, layout)
    return _wrapped(value, layout)


def _wrapped(value: dict[str, Any], layout: Layout) -> Iterator[Table]:
    if _is_grid(value):
        return _grid(value, layout)
    if _are_columns(value, layout):
        return _columns(value)
    for key, (kind, read) in _WRAPPERS.items():
        if isinstance(value.get(key), kind):
            return read(value[key], layout)
    if {"columns", "data"} <= value.keys():
        return _split(value, layout)
    if _is_described(value):
        return _described(value, layout)
    return _record(value, layout)


def _is_record(value: dict[str, Any], layout: Layout) -> bool:
    """Say whether an object has plain values of columns of the model.

    Those beside a wrapper's rows may have such a name; a whole record has all of them.
    """
    found = {
        name
        for name in layout.names
        if name in value and type(value[name]) not in _CONTAINERS
    }
    return bool(found) and (len(found) == len(layout.names) or not found <= _BESIDE)


def _record(value: dict[str, Any], layout: Layout) -> Iterator[Table]:
    """Read one row, which has a column of the model, or the shapes are told."""
    if layout.names and value.keys().isdisjoint(layout.names):
        row = unwrapped(value, layout.width, 1)
        if isinstance(row, dict) and row.keys().isdisjoint(layout.names):
            message = f"missing: {', '.join(layout.names)}; {SHAPES}"
            raise BadInput(message, row=1, column=layout.names[0])
    for name in layout.names:
        if type(value.get(name)) in _CONTAINERS and name not in _ROW:
            message = f"is no plain value, as cells of a record are; {SHAPES}"
            raise BadInput(message, row=1, column=name)
    return _listed([value], layout)


def _listed(value: Any, layout: Layout) -> Iterator[Table]:
    """Read a list of lists or objects, or of bare values."""
    if not isinstance(value, list) or not value:
        message = f"no rows: {SHAPES}"
        raise BadInput(message)
    if not isinstance(value[0], list | dict):
        return _bare_values(value, layout)
    dense = value[0] and set(map(type, value)) == {list}
    return sliced(value if dense else one_kind(value, layout.width))


def _bare_values(values: list[Any], layout: Layout) -> Iterator[Table]:
    """Read a flat list: one row (F-06); for a model of one column each item is one."""
    for number, value in enumerate(values, 1):
        if isinstance(value, list | dict):
            refuse_kind(number)
    return (
        sliced([value] for value in values) if layout.width == 1 else sliced([values])
    )


# --- DataFrame.to_json(), and to_dict("list") ----------------------------------------


def _are_columns(value: dict[str, Any], layout: Layout) -> bool:
    """Say whether each value is a list of cells, under the name of a column.

    A single list may also be one row, as in `{"features": [...]}`.
    """
    if not all(type(some) is list for some in value.values()):
        return False
    if any(type(some[0]) in _CONTAINERS for some in value.values() if some):
        return False
    found = [name in value for name in layout.names]
    if found and all(found):
        return True
    is_other = not value.keys().isdisjoint(_ROW | _WRAPPERS.keys() | {"columns"})
    return (any(found) or not found) and not is_other


def _columns(value: dict[str, list[Any]]) -> Iterator[Table]:
    """Read a list for each column. Raises: BadInput."""
    lengths = {name: len(cells) for name, cells in value.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        message = f"the columns differ in length: {told}"
        raise BadInput(message)
    if not any(lengths.values()):
        message = f"no rows: {SHAPES}"
        raise BadInput(message)
    return sliced([list(row) for row in zip(*value.values(), strict=True)], list(value))


def _split(value: dict[str, Any], layout: Layout) -> Iterator[Table]:  # noqa: ARG001
    """Read `orient="split"`: names once, then rows of values."""
    names, data = value.get("columns"), value.get("data")
    if not isinstance(names, list) or not isinstance(data, list) or not data:
        message = '"columns" and "data" are to be lists, "data" of at least one row'
        raise BadInput(message)
    if not names or len({str(name) for name in names}) < len(names):
        message = '"columns" are to be names, each of them once'
        raise BadInput(message)
    for number, row in enumerate(data, 1):
        if not isinstance(row, list):
            message = f"is not a list of {len(names)} values, as columns are"
            raise BadInput(message, row=number)
    return sliced(data, [str(name) for name in names])


def _is_described(value: dict[str, Any]) -> bool:
    schema, data = value.get("schema"), value.get("data")
    if not isinstance(schema, dict) or "fields" not in schema:
        return False  # SparkML's container has a schema beside one row
    return isinstance(data, list) and all(isinstance(row, dict) for row in data)


def _described(value: dict[str, Any], layout: Layout) -> Iterator[Table]:
    """Read `orient="table"`: records, in which the index of the frame stands too."""
    keys = value["schema"].get("primaryKey")
    keys = keys if isinstance(keys, list) else [keys]
    # A frame's index without a name is called "index", as a column may be.
    index = [key for key in keys if key == "index" or key not in layout.names]
    rows = [{k: row[k] for k in row if k not in index} for row in value["data"]]
    return _listed(rows, layout)


def _is_grid(value: dict[str, Any]) -> bool:
    """Say whether all values are objects of plain values with the same keys."""
    first = next(iter(value.values()), None)
    if not isinstance(first, dict) or not first:
        return False
    return all(
        isinstance(some, dict)
        and some.keys() == first.keys()
        and _CONTAINERS.isdisjoint(map(type, some.values()))
        for some in value.values()
    )


def _grid(value: dict[str, Any], layout: Layout) -> Iterator[Table]:
    """Read `orient="columns"` or "index", which differ in where the names stand."""
    inner = next(iter(value.values()))
    match _have_names(value, inner, layout):
        case True, True:
            message = (
                "the names of columns are also those of rows: send "
                'DataFrame.to_json(orient="split")'
            )
            raise BadInput(message)
        case True, False:
            rows = [[column[key] for column in value.values()] for key in inner]
            return sliced(rows, list(value))
        case False, True:
            return sliced(list(value.values()))
    return _record(value, layout)


def _have_names(
    outer: dict[str, Any], inner: dict[str, Any], layout: Layout
) -> tuple[bool, bool]:
    """Say which of these keys are names of columns: all of them, or else some.

    Where the model's are unknown, those of rows are numbers, and of columns they are
    not; `{"data": {...}}` is a record then.
    """
    if not layout.names:
        numbers = [all(map(str.isdecimal, keys)) for keys in (outer, inner)]
        by_column = numbers == [False, True] and _ROW.isdisjoint(outer)
        return by_column, numbers == [True, False]
    for enough in (all, any):
        found = [enough(n in keys for n in layout.names) for keys in (outer, inner)]
        if any(found):
            return found[0], found[1]
    return False, False


_ROW = {"data", "features", "values"}  # what `unwrapped` takes a row out of


# --- MLflow and the Open Inference Protocol -----------------------------------------


def _inputs(value: list[Any], layout: Layout) -> Iterator[Table]:
    """Read rows, or tensors: one for each column, or one with all of them."""
    if not all(map(_is_tensor, value)) or not value:
        return _listed(value, layout)
    columns = {tensor["name"]: _items(tensor) for tensor in value}
    if len(value) == 1 and value[0]["name"] not in layout.names:
        items, width = columns.popitem()[1], prod(value[0]["shape"][1:])
        return sliced([items[at : at + width] for at in range(0, len(items), width)])
    if len(columns) < len(value) or len(set(map(len, columns.values()))) > 1:
        message = (
            "the tensors are columns: each is to have a name of its own, and all of "
            "them as many values"
        )
        raise BadInput(message)
    for tensor in value:
        if prod(tensor["shape"][1:]) != 1:
            message = "is to be a tensor of shape [rows] or [rows, 1]"
            raise BadInput(message, column=tensor["name"])
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return sliced(rows, list(columns))


def _is_tensor(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and item.keys() >= _TENSOR
        and isinstance(item["name"], str)
        and isinstance(item["shape"], list)
    )


def _items(tensor: dict[str, Any]) -> list[Any]:
    """Give the values of a tensor, flat or nested, one row after the other."""
    shape, items = tensor["shape"], tensor.get("data")
    if len(shape) not in (1, 2) or not all(type(n) is int and n > 0 for n in shape):
        message = "is a tensor whose shape is not [rows] or [rows, columns]"
        raise BadInput(message, column=tensor["name"])
    if isinstance(items, list) and items and all(type(row) is list for row in items):
        lengths = {len(row) for row in items}
        whole = len(items) == shape[0] and lengths == {prod(shape[1:])}
        items = [cell for row in items for cell in row] if whole else None
    parameters = tensor.get("parameters")
    encoded = isinstance(parameters, dict) and "base64" in parameters.values()
    if encoded or not isinstance(items, list) or len(items) != prod(shape):
        message = 'is to have as many plain values in "data" as its shape says'
        raise BadInput(message, column=tensor["name"])
    return items


# A key of an object, what it holds where the object is a wrapper, and who reads that.
_WRAPPERS: dict[str, tuple[type, Callable[[Any, Layout], Iterator[Table]]]] = {
    "inputs": (list, _inputs),
    "dataframe_split": (dict, _split),
    "dataframe_records": (list, _listed),
}
