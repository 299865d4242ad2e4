"""The life of a worker: it warms up, serves, and is replaced where it hangs."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable

from runtime.models.served import ServedModel
from runtime.observability.metrics import Metrics
from runtime.server.context import ServerContext
from runtime.serving.executor import Executor

log = logging.getLogger("serve")
_BOOT_ERROR = 3  # a worker that leaves with this status stops gunicorn
_REPLACED = 1  # one that leaves with this one is replaced


async def live(
    server: ServerContext,
    executor: Executor,
    model: ServedModel,
    metrics: Metrics,
    sweep: Callable[[], None],
) -> None:
    """Let the model answer once (H-15), then look after the worker each second."""
    try:
        await executor.run(model.start)
        await executor.run(model.warm_up)
    except Exception:  # the owner's code; no restart would cure it
        log.exception(
            "the server stops: the model failed on the warm-up row, which `example` in "
            "Predictor can replace"
        )
        os._exit(_BOOT_ERROR)
    server.set_warm()
    while True:
        await asyncio.sleep(1)
        sweep()
        metrics.waiting = executor.requests
        metrics.tick()
        if executor.stuck:
            await _replace(executor)
        if server.master not in (os.getppid(), os.getpid()):
            os.kill(os.getpid(), signal.SIGTERM)  # it was killed: nobody else stops us


async def _replace(executor: Executor) -> None:
    """End a worker whose thread hangs; gunicorn starts another one.

    uvicorn accepts no more, answers 503 to those that wait, and ends the process; where
    a slow caller holds that up, it ends here. `/ping` stays 200: others serve.
    """
    log.error("a prediction runs for over %g s: the worker is replaced", executor.limit)
    executor.give_up()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(1)
    os._exit(_REPLACED)
