"""The life of a worker: it warms up, serves, and is replaced where it hangs."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable

from runtime.models.served import ServedModel
from runtime.observability.logs import RequestLog
from runtime.observability.metrics import Metrics
from runtime.server.gunicorn_app import master, warmed
from runtime.serving.admission import Admission
from runtime.serving.executor import Executor

log = logging.getLogger("serve")
_BOOT_ERROR = 3  # a worker that leaves with this status stops gunicorn
_REPLACED = 1  # one that leaves with this one is replaced


async def live(
    executor: Executor,
    admission: Admission,
    model: ServedModel,
    requests: RequestLog,
    metrics: Metrics,
    sweep: Callable[[], Awaitable[None]],
) -> None:
    """Let the model answer once (H-15), then look after the worker each second."""
    seconds = 0
    try:
        await executor.run(model.owner.start)
        await executor.run(model.warm_up)
    except Exception:  # the owner's code; no restart would cure it
        log.exception(
            "the server stops: the model failed on the warm-up row, which `example` in "
            "Predictor can replace"
        )
        os._exit(_BOOT_ERROR)
    warmed[0] = 1
    await asyncio.to_thread(metrics.start)
    while True:
        await asyncio.sleep(1)
        seconds += 1
        await sweep()
        metrics.waiting = len(admission.tasks)
        metrics.tick()
        if seconds % 60 == 0:
            requests.summary()
        if executor.stuck:
            await _replace(executor, admission)
        if os.getppid() != master:  # gunicorn was killed: nobody else would stop us
            os.kill(os.getpid(), signal.SIGTERM)


async def _replace(executor: Executor, admission: Admission) -> None:
    """End a worker whose thread hangs; gunicorn starts another one.

    uvicorn accepts no more, answers 503 to those that wait, and ends the process; where
    a slow caller holds that up, it ends here. `/ping` stays 200: others serve.
    """
    log.error("a prediction runs for over %g s: the worker is replaced", executor.limit)
    admission.close()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(1)
    os._exit(_REPLACED)
