"""Rows per second of large bodies, by format and engine, over HTTP.

    local-test/train-local.sh --native
    .venv-tests/bin/python benchmarks/large.py [MODEL_DIR]

Sends 40,000 rows of the sample over one connection to `serve`, with two workers and
each engine, and to the classic shape, CSV alone, where Flask is. The same rows are read
and predicted in this process too, by pandas, json or numpy, with one thread. All ways
take turns, and the best round counts: the machine's moods are the same for all.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "model")]

from harness import Server, environment, free_port, until  # noqa: E402
from runtime import formats  # noqa: E402
from runtime.models import artifact, onnx_session  # noqa: E402
from runtime.tabular.schema import Schema  # noqa: E402

N_ROWS = 40_000
ROUNDS = 7
LINES = (ROOT / "local-test/payload.csv").read_text().splitlines()
ENGINES = ("scikit-learn", "onnx")

Ways = dict[str, Callable[[], Any]]


def sample(names: list[str]) -> pd.DataFrame:
    """Give the rows that all formats spell."""
    text = "\n".join(LINES[n % len(LINES)] for n in range(N_ROWS))
    return pd.read_csv(io.StringIO(text), header=None, names=names)


def bodies(rows: pd.DataFrame) -> dict[str, bytes]:
    """Spell rows in each format."""
    plain = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
    fields = {
        name: values.fillna("").to_numpy("U") if values.dtype == "str" else values
        for name, values in rows.items()
    }
    npy, parquet = io.BytesIO(), io.BytesIO()
    np.save(
        npy, pd.DataFrame(fields).to_records(index=False, column_dtypes=_widths(fields))
    )
    rows.to_parquet(parquet)
    return {
        formats.CSV: rows.to_csv(header=False, index=False).encode(),
        formats.JSON: json.dumps({"instances": plain}).encode(),
        formats.JSONLINES: "".join(f"{json.dumps(row)}\n" for row in plain).encode(),
        formats.NPY: npy.getvalue(),
        formats.PARQUET: parquet.getvalue(),
    }


def _widths(fields: dict[Any, Any]) -> dict[Any, Any]:
    return {n: v.dtype for n, v in fields.items() if isinstance(v, np.ndarray)}


def read(kind: str, body: bytes, names: list[str]) -> pd.DataFrame:
    """Read a body as one does in a notebook."""
    if kind == formats.CSV:
        return pd.read_csv(io.BytesIO(body), header=None, names=names)
    if kind == formats.JSON:
        return pd.DataFrame(json.loads(body)["instances"], columns=names)
    if kind == formats.JSONLINES:
        lines = body.decode().splitlines()
        return pd.DataFrame([json.loads(line) for line in lines], columns=names)
    if kind == formats.NPY:
        return pd.DataFrame(np.load(io.BytesIO(body)))
    return pd.read_parquet(io.BytesIO(body))


def in_process(model_dir: Path, name: str) -> Callable[[pd.DataFrame], Any]:
    """Give what predicts labels with one engine in this process, by one thread."""
    model = artifact.load(model_dir)
    if name != "onnx":
        return lambda rows: model.classes_[model.predict_proba(rows).argmax(axis=1)]
    description = artifact.describe(model_dir) or {}
    fast: Any = onnx_session.load(model_dir / artifact.ONNX, description)
    text = [
        c.name for c in Schema.from_json(description["columns"]).columns if c.is_text
    ]

    def predict(rows: pd.DataFrame) -> Any:
        plain = {n: rows[n].to_numpy() for n in rows}
        plain |= {n: rows[n].fillna("nan").to_numpy(object) for n in text}
        shares = fast.predict_proba(plain)
        return fast.classes_[shares.argmax(axis=1)]

    return predict


def read_and_predict(
    kind: str, body: bytes, names: list[str], predict: Callable[[pd.DataFrame], Any]
) -> Any:
    """Give the labels of a body."""
    return predict(read(kind, body, names))


@contextmanager
def classic(model_dir: Path) -> Iterator[int]:
    """Run the classic shape. Yields: its port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-w2", f"-b127.0.0.1:{port}", "classic:app"],
        cwd=ROOT / "benchmarks/servers",
        env=environment(MODEL_DIR=model_dir),
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _answers(port), 30)
        yield port
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping").is_success
    except httpx.TransportError:
        return False


def ask(client: httpx.Client, port: int, kind: str, body: bytes) -> list[str]:
    """Send a body. Returns: the labels."""
    headers = {"content-type": kind, "accept": formats.CSV}
    url = f"http://127.0.0.1:{port}/invocations"
    answer = client.post(url, content=body, headers=headers).raise_for_status()
    return answer.text.splitlines()


def ways(ports: dict[str, int], model_dir: Path, client: httpx.Client) -> Ways:
    """Give each way to answer each body, by format and name."""
    names = Schema.from_json((artifact.describe(model_dir) or {})["columns"]).names
    found: Ways = {}
    for kind, body in bodies(sample(names)).items():
        for name, port in ports.items():
            if name != "classic" or kind == formats.CSV:
                found[f"{kind} {name}"] = partial(ask, client, port, kind, body)
        for name in ENGINES:
            predict = in_process(model_dir, name)
            way = partial(read_and_predict, kind, body, names, predict)
            found[f"{kind} {name} in process"] = way
    return found


def fastest(some: Ways) -> dict[str, float]:
    """Time each way in turns. Returns: rows per second in the best round."""
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, way in some.items():
            started = time.perf_counter()
            assert len(way()) == N_ROWS, name
            rate = N_ROWS / (time.perf_counter() - started)
            best[name] = max(rate, best.get(name, 0))
    return best


def refuse_others(some: Ways) -> None:
    """Raise unless all ways give the same labels."""
    (labels,) = {tuple(way()) for way in some.values()}
    assert len(set(labels)) > 1


def main(model_dir: Path) -> None:
    """Print a line for each format and engine."""
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=60))
        ports = {}
        for name in ENGINES:
            base = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            copytree(model_dir, base / "model")
            options = {"MODEL_ENGINE": name, "MODEL_SERVER_WORKERS": 2}
            server = stack.enter_context(Server(ROOT / "model", base, **options))
            ports[name] = server.ready().port
        if find_spec("flask"):
            ports["classic"] = stack.enter_context(classic(model_dir))
        some = ways(ports, model_dir, client)
        refuse_others(some)
        rates = fastest(some)
    print(
        f"{'rows/s':24} {'engine':13} {'served':>9} {'/ process':>9} {'/ classic':>9}"
    )
    against = rates.get(f"{formats.CSV} classic", np.nan)
    for kind in dict.fromkeys(name.split()[0] for name in rates):
        for name in ENGINES:
            rate, inside = (rates[f"{kind} {name}{end}"] for end in ("", " in process"))
            shares = f"{rate / inside:9.2f} {rate / against:9.2f}"
            print(f"{kind:24} {name:13} {rate:9,.0f} {shares}")


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "local-test/test-dir/model")
