"""Loads and unloads models by name, beside the requests of the others (H-60, H-62).

Loads have a thread of their own and come one after another, so that the memory that is
measured before and after each is its own (H-64).
"""

import asyncio
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from runtime.errors import ModelError, OutOfMemory, RequestError, UnusableModel
from runtime.models.repository import Entry, Repository, folder_of, size_of
from runtime.models.served import ServedModel
from runtime.observability.logs import model_name
from runtime.resources import memory_guard, memory_left, release_memory, trim_memory
from runtime.serving.executor import Executor
from runtime.serving.invocation import Invocations

log = logging.getLogger("serve")
FACTOR = 2  # bytes that loading takes for one of a model's files, where not packed
LONGEST = 360  # seconds of a load, as SageMaker waits (H-62)
MB = 2**20
Load = Callable[[Path], ServedModel]


class ModelLoader:
    """What changes the models of a multi-model endpoint."""

    def __init__(
        self,
        models: Repository[Invocations],
        load: Load,
        serve: Callable[[ServedModel], Invocations],
        roots: tuple[Path, ...],
        reserve: int,
    ) -> None:
        """Start the thread that loads.

        `serve` makes of a model what answers its requests. `roots` are the folders of
        models; `reserve` are bytes of memory that no model may fill.
        """
        self.executor = Executor(1, LONGEST)
        self._models, self._load, self._serve = models, load, serve
        self._roots, self._reserve = roots, reserve

    async def load(self, name: str, url: str) -> None:
        """Load a model, whatever others do meanwhile.

        Raises: ModelExists, ModelNotFound, UnusableModel, OutOfMemory.
        """
        entry = await self._models.begin(name, url)
        model_name.set(name)  # of this task, and of the thread on its behalf
        try:
            model = await self.executor.run(partial(self._loaded, url))
            self._models.add(name, self._serve(model), url)
        except BaseException:
            self._models.forget(entry)
            raise

    async def unload(self, name: str) -> None:
        """Unload a model; its memory is free at the end. Raises: ModelNotFound."""
        entry = self._models.retire(name)
        model_name.set(name)
        try:
            await _ended(entry)
            entry.model = None
            await asyncio.to_thread(release_memory)
        finally:
            self._models.forget(entry)
        log.info("unloaded")

    def _loaded(self, url: str) -> ServedModel:
        """Load a folder, and let the model answer its warm-up row (H-15)."""
        folder = folder_of(url, self._roots)
        self._require(size_of(folder) * FACTOR)
        refusal: RequestError
        n_modules = len(sys.modules)
        try:
            with memory_guard(self._reserve // 2):
                model = self._load(folder)
                model.start()
                model.warm_up()
            trim_memory()
            self._require(0)
        except BaseException as exc:  # noqa: BLE001 -- the owner's code
            refusal = _refusal(exc)
        else:
            if len(sys.modules) > n_modules:
                # Modules are most of what an unloading would look through for cycles.
                gc.freeze()
            return model
        model = None  # type: ignore[assignment]
        release_memory()  # outside of `except`, where a traceback holds what was loaded
        log.warning("not loaded: %s", refusal)
        raise refusal

    def _require(self, size: float) -> None:
        """Compare what a model needs with what is left. Raises: OutOfMemory."""
        left = memory_left() - self._reserve
        if size > left:
            release_memory(frozen=True)
            left = memory_left() - self._reserve
        if size > left:
            message = (
                f"loading takes about {size / MB:.0f} MB"
                if size
                else "the model takes more memory than its files say"
            )
            message += (
                f", and of the {memory_left() / MB:.0f} MB that are left "
                f"{self._reserve / MB:.0f} MB are for requests: unload other models"
            )
            raise OutOfMemory(message)


async def _ended(entry: Entry[Invocations]) -> None:
    """Wait for all calls of a model, also those that nobody waits for any more."""
    await entry.unused()
    while entry.model is not None and entry.model.executor.calls:
        await entry.model.executor.run(lambda: None)  # which comes after them


def _refusal(exc: BaseException) -> RequestError:
    """Say what is wrong with a model that cannot be loaded."""
    if isinstance(exc, OutOfMemory):
        return OutOfMemory(str(exc))  # without its traceback
    if any(isinstance(cause, MemoryError) for cause in _causes(exc)):
        message = "memory ran out while the model was loaded: unload other models"
        return OutOfMemory(message)
    if isinstance(exc, ModelError):
        return UnusableModel(str(exc))
    log.warning("the model fails as it starts", exc_info=exc)
    cause = exc.__cause__ or exc
    return UnusableModel(
        f"the model fails as it starts: {type(cause).__name__}: {cause}"
    )


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__
