"""The classic shape: Flask behind gunicorn's sync workers and nginx, pandas for CSV."""

import io
import os
from pathlib import Path

import flask
import joblib
import pandas as pd

model = joblib.load(Path(os.environ["MODEL_DIR"]) / "model.joblib")
names = list(model.feature_names_in_)
app = flask.Flask(__name__)


@app.get("/ping")
def ping() -> flask.Response:
    """Say that it is there."""
    return flask.Response("\n", status=200)


@app.post("/invocations")
def invocations() -> flask.Response:
    """Predict the rows of a CSV body."""
    body = flask.request.data.decode()
    rows = pd.read_csv(io.StringIO(body), header=None, names=names)
    out = io.StringIO()
    answer = pd.DataFrame({"results": model.predict(rows)})
    answer.to_csv(out, header=False, index=False)
    return flask.Response(out.getvalue(), mimetype="text/csv")
