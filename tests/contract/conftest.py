"""Fixtures of the tests that run the image."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers import Run
from harness import ROOT, docker


@pytest.fixture(scope="module")
def run_all(image: str) -> Iterator[Run]:
    """Start containers in the background; they are gone when the module ends."""
    yield from runs(image)


@pytest.fixture
def run(image: str) -> Iterator[Run]:
    """Start containers in the background; they are gone when the test ends."""
    yield from runs(image)


def runs(default: str) -> Iterator[Run]:
    """Give what starts containers of an image, by default this one."""
    started: list[str] = []

    def start(*options: str, command: str = "serve", image: str = default) -> str:
        words = command.split()
        started.append(docker("run", "--detach", *options, image, *words).strip())
        return started[-1]

    yield start
    for container in started:
        docker("rm", "--force", "--volumes", container)


@pytest.fixture
def opt_ml(tmp_path: Path) -> Path:
    """Give the tree of local-test, with nothing that a run has produced."""
    return tree(tmp_path / "ml")


@pytest.fixture(scope="session")
def trained(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train in the image once. Returns: the model folder."""
    folder = tree(tmp_path_factory.mktemp("trained") / "ml")
    docker("run", "--rm", "--volume", f"{folder}:/opt/ml", image, "train")
    return folder / "model"


def tree(folder: Path) -> Path:
    """Copy the sample's input as SageMaker mounts it. Returns: the folder."""
    shutil.copytree(ROOT / "local-test/test-dir/input", folder / "input")
    (folder / "model").mkdir()
    (folder / "output").mkdir()
    return folder
