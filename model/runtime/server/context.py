"""What one server has before it forks: every worker is handed the same object.

`serve` makes it once. No module of ours holds what was read or measured at its import.
"""

import mmap
import os
from dataclasses import dataclass, field

from runtime.resources import Budget
from runtime.settings import Settings

_NATIVE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class ServerContext:
    """The settings, the share of each worker, and the byte that all workers see."""

    settings: Settings
    budget: Budget
    metrics_dir: str | None = None  # of `metrics.prepare`; None: nothing is counted
    master: int = field(default_factory=os.getpid)  # the process that forks the workers
    _warm: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 1), repr=False)

    @classmethod
    def of(cls, settings: Settings, metrics_dir: str | None = None) -> "ServerContext":
        """Measure what this container has, where the settings do not say it."""
        # A table of models is one process's: another would not know a model.
        workers = 1 if settings.multi_model else settings.workers
        budget = Budget.measure(workers, settings.threads)
        return cls(settings, budget, metrics_dir)

    @property
    def warm(self) -> bool:
        """Say whether the model has answered in any worker, so that `/ping` is 200.

        A worker that starts later warms up before it predicts, and `/ping` stays 200.
        """
        return self._warm[0] == 1

    def set_warm(self) -> None:
        """Tell all workers that the model has answered in this one."""
        self._warm[0] = 1

    def environment(self) -> dict[str, str]:
        """Give the variables that count only before numpy is imported (X-08).

        Native code keeps to one thread until the fork (X-09). A worker raises that to
        its budget where it predicts; joblib's `n_jobs=-1` means the budget at once.
        """
        share = str(self.budget.threads)
        variables = dict.fromkeys(_NATIVE, "1")
        variables |= {"MODEL_SERVER_THREADS": share, "LOKY_MAX_CPU_COUNT": share}
        if self.metrics_dir:
            variables["PROMETHEUS_MULTIPROC_DIR"] = self.metrics_dir
        return variables
