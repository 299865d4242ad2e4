"""Requests that wait at the same time share a `predict`: a call costs more than a row.

While the executor is busy, requests gather; when it is free, it takes all that have
gathered, and reads their cells at once. There is no timer, so a request that comes
alone never waits. One whose rows are wrong harms no other: wrong cells are refused
alone, and where the model refuses a row, the batch is halved until its request stands
alone. Where ONNX answers, a few rows do not go to the executor's thread: the event loop
is quicker.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from runtime.errors import CallerLeft
from runtime.models.prediction import Prediction
from runtime.models.served import ServedModel
from runtime.observability.logs import RequestRecord, request_id
from runtime.serving.executor import Executor
from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema
from runtime.tabular.table import Outputs, Table, joined

MOST_ROWS = 1000  # of one call, where more than one request has them
FEW_ROWS = 100  # which the fast engine predicts in the event loop
LONG = 0.01  # seconds, which a call of so few rows may take there only
PATIENCE = 3  # times: then the owner's code does more than ONNX Runtime
REGAINED = 0.01  # of a time, by each quick call, also in the executor
_NAMED = 5  # requests whose ids stand in the lines of one call
Answer = Outputs | Exception


class PendingRequest:
    """Rows of one request that wait for their prediction."""

    def __init__(
        self,
        rows: Any,
        n_rows: int,
        record: RequestRecord,
        wanted: tuple[str, ...] = (),
        has_left: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Take the rows, or a Table of cells that are still to be read.

        `has_left` says whether nobody waits for them any more.
        """
        self.rows, self.n_rows, self.record = rows, n_rows, record
        self.wanted = wanted
        self.outputs: asyncio.Future[Outputs] = (
            asyncio.get_running_loop().create_future()
        )
        self._has_left = has_left
        self.since = time.perf_counter()  # nothing has been done for it

    async def let_go(self) -> None:
        """End the waiting of a caller who has left."""
        if self._has_left and not self.outputs.done() and await self._has_left():
            self.refuse(CallerLeft())

    def read(self, schema: Schema | None) -> None:
        """Read the cells, if nobody has; what is wrong with them ends the waiting."""
        try:
            self.rows = _read(self.rows, schema)
        except Exception as exc:  # noqa: BLE001 -- it is the caller's
            self.refuse(exc)

    def refuse(self, exc: Exception) -> None:
        """End the waiting with an error."""
        if not self.outputs.done():
            self.outputs.set_exception(exc)


class Batcher:
    """What gathers before the executor of one worker, asked from its event loop."""

    def __init__(self, model: ServedModel, executor: Executor) -> None:
        self._model, self._executor = model, executor
        self._gathered: deque[PendingRequest] = deque()  # the loop adds, a call takes
        self._taken = False  # somebody is about to take what has gathered
        self._most_rows = MOST_ROWS if model.joinable else 0  # of several requests
        self._is_instant = model.instant and model.joinable
        self._patience: float = PATIENCE
        self._work: asyncio.Task[None] | None = None  # which nothing else keeps

    async def predict(self, pending: PendingRequest) -> Outputs:
        """Predict the rows of a request, with others or alone.

        Raises: CallerLeft, and what `predict` and `Prediction.outputs` raise.
        """
        self._gathered.append(pending)
        if not self._taken:
            self._taken = True
            # Once all requests that are there already have been read.
            asyncio.get_running_loop().call_soon(self._begin)
        return await pending.outputs

    async def sweep(self) -> None:
        """Let go of those who have left while they waited; call it each second."""
        for pending in list(self._gathered):
            await pending.let_go()

    def _begin(self) -> None:
        """Predict a few rows in the event loop, and leave others to the executor."""
        quick = self._is_instant and self._patience > 0 and not self._executor.calls
        if not quick or _n_rows(self._gathered) > FEW_ROWS:
            self._work = asyncio.create_task(self._answer_all())
            return
        batch: list[PendingRequest] = []
        try:
            answers = self._take_and_predict(batch)
        except Exception as exc:  # noqa: BLE001 -- it is the caller's
            self._work = asyncio.create_task(self._answer_halves(batch, exc))
        else:
            _hand_out(batch, answers)
        self._go_on()

    def _go_on(self) -> None:
        """Begin anew with those that found no room in this batch."""
        self._taken = bool(self._gathered)
        if self._taken:
            asyncio.get_running_loop().call_soon(self._begin)

    async def _answer_all(self) -> None:
        while self._gathered:
            batch: list[PendingRequest] = []
            await self._answer(batch, partial(self._take_and_predict, batch))
        self._taken = False

    async def _answer(
        self, batch: list[PendingRequest], call: Callable[[], list[Answer]]
    ) -> None:
        """Answer each request with what a call gives, or by halves."""
        try:
            answers = await self._executor.run(call)
        except Exception as exc:  # noqa: BLE001 -- it is the caller's
            await self._answer_halves(batch, exc)
        else:
            _hand_out(batch, answers)

    async def _answer_halves(self, batch: list[PendingRequest], exc: Exception) -> None:
        """Answer those whose rows are not to blame for a failure of the batch."""
        if len(batch) == 1:
            batch[0].refuse(exc)
            return
        for pending in batch:
            pending.read(self._model.schema)
            await pending.let_go()
        left = [pending for pending in batch if not pending.outputs.done()]
        # Where none was to blame by its cells, the model has refused some rows.
        middle = len(left) // 2 if len(left) == len(batch) else len(left)
        for part in (left[:middle], left[middle:]):
            if part:
                await self._answer(part, partial(self._predict, part))

    def _take_and_predict(self, batch: list[PendingRequest]) -> list[Answer]:
        """Fill a batch with what has gathered until now, in the order of coming."""
        n_rows = 0
        while self._gathered:
            n_rows += self._gathered[0].n_rows
            if batch and n_rows > self._most_rows:
                break
            batch.append(self._gathered.popleft())
        return self._predict(batch)

    def _predict(self, batch: list[PendingRequest]) -> list[Answer]:
        """Predict all rows of a batch in one call, less those that nobody waits for.

        Returns: the outputs of each request, or why it has none.
        """
        batch[:] = [pending for pending in batch if not pending.outputs.done()]
        if not batch:
            return []
        begun = time.perf_counter()
        rows = self._rows([pending.rows for pending in batch])
        read = time.perf_counter()
        mine = request_id.set(_ids(batch))
        try:
            return _divided(batch, self._model.predict(rows))
        finally:
            request_id.reset(mine)
            ended = time.perf_counter()
            for pending in batch:
                pending.record.queue += begun - pending.since
                pending.record.decode += read - begun
                pending.record.predict += ended - read
                pending.since = ended
            if _n_rows(batch) <= FEW_ROWS:
                self._note(ended - read)

    def _rows(self, parts: list[Any]) -> Any:
        """Join the rows of requests; cells are read at once. Raises: BadInput."""
        schema = self._model.schema
        if schema is not None and all(isinstance(part, Table) for part in parts):
            return schema.read(joined(parts))
        parts = [_read(part, schema) for part in parts]
        return Rows.concat(parts) if len(parts) > 1 else parts[0]

    def _note(self, seconds: float) -> None:
        """Lose patience with slow calls; a busy machine also makes some of them."""
        change = -1 if seconds > LONG else REGAINED
        self._patience = min(max(self._patience + change, -PATIENCE), PATIENCE)


def _read(rows: Any, schema: Schema | None) -> Any:
    """Read a table of cells; other rows have been read. Raises: BadInput."""
    return schema.read(rows) if schema and isinstance(rows, Table) else rows


def _n_rows(requests: Iterable[PendingRequest]) -> int:
    return sum(pending.n_rows for pending in requests)


def _divided(batch: list[PendingRequest], prediction: Prediction) -> list[Answer]:
    """Give each request of a batch the outputs of its own rows."""
    answers: list[Answer] = []
    first = 0
    for pending in batch:
        rows = slice(first, first + pending.n_rows)
        first += pending.n_rows
        try:
            answers.append(prediction.outputs(pending.wanted, rows))
        except Exception as exc:  # noqa: BLE001 -- it is the caller's
            answers.append(exc)
    return answers


def _hand_out(batch: list[PendingRequest], answers: list[Answer]) -> None:
    for pending, answer in zip(batch, answers, strict=True):
        if isinstance(answer, Exception):
            pending.refuse(answer)
        elif not pending.outputs.done():
            pending.outputs.set_result(answer)


def _ids(batch: list[PendingRequest]) -> str:
    """Name the requests of a batch in the lines that the owner's code writes."""
    named = [pending.record.request_id for pending in batch[:_NAMED]]
    more = len(batch) - len(named)
    return " ".join(named) + (f" +{more}" if more else "")
