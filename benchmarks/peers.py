"""Who is measured: how each server is started, what it is sent, what it answers."""

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import ROOT, Running, environment_of, free_port, running

SERVERS = Path(__file__).parent / "servers"
NGINX = "/usr/sbin/nginx"  # Debian's; a user's PATH does not have it
COLUMNS = "island bill_length_mm bill_depth_mm flipper_length_mm body_mass_g sex year"


@dataclass(frozen=True, slots=True)
class Place:
    """What a server is given: a port, a folder of its own, and the model."""

    port: int
    folder: Path
    base_dir: Path
    workers: int = 2

    @property
    def variables(self) -> dict[str, str]:
        """What each server is told in its environment; some of it concerns others."""
        return {
            "PORT": str(self.port),
            "MODEL_DIR": str(self.base_dir / "model"),
            "SAGEMAKER_BASE_DIR": str(self.base_dir),
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "MODEL_SERVER_WORKERS": str(self.workers),
            "OMP_NUM_THREADS": "1",
            "MLSERVER_HTTP_PORT": str(self.port),
            "MLSERVER_GRPC_PORT": str(free_port()),
            "MLSERVER_METRICS_PORT": str(free_port()),
            "BENTOML_HOME": str(self.folder),
            "BENTOML_DO_NOT_TRACK": "true",
        }


@dataclass(frozen=True, slots=True)
class Shape:
    """How lines of CSV are sent, and how the labels come back."""

    write: Callable[[list[str]], str]
    labels: Callable[[str], list[str]]
    route: str = "/invocations"
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Server:
    """One way to serve the model."""

    name: str
    commands: Callable[[Place], list[list[str]]]
    shapes: dict[str, Shape]  # by format; without CSV its JSON is in the same table
    ping: str = "/ping"
    folder: str = ""  # in servers/, where its commands run; else one of its own
    variables: dict[str, str] = field(default_factory=dict)
    predicts: bool = True

    def running(self, place: Place) -> AbstractContextManager[Running]:
        """Give its processes, which end with the context."""
        variables = place.variables | self.variables
        cwd = SERVERS / self.folder if self.folder else place.folder
        return running(self.commands(place), place.folder, place.port, variables, cwd)

    def shape(self, kind: str) -> Shape | None:
        """Give how it is sent a format; None where it is not measured with it."""
        if "CSV" not in self.shapes:
            return self.shapes["JSON"]
        return self.shapes.get(kind)


def cell(text: str) -> Any:
    """Give what JSON has for a cell of CSV."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def cells(lines: list[str]) -> list[list[Any]]:
    """Give rows for JSON."""
    return [[cell(text) for text in line.split(",")] for line in lines]


def tensors(lines: list[str]) -> str:
    """Give the columns as the Open Inference Protocol has them."""
    inputs: list[dict[str, Any]] = []
    for name, values in zip(
        COLUMNS.split(), zip(*cells(lines), strict=True), strict=True
    ):
        of = {"name": name, "shape": [len(lines), 1], "data": values}
        if name in ("island", "sex"):
            text = {"content_type": "str"}
            inputs.append({**of, "datatype": "BYTES", "parameters": text})
        else:
            inputs.append({**of, "datatype": "FP64"})
    return json.dumps({"parameters": {"content_type": "pd"}, "inputs": inputs})


def ours(_: Place) -> list[list[str]]:
    """Run `serve`."""
    return [[sys.executable, str(ROOT / "model/serve")]]


def classic(place: Place) -> list[list[str]]:
    """Run nginx, and gunicorn behind it."""
    template = (SERVERS / "classic/nginx.conf").read_text()
    filled = template.replace("FOLDER", str(place.folder))
    (place.folder / "nginx.conf").write_text(filled.replace("PORT", str(place.port)))
    socket = f"unix:{place.folder}/gunicorn.sock"
    workers = [
        "--workers",
        str(place.workers),
        "--worker-class",
        "sync",
        "--timeout",
        "60",
    ]
    gunicorn = [sys.executable, "-m", "gunicorn", *workers, "--bind", socket, "app:app"]
    return [[NGINX, "-c", str(place.folder / "nginx.conf")], gunicorn]


def uvicorn(place: Place) -> list[list[str]]:
    """Run a FastAPI app as FastAPI's docs say, without lines for each request."""
    port = ["--host", "127.0.0.1", "--port", str(place.port)]
    quiet = ["--no-access-log", "--workers", str(place.workers)]
    return [[sys.executable, "-m", "uvicorn", *port, *quiet, "app:app"]]


def litserve(_: Place) -> list[list[str]]:
    """Run LitServe in its environment."""
    return [[str(environment_of("litserve")), "server.py"]]


def bentoml(place: Place) -> list[list[str]]:
    """Run BentoML in its environment."""
    port = ["--host", "127.0.0.1", "--port", str(place.port)]
    python = str(environment_of("bentoml"))
    return [[python, "-m", "bentoml", "serve", "service:Penguins", *port]]


def mlserver(place: Place) -> list[list[str]]:
    """Run MLServer in its environment, on a folder with the model and its settings."""
    for file in (SERVERS / "mlserver").glob("*.json"):
        shutil.copy(file, place.folder)
    shutil.copy(place.base_dir / "model/model.joblib", place.folder)
    program = environment_of("mlserver").with_name("mlserver")
    return [[str(program), "start", str(place.folder)]]


def lines(answer: str) -> list[str]:
    """Read labels from CSV."""
    return answer.split()


def named(name: str) -> Callable[[str], list[str]]:
    """Give what reads labels from a JSON object."""
    return lambda answer: list(json.loads(answer)[name])


def rows_as(name: str) -> Callable[[list[str]], str]:
    """Give what writes rows into a JSON object."""
    return lambda rows: json.dumps({name: cells(rows)})


CSV = Shape(
    lambda rows: "".join(f"{row}\n" for row in rows), lines, media_type="text/csv"
)
OURS = {"CSV": CSV, "JSON": Shape(rows_as("instances"), named("predictions"))}
NAIVE = {
    "CSV": CSV,
    "JSON": Shape(lambda rows: json.dumps(cells(rows)), json.loads, "/json"),
}
LITSERVE = {"JSON": Shape(rows_as("rows"), named("labels"), "/predict")}
BENTOML = {"JSON": Shape(rows_as("rows"), json.loads, "/predict")}
MLSERVER = {
    "JSON": Shape(
        tensors,
        lambda answer: list(json.loads(answer)["outputs"][0]["data"]),
        "/v2/models/penguins/infer",
    )
}
ONNX, SKLEARN = "ours, ONNX", "ours, scikit-learn"
SCIKIT = {"MODEL_ENGINE": "scikit-learn"}
ALL = [
    Server(SKLEARN, ours, OURS, variables=SCIKIT),
    Server(ONNX, ours, OURS),
    Server("classic", classic, {"CSV": CSV}, folder="classic"),
    Server("naive", uvicorn, NAIVE, folder="naive"),
    Server("empty", uvicorn, {"CSV": CSV}, folder="empty", predicts=False),
    Server("LitServe", litserve, LITSERVE, "/health", "litserve"),
    Server("BentoML", bentoml, BENTOML, "/readyz", "bentoml"),
    Server("MLServer", mlserver, MLSERVER, "/v2/health/ready"),
]
FOREIGN = ("LitServe", "BentoML", "MLServer")
BY_NAME = {server.name: server for server in ALL}
