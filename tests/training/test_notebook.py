"""A served row gets what scikit-learn gives the same row in a notebook."""

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from harness import answer_of
from runtime.formats import CSV, JSON, JSONLINES, PARQUET
from runtime.models.prediction import EVERY
from runtime.models.served import ServedModel
from runtime.tabular.schema import Schema

N = 60
GENERATOR = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "weight": GENERATOR.normal(size=N),
        "size": GENERATOR.normal(size=N).astype("float32"),
        "rooms": GENERATOR.integers(0, 9, N),
        "city": GENERATOR.choice(["Rome", "Bonn", "Paris, TX", 'a "quoted" one'], N),
        "old": GENERATOR.choice([True, False], N),
    }
)
Y = GENERATOR.choice(["yes", "no", "perhaps"], N)
TEXTS = st.sampled_from([*X["city"].unique(), "Atlantis", "été", " ", "a\nb"])
ROWS = st.fixed_dictionaries(
    {
        "weight": st.none() | st.floats(-1e100, 1e100),  # what can be scaled
        "size": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
        "rooms": st.none() | st.integers(-(2**63), 2**63 - 1),
        "city": st.none() | TEXTS,
        "old": st.booleans(),
    }
)


def pipeline(estimator: Any) -> Any:
    columns = make_column_transformer(
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_include=["str", "bool"]),
        ),
    )
    return make_pipeline(columns, estimator).fit(X, Y)


FITTED = [pipeline(LogisticRegression()), pipeline(HistGradientBoostingClassifier())]


class Fitted:
    """Serves a pipeline that is fitted already."""

    schema = Schema.learn(X)

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, rows: pd.DataFrame) -> Any:
        """Give label and probabilities."""
        return {
            "label": self.model.predict(rows),
            "probabilities": self.model.predict_proba(rows),
        }


def in_a_notebook(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make a frame of rows as one does by hand, with the types of X."""
    frame = pd.DataFrame(rows, columns=list(X))
    loose = {"rooms": "float64" if frame["rooms"].isna().any() else "int64"}
    return frame.astype({**X.dtypes.to_dict(), **loose})


def bodies(rows: list[dict[str, Any]]) -> dict[str, bytes]:
    """Spell rows in each format that can spell them."""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    parquet = io.BytesIO()
    in_a_notebook(rows).to_parquet(parquet)
    return {
        CSV: in_a_notebook(rows).to_csv(header=False, index=False).encode(),
        JSON: json.dumps(
            {"instances": [[row[str(name)] for name in X] for row in rows]}
        ).encode(),
        JSONLINES: lines.encode(),
        PARQUET: parquet.getvalue(),
    }


@pytest.mark.parametrize("fitted", FITTED, ids=["linear", "boosting"])
@given(rows=st.lists(ROWS, min_size=1, max_size=4))
def test_a_row_is_predicted_as_scikit_learn_predicts_it(
    fitted: Any, rows: list[dict[str, Any]]
) -> None:
    """F-05, F-06, F-07, F-08."""
    expected = in_a_notebook(rows)
    label, shares = fitted.predict(expected), fitted.predict_proba(expected)
    model = ServedModel(Fitted(fitted), None, outputs=EVERY)
    for media_type, body in bodies(rows).items():
        content, _ = answer_of(model, body, media_type, JSON)
        answers = json.loads(content)["predictions"]
        assert [answer["label"] for answer in answers] == label.tolist(), media_type
        found = [answer["probabilities"] for answer in answers]
        assert found == shares.tolist(), media_type
