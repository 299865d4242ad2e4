"""All workers of a forked server answer at once, alike, and share one model (X-09).

Four workers, more than one thread each: small bodies, which the fast engine answers in
the event loop, and large ones, which a worker's executor does, come at the same time.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness import ROOT, Server, copy_program, linux_only, until

pytestmark = linux_only  # elsewhere each worker loads its own copy

WORKERS = 4
FEATURES = 20
PREDICTOR = """
import os
import threading

from runtime import Rows, load


class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir, fast=True)

    def predict(self, rows: Rows):
        thread = threading.current_thread().name
        return {
            "answer": self.model.predict(rows),
            "pid": [os.getpid()] * rows.n_rows,
            "thread": [thread] * rows.n_rows,
        }
"""
# What `exec` makes of each is `model`, to be fitted.
MODELS = {
    "openmp": "from sklearn.ensemble import HistGradientBoostingClassifier\n"
    "model = HistGradientBoostingClassifier(max_iter=20)",
    "forest_on_all_cores": "from sklearn.ensemble import RandomForestClassifier\n"
    "model = RandomForestClassifier(20, n_jobs=-1)",
    "xgboost": "from xgboost import XGBRegressor\n"
    "model = XGBRegressor(n_estimators=20, n_jobs=4)",
    "lightgbm": "from lightgbm import LGBMRegressor\n"
    "model = LGBMRegressor(n_estimators=20, n_jobs=4, verbose=-1)",
    "onnx": "from sklearn.ensemble import RandomForestClassifier\n"
    "from sklearn.impute import SimpleImputer\n"
    "from sklearn.pipeline import make_pipeline\n"
    "model = make_pipeline(SimpleImputer(), RandomForestClassifier(20))",
    "blas": "from sklearn.decomposition import PCA\n"
    "from sklearn.linear_model import LogisticRegression\n"
    "from sklearn.pipeline import make_pipeline\n"
    "model = make_pipeline(PCA(10), LogisticRegression())",
    "mlp": "from sklearn.neural_network import MLPClassifier\n"
    "model = MLPClassifier((200, 200), max_iter=5)",
    "neighbors": "from sklearn.neighbors import KNeighborsClassifier\n"
    "model = KNeighborsClassifier(n_jobs=-1)",
    "svc": "from sklearn.svm import SVC\nmodel = SVC()",
}
FIT = """
import json
import sys
import warnings
from pathlib import Path

import numpy
import pandas

from runtime.models import artifact
from runtime.tabular.schema import Schema

warnings.simplefilter("ignore")  # few rounds, so that it is quick
name, folder = sys.argv[1], Path(sys.argv[2])
{source}
random = numpy.random.default_rng(0)
X = pandas.DataFrame(random.normal(size=(2000, {features}))).astype("float32")
X.columns = [f"x{{n}}" for n in X]
model.fit(X, (X["x0"] > 0).astype("int64"))
classes = model.classes_.tolist() if hasattr(model, "classes_") else None
description = {{"columns": Schema.learn(X).to_json(), "classes": classes}}
artifact.save(folder, model, description)
if name == "onnx":
    sys.path.append("../tests")
    from harness import convert
    convert(folder, X)
for size in {sizes}:
    rows = X.head(size)
    body = rows.to_csv(header=False, index=False)
    (folder.parent / f"{{size}}.csv").write_text(body)
    answers = json.dumps(model.predict(rows).tolist())
    (folder.parent / f"{{size}}.json").write_text(answers)
"""
FEW, MANY = 5, 1000  # rows: 1 kB, and over what is read in the event loop


@pytest.fixture(scope="module", params=MODELS)
def base_dir(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Fit a model in a process of its own, with bodies and what it answers to them."""
    base: Path = tmp_path_factory.mktemp(request.param)
    (base / "model").mkdir()
    program = FIT.format(
        source=MODELS[request.param], features=FEATURES, sizes=(FEW, MANY)
    )
    subprocess.run(
        [sys.executable, "-c", program, request.param, str(base / "model")],
        cwd=ROOT / "model",
        check=True,
    )
    return base


@pytest.fixture
def server(base_dir: Path, tmp_path: Path) -> Iterator[Server]:
    """Serve it with four workers, each of more than one thread."""
    program = copy_program(tmp_path / "program", PREDICTOR)
    with Server(
        program,
        base_dir,
        MODEL_SERVER_WORKERS=WORKERS,
        MODEL_SERVER_THREADS=2,
        MODEL_SERVER_TIMEOUT=20,
        SAGEMAKER_INFERENCE_OUTPUT="*",
    ) as started:
        yield started.ready()


def test_workers_share_a_model_and_answer_at_once_and_alike(
    server: Server, base_dir: Path
) -> None:
    """None hangs, whatever its native threads were before the fork (X-09)."""
    answers = every_worker(server, base_dir)
    assert {pid for _, pid, _ in answers} == set(server.workers())
    for (size, _, _), rows in answers.items():
        expected = json.loads((base_dir / f"{size}.json").read_text())
        assert [row["answer"] for row in rows] == pytest.approx(expected, rel=1e-5)
    threads = {thread for size, _, thread in answers if size == FEW}
    assert ("MainThread" in threads) == (base_dir / "model/model.onnx").exists()
    assert {thread for size, _, thread in answers if size == MANY} == {"executor"}
    assert server.log().count("] loaded ") == 1, server.log()


def every_worker(server: Server, base_dir: Path) -> dict[Any, Any]:
    """Ask with few rows and many at once, until each worker has answered both.

    Each request has a connection of its own. Returns: what was answered, by the number
    of rows, the worker's process and its thread.
    """
    found: dict[Any, list[Any]] = {}
    sizes = [FEW, MANY] * 4

    def asked() -> bool:
        for size, answer in zip(sizes, callers.map(ask, sizes), strict=True):
            found[size, answer[0]["pid"], answer[0]["thread"]] = answer
        return len({key[:2] for key in found}) == 2 * WORKERS

    def ask(size: int) -> Any:
        body = (base_dir / f"{size}.csv").read_bytes()
        response = server.invoke(body, connection="close")
        assert response.status_code == 200, response.text
        return response.json()["predictions"]

    with ThreadPoolExecutor(len(sizes)) as callers:
        until(asked, 30)
    return found
