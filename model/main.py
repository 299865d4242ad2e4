"""All of HTTP: the routes, and errors as JSON."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from gunicorn.errors import AppImportError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from predictor import Predictor
from runtime import body, worker
from runtime.answer import Answer, Asked, Policy
from runtime.errors import BodyTimeout, DeadlineExceeded, ModelError, RequestError
from runtime.lane import Lane, Place
from runtime.metrics import Metrics
from runtime.model import Model, unthreaded
from runtime.openapi import document
from runtime.prints import capture_prints
from runtime.server import budget, metrics_dir, warmed
from runtime.settings import Settings
from runtime.telemetry import Log, Record, clean_id

log = logging.getLogger("serve")
_CLIENT_LEFT = 499  # in the log: nobody else reads it


def create() -> FastAPI:
    """Load the model and make the app.

    gunicorn calls this before it forks, so that all workers share the model's memory;
    with MODEL_PRELOAD=false each worker calls it. Raises: ThreadsLeft, and where the
    model cannot be served AppImportError, which ends gunicorn with its one sentence.
    """
    settings = Settings.read()
    with unthreaded() if settings.preload else nullcontext():
        try:
            model = Model.load(
                settings.model_dir,
                Predictor,
                settings.version_check,
                outputs=settings.outputs,
                closed=settings.unseen == "refuse",
            )
        except ModelError as exc:
            raise AppImportError(str(exc)) from exc
    app = app_of(model, settings)
    gc.collect()
    gc.freeze()  # else the collector writes to every object, and no page stays shared
    return app


def app_of(model: Model, settings: Settings) -> FastAPI:
    """Make the app that serves one model."""
    app = FastAPI(lifespan=lifespan, redirect_slashes=False, redoc_url=None)
    app.openapi = lambda: document(model.schema)  # type: ignore[method-assign]
    app.state.model, app.state.settings = model, settings
    app.add_route("/ping", ping, methods=["GET", "POST"])  # POST: H-16
    app.add_route("/execution-parameters", execution_parameters)
    app.add_route("/metrics", metrics)
    # An ASGI app of its own: for a function FastAPI would solve dependencies each time.
    app.router.add_route("/invocations", Invocations(app.state), methods=["POST"])  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, no_route)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Give a worker its lane, and look after it."""
    state, settings = app.state, app.state.settings
    capture_prints()
    sys.setswitchinterval(0.001)  # seconds that `/ping` waits for code that computes
    state.log, state.metrics = Log(settings.log_requests), Metrics(metrics_dir)
    memory = budget.body_memory
    state.lane = Lane(budget.threads, settings.queue, memory, settings.deadline)
    life = worker.live(state.lane, state.model, state.log, state.metrics)
    task = asyncio.create_task(life)
    yield
    task.cancel()
    state.metrics.tick()
    state.log.summary()


async def ping(request: Request) -> Response:
    """Answer 200 once the model has answered the warm-up row, else 503 (H-13)."""
    healthy = warmed[0] and request.app.state.model.healthy()
    return Response(status_code=200 if healthy else 503)


async def execution_parameters(request: Request) -> Response:
    """Say how a batch transform is best cut; what the job says wins (H-50).

    No BatchStrategy: the service and its SDK spell it differently (H-51).
    """
    settings: Settings = request.app.state.settings
    transforms = min(settings.transforms or budget.workers, 100)
    most = 100 // transforms  # MB each: all of them together are at most 100
    size = max(1, min(int(settings.max_payload_mb or most), most))
    return JSONResponse({"MaxConcurrentTransforms": transforms, "MaxPayloadInMB": size})


async def metrics(request: Request) -> Response:
    """Give Prometheus' text, summed over all workers (H-40)."""
    request.app.state.metrics.tick()
    page = await asyncio.to_thread(request.app.state.metrics.render)
    if page is None:
        raise HTTPException(404)
    content, media_type = page
    return Response(content, headers={"content-type": media_type})


class Invocations:
    """`POST /invocations`: the rows of a body get one prediction each (H-18, H-21)."""

    def __init__(self, state: Any) -> None:
        self.state = state
        self.policy = Policy(
            state.settings.default_accept,
            state.settings.batch,
            state.settings.batch and state.settings.bad_records == "mark",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens, and tell about it."""
        request = Request(scope, receive)
        record = Record(request_id(request))
        try:
            response = await self.respond(request, record)
        except Exception:
            log.exception("request %s failed", record.request_id)
            response = fault(record)
        record.status = response.status_code
        await response(scope, receive, send)
        self.state.log.done(record)
        self.state.metrics.observe(record)

    async def respond(self, request: Request, record: Record) -> Response:
        """Give the answer, or say what the caller has to repair."""
        try:
            with self.state.lane.place() as place:
                answer = await self.answer(request, place, record)
        except RequestError as exc:
            return refusal(exc, record)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_LEFT)
        # Not `media_type=`: Starlette would add a charset to text/csv (F-16).
        headers = {"content-type": answer.media_type}
        return Response(b"".join(answer.content), headers=headers)

    async def answer(self, request: Request, place: Place, record: Record) -> Answer:
        """Read and compute within the deadline (H-11).

        Raises: RequestError, ClientDisconnect.
        """
        settings, model, lane = self.state.settings, self.state.model, self.state.lane
        answer = None
        try:
            async with asyncio.timeout(settings.deadline):
                length = int(request.headers.get("content-length", 0))
                limit = settings.max_payload
                with await body.read(
                    request.stream(), length, limit, place.hold
                ) as file:
                    record.bytes = body.rewound(file)
                    asked = Asked.of(request.headers)
                    answer = Answer(model, self.policy, asked, file, record)
                    await compute(request, lane, answer)
                    return answer
        except TimeoutError as exc:
            if answer is None:
                message = f"the body did not arrive within {settings.deadline:g} s"
                raise BodyTimeout(message) from exc
            message = f"no answer within {settings.deadline:g} s: send fewer rows"
            raise DeadlineExceeded(message) from exc


async def compute(request: Request, lane: Lane, answer: Answer) -> None:
    """Let the lane work until the answer is done. Raises: ClientDisconnect."""
    if lane.idle and await lane.run(answer.advance):
        return
    # It waits, or it takes its time: nothing is computed for a caller who has left.
    rest = asyncio.create_task(finish(lane, answer))
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({rest, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not rest.done():
            raise ClientDisconnect
        await rest
    finally:
        rest.cancel()
        gone.cancel()


async def finish(lane: Lane, answer: Answer) -> None:
    """Advance an answer in turns with others."""
    while not await lane.run(answer.advance):
        pass


def refusal(exc: RequestError, record: Record) -> Response:
    """Tell the caller what to repair, and the log what we have to."""
    record.code = exc.code
    if exc.ours:
        log.error("request %s: %s", record.request_id, exc, exc_info=exc)
    return JSONResponse({**exc.body(), "request_id": record.request_id}, exc.status)


def fault(record: Record) -> Response:
    """Answer for a fault of ours."""
    record.code = "internal_error"
    message = "the server failed; the log has the reason under this request id"
    body = {"code": record.code, "message": message, "request_id": record.request_id}
    return JSONResponse(body, 500)


async def no_route(request: Request, exc: Exception) -> Response:
    """Answer a wrong method or path."""
    assert isinstance(exc, HTTPException)  # noqa: S101 -- as registered
    message = (
        f"{request.method} {request.url.path} is not served: "
        "there are GET /ping and POST /invocations"
    )
    body = {"code": "no_route", "message": message, "request_id": request_id(request)}
    return JSONResponse(body, exc.status_code, exc.headers)


def request_id(request: Request) -> str:
    """Give SageMaker's id of a request where there is one (H-19), else a new one."""
    return clean_id(request.headers.get("x-amzn-sagemaker-inference-id"))
