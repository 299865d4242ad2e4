"""Neighbours share a call, and none of them notices."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import BadInput, CallerLeft, PredictionFailed
from runtime.models.served import ServedModel
from runtime.observability.logs import RequestRecord, request_id
from runtime.serving import batcher
from runtime.serving.batcher import Batcher, PendingRequest
from runtime.serving.executor import Executor
from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema
from runtime.tabular.table import Table

SCHEMA = Schema.learn(pd.DataFrame({"n": [1.0, 2.0]}))
BAD, BROKEN = -1.0, -2.0


class Doubling:
    """Doubles; a call waits for the gate, and fails as a whole for one bad row."""

    schema = SCHEMA
    outputs = ("double",)

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir
        self.calls: list[list[float]] = []
        self.ids: list[str] = []
        self.gate = threading.Event()

    def predict(self, rows: pd.DataFrame) -> Any:
        """Give two outputs."""
        values = rows["n"].tolist()
        self.calls.append(values)
        self.ids.append(request_id.get())
        self.gate.wait()
        if BROKEN in values:
            message = "broken"
            raise RuntimeError(message)
        if BAD in values:
            message = "is bad"
            raise BadInput(message, row=values.index(BAD) + 1)
        return {"double": rows["n"] * 2, "same": values}


class Trial:
    """Batcher over a model, in an event loop."""

    def __init__(self, kind: type[Doubling] = Doubling) -> None:
        self.model = kind(Path())
        self.batcher = Batcher(ServedModel(self.model), Executor(1, 60))

    def ask(
        self, *rows: float, wanted: tuple[str, ...] = (), **options: Any
    ) -> asyncio.Task[list[Any]]:
        """Ask for some rows, as a request does."""
        name = ",".join(map(str, rows))
        record = RequestRecord(name)
        read = Rows(SCHEMA, [list(rows)])
        return self._predicted(
            PendingRequest(read, len(rows), record, wanted=wanted, **options)
        )

    def ask_cells(self, *rows: list[str]) -> asyncio.Task[list[Any]]:
        """Ask for rows whose cells nobody has read."""
        return self._predicted(
            PendingRequest(Table(rows), len(rows), RequestRecord("cells"))
        )

    def _predicted(self, pending: PendingRequest) -> asyncio.Task[list[Any]]:
        async def outputs() -> list[Any]:
            found = await self.batcher.predict(pending)
            return list(zip(*found.columns.values(), strict=True))

        return asyncio.create_task(outputs())

    async def busy(self) -> asyncio.Task[list[Any]]:
        """Occupy the executor with one row until the gate opens."""
        first = self.ask(0)
        while not self.model.calls:  # noqa: ASYNC110 -- a thread sets it
            await asyncio.sleep(0.001)
        return first


def run(test: Callable[[Trial], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        return await asyncio.wait_for(test(Trial()), 60)

    return asyncio.run(main())


async def gathered(trial: Trial, tasks: list[asyncio.Task[Any]]) -> list[Any]:
    """Let everybody ask, open the gate, and give what each of them got."""
    await asyncio.sleep(0)
    trial.model.gate.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_a_request_that_comes_alone_has_a_call_of_its_own_at_once() -> None:
    async def test(trial: Trial) -> list[Any]:
        trial.model.gate.set()
        found = [await trial.ask(1), await trial.ask(2)]
        assert trial.model.calls == [[1], [2]]
        return found

    assert run(test) == [[(2.0,)], [(4.0,)]]


def test_what_gathers_while_the_executor_is_busy_shares_one_call_in_its_order() -> None:
    async def test(trial: Trial) -> None:
        tasks = [await trial.busy(), trial.ask(1, 2), trial.ask(3), trial.ask(4, 5, 6)]
        answers = await gathered(trial, tasks)
        assert answers == [[(0,)], [(2,), (4,)], [(6,)], [(8,), (10,), (12,)]]
        assert trial.model.calls == [[0], [1, 2, 3, 4, 5, 6]]

    run(test)


def test_cells_are_read_for_all_at_once_and_wrong_ones_refuse_their_request_alone() -> (
    None
):
    async def test(trial: Trial) -> None:
        tasks = [
            await trial.busy(),
            trial.ask_cells(["1"], ["2"]),
            trial.ask_cells(["3"], ["three"]),
            trial.ask(4),
            trial.ask_cells(["5", "5"]),
            trial.ask_cells(["6"]),
        ]
        busy, good, word, read, wide, last = await gathered(trial, tasks)
        assert [busy, good, read, last] == [[(0,)], [(2,), (4,)], [(8,)], [(12,)]]
        assert str(word) == "row 2, column 'n': expected a number, got 'three'"
        assert str(wide) == "row 1: 2 columns, expected 1: n"
        assert trial.model.calls == [[0], [1, 2, 4, 6]], "no call for each of them"

    run(test)


def test_cells_that_fail_to_be_read_fail_their_request_and_leave_nobody_waiting() -> (
    None
):
    class Fragile(Schema):
        def read(self, table: Table, most: int = 10) -> Rows:
            if ["4"] in table.rows:
                message = "nobody thought of this"
                raise RuntimeError(message)
            return super().read(table, most)

    class Model(Doubling):
        schema = Fragile(SCHEMA.columns)

    async def test() -> None:
        trial = Trial(Model)
        cells = [trial.ask_cells([text]) for text in "345"]
        first, broken, last = await gathered(trial, cells)
        assert [first, last] == [[(6,)], [(10,)]]
        assert str(broken) == "nobody thought of this"

    asyncio.run(asyncio.wait_for(test(), 20))


def test_a_call_has_at_most_so_many_rows_unless_one_request_has_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batcher, "MOST_ROWS", 4)

    async def test(trial: Trial) -> None:
        first = await trial.busy()
        rows = [[1, 2], [3, 4], [5], [6, 7, 8, 9, 10], [11]]
        await gathered(trial, [first, *(trial.ask(*some) for some in rows)])
        calls = [[0], [1, 2, 3, 4], [5], [6, 7, 8, 9, 10], [11]]
        assert trial.model.calls == calls

    run(test)


@given(bad=st.sets(st.integers(0, 19)), kind=st.sampled_from([BAD, BROKEN]))
def test_a_bad_request_fails_alone(bad: set[int], kind: float) -> None:
    async def test(trial: Trial) -> None:
        first = await trial.busy()
        rows = [(1.0, kind) if n in bad else (1.0, float(n)) for n in range(20)]
        answers = await gathered(trial, [first, *(trial.ask(*some) for some in rows)])
        for n, answer in enumerate(answers[1:]):
            if n not in bad:
                assert answer == [(2,), (2 * n,)]
            elif kind == BAD:  # rows count from 1 in the request's own body
                assert str(answer) == "row 2: is bad"
            else:
                assert isinstance(answer, PredictionFailed)

    run(test)


class Panic(BaseException):
    """What a library in Rust raises: no Exception."""


def test_after_a_panic_of_a_library_the_next_request_is_answered() -> None:
    class Panicking(Doubling):
        def predict(self, rows: pd.DataFrame) -> Any:
            """Panic once."""
            if not self.calls:
                self.calls.append([])
                raise Panic
            return super().predict(rows)

    async def test() -> None:
        trial = Trial(Panicking)
        trial.model.gate.set()
        with pytest.raises(PredictionFailed):
            await trial.ask(1)
        assert await trial.ask(2) == [(4.0,)]

    asyncio.run(asyncio.wait_for(test(), 60))


def test_a_bad_request_among_256_costs_17_calls() -> None:
    async def test(trial: Trial) -> None:
        first = await trial.busy()
        rows = [BAD if n == 100 else float(n) for n in range(256)]
        await gathered(trial, [first, *map(trial.ask, rows)])
        assert len(trial.model.calls) == 1 + 17

    run(test)


def test_nothing_is_computed_for_who_has_left_or_waits_no_more() -> None:
    """X-19."""

    async def left() -> bool:
        return True

    async def test(trial: Trial) -> None:
        first = await trial.busy()
        gone, late = trial.ask(1, has_left=left), trial.ask(2)
        kept = trial.ask(3)
        await asyncio.sleep(0)
        late.cancel()
        await trial.batcher.sweep()
        answers = await gathered(trial, [first, gone, late, kept])
        assert isinstance(answers[1], CallerLeft)
        assert isinstance(answers[2], asyncio.CancelledError)
        assert trial.model.calls == [[0], [3]]

    run(test)


def test_no_half_of_a_batch_is_computed_for_who_has_left() -> None:
    async def test(trial: Trial) -> None:
        first = await trial.busy()

        async def left() -> bool:
            return len(trial.model.calls) > 1

        leaving = [trial.ask(n, has_left=left) for n in (1, 2)]
        await gathered(trial, [first, *leaving, trial.ask(BAD), trial.ask(3)])
        assert trial.model.calls == [[0], [1, 2, BAD, 3], [BAD, 3], [BAD], [3]]

    run(test)


def test_each_request_gets_the_outputs_that_it_asked_for() -> None:
    async def test(trial: Trial) -> list[Any]:
        choices = [(), ("same",), ("nothing",), ("*",)]
        tasks = [trial.ask(n, wanted=wish) for n, wish in enumerate(choices, 1)]
        return await gathered(trial, [await trial.busy(), *tasks])

    _, default, same, absent, every = run(test)
    assert (default, same, every) == ([(2,)], [(2,)], [(8, 4)])
    assert "no output 'nothing': there are double, same" in str(absent)


def test_the_owners_code_runs_under_the_ids_of_its_requests() -> None:
    async def test(trial: Trial) -> None:
        tasks = [await trial.busy(), *map(trial.ask, range(1, 8))]
        await gathered(trial, tasks)
        assert trial.model.ids == ["0", "1 2 3 4 5 +2"]

    run(test)


def test_the_time_that_a_request_waited_is_told_apart_from_its_call() -> None:
    async def test(trial: Trial) -> None:
        first = await trial.busy()
        item = PendingRequest(Rows(SCHEMA, [[1.0]]), 1, RequestRecord("id"))
        waiting = asyncio.create_task(trial.batcher.predict(item))
        await gathered(trial, [first, waiting])
        assert item.record.queue > 0
        assert item.record.predict > 0
        assert item.record.queue + item.record.predict <= item.record.seconds

    run(test)


def test_requests_of_a_model_that_is_not_batchable_have_a_call_each() -> None:
    class Ranking(Doubling):
        batchable = False

    async def test() -> None:
        trial = Trial(Ranking)
        tasks = [await trial.busy(), trial.ask(1), trial.ask(2, 3)]
        await gathered(trial, tasks)
        assert trial.model.calls == [[0], [1], [2, 3]]

    asyncio.run(test())


class Instant(Doubling):
    """Doubles at once, as an engine does whose call takes less than a thread's turn."""

    model = SimpleNamespace(instant=True)

    def __init__(self, model_dir: Path) -> None:
        super().__init__(model_dir)
        self.gate.set()
        self.threads: list[str] = []

    def predict(self, rows: pd.DataFrame) -> Any:
        """Note which thread it is."""
        self.threads.append(threading.current_thread().name)
        return super().predict(rows)


def instant(test: Callable[[Trial], Awaitable[Any]]) -> list[str]:
    """Run a test of an instant model. Returns: the threads of its calls."""
    trial = Trial(Instant)

    async def main() -> None:
        await asyncio.wait_for(test(trial), 60)

    asyncio.run(main())
    assert isinstance(trial.model, Instant)
    return trial.model.threads


def test_few_rows_of_an_instant_model_are_predicted_together_in_the_event_loop() -> (
    None
):
    async def test(trial: Trial) -> None:
        asked = [trial.ask(1, 2), trial.ask(3)]
        assert await gathered(trial, asked) == [[(2,), (4,)], [(6,)]]
        assert trial.model.calls == [[1, 2, 3]]

    assert instant(test) == ["MainThread"]


def test_many_rows_of_an_instant_model_are_predicted_in_the_executor() -> None:
    async def test(trial: Trial) -> None:
        await trial.ask(*range(batcher.FEW_ROWS + 1))

    assert instant(test) == ["executor"]


def test_an_instant_model_waits_for_an_executor_that_is_busy() -> None:
    """No two predictions of one model overlap."""

    async def test(trial: Trial) -> None:
        trial.model.gate.clear()
        first = trial.ask(*range(batcher.FEW_ROWS + 1))
        while not trial.model.calls:  # noqa: ASYNC110 -- a thread sets it
            await asyncio.sleep(0.001)
        await gathered(trial, [first, trial.ask(1)])

    assert instant(test) == ["executor", "executor"]


def test_one_bad_row_harms_no_other_of_an_instant_model() -> None:
    async def test(trial: Trial) -> None:
        tasks = [trial.ask(1), trial.ask(BAD), trial.ask(2)]
        one, bad, two = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one, two] == [[(2,)], [(4,)]]
        assert isinstance(bad, BadInput)
        assert await trial.ask(3) == [(6,)]

    threads = instant(test)
    assert threads[0] == threads[-1] == "MainThread"


def test_a_model_that_is_slow_again_and_again_leaves_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batcher, "LONG", 0.0)

    async def test(trial: Trial) -> None:
        for number in range(batcher.PATIENCE + 2):
            await trial.ask(number)

    assert instant(test) == ["MainThread"] * batcher.PATIENCE + ["executor"] * 2


def test_a_model_that_was_slow_for_a_while_comes_back_to_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A busy machine makes any call slow now and then."""

    async def test(trial: Trial) -> None:
        monkeypatch.setattr(batcher, "LONG", 0.0)
        for number in range(batcher.PATIENCE + 2):
            await trial.ask(number)
        monkeypatch.setattr(batcher, "LONG", 60)
        for number in range(round(4 / batcher.REGAINED)):
            await trial.ask(number)

    threads = instant(test)
    assert threads[batcher.PATIENCE] == "executor"
    assert threads[-1] == "MainThread"
