"""Which task a target has, and its labels, whatever one cell is."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from runtime import data, infer_task, split_target
from runtime.errors import ClientError

FEW = [str(n % 3) for n in range(60)]
MANY = [str(n) for n in range(60)]
FLOATS = [f"{n}.5" for n in range(60)]
CASES = {
    "0.0 and 1.0": ([f"{n % 2}.0" for n in range(60)], "classification", [0, 1]),
    "few integers": (FEW, "classification", [0, 1, 2]),
    "many integers": (MANY, "regression", [*range(60)]),
    "many floats that are whole": (
        [f"{n}.0" for n in range(60)],
        "regression",
        [*range(60)],
    ),
    "fractions": (FLOATS, "regression", [float(cell) for cell in FLOATS]),
    "few fractions": (["0.5", "1.0"] * 30, "regression", [0.5, 1.0]),
    "True and False": (["True", "False"] * 30, "classification", [False, True]),
    "text": (["no", "yes"] * 30, "classification", ["no", "yes"]),
    "numbers and text": (["1", "X"] * 30, "classification", ["1", "X"]),
    "huge": (["1e300", "2e300"] * 30, "regression", [1e300, 2e300]),
}


def target_of(folder: Path, cells: list[str]) -> Any:
    lines = "".join(f"{cell},{n}\n" for n, cell in enumerate(cells))
    (folder / "a.csv").write_text(f"y,x\n{lines}")
    return split_target(data.read(folder), "y")[1]


@pytest.mark.parametrize("empty", [0, 1], ids=["whole", "one cell is empty"])
@pytest.mark.parametrize("case", CASES)
def test_one_empty_cell_changes_neither_task_nor_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, empty: int
) -> None:
    """B8."""
    cells, task, labels = CASES[case]
    y = target_of(tmp_path, [*cells, *[""] * empty])
    counted = "1 row without a 'y' is left out\n"
    assert capsys.readouterr().out == counted * empty
    assert infer_task(y) == task
    assert sorted(y.unique().tolist()) == labels
    assert {*map(type, y.tolist())} == {*map(type, labels)}
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"task: {task}, as the target 'y' ")


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (
            "few integers",
            (
                "task: classification, as the target 'y' has 3 different whole numbers "
                "(up to 20 are classes); to override it, set task=regression"
            ),
        ),
        (
            "many integers",
            (
                "task: regression, as the target 'y' has 60 different whole numbers "
                "(up to 20 are classes); to override it, set task=classification"
            ),
        ),
        ("text", "task: classification, as the target 'y' is text"),
        ("fractions", "task: regression, as the target 'y' has fractions"),
        (
            "True and False",
            (
                "task: classification, as the target 'y' is true or false; to override "
                "it, set task=regression"
            ),
        ),
    ],
)
def test_the_log_says_why_and_how_to_override(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, said: str
) -> None:
    """B8."""
    infer_task(target_of(tmp_path, CASES[case][0]))
    assert capsys.readouterr().out == f"{said}\n"


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("case", ["few integers", "many integers", "True and False"])
def test_the_owners_task_overrides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, task: str
) -> None:
    """B8."""
    assert infer_task(target_of(tmp_path, CASES[case][0]), task) == task
    assert capsys.readouterr().out.startswith(f"task: {task}, as was asked for; ")


@pytest.mark.parametrize(
    ("case", "task", "sentence"),
    [
        ("text", "regression", "is for numbers: the target 'y' is text"),
        ("fractions", "classification", "read it as text, dtype={'y': 'str'}"),
    ],
)
def test_a_task_that_a_target_is_not_fit_for_is_refused(
    tmp_path: Path, case: str, task: str, sentence: str
) -> None:
    """B8."""
    with pytest.raises(ClientError, match=f"^task={task} ") as refusal:
        infer_task(target_of(tmp_path, CASES[case][0]), task)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("values", [[0, 1, 1], ["a", "b"], [True, False]], ids=str)
def test_y_may_be_any_array(values: list[Any]) -> None:
    for y in (values, pd.Series(values), pd.Series(values).to_numpy()):
        assert infer_task(y) == "classification"


@pytest.mark.parametrize("task", ["Regression", "classify", "", None])
def test_a_task_that_there_is_not_is_refused_with_those_that_there_are(
    task: Any,
) -> None:
    """B8."""
    with pytest.raises(ClientError) as refusal:
        infer_task([0, 1], task)
    assert str(refusal.value) == (
        f"there is no task {task!r}: say auto, classification or regression"
    )


@pytest.mark.parametrize(
    ("dtype", "told"),
    [("category", "is of categories"), ("object", "has 3 different whole numbers")],
)
def test_integers_are_no_text_whatever_holds_them(
    capsys: pytest.CaptureFixture[str], dtype: str, told: str
) -> None:
    """B8."""
    y = pd.Series([1, 2, 3], name="y", dtype=dtype)
    assert infer_task(y) == infer_task(y, "classification") == "classification"
    assert infer_task(y, "regression") == "regression"
    lines = capsys.readouterr().out.splitlines()
    assert all(f"the target 'y' {told}" in line for line in lines)


def test_rows_that_are_left_out_are_counted_by_channel(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """B8."""
    rows = pd.DataFrame({"y": [1, None, 0], "x": [1, 2, 3]})
    rows.attrs["channel"] = "validation"
    split_target(rows, "y", fit=False)
    assert capsys.readouterr().out == (
        "channel 'validation': 1 row without a 'y' is left out\n"
    )
