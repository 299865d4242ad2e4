"""`POST /invocations`, or the same of a model by its name (H-18, H-21, H-60).

Here are HTTP's words: headers, a deadline, a status for each way to fail, and a line in
the log. What is between body and answer is in `invocation`.
"""

import io
import logging
from functools import partial
from typing import IO

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from runtime import formats
from runtime.errors import (
    BodyTimeout,
    DeadlineExceeded,
    Overloaded,
    RequestError,
    UnsupportedType,
)
from runtime.formats.json import dumps
from runtime.models.repository import Repository
from runtime.models.served import ServedModel
from runtime.observability.logs import (
    RequestLog,
    RequestRecord,
    clean_id,
    model_name,
    request_id,
)
from runtime.observability.metrics import Metrics
from runtime.resources import Budget
from runtime.serving.admission import Admission, Reservation, inflated, read_body
from runtime.serving.executor import Executor, Threads
from runtime.serving.invocation import Invocations, Policy, RequestHeaders
from runtime.serving.loader import Load, ModelLoader
from runtime.settings import Settings

log = logging.getLogger("serve")
_ID = b"x-amzn-sagemaker-inference-id"


class Endpoint:
    """The ASGI app of one worker, made after the fork."""

    def __init__(
        self,
        model: ServedModel | None,
        settings: Settings,
        budget: Budget,
        metrics_dir: str | None = None,
        load: Load | None = None,
    ) -> None:
        """Start the threads that predict; `metrics_dir` is of `metrics.prepare`.

        Without a model there are those that `load` loads by name.
        """
        self.model = model
        self.metrics = Metrics(metrics_dir, by_model=load is not None)
        self.models: Repository[Invocations] = Repository()
        self.started = False  # the owner's `start` has run
        self._requests = RequestLog(settings.log_requests)
        self._deadline, self._max_payload = settings.deadline, settings.max_payload
        self._most = settings.queue  # of one model
        marked = settings.batch and settings.bad_records == "mark"
        self._policy = Policy(settings.default_accept, settings.batch, marked)
        self.loader: ModelLoader | None = None
        if model is not None:
            self.executor = Executor(budget.threads, settings.deadline)
            self.admission = Admission(settings.queue, budget.body_memory)
            self.models.add("", Invocations(model, self.executor, self._policy))
        elif load is not None:
            self._share(load, settings, budget)

    def _share(self, load: Load, settings: Settings, budget: Budget) -> None:
        """Let models share threads, with a call of each at a time (H-64)."""
        threads = Threads(budget.threads, 1)
        self.executor = Executor(threads, settings.deadline)  # of what is no model's
        # Room for the bodies of others where one model has as many as it may.
        self.admission = Admission(4 * settings.queue, budget.reserve // 2)

        def serve(model: ServedModel) -> Invocations:
            executor = Executor(threads, settings.deadline)
            return Invocations(model, executor, self._policy)

        roots, reserve = settings.models_dirs, budget.reserve
        self.loader = ModelLoader(self.models, load, serve, roots, reserve)

    @property
    def stuck(self) -> bool:
        """Say whether a call runs for longer than it may, and will never end."""
        executors = [invocations.executor for invocations in self.models.models()]
        if self.loader:
            executors.append(self.loader.executor)
        return any(executor.stuck for executor in executors)

    def healthy(self) -> bool:
        """Ask the owner's `healthy`, once `start` has run in this worker."""
        if self.model is None or not self.started:
            return True  # of many models one does not speak for the others
        try:
            return bool(self.model.owner.healthy())
        except Exception:
            log.exception("healthy failed, and /ping is answered 503")
            return False

    async def sweep(self) -> None:
        """Let go of callers who have left while they waited; call it each second."""
        for invocations in self.models.models():
            await invocations.batcher.sweep()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, name: str = ""
    ) -> None:
        """Answer one request to a model, whatever happens, and tell about it."""
        given = dict(reversed(scope["headers"]))  # of two alike the first counts
        record = RequestRecord(clean_id(given.get(_ID, b"").decode("latin-1")))
        request_id.set(record.request_id)  # of this task, which has no other request
        if name:
            record.model = name
            model_name.set(name)
        try:
            content, kind = await self._answer(scope, receive, given, record)
        except Exception as exc:  # noqa: BLE001 -- refusal tells them apart
            content, kind = refusal(exc, record), formats.JSON.encode()
        # Starlette's Response would send the same, and takes longer than to read a row.
        headers = [(b"content-length", b"%d" % len(content)), (b"content-type", kind)]
        start = {"status": record.status, "headers": headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": content})
        self._requests.done(record)
        self.metrics.observe(record)

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        given: dict[bytes, bytes],
        record: RequestRecord,
    ) -> tuple[bytes, bytes]:
        """Read and compute within the deadline (H-11). Raises: RequestError.

        Returns: the answer, and its media type as a header has it.
        """
        limit, arrived = self._deadline, False
        try:
            with (
                self.admission.reserve(limit) as reservation,
                await self._body(receive, given, reservation) as body,
            ):
                arrived = True
                record.bytes = body.seek(0, io.SEEK_END)
                body.seek(0)
                entry = self.models.get(record.model)
                if entry.users >= self._most:  # others have their own
                    message = f"{entry.users} requests wait here already: try again"
                    raise Overloaded(message)
                with entry as invocations:
                    content, kind = await invocations.respond(
                        body, _headers(given), record, partial(_left, scope, receive)
                    )
        except TimeoutError as exc:
            if not arrived:
                message = f"the body did not arrive within {limit:g} s"
                raise BodyTimeout(message) from exc
            message = f"no answer within {limit:g} s: send fewer rows"
            raise DeadlineExceeded(message) from exc
        record.status = 200
        return content, kind.encode("latin-1")

    async def _body(
        self, receive: Receive, given: dict[bytes, bytes], reservation: Reservation
    ) -> IO[bytes]:
        """Read the body, and undo its Content-Encoding. Raises: RequestError."""
        length, limit = int(given.get(b"content-length", 0)), self._max_payload
        body = await read_body(receive, length, limit, reservation.hold)
        encoding = given.get(b"content-encoding", b"").decode("latin-1").lower()
        if encoding in ("", "identity"):
            return body
        with body:
            if encoding != "gzip":
                message = f"cannot read the Content-Encoding {encoding!r}: send gzip"
                raise UnsupportedType(message)
            return await self.executor.run(partial(inflated, body, limit))


async def _left(scope: Scope, receive: Receive) -> bool:
    """Say whether nobody waits for the response any more."""
    return await Request(scope, receive).is_disconnected()


def _headers(given: dict[bytes, bytes]) -> RequestHeaders:
    names = (b"content-type", b"accept", b"x-amzn-sagemaker-custom-attributes")
    return RequestHeaders(*[given.get(name, b"").decode("latin-1") for name in names])


def refusal(exc: Exception, record: RequestRecord) -> bytes:
    """Tell the caller what to repair, in JSON, and the log what we have to."""
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
