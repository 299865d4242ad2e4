"""What this container really has, not what its host has: CPUs and memory.

Traps: X-05 (memory), X-06 (CPUs of the host), X-08 (threads times workers).
"""

import ctypes
import gc
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread, get_ident

MEMORY_PER_WORKER = 2**30  # bytes; serverless with 1 GB gets one worker (H-42)
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Budget:
    """Worker processes, threads of native code for each, and the memory of all."""

    workers: int
    threads: int
    memory: int  # bytes

    @property
    def body_memory(self) -> int:
        """Bytes of requests that wait in a worker: a quarter of its share."""
        return self.memory // self.workers // 4

    @property
    def reserve(self) -> int:
        """Bytes that many models leave to requests: bodies have half, answers half."""
        return min(max(self.memory // 8, 2**26), 2**29)

    @classmethod
    def measure(
        cls,
        workers: int | None = None,
        threads: int | None = None,
        cgroup: Path = _CGROUP,
    ) -> "Budget":
        """Divide CPUs and memory among workers; given numbers are obeyed."""
        cpus, memory = cpu_count(cgroup), memory_limit(cgroup)
        if workers is None:
            room = memory // MEMORY_PER_WORKER
            workers = max(1, min(cpus // (threads or 1), room))
        return cls(workers, threads or max(1, cpus // workers), memory)


def cpu_count(cgroup: Path = _CGROUP) -> int:
    """Count the CPUs that this process may use: affinity and cgroup quota."""
    if hasattr(os, "sched_getaffinity"):
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count() or 1
    return max(1, math.ceil(min(usable, _quota(cgroup))))


def _quota(cgroup: Path) -> float:
    """Give the CPU quota in CPUs, infinity without one: cgroup v2, then v1."""
    words = _words(cgroup / "cpu.max") or [
        *_words(cgroup / "cpu/cpu.cfs_quota_us"),
        *_words(cgroup / "cpu/cpu.cfs_period_us"),
    ]
    if len(words) != 2 or words[0] in ("max", "-1"):  # noqa: PLR2004 -- quota, period
        return math.inf
    return int(words[0]) / int(words[1])


def memory_limit(cgroup: Path = _CGROUP) -> int:
    """Give the bytes of memory that this container may use."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limits += [int(word) for word in _words(cgroup / name) if word != "max"]
    return min(limits)


def memory_left(cgroup: Path = _CGROUP) -> int:
    """Give the bytes of memory that this container can still take.

    What the kernel holds of files that nobody has mapped counts as free.
    """
    left = [_named(Path("/proc/meminfo")).get("MemAvailable:", 2**50) * 1024]
    for folder, limit, used in (
        (cgroup, "memory.max", "memory.current"),
        (cgroup / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        numbers = [*_words(folder / limit), *_words(folder / used)]
        if len(numbers) == 2 and numbers[0] != "max":  # noqa: PLR2004 -- limit and use
            stat = _named(folder / "memory.stat")
            cached = stat.get("active_file", 0) + stat.get("inactive_file", 0)
            mapped = stat.get("file_mapped", stat.get("mapped_file", 0))
            left.append(int(numbers[0]) - int(numbers[1]) + max(0, cached - mapped))
    return min(left)


def _named(file: Path) -> dict[str, int]:
    words = _words(file)
    return {n: int(number) for n, number in pairwise(words) if number.isdecimal()}


@contextmanager
def memory_guard(least: int) -> Iterator[None]:
    """Raise MemoryError in this thread once so many bytes are no longer left.

    A file that is packed may be ten times larger in memory: nobody knows beforehand.
    Python looks for such an error between two steps of its own, not within native code.
    """
    ended, mine = Event(), ctypes.c_ulong(get_ident())
    interrupt = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        while not ended.wait(0.01):
            if memory_left() < least:
                interrupt(mine, ctypes.py_object(MemoryError))
                return

    watcher = Thread(target=watch, name="memory guard", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        interrupt(mine, None)  # which takes back an error that has not been raised yet


def release_memory(*, frozen: bool = False) -> None:
    """Give memory that nobody uses back to the system.

    It looks for cycles of what `gc.freeze` has not seen, or of all, which takes a tenth
    of a second in which nothing else runs.
    """
    if frozen:
        gc.unfreeze()
    gc.collect()
    if frozen:
        gc.freeze()
    trim_memory()


def trim_memory() -> None:
    """Give back what the C library keeps for later, where it is glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
