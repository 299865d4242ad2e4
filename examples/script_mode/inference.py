"""As people write it for SageMaker's scikit-learn container: nothing here knows this image."""

import json
import os
from io import StringIO

import joblib
import pandas as pd

COLUMNS = [
    "island",
    "bill_length_mm",
    "bill_depth_mm",
    "flipper_length_mm",
    "body_mass_g",
    "sex",
    "year",
]


def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def input_fn(request_body, content_type):
    if content_type == "text/csv":
        # Else a lone row without its sex would have a number there.
        text = {"island": "str", "sex": "str"}
        return pd.read_csv(StringIO(request_body), header=None, names=COLUMNS, dtype=text)
    if content_type == "application/json":
        return pd.DataFrame(json.loads(request_body)["instances"], columns=COLUMNS)
    raise ValueError(f"{content_type} not supported by script!")


def predict_fn(input_data, model):
    return model.predict(input_data)


def output_fn(prediction, accept):
    if accept == "text/csv":
        return "\n".join(prediction) + "\n", accept
    if accept == "application/json":
        return json.dumps({"instances": [{"label": label} for label in prediction]}), accept
    raise RuntimeError(f"{accept} accept type is not supported by this script.")
