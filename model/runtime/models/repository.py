"""Models in memory by name, as a multi-model endpoint has them (H-60).

A single model is a repository of one. A name is a key and says nothing of a file
(H-61): where the files lie is another field, which is checked before anything is read.
"""

import asyncio
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Generic, TypeVar

from runtime.errors import BadInput, ModelExists, ModelNotFound, UnusableModel

T = TypeVar("T")


class State(Enum):
    """Of a name: only what is ready is shown and can be used."""

    LOADING = auto()
    READY = auto()
    UNLOADING = auto()


class Entry(Generic[T]):
    """A name with its model. Who uses it does so in a `with`, and unloading waits."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self.url, self.state = name, url, State.LOADING
        self.model: T | None = None  # while it is loading, or has been unloaded
        self.gone = asyncio.Event()
        self.users = 0  # requests
        self._unused = asyncio.Event()

    def __enter__(self) -> T:
        """Use the model, which has to be ready."""
        assert self.model is not None  # noqa: S101 -- as the caller knows
        self.users += 1
        return self.model

    def __exit__(self, *_: object) -> None:
        """Use it no more."""
        self.users -= 1
        if not self.users:
            self._unused.set()

    async def unused(self) -> None:
        """Wait until nobody uses the model."""
        while self.users:
            self._unused.clear()
            await self._unused.wait()


class Repository(Generic[T]):
    """The models of one process, used from its event loop only."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry[T]] = {}

    def get(self, name: str) -> Entry[T]:
        """Find a model that is ready. Raises: ModelNotFound (R-09)."""
        entry = self._entries.get(name)
        if entry is None or entry.state is not State.READY:
            message = f"Model not found: {name}"
            raise ModelNotFound(message)
        return entry

    def models(self) -> list[T]:
        """Give all models that are ready or in use."""
        return [e.model for e in self._entries.values() if e.model is not None]

    async def begin(self, name: str, url: str) -> Entry[T]:
        """Take a name, once a model that is unloading is gone.

        Raises: ModelExists (R-09).
        """
        while (entry := self._entries.get(name)) is not None:
            if entry.state is not State.UNLOADING:
                message = f"Model {name} is already registered."
                raise ModelExists(message)
            await entry.gone.wait()
        return self._entries.setdefault(name, Entry(name, url))

    def add(self, name: str, model: T, url: str = "") -> None:
        """Have a model that is ready."""
        entry = self._entries.setdefault(name, Entry(name, url))
        entry.model, entry.state = model, State.READY

    def retire(self, name: str) -> Entry[T]:
        """Let nobody begin to use a model any more. Raises: ModelNotFound."""
        entry = self.get(name)
        entry.state = State.UNLOADING
        return entry

    def forget(self, entry: Entry[T]) -> None:
        """Give a name back: its model is gone, or was never loaded."""
        del self._entries[entry.name]
        entry.model = None
        entry.gone.set()

    def page(self, limit: int, token: str = "") -> tuple[list[Entry[T]], str]:
        """List the models after a token, by name.

        Returns: at most `limit` models, and the next page's token if there is one.
        Raises: BadInput for a token that is none.
        """
        ready = {n: e for n, e in self._entries.items() if e.state is State.READY}
        names = sorted(ready)
        try:
            first = bisect_right(names, bytes.fromhex(token).decode()) if token else 0
        except ValueError as exc:
            message = f"next_page_token: no list has given {token!r}"
            raise BadInput(message) from exc
        page = names[first : first + limit]
        has_more = first + limit < len(names)
        next_token = page[-1].encode().hex() if has_more else ""
        return [ready[name] for name in page], next_token


def folder_of(url: str, roots: Sequence[Path]) -> Path:
    """Find the folder of a model's files, below one of the roots (H-60, H-61).

    Nothing in it is read. Raises: ModelNotFound where there is none; UnusableModel
    where it, or a link in it, leads out of the roots, or it holds more than files.
    """
    places = [root.resolve() for root in roots]
    names = " or ".join(map(str, roots))
    try:
        folder = Path(url).resolve()
        if not Path(url).is_absolute() or not _is_below(folder, places):
            message = f"url: {url!r} is not below {names}"
            raise UnusableModel(message)
        if not folder.is_dir():
            message = f"url: there is no folder {url}"
            raise ModelNotFound(message)
        for file in _files(folder):
            if not _is_below(file.resolve(), places):
                message = f"{file} is a link that leads out of {names}"
                raise UnusableModel(message)
            if not file.is_file():
                message = f"{file} is no file that can be read"
                raise UnusableModel(message)
    except (OSError, RuntimeError, ValueError) as exc:  # too long; a loop; a zero byte
        message = f"url: {url!r} cannot be read: {exc}"
        raise UnusableModel(message) from exc
    return folder


def size_of(folder: Path) -> int:
    """Sum up the bytes of a model's files."""
    return sum(file.stat().st_size for file in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    """Give all files, and the links, which may also lead to folders."""
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        yield from (Path(place, name) for name in [*links, *files])


def _is_below(file: Path, places: list[Path]) -> bool:
    return any(place in file.parents for place in places)
