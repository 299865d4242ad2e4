"""`python -m runtime.training`, as `entrypoint` starts it: the job of `train`."""

import signal

# As process 1 a stop would be lost until a handler is there, which takes some imports:
# it waits until `stopping.watch` is ready for it (T-43).
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

from runtime import PROGRAM  # noqa: E402
from runtime.training import runner  # noqa: E402

runner.start(PROGRAM / "train")
