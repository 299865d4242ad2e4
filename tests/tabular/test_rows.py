"""Rows by column are the DataFrame that they would have been."""

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
