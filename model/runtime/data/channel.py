"""The files of a channel -> pieces of their columns, which agree with one another."""

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Semaphore

import pandas as pd

from runtime.data.columns import EMPTY, MIXED, TEXT, Piece, Plan
from runtime.data.readers import COMPRESSED, Task, read_csv
from runtime.data.records import read_jsonl, read_parquet
from runtime.errors import ClientError
from runtime.resources import cpu_count
from runtime.tabular.cells import NA_VALUES

FORMATS: dict[str, Callable[[Path, Plan], Iterator[Task]]] = {
    **dict.fromkeys(("", ".csv", ".txt", ".data"), read_csv),  # part-00000 has none
    **dict.fromkeys((".parquet", ".pq"), read_parquet),
    **dict.fromkeys((".jsonl", ".jsonlines", ".ndjson"), read_jsonl),
}


@dataclass(frozen=True, slots=True)
class File:
    """A file of a channel; its name is the one that the owner knows, channel/path."""

    path: Path
    name: str
    reader: Callable[[Path, Plan], Iterator[Task]]


def files(folder: Path) -> list[File]:
    """List the files of a channel by path. Raises: ClientError."""
    found = [_file(path, folder) for path in sorted(_paths(folder))]
    if not found:
        message = f"channel {folder.name!r} is empty: no file in {folder}"
        raise ClientError(message)
    return found


def default(of: list[File]) -> frozenset[str]:
    """Give what text takes for missing: where all files have types, null does that."""
    return NA_VALUES if any(file.reader is read_csv for file in of) else EMPTY


def pieces(of: list[File], plan: Plan) -> list[tuple[File, Piece]]:
    """Read files in sequence, while other threads parse what was read.

    Raises: ClientError for what cannot be read, and if columns do not agree.
    """
    threads = cpu_count()
    room = Semaphore(2 * threads)  # for what was read and not yet parsed

    def start(task: Task, pool: ThreadPoolExecutor) -> Future[Piece]:
        room.acquire()
        future = pool.submit(task)
        future.add_done_callback(lambda _: room.release())
        return future

    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        warnings.simplefilter("error", pd.errors.ParserWarning)  # cells are lost
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # see `mixed`
        started = [(f, [start(task, pool) for task in _tasks(f, plan)]) for f in of]
    parsed = [(f, p) for f, futures in started for p in _results(f, futures)]
    _compare(parsed)
    return parsed


def mixed(parsed: list[tuple[File, Piece]], plan: Plan) -> frozenset[str]:
    """Name the columns that are text because their cells have not one type.

    Raises: ClientError where they are of a type in a file that has types.
    """
    found = set()
    for name in parsed[0][1]:
        held: dict[tuple[str, bool], str] = {}
        for file, piece in parsed:
            if piece[name].kind:
                held.setdefault(piece[name][1:], file.name)
        kinds = {what for what, _ in held}
        if (len(kinds) > 1 or MIXED in kinds) and plan.dtype(name) is None:
            _refuse_types(name, held)
            found.add(name)
    return frozenset(found)


def _refuse_types(name: str, held: dict[tuple[str, bool], str]) -> None:
    """Refuse that text meets a type, in a file where cells have types."""
    if any(what != TEXT and typed for what, typed in held):
        seen = ", ".join(f"{what} in {file}" for (what, _), file in held.items())
        message = (
            f"column {name!r} holds {seen}: write it alike in all files, or have it "
            f"read as text, dtype={{{name!r}: 'str'}}"
        )
        raise ClientError(message)


def _paths(folder: Path) -> Iterator[Path]:
    """List the files of a channel; names with . or _ in front are not data (F-03)."""

    def refuse(exc: OSError) -> None:
        message = f"cannot read the folder {exc.filename}: {exc.strerror}"
        raise ClientError(message) from exc

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        for name in names:
            if not name.startswith((".", "_")):
                yield Path(place, name)


def _file(path: Path, folder: Path) -> File:
    name = str(path.relative_to(folder.parent))
    suffixes = [s for s in map(str.lower, path.suffixes) if s not in COMPRESSED]
    reader = FORMATS.get((suffixes or [""])[-1])
    if reader is None:
        message = (
            f"{name} is not CSV, Parquet or JSON Lines: give it a name that ends in "
            ".csv, .parquet or .jsonl"
        )
        raise ClientError(message)
    return File(path, name, reader)


def _tasks(file: File, plan: Plan) -> Iterator[Task]:
    """Read on in a file; if that fails, the last task does."""
    try:
        if file.reader is not read_csv:
            _refuse_options(plan)
        yield from file.reader(file.path, plan)
    except Exception as exc:  # noqa: BLE001 -- decompressors have errors of their own
        failure = exc

        def fail() -> Piece:
            raise failure

        yield fail


def _refuse_options(plan: Plan) -> None:
    for option in plan.options.keys() - {"header", "sep"}:
        message = f"the option {option} is for CSV alone"
        raise ValueError(message)


def _results(file: File, futures: list[Future[Piece]]) -> Iterator[Piece]:
    for future in futures:
        try:
            yield future.result()
        except Exception as exc:
            message = f"cannot read {file.name}: {exc}".strip()
            raise ClientError(message) from exc


def _compare(parsed: list[tuple[File, Piece]]) -> None:
    """Refuse files with different columns; the keys of JSON have no order."""
    first, expected = parsed[0][0], list(parsed[0][1])
    for file, piece in parsed:
        names = list(piece)
        alike = file.reader is read_jsonl and set(names) == set(expected)
        if names != expected and not alike:
            message = (
                f"{file.name} has the columns {', '.join(names)}, "
                f"but {first.name} has {', '.join(expected)}"
            )
            raise ClientError(message)
