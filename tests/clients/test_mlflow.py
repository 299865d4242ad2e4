"""The recipe mlflow: a real tracking server, and one that is managed, by its ARN.

Two environments: the image with mlflow-skinny, and the server, with all of MLflow.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from clients.ecr_harness import VENV, make_environment
from clients.local_mode import environment_of
from harness import (
    PAYLOAD,
    ROOT,
    Server,
    Training,
    check,
    copy_program,
    free_port,
    until,
)

pytestmark = pytest.mark.penguins
RECIPE = ROOT / "examples/mlflow"
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:mlflow-tracking-server/ours"
QUIET = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}
# Loads the model of a run as a user of MLflow does.
LOAD = """
import sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.sklearn.load_model(f"runs:/{sys.argv[2]}/model")
rows = pd.read_csv(sys.argv[3], header=None, names=model.feature_names_in_)
print(*model.predict(rows), sep="\\n")
"""


class Job(Training):
    """`train`, where MLflow's client is."""

    def __init__(self, program: Path, base_dir: Path, **variables: object) -> None:
        self.python = environment_of("mlflow")
        super().__init__(program, base_dir, **variables)


@contextmanager
def running(log: Path, url: str, *command: object) -> Iterator[None]:
    """Run a server until it is no longer needed, and its workers too."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=out,
            stderr=out,
            env=os.environ | QUIET,
            start_new_session=True,
        )
    try:
        until(lambda: answers(url) or process.poll() is not None, 120)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a tracking server, which keeps the files too. Yields: its address."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    url = f"http://127.0.0.1:{port}"
    command = [environment_of("mlflow_server"), "-m", "mlflow", "server"]
    options = ["--port", port, "--workers", 1]
    options += ["--backend-store-uri", f"sqlite:///{folder}/runs.db"]
    options += ["--artifacts-destination", folder / "artifacts"]
    with running(folder / "log", f"{url}/health", *command, *options):
        yield url


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[str]:
    """Run a stand-in for S3 that has a bucket. Yields: its address."""
    make_environment()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [VENV / "bin/python", "-m", "moto.server", "-p", port]
    with running(tmp_path / "s3", url, *command):
        assert httpx.put(f"{url}/ours").is_success
        yield url


@contextmanager
def recorded(url: str) -> Iterator[tuple[str, list[Any]]]:
    """Stand before a server. Yields: an address, and the headers of all requests."""
    seen: list[Any] = []

    class Forward(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers)
            size = int(self.headers.get("content-length") or 0)
            kept = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            body = self.rfile.read(size)
            answer = httpx.request(
                self.command, url + self.path, headers=kept, content=body
            )
            self.send_response(answer.status_code)
            self.send_header("content-type", answer.headers["content-type"])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815 -- as http.server asks

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Forward) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}", seen
        proxy.shutdown()


def ran(folder: Path, uri: str, experiment: str = "Default", **env: Any) -> str:
    """Run the recipe's job. Returns: what it has said."""
    files = [(RECIPE / name).read_text() for name in ("predictor.py", "train")]
    program = copy_program(folder / "program", *files)
    shutil.copy(RECIPE / "tracking.py", program)
    (folder / "ml/model").mkdir(parents=True)
    shutil.copytree(ROOT / "local-test/test-dir/input", folder / "ml/input")
    values = {"tracking_uri": uri, "experiment": experiment}
    values |= {"target": "species", "n_estimators": "7"}
    config = folder / "ml/input/config/hyperparameters.json"
    config.write_text(json.dumps(values))
    with Job(program, folder / "ml", **QUIET, **env) as job:
        assert job.ended(120) == 0, job.log()
    return job.out()


def recorded_as(said: str) -> str:
    """Give the id of the run that a job has named."""
    assert "recorded in MLflow as run " in said, said
    return said.partition("recorded in MLflow as run ")[2].split()[0]


def test_a_job_is_a_run_with_parameters_metrics_report_and_model(
    server: str, tmp_path: Path
) -> None:
    run_id = recorded_as(ran(tmp_path, server))
    api = f"{server}/api/2.0/mlflow"
    run = httpx.get(f"{api}/runs/get", params={"run_id": run_id}).json()["run"]
    assert run["info"]["status"] == "FINISHED"
    assert {"key": "n_estimators", "value": "7"} in run["data"]["params"]
    described = json.loads((tmp_path / "ml/model/model.json").read_text())
    metrics = {found["key"]: found["value"] for found in run["data"]["metrics"]}
    assert metrics == pytest.approx(described["metrics"])
    for folder, name in (("report", "report.html"), ("sagemaker", "model.joblib")):
        asked = {"run_id": run_id, "path": folder}
        files = httpx.get(f"{api}/artifacts/list", params=asked).json()["files"]
        assert f"{folder}/{name}" in [file["path"] for file in files]
    python = str(environment_of("mlflow"))
    command = [python, "-c", LOAD, server, run_id, str(PAYLOAD)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True)
    with Server(tmp_path / "program", tmp_path / "ml") as endpoint:
        found = endpoint.ready().invoke(PAYLOAD.read_bytes(), accept="text/csv")
    assert found.text == loaded.stdout


def test_a_managed_server_is_asked_by_its_arn_with_signed_requests(
    server: str, bucket: str, tmp_path: Path
) -> None:
    """The plugin sagemaker-mlflow, whose endpoint is a local one; files go to S3."""
    experiment = {"name": "ours", "artifact_location": "s3://ours/mlflow"}
    api = f"{server}/api/2.0/mlflow"
    assert httpx.post(f"{api}/experiments/create", json=experiment).is_success
    aws = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    aws |= {"AWS_DEFAULT_REGION": "eu-west-1", "MLFLOW_S3_ENDPOINT_URL": bucket}
    with recorded(server) as (url, seen):
        aws["SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT"] = url
        run_id = recorded_as(ran(tmp_path, ARN, "ours", **aws))
    keys = httpx.get(f"{bucket}/ours?list-type=2&prefix=mlflow").text
    for name in ("report/report.html", "sagemaker/model.joblib"):
        assert f"<Key>mlflow/{run_id}/artifacts/{name}</Key>" in keys
    assert len(seen) > 5
    for headers in seen:
        assert headers["x-mlflow-sm-tracking-server-arn"] == ARN
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=any/")
        assert "/eu-west-1/sagemaker-mlflow/aws4_request" in headers["authorization"]


def test_sagemaker_would_take_the_recipe() -> None:
    """As local-test/check.sh sees it; without a tracking server."""
    python = str(environment_of("mlflow"))
    assert check("--program", RECIPE, "--silence", "0", python=python) == []


def test_a_server_that_does_not_answer_costs_no_model(tmp_path: Path) -> None:
    said = ran(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert "the job is not recorded in MLflow as a whole: " in said
    assert (tmp_path / "ml/model/model.onnx").exists()
