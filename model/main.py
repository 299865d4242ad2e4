"""The app: its routes, and what a worker begins and ends with."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

import runtime
from predictor import Predictor
from runtime.errors import BadInput, RequestError
from runtime.formats import JSON
from runtime.models.repository import Entry
from runtime.models.served import ServedModel
from runtime.observability.logs import RequestRecord, clean_id
from runtime.server import worker
from runtime.server.context import ServerContext
from runtime.server.preload import import_all, import_first, unthreaded
from runtime.serving import openapi
from runtime.serving.admission import read_body
from runtime.serving.endpoint import Endpoint, refusal
from runtime.settings import Settings

routes = APIRouter(include_in_schema=False)  # one a path: a 405 names all its methods
described = APIRouter()  # the same for `/docs`, which has an operation a method
by_name = APIRouter()  # of a multi-model endpoint (H-60)
_NAME = "{model_name:path}"  # a key, which may hold anything, a slash too (H-61)


class Front:
    """The app, whose busiest route is found before FastAPI's middleware.

    That takes as long as a prediction; it stands before all other routes.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        many = app.state.server.settings.multi_model
        self._model_asked = named_model if many else the_model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or begin and end a worker."""
        name = self._model_asked(scope.get("path", ""), scope.get("method"))
        if name is not None:
            await self._app.state.endpoint(scope, receive, send, name)
        else:
            await self._app(scope, receive, send)


def the_model(path: str, method: str | None) -> str | None:
    """Give the name of the one model, which is empty, if it is asked."""
    return "" if path == "/invocations" and method == "POST" else None


def named_model(path: str, method: str | None) -> str | None:
    """Give the name of the model that is asked on a multi-model endpoint (H-60)."""
    if method == "POST" and path.startswith("/models/") and path.endswith("/invoke"):
        return path[len("/models/") : -len("/invoke")]
    return None


def create(server: ServerContext | None = None) -> Front:
    """Load the model and make the app; without a server, by the environment alone.

    gunicorn calls this before it forks, so that all workers share the model's memory;
    with MODEL_PRELOAD=false each worker calls it. Raises: ThreadsLeft; ModelError.
    """
    server = server or ServerContext.of(Settings.read())
    settings = server.settings
    model: ServedModel | None = None
    if settings.multi_model:
        import_all(Predictor, settings.engine)
    else:
        import_first(Predictor, settings.model_dir, settings.engine)
        with unthreaded() if settings.preload else nullcontext():
            model = load_model(settings.model_dir, settings)
    app = app_of(model, server)
    gc.collect()
    gc.freeze()  # else the collector writes to every object, and no page stays shared
    gc.set_threshold(5000, 10, 10)  # else it looks through requests that are under way
    return Front(app)


def load_model(folder: Path, settings: Settings) -> ServedModel:
    """Load a model as the settings say. Raises: ModelError."""
    return ServedModel.load(
        folder,
        Predictor,
        settings.version_check,
        settings.engine,
        outputs=settings.outputs,
        closed=settings.unseen == "refuse",
    )


def app_of(model: ServedModel | None, server: ServerContext) -> FastAPI:
    """Make the app that serves one model, or those that are loaded by name."""
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
    if model is None:
        app.include_router(by_name)
    app.post(
        f"/models/{_NAME}/invoke" if model is None else "/invocations",
        response_class=Response,
        responses=openapi.INVOCATIONS | ({} if model else openapi.BY_NAME),
        openapi_extra=openapi.request(model.schema if model else None),
    )(invocations)
    app.add_exception_handler(HTTPException, no_route)
    app.add_exception_handler(RequestError, refused)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Give a worker its executor, and look after it."""
    model: ServedModel | None = app.state.model
    server: ServerContext = app.state.server
    sys.setswitchinterval(0.001)  # seconds that `/ping` waits for code that computes
    load = None if model else partial(load_model, settings=server.settings)
    endpoint = Endpoint(model, server.settings, server.budget, server.metrics_dir, load)
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


@by_name.post("/models", responses=openapi.LOAD, openapi_extra=openapi.LOAD_REQUEST)
async def load_by_name(request: Request) -> dict[str, str]:
    """Load a model from its folder (H-60)."""
    length = int(request.headers.get("content-length", 0))
    with await read_body(request.receive, length, 2**16, lambda _: None) as body:
        try:
            asked = openapi.LoadRequest.model_validate_json(body.read())
        except ValidationError as exc:
            wrong = exc.errors()[0]
            message = (
                "expected a JSON object with model_name and url: "
                f"{' '.join(map(str, wrong['loc']))} {wrong['msg']}"
            )
            raise BadInput(message) from exc
    await request.app.state.endpoint.loader.load(asked.model_name, asked.url)
    return {"status": "Workers scaled"}


@by_name.get("/models")
async def list_models(
    request: Request, limit: str = "100", next_page_token: str = ""
) -> dict[str, Any]:
    """List the models that are loaded, by name."""
    if not limit.isdecimal() or not int(limit):
        message = f"limit: {limit!r} is no number of models"
        raise BadInput(message)
    models = request.app.state.endpoint.models
    entries, token = models.page(int(limit), next_page_token)
    page = {"models": [_shown(entry) for entry in entries]}
    return page | ({"nextPageToken": token} if token else {})


@by_name.get(f"/models/{_NAME}", responses=openapi.BY_NAME)
async def get_model(request: Request, model_name: str) -> dict[str, str]:
    """Say whether a model is loaded, and from where."""
    return _shown(request.app.state.endpoint.models.get(model_name))


def _shown(entry: Entry[Any]) -> dict[str, str]:
    return {"modelName": entry.name, "modelUrl": entry.url}


@by_name.delete(f"/models/{_NAME}", responses=openapi.BY_NAME)
async def unload(request: Request, model_name: str) -> dict[str, str]:
    """Unload a model, whose memory is free with the answer."""
    await request.app.state.endpoint.loader.unload(model_name)
    return {"status": f'Model "{model_name}" unregistered'}


async def refused(request: Request, exc: Exception) -> Response:
    """Answer a request about models that fails."""
    record = RequestRecord(_id(request))
    content = refusal(exc, record)
    return Response(content, record.status, media_type=JSON)


async def no_route(request: Request, exc: Exception) -> Response:
    """Answer a wrong method or path."""
    assert isinstance(exc, HTTPException)  # noqa: S101 -- as registered
    asked = "POST /invocations"
    if request.app.state.model is None:
        asked = (
            "POST and GET /models, GET and DELETE /models/NAME, "
            "POST /models/NAME/invoke"
        )
    message = (
        f"{request.method} {request.url.path} is not served: "
        f"there are GET /ping, {asked}, GET /execution-parameters, "
        "GET /metrics and GET /docs"
    )
    body = {"code": "no_route", "message": message, "request_id": _id(request)}
    headers = exc.headers
    if exc.status_code == 405 and request.url.path.startswith("/models"):  # noqa: PLR2004
        # FastAPI knows the methods of one operation, not of all that have this path.
        is_list = request.url.path == "/models"
        headers = {"allow": "GET, POST" if is_list else "DELETE, GET"}
    return JSONResponse(body, exc.status_code, headers)


def _id(request: Request) -> str:
    return clean_id(request.headers.get("x-amzn-sagemaker-inference-id"))
