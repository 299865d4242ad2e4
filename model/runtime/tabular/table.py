"""What lies between a body and a model: rows as they were spelt, answers by column."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from runtime.errors import BadInput, Problem
from runtime.tabular.cells import ABSENT

SLICE_CELLS = 400_000  # a large body is read, predicted and written in slices


@dataclass(frozen=True, slots=True)
class Layout:
    """What a decoder may know of the model.

    `width` is its number of columns; `is_header` says whether the first line of a CSV
    body is a header, and raises BadInput where it is half of one. `names` are those of
    the columns, as a request spells them; there are none where they are unknown.
    """

    width: int | None = None
    is_header: Callable[[list[str]], bool] = lambda _: False
    names: Sequence[str] = ()


@dataclass(slots=True)  # not frozen: that takes a microsecond of each request
class Table:
    """Some rows of a body, each cell as the body spelt it.

    Rows are lists, which may differ in length, or objects by name; all are of one kind.
    Where a body is read by column they are `ByColumn`.
    `names` are those of the columns of lists, None where the body gives none.
    `first` is the number that the first row has in the body; rows count from 1.
    """

    rows: Sequence[Any]
    names: list[str] | None = None
    first: int = 1

    @property
    def records(self) -> bool:
        """Say whether the rows are objects by name."""
        return isinstance(self.rows[0], dict)

    @property
    def given_names(self) -> list[str] | None:
        """The names of the columns, or of the cells of the first record."""
        return [*self.rows[0]] if self.records else self.names

    def columns(self, names: list[str], most: int) -> list[Any]:
        """Give the cells of the columns of these names: `(n_rows,)` lists, or arrays.

        Without names in the body they are those of its columns, in their order. Others
        in the body are left alone. Raises: BadInput where a column is absent, and where
        rows have another width, of which `most` are told.
        """
        if self.records:
            absent = [n for n in names if not any(n in row for row in self.rows)]
            last = self.first + min(most, len(self.rows))
            _refuse_absent(absent, names, range(self.first, last))
            return [[row.get(name, ABSENT) for row in self.rows] for name in names]
        if self.names is None:
            return self._by_place(names, most)
        places = {name: place for place, name in enumerate(self.names)}
        absent = [name for name in names if name not in places]
        _refuse_absent(absent, names, [None])
        columns = self._by_place(self.names, most)
        return [columns[places[name]] for name in names]

    def _by_place(self, names: list[str], most: int) -> list[Any]:
        """Give all columns, of which there have to be as many as names."""
        if type(self.rows) is ByColumn:
            columns = self.rows.columns
            if len(columns) == len(names):
                return columns
        elif set(map(len, self.rows)) == {len(names)}:
            return [list(cells) for cells in zip(*self.rows, strict=True)]
        expected = f"expected {len(names)}: {', '.join(names)}"
        ragged = (
            Problem(f"{len(row)} columns, {expected}", number)
            for number, row in enumerate(self.rows, self.first)
            if len(row) != len(names)
        )
        raise BadInput.of(list(islice(ragged, most)))


def header_names(line: list[str]) -> list[str]:
    """Name the cells of a header line, one without a name as pandas does.

    It stands above an index, and has the same name if the model was trained on it.
    """
    if all(line):
        return line
    return [name or f"Unnamed: {place}" for place, name in enumerate(line)]


class ByColumn(Sequence[list[Any]]):
    """Rows of one length, kept by column: lists, or arrays of numpy's or Arrow's."""

    def __init__(self, columns: list[Any]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.columns[0])

    def __getitem__(self, place: Any) -> Any:
        """Give one row."""
        return next(iter(self.cut(place, place + 1)))

    def __iter__(self) -> Iterator[list[Any]]:
        """Go through the rows."""
        listed = (c if isinstance(c, list) else c.tolist() for c in self.columns)
        return map(list, zip(*listed, strict=True))

    def cut(self, first: int, end: int) -> "ByColumn":
        """Give some of the rows."""
        return ByColumn([column[first:end] for column in self.columns])


def sliced(
    rows: Iterable[Any], names: list[str] | None = None, first: int = 1
) -> Iterator[Table]:
    """Cut rows into tables of at most SLICE_CELLS cells, or of one row.

    `first` is the number of the first row.
    """
    if isinstance(rows, list) and len(widths := set(map(len, rows))) == 1:
        step = rows_a_slice(*widths)
        for at in range(0, len(rows), step):
            yield Table(rows[at : at + step], names, first + at)
        return
    some: list[Any] = []
    room = SLICE_CELLS
    for row in rows:
        size = len(row) or 1
        if some and size > room:
            yield Table(some, names, first)
            first += len(some)
            some, room = [], SLICE_CELLS
        some.append(row)
        room -= size
    if some:
        yield Table(some, names, first)


def rows_a_slice(width: int) -> int:
    """Give the number of rows of a slice, where all are of one width."""
    return max(1, SLICE_CELLS // (width or 1))


def joined(tables: Iterable[Table]) -> Table:
    """Make one table of the slices of a body, of which there is at least one."""
    first, *others = tables
    if not others:
        return first
    rows = list(chain(first.rows, *(table.rows for table in others)))
    return Table(rows, first.names, first.first)


def _refuse_absent(
    absent: list[str], names: list[str], rows: Iterable[int | None]
) -> None:
    """Name the columns that a table lacks, or that each of some rows lacks."""
    if absent:
        message = f"missing: {', '.join(absent)}; expected {', '.join(names)}"
        raise BadInput.of([Problem(message, row, absent[0]) for row in rows])


@dataclass(slots=True)
class Outputs:
    """An answer to some rows, by output: `(n_rows,)` plain values each, or lists.

    `named` is False where the model gave one unnamed output.
    """

    columns: dict[str, list[Any]]
    named: bool


# Writes an answer: begun with `next`, `send` takes the outputs of a slice and gives
# bytes; at last it takes None and gives what is left.
Encoder = Generator[bytes, Outputs | None, None]


def collected(slices: Iterable[Outputs]) -> dict[str, list[Any]]:
    """Give the columns of a whole answer, of which there is at least one slice.

    A lone surrogate, which no bytes can spell, becomes a question mark.
    """
    first, *others = slices
    return {
        _spelt(str(name)): [
            each(value, _spelt)
            for value in chain(values, *(o.columns[name] for o in others))
        ]
        for name, values in first.columns.items()
    }


def each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change a value, or those within it, at any depth."""
    if isinstance(value, dict):
        return {change(key): each(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [each(item, change) for item in value]
    return change(value)


def _spelt(value: Any) -> Any:
    if isinstance(value, str) and not value.isascii():
        return value.encode(errors="replace").decode()
    return value
