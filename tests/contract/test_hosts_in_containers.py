"""Three hosts as containers on a network of their own: the search of the examples.

A container's own name is no host's, `eth0` is not what the job says, and the names of
hosts resolve once they have been started (R-02, T-22).
"""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness import ROOT, Container, docker
from hosts import LATE, configure, tasks

NAMES = ["algo-1-a2yxq", "algo-2-b3zxr", "algo-3-c4wxs"]  # as local mode spells them
VALUES = {
    "target": "species",
    "n_candidates": "8",
    "cv": "2",
    "n_estimators": "60",
    "trees_a_round": "30",
}
pytestmark = pytest.mark.penguins


class Hosts:
    """What runs on a network."""

    def __init__(self, image: str, network: str, folder: Path) -> None:
        self._image, self._network, self.folder = image, network, folder
        self._stack = ExitStack()
        self.containers: dict[str, Container] = {}

    def start(self, *numbers: int) -> None:
        """Start hosts, in this order."""
        for name in (NAMES[n] for n in numbers):
            base_dir = self.folder / name
            shutil.copytree(
                ROOT / "local-test/test-dir/input/data", base_dir / "input/data"
            )
            configure(base_dir, name, NAMES, VALUES, "ethwe")
            container = Container(
                self._image,
                base_dir,
                *("--network", self._network, "--network-alias", name, "--cpus", "1"),
                *(
                    word
                    for file in (ROOT / "examples/resumable_search").iterdir()
                    for word in ("--volume", f"{file}:/opt/program/{file.name}:ro")
                ),
            )
            self.containers[name] = self._stack.enter_context(container)

    @property
    def leader(self) -> Container:
        """The host that saves the model."""
        return self.containers[NAMES[0]]

    def reach(self, words: str) -> None:
        """Wait for words in the log of the leader."""
        self.leader.reaches(lambda: words in self.leader.log(), LATE)

    def description(self) -> dict[str, Any]:
        """Give what the leader's model.json says."""
        file = self.folder / NAMES[0] / "model/model.json"
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def close(self) -> None:
        """Remove what is left."""
        self._stack.close()


@pytest.fixture
def hosts(
    image_with_dask: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Hosts]:
    network = f"{image_with_dask.replace(':', '-')}-{len(request.node.name)}"
    docker("network", "create", network)
    found = Hosts(image_with_dask, network, tmp_path)
    yield found
    found.close()
    docker("network", "rm", network)


def test_three_hosts_search_together_whichever_starts_first(hosts: Hosts) -> None:
    """R-02, T-20, T-21, T-22, T-38."""
    hosts.start(2, 1, 0)
    for name, container in hosts.containers.items():
        assert container.ended() == 0, container.log()
        models = list((hosts.folder / name / "model").glob("*.joblib"))
        assert len(models) == (name == NAMES[0])
    counts = tasks(hosts.leader.log())
    assert sum(counts.values()) == 8 * 2
    assert all(counts.values())
    assert hosts.description()["metrics"]["validation:accuracy"] > 0.95


def test_a_search_outlives_a_host(hosts: Hosts) -> None:
    """T-47, T-49."""
    hosts.start(0, 1, 2)
    hosts.reach("candidate 1 of 8")
    hosts.containers[NAMES[1]].kill()
    assert hosts.leader.ended() == 0, hosts.leader.log()
    assert hosts.containers[NAMES[2]].ended() == 0
    said = f"lost a worker of the host {NAMES[1]}: its tasks run elsewhere"
    assert said in hosts.leader.log()
    assert hosts.description()["partial"] is False


def test_without_the_leader_the_others_end_and_say_so(hosts: Hosts) -> None:
    """T-39, T-40."""
    hosts.start(0, 1, 2)
    hosts.reach("candidate 1 of 8")
    hosts.leader.kill()
    for name in NAMES[1:]:
        container = hosts.containers[name]
        assert container.ended() == 1, container.log()
        failure = hosts.folder / name / "output/failure"
        said = f"PlatformError: the leader {NAMES[0]} was lost"
        assert failure.read_text().startswith(said)


def test_a_stop_of_all_hosts_leaves_a_partial_model(hosts: Hosts) -> None:
    """T-43, T-45."""
    hosts.start(0, 1, 2)
    hosts.reach("candidate 1 of 8")
    with ThreadPoolExecutor(3) as pool:
        statuses = list(pool.map(Container.stop, hosts.containers.values()))
    assert statuses == [0, 0, 0], hosts.leader.log()
    assert hosts.description()["partial"] is True
    assert list((hosts.folder / NAMES[0] / "checkpoints").glob("*.zip"))
