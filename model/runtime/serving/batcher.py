"""Neighbours in time share one `predict`: a call costs far more than a row of it.

While the lane is busy, requests gather; when it is free, it takes all that have
gathered. There is no timer, so a request that comes alone never waits. One whose rows
the model refuses harms no other: its batch is halved until it stands alone. Where ONNX
answers, a few rows do not go to the lane: the event loop itself is quicker.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

from runtime.errors import CallerLeft
from runtime.formats import Outputs
from runtime.models.served import Prediction, ServedModel
from runtime.observability.logs import RequestRecord, request_id
from runtime.serving.executor import Executor
from runtime.tabular.schema import Schema

MOST_ROWS = 1000  # of one call, where more than one request has them
FEW_ROWS = 100  # which the fast engine predicts in the event loop
LONG = 0.01  # seconds, which a call may take there only
PATIENCE = 3  # times in a row: then the owner's code does more than ONNX Runtime
_NAMED = 5  # requests whose ids stand in the lines of one call


class PendingRequest:
    """The rows of one request: `(n_rows,)` values for each column of the schema."""

    def __init__(
        self,
        values: list[Any],
        wanted: tuple[str, ...],
        record: RequestRecord,
        has_left: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take the rows; `has_left` says whether nobody waits for them any more."""
        self.values, self.wanted, self.record = values, wanted, record
        self.rows = len(values[0])
        self.since = time.perf_counter()  # nothing has been done for it
        loop = asyncio.get_running_loop()
        self.outputs: asyncio.Future[Outputs] = loop.create_future()
        self._has_left = has_left

    def let_go(self) -> None:
        """End the waiting of a caller who has left."""
        if not self.outputs.done() and self._has_left():
            self.outputs.set_exception(CallerLeft())


class Batcher:
    """What gathers before the lane of one worker: asked from its event loop only."""

    def __init__(self, model: ServedModel, schema: Schema, lane: Executor) -> None:
        self._model, self._schema, self._lane = model, schema, lane
        self._gathered: deque[PendingRequest] = deque()  # the loop adds, the lane takes
        self._busy = False  # somebody is about to take what has gathered
        self._patience = PATIENCE if model.instant else 0
        self._work: asyncio.Task[None] | None = None  # which nothing else keeps

    async def predict(self, item: PendingRequest) -> Outputs:
        """Predict the rows of an item, with others or alone.

        Raises: CallerLeft, and what `prediction` and `Prediction.outputs` raise.
        """
        self._gathered.append(item)
        if not self._busy:
            self._busy = True
            # Once all requests that are there already have been read.
            asyncio.get_running_loop().call_soon(self._begin)
        return await item.outputs

    def sweep(self) -> None:
        """Let go of those who have left while they waited; call it each second."""
        for item in list(self._gathered):
            item.let_go()

    def _begin(self) -> None:
        """Answer a few rows here, if that is fast: a thread costs more. Else there."""
        rows = sum(item.rows for item in self._gathered)
        if not (self._patience and self._lane.idle and rows <= FEW_ROWS):
            self._work = asyncio.create_task(self._answer_all())
            return
        batch: list[PendingRequest] = []
        began = time.perf_counter()
        try:
            prediction = self._take_and_predict(batch)
        except Exception as exc:  # noqa: BLE001 -- it is the caller's
            self._work = asyncio.create_task(self._answer_halves(batch, exc))
        else:
            self._hand_out(batch, prediction)
        is_slow = time.perf_counter() - began > LONG
        self._patience = self._patience - 1 if is_slow else PATIENCE
        self._busy = False

    async def _answer_all(self) -> None:
        while self._gathered:
            batch: list[PendingRequest] = []
            await self._answer(batch, partial(self._take_and_predict, batch))
        self._busy = False

    async def _answer(
        self, batch: list[PendingRequest], call: Callable[[], Prediction]
    ) -> None:
        """Answer each item with what a call gives, or by halves."""
        try:
            prediction = await self._lane.run(call)
        except Exception as exc:  # noqa: BLE001 -- it is the caller's
            await self._answer_halves(batch, exc)
        else:
            self._hand_out(batch, prediction)

    async def _answer_halves(self, batch: list[PendingRequest], exc: Exception) -> None:
        """Answer those whose rows are not to blame for a failure of the batch."""
        if len(batch) == 1:
            _refuse(batch[0], exc)
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            for item in half:
                item.let_go()
            await self._answer(half, partial(self._predict, half))

    def _take_and_predict(self, batch: list[PendingRequest]) -> Prediction:
        """Fill a batch with what has gathered until now, in the order of coming."""
        rows = 0
        while self._gathered:
            rows += self._gathered[0].rows
            if batch and rows > MOST_ROWS:
                break
            batch.append(self._gathered.popleft())
        return self._predict(batch)

    def _predict(self, batch: list[PendingRequest]) -> Prediction:
        """Predict all rows of a batch in one call, less those that nobody waits for."""
        batch[:] = [item for item in batch if not item.outputs.done()]
        if not batch:
            return Prediction({}, named=False)
        began = time.perf_counter()
        mine = request_id.set(_ids(batch))
        try:
            values = batch[0].values
            if len(batch) > 1:
                together = zip(*(item.values for item in batch), strict=True)
                values = [list(chain.from_iterable(column)) for column in together]
            return self._model.prediction(self._model.rows(self._schema, values))
        finally:
            request_id.reset(mine)
            ended = time.perf_counter()
            for item in batch:
                item.record.queue += began - item.since
                item.record.predict += ended - began
                item.since = ended

    def _hand_out(self, batch: list[PendingRequest], prediction: Prediction) -> None:
        first = 0
        for item in batch:
            rows = slice(first, first + item.rows)
            first += item.rows
            try:
                wanted = item.wanted or self._model.outputs
                outputs = prediction.outputs(wanted, rows)
            except Exception as exc:  # noqa: BLE001 -- it is the caller's
                _refuse(item, exc)
            else:
                if not item.outputs.done():
                    item.outputs.set_result(outputs)


def _refuse(item: PendingRequest, exc: Exception) -> None:
    if not item.outputs.done():
        item.outputs.set_exception(exc)


def _ids(batch: list[PendingRequest]) -> str:
    """Name the requests of a batch in the lines that the owner's code writes."""
    named = [item.record.request_id for item in batch[:_NAMED]]
    more = len(batch) - len(named)
    return " ".join(named) + (f" +{more}" if more else "")
