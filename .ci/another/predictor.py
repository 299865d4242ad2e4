import joblib


class Predictor:
    schema = None

    def __init__(self, model_dir):
        self.model = joblib.load(model_dir / "model.joblib")

    def predict(self, rows):
        rows.columns = self.model.feature_names_in_
        return self.model.predict(rows.fillna("unknown").astype(str))
