"""`python -m runtime.training`, as `entrypoint` starts it: the job of `train`."""

import signal

# A stop that process 1 has no handler for is lost, and these imports take a while: now
# it waits until `stopping.watch` hears it (T-43).
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

from runtime import PROGRAM  # noqa: E402
from runtime.training import runner  # noqa: E402

runner.start(PROGRAM / "train")
