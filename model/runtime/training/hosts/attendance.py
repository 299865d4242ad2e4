"""Who of the hosts is there, who was lost, and how many tasks each has done."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin


class Attendance(SchedulerPlugin):
    """What Dask's scheduler tells of the workers of each host."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.workers: dict[str, str] = {}  # address -> host
        self.lost: list[str] = []
        self.tasks: Counter[str] = Counter()
        self.ending = False

    def add_worker(self, scheduler: Any, worker: str) -> None:
        """Note a worker that has come."""
        name = str(scheduler.workers[worker].name)
        with self.changed:
            self.workers[worker] = name.partition(":")[0]
            self.changed.notify_all()

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:
        """Note that a worker was lost, and give up the tasks that were handed data.

        Whether a copy of the data is left is a matter of luck: so a job always fails
        then. Tasks that fetch their own data run elsewhere.
        """
        with self.changed:
            host = self.workers.pop(worker, worker)
            self.changed.notify_all()
        if self.ending:
            return
        handed = [task for task in scheduler.tasks.values() if not task.run_spec]
        end = "the tasks had data that is lost" if handed else "its tasks run elsewhere"
        if host not in self.lost:
            print(f"lost a worker of the host {host}: {end}", flush=True)
            self.lost.append(host)
        for task in handed:
            for client in [*task.who_wants]:
                scheduler.stimulus_cancel(
                    [task.key], client.client_key, force=True, reason="lost", msg=host
                )

    def transition(self, *change: Any, worker: str = "", **_: Any) -> None:
        """Count a task that is done; `change` is its key, and two of Dask's states."""
        if change[1:3] == ("processing", "memory"):
            self.tasks[self.workers.get(worker, "")] += 1

    def wait(self, condition: Callable[[set[str]], bool], seconds: float) -> bool:
        """Wait until a condition holds of the hosts that have a worker."""
        with self.changed:
            return self.changed.wait_for(
                lambda: condition(set(self.workers.values())), seconds
            )
