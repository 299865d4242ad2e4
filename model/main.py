"""All of HTTP: `/ping` and `/invocations`, errors as JSON, the start of a worker."""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from gunicorn.errors import AppImportError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from threadpoolctl import threadpool_limits

from predictor import Predictor
from runtime.errors import DeadlineExceeded, ModelError, PayloadTooLarge, RequestError
from runtime.model import Model, unthreaded
from runtime.server import warmed
from runtime.settings import Settings

log = logging.getLogger("serve")
_BOOT_ERROR = 3  # a worker that leaves with this status stops gunicorn


def create() -> FastAPI:
    """Load the model and make the app.

    gunicorn calls this before it forks, so that all workers share the model's memory;
    with MODEL_PRELOAD=false each worker calls it. Raises: ThreadsLeft, and where the
    model cannot be served AppImportError, which ends gunicorn with its one sentence.
    """
    settings = Settings.read()
    with unthreaded() if settings.preload else nullcontext():
        try:
            model = Model.load(settings.model_dir, Predictor, settings.version_check)
        except ModelError as exc:
            raise AppImportError(str(exc)) from exc
    gc.collect()
    gc.freeze()  # else the collector writes to every object, and no page stays shared
    return app_of(model, settings)


def app_of(model: Model, settings: Settings) -> FastAPI:
    """Make the app that serves one model."""
    app = FastAPI(lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.state.model, app.state.settings = model, settings
    app.add_api_route("/ping", ping, methods=["GET", "POST"])  # POST: H-16
    app.add_api_route("/invocations", invocations, methods=["POST"])
    app.add_exception_handler(RequestError, refuse)
    app.add_exception_handler(HTTPException, no_route)
    app.add_exception_handler(Exception, fail)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Give a worker its lane, one thread: predictions of one model never overlap."""
    threads = app.state.settings.threads
    app.state.lane = ThreadPoolExecutor(1, "lane", threadpool_limits, (threads,))
    warming = asyncio.create_task(warm_up(app))  # until then `/ping` answers 503
    yield
    warming.cancel()


async def warm_up(app: FastAPI) -> None:
    """Let the owner's code start, and the model answer once (H-15)."""
    loop = asyncio.get_running_loop()
    try:
        await loop.run_in_executor(app.state.lane, app.state.model.start)
        await loop.run_in_executor(app.state.lane, app.state.model.warm_up)
    except Exception:  # the owner's code; no restart would cure it
        log.exception("the model failed on the warm-up row: the server stops")
        os._exit(_BOOT_ERROR)
    warmed[0] = 1


async def ping(request: Request) -> Response:
    """Answer 200 once the model has answered the warm-up row, else 503 (H-13)."""
    healthy = warmed[0] and request.app.state.model.healthy()
    return Response(status_code=200 if healthy else 503)


async def invocations(request: Request) -> Response:
    """Answer the rows of a body with one prediction each (H-18, H-21)."""
    state, headers = request.app.state, request.headers
    try:
        async with asyncio.timeout(state.settings.timeout):
            content, media_type = await asyncio.get_running_loop().run_in_executor(
                state.lane,
                state.model.answer,
                await read_body(request, state.settings.max_payload_mb),
                headers.get("content-type", ""),
                headers.get("accept", ""),
                state.settings.default_accept,
            )
    except TimeoutError as exc:
        message = f"no answer within {state.settings.timeout:g} s: send fewer rows"
        raise DeadlineExceeded(message) from exc
    except ClientDisconnect:
        return Response(status_code=400)  # the caller has left: nobody reads this
    # Not `media_type=`: Starlette would add a charset to text/csv (F-16).
    return Response(content, headers={"content-type": media_type})


async def read_body(request: Request, limit_mb: float) -> bytes:
    """Collect a body, also one without a length (H-23). Raises: PayloadTooLarge."""
    limit = limit_mb * 1024 * 1024 or float("inf")
    size = int(request.headers.get("content-length", 0))
    chunks: list[bytes] = []
    if size <= limit:
        size = 0
        async for chunk in request.stream():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                break
    if size > limit:
        message = f"the body is over {limit_mb:g} MB, SAGEMAKER_MAX_PAYLOAD_IN_MB"
        raise PayloadTooLarge(message)
    return b"".join(chunks)


async def refuse(request: Request, exc: Exception) -> Response:
    """Tell the caller what to repair, and the log what we have to."""
    assert isinstance(exc, RequestError)  # noqa: S101 -- as registered
    name = request_id(request)
    if exc.status >= 500:  # noqa: PLR2004
        log.error("request %s: %s", name, exc, exc_info=exc)
    return JSONResponse({**exc.body(), "request_id": name}, exc.status)


async def no_route(request: Request, exc: Exception) -> Response:
    """Answer a wrong method or path."""
    assert isinstance(exc, HTTPException)  # noqa: S101 -- as registered
    message = (
        f"{request.method} {request.url.path} is not served: "
        "there are GET /ping and POST /invocations"
    )
    body = {"code": "no_route", "message": message, "request_id": request_id(request)}
    return JSONResponse(body, exc.status_code, exc.headers)


async def fail(request: Request, exc: Exception) -> Response:
    """Answer for a fault of ours; uvicorn logs the traceback after this line."""
    name = request_id(request)
    log.error("request %s failed: %s", name, type(exc).__name__)
    message = "the server failed; the log has the reason under this request id"
    body = {"code": "internal_error", "message": message, "request_id": name}
    return JSONResponse(body, 500)


def request_id(request: Request) -> str:
    """Give SageMaker's id of a request where there is one (H-19), else a new one."""
    return request.headers.get("x-amzn-sagemaker-inference-id") or uuid4().hex
