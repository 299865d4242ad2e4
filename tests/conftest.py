"""Fixtures: folders as SageMaker mounts them."""

from pathlib import Path

import pytest


@pytest.fixture
def base_dir(tmp_path: Path) -> Path:
    """Give an empty tree in the place of /opt/ml."""
    base = tmp_path / "ml"
    for name in ("input/config", "input/data", "model", "output"):
        (base / name).mkdir(parents=True)
    return base
