"""The recipes: what their first paragraphs promise, on the rows of local-test."""

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness import ROOT, Container, Server, Training, check, copy_program, linux_only
from hosts import LATE, Hosts, one_cpu, tasks
from runtime.models import artifact
from runtime.training import stopping

pytestmark = pytest.mark.penguins
RESUMABLE = ROOT / "examples/resumable_search"
VALUES = {
    "target": "species",
    "n_candidates": "4",
    "cv": "2",
    "n_estimators": "60",
    "trees_a_round": "10",
}
LOADING, WORKING, SAVING, CHECKING = "loading", "working", "saving", "checking"


def tree(folder: Path, **values: str) -> Path:
    """Make what SageMaker mounts, for a job with CheckpointConfig. Returns: it."""
    shutil.copytree(ROOT / "local-test/test-dir/input", folder / "input")
    config = folder / "input/config/hyperparameters.json"
    config.write_text(json.dumps(VALUES | values))
    for name in ("model", "output", "checkpoints"):
        (folder / name).mkdir()
    return folder


def answers(base_dir: Path) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Give a model's probabilities for all rows, `(n_rows, n_classes)`."""
    names = sorted(path.name for path in (base_dir / "model").iterdir())
    assert names == ["model.joblib", "model.json", "model.onnx"]
    model = artifact.load(base_dir / "model")
    rows = pd.read_csv(ROOT / "local-test/test-dir/input/data/training/penguins.csv")
    assert len(model[-1].estimators_) == 60
    return np.asarray(model.predict_proba(rows[list(model.feature_names_in_)]))


def reached(moment: str, base_dir: Path, said: Callable[[], str]) -> bool:
    """Say whether a job that was started has come to a moment."""
    files = {path.name for path in (base_dir / "model").iterdir()}
    if moment == WORKING:  # where nothing is left to do, it saves
        return "candidate " in said() or " trees" in said() or bool(files)
    return {LOADING: True, SAVING: bool(files), CHECKING: "model.json" in files}[moment]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the recipe over `model/`, as its owner does."""
    files = [(RESUMABLE / name).read_text() for name in ("predictor.py", "train")]
    folder = copy_program(tmp_path_factory.mktemp("recipe") / "program", *files)
    shutil.copy(RESUMABLE / "candidates.py", folder)
    (folder / "train").chmod(0o755)
    return folder


def test_a_search_that_is_killed_at_any_moment_ends_with_the_same_model(
    program: Path, tmp_path: Path
) -> None:
    """T-45, T-47, T-49: SIGKILL, as when a machine is taken away, then a new start."""
    whole, killed = tree(tmp_path / "whole/ml"), tree(tmp_path / "killed/ml")
    with Training(program, whole) as job:
        assert job.ended() == 0, job.log()
    pick = random.Random(0)
    moments = [LOADING, WORKING, WORKING, LOADING, WORKING, WORKING, SAVING, CHECKING]
    for moment in moments:
        with Training(program, killed) as job:
            job.reaches(lambda: reached(moment, killed, job.out))  # noqa: B023 -- at once
            with pytest.raises(subprocess.TimeoutExpired):
                job.ended(pick.uniform(0, 0.3))
            job.kill()
    with Training(program, killed) as job:
        assert job.ended() == 0, job.log()
        assert "going on from the checkpoint" in job.out()
    assert np.array_equal(answers(killed), answers(whole))


@linux_only
def test_a_search_on_three_hosts_ends_with_the_model_of_one(
    program: Path, tmp_path: Path
) -> None:
    """T-38, T-45: a host that is killed costs time; each has read its own channel."""
    alone = tree(tmp_path / "alone/ml")
    with Training(program, alone) as job:
        assert job.ended() == 0, job.log()
    shutil.copytree(program, tmp_path / "program")
    with one_cpu(), Hosts(tmp_path, 3, shared=False) as hosts:
        for name in hosts.names:
            rows = ROOT / "local-test/test-dir/input/data"
            shutil.copytree(rows, tmp_path / name / "ml/input/data")
        hosts.start(values=VALUES)
        hosts.leader.reaches(lambda: "candidate 1 of 4" in hosts.leader.out(), LATE)
        hosts.others[0].kill()
        for job in (hosts.leader, hosts.others[1]):
            assert job.ended(LATE) == 0, job.log()
    assert np.array_equal(answers(hosts.leader.base_dir), answers(alone))
    counts = tasks(hosts.leader.out())
    assert sum(counts.values()) >= 4 * 2
    assert counts[hosts.names[0]]
    assert counts[hosts.names[2]]
    assert not list((hosts.others[1].base_dir / "checkpoints").iterdir())


def mounted(program: Path) -> list[str]:
    """Give the options that put the recipe into the image."""
    names = ("train", "predictor.py", "candidates.py")
    volumes = (f"{program / name}:/opt/program/{name}:ro" for name in names)
    return [word for volume in volumes for word in ("--volume", volume)]


def test_a_container_that_is_killed_and_started_anew_ends_with_the_same_model(
    image: str, program: Path, tmp_path: Path
) -> None:
    """T-42, T-45, T-47."""
    whole, killed = tree(tmp_path / "whole"), tree(tmp_path / "killed")
    with Container(image, whole, *mounted(program)) as job:
        assert job.ended() == 0, job.log()
    for moment in (LOADING, WORKING, SAVING):
        with Container(image, killed, *mounted(program)) as job:
            job.reaches(lambda: reached(moment, killed, job.log))  # noqa: B023 -- at once
            job.kill()
            assert job.ended() == 137
    with Container(image, killed, *mounted(program)) as job:
        assert job.ended() == 0, job.log()
        assert "going on from the checkpoint" in job.log()
    assert np.array_equal(answers(killed), answers(whole))


@pytest.mark.parametrize("words", ["candidate 1", " of 3000 trees"])
def test_a_container_that_is_stopped_leaves_what_it_has(
    image: str, program: Path, tmp_path: Path, words: str
) -> None:
    """T-42, T-43: in the search, and while the forest grows, which takes a while."""
    base_dir = tree(tmp_path / "ml", n_estimators="3000")
    with Container(image, base_dir, *mounted(program)) as job:
        job.reaches(lambda: words in job.log())
        assert job.stop() == 0, job.log()
    description = json.loads((base_dir / "model/model.json").read_text())
    assert description["partial"] is True
    assert len(artifact.load(base_dir / "model")[-1].estimators_) in range(10, 3000, 10)


def test_a_container_that_is_stopped_while_it_loads_says_so(
    image: str, program: Path, tmp_path: Path
) -> None:
    """T-42, T-43."""
    base_dir = tree(tmp_path / "ml")
    with Container(image, base_dir, *mounted(program)) as job:
        read = ["docker", "exec", job.name, "cat", "/proc/1/cmdline"]
        job.reaches(
            lambda: b"train" in subprocess.run(read, capture_output=True).stdout
        )
        assert job.stop() == 1
    assert (base_dir / "output/failure").read_text() == stopping.STOPPED
    assert not list((base_dir / "model").iterdir())


SCRIPT_MODE = ROOT / "examples/script_mode"
ROW = ["Biscoe", 46.1, 13.2, 211, 4500, "female", 2007]
LINE = ",".join(map(str, ROW))
# What the first paragraph of its predictor.py says of a transform_fn.
TRANSFORMED = [
    (
        "inference.input_fn(body.decode() if media_type in TEXT else body, media_type)",
        "[(body, media_type)]",
    ),
    ("inference.predict_fn(rows, self.model)", "rows"),
    (
        "inference.output_fn(answer, accept)",
        "inference.transform_fn(self.model, *answer[0], accept)",
    ),
]
TRANSFORM_FN = """

def transform_fn(model, request_body, content_type, accept):
    rows = input_fn(request_body.decode(), content_type)
    return "".join(label + "!\\n" for label in predict_fn(rows, model))
"""


def script_mode(folder: Path) -> Path:
    """Copy the recipe over `model/`. Returns: the program."""
    files = [(SCRIPT_MODE / name).read_text() for name in ("predictor.py", "train")]
    program = copy_program(folder / "program", *files)
    for name in ("train.py", "inference.py"):
        shutil.copy(SCRIPT_MODE / name, program)
    return program


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train by the script. Returns: the folder of program and /opt/ml."""
    folder = tmp_path_factory.mktemp("scripts")
    program, base_dir = script_mode(folder), tree(folder / "ml")
    config = base_dir / "input/config/hyperparameters.json"
    config.write_text(json.dumps({"n-estimators": "7", "min-samples-leaf": "2"}))
    with Training(program, base_dir) as job:
        assert job.ended() == 0, job.log()
    assert "train accuracy: 0.9" in job.out()
    model = artifact.load(base_dir / "model")
    assert len(model[-1].estimators_) == 7
    return folder


@pytest.fixture(scope="module")
def endpoint(scripts: Path) -> Iterator[Server]:
    with Server(scripts / "program", scripts / "ml", PYTHONPATH="") as server:
        yield server.ready()


def test_scripts_of_script_mode_train_and_answer_unchanged(endpoint: Server) -> None:
    """D18: `train.py` has 7 trees by its argument, `inference.py` reads and writes."""
    found = endpoint.invoke(f"{LINE}\n{LINE}\n", accept="text/csv")
    assert (found.status_code, found.text) == (200, "Gentoo\nGentoo\n")
    assert found.headers["content-type"] == "text/csv"
    body = json.dumps({"instances": [ROW]})
    for accept in ("application/json", "*/*", ""):  # resolved: it knows no wildcard
        found = endpoint.invoke(body, "application/json", accept=accept)
        assert found.json() == {"instances": [{"label": "Gentoo"}]}
        assert found.headers["content-type"] == "application/json"
    assert endpoint.invoke(LINE, "").status_code == 200  # no type: CSV, as elsewhere


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        ("{", "application/json", "JSONDecodeError: Expecting property name"),
        ("{}", "application/json", "KeyError: 'instances'"),
        ("[]", "application/json", "TypeError: list indices must be"),
        ('{"instances": [[1]]}', "application/json", "ValueError: 7 columns passed"),
        (b"\xff", "text/csv", "UnicodeDecodeError: 'utf-8' codec"),
        ("", "text/csv", "there is no row in the body"),
        ("a", "image/png", "ValueError: image/png not supported by script!"),
    ],
)
def test_a_body_that_a_script_cannot_read_is_the_clients_to_repair(
    endpoint: Server, body: str | bytes, content_type: str, message: str
) -> None:
    """D18, H-25."""
    found = endpoint.invoke(body, content_type)
    assert found.status_code == 400
    assert found.json()["message"].startswith(message)


def test_a_script_that_transforms_itself_does_so_unchanged(
    scripts: Path, tmp_path: Path
) -> None:
    """D18: `transform_fn`, with the lines that predictor.py names."""
    program = script_mode(tmp_path)
    with (program / "inference.py").open("a") as file:
        file.write(TRANSFORM_FN)
    text = (program / "predictor.py").read_text()
    for before, after in TRANSFORMED:
        assert before in text
        assert after in text.split('"""')[1]
        text = text.replace(before, after)
    (program / "predictor.py").write_text(text)
    shutil.copytree(scripts / "ml/model", tmp_path / "ml/model")
    with Server(program, tmp_path / "ml") as server:
        found = server.ready().invoke(f"{LINE}\n{LINE}\n", accept="text/csv")
    assert (found.status_code, found.text) == (200, "Gentoo!\nGentoo!\n")
    assert found.headers["content-type"] == "text/csv"


def test_a_script_with_model_fn_alone_is_read_asked_and_written_for(
    scripts: Path, tmp_path: Path
) -> None:
    """D18: and what the model refuses is a 400 here too (H-25)."""
    program = script_mode(tmp_path)
    (program / "inference.py").write_text(
        "import joblib\n\n\ndef model_fn(model_dir):\n"
        "    return joblib.load(model_dir + '/model.joblib')\n"
    )
    shutil.copytree(scripts / "ml/model", tmp_path / "ml/model")
    with Server(program, tmp_path / "ml") as server:
        found = server.ready().invoke(f"{LINE}\n", accept="text/csv")
        assert (found.status_code, found.text) == (200, "Gentoo\n")
        assert server.invoke(LINE.replace("211", "wide")).status_code == 400
        assert server.invoke("1,2,3").status_code == 400


# The recipes that are a program each: trained once, then asked.
EXAMPLES = ROOT / "examples"
PENGUINS = ROOT / "local-test/test-dir/input/data/training/penguins.csv"
ISLAND = "Mars,,13.2,211,4500,female,2007"  # which no row has, and a gap
EVERY = {"x-amzn-sagemaker-custom-attributes": "outputs=*"}


def recipe(folder: Path, name: str, data: Path = PENGUINS, **values: Any) -> Path:
    """Lay out a program and /opt/ml as the first paragraph of `train` says.

    Returns: the folder that has both.
    """
    files = [(EXAMPLES / name / file).read_text() for file in ("predictor.py", "train")]
    program = copy_program(folder / "program", *files)
    for module in (EXAMPLES / name).glob("*.py"):
        shutil.copy(module, program)
    base_dir = tree(folder / "ml")
    config = base_dir / "input/config/hyperparameters.json"
    config.write_text(json.dumps(values))
    (base_dir / "input/data/training/penguins.csv").unlink()
    shutil.copy(data, base_dir / "input/data/training")
    return folder


def trained(folder: Path) -> str:
    """Run the job. Returns: what it has said."""
    with Training(folder / "program", folder / "ml") as job:
        assert job.ended() == 0, job.log()
    return job.out()


def served(folder: Path) -> Server:
    return Server(folder / "program", folder / "ml")


def estimator(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load the saved estimator, whose classes may be in the recipe's modules."""
    monkeypatch.syspath_prepend(str(folder / "program"))
    return artifact.load(folder / "ml/model")


def rows_of(data: Path, target: str) -> tuple[pd.DataFrame, str]:
    """Give rows without their target, and as the body of a request."""
    rows = pd.read_csv(data).drop(columns=target)
    return rows, rows.to_csv(index=False, header=False)


def test_own_features_are_computed_in_serving_as_in_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hist_gradient_boosting: text, gaps and a quotient, and why there is no ONNX."""
    ratios = '[["bill_length_mm", "bill_depth_mm"]]'
    folder = recipe(tmp_path, "hist_gradient_boosting", target="species", ratios=ratios)
    said = trained(folder)
    assert "Categories, a class of your own, has no proven conversion" in said
    model = estimator(folder, monkeypatch)
    rows, body = rows_of(PENGUINS, "species")
    assert "bill_length_mm/bill_depth_mm" in model[:-1].transform(rows)
    with served(folder) as server:
        found = server.ready().invoke(body).json()["predictions"]
        assert found == model.predict(rows).tolist()
        assert server.invoke(ISLAND).status_code == 200


def test_a_ratio_of_what_is_no_number_is_a_sentence(tmp_path: Path) -> None:
    folder = recipe(
        tmp_path, "hist_gradient_boosting", target="year", ratios='[["sex", "sex"]]'
    )
    with Training(folder / "program", folder / "ml") as job:
        assert job.ended() == 1
    failure = (folder / "ml/output/failure").read_text()
    assert failure == "ClientError: hyperparameter ratios: sex is no column of numbers"


def test_plain_text_gets_the_labels_of_the_model_by_onnx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """text: a document a line, an empty one too."""
    data = EXAMPLES / "text/test-dir/input/data/training/letters.csv"
    folder = recipe(tmp_path, "text", data, target="team")
    said = trained(folder)
    assert "ONNX answers the same" in said
    assert "delivery: parcel, " in said
    model = estimator(folder, monkeypatch)
    texts = (EXAMPLES / "text/test-dir/payload.txt").read_text().splitlines()
    expected = model.predict(pd.DataFrame({"text": [*texts, "", texts[0]]})).tolist()
    assert expected[:3] == ["delivery", "billing", "returns"]
    with served(folder) as server:
        body = "\n".join([*texts, "", texts[0]])
        found = server.ready().invoke(body, "text/plain").json()
        assert found["predictions"] == expected
        record = json.dumps({"text": texts[0]})
        found = server.invoke(record, "application/json", **EVERY).json()
    (answer,) = found["predictions"]
    assert answer["probability"] == max(answer["probabilities"])


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no wheel of xgboost-cpu")
@pytest.mark.parametrize("target", ["species", "body_mass_g"])
def test_boosting_stops_where_rows_that_were_held_back_get_no_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """xgboost: on the files of the sample, for labels and for numbers."""
    folder = recipe(tmp_path, "xgboost", target=target)
    said = trained(folder)
    model = estimator(folder, monkeypatch)
    booster = getattr(model, "classifier_", model)
    assert booster.best_iteration + 1 < 2000
    assert f"{booster.best_iteration + 1} rounds are kept" in said
    rows, body = rows_of(PENGUINS, target)
    kinds = dict.fromkeys(rows.select_dtypes(exclude="number"), "category")
    with served(folder) as server:
        found = server.ready().invoke(body).json()["predictions"]
        unseen = server.invoke(body.splitlines()[0].replace("Torgersen", "Mars"))
    assert (unseen.status_code, "'Mars'" in unseen.text) == (400, True)
    expected = model.predict(rows.astype(kinds)).tolist()
    assert found == pytest.approx(expected)


ELSEWHERE = """
import sys, joblib, pandas as pd, sklearn.base
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
data, file, version = sys.argv[1:]
rows = pd.read_csv(data)
words = OneHotEncoder(handle_unknown="ignore")
columns = make_column_transformer(
    ("passthrough", make_column_selector(dtype_include="number")),
    (words, make_column_selector(dtype_exclude="number")),
)
model = make_pipeline(columns, RandomForestClassifier(20, random_state=0))
model.fit(rows.drop(columns="species"), rows["species"])
sklearn.base.__version__ = version or sklearn.__version__
joblib.dump(model, file)
"""


def elsewhere(file: Path, version: str = "") -> None:
    """Let a program that knows nothing of this image fit and save a model."""
    command = [sys.executable, "-c", ELSEWHERE, str(PENGUINS), str(file), version]
    subprocess.run(command, check=True)


def pickled(tmp_path: Path, version: str = "") -> Path:
    """Lay out the recipe, with the two channels that its first paragraph names."""
    folder = recipe(tmp_path, "existing_pickle", target="species")
    inputs = folder / "ml/input"
    channels = json.dumps({"training": {}, "model": {}})
    (inputs / "config/inputdataconfig.json").write_text(channels)
    (inputs / "data/model").mkdir()
    elsewhere(inputs / "data/model/forest.joblib", version)
    return folder


def test_a_model_from_elsewhere_is_served_with_a_job_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """existing_pickle: the file alone, then what the job has made of it."""
    folder = pickled(tmp_path)
    shutil.copy(folder / "ml/input/data/model/forest.joblib", folder / "ml/model")
    rows, body = rows_of(PENGUINS, "species")
    expected = estimator(folder, monkeypatch).predict(rows).tolist()
    with served(folder) as server:
        assert server.ready().invoke(body).json()["predictions"] == expected
    (folder / "ml/model/forest.joblib").unlink()
    assert "ONNX answers the same" in trained(folder)
    assert (folder / "ml/output/data/report.html").exists()
    with served(folder) as server:
        assert server.ready().invoke(body).json()["predictions"] == expected
        assert "ONNX" not in server.log()  # it is what answers


def test_a_model_of_another_scikit_learn_is_refused_by_the_job(tmp_path: Path) -> None:
    folder = pickled(tmp_path, "1.2.0")
    with Training(folder / "program", folder / "ml") as job:
        assert job.ended() == 1
    failure = (folder / "ml/output/failure").read_text()
    assert failure.startswith("ClientError: channel 'model': cannot load ")
    assert "from version 1.2.0" in failure


@pytest.mark.parametrize(
    ("target", "left_out"),
    [("species", ""), ("species", "Gentoo"), ("body_mass_g", "")],
)
def test_contributions_and_the_base_sum_up_to_the_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, left_out: str
) -> None:
    """explain: for several classes, for two and for numbers."""
    data = tmp_path / "rows.csv"
    rows = pd.read_csv(PENGUINS)
    rows[rows["species"] != left_out].to_csv(data, index=False)
    folder = recipe(tmp_path, "explain", data, target=target)
    trained(folder)
    model = estimator(folder, monkeypatch)
    rows, body = rows_of(data, target)
    with served(folder) as server:
        found = server.ready().invoke(body, **EVERY).json()["predictions"]
        many = server.invoke(body * 9, **EVERY)
        assert server.invoke(body * 9).status_code == 200
    sums = [sum(answer["contributions"].values()) for answer in found]
    assert sums == pytest.approx([answer["score"] for answer in found])
    assert [*found[0]["contributions"]] == [*rows, "(base)"]
    assert (many.status_code, many.json()["code"]) == (400, "bad_input")
    assert "contributions are given for 1000 at once" in many.json()["message"]
    X = rows.astype(dict.fromkeys(rows.select_dtypes(exclude="number"), "category"))
    predicted = model.predict(X).tolist()
    if target == "body_mass_g":
        assert sums == pytest.approx(predicted)
    else:
        assert [answer["prediction"] for answer in found] == predicted
    if left_out:  # the log-odds of the predicted one of two
        shares = model.predict_proba(X).max(axis=1)
        assert sums == pytest.approx(np.log(shares / (1 - shares)), rel=1e-4)


RECIPES = sorted(file.parent.name for file in EXAMPLES.glob("*/train"))
# A package that is not here (tests/clients/test_mlflow.py has it), and several hosts.
APART = {"mlflow", "many_hosts"}


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in APART])
def test_sagemaker_would_take_each_recipe(name: str, tmp_path: Path) -> None:
    """As local-test/check.sh sees it, on the data that the recipe names."""
    if name == "xgboost" and sys.platform != "linux":
        pytest.skip("macOS has no wheel of xgboost-cpu")
    options = ["--program", EXAMPLES / name, "--silence", "0"]
    if name == "existing_pickle":
        options += ["--test-dir", pickled(tmp_path) / "ml"]
    assert check(*options) == []


def test_the_table_of_recipes_has_a_line_for_each_folder() -> None:
    table = (EXAMPLES / "README.md").read_text()
    listed = re.findall(r"^\| \[(\w+)\]\(\1/train\) \|", table, re.MULTILINE)
    assert sorted(listed) == RECIPES
    for name in listed:
        assert f"cp examples/{name}/train " in (EXAMPLES / name / "train").read_text()


MANY = ROOT / "examples/many_hosts"


@linux_only
@pytest.mark.parametrize("sharded", [True, False])
def test_boosted_trees_of_rows_that_stay_on_their_hosts(
    tmp_path: Path, *, sharded: bool
) -> None:
    """T-34: parts of a channel, or all of it everywhere, make one model."""
    files = [(MANY / name).read_text() for name in ("predictor.py", "train")]
    copy_program(tmp_path / "program", *files)
    random = np.random.default_rng(0)
    parts = []
    for number in range(6):
        rows = pd.DataFrame(random.normal(size=(200, 3)), columns=list("abc"))
        parts.append(rows.assign(a=rows["a"] + number % 3))
    with one_cpu(), Hosts(tmp_path, 3, shared=False) as hosts:
        for place, name in enumerate(hosts.names):
            folder = tmp_path / name / "ml/input/data/training"
            folder.mkdir(parents=True)
            for number, rows in enumerate(parts):
                if not sharded or number % 3 == place:
                    whole = rows.assign(y=rows["a"] * 2 + rows["b"])
                    whole.to_csv(folder / f"part-{number}.csv", index=False)
            kind = "ShardedByS3Key" if sharded else "FullyReplicated"
            config = tmp_path / name / "ml/input/config"
            config.mkdir()
            options = {"training": {"S3DistributionType": kind}}
            (config / "inputdataconfig.json").write_text(json.dumps(options))
        hosts.start(values={"target": "y", "n_estimators": "30"})
        for job in (hosts.leader, *hosts.others):
            assert job.ended(LATE) == 0, job.log()
    assert "6 files on 3 workers" in hosts.leader.out()
    model = artifact.load(hosts.leader.base_dir / "model")
    X = pd.concat(parts).astype("float32")
    error = model.predict(X) - (X["a"] * 2 + X["b"])
    assert np.sqrt((error**2).mean()) < 0.3  # of parts with a < 1 alone: over 1
