"""What `train` is handed: a job over folders, as in a notebook."""

import html
import json
import math
import pickle
import re
import subprocess
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from pydantic import BaseModel
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from runtime import Job
from runtime.errors import ClientError
from runtime.models import artifact
from runtime.training.sampling import rows_like

X = pd.DataFrame({"size": [1.0, 2.0]})


class Hyperparameters(BaseModel):
    """What the owner declares."""

    rounds: int = 1


def job(base_dir: Path, rounds: int = 1) -> Job[Hyperparameters]:
    """Give a job, as it is at each start."""
    return Job(base_dir, Hyperparameters(rounds=rounds))


def config(base_dir: Path, name: str, content: object) -> None:
    (base_dir / "input/config" / name).write_text(json.dumps(content))


def test_a_metric_is_one_line_that_a_definition_of_sagemaker_finds(
    base_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """T-52."""
    made = job(base_dir)
    made.metric("validation:rmse", 1.25e-7)
    line = capsys.readouterr().out
    assert re.search(r"validation:rmse=([0-9\.eE+-]+);\n", line)
    assert made.metrics == {"validation:rmse": 1.25e-7}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_metric_that_no_tuning_job_can_read_is_refused(
    base_dir: Path, value: float
) -> None:
    """T-52, T-53."""
    with pytest.raises(ValueError, match="metric 'loss' is"):
        job(base_dir).metric("loss", value)


def test_a_job_that_is_started_anew_goes_on_where_it_was(base_dir: Path) -> None:
    """T-45, T-47, T-49: in the folder that SageMaker fills before the start."""
    (base_dir / "checkpoints").mkdir()
    assert job(base_dir).restore() == (None, None)
    job(base_dir).checkpoint({"round": 1}, "model", X)
    assert [f.name for f in (base_dir / "checkpoints").iterdir()] == [
        "localhost-000001.zip"
    ]
    assert job(base_dir).restore() == ({"round": 1}, "model")
    assert job(base_dir, rounds=2).restore() == (None, None)


def test_the_folder_of_checkpoints_may_be_another(base_dir: Path) -> None:
    """T-45: `LocalPath` of CheckpointConfig."""
    config(base_dir, "checkpointconfig.json", {"LocalPath": f"{base_dir}/mine"})
    for name in ("mine", "checkpoints"):
        (base_dir / name).mkdir()
    job(base_dir).checkpoint(1)
    assert len(list((base_dir / "mine").iterdir())) == 1
    assert not list((base_dir / "checkpoints").iterdir())


@pytest.mark.parametrize("content", [None, [], {}, {"LocalPath": None}, "{"])
def test_what_a_private_file_says_is_no_condition(
    base_dir: Path, content: object
) -> None:
    """T-26: where it is not as expected, the folder is the default one."""
    config(base_dir, "checkpointconfig.json", content)
    (base_dir / "checkpoints").mkdir()
    job(base_dir).checkpoint(1)
    assert job(base_dir).restore() == (1, None)


def test_without_a_folder_checkpoints_end_with_their_job(base_dir: Path) -> None:
    """T-45, T-50: nothing is left for a job that did not ask for them."""
    made = job(base_dir)
    made.checkpoint(1, "model", X)
    assert made.restore() == (1, "model")
    scratch = made.checkpoints.folder
    assert job(base_dir).restore() == (None, None)
    assert base_dir not in scratch.parents
    del made  # and at the end of the process
    assert not scratch.exists()


def test_a_checkpoint_with_a_model_needs_its_columns(base_dir: Path) -> None:
    """T-43: without them the model of a stopped job could not be served."""
    with pytest.raises(TypeError, match="needs the X"):
        job(base_dir).checkpoint(1, "model")


def test_rows_of_a_checkpoint_do_not_check_another_model(base_dir: Path) -> None:
    made = job(base_dir)
    made.checkpoint(1, "model", X)
    made.save("another", pd.DataFrame({"colour": ["red"]}))
    assert made._state.held_out is not None
    assert list(made._state.held_out) == ["colour"]


def test_an_array_is_evaluated_like_a_frame(base_dir: Path) -> None:
    made, rows, y = job(base_dir), X.to_numpy(), pd.Series([1.0, 2.0])
    made.evaluate(DummyRegressor().fit(rows, y), rows, y)
    assert made.metrics["validation:mae"] == 0.5
    written = {file.name for file in made.output_data_dir.iterdir()}
    assert written == {"evaluation.json", "predictions.csv", "report.html"}
    assert made._state.held_out is not None
    assert made._state.held_out.to_numpy().tolist() == rows.tolist()


PETS = pd.DataFrame(
    {"size": [1.0, 2.0, 3.0, 4.0], "age": [4.0, 1.0, 3.0, 2.0], "price": [1, 2, 3, 4]}
)


def fitted(base_dir: Path, header: str) -> tuple[Job[Hyperparameters], Any, Any, Any]:
    """Fit on size and age, and read a channel `validation` of one row."""
    folder = base_dir / "input/data/validation"
    folder.mkdir()
    values = {"size": "2", "age": "1", "price": "2", "colour": "red"}
    row = ",".join(values[name] for name in header.split(","))
    (folder / "rows.csv").write_text(f"{header}\n{row}\n")
    made = job(base_dir)
    X = PETS[["size", "age"]]
    rows = made.read("validation")
    return made, LinearRegression().fit(X, PETS["price"]), X, rows


@pytest.mark.parametrize(
    ("header", "left"),
    [("age,size,price", ""), ("colour,age,price,size", "'colour'")],
    ids=["another order", "one more"],
)
@pytest.mark.parametrize("by", ["evaluate", "save"])
def test_rows_of_validation_are_matched_by_name(
    base_dir: Path,
    capsys: pytest.CaptureFixture[str],
    header: str,
    left: str,
    by: str,
) -> None:
    """C12: as the model takes them, and as the end of the job predicts them."""
    made, model, X, rows = fitted(base_dir, header)
    y = rows.pop("price")
    if by == "evaluate":
        made.evaluate(model, rows, y)
        assert made.metrics["validation:rmse"] == pytest.approx(0, abs=1e-9)
    made.save(model, X, rows if by == "save" else None)
    assert made._state.held_out is not None
    assert made._state.held_out.to_dict("records") == [{"size": 2, "age": 1}]
    assert list(made._state.held_out) == ["size", "age"]
    said = f"the model was not fitted on {left}: left out of the held-out rows\n"
    assert capsys.readouterr().out.count(said) == (1 if left else 0)


CARS = "".join(f"{n},{n % 7}.5,{'?' if n == 5 else n}\n" for n in range(40))


def put(base_dir: Path, channel: str, text: str) -> None:
    folder = base_dir / "input/data" / channel
    folder.mkdir()
    (folder / "rows.csv").write_text(text)


def test_an_odd_cell_in_validation_alone_ends_the_job_before_fit(
    base_dir: Path,
) -> None:
    """C12: with channel, column, cell and the option that cures it."""
    put(base_dir, "training", f"price,age,hp\n{CARS.replace('?', '5')}")
    put(base_dir, "validation", f"price,age,hp\n{CARS}")
    made = job(base_dir)
    made.read("training")
    with pytest.raises(ClientError) as raised:
        made.read("validation")
    assert str(raised.value) == (
        "channel 'validation': column 'hp' is text, but numbers in the channel "
        "'training', as 1 of its 40 cells is no number ('?'): read it with "
        'na_values=["?"] if that means a missing value; or, if train does not use '
        "it, read it with dtype={'hp': 'str'} in both"
    )
    assert made.read("validation", na_values=["?"])["hp"].isna().sum() == 1


def test_other_channels_may_hold_what_they_will(base_dir: Path) -> None:
    """C12: a table to join is not measured on."""
    put(base_dir, "training", "price,shop\n1,2\n")
    put(base_dir, "shops", "shop,price\nx,cheap\n")
    made = job(base_dir)
    made.read("training")
    assert made.read("shops")["price"].tolist() == ["cheap"]


def test_a_class_that_only_validation_has_is_counted_and_named(
    base_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """B8: its rows count as wrong, and the log and the page say so."""
    made, rows = job(base_dir), pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})
    model = DummyClassifier().fit(rows, ["no", "yes", "yes", "yes"])
    made.evaluate(model, rows, ["yes", "new", "new", "no"])
    said = (
        "2 held-out rows are of classes that the model was not fitted on ('new'): they "
        "count as predicted wrong"
    )
    assert said in capsys.readouterr().out.splitlines()
    page = (made.output_data_dir / "report.html").read_text()
    assert "2 held-out rows are of classes that the model" in page


def test_the_page_has_what_the_log_says_of_the_data(
    base_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A5, B7: which column, how many odd cells, the first ones and the option."""
    lines = "".join(f"{n},{line}\n" for n, line in enumerate(CARS.splitlines()))
    put(base_dir, "training", f",price,age,hp\n{lines}")
    made = job(base_dir)
    rows = made.read("training")
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in said] == ["'Unnamed:", "'hp'"]
    made.evaluate(
        DummyRegressor().fit(rows[["age"]], rows["price"]), rows, rows["price"]
    )
    page = html.unescape((made.output_data_dir / "report.html").read_text())
    assert [line for line in said if f"<li>training: {line}</li>" not in page] == []


def test_the_model_is_saved_before_it_is_asked_for_answers(base_dir: Path) -> None:
    """T-43: a SIGTERM, which waits for `save`, does not wait for them."""
    made = job(base_dir)
    model = LinearRegression().fit(X, [1, 2])
    seen: list[bool] = []

    class Asked:
        def __reduce__(self) -> Any:
            return LinearRegression, ()

        def predict(self, rows: Any) -> Any:
            seen.append(
                made._state.saved.is_set()
                and made._state.saving.acquire(blocking=False)
            )
            made._state.saving.release()
            return model.predict(rows)

    made.save(Asked(), X)
    assert seen == [True]
    assert made._state.answers == pytest.approx([1, 2])


@pytest.mark.parametrize("rows", ["evaluate", "held_out", "X"])
def test_the_models_own_answers_go_along_with_the_rows_to_predict(
    base_dir: Path, rows: str
) -> None:
    """A1, C15: those of `evaluate`, of `held_out` or of X, a thousand at most."""
    made, model, X, _ = fitted(base_dir, "price,size,age")
    held_out = pd.DataFrame({"age": [3.0] * 3000, "size": [*range(3000)]})
    if rows == "evaluate":
        made.evaluate(model, held_out, held_out["size"])
    made.save(model, X, held_out if rows == "held_out" else None)
    found, answers = made._state.held_out, made._state.answers
    assert found is not None
    assert len(found) == (len(X) if rows == "X" else 1000)
    assert found.index.is_monotonic_increasing
    assert answers == pytest.approx(model.predict(found[["size", "age"]]).tolist())


def test_frames_between_steps_are_part_of_the_model(base_dir: Path) -> None:
    """A server has other threads, where `set_config` of a train says nothing."""
    made = job(base_dir)
    named = make_column_transformer(
        (StandardScaler(), ["standardscaler__size"]), remainder="passthrough"
    )
    first = make_column_transformer((StandardScaler(), ["size"]))
    with config_context(transform_output="pandas"):
        model = make_pipeline(first, named, LinearRegression()).fit(X, [1, 2])
        made.save(model, X)
    loaded = artifact.load(made.model_dir)
    assert loaded.predict(X) == pytest.approx([1, 2])


@pytest.mark.parametrize("given", [pd.Series, list, pd.DataFrame], ids=str)
def test_documents_have_answers_where_the_model_takes_them_so(
    base_dir: Path, given: Any
) -> None:
    """A1: to a model of texts a frame of them is one text, the name of its column."""
    texts = ["a b", "b c", "c a"]
    model = make_pipeline(CountVectorizer(token_pattern="."), DummyClassifier())
    made = job(base_dir)
    made.save(model.fit(texts, [1, 1, 0]), given(texts))
    expected = None if given is pd.DataFrame else [1, 1, 1]
    assert made._state.answers == expected


def test_of_a_wide_table_few_rows_are_compared(base_dir: Path) -> None:
    """A1: what is written for the end of the job stays small."""
    wide = pd.DataFrame(0.0, range(1000), [str(n) for n in range(4000)])
    made = job(base_dir)
    made.evaluate(DummyRegressor().fit(wide, range(1000)), wide, range(1000))
    assert made._state.held_out is not None
    assert len(made._state.held_out) == 251


def test_what_is_no_estimator_has_no_answers_of_its_own(base_dir: Path) -> None:
    """A1."""
    made = job(base_dir)
    made.save("model", X)
    assert made._state.answers is None


def test_a_column_that_validation_lacks_is_named_before_the_model_is_judged(
    base_dir: Path,
) -> None:
    """C12."""
    made, model, _, rows = fitted(base_dir, "size,price")
    y = rows.pop("price")
    with pytest.raises(ClientError) as raised:
        made.evaluate(model, rows, y)
    assert str(raised.value) == (
        "channel 'validation' lacks 'age', of the columns that the model was fitted on;"
        " it has 'size'"
    )
    assert made.metrics == {}


def test_held_out_rows_that_lack_a_column_cost_no_model(
    base_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """C12: the end of the job asks for predictions of rows of X."""
    made, model, X, rows = fitted(base_dir, "size,price")
    made.save(model, X, rows[["size"]])
    assert made._state.held_out is not None
    assert made._state.held_out.equals(X)
    assert "the held-out rows lack 'age': rows of X are" in capsys.readouterr().out


def test_held_out_rows_without_names_are_matched_by_place(base_dir: Path) -> None:
    made = job(base_dir)
    X = PETS[["size", "age"]]
    made.save(LinearRegression().fit(X, PETS["price"]), X, X.head(1).to_numpy())  # type: ignore[arg-type]
    assert made._state.held_out is not None
    assert made._state.held_out.to_numpy().tolist() == [[1, 4]]


@pytest.mark.parametrize(("host", "saves"), [("algo-1", True), ("algo-2", False)])
def test_only_the_first_host_saves(base_dir: Path, host: str, *, saves: bool) -> None:
    """T-21, T-36, T-37, T-38: the folders of all hosts become one archive."""
    resources = {"current_host": host, "hosts": ["algo-1", "algo-2"]}
    config(base_dir, "resourceconfig.json", resources)
    made = job(base_dir)
    made.evaluate(DummyRegressor().fit(X, [1.0, 2.0]), X, pd.Series([1.0, 2.0]))
    made.save("model", X)
    assert made._state.saved.is_set()
    assert made._state.held_out is not None
    assert (base_dir / "model/model.joblib").exists() is saves
    assert (base_dir / "output/data/evaluation.json").exists() is saves


def earlier(base_dir: Path) -> Path:
    """Make the channel `model`, as it lies in S3. Returns: its archive."""
    artifact.save(base_dir / "earlier", "earlier", {"columns": []})
    archive = base_dir / "input/data/model/model.tar.gz"
    archive.parent.mkdir()
    command = ["tar", "-C", str(base_dir / "earlier"), "-czf", str(archive), "."]
    subprocess.run(command, check=True)
    return archive


def test_the_channel_model_holds_the_model_of_an_earlier_job(base_dir: Path) -> None:
    """T-19, T-48."""
    assert job(base_dir).previous_model() is None
    earlier(base_dir)
    assert job(base_dir).previous_model() == "earlier"
    assert "model" in job(base_dir).channels


def test_an_earlier_model_that_is_torn_is_the_callers_to_repair(
    base_dir: Path,
) -> None:
    """T-40, T-48."""
    archive = earlier(base_dir)
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(ClientError, match=f"^channel 'model': cannot unpack {archive}"):
        job(base_dir).previous_model()


def test_an_earlier_model_is_not_read_from_an_empty_channel(base_dir: Path) -> None:
    """T-34, T-48."""
    (base_dir / "input/data/model").mkdir()
    with pytest.raises(ClientError, match=r"^channel 'model': no model\.joblib in"):
        job(base_dir).previous_model()


def test_a_job_that_travels_is_that_of_the_host_where_it_arrives(
    base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-20: small, always the same one, and with the channels of that host."""
    sent = pickle.dumps(job(base_dir, 7))
    assert len(sent) < 1000
    for name in ("here", "there"):
        channel = tmp_path / name / "input/data/training"
        channel.mkdir(parents=True)
        (channel / "rows.csv").write_text(f"place\n{name}\n")
        monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path / name))
        arrived = pickle.loads(sent)
        assert arrived is pickle.loads(sent)
        assert arrived.hyperparameters.rounds == 7
        assert arrived.read("training")["place"].tolist() == [name]


def test_a_notebook_has_a_job_too(base_dir: Path) -> None:
    """T-09, T-10: no file of SageMaker's is there, and none is needed."""
    made = Job(base_dir / "new", Hyperparameters())
    made.checkpoint({"round": 1}, "model", X)
    made.save("model", X)
    assert joblib.load(base_dir / "new/model/model.joblib") == "model"
    assert not made.stopping


def test_a_held_out_column_of_another_name_is_not_taken_for_one_of_x() -> None:
    """C12: by place only where there are no names."""
    X = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    others = pd.DataFrame({"bb": [5], "a": [6]})
    assert rows_like(X, others) is not others
    assert rows_like(X, others)["a"].tolist() == [1, 2]
    assert rows_like(X, others.to_numpy())["a"].tolist() == [5]
