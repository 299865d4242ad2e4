import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import runtime
from runtime.errors import Error, ModelError
from runtime.models import artifact
from runtime.models.served import ServedModel
from runtime.models.validation.folder import check
from runtime.models.validation.required import required
from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema

BODY = b"1,a\n2,b\n3,c\n"
TYPES = Schema.learn(pd.DataFrame({"n": [1, 2], "s": ["a", "b"]}))


class RowByRow:
    """A model that treats each row by itself."""

    schema = TYPES

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir

    def predict(self, rows: Any) -> Any:
        """Double the number."""
        return rows["n"] * 2


class Ranking(RowByRow):
    """A model whose answer for a row depends on the other rows."""

    def predict(self, rows: Any) -> Any:
        """Rank the number among the others, the highest first."""
        return rows["n"].rank(ascending=False)


def made(kind: type[RowByRow]) -> ServedModel:
    return ServedModel(kind(Path()), None)


def refused(kind: type[RowByRow], body: bytes = BODY) -> str:
    with pytest.raises(ModelError) as failed:
        check(made(kind), body)
    return str(failed.value)


def test_a_model_that_treats_each_row_by_itself_passes() -> None:
    check(made(RowByRow), BODY)


def test_a_model_that_depends_on_its_neighbours_is_refused_with_the_repair() -> None:
    assert refused(Ranking) == (
        "row 1 gets prediction 1.0 alone, but 3.0 among other rows: let predict treat "
        "each row by itself, or set batchable = False in Predictor"
    )


def test_a_model_that_depends_on_its_neighbours_passes_if_it_says_so() -> None:
    class Honest(Ranking):
        batchable = False

    check(made(Honest), BODY)


def test_one_row_has_no_neighbours() -> None:
    check(made(Ranking), b"1,a\n")


@pytest.mark.parametrize(
    ("among", "alone"),
    [
        ("a", "b"),
        (0.5, 0.50001),
        (None, "a"),
        ([0.5, 0.5], [0.5, 0.6]),
        (["a"], ["b"]),
        (["a"], ["a", "b"]),
        ([0.5], [0.5, 0.5]),
        ([0.5, 0.5], [0.5, 0.5, 0.5]),
        ({"score": 1}, {"score": 2}),
    ],
    ids=[
        "text",
        "numbers",
        "nothing",
        "lists",
        "lists of text",
        "longer lists of text",
        "a longer list",
        "lists of two lengths",
        "objects",
    ],
)
def test_an_answer_of_any_kind_that_differs_is_refused(among: Any, alone: Any) -> None:
    class Fickle(RowByRow):
        def predict(self, rows: Any) -> Any:
            return [alone] if len(rows) == 1 else [among] * len(rows)

    assert "set batchable = False" in refused(Fickle)


@pytest.mark.parametrize(
    ("among", "alone"),
    [
        (0.5, 0.5 + 1e-12),
        (float("nan"), float("nan")),
        ([0.1, 0.9], [0.1 + 1e-12, 0.9]),
        ("a", "a"),
        (None, None),
        (["a", "b"], ["a", "b"]),
        ([["a", 1], ["b"]], [["a", 1], ["b"]]),
        ({"score": [0.5]}, {"score": [0.5]}),
    ],
    ids=[
        "the order of a sum",
        "NaN",
        "lists of numbers",
        "text",
        "nothing",
        "lists of text",
        "lists in lists",
        "objects",
    ],
)
def test_an_answer_of_any_kind_that_is_the_same_passes(among: Any, alone: Any) -> None:
    class Steady(RowByRow):
        def predict(self, rows: Any) -> Any:
            return [alone] if len(rows) == 1 else [among] * len(rows)

    check(made(Steady), BODY)


def test_only_the_output_that_differs_is_named() -> None:
    class Mixed(RowByRow):
        def predict(self, rows: Any) -> Any:
            return {"label": rows["s"], "rank": rows["n"].rank()}

    assert refused(Mixed).startswith("row 2 gets rank 1.0 alone, but 2.0 among")


def test_a_wrong_number_of_answers_is_refused() -> None:
    class Short(RowByRow):
        def predict(self, rows: Any) -> Any:
            return rows["n"].head(1)

    with pytest.raises(Error):
        check(made(Short), BODY)


def test_without_rows_the_warm_up_row_is_what_is_predicted() -> None:
    class Spying(RowByRow):
        seen: list[int] = []  # noqa: RUF012 -- of one test

        def predict(self, rows: Any) -> Any:
            self.seen.append(len(rows))
            return rows["n"]

    check(made(Spying), b"")
    assert Spying.seen == [1]


def test_rows_that_only_the_owner_can_decode_are_not_predicted() -> None:
    class Images(RowByRow):
        schema = None  # type: ignore[assignment]  # no check of the rows

        def decode(self, body: bytes, media_type: str) -> Any:
            raise AssertionError(body, media_type)

    check(made(Images), BODY)


def test_a_column_without_which_the_model_fails_is_required() -> None:
    """H-25, H-73: a request that lacks its value is the caller's fault."""

    class Half(RowByRow):
        schema = Schema.learn(pd.DataFrame({"n": [1, 2], "s": ["a", "b"]}))

        def predict(self, rows: Any) -> Any:
            """Do without text, not without the number."""
            return [int(number) for number in rows["n"]]

    assert required(made(Half)) == ["n"]
    assert required(made(RowByRow)) == []


DATES = [f"{day:%Y-%m-%d}" for day in pd.date_range("2024-01-01", periods=300)]
DATED = Schema.learn(pd.DataFrame({"n": [1, 2, 3] * 100, "when": DATES}))
DATED_ROWS = b"1,2024-01-31\n2,2024-02-29\n"


class Calendar(RowByRow):
    """A model that reads a text column's dates, which the synthetic row lacks."""

    schema = DATED

    def predict(self, rows: Any) -> Any:
        """Give the day of the month, times n, which may not be missing."""
        return pd.to_datetime(rows["when"]).dt.day * rows["n"].map(int)


def test_an_invented_row_costs_no_model_that_real_rows_pass(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """C11: the schema's example of many texts is "text", which is no date."""
    row, note = check(made(Calendar), DATED_ROWS)
    assert row == ["1", "2024-01-31"]
    assert note.startswith("none: a made-up row with when='text', n=2 fails (")
    assert "give real values in Predictor: example = {'when': ..., 'n': ...}" in note
    (record,) = caplog.records
    assert record.getMessage().startswith("the model is kept, and served without a ")
    assert "\n" not in record.getMessage()
    assert record.exc_info is None


def test_a_real_row_says_what_is_required_where_the_invented_one_fails() -> None:
    """H-25: every column would look required, were the failing row asked."""
    row, _ = check(made(Calendar), DATED_ROWS)
    assert required(made(Calendar), row) == ["n"]


@pytest.mark.parametrize("kind", [pd.DataFrame, Rows])
def test_an_example_of_some_columns_is_filled_up(kind: Any) -> None:
    """C11: it cures what the invented row fails on."""

    class Cured(Calendar):
        example = {"when": "2024-01-31"}  # noqa: RUF012 -- as the owner writes it

        def predict(self, rows: Any) -> Any:
            assert isinstance(rows, kind)
            return super().predict(pd.DataFrame(rows))

    Cured.predict.__annotations__["rows"] = kind
    assert check(made(Cured), DATED_ROWS)[1] == ""


def test_an_example_that_fails_costs_no_model_either() -> None:
    class Mistaken(Calendar):
        example = {"when": "soon"}  # noqa: RUF012 -- as the owner writes it

    _, note = check(made(Mistaken), DATED_ROWS)
    assert note.startswith("none: `example` in Predictor fails (")


def test_an_output_that_predict_does_not_give_is_the_jobs_failure() -> None:
    """D17: or each request would fail, though the rows pass."""

    class Mistyped(RowByRow):
        outputs = ("labels",)

        def predict(self, rows: Any) -> Any:
            return {"label": rows["s"], "rank": rows["n"]}

    with pytest.raises(
        ModelError, match="gives no output 'labels': there are label, rank"
    ):
        check(made(Mistyped), BODY)


def test_real_rows_that_fail_are_refused() -> None:
    with pytest.raises(Error):
        check(made(Calendar), b"1,soon\n")


def test_without_real_rows_the_invented_one_judges() -> None:
    with pytest.raises(Error):
        check(made(Calendar), b"")


PREDICTOR = """
from runtime import load

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir)

    def predict(self, rows):
        return self.model.predict(rows)
"""
OWN_JOBLIB = PREDICTOR.replace(
    "load(model_dir)", '__import__("joblib").load(model_dir / "model.joblib")'
)
BROKEN = PREDICTOR.replace("self.model.predict(rows)", "1 / 0")
MODEL = """
class Doubling:
    def predict(self, rows):
        return rows["n"] * 2
"""
TRAIN = """
import pandas as pd
from pydantic import BaseModel
from runtime import run
{model}
class Hyperparameters(BaseModel):
    pass

def train(job):
    job.save(Doubling(), pd.DataFrame({{"n": [1, 2], "s": ["a", "b"]}}))

if __name__ == "__main__":
    run(train, Hyperparameters)
"""


def program(folder: Path, **files: str) -> Path:
    """Lay out the owner's files beside a copy of the runtime."""
    model = folder / "program"
    shutil.copytree(Path(runtime.__file__).parent, model / "runtime")
    for name, text in files.items():
        (model / name.replace("_py", ".py")).write_text(text)
    return model


def run(
    command: list[str], model: Path, given: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=model,
        env={"SAGEMAKER_BASE_DIR": str(model.parent / "ml")},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("predictor", [PREDICTOR, OWN_JOBLIB], ids=["load", "joblib"])
def test_a_class_that_was_pickled_in_train_is_named_with_the_repair(
    tmp_path: Path, predictor: str
) -> None:
    """T-40: the first line of the failure file is what SageMaker shows."""
    model = program(tmp_path, predictor_py=predictor, train=TRAIN.format(model=MODEL))
    done = run(["train"], model)
    assert done.returncode == 1
    assert (tmp_path / "ml/output/failure").read_text() == (
        "AlgorithmError: Doubling is defined in train, where no other program finds "
        "it: move it to a module beside train, say features.py, and "
        "`from features import Doubling`"
    )
    assert list((tmp_path / "ml/model").iterdir()) == []


def test_a_class_in_a_module_beside_train_passes(tmp_path: Path) -> None:
    model = program(
        tmp_path,
        predictor_py=PREDICTOR,
        features_py=MODEL,
        train=TRAIN.format(model="from features import Doubling"),
    )
    done = run(["train"], model)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ml/output/failure").exists()
    assert (tmp_path / "ml/model/model.joblib").exists()


def checked(model: Path) -> tuple[dict[str, Any], str]:
    """Ask for a model folder. Returns: the answer, and what was logged."""
    folder, scratch = model.parent / "model", model.parent / "scratch"
    scratch.mkdir()
    (scratch / "rows.csv").write_bytes(BODY)
    question = {"model_dir": str(folder), "folder": str(scratch), "seconds": 60}
    command = ["-m", "runtime.models.validation"]
    done = run(command, model, f"{json.dumps(question)}\n")
    assert done.returncode == 0
    return dict(json.loads(done.stdout)), done.stderr


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Make a program that can be served, and its model folder."""
    artifact.save(tmp_path / "model", 2, {"columns": TYPES.to_json()})
    doubling = PREDICTOR.replace("self.model.predict(rows)", 'rows["n"] * self.model')
    return program(tmp_path, predictor_py=doubling)


def test_a_folder_that_can_be_served_is_answered_with_nothing(saved: Path) -> None:
    assert checked(saved) == ({}, "")


def test_what_fails_is_answered_with_a_sentence_and_logged(saved: Path) -> None:
    (saved / "predictor.py").write_text(BROKEN)
    answer, log = checked(saved)
    assert answer["failure"] == (
        "predict failed in a fresh process: ZeroDivisionError: division by zero"
    )
    assert "Traceback" in log


def test_a_predictor_that_cannot_be_imported_is_named(saved: Path) -> None:
    (saved / "predictor.py").write_text("import no_such_package")
    assert checked(saved)[0]["failure"] == (
        "predictor.py cannot be imported: ModuleNotFoundError: No module named "
        "'no_such_package': add its package, local-test/add-package.sh no_such_package"
    )


def test_a_corrupt_model_is_named(saved: Path) -> None:
    file = saved.parent / "model/model.joblib"
    file.write_bytes(b"")
    failure = checked(saved)[0]["failure"]
    assert failure.startswith(f"the saved model cannot be served: cannot load {file}: ")


def test_a_model_that_depends_on_its_neighbours_is_told(saved: Path) -> None:
    ranking = PREDICTOR.replace("self.model.predict(rows)", 'rows["n"].rank()')
    (saved / "predictor.py").write_text(ranking)
    assert checked(saved)[0]["failure"].endswith("set batchable = False in Predictor")


def test_what_the_model_requires_is_answered_and_the_folder_stays(saved: Path) -> None:
    """H-25."""
    folder = saved.parent / "model"
    before = artifact.describe(folder)
    whole = PREDICTOR.replace("self.model.predict(rows)", 'rows["n"].map(int)')
    (saved / "predictor.py").write_text(whole)
    answer, _ = checked(saved)
    assert [column["required"] for column in answer.pop("columns")] == [True, False]
    assert answer == {}
    assert artifact.describe(folder) == before


def test_a_folder_without_a_warm_up_row_is_noted(saved: Path) -> None:
    """C11: the process says it in one line, and without a traceback."""
    known = 'rows["s"].map(lambda s: {"a": 1, "b": 2, "c": 3}[s])'
    exact = PREDICTOR.replace("self.model.predict(rows)", known)
    (saved / "predictor.py").write_text(exact)
    folder = saved.parent / "model"
    described = TYPES.to_json()
    described[1]["example"] = "text"
    artifact.save(folder, 2, {"columns": described})
    answer, log = checked(saved)
    assert answer["warm_up"].startswith(
        "none: a made-up row with s='text', n=2 fails ("
    )
    assert [column["required"] for column in answer["columns"]] == [False, True]
    assert len(log.splitlines()) == 1
