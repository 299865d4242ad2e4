"""A Predictor that answers otherwise than the estimator is told of, and kept (A1)."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from runtime.errors import BadInput
from runtime.models.served import ServedModel
from runtime.models.validation.differing import differing
from runtime.models.validation.folder import check
from runtime.tabular.schema import Schema

ROWS = b"1\n2\n3\n"


class Doubling:
    """A model that doubles a number, whatever the category."""

    schema = Schema.learn(
        pd.DataFrame({"n": [1, 2], "kind": pd.Categorical(["a", "b"])})
    )

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir

    def predict(self, rows: Any) -> Any:
        """Double the number."""
        return rows["n"] * 2


def test_a_held_out_row_that_no_request_could_send_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A4: the others judge, and the log says which value it is."""
    model = ServedModel(Doubling(tmp_path))
    body = b"1,a\n2,new\n3,b\n"
    assert check(model, body)[0] == ["1", "a"]
    (message,) = caplog.messages
    assert message == (
        "held-out rows are left out of the check, as a request with them would be a "
        "400: column 'kind': expected one of a, b, got 'new'"
    )
    (tmp_path / "rows.csv").write_bytes(body)
    content = {"rows": [7, 8, 9], "answers": [2, 0, 7]}
    (tmp_path / "expected.json").write_text(json.dumps(content))
    assert "6 in the place of 7 in row 9" in differing(model, tmp_path)
    (tmp_path / "rows.csv").write_bytes(b"2,newer\n" * 3)
    assert differing(model, tmp_path) == ""
    assert check(model, b"2,newer\n")[0] is None
    with pytest.raises(BadInput):
        check(model, b"2,a,a\n")


def test_rows_are_compared_as_a_request_without_types_is_read(tmp_path: Path) -> None:
    """A2: where nothing is known of a column, a cell that spells a number is one."""
    (tmp_path / "rows.csv").write_bytes(b"1,a\n2,b\n")
    content = {"rows": [0, 1], "answers": [2, 4]}
    (tmp_path / "expected.json").write_text(json.dumps(content))
    kind = type("Untyped", (Doubling,), {"schema": Schema.of_names(["n", "kind"])})
    assert differing(ServedModel(kind(tmp_path)), tmp_path) == ""


class Answering:
    """A model that gives the answers it is told."""

    schema = Schema.learn(pd.DataFrame({"n": [1, 2]}))
    answers: Any = ()

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir

    def predict(self, _: Any) -> Any:
        """Answer, whatever the rows are."""
        return self.answers


def said(folder: Path, answers: Any, expected: list[Any], classes: Any = None) -> str:
    """Say how a Predictor's answers to ROWS differ from those of `model.predict`."""
    (folder / "rows.csv").write_bytes(ROWS)
    content = {"rows": [7, 8, 9], "answers": expected}
    (folder / "expected.json").write_text(json.dumps(content))
    kind = type("Kind", (Answering,), {"answers": answers})
    return differing(ServedModel(kind(folder)), folder, classes)


def test_other_labels_than_those_of_the_estimator_are_counted(tmp_path: Path) -> None:
    """A1: the first of several outputs is what is compared."""
    found = ["yes", "no", "no"]
    expected = ["yes", "yes", "yes"]
    sentence = (
        "gives 2 of 3 held-out rows another answer than model.predict, which was "
        "measured: 'no' in the place of 'yes' in row 8. If that is not on purpose, "
        "answer what self.model.predict gives"
    )
    assert said(tmp_path, found, expected, ["no", "yes"]) == sentence
    several = {"label": found, "share": [0.1] * 3}
    assert said(tmp_path, several, expected, ["no", "yes"]) == sentence


@pytest.mark.parametrize(
    ("answers", "expected", "classes", "n_apart"),
    [
        ([1, 0, 1], [1, 1, 1], [0, 1], 1),
        ([1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0], 1),
        ([True, False, True], [True] * 3, [False, True], 1),
        (["yes", "unsure", "no"], ["yes", "yes", "no"], ["no", "yes"], 1),
        ([1.0, 2.0, 3.5], [1.0, 2.0, 3.0], None, 1),
        ([100, 200, 300], [1.0, 2.0, 3.0], None, 3),
        ([[1, 0], [0, 1], [1, 1]], [[1, 0], [0, 0], [1, 1]], [[0, 1], [0, 1]], 1),
        ([[1, 0], [0, 1], [1, 1]], [[1, 0], [0, 0], [0, 0]], [0, 1], 2),
        ([["a", "x"]] * 3, [["a", "x"], ["a", "y"], ["b", "y"]], None, 2),
        ([[1.0, 2.0]] * 3, [[1.0, 2.0], [1.0, 2.5], [1.0, 2.0]], None, 1),
        (["a", "b", "c"], ["a", "c", "c"], None, 1),
    ],
    ids=[
        "whole numbers",
        "labels that are floats",
        "true and false",
        "a label of the owner's own",
        "numbers",
        "another unit",
        "several labels",
        "labels that are there or not",
        "several texts",
        "several numbers",
        "no classes_",
    ],
)
def test_labels_are_held_against_labels_and_numbers_against_numbers(
    tmp_path: Path, answers: Any, expected: list[Any], classes: Any, n_apart: int
) -> None:
    """A1."""
    assert f"gives {n_apart} of 3 " in said(tmp_path, answers, expected, classes)


@pytest.mark.parametrize(
    ("answers", "expected", "classes"),
    [
        (["no", "yes", "no"], ["no", "yes", "no"], ["no", "yes"]),
        ([1.0000001, 2.0, float("nan")], [1.0, 2.0, float("nan")], None),
        ([0.1, 0.9, 0.2], [0, 1, 1], [0, 1]),
        ([1.0, 0.0, 1.0], [0, 1, 2], [0, 1, 2]),
        ([[0.1, 0.9]] * 3, [0, 1, 1], [0, 1]),
        (["n", "y", "n"], ["no", "no", "no"], ["no", "yes"]),
        (["low", "high", "low"], [1.0, 2.0, 3.0], None),
        ([None] * 3, ["no"] * 3, ["no", "yes"]),
        ([{"label": "no"}] * 3, ["yes"] * 3, ["no", "yes"]),
        ([[0.9, 0.1], [0.2, 0.7], [1, 1]], [[1, 0], [0, 0], [0, 0]], [[0, 1]] * 2),
        ([1.0, 2.0, 3.0], [[1.0], [2.0], [3.0]], None),
    ],
    ids=[
        "labels",
        "numbers",
        "probabilities",
        "probabilities that are sure",
        "shares",
        "other words",
        "words for numbers",
        "nothing",
        "objects",
        "shares of several labels",
        "one number in the place of a list",
    ],
)
def test_equal_answers_and_those_of_another_kind_are_not_spoken_of(
    tmp_path: Path, answers: Any, expected: list[Any], classes: Any
) -> None:
    """A1: what is answered is the owner's to decide."""
    assert said(tmp_path, answers, expected, classes) == ""


def test_a_predictor_that_fails_on_a_held_out_row_is_told(tmp_path: Path) -> None:
    """A1: the first rows judge; of the others it costs no model."""
    sentence = said(tmp_path, ["no"], ["no"] * 3)
    assert sentence.startswith("fails on some of 3 held-out rows: ValueError: 1 answer")
