"""SageMaker's training contract against the real program (contract.md, part 1)."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from harness import Container, Server, Training, copy_program, environment

TRAIN = """
from pydantic import BaseModel, Field
from sklearn.linear_model import LinearRegression

from runtime import split_target
from runtime import run


class Hyperparameters(BaseModel):
    target: str = "price"
    n_estimators: int = Field(10, ge=1)


def train(job):
    X, y = split_target(job.read("training"), job.hyperparameters.target)
    model = LinearRegression().fit(X, y)
    job.metric("train:score", model.score(X, y))
    {action}
    job.save(model, X)


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
IMPORTS = """
from features import Dates
from sklearn.pipeline import make_pipeline
"""
started: list[subprocess.Popen[str]] = []
ROWS = "size,price\n1,10\n2,20\n3,30\n4,40\n"


def start(
    tmp_path: Path, base_dir: Path, action: str = "", predictor: str = PREDICTOR
) -> subprocess.Popen[str]:
    """Start `train` on whatever lies in the base folder."""
    program = copy_program(tmp_path / "program", predictor, TRAIN.format(action=action))
    process = subprocess.Popen(
        [sys.executable, str(program / "train")],
        env=environment(SAGEMAKER_BASE_DIR=base_dir, TRAINING_JOB_NAME="penguins-1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    started.append(process)
    return process


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    for process in started:
        process.kill()
        process.communicate()
    started.clear()


def channel(base_dir: Path, name: str = "training", rows: str = ROWS) -> Path:
    """Fill a channel. Returns: its folder."""
    folder = base_dir / "input/data" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.csv").write_text(rows)
    return folder


def hyperparameters(base_dir: Path, **values: str) -> None:
    """Write hyperparameters.json as SageMaker does."""
    file = base_dir / "input/config/hyperparameters.json"
    file.write_text(json.dumps(values))


def refused(base_dir: Path, process: subprocess.Popen[str]) -> str:
    """Expect a failed job (T-39, T-40). Returns: the first line of the reason."""
    _, log = process.communicate(timeout=60)
    failure = (base_dir / "output/failure").read_text()
    assert process.returncode == 1
    assert not list((base_dir / "model").iterdir())
    assert failure.splitlines()[0] in log
    assert len(failure.splitlines()[0]) <= 1024
    return failure.splitlines()[0]


def test_a_job_that_ends_well_leaves_a_described_model_and_status_0(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-36, T-39, T-52; H-29: plain files, and no folder around them."""
    channel(base_dir)
    (base_dir / "output/failure").write_text("of an earlier run")
    process = start(tmp_path, base_dir)
    out, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    description = json.loads((base_dir / "model/model.json").read_text())
    assert description["job"] == "penguins-1"
    assert description["metrics"] == {"train:score": pytest.approx(1)}
    assert description["hyperparameters"] == {"target": "price", "n_estimators": 10}
    assert description["versions"].keys() >= {"python", "scikit-learn", "numpy"}
    assert [c["name"] for c in description["columns"]] == ["size"]
    assert description["onnx"] == "ONNX answers the same, to 1e-05"
    files = [*(base_dir / "model").iterdir()]
    names = {"model.joblib", "model.json", "model.onnx"}
    assert {path.name for path in files} == names
    assert all(path.is_file() and not path.is_symlink() for path in files)
    assert re.search(r"train:score=([0-9.eE+-]+);", out)
    assert not (base_dir / "output/failure").exists()


FEATURES = """
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


class Dates(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return pd.to_datetime(X["when"]).dt.day.to_frame()
"""


def test_an_own_transformer_of_dates_is_kept_and_served(
    tmp_path: Path, base_dir: Path
) -> None:
    """C11: the synthetic row has "text" where 300 dates were, and costs no model."""
    days = pd.date_range("2024-01-01", periods=300)
    rows = "".join(f"{day:%Y-%m-%d},{day.day}\n" for day in days)
    channel(base_dir, rows=f"when,price\n{rows}")
    program = copy_program(
        tmp_path / "program",
        PREDICTOR,
        TRAIN.format(action="job.evaluate(model, X, y)")
        .replace("LinearRegression()", "make_pipeline(Dates(), LinearRegression())")
        .replace("from runtime import run", "from runtime import run\n" + IMPORTS),
    )
    (program / "features.py").write_text(FEATURES)
    with Training(program, base_dir) as job:
        assert job.ended() == 0, job.log()
        (said,) = [line for line in job.log().splitlines() if "warm-up" in line]
    assert "the model is kept, and served without a warm-up row" in said
    assert "example = {'when': ...}" in said
    assert "Traceback" not in job.log()
    description = json.loads((base_dir / "model/model.json").read_text())
    assert description["warm_up"].startswith("none: a made-up row with when='text'")
    with Server(program, base_dir) as server:
        answer = server.ready().invoke("2024-03-17")
        assert answer.json() == {"predictions": [pytest.approx(17)]}
        assert "warm-up row: none: a made-up row" in server.log()


def test_no_row_of_the_data_is_stored_with_the_model(
    tmp_path: Path, base_dir: Path
) -> None:
    secret = "17.0625"
    rows = f"size,price\n{secret},10\n2,20\n3,30\n4,40\n5,50\n"
    channel(base_dir, rows=rows)
    process = start(tmp_path, base_dir)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert secret not in (base_dir / "model/model.json").read_text()


def test_strings_become_values_and_keys_of_the_sdk_are_ignored(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-13, T-15."""
    channel(base_dir)
    hyperparameters(
        base_dir,
        n_estimators="10.0",
        target='"price"',
        sagemaker_program="train.py",
        _tuning_objective_metric="train:score",
    )
    process = start(tmp_path, base_dir)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log


def test_a_file_beside_the_channel_and_sub_folders_are_no_trap(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-27, T-33, F-03."""
    folder = channel(base_dir)
    (folder / "more").mkdir()
    (folder / "more/part-00000").write_text("size,price\n5,50\n")
    (folder / "_SUCCESS").touch()
    (folder / ".DS_Store").write_bytes(b"\0")
    (base_dir / "input/data/training-manifest").write_text("[]")
    process = start(tmp_path, base_dir)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log


def test_the_channel_train_is_the_channel_training(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-19, X-37."""
    channel(base_dir, "train")
    process = start(tmp_path, base_dir)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "channel 'training' is empty: no file but empty ones"),
        ("size,price\n", "target column 'price' has no value"),
        ("size,cost\n1,2\n3,4\n", "there is no target column 'price'"),
        ("size,price\n1,10\n2,10\n", "has only the value 10"),
        ("size,price\n,10\n,20\n", "column 'size' has no value in any row"),
        ('size,price\n1,10\n"2,20\n', "cannot read training/rows.csv"),
        ("size,price\n1,10\n2,20,30\n", "cannot read training/rows.csv"),
    ],
    ids=["empty", "header", "target", "one-value", "all-missing", "quote", "ragged"],
)
def test_data_that_cannot_be_learned_from_is_said_in_the_first_line(
    tmp_path: Path, base_dir: Path, rows: str, words: str
) -> None:
    """T-40, X-30."""
    channel(base_dir, rows=rows)
    reason = refused(base_dir, start(tmp_path, base_dir))
    assert reason.startswith("ClientError: ")
    assert words in reason


def test_a_missing_channel_is_said_with_the_channels_that_there_are(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-17, X-37."""
    channel(base_dir, "other")
    reason = refused(base_dir, start(tmp_path, base_dir))
    assert reason.startswith("ClientError: no channel 'training'")
    assert reason.endswith("channels of this job: other")


def test_an_empty_channel_is_said_with_its_folder(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-34."""
    (base_dir / "input/data/training").mkdir()
    reason = refused(base_dir, start(tmp_path, base_dir))
    assert "channel 'training' is empty" in reason


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"n_estimators": "many"}, "hyperparameter n_estimators='many'"),
        ({"n_estimators": "0"}, "greater than or equal to 1"),
        ({"n_estimator": "5"}, "did you mean 'n_estimators'?"),
    ],
)
def test_a_wrong_hyperparameter_is_named_before_the_data_is_read(
    tmp_path: Path, base_dir: Path, values: dict[str, str], words: str
) -> None:
    """T-15, X-36."""
    hyperparameters(base_dir, **values)
    assert words in refused(base_dir, start(tmp_path, base_dir))


def test_an_exception_of_the_owner_is_told_with_its_traceback(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-40: the message first, as FailureReason shows 1024 characters."""
    channel(base_dir)
    reason = refused(base_dir, start(tmp_path, base_dir, "{}['colour']"))
    assert reason == "AlgorithmError: KeyError: 'colour'"
    failure = (base_dir / "output/failure").read_text()
    assert failure.splitlines()[1] == "in train, line 19: {}['colour']"
    assert failure.splitlines()[3] == "Traceback (most recent call last):"


def test_a_reason_that_the_owner_wrote_is_kept(tmp_path: Path, base_dir: Path) -> None:
    """T-41."""
    channel(base_dir)
    action = (
        "(job.base_dir / 'output/failure').write_text('mine'); raise SystemExit('x')"
    )
    start(tmp_path, base_dir, action).communicate(timeout=60)
    assert (base_dir / "output/failure").read_text() == "mine"


@pytest.mark.parametrize("action", ["return", "raise SystemExit(0)"])
def test_a_job_without_a_model_has_not_ended_well(
    tmp_path: Path, base_dir: Path, action: str
) -> None:
    """X-31."""
    channel(base_dir)
    assert refused(base_dir, start(tmp_path, base_dir, action))


def test_a_train_that_writes_its_own_files_is_complete(
    tmp_path: Path, base_dir: Path
) -> None:
    """Design, section 2."""
    channel(base_dir)
    own = "class Predictor:\n    def __init__(self, model_dir):\n        self.text = "
    own += "(model_dir / 'own.txt').read_text()\n    def predict(self, rows): ..."
    action = "(job.model_dir / 'own.txt').write_text('1'); return"
    process = start(tmp_path, base_dir, action, own)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log


def test_a_model_that_depends_on_its_neighbours_is_refused(
    tmp_path: Path, base_dir: Path
) -> None:
    channel(base_dir)
    centred = PREDICTOR.replace(
        "self.model.predict(rows)", "self.model.predict(rows - rows.mean())"
    )
    reason = refused(base_dir, start(tmp_path, base_dir, predictor=centred))
    assert "set batchable = False in Predictor" in reason


def test_a_class_that_train_defines_is_refused_with_the_repair(
    tmp_path: Path, base_dir: Path
) -> None:
    channel(base_dir)
    action = (
        "global Ratio; Ratio = type('Ratio', (), {'__module__': '__main__'}); "
        "model.ratio = Ratio()"
    )
    reason = refused(base_dir, start(tmp_path, base_dir, action))
    assert "from features import Ratio" in reason


def test_local_mode_needs_no_more_than_it_writes_and_may_write_more(
    tmp_path: Path, base_dir: Path
) -> None:
    """T-09, T-16, T-20, T-26: keys that are absent, keys and files that are new."""
    channel(base_dir)
    files = {
        "inputdataconfig.json": '{"training":{"TrainingInputMode":"File","New":[1]}}',
        "resourceconfig.json": '{"current_host":"algo-1-x7","hosts":["algo-1-x7"]}',
        "init-config.json": "",
        "metric-definition-regex.json": "[]",
        "checkpointconfig.json": "null",
    }
    for name, content in files.items():
        (base_dir / "input/config" / name).write_text(content)
    process = start(tmp_path, base_dir, "job.checkpoint(1, model, X)")
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log


def test_a_job_leaves_nothing_to_the_next_one(tmp_path: Path, base_dir: Path) -> None:
    """T-37, T-42, T-50: a folder that was used before is as good as a new one."""
    (base_dir / "output/data").mkdir()
    for name in ("model/model.joblib", "output/data/evaluation.json", "output/failure"):
        (base_dir / name).write_text("of an earlier job")
    refused(base_dir, start(tmp_path, base_dir))
    assert not list((base_dir / "output/data").iterdir())


def test_the_image_reads_what_is_mounted_and_writes_nowhere_else(
    image: str, tmp_path: Path, base_dir: Path
) -> None:
    """T-05, T-06, T-12, T-28, T-54: a folder that only root may enter; no network."""
    channel(base_dir)
    hyperparameters(base_dir, n_estimators="7")
    program = copy_program(tmp_path / "program", PREDICTOR, TRAIN.format(action=""))
    (program / "train").chmod(0o755)
    options = ["--read-only", "--tmpfs", "/tmp", "--network", "none"]
    options += ["--volume", f"{base_dir}/input:/opt/ml/input:ro"]
    for name in ("train", "predictor.py"):
        options += ["--volume", f"{program / name}:/opt/program/{name}:ro"]
    config = base_dir / "input/config"
    config.chmod(0o644)
    try:
        with Container(image, base_dir, *options) as job:
            assert job.ended() == 0, job.log()
    finally:
        config.chmod(0o755)
    description = json.loads((base_dir / "model/model.json").read_text())
    assert description["hyperparameters"]["n_estimators"] == 7
