"""YOURS: features of your own. They lie beside train, where serve finds them too."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

MOST_CATEGORIES = 254  # of a column: HistGradientBoosting takes no more


class Ratios(TransformerMixin, BaseEstimator):
    """Adds the quotient of two columns, for each pair of names."""

    def __init__(self, pairs=()):
        self.pairs = pairs

    def fit(self, X: pd.DataFrame, y=None):
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        # What is divided by zero is missing: each row is answered, and none is infinite.
        return X.assign(**{f"{a}/{b}": X[a] / X[b].where(X[b] != 0) for a, b in self.pairs})


class Categories(TransformerMixin, BaseEstimator):
    """Makes categories of text, the most frequent of a column; other text is missing."""

    def fit(self, X: pd.DataFrame, y=None):
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        self.kinds_ = {
            name: pd.CategoricalDtype(X[name].value_counts().index[:MOST_CATEGORIES])
            for name in X.select_dtypes(exclude=["number", "bool"])
        }
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        known = {name: X[name].isin(kind.categories) for name, kind in self.kinds_.items()}
        return X.assign(**{n: X[n].where(known[n]).astype(k) for n, k in self.kinds_.items()})
