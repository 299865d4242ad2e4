"""Loading before the fork never hangs a worker (X-09; design, section 4).

Each model is served by two workers with 2 and with 4 threads for native code, and
every worker has to answer.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import Server, copy_program, environment, linux_only

pytestmark = linux_only  # elsewhere each worker loads its own copy

LOADING = """
import joblib

class Predictor:
    def __init__(self, model_dir):
        self.model = joblib.load(model_dir / "model.joblib")

    def predict(self, rows):
        return self.model.predict(rows)
"""
PREDICTING = LOADING.replace(
    "\n    def predict",
    "        import numpy\n"
    "        self.model.predict(numpy.zeros((5000, 20)))\n\n"
    "    def predict",
)
SOURCES = {
    "hist_gradient_boosting": "from sklearn.ensemble import "
    "HistGradientBoostingRegressor as Model; options = {'max_iter': 20}",
    "forest_on_all_cores": "from sklearn.ensemble import "
    "RandomForestRegressor as Model; options = {'n_estimators': 20, 'n_jobs': -1}",
    "xgboost": "from xgboost import XGBRegressor as Model; options = {'n_jobs': 4}",
    "lightgbm": "from lightgbm import LGBMRegressor as Model; "
    "options = {'n_jobs': 4, 'verbose': -1}",
    "blas": "from sklearn.linear_model import LinearRegression as Model; options = {}",
}
FIT = """
import sys
import joblib
import numpy

{source}
random = numpy.random.default_rng(0)
X = random.normal(size=(2000, 20))
joblib.dump(Model(**options).fit(X, X[:, 0]), sys.argv[1])
"""
ROWS = "\n".join(",".join(["0.5"] * 20) for _ in range(3000))


@pytest.fixture(params=SOURCES)
def model_dir(request: pytest.FixtureRequest, base_dir: Path) -> Path:
    """Fit a model in a process of its own, so that no thread of it is left here."""
    program = FIT.format(source=SOURCES[request.param])
    target = base_dir / "model/model.joblib"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(target)], check=True
    )
    return target.parent


@pytest.mark.parametrize("predictor", [LOADING, PREDICTING], ids=["loads", "predicts"])
@pytest.mark.parametrize("threads", [2, 4])
def test_no_worker_hangs_whatever_the_predictor_does_when_it_loads(
    model_dir: Path, tmp_path: Path, predictor: str, threads: int
) -> None:
    program = copy_program(tmp_path / "program", predictor)
    with Server(
        program,
        model_dir.parent,
        MODEL_SERVER_WORKERS=2,
        MODEL_SERVER_THREADS=threads,
        MODEL_SERVER_TIMEOUT=20,
    ) as server:
        server.ready()
        with ThreadPoolExecutor(8) as callers:  # connections spread over the workers
            answers = callers.map(lambda _: server.invoke(ROWS).status_code, range(16))
            assert set(answers) == {200}


def test_threads_left_by_loading_make_every_worker_load_its_own(
    tmp_path: Path, base_dir: Path
) -> None:
    """The server starts over as a new program, and says why."""
    leaving = """
import threading

class Predictor:
    def __init__(self, model_dir):
        threading.Thread(target=threading.Event().wait, daemon=True).start()

    def predict(self, rows):
        return rows.iloc[:, 0].to_numpy()
"""
    program = copy_program(tmp_path / "program", leaving)
    with Server(program, base_dir, MODEL_SERVER_WORKERS=2) as server:
        pid = server.process.pid
        assert server.ready().invoke("1").status_code == 200
        assert "loading the model left 1 threads behind" in server.log()
        assert server.process.pid == pid
        assert server.process.poll() is None


def test_without_the_check_a_forked_worker_does_hang(
    tmp_path: Path,
) -> None:
    """The trap is real: this is what the check is for."""
    program = tmp_path / "trap.py"
    program.write_text(
        """
import os, signal, sys
import numpy
from sklearn.ensemble import HistGradientBoostingRegressor
X = numpy.random.default_rng(0).normal(size=(20000, 20))
model = HistGradientBoostingRegressor(max_iter=5).fit(X, X[:, 0])
model.predict(X)
if os.fork() == 0:
    signal.alarm(10)  # a hang ends in SIGALRM
    model.predict(X)
    os._exit(0)
sys.exit(os.WTERMSIG(os.wait()[1]))
"""
    )
    result = subprocess.run(
        [sys.executable, str(program)],
        env=environment(OMP_NUM_THREADS=2),
        check=False,
    )
    assert result.returncode == 14
