"""`POST /invocations`: the rows of a body get one prediction each (H-18, H-21).

A small body is read at once and shares a call of `predict` with its neighbours; a large
one, or one that only the owner's code can read, is answered by itself.
"""

import asyncio
import logging
import time
from typing import IO

from runtime import formats
from runtime.errors import (
    BodyTimeout,
    CallerLeft,
    DeadlineExceeded,
    RequestError,
)
from runtime.formats import joined
from runtime.formats.json import dumps
from runtime.formats.media_types import choose, media_type, outputs
from runtime.models.served import ServedModel
from runtime.observability.logs import RequestLog, RequestRecord, clean_id
from runtime.observability.metrics import Metrics
from runtime.serving import request_body
from runtime.serving.batcher import Batcher, PendingRequest
from runtime.serving.exchange import Exchange, Receive, Scope, Send
from runtime.serving.executor import Executor, Reservation
from runtime.serving.prediction import Answer
from runtime.serving.reading import Asked, Policy, Reader
from runtime.settings import Settings

log = logging.getLogger("serve")
SMALL = 2**14  # bytes that are read in the event loop, in about a millisecond
_SMALL_TYPES = ("", formats.CSV, formats.JSON, formats.JSONLINES)


class Invocations:
    """The ASGI app of one worker, made after the fork."""

    def __init__(
        self,
        model: ServedModel,
        settings: Settings,
        lane: Executor,
        requests: RequestLog,
        metrics: Metrics,
    ) -> None:
        self._model, self._settings, self._lane = model, settings, lane
        self._requests, self._metrics = requests, metrics
        marked = settings.batch and settings.bad_records == "mark"
        self._policy = Policy(settings.default_accept, settings.batch, marked)
        self._batches = None
        if model.schema and model.joinable and not marked:
            self._batches = Batcher(model, model.schema, lane)

    def sweep(self) -> None:
        """Let go of callers who have left while they waited; call it each second."""
        if self._batches:
            self._batches.sweep()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens, and tell about it."""
        exchange = Exchange(scope, receive, send)
        record = RequestRecord(
            clean_id(exchange.header("x-amzn-sagemaker-inference-id"))
        )
        try:
            content, kind = await self._answered(exchange, record)
            record.status = 200
        except Exception as exc:  # noqa: BLE001 -- refusal tells them apart
            content, kind = refusal(exc, record), formats.JSON
        await exchange.answer(record.status, content, kind)
        self._requests.done(record)
        self._metrics.observe(record)

    async def _answered(
        self, exchange: Exchange, record: RequestRecord
    ) -> tuple[bytes, str]:
        """Read and compute within the deadline (H-11). Raises: RequestError."""
        limit, arrived = self._settings.deadline, False
        try:
            with self._lane.place() as place:
                async with asyncio.timeout(limit):
                    with await self._body(exchange, place) as file:
                        arrived = True
                        return await self._predicted(exchange, file, record)
        except TimeoutError as exc:
            if not arrived:
                message = f"the body did not arrive within {limit:g} s"
                raise BodyTimeout(message) from exc
            message = f"no answer within {limit:g} s: send fewer rows"
            raise DeadlineExceeded(message) from exc

    async def _body(self, exchange: Exchange, place: Reservation) -> IO[bytes]:
        length = int(exchange.header("content-length") or 0)
        limit = self._settings.max_payload
        return await request_body.read(exchange.body(), length, limit, place.hold)

    async def _predicted(
        self, exchange: Exchange, file: IO[bytes], record: RequestRecord
    ) -> tuple[bytes, str]:
        record.bytes = request_body.rewound(file)
        asked = Asked.of(exchange.header)
        kind = media_type(asked.content_type)
        if self._batches and record.bytes <= SMALL and kind in _SMALL_TYPES:
            return await self._together(self._batches, exchange, asked, file, record)
        answer = Answer(self._model, self._policy, asked, file, record)
        await compute(exchange, self._lane, answer)
        return b"".join(answer.content), answer.media_type

    async def _together(
        self,
        batches: Batcher,
        exchange: Exchange,
        asked: Asked,
        file: IO[bytes],
        record: RequestRecord,
    ) -> tuple[bytes, str]:
        """Predict with others what one slice holds."""
        began = time.perf_counter()
        kind = choose(asked.accept, self._policy.default_accept, formats.WRITTEN)
        reader = Reader(self._model, self._policy, asked, record)
        table = joined(reader.tables(file))
        record.rows = len(table.rows)
        values, wanted = reader.values(table), outputs(asked.attributes)
        item = PendingRequest(values, wanted, record, exchange.has_left)
        record.decode = item.since - began
        found = await batches.predict(item)
        content = b"".join(formats.encode(iter([found]), kind))
        record.encode = time.perf_counter() - item.since
        return content, kind


async def compute(exchange: Exchange, lane: Executor, answer: Answer) -> None:
    """Let the lane work until the answer is done. Raises: CallerLeft."""
    if lane.idle and await lane.run(answer.advance):
        return
    # It waits, or it takes its time: nothing is computed for a caller who has left.
    rest = asyncio.create_task(finish(lane, answer))
    gone = asyncio.create_task(exchange.left())
    try:
        await asyncio.wait({rest, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not rest.done():
            raise CallerLeft
        await rest
    finally:
        rest.cancel()
        gone.cancel()


async def finish(lane: Executor, answer: Answer) -> None:
    """Advance an answer in turns with others."""
    while not await lane.run(answer.advance):
        pass


def refusal(exc: Exception, record: RequestRecord) -> bytes:
    """Tell the caller what to repair, and the log what we have to."""
    if isinstance(exc, RequestError):
        record.status, record.code, body = exc.status, exc.code, exc.body()
        if exc.ours:
            log.error("request %s: %s", record.request_id, exc, exc_info=exc)
    else:
        record.status, record.code = 500, "internal_error"
        message = "the server failed; the log has the reason under this request id"
        body = {"code": record.code, "message": message}
        log.error("request %s failed", record.request_id, exc_info=exc)
    return dumps({**body, "request_id": record.request_id}).encode()
