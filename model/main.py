"""The app: its routes, and what a worker begins and ends with."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from gunicorn.errors import AppImportError
from starlette.exceptions import HTTPException

from predictor import Predictor
from runtime.errors import ModelError
from runtime.models.served import ServedModel
from runtime.server.preload import import_first, unthreaded
from runtime.observability.logs import RequestLog, clean_id
from runtime.observability.metrics import Metrics
from runtime.server import worker
from runtime.server.gunicorn_app import budget, metrics_dir, warmed
from runtime.serving.admission import Admission
from runtime.serving.endpoint import Endpoint
from starlette.types import Receive, Scope, Send
from runtime.serving.executor import Executor
from runtime.serving.openapi import document
from runtime.settings import Settings


class Front:
    """The app, whose busiest route is found before FastAPI's middleware.

    That takes as long as a prediction; it stands before all other routes.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or begin and end a worker."""
        asked = scope.get("path"), scope.get("method")
        if asked == ("/invocations", "POST"):
            await self._app.state.invocations(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def create() -> Front:
    """Load the model and make the app.

    gunicorn calls this before it forks, so that all workers share the model's memory;
    with MODEL_PRELOAD=false each worker calls it. Raises: ThreadsLeft, and where the
    model cannot be served AppImportError, which ends gunicorn with its one sentence.
    """
    settings = Settings.read()
    import_first(Predictor, settings.model_dir)
    with unthreaded() if settings.preload else nullcontext():
        try:
            model = ServedModel.load(
                settings.model_dir,
                Predictor,
                settings.version_check,
                settings.engine,
                outputs=settings.outputs,
                closed=settings.unseen == "refuse",
            )
        except ModelError as exc:
            raise AppImportError(str(exc)) from exc
    app = app_of(model, settings)
    gc.collect()
    gc.freeze()  # else the collector writes to every object, and no page stays shared
    return Front(app)


def app_of(model: ServedModel, settings: Settings) -> FastAPI:
    """Make the app that serves one model."""
    app = FastAPI(lifespan=lifespan, redirect_slashes=False, redoc_url=None)
    app.openapi = lambda: document(model.schema)  # type: ignore[method-assign]
    app.state.model, app.state.settings = model, settings
    app.add_route("/ping", ping, methods=["GET", "POST"])  # POST: H-16
    app.add_route("/execution-parameters", execution_parameters)
    app.add_route("/metrics", metrics)
    app.add_exception_handler(HTTPException, no_route)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Give a worker its lane, and look after it."""
    model, settings = app.state.model, app.state.settings
    sys.setswitchinterval(0.001)  # seconds that `/ping` waits for code that computes
    requests, counters = RequestLog(settings.log_requests), Metrics(metrics_dir)
    memory = budget.body_memory
    executor = Executor(budget.threads, settings.deadline)
    admission = Admission(settings.queue, memory)
    app.state.metrics = counters
    invocations = Endpoint(
        model, settings, executor, admission, requests=requests, metrics=counters
    )
    app.state.invocations = invocations  # for `Front`; the router knows the 405
    app.router.add_route("/invocations", invocations, methods=["POST"])  # type: ignore[arg-type]
    life = worker.live(
        executor, admission, model, requests, counters, invocations.sweep
    )
    task = asyncio.create_task(life)
    yield
    task.cancel()
    counters.tick()
    requests.summary()


async def ping(request: Request) -> Response:
    """Answer 200 once the model has answered the warm-up row, else 503 (H-13)."""
    healthy = warmed[0] and request.app.state.model.owner.healthy()
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


async def no_route(request: Request, exc: Exception) -> Response:
    """Answer a wrong method or path."""
    assert isinstance(exc, HTTPException)  # noqa: S101 -- as registered
    message = (
        f"{request.method} {request.url.path} is not served: "
        "there are GET /ping and POST /invocations"
    )
    request_id = clean_id(request.headers.get("x-amzn-sagemaker-inference-id"))
    body = {"code": "no_route", "message": message, "request_id": request_id}
    return JSONResponse(body, exc.status_code, exc.headers)
