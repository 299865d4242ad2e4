"""Rows by column are the DataFrame that they would have been."""

import numpy as np
import pandas as pd

from runtime.tabular.rows import Rows
from runtime.tabular.schema import Schema

FRAME = pd.DataFrame({"n": [1.5, None], "text": ["a", None]}).astype({"text": "str"})
ROWS = Rows(Schema.learn(FRAME), [[*FRAME["n"]], [*FRAME["text"]]])


def test_rows_are_a_mapping_of_names_to_columns() -> None:
    assert list(ROWS) == ["n", "text"]
    assert ROWS["text"][0] == "a"
    assert dict(ROWS).keys() == {"n", "text"}
    assert (len(ROWS), ROWS.n_rows) == (2, 2)


def test_a_frame_of_rows_is_that_of_fit() -> None:
    pd.testing.assert_frame_equal(ROWS.frame(), FRAME)


def test_batches_put_behind_one_another_are_the_rows_of_all() -> None:
    """Also where one is long, and its columns are arrays."""
    long = Rows(ROWS.schema, [np.array([2.5, 3.5]), np.array(["b", "c"], object)])
    together = Rows.concat([ROWS, long, ROWS])
    assert together.n_rows == 6
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
