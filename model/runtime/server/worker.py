"""The life of a worker: it warms up, serves, and is replaced where it hangs."""

import asyncio
import logging
import os
import signal

from runtime.errors import ModelError
from runtime.models.served import ServedModel
from runtime.server.context import ServerContext
from runtime.serving.endpoint import Endpoint

log = logging.getLogger("serve")
_BOOT_ERROR = 3  # a worker that leaves with this status stops gunicorn
_REPLACED = 1  # one that leaves with this one is replaced
_STARTING = "`start` in Predictor failed"
_WARMING = (
    "the model failed on the warm-up row, which `example` in Predictor can replace"
)


async def live(server: ServerContext, endpoint: Endpoint) -> None:
    """Let the model answer once (H-15), then look after the worker each second."""
    metrics = endpoint.metrics
    if endpoint.model is None:
        _be_the_first(server)
    else:
        await _begin(server, endpoint, endpoint.model)
    server.set_warm()
    while True:
        await asyncio.sleep(1)
        await endpoint.sweep()
        metrics.waiting = len(endpoint.admission.tasks)
        metrics.tick()
        if endpoint.stuck:
            await _replace(endpoint)
        if server.master not in (os.getppid(), os.getpid()):
            os.kill(os.getpid(), signal.SIGTERM)  # it was killed: nobody else stops us


async def _begin(server: ServerContext, endpoint: Endpoint, model: ServedModel) -> None:
    """Start the model and let it answer; a worker whose model cannot ends here."""
    started = False
    try:
        await endpoint.executor.run(model.start)
        started = endpoint.started = True
        await endpoint.executor.run(model.warm_up)
    except Exception as exc:  # the owner's code
        stops = not server.warm  # else others serve, and this worker is started anew
        what = "server" if stops else "worker"
        if isinstance(exc, ModelError):  # a sentence, which needs no traceback
            log.error("the %s stops: %s", what, exc)  # noqa: TRY400
        else:
            log.exception("the %s stops: %s", what, _WARMING if started else _STARTING)
        os._exit(_BOOT_ERROR if stops else _REPLACED)


def _be_the_first(server: ServerContext) -> None:
    """End the server where another worker had the models, which are lost (H-64).

    SageMaker starts the container anew, and loads what is asked for.
    """
    if server.warm:
        log.error("the worker with all loaded models has ended: the server stops")
        os._exit(_BOOT_ERROR)


async def _replace(endpoint: Endpoint) -> None:
    """End a worker whose thread hangs; gunicorn starts another one.

    uvicorn accepts no more, answers 503 to those that wait, and ends the process; where
    a slow caller holds that up, it ends here. `/ping` stays 200: others serve.
    """
    limit = endpoint.executor.limit
    log.error("a prediction runs for over %g s: the worker is replaced", limit)
    endpoint.admission.close()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(1)
    os._exit(_REPLACED)
