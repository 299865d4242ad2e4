"""The image of the six packages that it is about, and of what they need: no more.

Each line of requirements.in below these may be taken out by the owner. What is then
missing is told in one line, where it matters.
"""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from containers import (
    Run,
    client,
    invoke,
    log,
    needed,
    owner,
    published,
    ready,
)
from containers import status as ended
from harness import ROOT, Container, build_image, docker, payload

SIX = {"fastapi", "uvicorn", "gunicorn", "pandas", "scikit-learn", "joblib"}
FIT = """from sklearn.linear_model import LogisticRegression
X, y = pd.DataFrame({"a": range(20)}), ["no"] * 9 + ["yes"] * 11
model = LogisticRegression().fit(X, y)
job.evaluate(model, X, y)
job.save(model, X)"""


@pytest.fixture(scope="module")
def small(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build the image from the same Dockerfile, with fewer requirements."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copytree(ROOT / "model", folder / "model")
    for name in ("Dockerfile", ".dockerignore", "packages.txt"):
        shutil.copy(ROOT / name, folder)
    pinned = needed((ROOT / "requirements.txt").read_text(), SIX)
    (folder / "requirements.txt").write_text(pinned)
    name = f"{image}-small"
    build_image(name, folder=folder)
    yield name
    docker("image", "rm", "--force", name)


def test_it_has_the_six_packages_and_what_they_need(image: str, small: str) -> None:
    """At the versions of the whole image."""
    packages = ("run", "--rm", "--entrypoint", "pip")
    kept = set(docker(*packages, small, "freeze").split())
    assert kept < set(docker(*packages, image, "freeze").split())
    names = {line.partition("==")[0] for line in kept}
    assert names >= SIX
    extras = {"uvicorn-worker", "httptools", "uvloop", "psutil", "pyarrow"}
    extras |= {"jinja2", "prometheus_client", "onnxruntime", "skl2onnx"}
    assert not names & extras
    assert docker(*packages, small, "check") == "No broken requirements found.\n"


def test_it_trains_and_answers_as_the_whole_image_does(
    run: Run, small: str, opt_ml: Path, trained: Path
) -> None:
    """CSV and JSON; `/ping` is 200 and SIGTERM ends it with status 0 (H-03, H-13)."""
    docker("run", "--rm", "--volume", f"{opt_ml}:/opt/ml", small, "train")
    less = run(*published(f"{opt_ml}/model:/opt/ml/model:ro"), image=small)
    whole = run(*published(f"{trained}:/opt/ml/model:ro"))
    answers = {container: asked(container) for container in (less, whole)}
    assert answers[less] == answers[whole]
    for container in answers:
        docker("stop", "--time", "30", container)
        assert ended(container) == 0
    assert "Deprecat" not in log(less)


def test_it_serves_what_the_whole_image_has_trained(
    run: Run, small: str, trained: Path
) -> None:
    """Where the model has ONNX, which nothing here can read, scikit-learn answers."""
    less = run(*published(f"{trained}:/opt/ml/model:ro"), image=small)
    whole = run(*published(f"{trained}:/opt/ml/model:ro"))
    assert asked(less) == asked(whole)
    if (trained / "model.onnx").exists():
        assert "not ONNX: onnxruntime is not installed" in log(less)


def asked(container: str) -> list[str]:
    """Ask for the sample's rows in both formats. Returns: the answers."""
    ready(container)
    rows = [list(map(cell, row)) for row in csv.reader(payload().decode().splitlines())]
    bodies = {"text/csv": payload().decode(), "application/json": json.dumps(rows)}
    with client(container) as found:
        assert found.get("/ping").status_code == 200
        return [
            invoke(found, body, media_type, accept=accept).raise_for_status().text
            for media_type, body in bodies.items()
            for accept in bodies
        ]


def cell(text: str) -> float | str | None:
    try:
        return float(text)
    except ValueError:
        return text or None


def test_a_server_says_that_it_has_no_metrics_and_reads_no_parquet(
    run: Run, small: str, trained: Path
) -> None:
    """H-25, H-40: 404, 406 and 415, and one line in the log."""
    container = run(*published(f"{trained}:/opt/ml/model:ro"), image=small)
    ready(container)
    parquet = "application/x-parquet"
    with client(container) as found:
        assert found.get("/metrics").status_code == 404
        unread = invoke(found, b"PAR1", parquet)
        unwritten = invoke(found, payload(), accept=parquet)
    assert (unread.status_code, unwritten.status_code) == (415, 406)
    assert "send application/json or text/csv or " in unread.json()["message"]
    assert log(container).count("metrics") == 1
    assert "no /metrics: prometheus-client is not installed" in log(container)


def test_a_job_says_that_it_writes_no_report(
    small: str, opt_ml: Path, tmp_path: Path
) -> None:
    with Container(small, opt_ml, *owner(tmp_path, action=FIT)) as job:
        assert job.ended() == 0, job.log()
        assert job.log().count("jinja2") == 1
        assert "there is no report.html: jinja2 is not installed" in job.log()
    assert not (opt_ml / "output/data/report.html").exists()
    assert (opt_ml / "output/data/evaluation.json").is_file()


def test_a_job_with_parquet_files_says_what_it_needs(
    small: str, opt_ml: Path, tmp_path: Path
) -> None:
    """T-40."""
    shutil.rmtree(opt_ml / "input/data/training")
    (opt_ml / "input/data/training").mkdir()
    pd.DataFrame({"a": [1]}).to_parquet(opt_ml / "input/data/training/rows.parquet")
    with Container(small, opt_ml, *owner(tmp_path, action="job.read('train')")) as job:
        assert job.ended() == 1
    reason = (opt_ml / "output/failure").read_text()
    assert reason.startswith("ClientError: cannot read training/rows.parquet: ")
    assert "needs the package pyarrow: add it to requirements.in" in reason
