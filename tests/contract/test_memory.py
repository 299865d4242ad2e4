"""Workers share the memory of the model, and go on sharing it while they answer (X-05).

What counts is the proportional memory, PSS: a page that four processes share is a
quarter in each of them.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from harness import Server, copy_program, linux_only
from runtime.models import artifact
from runtime.tabular.schema import Schema

pytestmark = linux_only

MB = 2**20
REQUESTS = 1000
MOST = 1.25  # times the memory of one worker, for four
PREDICTOR = """
from runtime import load


class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir)

    def predict(self, rows):
        return self.model.predict(rows)
"""


@pytest.fixture(scope="module")
def base_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Save a forest of some 300 MB."""
    base: Path = tmp_path_factory.mktemp("large")
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(300_000, 2)), columns=["a", "b"])
    forest = ExtraTreesRegressor(8, max_features=1, n_jobs=2, random_state=0)
    forest.fit(X, random.normal(size=len(X))).set_params(n_jobs=None)
    columns = Schema.learn(X).to_json()
    artifact.save(base / "model", forest, {"columns": columns, "classes": None})
    assert (base / "model/model.joblib").stat().st_size > 300 * MB
    yield base
    shutil.rmtree(base)  # pytest would keep it for the next runs


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the program, with a Predictor of the estimator alone."""
    return copy_program(tmp_path_factory.mktemp("large") / "program", PREDICTOR)


def test_four_workers_need_little_more_memory_than_one(
    base_dir: Path, program: Path
) -> None:
    """Each loading its own copy, they need more than three times as much."""
    alone_before, alone = memory(program, base_dir, workers=1)
    before, after = memory(program, base_dir, workers=4)
    assert before < MOST * alone_before
    assert after < MOST * alone


def memory(program: Path, base_dir: Path, workers: int) -> tuple[float, float]:
    """Give the MB of a server and its workers, before and after the requests."""
    with Server(program, base_dir, MODEL_SERVER_WORKERS=workers) as server:
        before = used(server.ready())
        with ThreadPoolExecutor(8) as callers:
            answers = callers.map(lambda n: ask(server, n), range(REQUESTS))
            assert set(answers) == {200}
        return before, used(server)


def ask(server: Server, number: int) -> int:
    """Send a row of its own over a connection of its own."""
    return server.invoke(f"{number / 500 - 1},0.5", connection="close").status_code


def used(server: Server) -> float:
    """Sum the proportional memory of a server and its workers, in MB."""
    pids = [server.process.pid, *server.workers()]
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(text.split("\nPss:")[1].split()[0]) for text in rollups) / 1024
