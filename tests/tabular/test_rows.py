"""Rows by column are the DataFrame that they would have been."""

import copy
from math import nan
from typing import Any

import numpy as np
import pandas as pd
import pytest

from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema

FRAME = pd.DataFrame({"n": [1.5, None], "text": ["a", None]}).astype({"text": "str"})
ROWS = Rows(Schema.learn(FRAME), [[*FRAME["n"]], [*FRAME["text"]]])


def test_rows_are_a_mapping_of_names_to_columns() -> None:
    assert list(ROWS) == ["n", "text"]
    assert ROWS["text"][0] == "a"
    assert dict(ROWS).keys() == {"n", "text"}
    assert (len(ROWS), ROWS.n_rows) == (2, 2)


def whole(rows: Rows) -> list[Any]:
    """Give all columns in each way in which an owner may ask for them."""
    return [
        dict(rows),
        {**rows},
        dict(rows.items()),
        dict(zip(rows, rows.values(), strict=True)),
        {name: rows.get(name) for name in rows},
        rows.copy(),
        rows | {},
        copy.deepcopy(rows),
    ]


@pytest.mark.parametrize("way", range(8))
def test_columns_are_arrays_however_they_are_asked_for(way: int) -> None:
    """D16: numbers are numbers also where all are missing, and text is text."""
    X = pd.DataFrame(
        {"n": [1.5, None], "i": [1, 2], "b": [True, False], "s": ["a", None]}
    ).astype({"s": "str"})
    schema = Schema.learn(X)
    columns = whole(Rows(schema, [[*X[name]] for name in X]))[way]
    kinds = {name: column.dtype.kind for name, column in columns.items()}
    assert kinds == {"n": "f", "i": "i", "b": "b", "s": "O"}
    assert columns["s"].tolist() == ["a", pytest.approx(nan, nan_ok=True)]
    columns = whole(Rows(schema, [[nan], [nan], [None], [nan]]))[way]
    kinds = {name: column.dtype.kind for name, column in columns.items()}
    assert kinds == {"n": "f", "i": "f", "b": "O", "s": "O"}


def test_a_column_that_an_owner_replaces_is_that_of_the_frame() -> None:
    rows = Rows(ROWS.schema, [[1.0, 2.0], ["a", "b"]])
    rows["n"] = np.log(rows["n"])
    rows["more"] = [1, 2]
    assert rows["more"].sum() == 3
    assert rows.frame().to_dict("list") == {"n": [0, np.log(2)], "text": ["a", "b"]}


def test_what_only_a_dataframe_has_is_told_with_the_cure() -> None:
    with pytest.raises(AttributeError, match=r"no 'iloc': `rows.frame\(\)` gives a D"):
        _ = ROWS.iloc  # type: ignore[attr-defined]  # as intended


def test_pandas_makes_a_frame_of_rows_by_name() -> None:
    assert pd.DataFrame(ROWS)["text"].tolist()[0] == "a"


def test_a_frame_of_rows_is_that_of_fit() -> None:
    pd.testing.assert_frame_equal(ROWS.frame(), FRAME)


def test_batches_put_behind_one_another_are_the_rows_of_all() -> None:
    """Also where one is long, and its columns are arrays."""
    long = Rows(ROWS.schema, [np.array([2.5, 3.5]), np.array(["b", "c"], object)])
    together = Rows.concat([ROWS, long, ROWS])
    assert together.n_rows == 6
    assert together["n"].tolist()[2:4] == [2.5, 3.5]
    assert Rows.concat([long, long])["text"].tolist() == ["b", "c", "b", "c"]
    frames = [rows.frame() for rows in (ROWS, long, ROWS)]
    pd.testing.assert_frame_equal(
        together.frame(), pd.concat(frames, ignore_index=True)
    )


def test_a_row_alone_is_that_row_of_the_frame() -> None:
    for number in range(2):
        alone = ROWS.row(number)
        assert alone.n_rows == 1
        expected = FRAME.iloc[[number]].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.frame(), expected)
