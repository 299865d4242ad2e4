"""A model that `model/train` has made of the rows in local-test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import ROOT, environment


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train once, as SageMaker does."""
    base_dir = tmp_path_factory.mktemp("ml")
    shutil.copytree(ROOT / "local-test/test-dir/input", base_dir / "input")
    program = [sys.executable, os.fspath(ROOT / "model/train")]
    env = environment(SAGEMAKER_BASE_DIR=base_dir)
    job = subprocess.run(program, env=env, capture_output=True, text=True, check=False)
    if job.returncode:
        pytest.fail(f"train ends with status {job.returncode}:\n{job.stderr}", pytrace=False)
    return base_dir / "model"
