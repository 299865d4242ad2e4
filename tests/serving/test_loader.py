"""What loads and unloads models, without a server around it."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import ModelError, OutOfMemory, UnusableModel
from runtime.models.repository import Repository
from runtime.models.served import ServedModel
from runtime.observability.logs import RequestRecord
from runtime.serving.executor import Executor, Threads
from runtime.serving.invocation import Invocations, RequestHeaders
from runtime.serving.loader import ModelLoader


class Gated:
    """Answers once the gate is open."""

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir
        self.gate, self.predicting = threading.Event(), threading.Event()

    def predict(self, rows: Any) -> Any:
        """Give the first column."""
        self.predicting.set()
        self.gate.wait()
        return rows.iloc[:, 0]


Test = Callable[[ModelLoader, Repository[Invocations]], Coroutine[Any, Any, None]]


def run(
    test: Test, root: Path, load: Callable[[Path], ServedModel], reserve: int = 0
) -> None:
    """Run a test with a loader, and a folder `a` below its root."""
    (root / "a").mkdir()

    async def main() -> None:
        models, threads = Repository[Invocations](), Threads(2, 1)

        def serve(model: ServedModel) -> Invocations:
            return Invocations(model, Executor(threads, 60))

        loader = ModelLoader(models, load, serve, (root,), reserve)
        await asyncio.wait_for(test(loader, models), 30)

    asyncio.run(main())


def test_an_unload_waits_also_for_a_call_that_nobody_waits_for(tmp_path: Path) -> None:
    """H-60: its model would otherwise stay in memory; and then nothing holds it."""
    made: list[Gated] = []

    def load(folder: Path) -> ServedModel:
        made.append(Gated(folder))
        return ServedModel(made[0])

    async def test(loader: ModelLoader, models: Repository[Invocations]) -> None:
        await loader.load("a", str(tmp_path / "a"))
        headers = RequestHeaders("text/csv")

        async def ask() -> None:
            with models.get("a") as invocations:
                await invocations.respond(BytesIO(b"1\n"), headers, RequestRecord("id"))

        asking = asyncio.create_task(ask())
        await asyncio.to_thread(made[0].predicting.wait)
        asking.cancel()
        await asyncio.wait([asking])
        del asking  # whose traceback has the model
        unloading = asyncio.create_task(loader.unload("a"))
        assert await asyncio.wait([unloading], timeout=0.1) == (set(), {unloading})
        found = weakref.ref(made[0])
        made.pop().gate.set()
        await unloading
        assert found() is None

    run(test, tmp_path, load)


@pytest.mark.parametrize(
    ("raised", "refusal"),
    [
        (ModelError("no file"), UnusableModel),
        (KeyError("oh"), UnusableModel),
        (SystemExit(3), UnusableModel),
        (MemoryError(), OutOfMemory),
    ],
    ids=["a file", "the owner's code", "an exit", "memory"],
)
def test_a_load_that_fails_leaves_nothing_and_the_thread_goes_on(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    raised: BaseException,
    refusal: type[Exception],
) -> None:
    """H-60, H-64: what had been loaded until then is gone before the answer."""
    caplog.set_level("CRITICAL", "serve")  # records of the log have tracebacks
    kept: list[weakref.ref[Gated]] = []

    def load(folder: Path) -> ServedModel:
        part = Gated(folder)
        kept.append(weakref.ref(part))
        if isinstance(raised, MemoryError):  # as `construct` gives it
            message = "cannot load"
            raise ModelError(message) from raised
        raise raised

    async def test(loader: ModelLoader, models: Repository[Invocations]) -> None:
        for _ in range(2):
            with pytest.raises(refusal):
                await loader.load("a", str(tmp_path / "a"))
            assert models.models() == []

    run(test, tmp_path, load)
    raised.__traceback__ = None
    gc.collect()
    assert [part() for part in kept] == [None, None]


@pytest.mark.parametrize("reserve", [2**60])
def test_where_the_reserve_is_not_left_nothing_is_loaded(
    tmp_path: Path, reserve: int
) -> None:
    """H-64: before anything of it is read."""

    def load(folder: Path) -> ServedModel:
        raise AssertionError(folder)

    async def test(loader: ModelLoader, _: Repository[Invocations]) -> None:
        with pytest.raises(OutOfMemory, match="are for requests: unload other models"):
            await loader.load("a", str(tmp_path / "a"))

    run(test, tmp_path, load, reserve)
