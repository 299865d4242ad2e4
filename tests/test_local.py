"""local-test/: each step alone, from any folder, with a sentence for what goes wrong.

Here without Docker, or with a stand-in for it first on PATH; contract/test_container.py
has the real one.
"""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import runtime
from harness import (
    ECHO,
    ROOT,
    environment,
    free_port,
    payload,
    until,
    uv_environment,
)

LOCKED = [
    *("requirements.in", "requirements.txt"),
    *("tests/requirements.in", "tests/requirements.txt"),
]
# Says what it was called with; `info` answers, so there is an engine.
DOCKER = """#!/usr/bin/env bash
echo "$*" >>"${DOCKER_LOG}"
case "$*" in
    "buildx version") exit 1 ;;
    build*) printf '%b' "${BUILD_OUTPUT:-}"; exit "${BUILD_STATUS:-0}" ;;
    "info --format"*) echo "${DOCKER_SECURITY:-}" ;;
    *"image inspect"*) exit "${INSPECT_STATUS:-0}" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what the scripts use; `.venv` is the environment of these tests."""
    folder = tmp_path / "check out"  # a blank in the path is no trap
    for name in ("model", "local-test"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("model", "output"):
        shutil.rmtree(folder / "local-test/test-dir" / name, ignore_errors=True)
    (folder / "tests").mkdir()
    for name in (*LOCKED, "packages.txt", "owned.txt"):
        shutil.copy(ROOT / name, folder / name)
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    shutil.copy(ROOT / "requirements.txt", folder / ".venv")
    return folder


@pytest.fixture
def docker_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in for Docker first on PATH. Returns: what it was called with."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_LOG", str(tmp_path / "docker.log"))
    return tmp_path / "docker.log"


def call(script: Path, *arguments: str, **variables: object) -> tuple[int, str, str]:
    """Run a script from another folder. Returns: status, stdout, stderr."""
    result = subprocess.run(
        [str(script), *arguments],
        cwd="/",
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return result.returncode, result.stdout, result.stderr


@pytest.fixture
def served(checkout: Path) -> Iterator[int]:
    """Train and serve without Docker. Returns: the port."""
    local, port = checkout / "local-test", free_port()
    status, _, log = call(local / "train-local.sh", "--native")
    assert status == 0, log
    errors = (checkout / "serve.log").open("wb")
    server = subprocess.Popen(
        [str(local / "serve-local.sh"), "--native"],
        cwd="/",
        env=environment(PORT=port),
        stderr=errors,
    )
    errors.close()
    until(lambda: answers(port), 60)
    yield port
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    assert not answers(port)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping").is_success
    except httpx.TransportError:
        return False


def test_a_training_that_fails_keeps_the_model_before_it_beside(checkout: Path) -> None:
    local = checkout / "local-test"
    folder, hyperparameters = (
        local / "test-dir",
        local / "test-dir/input/config/hyperparameters.json",
    )
    assert call(local / "train-local.sh", "--native")[0] == 0
    content = (folder / "model/model.joblib").read_bytes()
    assert not (folder / "model.previous").exists()
    given = hyperparameters.read_text()
    hyperparameters.write_text('{"target": "species", "n_estimators": "many"}')
    for _ in range(2):  # also where there is no model any more
        status, _, log = call(local / "train-local.sh", "--native")
        assert status == 1
        assert (folder / "model.previous/model.joblib").read_bytes() == content
        assert "the model before it is in" in log
    assert not list((folder / "model").iterdir())
    hyperparameters.write_text(given)
    assert call(local / "train-local.sh", "--native")[0] == 0
    assert not (folder / "model.previous").exists()


def test_trained_served_and_asked_without_docker(checkout: Path, served: int) -> None:
    predict = checkout / "local-test/predict.sh"
    file = str(checkout / "local-test/payload.csv")
    status, out, _ = call(predict, file, PORT=served, ACCEPT="text/csv")
    assert status == 0
    assert out.count("\n") == payload().count(b"\n")


def test_that_it_serves_is_said_with_how_it_is_stopped(
    checkout: Path, served: int
) -> None:
    """D22."""
    line = f"serving on http://localhost:{served}; Ctrl-C stops it\n"
    until(lambda: line in (checkout / "serve.log").read_text(), 10)


def test_an_answer_that_is_no_success_fails_and_is_shown(
    checkout: Path, served: int
) -> None:
    payload = checkout / "bad.csv"
    payload.write_text("")
    predict = checkout / "local-test/predict.sh"
    status, out, log = call(predict, str(payload), PORT=served)
    assert (status, out) == (1, "")
    assert '"code":"bad_input"' in log
    assert log.endswith("predict.sh: the server answered 400\n")


def test_the_demo_does_it_all_without_docker(checkout: Path) -> None:
    demo = checkout / "local-test/demo.sh"
    status, out, log = call(demo, "--native", PORT=free_port())
    assert status == 0, log
    assert '"predictions"' in out


def test_where_no_engine_answers_one_line_says_what_is_done_instead(
    checkout: Path,
) -> None:
    script = checkout / "local-test/train-local.sh"
    status, _, log = call(script, DOCKER_HOST="unix:///nowhere")
    assert status == 0
    assert log.splitlines()[0].startswith("no Docker engine answers")


def test_data_from_elsewhere_is_trained_on(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    rows = "species,size\n" + "a,1\nb,2\n" * 20
    config = checkout / "local-test/test-dir/input/config/hyperparameters.json"
    config.write_text('{"target": "species"}')
    (tmp_path / "rows/rows.csv").write_text(rows)
    script = checkout / "local-test/train-local.sh"
    status, _, log = call(script, "--native", "--data", str(tmp_path / "rows"))
    assert status == 0, log
    description = checkout / "local-test/test-dir/model/model.json"
    assert '"name": "size"' in description.read_text()


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("serve-local.sh", [], "there is no model in "),
        ("serve-local.sh", ["--model", "nowhere"], "there is no file or folder n"),
        ("serve-local.sh", ["--model", "/etc/hostname"], "/etc/hostname is no model: "),
        ("serve-local.sh", ["--multi-model", "nowhere"], "there is no folder nowhere"),
        ("serve-local.sh", ["--multi-model", "/proc/self/fd"], "there is no folder in"),
        ("train-local.sh", ["--data", "nowhere"], "there is no folder nowhere"),
        ("predict.sh", ["nowhere.csv"], "cannot read the file nowhere.csv"),
        ("predict.sh", ["/etc/hostname"], "nothing answers on port "),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    checkout: Path, script: str, arguments: list[str], words: str
) -> None:
    path = checkout / "local-test" / script
    native = [] if script == "predict.sh" else ["--native"]
    status, out, log = call(path, *arguments, *native, PORT=free_port())
    assert (status, out) == (1, "")
    assert log.startswith(f"{script}: ")
    assert words in log
    assert log.count("\n") == 1


def test_a_busy_port_is_said_in_one_sentence(checkout: Path, served: int) -> None:
    script = checkout / "local-test/serve-local.sh"
    status, _, log = call(script, "--native", PORT=served)
    assert status == 1
    assert log.startswith(f"serve-local.sh: port {served} is in use")


def test_a_server_that_dies_is_said_and_its_reason_is_shown(checkout: Path) -> None:
    model = checkout / "local-test/test-dir/model"
    model.mkdir(parents=True)
    (model / "model.joblib").write_bytes(b"no model")
    script = checkout / "local-test/serve-local.sh"
    status, _, log = call(script, "--native", PORT=free_port())
    assert status == 1
    assert "serving on" not in log
    *_, reason, last = log.splitlines()
    assert reason.startswith("serve: ")
    assert last.startswith("serve-local.sh: the server ended by itself")


LOADING = """
from runtime import load


class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir, fast=True)

    def predict(self, rows):
        return self.model.predict(rows)
"""


@pytest.mark.parametrize("name", ["model.joblib", "x.pkl"])
def test_a_lone_model_is_served(checkout: Path, tmp_path: Path, name: str) -> None:
    """D18: of any estimator, by a Predictor that calls `load`."""
    (checkout / "model/predictor.py").write_text(LOADING)
    X = pd.DataFrame({"size": [1.0, 2.0, 3.0], "age": [1, 3, 2]})
    joblib.dump(LinearRegression().fit(X, X["size"] + X["age"]), tmp_path / name)
    port, script = free_port(), checkout / "local-test/serve-local.sh"
    arguments = [str(script), "--native", "--model", name]
    variables = environment(PORT=port)
    server = subprocess.Popen(
        arguments, cwd=tmp_path, env=variables, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: answers(port) or server.poll() is not None, 60)
        found = httpx.post(
            f"http://127.0.0.1:{port}/invocations",
            json={"size": [1, 2], "age": [5, 5]},
        )
        assert found.json()["predictions"] == pytest.approx([6, 7])
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


def test_a_job_that_fails_is_said_and_its_reason_is_shown(checkout: Path) -> None:
    config = checkout / "local-test/test-dir/input/config/hyperparameters.json"
    config.write_text('{"targte": "species"}')
    status, _, log = call(checkout / "local-test/train-local.sh", "--native")
    assert status == 1
    assert log.splitlines()[-1].startswith("train-local.sh: training failed")


@pytest.mark.parametrize("script", ["train-local.sh", "demo.sh", "predict.sh"])
def test_a_wrong_option_is_64_and_shows_the_usage(checkout: Path, script: str) -> None:
    status, _, log = call(checkout / "local-test" / script, "--nothing", "x", "y")
    assert status == 64
    assert log.startswith(f"usage: {script}")


def test_many_models_are_loaded_and_asked_as_the_line_says(checkout: Path) -> None:
    """H-59: each folder is a model; `curl`, word for word, from any folder."""
    many = checkout / "models"
    for name in ("first", "second"):
        (many / name).mkdir(parents=True)
    (checkout / "model/predictor.py").write_text(ECHO)
    script, port = checkout / "local-test/serve-local.sh", free_port()
    with (checkout / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(script), "--native", "--multi-model", str(many)],
            env=environment(PORT=port),
            stderr=log,
        )
    until(lambda: answers(port), 60)
    (line,) = (
        line.partition(": ")[2]
        for line in (checkout / "log").read_text().splitlines()
        if line.startswith("when it listens: ")
    )
    shown = subprocess.run(
        ["bash", "-c", f"set -e; {line}"], cwd=checkout, capture_output=True, text=True
    )
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    assert shown.stdout.startswith('{"status":"Workers scaled"}{"predictions":')


def test_many_models_are_mounted_where_the_service_has_them(
    checkout: Path, docker_log: Path
) -> None:
    """H-60."""
    (checkout / "models/one").mkdir(parents=True)
    script = checkout / "local-test/serve-local.sh"
    _, _, log = call(script, "mine:1", "--multi-model", str(checkout / "models"))
    assert f"{checkout}/models:/opt/ml/models:ro" in docker_log.read_text()
    assert "--env SAGEMAKER_MULTI_MODEL" in docker_log.read_text()
    assert '"url": "/opt/ml/models/one"' in log


def test_without_an_image_it_is_built_first(checkout: Path, docker_log: Path) -> None:
    status, _, log = call(checkout / "local-test/train-local.sh")
    assert status == 0, log
    calls = docker_log.read_text().splitlines()
    words = [line.split()[0] for line in calls]
    assert words.index("build") < words.index("run")
    label = f" --label org.opencontainers.image.version={runtime.__version__} "
    assert label in calls[words.index("build")]


CLASSIC = (
    "Step 1/3 : FROM base\\n ---> 0\\n"
    "Step 2/3 : RUN pip install\\n{}\\n ---> 1\\n"
    "Step 3/3 : ENV A=b\\n ---> Running in 7\\n ---> 2\\n"
)
BUILDKIT = (
    "#1 [internal] load build definition\\n#1 DONE 0.0s\\n"
    "#5 [packages 2/4] RUN pip install\\n#6 [stage-1 2/6] COPY packages.txt /opt/\\n"
    "{}\\n#6 CACHED\\n"
)


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (CLASSIC.format(" ---> Running in 5"), ["   RUN pip install ..."]),
        (CLASSIC.format(" ---> Using cache"), []),
        (
            BUILDKIT.format("#5 0.31 Collecting a\\n#5 0.32 Collecting b"),
            ["   RUN pip install ..."],
        ),
        (BUILDKIT.format("#5 CACHED"), []),
    ],
    ids=["classic", "classic, nothing to do", "BuildKit", "BuildKit, nothing to do"],
)
@pytest.mark.parametrize("first", [True, False], ids=["first", "again"])
def test_what_the_build_does_is_shown_as_it_does_it_and_nothing_where_it_does_nothing(
    checkout: Path, docker_log: Path, output: str, shown: list[str], *, first: bool
) -> None:
    """D22."""
    variables = {"BUILD_OUTPUT": output, "INSPECT_STATUS": int(first)}
    status, _, log = call(checkout / "local-test/train-local.sh", **variables)
    assert status == 0, log
    assert "run" in docker_log.read_text()
    lines = log.splitlines()
    assert lines[first:] == shown
    assert not first or "the first time takes some minutes" in lines[0]


def test_an_image_that_is_named_is_used_as_it_is(
    checkout: Path, docker_log: Path
) -> None:
    status, _, log = call(checkout / "local-test/train-local.sh", "mine:1")
    assert status == 0, log
    assert "build" not in docker_log.read_text().replace("buildx", "")
    assert "mine:1 train" in docker_log.read_text()


def test_after_a_failed_build_nothing_runs(checkout: Path, docker_log: Path) -> None:
    status, _, log = call(checkout / "local-test/train-local.sh", BUILD_STATUS=1)
    assert status == 1
    assert "the image was not built" in log
    assert "run" not in [
        line.split()[0] for line in docker_log.read_text().splitlines()
    ]


def test_files_belong_to_the_caller(checkout: Path, docker_log: Path) -> None:
    call(checkout / "local-test/train-local.sh")
    assert f"--user={os.getuid()}:{os.getgid()}" in docker_log.read_text()


def test_a_rootless_engine_maps_its_root_itself(
    checkout: Path, docker_log: Path
) -> None:
    call(checkout / "local-test/train-local.sh", DOCKER_SECURITY="[name=rootless]")
    assert "--user" not in docker_log.read_text()


# The owner's data

HOUSES = "size,city,price\n" + "".join(
    f"{n},{('Oslo', 'Bergen')[n % 2]},{n * 10}.5\n" for n in range(200)
)


@pytest.fixture
def unused(checkout: Path) -> Path:
    """Give a checkout with the sample's data, whatever its owner has put there."""
    folder = checkout / "local-test/test-dir/input"
    shutil.rmtree(folder / "data")
    (folder / "data/training").mkdir(parents=True)
    (folder / "data/training/penguins.csv").write_text("species,year\nGentoo,2007\n")
    values = {"target": "species", "n_estimators": "100"}
    (folder / "config/hyperparameters.json").write_text(json.dumps(values))
    return checkout


def use_data(checkout: Path, text: str | bytes, target: str) -> tuple[int, str]:
    """Give a file to use-data.sh. Returns: status, and what it said."""
    file = checkout.parent / "houses.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    script = checkout / "local-test/use-data.sh"
    status, out, log = call(script, str(file), "--target", target)
    return status, out + log


def content(checkout: Path) -> dict[str, str]:
    """Read every file that use-data.sh may write."""
    folder = checkout / "local-test"
    files = [folder / "payload.csv", *(folder / "test-dir/input").rglob("*.*")]
    return {path.name: path.read_text() for path in files if path.is_file()}


def test_a_file_of_ones_own_takes_the_place_of_the_samples(unused: Path) -> None:
    """D21: twice is as once, and other hyperparameters stay."""
    assert use_data(unused, HOUSES, "price")[0] == 0
    found = content(unused)
    header, *rows = found["use-data.csv"].splitlines()
    payload_header, *payload = found["payload.csv"].splitlines()
    assert (header, payload_header) == ("size,city,price", "size,city")
    assert len(payload) == 12
    targets = {line.rpartition(",")[0]: line for line in HOUSES.splitlines()[1:]}
    held_out = [targets[row] for row in payload]
    assert sorted(rows + held_out) == sorted(HOUSES.splitlines()[1:])
    assert "penguins.csv" not in found
    hyperparameters = json.loads(found["hyperparameters.json"])
    assert hyperparameters["target"] == "price"
    assert hyperparameters["n_estimators"] == "100"
    assert json.loads(found["inputdataconfig.json"]).keys() == {"training"}
    assert use_data(unused, HOUSES, "price")[0] == 0
    assert content(unused) == found


def test_cells_are_written_as_they_were_read(unused: Path) -> None:
    """Quotes, commas, line breaks and spellings of numbers."""
    rows = [["name", "a,b", "y"], *([f"é\n{n}", "1,234.50", "007"] for n in range(30))]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    assert use_data(unused, "\ufeff" + text.getvalue(), "y")[0] == 0
    found = content(unused)
    kept = [*csv.reader(io.StringIO(found["use-data.csv"], newline=""))]
    held = [*csv.reader(io.StringIO(found["payload.csv"], newline=""))]
    assert (kept[0], held[0]) == (rows[0], ["name", "a,b"])
    assert sorted(kept[1:] + [[*row, "007"] for row in held[1:]]) == sorted(rows[1:])


@pytest.mark.parametrize(("n_rows", "named"), [(120, ["customer"]), (99, [])])
def test_a_column_of_words_that_each_name_a_row_is_pointed_out(
    unused: Path, n_rows: int, named: list[str]
) -> None:
    """Texts, numbers and columns with a word twice are not, nor is a short file."""
    rows = [f"C{n},seen {n},{n},W{n // 2},{n}" for n in range(n_rows)]
    text = "\n".join(["customer,note,age,city,price", *rows])
    status, log = use_data(unused, f"{text}\n", "price")
    assert status == 0
    found = re.findall(r"column (\w+) has another word in each row", log)
    assert found == named


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        (HOUSES, "Prize", 'no column "Prize": do you mean "price"? It has size, city'),
        (HOUSES, "colour", 'no column "colour". It has size, city, price'),
        (
            HOUSES.partition("\n")[2],
            "price",
            "has no header: its first line is '0,Oslo",
        ),
        (HOUSES.partition("\n")[2], "0.5", "has no header: its first line is '0,Oslo"),
        (HOUSES.replace(",", ";"), "price", 'read_csv("houses.csv", sep=";")'),
        (HOUSES.replace(".", ",").replace(",", "\t"), "price", 'sep="\\t"'),
        (
            HOUSES.replace(",", ";").replace(".", ","),
            "price",
            'sep=";", decimal=",")',
        ),
        (
            HOUSES.replace(",", "\t").replace("city", "city, state"),
            "price",
            'has no commas: pandas.read_csv("houses.csv", sep="\\t")',
        ),
        (f"sep=,\n{HOUSES}", "price", "begins with a line for Excel, 'sep='"),
        (
            f"# houses\n{HOUSES}",
            "price",
            "line 2: 3 cells, where the header, '# houses', has 1",
        ),
        ('{"size": 1, "price": 2}\n' * 20, "price", "is JSON: pandas.read_json("),
        ('[{"size": 1, "price": 2}]', "price", 'read_json("houses.csv").to_csv'),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "price", 'read_excel("houses.csv")'),
        (HOUSES.replace("Oslo", "Ås").encode("latin-1"), "price", 'encoding="latin-1"'),
        (HOUSES.encode("utf-16"), "price", 'encoding="utf-16"'),
        (b"PAR1\0\xff\xff", "price", "read_parquet("),
        (HOUSES.replace("city", "price"), "price", 'has "price" twice'),
        (
            HOUSES.replace("\n7,", "\n7,7,"),
            "price",
            "line 9: 4 cells, where the header",
        ),
        ("size,price\n1,2\n", "price", "1 rows: at least ten are needed"),
        ("", "price", "has no header"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence_and_nothing_is_written(
    unused: Path, text: str | bytes, target: str, words: str
) -> None:
    """D21."""
    before = content(unused)
    status, log = use_data(unused, text, target)
    assert (status, log.count("\n")) == (1, 1), log
    assert log.startswith("use-data.sh: houses.csv")
    assert words in log
    assert content(unused) == before


@pytest.mark.parametrize("place", ["training/more.csv", "validation/rows.csv"])
def test_other_data_is_neither_lost_nor_mixed_in(unused: Path, place: str) -> None:
    file = unused / "local-test/test-dir/input/data" / place
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    status, log = use_data(unused, HOUSES, "price")
    assert status == 1
    assert f"{place} would be trained on too: move it away" in log
    assert file.read_text() == "mine"


def test_hyperparameters_that_cannot_be_read_stay(unused: Path) -> None:
    config = unused / "local-test/test-dir/input/config/hyperparameters.json"
    config.write_text('{"target": "x",}')
    status, log = use_data(unused, HOUSES, "price")
    assert status == 1
    assert "hyperparameters.json is no JSON" in log
    assert config.read_text() == '{"target": "x",}'


def test_where_there_is_no_python_the_image_has_one(
    unused: Path, docker_log: Path
) -> None:
    program = docker_log.parent / "bin/python3"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    assert use_data(unused, HOUSES, "price")[0] == 0
    run = docker_log.read_text().splitlines()[-1]
    assert f"--user={os.getuid()}:{os.getgid()}" in run
    assert f"--volume {unused}/local-test:/local-test" in run
    assert f"--volume {unused.parent}:/data:ro" in run
    assert run.endswith("python3 /local-test/use_data.py /data/houses.csv price")


# The owner's part of the checks


@pytest.fixture
def checked(checkout: Path) -> Path:
    """Add what tests/run.sh needs; its environment is that of these tests."""
    shutil.copytree(ROOT / "tests", checkout / "tests", dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    shutil.copytree(checkout / ".venv", checkout / ".venv-tests")
    shutil.copy(ROOT / "tests/requirements.txt", checkout / ".venv-tests")
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}:{os.defpath}")
    (checkout / ".venv-tests/bin/ruff").symlink_to(str(ruff))
    return checkout


def mine(checked: Path, *arguments: str) -> tuple[int, str]:
    """Run the owner's part. Returns: status, and what was printed."""
    status, out, log = call(checked / "tests/run.sh", "mine", *arguments)
    return status, out + log


@pytest.mark.parametrize("path", ["train", "predictor.py", "own.py", "own/ratio.py"])
def test_the_owners_style_is_advice_and_stops_nothing(checked: Path, path: str) -> None:
    """D19."""
    file = checked / "model" / path
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as text:
        text.write("\nimport json,sys\ndef f( x ): return lambda l : l==None\n")
    status, said = mine(checked, "--collect-only", "-q")
    assert status == 0, said
    assert "advice for your files, which stops nothing:" in said
    assert f"model/{path}:" in said
    assert "test_each_row_of_the_payload_gets_one_prediction" in said


@pytest.mark.parametrize("line", ["def f(:", "x = undefined_name", "return 1"])
def test_what_cannot_run_stops_the_checks(checked: Path, line: str) -> None:
    """D19."""
    (checked / "model/own.py").write_text(f"{line}\n")
    status, said = mine(checked, "--collect-only", "-q")
    assert status == 1
    assert "own.py" in said
    assert said.splitlines()[-1].endswith("repair what is named above")
    assert "test_each_row" not in said


@pytest.mark.sample
def test_the_sample_needs_no_advice(checked: Path) -> None:
    assert "advice" not in mine(checked, "--collect-only", "-q")[1]


@pytest.mark.sample
def test_after_use_data_the_demo_and_the_owners_tests_pass(
    unused: Path, checked: Path
) -> None:
    """D21: test-dir, payload and tests agree."""
    assert unused == checked
    assert use_data(checked, HOUSES, "price")[0] == 0
    demo = checked / "local-test/demo.sh"
    status, out, log = call(demo, "--native", PORT=free_port())
    assert status == 0, log
    answer = next(line for line in out.splitlines() if "predictions" in line)
    assert len(json.loads(answer)["predictions"]) == 12
    status, said = mine(checked, "-q", "-k", "test_predictor")
    assert status == 0, said
    assert "1 passed" in said


# The owner's packages

# Knows two packages; like the real one it keeps what is pinned.
UV = """#!/usr/bin/env bash
echo "$*" >>"${UV_LOG}"
while [[ "${1}" != --output-file ]]; do
    if [[ "${1}" == *.in ]] && grep -q nosuch "${1}"; then
        echo "nosuch was not found in the package registry" >&2
        exit 1
    fi
    shift
done
for name in lightgbm xgboost-cpu; do
    grep -q "^${name}" requirements.in && ! grep -q "^${name}==" "${2}" || continue
    echo "${name}==9.1" >>"${2}"
done
"""


@pytest.fixture
def uv_log(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in for uv into the checkout. Returns: what it was called with."""
    folder = checkout / ".venv-uv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/uv").write_text(UV)
    (folder / "bin/uv").chmod(0o755)
    (folder / "requirements.txt").write_text("uv==0.13.9\n")
    monkeypatch.setenv("UV_LOG", str(checkout.parent / "uv.log"))
    return checkout.parent / "uv.log"


def packages(checkout: Path) -> dict[str, str]:
    """Read the files that name packages."""
    names = (*LOCKED, "packages.txt")
    return {name: (checkout / name).read_text() for name in names}


def added(checkout: Path, *names: str) -> tuple[int, str]:
    """Run add-package.sh. Returns: status, and what it said."""
    status, out, log = call(checkout / "local-test/add-package.sh", *names)
    return status, out + log


def test_a_package_is_added_for_the_image_and_for_the_tests(
    checkout: Path, uv_log: Path
) -> None:
    """D20: with the Debian package it needs, and the bound it was tested with."""
    before = packages(checkout)
    status, said = added(checkout, "LightGBM")
    assert status == 0, said
    assert "lightgbm needs the Debian package libgomp1" in said
    after = packages(checkout)
    assert after["requirements.in"] == before["requirements.in"] + "lightgbm>=9.1\n"
    assert after["packages.txt"] == before["packages.txt"] + "libgomp1 # lightgbm\n"
    assert "\nlightgbm==9.1\n" in after["requirements.txt"]
    assert "--upgrade-package lightgbm" in uv_log.read_text().splitlines()[1]
    again = added(checkout, "lightgbm")[1]
    assert "requirements.in has lightgbm already" in again
    assert packages(checkout) == after


def test_the_small_xgboost_comes_with_the_other_where_it_is_not_there(
    checkout: Path, uv_log: Path
) -> None:
    assert added(checkout, "xgboost-cpu")[0] == 0
    *_, linux, others = packages(checkout)["requirements.in"].splitlines()
    assert linux == "xgboost-cpu>=9.1 ; sys_platform == 'linux'"
    assert others == "xgboost ; sys_platform != 'linux'"
    assert uv_log.exists()


def test_of_two_packages_the_smaller_is_recommended(
    checkout: Path, uv_log: Path
) -> None:
    status, said = added(checkout, "xgboost>=3")
    assert status == 0, said
    assert "xgboost-cpu is the same without NVIDIA's libraries, 450 MB less" in said
    assert packages(checkout)["requirements.in"].endswith("\nxgboost>=3\n")
    assert uv_log.exists()


@pytest.mark.parametrize(
    ("names", "status", "words"),
    [
        (["lightgbm", "nosuch"], 1, "nothing has changed: repair what is named above"),
        (["git+https://example.com/x"], 64, "is no package of PyPI"),
        (["--upgrade"], 64, "usage: add-package.sh"),
    ],
)
def test_after_a_wrong_name_everything_is_as_it_was(
    checkout: Path, uv_log: Path, names: list[str], status: int, words: str
) -> None:
    """D20."""
    before = packages(checkout)
    found, said = added(checkout, *names)
    assert found == status
    assert words in said.splitlines()[-1]
    assert packages(checkout) == before
    assert uv_log.exists() == (status == 1)


def test_the_files_that_name_packages_agree(checkout: Path) -> None:
    """With the real uv: compiled again they are as they were, and a name is found."""
    (checkout / ".venv-uv").symlink_to(uv_environment())
    before = packages(checkout)
    assert added(checkout)[0] == 0
    assert packages(checkout) == before
    assert added(checkout, "lightgbm", "no-such-package-as-this")[0] == 1
    assert packages(checkout) == before
    status, said = added(checkout, "lightgbm")
    assert status == 0, said
    lightgbm = re.compile(r"^lightgbm==.*$", re.MULTILINE)
    image, tests = (lightgbm.findall(packages(checkout)[name]) for name in LOCKED[1::2])
    assert image == tests != []


def test_tests_that_lack_a_package_of_the_image_say_what_to_do(checked: Path) -> None:
    """D20."""
    with (checked / "requirements.txt").open("a") as file:
        file.write("forgotten==1\n")
    status, said = mine(checked, "--collect-only")
    assert status == 1
    assert said == (
        "run.sh: the tests lack forgotten, which the image has: "
        "run local-test/add-package.sh, without a name\n"
    )


def test_scripts_have_their_run_bit_and_unix_line_ends() -> None:
    """X-02."""
    programs = [ROOT / "build_and_push.sh", ROOT / "tests/run.sh", ROOT / ".ci/run"]
    programs += [ROOT / "model" / name for name in ("train", "serve", "entrypoint")]
    programs += [p for p in ROOT.glob("local-test/*.sh") if p.name != "common.sh"]
    for program in programs:
        assert os.access(program, os.X_OK), program
        assert b"\r" not in program.read_bytes(), program
    assert "eol=lf" in (ROOT / ".gitattributes").read_text()
