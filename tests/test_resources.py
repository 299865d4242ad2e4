import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import linux_only
from runtime.resources import (
    MEMORY_PER_WORKER,
    Budget,
    cpu_count,
    memory_guard,
    memory_left,
    memory_limit,
    release_memory,
)

GIB = 2**30
NO_CGROUP = Path("/nowhere")
CPUS = cpu_count(NO_CGROUP)
MEMORY = memory_limit(NO_CGROUP)


def cgroup(folder: Path, **files: str) -> Path:
    """Write cgroup files; `__` stands for the slash, `_DOT_` for the dot."""
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("_DOT_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return folder


def v2(folder: Path, cpu: str = "max 100000", memory: str = "max") -> Path:
    return cgroup(folder, cpu_DOT_max=cpu, memory_DOT_max=memory)


def v1(
    folder: Path,
    quota: str = "-1",
    period: str = "100000",
    memory: str = "9223372036854771712",
) -> Path:
    return cgroup(
        folder,
        cpu__cpu_DOT_cfs_quota_us=quota,
        cpu__cpu_DOT_cfs_period_us=period,
        memory__memory_DOT_limit_in_bytes=memory,
    )


@pytest.fixture
def one_cpu() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@linux_only
@pytest.mark.usefixtures("one_cpu")
def test_cpus_that_the_process_may_not_use_do_not_count() -> None:
    """X-06."""
    assert cpu_count(NO_CGROUP) == 1


@linux_only
def test_without_a_cgroup_the_cpus_of_the_affinity_count() -> None:
    assert cpu_count(NO_CGROUP) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("cpu", "quota", "period", "cpus"),
    [
        ("100000 100000", "100000", "100000", 1),
        ("50000 100000", "50000", "100000", 1),
        ("1000 100000", "1000", "100000", 1),
        ("100001 100000", "100001", "100000", min(CPUS, 2)),
        ("150000 100000", "150000", "100000", min(CPUS, 2)),
        ("100000 50000", "100000", "50000", min(CPUS, 2)),
        ("6400000 100000", "6400000", "100000", min(CPUS, 64)),
        ("max 100000", "-1", "100000", CPUS),
    ],
    ids=["1", "a half", "a hundredth", "1 and a bit", "1.5", "2", "64", "none"],
)
def test_a_cpu_quota_counts_rounded_up_in_cgroup_v2_and_v1(
    tmp_path: Path, cpu: str, quota: str, period: str, cpus: int
) -> None:
    """X-06."""
    assert cpu_count(v2(tmp_path / "v2", cpu=cpu)) == cpus
    assert cpu_count(v1(tmp_path / "v1", quota=quota, period=period)) == cpus


@pytest.mark.parametrize(
    ("given_limit", "limit"),
    [
        (str(512 * 2**20), 512 * 2**20),
        (str(GIB), GIB),
        (str(2**62), MEMORY),
    ],
    ids=["512 MiB", "1 GiB", "more than there is"],
)
def test_a_memory_limit_counts_in_cgroup_v2_and_v1(
    tmp_path: Path, given_limit: str, limit: int
) -> None:
    """X-05."""
    assert memory_limit(v2(tmp_path / "v2", memory=given_limit)) == min(limit, MEMORY)
    assert memory_limit(v1(tmp_path / "v1", memory=given_limit)) == min(limit, MEMORY)


def test_without_a_memory_limit_the_memory_of_the_machine_counts(
    tmp_path: Path,
) -> None:
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory_limit(NO_CGROUP) == physical
    assert memory_limit(v2(tmp_path / "v2")) == physical
    assert memory_limit(v1(tmp_path / "v1")) == physical


@pytest.mark.parametrize("memory", [GIB // 2, GIB, 2 * GIB - 1])
def test_a_small_container_gets_one_worker_with_all_cpus(
    tmp_path: Path, memory: int
) -> None:
    """H-42."""
    assert Budget.measure(cgroup=v2(tmp_path, memory=str(memory))) == Budget(
        1, CPUS, memory
    )


def test_each_worker_has_memory_of_its_own(tmp_path: Path) -> None:
    """X-05."""
    memory = 2 * MEMORY_PER_WORKER
    budget = Budget.measure(cgroup=v2(tmp_path, memory=str(memory)))
    assert budget.workers == min(CPUS, 2, MEMORY // MEMORY_PER_WORKER)


def test_a_share_of_a_cpu_is_one_worker_with_one_thread(tmp_path: Path) -> None:
    budget = Budget.measure(cgroup=v2(tmp_path, cpu="20000 100000"))
    assert budget == Budget(1, 1, MEMORY)


@given(workers=st.integers(1, 64), threads=st.integers(1, 64))
def test_given_numbers_are_obeyed(workers: int, threads: int) -> None:
    """H-74."""
    assert Budget.measure(workers, threads, NO_CGROUP) == Budget(
        workers, threads, MEMORY
    )
    assert Budget.measure(workers, None, NO_CGROUP).workers == workers
    assert Budget.measure(None, threads, NO_CGROUP).threads == threads


@given(workers=st.none() | st.integers(1, CPUS))
def test_workers_times_threads_never_exceed_the_cpus(workers: int | None) -> None:
    """X-08."""
    budget = Budget.measure(workers, None, NO_CGROUP)
    assert 1 <= budget.workers * budget.threads <= CPUS


@given(threads=st.integers(1, CPUS))
def test_workers_are_as_many_as_the_given_threads_leave_cpus_for(threads: int) -> None:
    """X-08: OMP_NUM_THREADS=4 on 4 CPUs is room for one worker, not for four."""
    budget = Budget.measure(None, threads, NO_CGROUP)
    assert 1 <= budget.workers * budget.threads <= CPUS


@given(workers=st.integers(CPUS + 1, 64))
def test_more_workers_than_cpus_have_one_thread_each(workers: int) -> None:
    budget = Budget.measure(workers, None, NO_CGROUP)
    assert budget == Budget(workers, 1, MEMORY)


@linux_only
def test_memory_that_is_left_is_what_the_limit_and_the_machine_leave(
    tmp_path: Path,
) -> None:
    """H-64: what the kernel can drop is free, what somebody has mapped is not."""
    stat = "anon 7\nactive_file 1000\ninactive_file 2000\nfile_mapped 500"
    files = {"memory_DOT_current": str(10 * 2**20), "memory_DOT_stat": stat}
    found = cgroup(v2(tmp_path / "v2", memory=str(2**25)), **files)
    assert memory_left(found) == 2**25 - 10 * 2**20 + 2500
    files = {
        "memory__memory_DOT_usage_in_bytes": str(10 * 2**20),
        "memory__memory_DOT_stat": stat.replace("file_mapped", "mapped_file"),
    }
    found = cgroup(v1(tmp_path / "v1", memory=str(2**25)), **files)
    assert memory_left(found) == 2**25 - 10 * 2**20 + 2500
    for unlimited in (v2(tmp_path / "none"), NO_CGROUP):
        assert 0 < memory_left(unlimited) < MEMORY


def test_what_fills_the_memory_in_a_guard_is_interrupted() -> None:
    """H-64: before the kernel ends the process; later code is left alone."""
    filled: list[int] = []

    def fill() -> None:
        with memory_guard(2**60):
            while True:
                filled.append(len(filled))

    with pytest.raises(MemoryError):
        fill()
    for _ in range(100_000):
        filled.append(0)  # noqa: PERF401 -- steps, of which each could be interrupted
    with memory_guard(0):
        assert filled


def test_memory_is_given_back_to_the_system() -> None:
    """Also what only the collector finds, where it was told not to look."""

    class Node:
        def __init__(self) -> None:
            self.mine = self

    found = weakref.ref(Node())
    gc.freeze()
    release_memory()
    assert found() is not None
    release_memory(frozen=True)
    assert found() is None
    gc.unfreeze()


def test_many_models_leave_an_eighth_of_the_memory_to_requests() -> None:
    """H-64: at least 64 MiB, at most 512."""
    sizes = {GIB // 4: 64, GIB: 128, 2 * GIB: 256, 64 * GIB: 512}
    assert {m: Budget(1, 1, m).reserve // 2**20 for m in sizes} == sizes


def test_bodies_that_wait_have_a_quarter_of_a_workers_memory() -> None:
    """X-05: a crowd with large bodies is refused before the worker is killed."""
    assert Budget(4, 1, 16 * GIB).body_memory == GIB
