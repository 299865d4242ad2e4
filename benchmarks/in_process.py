"""The limit: rows are read and predicted in one process, on one core, without HTTP.

    python benchmarks/in_process.py scikit-learn|onnx MODEL_DIR BODY SECONDS

Prints how many times and how long, as JSON. The other benchmarks run it.
"""

import csv
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])

import numpy as np  # noqa: E402 -- one thread, as set above
import psutil  # noqa: E402


def scikit_learn(model_dir: Path) -> Callable[[Path], Any]:
    """Read by pandas, predict by the estimator."""
    import joblib  # noqa: PLC0415 -- the other way has no need of it
    import pandas as pd  # noqa: PLC0415

    model = joblib.load(model_dir / "model.joblib")
    names = list(model.feature_names_in_)

    def call(body: Path) -> Any:
        rows = pd.read_csv(body, header=None, names=names)
        return model.classes_[model.predict_proba(rows).argmax(axis=1)]

    return call


def onnx(model_dir: Path) -> Callable[[Path], Any]:
    """Read by the module csv, predict by a session of ONNX Runtime."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    file = str(model_dir / "model.onnx")
    session = onnxruntime.InferenceSession(file, options)

    def call(body: Path) -> Any:
        with body.open(newline="") as lines:
            columns = list(zip(*csv.reader(lines), strict=True))
        inputs = {
            tensor.name: column(values, tensor.type)
            for tensor, values in zip(session.get_inputs(), columns, strict=True)
        }
        return session.run(None, inputs)[0]

    return call


def column(values: tuple[str, ...], kind: str) -> Any:
    """Give one input of a tensor's type, `(n_rows, 1)`; it sees what serving sees."""
    if kind == "tensor(string)":
        return np.array(values, dtype=object).reshape(-1, 1)
    numbers = np.array(list(map(float, values)), dtype="float32").reshape(-1, 1)
    return numbers.astype("float64" if kind == "tensor(double)" else "float32")


def main() -> None:
    """Call again and again for a while."""
    way, model_dir, body, seconds = sys.argv[1:]
    call = {"scikit-learn": scikit_learn, "onnx": onnx}[way](Path(model_dir))
    labels = call(Path(body)).tolist()
    times, began, worked = [], time.perf_counter(), time.process_time()
    while time.perf_counter() - began < float(seconds):
        start = time.perf_counter()
        call(Path(body))
        times.append(1000 * (time.perf_counter() - start))
    found = {
        "milliseconds": times,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - worked,
        "memory": psutil.Process().memory_full_info().pss / 1e6,
        "labels": labels,
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
