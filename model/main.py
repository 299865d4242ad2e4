"""The app: its routes, and what a worker begins and ends with."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

import runtime
from predictor import Predictor
from runtime.models.served import ServedModel
from runtime.observability.logs import clean_id
from runtime.server import worker
from runtime.server.context import ServerContext
from runtime.server.preload import import_first, unthreaded
from runtime.serving import openapi
from runtime.serving.endpoint import Endpoint
from runtime.settings import Settings

routes = APIRouter(include_in_schema=False)  # one a path: a 405 names all its methods
described = APIRouter()  # the same for `/docs`, which has an operation a method


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
            await self._app.state.endpoint(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def create(server: ServerContext | None = None) -> Front:
    """Load the model and make the app; without a server, by the environment alone.

    gunicorn calls this before it forks, so that all workers share the model's memory;
    with MODEL_PRELOAD=false each worker calls it. Raises: ThreadsLeft; ModelError.
    """
    server = server or ServerContext.of(Settings.read())
    settings = server.settings
    import_first(Predictor, settings.model_dir, settings.engine)
    with unthreaded() if settings.preload else nullcontext():
        model = ServedModel.load(
            settings.model_dir,
            Predictor,
            settings.version_check,
            settings.engine,
            outputs=settings.outputs,
            closed=settings.unseen == "refuse",
        )
    app = app_of(model, server)
    gc.collect()
    gc.freeze()  # else the collector writes to every object, and no page stays shared
    return Front(app)


def app_of(model: ServedModel, server: ServerContext) -> FastAPI:
    """Make the app that serves one model."""
    app = FastAPI(
        title="SageMaker model server",
        version=runtime.__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # FastAPI's page loads its scripts from the internet
        redoc_url=None,
    )
    app.state.model, app.state.server = model, server
    app.include_router(routes)
    app.include_router(described)
    app.post(
        "/invocations",
        response_class=Response,
        responses=openapi.INVOCATIONS,
        openapi_extra=openapi.request(model.schema),
    )(invocations)
    app.add_exception_handler(HTTPException, no_route)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Give a worker its executor, and look after it."""
    model: ServedModel = app.state.model
    server: ServerContext = app.state.server
    sys.setswitchinterval(0.001)  # seconds that `/ping` waits for code that computes
    endpoint = Endpoint(model, server.settings, server.budget, server.metrics_dir)
    app.state.metrics, app.state.endpoint = endpoint.metrics, endpoint
    task = asyncio.create_task(worker.live(server, endpoint))
    yield
    task.cancel()
    endpoint.metrics.tick()


async def invocations() -> Response:
    """Give one prediction for each row."""
    raise HTTPException(404)  # `Front` answers; what comes here is another path


@described.get("/ping", response_class=Response, responses=openapi.PING)
@routes.api_route("/ping", methods=["GET", "HEAD", "POST"])  # POST: H-16
async def ping(request: Request) -> Response:
    """Answer 200 once the model has answered the warm-up row, else 503 (H-13)."""
    state = request.app.state
    healthy = state.server.warm and state.endpoint.healthy()
    return Response(status_code=200 if healthy else 503)


@described.get("/execution-parameters")
@routes.api_route("/execution-parameters", methods=["GET", "HEAD"])
async def execution_parameters(request: Request) -> openapi.ExecutionParameters:
    """Say how a batch transform is best cut; what the job says wins (H-50).

    No BatchStrategy: the service and its SDK spell it differently (H-51).
    """
    server: ServerContext = request.app.state.server
    settings = server.settings
    transforms = min(settings.transforms or server.budget.workers, 100)
    most = 100 // transforms  # MB each: all of them together are at most 100
    size = max(1, min(int(settings.max_payload_mb or most), most))
    return openapi.ExecutionParameters(
        MaxConcurrentTransforms=transforms, MaxPayloadInMB=size
    )


@described.get("/metrics", response_class=Response, responses=openapi.METRICS)
@routes.api_route("/metrics", methods=["GET", "HEAD"])
async def metrics(request: Request) -> Response:
    """Give Prometheus' text, summed over all workers (H-40)."""
    request.app.state.metrics.tick()
    page = await asyncio.to_thread(request.app.state.metrics.render)
    if page is None:
        raise HTTPException(404)
    content, media_type = page
    return Response(content, headers={"content-type": media_type})


@routes.api_route("/docs", methods=["GET", "HEAD"], response_class=HTMLResponse)
async def docs(request: Request) -> str:
    """Show people what is served."""
    return openapi.page(request.app.openapi())


async def no_route(request: Request, exc: Exception) -> Response:
    """Answer a wrong method or path."""
    assert isinstance(exc, HTTPException)  # noqa: S101 -- as registered
    message = (
        f"{request.method} {request.url.path} is not served: "
        "there are GET /ping, POST /invocations, GET /execution-parameters, "
        "GET /metrics and GET /docs"
    )
    request_id = clean_id(request.headers.get("x-amzn-sagemaker-inference-id"))
    body = {"code": "no_route", "message": message, "request_id": request_id}
    return JSONResponse(body, exc.status_code, exc.headers)
