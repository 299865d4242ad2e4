"""The sample: any CSV with numbers and text, for classes or for numbers."""

import csv
import json
import random
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

from harness import ROOT, answer_of, environment
from predictor import Predictor
from runtime.models.served import ServedModel

pytestmark = pytest.mark.sample
COLOURS = ["red", "green", "blue"]


def train(base_dir: Path, rows: list[list[object]], **values: str) -> str:
    """Train on rows. Returns: what it printed."""
    (base_dir / "input/data/training").mkdir(exist_ok=True)
    with (base_dir / "input/data/training/rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    config = base_dir / "input/config/hyperparameters.json"
    config.write_text(json.dumps({"n_estimators": "10", **values}))
    result = subprocess.run(
        [sys.executable, str(ROOT / "model/train")],
        env=environment(SAGEMAKER_BASE_DIR=base_dir),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def rows_of(target: object, n_rows: int = 60) -> list[list[object]]:
    """Make rows: target, size, colour, flag; some cells are missing."""
    pick = random.Random(0)
    rows: list[list[object]] = []
    for _ in range(n_rows):
        size, colour = round(pick.uniform(0, 10), 3), pick.choice(COLOURS)
        flag = pick.choice(["True", "False"])
        label = target(size, colour) if callable(target) else target
        rows.append([label, pick.choice([size, size, ""]), colour, flag])
    return rows


def predict(base_dir: Path, body: str) -> list[str]:
    model = ServedModel.load(base_dir / "model", Predictor)
    answer, _ = answer_of(model, body.encode())
    return answer.decode().splitlines()


@pytest.mark.penguins
def test_penguins_are_told_apart(model_dir: Path) -> None:
    description = json.loads((model_dir / "model.json").read_text())
    assert description["metrics"]["validation:accuracy"] > 0.95
    assert description["classes"] == ["Adelie", "Chinstrap", "Gentoo"]


@pytest.mark.penguins
def test_the_payload_holds_rows_that_training_has_not_seen() -> None:
    training = ROOT / "local-test/test-dir/input/data/training/penguins.csv"
    payload = (ROOT / "local-test/payload.csv").read_text().splitlines()
    seen = {line.partition(",")[2] for line in training.read_text().splitlines()}
    assert len(payload) == 12
    assert any("NA" in line for line in payload)
    assert not seen & set(payload)


def test_a_target_of_text_is_classified_however_many_values_it_has(
    base_dir: Path,
) -> None:
    rows = rows_of(lambda size, _: f"class-{int(size * 3)}", 200)
    out = train(base_dir, [["y", "size", "colour", "flag"], *rows], target="y")
    assert "validation:accuracy=" in out


def test_a_target_of_fractions_is_regressed(base_dir: Path) -> None:
    rows = rows_of(lambda size, colour: size * 2 + len(colour))
    out = train(base_dir, [["y", "size", "colour", "flag"], *rows], target="y")
    assert "validation:rmse=" in out
    assert "validation:r2=" in out


FLAGS = {"0.0/1.0": ["0.0", "1.0"], "0/1": ["0", "1"], "true": ["False", "True"]}


@pytest.mark.parametrize("empty", [0, 1], ids=["whole", "one empty"])
@pytest.mark.parametrize("spelt", FLAGS)
def test_the_task_and_the_labels_do_not_depend_on_one_empty_cell(
    base_dir: Path, spelt: str, empty: int
) -> None:
    """B8."""
    rows = rows_of(lambda size, _: FLAGS[spelt][size > 5])
    for row in rows[:empty]:
        row[0] = ""
    out = train(base_dir, [["y", "size", "colour", "flag"], *rows], target="y")
    assert out.count("1 row without a 'y' is left out") == empty
    assert out.count("task: classification, as the target 'y' ") == 1
    description = json.loads((base_dir / "model/model.json").read_text())
    assert description["classes"] == ([False, True] if spelt == "true" else [0, 1])


def test_the_task_is_the_owners_where_it_is_given(base_dir: Path) -> None:
    """B8."""
    rows = rows_of(lambda size, _: int(size > 5))
    rows = [["y", "size", "colour", "flag"], *rows]
    out = train(base_dir, rows, target="y", task="regression")
    assert "task: regression, as was asked for" in out
    assert "validation:rmse=" in out


@pytest.mark.parametrize(
    ("labels", "cells"),
    [(["0", "1"], ["0.0", "1.0"]), (["1", "2", "X"], ["1", "2"])],
    ids=["0.0 and 1.0", "text that is a number"],
)
def test_a_class_is_the_same_in_validation_however_it_is_spelt_there(
    base_dir: Path, labels: list[str], cells: list[str]
) -> None:
    """B8, C12."""
    places = [n % len(labels) for n in range(60)]
    rows: list[list[object]] = [[labels[place], place] for place in places]
    (base_dir / "input/data/validation").mkdir()
    lines = "".join(f"{cell},{place}\n" for place, cell in enumerate(cells))
    (base_dir / "input/data/validation/rows.csv").write_text(f"y,size\n{lines}")
    header: list[object] = ["y", "size"]
    out = train(base_dir, [header, *rows], target="y")
    assert "validation:accuracy=1;" in out


def test_without_a_header_the_first_column_is_the_target(base_dir: Path) -> None:
    """F-01."""
    train(base_dir, rows_of(lambda size, _: int(size > 5)))
    assert predict(base_dir, "9.9,red,True\n0.1,red,True\n") == ["1", "0"]


def test_missing_and_unseen_cells_get_a_prediction(base_dir: Path) -> None:
    rows = rows_of(lambda _, colour: colour)
    train(base_dir, [["y", "size", "colour", "flag"], *rows], target="y")
    assert len(predict(base_dir, ",red,\n1,purple,True\n,,\n")) == 3


def test_the_channel_validation_is_what_is_measured_on(base_dir: Path) -> None:
    (base_dir / "input/data/validation").mkdir()
    unseen = "y,size,colour,flag\nno,1,red,True\nno,2,red,True\n"
    (base_dir / "input/data/validation/rows.csv").write_text(unseen)
    rows = rows_of(lambda _, colour: colour)
    out = train(base_dir, [["y", "size", "colour", "flag"], *rows], target="y")
    assert "validation:accuracy=0;" in out


def test_the_same_seed_gives_the_same_model(base_dir: Path) -> None:
    rows = rows_of(lambda size, _: size)
    answers = []
    for _ in range(2):
        train(base_dir, rows, random_state="7")
        answers.append(predict(base_dir, "1,red,True\n5,blue,False\n"))
    assert answers[0] == answers[1]


@pytest.mark.penguins
def test_an_answer_of_the_server_is_that_of_a_notebook(model_dir: Path) -> None:
    """The same rows, read by pandas and given to the estimator itself."""
    pandas = pytest.importorskip("pandas")
    payload = ROOT / "local-test/payload.csv"
    model = ServedModel.load(model_dir, Predictor)
    estimator = joblib.load(model_dir / "model.joblib")
    names = list(estimator.feature_names_in_)
    rows = pandas.read_csv(payload, header=None, names=names)
    answer, _ = answer_of(model, payload.read_bytes())
    assert answer.decode().splitlines() == list(estimator.predict(rows))


def continued(base_dir: Path, model_dir: Path, rows: list[list[object]]) -> str:
    """Go on from a model in the channel `model`. Returns: the failure, or ""."""
    channel = base_dir / "input/data/model"
    channel.mkdir()
    archive = ["tar", "-C", str(model_dir), "-czf", str(channel / "model.tar.gz"), "."]
    subprocess.run(archive, check=True)
    try:
        train(base_dir, rows, target=str(rows[0][0]), n_estimators="7")
    except AssertionError:
        return (base_dir / "output/failure").read_text()
    return ""


def penguins() -> list[list[object]]:
    text = (ROOT / "local-test/test-dir/input/data/training/penguins.csv").read_text()
    return [[*row] for row in csv.reader(text.splitlines())]


@pytest.mark.penguins
def test_a_job_with_the_channel_model_adds_its_trees_to_those_of_it(
    base_dir: Path, model_dir: Path
) -> None:
    """T-48: the trees that were there stay as they were."""
    assert continued(base_dir, model_dir, penguins()) == ""
    folders = (model_dir, base_dir / "model")
    before, after = (joblib.load(folder / "model.joblib") for folder in folders)
    assert len(after[-1].estimators_) == len(before[-1].estimators_) + 7
    kept = zip(before[-1].estimators_, after[-1].estimators_, strict=False)
    assert all((a.tree_.threshold == b.tree_.threshold).all() for a, b in kept)
    assert [*after.feature_names_in_] == [*before.feature_names_in_]


@pytest.mark.penguins
@pytest.mark.parametrize("change", ["columns", "classes", "task"])
def test_a_model_of_other_columns_classes_or_task_is_not_continued(
    base_dir: Path, model_dir: Path, change: str
) -> None:
    """T-40, T-48."""
    header, *rows = penguins()
    if change == "columns":
        header[-1] = "season"
    if change == "classes":
        rows = [["Emperor", *row[1:]] if row[0] == "Gentoo" else row for row in rows]
    if change == "task":
        rows = [[str(n / 7), *row[1:]] for n, row in enumerate(rows)]
    reason = continued(base_dir, model_dir, [header, *rows])
    assert reason.startswith("ClientError: channel 'model': its forest has other ")
