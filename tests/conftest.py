"""Fixtures: folders as SageMaker mounts them, and the image."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from harness import ROOT, build_image, engine_answers

settings.register_profile("unhurried", deadline=None)  # no test is one of speed
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let CI say that a test which could not run is a failure."""
    parser.addoption("--no-skips", action="store_true", help="a skip is a failure")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail on skips where they are forbidden."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter and reporter.stats.get("skipped")
    if session.config.getoption("--no-skips") and skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", "sample: speaks of the sample's train")
    config.addinivalue_line("markers", "penguins: speaks of the sample's data")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what speaks of the sample or its data, once they are replaced."""
    files = [ROOT / "model/train", ROOT / "model/predictor.py"]
    if not all("The sample: " in file.read_text() for file in files):
        items[:] = [i for i in items if not i.get_closest_marker("sample")]
    if not (ROOT / "local-test/test-dir/input/data/training/penguins.csv").exists():
        items[:] = [i for i in items if not i.get_closest_marker("penguins")]


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """Build the image of this checkout; without an engine these tests are skipped."""
    if not engine_answers():
        pytest.skip("no Docker engine answers: what needs the image is not tested")
    name = f"sagemaker-model:test-{os.getpid()}"  # another run may use this engine
    build_image(name)
    yield name
    subprocess.run(["docker", "image", "rm", "--force", name], check=False)


@pytest.fixture(scope="session")
def image_with_dask(image: str) -> Iterator[str]:
    """Add to the image what several hosts need, as add-package.sh does."""
    name = f"{image}-dask"
    line = f"FROM {image}\nRUN /opt/venv/bin/pip install --no-cache-dir distributed\n"
    command = ["docker", "build", "--tag", name, "-"]
    subprocess.run(command, input=line, text=True, check=True)
    yield name
    subprocess.run(["docker", "image", "rm", "--force", name], check=False)


@pytest.fixture
def base_dir(tmp_path: Path) -> Path:
    """Give an empty tree in the place of /opt/ml."""
    base = tmp_path / "ml"
    for name in ("input/config", "input/data", "model", "output"):
        (base / name).mkdir(parents=True)
    return base
