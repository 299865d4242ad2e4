"""Fixtures: an image with an owner's files, and machines of users."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.local_mode import Machine, swept
from harness import docker

TRAIN = """#!/usr/bin/env python3
from runtime import run

import os

from joblib import Parallel, delayed
from pydantic import BaseModel
from runtime import split_target
from sklearn.neighbors import KNeighborsClassifier


class Hyperparameters(BaseModel):
    flag: bool = False
    nothing: int | None = 0
    count: int = 0
    share: float = 0
    items: list[int] = []
    table: dict[str, int] = {}
    text: str = ""


def train(job):
    print("channels:", *job.channels)
    X, y = split_target(job.read("training"), "name")
    if len(job.hosts) > 1:
        at_work = job.client.run(os.getenv, "SM_CURRENT_HOST").values()
        print("at work:", *sorted(set(at_work)))
        Parallel(n_jobs=-1)(delayed(pow)(number, 2) for number in range(20))
    job.save(KNeighborsClassifier(1).fit(X, y), X)


run(train, Hyperparameters)
"""
PREDICTOR = """
from runtime import load


class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir)

    def predict(self, rows):
        return self.model.predict(rows)
"""


@pytest.fixture(scope="session")
def owners_image(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build the image with the files of another owner."""
    yield from built(image, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def owners_image_with_dask(
    image_with_dask: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Build the same for several hosts."""
    yield from built(image_with_dask, tmp_path_factory.mktemp("image"))


def built(image: str, folder: Path) -> Iterator[str]:
    """Build an image with the owner's files, which is gone at the end."""
    name = f"{image}-clients"
    copy = f"FROM {image}\nCOPY train predictor.py /opt/program/\n"
    (folder / "Dockerfile").write_text(copy)
    (folder / "train").write_text(TRAIN)
    (folder / "train").chmod(0o755)
    (folder / "predictor.py").write_text(PREDICTOR)
    docker("build", "--tag", name, str(folder))
    yield name
    docker("image", "rm", "--force", name)


@pytest.fixture(scope="module")
def machine(
    image: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """Give a machine with the SDK that a test module is named after, and with data."""
    sdk = request.path.stem.removeprefix("test_")
    home = tmp_path_factory.mktemp(sdk)
    with swept(home, image):
        (home / "training").mkdir()
        rows = "name,size\none,1\ntwo,2\nthree,3\n"
        (home / "training/rows.csv").write_text(rows)
        (home / "rows.csv").write_text("1\n2\n3\n")
        (home / "code").mkdir()
        (home / "code/note.txt").write_text("a folder of source code is not empty")
        yield Machine(sdk, home)
