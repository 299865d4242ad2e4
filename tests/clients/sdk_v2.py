"""What a user of the SageMaker Python SDK v2 writes, in local mode.

    python sdk_v2.py SCENARIO IMAGE

The working folder has `training/` and `rows.csv`; what comes out is in `result.json`.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sagemaker.deserializers import (
    BytesDeserializer,
    CSVDeserializer,
    JSONDeserializer,
    NumpyDeserializer,
    PandasDeserializer,
)
from sagemaker.estimator import Estimator
from sagemaker.local import LocalSession
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer, JSONSerializer, NumpySerializer
from sagemaker.transformer import Transformer

from clients.every_type import EVERY_TYPE

HERE = f"file://{Path.cwd()}"
ROLE = "arn:aws:iam::111122223333:role/none"  # local mode asks for one
ROWS = [[1], [2], [3]]


def fit(image: str, output: str, hosts: int = 1, **hyperparameters: Any) -> None:
    """Train on `training/`; model.tar.gz and output.tar.gz go to a folder."""
    estimator = Estimator(
        image_uri=image,
        role=ROLE,
        instance_count=hosts,
        instance_type="local",
        output_path=f"{HERE}/{output}",
        hyperparameters=hyperparameters,
    )
    estimator.fit({"training": f"{HERE}/training"})


def train(image: str) -> None:
    """Train with a hyperparameter of every type."""
    fit(image, "trained", **EVERY_TYPE)


def fail(image: str) -> str:
    """Train with what cannot be. Returns: what the caller is told."""
    try:
        fit(image, "failed", count="many")
    except RuntimeError as exc:
        return str(exc)
    return ""


def two_hosts(image: str) -> None:
    """Train on two hosts, of which one saves the model."""
    fit(image, "two_hosts", hosts=2)


def model(image: str) -> Model:
    """Give the model that `train` has left."""
    data = f"{HERE}/trained/model.tar.gz"
    return Model(image, data, ROLE, Predictor, sagemaker_session=LocalSession())


def endpoint(image: str) -> dict[str, Any]:
    """Deploy, predict in every way, delete. Returns: what came back."""
    predictor = model(image).deploy(1, "local", wait=False)
    name = predictor.endpoint_name
    try:
        return {
            "csv": ask(name, CSVSerializer(), CSVDeserializer()),
            "json": ask(name, JSONSerializer(), JSONDeserializer()),
            "numpy": ask(name, NumpySerializer(), NumpyDeserializer()).tolist(),
            "frame": frame(name),
            "wrong": ask(name, CSVSerializer(), JSONDeserializer(), [["x"]]),
        }
    finally:
        predictor.delete_endpoint()


def ask(name: str, serializer: Any, deserializer: Any, rows: Any = ROWS) -> Any:
    """Ask the endpoint for predictions of some rows."""
    predictor = Predictor(name, LocalSession(), serializer, deserializer)
    return predictor.predict(np.array(rows))


def frame(name: str) -> dict[str, Any]:
    """Ask as PandasDeserializer asks, and let it read the answer, which is JSON.

    In two steps: local mode gives it the Accept of the request as the media type.
    """
    deserializer = PandasDeserializer()
    accept = ", ".join(deserializer.ACCEPT)
    body = ask(name, CSVSerializer(), BytesDeserializer(accept=accept))
    found = deserializer.deserialize(io.BytesIO(body), "application/json")
    return dict(found.to_dict("list"))


def batch(image: str) -> dict[str, str]:
    """Transform `rows.csv` in every way. Returns: what each output file has."""
    found = model(image)
    found.create(instance_type="local")
    return {
        f"{strategy}, {assemble}": transform(found.name, strategy, assemble)
        for strategy in ("SingleRecord", "MultiRecord")
        for assemble in (None, "Line")
    }


def transform(name: str, strategy: str, assemble: str | None) -> str:
    """Transform `rows.csv`. Returns: the output file."""
    transformer = Transformer(
        name,
        1,
        "local",
        strategy=strategy,
        assemble_with=assemble,
        accept="text/csv",
        output_path=f"{HERE}/{strategy}-{assemble}",
        sagemaker_session=LocalSession(),
    )
    transformer.transform(
        f"{HERE}/rows.csv", content_type="text/csv", split_type="Line", logs=False
    )
    return Path(f"{strategy}-{assemble}/rows.csv.out").read_text()


SCENARIOS = (train, fail, two_hosts, endpoint, batch)

if __name__ == "__main__":
    scenario, image_uri = sys.argv[1:]
    result = {s.__name__: s for s in SCENARIOS}[scenario](image_uri)
    Path("result.json").write_text(json.dumps(result))
