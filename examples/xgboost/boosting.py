"""YOURS: what XGBoost lacks to be a classifier as scikit-learn has them."""

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import LabelEncoder


class NamedClasses(ClassifierMixin, BaseEstimator):
    """An XGBClassifier for labels of any kind, where XGBoost itself takes 0, 1, 2 alone."""

    def __init__(self, classifier):
        self.classifier = classifier

    def fit(self, X, y, eval_set=(), **options):
        labels = LabelEncoder().fit(y)
        others = [(rows, labels.transform(truth)) for rows, truth in eval_set]
        self.classifier_ = self.classifier.fit(X, labels.transform(y), eval_set=others, **options)
        self.classes_, self.feature_names_in_ = labels.classes_, self.classifier_.feature_names_in_
        return self

    def predict(self, X):
        return self.classes_[self.classifier_.predict(X)]

    def predict_proba(self, X):
        return self.classifier_.predict_proba(X)
