"""Four models that people use, each with both engines, beside a route without a model.

    apt-get install wrk
    .venv-tests/bin/python benchmarks/models.py [--seconds 3] [--rounds 2] [--save]

A job trains each model and converts it; then `serve` answers one row of CSV, over 64
connections and over one, with two workers. One server runs at a time, in turns; of each
case the best round counts. Every answer is first compared with the model's in process.
About four minutes. `--save` keeps what is printed in benchmarks/results.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx
import joblib
import numpy as np
import pandas as pd

import tables
from load import TIMEOUT, Request, wrk
from measured import LINES
from peers import BY_NAME, Place, Server
from processes import ROOT, Running, end_on_sigterm, free_port
from targets import Target

MANY, ONE = 64, 1  # connections
ENGINES = {"ONNX": "ours, ONNX", "scikit-learn": "ours, scikit-learn"}
EMPTY = "a route without a model"
TRAIN = """#!/usr/bin/env python3
from pydantic import BaseModel
from runtime import run, split_target
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

class Hyperparameters(BaseModel):
    pass

def train(job):
    X, y = split_target(job.read("training"), "{target}")
    numbers = make_column_selector(dtype_include="number")
    texts = make_column_selector(dtype_exclude="number")
    model = {model}
    job.save(model.fit(X, y), X)

run(train, Hyperparameters)
"""
_ONE_HOT = "(OneHotEncoder(handle_unknown='ignore'), texts)"
_CODES = "OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=-1)"


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its job makes it, of the penguins or of texts."""

    name: str
    columns: str  # what stands before it
    final: str
    texts: bool = False

    @property
    def program(self) -> str:
        """Give the owner's file."""
        model = f"make_pipeline(make_column_transformer({self.columns}), {self.final})"
        return TRAIN.format(model=model, target="label" if self.texts else "species")


MODELS = [
    Model(
        "random forest, 100 trees",
        f"(SimpleImputer(), numbers), {_ONE_HOT}",
        "RandomForestClassifier(random_state=0)",
    ),
    Model(
        "HistGradientBoosting",
        f"({_CODES}, texts), remainder='passthrough'",
        "HistGradientBoostingClassifier(random_state=0)",
    ),
    Model(
        "logistic regression, scaled",
        f"(make_pipeline(SimpleImputer(), StandardScaler()), numbers), {_ONE_HOT}",
        "LogisticRegression()",
    ),
    Model(
        "TF-IDF, logistic regression",
        "(TfidfVectorizer(), 'text')",
        "LogisticRegression()",
        texts=True,
    ),
]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one server: the best of its rounds."""

    requests: float = 0.0  # a second, over MANY connections
    p50: float = float("inf")  # milliseconds, over ONE

    def beside(self, other: "Figures") -> "Figures":
        """Give the better of both."""
        return Figures(max(self.requests, other.requests), min(self.p50, other.p50))


def sentences() -> pd.DataFrame:
    """Make texts of 20 words, of which some are of one class rather than the other."""
    chance = np.random.default_rng(0)
    words = ["".join(chance.choice([*"abcdefgh"], 6)) for _ in range(1000)]
    weights = np.linspace(1, 3, len(words))
    labels = chance.choice(["bad", "good"], 1000)
    shares = {"good": weights / weights.sum(), "bad": weights[::-1] / weights.sum()}
    texts = [" ".join(chance.choice(words, 20, p=shares[label])) for label in labels]
    return pd.DataFrame({"label": labels, "text": texts})


def trained(model: Model, folder: Path) -> Path:
    """Train a model by a job of its own. Returns: the folder in place of /opt/ml."""
    base, program = folder / "ml", folder / "program"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "model", program, ignore=ignored)
    (program / "train").write_text(model.program)
    shutil.copytree(ROOT / "local-test/test-dir/input", base / "input")
    (base / "input/config/hyperparameters.json").write_text("{}")
    (base / "model").mkdir()
    (base / "output").mkdir()
    if model.texts:
        (base / "input/data/training/penguins.csv").unlink()
        sentences().to_csv(base / "input/data/training/texts.csv", index=False)
    result = subprocess.run(
        [sys.executable, str(program / "train")],
        check=False,
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(base)},
        capture_output=True,
        text=True,
    )
    if result.returncode or not (base / "model/model.onnx").exists():
        sys.exit(f"{model.name} is not converted:\n{result.stdout}{result.stderr}")
    return base


def row_of(model: Model) -> str:
    """Give what is sent."""
    line = sentences()["text"][0] if model.texts else LINES[0]
    return f"{line}\n"


def label_of(model: Model, base: Path, row: str) -> str:
    """Predict in this process what the server has to answer."""
    fitted = joblib.load(base / "model/model.joblib")
    cells = dict(zip(fitted.feature_names_in_, row.strip().split(","), strict=True))
    kinds = {
        name: "str" if model.texts or name in ("island", "sex") else "float64"
        for name in cells
    }
    frame = pd.DataFrame([cells]).astype(kinds)
    return str(fitted.predict(frame)[0])


def measured(
    server: Server, base: Path, row: str, seconds: float, label: str
) -> Figures:
    """Start a server, look at its answer, measure it, and stop it."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Place(free_port(), Path(scratch), base)
        with server.running(place) as program:
            program.wait(server.ping)
            request = Request(f"{program.url}/invocations", "text/csv", row)
            if label:
                check(program, request, label)
            wrk(request, MANY, 1, Path(scratch))  # first calls of each worker
            many, one = (
                wrk(request, connections, seconds, Path(scratch))
                for connections in (MANY, ONE)
            )
    if many.errors or one.errors:
        sys.exit(f"{server.name}: {many.errors + one.errors} requests had no answer")
    return Figures(many.requests / many.seconds, one.p50)


def check(program: Running, request: Request, label: str) -> None:
    """End where the answer is another one than in process."""
    headers = {"content-type": "text/csv", "accept": "text/csv"}
    answer = httpx.post(
        request.url, content=request.body, headers=headers, timeout=TIMEOUT
    )
    if answer.text != f"{label}\n":
        sys.exit(f"{answer.status_code} {answer.text}, not {label}\n{program.tail()}")


def all_measured(rounds: int, seconds: float) -> dict[tuple[str, str], Figures]:
    """Train all models, and measure all servers in turns."""
    with tempfile.TemporaryDirectory() as folder:
        bases = {}
        for model in MODELS:
            bases[model] = trained(model, Path(folder) / model.name.replace(" ", "-"))
        found: dict[tuple[str, str], Figures] = {}
        for _ in range(rounds):
            plain = measured(
                BY_NAME["empty"], bases[MODELS[0]], row_of(MODELS[0]), seconds, ""
            )
            found[EMPTY, ""] = plain.beside(found.get((EMPTY, ""), Figures()))
            for model, base in bases.items():
                row = row_of(model)
                label = label_of(model, base, row)
                for engine, server in ENGINES.items():
                    at = measured(BY_NAME[server], base, row, seconds, label)
                    found[model.name, engine] = at.beside(
                        found.get((model.name, engine), Figures())
                    )
                    print(f"{model.name}, {engine}: {at}", file=sys.stderr)
    return found


def in_short(found: dict[tuple[str, str], Figures]) -> str:
    """Give the table that the README has."""
    heads = ["one row a request"]
    for engine in ENGINES:
        heads += [f"{engine}: requests/s", "p50 ms"]
    rows = [[m.name, *cells(*(found[m.name, e] for e in ENGINES))] for m in MODELS]
    return tables.table(heads, rows)


def cells(*figures: Figures) -> list[str]:
    """Write the figures of some servers."""
    return [tables.short(n) for at in figures for n in (at.requests, at.p50)]


def reached(found: dict[tuple[str, str], Figures]) -> str:
    """Compare with what the template wants to reach."""
    plain = found[EMPTY, ""]
    boosting, slow = (found["HistGradientBoosting", engine] for engine in ENGINES)
    forest = found[MODELS[0].name, "ONNX"]
    goals = [
        Target(
            "forest, ONNX, requests/s: empty route",
            forest.requests / plain.requests,
            least=1,
        ),
        Target(
            "HistGradientBoosting, ONNX, p50: above the empty route",
            boosting.p50 - plain.p50,
            most=0.25,
            unit="ms",
        ),
        Target(
            "HistGradientBoosting, ONNX, p50: scikit-learn",
            boosting.p50 / slow.p50,
            most=0.05,
        ),
    ]
    requests, p50 = cells(plain)
    heads = (f"{EMPTY}: {requests}/s, {p50} ms", "wanted", "measured", "reached")
    return tables.table(heads, [goal.cells() for goal in goals])


def main() -> None:
    """Measure, print, and keep."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="a case")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--save", action="store_true")
    arguments = parser.parse_args()
    found = all_measured(arguments.rounds, arguments.seconds)
    parts = ["# Four models", tables.machine(), "### In short", in_short(found)]
    text = "\n\n".join([*parts, "### Targets", reached(found)]) + "\n"
    print(text)
    if arguments.save:
        print(f"kept in {tables.save('models', text)}")


if __name__ == "__main__":
    main()
