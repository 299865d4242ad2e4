"""A multi-model endpoint against a real gunicorn (contract.md 2.13, R-09, X-45).

All models have one Predictor class. Here it runs what lies in each folder as model.py,
so that every model of a test does something else; without one it loads an estimator.
"""

import json
import os
import pickle
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import joblib
import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from containers import Run, client, owner, published, ready, running, workers
from harness import ECHO, Server, copy_program, docker, linux_only, until
from runtime.models import artifact
from runtime.tabular.schema import Schema

PREDICTOR = """
from runtime import load

class Predictor:
    def __init__(self, model_dir):
        own = model_dir / "model.py"
        self.model = None if own.exists() else load(model_dir)
        if own.exists():
            vars(self)["model_dir"] = model_dir
            exec(own.read_text(), vars(self))

    def predict(self, rows):
        return self.model.predict(rows)
"""
# Answers with a number of its own, whatever it is asked.
NUMBER = """
def predict(rows):
    return [NUMBER] * len(rows)
"""
# Is at work until the test lets it go; two calls at once would show in `both`.
GATED = """
import time

busy = []

def predict(rows):
    busy.append(1)
    if len(busy) > 1:
        (model_dir / "both").touch()
    (model_dir / "predicting").touch()
    while not (model_dir / "gate").exists():
        time.sleep(0.01)
    busy.pop()
    return [1] * len(rows)
"""
SLOW_LOAD = """
import time

(model_dir / "loading").touch()
while not (model_dir / "gate").exists():
    time.sleep(0.01)
""" + NUMBER.replace("NUMBER", "5")
ROWS = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "age": [1, 3, 2, 5]})


class Models:
    """A server, and the folder of its models."""

    def __init__(
        self, server: Any, folder: Path, asked: httpx.Client | None = None
    ) -> None:
        self.server, self.folder = server, folder
        self.client = asked or server.client

    def write(self, name: str, code: str) -> Path:
        """Make a model's folder, with a file of code. Returns: the folder."""
        model_dir = self.folder / name / "model"
        model_dir.mkdir(parents=True, exist_ok=True)
        (model_dir / "model.py").write_text(code)
        return model_dir

    def save(self, name: str, X: pd.DataFrame, y: Any) -> Path:
        """Make a model's folder, with an estimator. Returns: the folder."""
        model_dir = self.folder / name / "model"
        columns = Schema.learn(X).to_json()
        artifact.save(model_dir, LinearRegression().fit(X, y), {"columns": columns})
        return model_dir

    def load(self, name: str, url: object = None) -> httpx.Response:
        """Load a model, by default from the folder of its name."""
        place = self.folder / name / "model" if url is None else url
        asked = {"model_name": name, "url": str(place)}
        return self.client.post("/models", json=asked)

    def invoke(
        self, name: str, body: str = "1\n", content_type: str = "text/csv"
    ) -> httpx.Response:
        """Ask a model."""
        headers = {"content-type": content_type}
        path = f"{at(name)}/invoke"
        return self.client.post(path, content=body, headers=headers)

    def unload(self, name: str) -> httpx.Response:
        """Unload a model."""
        return self.client.delete(at(name))

    def names(self) -> list[str]:
        """List the models that are loaded."""
        answer = self.client.get("/models", params={"limit": 10_000})
        return [model["modelName"] for model in answer.json()["models"]]

    def memory(self) -> float:
        """Give the MB that the worker takes."""
        (worker,) = self.server.workers()
        return float(psutil.Process(worker).memory_info().rss / 2**20)


def at(name: str) -> str:
    """Give the path of a model: its name is a key, in which anything may be."""
    return f"/models/{quote(name, safe='')}"


@pytest.fixture(scope="module")
def module_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """Serve many models; four workers are asked for, and two threads."""
    base = tmp_path_factory.mktemp("many")
    program = copy_program(base / "program", PREDICTOR)
    (base / "models").mkdir()
    variables = {"MODEL_SERVER_WORKERS": 4, "MODEL_SERVER_THREADS": 2}
    with Server(program, base, SAGEMAKER_MULTI_MODEL="true", **variables) as server:
        yield Models(server.ready(), base / "models")


@pytest.fixture
def models(module_models: Models) -> Iterator[Models]:
    """Give the server with no model loaded, and expect no failure of ours after it."""
    assert module_models.names() == []
    yield module_models
    for name in module_models.names():
        assert module_models.unload(name).status_code == 200
    for line in module_models.server.log().splitlines():
        assert not line.startswith("{") or json.loads(line)["status"] != 500, line


# H-60, H-62, R-09: the routes


def test_r_09_what_awss_own_tests_ask(models: Models) -> None:
    """H-60, H-62: with nothing loaded, then one model from its load to its end."""
    client, url = models.client, str(models.write("one", ECHO_CODE))
    assert models.server.ping() == 200
    assert client.get("/models").json() == {"models": []}
    for answer in (models.invoke("one"), models.unload("one"), client.get(at("one"))):
        assert answer.status_code == 404
        assert answer.json()["message"] == "Model not found: one"
    loaded = models.load("one")
    assert (loaded.status_code, loaded.json()) == (200, {"status": "Workers scaled"})
    again = models.load("one")
    assert again.status_code == 409
    assert again.json()["message"] == "Model one is already registered."
    shown = {"modelName": "one", "modelUrl": url}
    assert client.get(at("one")).json() == shown
    assert client.get("/models").json() == {"models": [shown]}
    assert models.invoke("one", "7\n").json() == {"predictions": [7]}
    gone = models.unload("one")
    assert gone.status_code == 200
    assert gone.json() == {"status": 'Model "one" unregistered'}
    assert models.invoke("one").status_code == 404


ECHO_CODE = """
def predict(rows):
    return rows.iloc[:, 0].to_numpy()
"""


def test_h_60_a_list_comes_in_pages(models: Models) -> None:
    """Its last page has no token; a model that comes or goes shifts no other."""
    url = models.write("numbers", NUMBER.replace("NUMBER", "1"))
    names = [f"n/{n}" for n in range(7)]
    for name in names:
        assert models.load(name, url).status_code == 200
    first = models.client.get("/models", params={"limit": 3}).json()
    assert [m["modelName"] for m in first["models"]] == names[:3]
    models.unload(names[0])
    found, token = [], first["nextPageToken"]
    while token:
        more = {"limit": 3, "next_page_token": token}
        page = models.client.get("/models", params=more).json()
        found += [m["modelName"] for m in page["models"]]
        token = page.get("nextPageToken", "")
    assert found == names[3:]


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "x"}, {"limit": "-1"}, {"next_page_token": "?"}]
)
def test_h_60_a_wrong_page_is_a_400(models: Models, query: dict[str, str]) -> None:
    answer = models.client.get("/models", params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


def test_h_60_other_methods_are_a_405_that_says_which_there_are(models: Models) -> None:
    for path, allowed in (("/models", "GET, POST"), ("/models/a", "DELETE, GET")):
        answer = models.client.put(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert "POST /models/NAME/invoke" in answer.json()["message"]


def test_h_59_without_the_variable_there_is_one_model_and_no_such_route(
    tmp_path: Path, base_dir: Path
) -> None:
    program = copy_program(tmp_path / "program", ECHO)
    with Server(program, base_dir, MODEL_SERVER_WORKERS=1) as server:
        client = server.ready().client
        asked = {"model_name": "a", "url": str(base_dir / "model")}
        answers = [client.get("/models"), client.get("/models/a")]
        answers += [client.post("/models", json=asked), client.delete("/models/a")]
        answers += [client.post("/models/a/invoke", content="1")]
        assert {answer.status_code for answer in answers} == {404}
        assert server.invoke("7").json() == {"predictions": [7.0]}
        assert "/models" not in client.get("/openapi.json").text


def test_h_60_the_document_names_the_routes(models: Models) -> None:
    paths = models.client.get("/openapi.json").json()["paths"]
    found = {path: set(operations) for path, operations in paths.items()}
    assert found["/models"] == {"get", "post"}
    assert found["/models/{model_name}"] == {"get", "delete"}
    assert found["/models/{model_name}/invoke"] == {"post"}
    assert "/invocations" not in found
    assert models.client.post("/invocations", content="1").status_code == 404


# H-61: names and folders


@pytest.mark.parametrize(
    "name",
    ["a b", "a/b", "/a/", "ü€", "%2F", "..a", "a?b#c&d", "a/invoke", "x" * 1024],
)
def test_h_61_a_name_is_a_key_and_may_hold_anything(models: Models, name: str) -> None:
    url = models.write("any", ECHO_CODE)
    assert models.load(name, url).status_code == 200
    assert models.client.get(at(name)).json()["modelName"] == name
    assert models.invoke(name, "3\n").json() == {"predictions": [3]}
    assert models.names() == [name]
    assert models.unload(name).status_code == 200


BOMB = """
import pathlib
pathlib.Path({marker!r}).touch()
"""


class Bomb:
    """Writes a file where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, (BOMB.format(marker=str(self.marker)),))


def bomb(model_dir: Path, marker: Path) -> Path:
    """Write a pickle that nobody may load. Returns: its folder."""
    model_dir.mkdir(parents=True, exist_ok=True)
    (model_dir / "model.joblib").write_bytes(pickle.dumps(Bomb(marker)))
    return model_dir


def outside(models: Models, marker: Path) -> tuple[object, int]:
    return bomb(models.folder.parent / "elsewhere", marker), 400


def upwards(models: Models, marker: Path) -> tuple[object, int]:
    bomb(models.folder.parent / "elsewhere", marker)
    return f"{models.folder}/../elsewhere", 400


def relative(models: Models, marker: Path) -> tuple[object, int]:
    bomb(models.folder / "relative", marker)
    return "models/relative", 400


def linked(models: Models, marker: Path) -> tuple[object, int]:
    place = models.folder / "linked"
    place.symlink_to(bomb(models.folder.parent / "elsewhere", marker))
    return place, 400


def file_linked(models: Models, marker: Path) -> tuple[object, int]:
    target = bomb(models.folder.parent / "elsewhere", marker) / "model.joblib"
    place = models.folder / "file-linked"
    place.mkdir()
    (place / "model.joblib").symlink_to(target)
    return place, 400


def no_file(models: Models, _: Path) -> tuple[object, int]:
    place = models.folder / "fifo"
    place.mkdir()
    os.mkfifo(place / "model.joblib")
    return place, 400


def missing(models: Models, _: Path) -> tuple[object, int]:
    return models.folder / "missing", 404


def a_file(models: Models, marker: Path) -> tuple[object, int]:
    return bomb(models.folder / "file", marker) / "model.joblib", 404


def the_root(models: Models, _: Path) -> tuple[object, int]:
    return models.folder, 400


def zero_byte(models: Models, _: Path) -> tuple[object, int]:
    return f"{models.folder}/a\0b", 400


def too_long(models: Models, _: Path) -> tuple[object, int]:
    return models.folder / ("x" * 5000), 400


def corrupt(models: Models, _: Path) -> tuple[object, int]:
    place = models.save("corrupt", ROWS, [1, 2, 3, 4])
    content = (place / "model.joblib").read_bytes()
    (place / "model.joblib").write_bytes(content[: len(content) // 2])
    return place, 400


def empty(models: Models, _: Path) -> tuple[object, int]:
    (models.folder / "empty").mkdir()
    return models.folder / "empty", 400


def foreign(models: Models, marker: Path) -> tuple[object, int]:
    place = bomb(models.folder / "foreign", marker)
    about = {"columns": [], "versions": {"scikit-learn": "0.1.0"}}
    (place / "model.json").write_text(json.dumps(about))
    return place, 400


def no_start(models: Models, _: Path) -> tuple[object, int]:
    return models.write("no-start", "def start(): raise KeyError('oh')\n"), 400


def no_answer(models: Models, _: Path) -> tuple[object, int]:
    code = "example = {'a': 1}\ndef predict(rows): raise SystemExit(3)\n"
    return models.write("no-answer", code), 400


def leaves(models: Models, _: Path) -> tuple[object, int]:
    return models.write("leaves", "raise SystemExit(3)\n"), 400


@pytest.mark.parametrize(
    "case",
    [
        *(outside, upwards, relative, linked, file_linked, no_file, missing, a_file),
        *(the_root, zero_byte, too_long, corrupt, empty, foreign, no_start, no_answer),
        leaves,
    ],
)
def test_h_60_what_cannot_be_loaded_is_a_4xx_and_nothing_is_unpickled(
    models: Models, tmp_path: Path, case: Callable[[Models, Path], tuple[object, int]]
) -> None:
    """Nothing is loaded either, and the name is free for another try."""
    url, status = case(models, tmp_path / "marker")
    for _ in range(2):
        answer = models.load("bad", url)
        assert answer.status_code == status, answer.text
        assert answer.json().keys() == {"code", "message", "request_id"}
        assert "Traceback" not in answer.text
    assert models.names() == []
    assert not (tmp_path / "marker").exists()
    assert models.load("bad", models.write("good", ECHO_CODE)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"{}", b'{"model_name": "a"}', b'{"url": "/a"}'),
        *(b'{"model_name": "", "url": "/a"}', b'{"model_name": 1, "url": "/a"}'),
        *(b'{"model_name": "a\\nb", "url": "/a"}', b"\xff", b" " * 70_000),
        *(b'{"model_name": "\\ud800", "url": "/a"}', b'{"model_name": "a", "url": 1}'),
    ],
)
def test_h_60_a_load_that_is_no_such_json_is_a_4xx(models: Models, body: bytes) -> None:
    answer = models.client.post("/models", content=body)
    assert answer.status_code == (413 if len(body) > 2**16 else 400)
    assert answer.json()["message"]


# 2.13: every model is its own


def test_h_60_every_model_has_its_own_schema_formats_and_outputs(
    models: Models,
) -> None:
    y = ROWS["size"]
    models.save("wide", ROWS, y * 10)
    models.save("narrow", ROWS[["size"]], y * 2)
    models.write("own", "def decode(body, kind): return [len(body)]\n" + LENGTH)
    for name in ("wide", "narrow", "own"):
        assert models.load(name).status_code == 200
    assert models.invoke("wide", "3,1\n").json()["predictions"] == pytest.approx([30])
    assert models.invoke("narrow", "3\n").json()["predictions"] == pytest.approx([6])
    refused = models.invoke("narrow", "3,1\n")
    assert (refused.status_code, refused.json()["problems"][0]["row"]) == (400, 1)
    answer = models.invoke("own", "four", "text/x-mine").json()
    assert answer == {"predictions": [{"length": 4, "zero": 0}]}


LENGTH = "def predict(rows): return {'length': rows, 'zero': [0] * len(rows)}\n"


def test_h_60_start_runs_once_after_each_load(models: Models) -> None:
    code = """
log = model_dir / "log"

def start():
    with log.open("a") as file:
        file.write("start ")

def predict(rows):
    return [log.read_text()] * len(rows)
"""
    model_dir = models.write("starts", code)
    (model_dir / "log").unlink(missing_ok=True)
    models.load("starts")
    for _ in range(3):
        assert models.invoke("starts").json() == {"predictions": ["start "]}


# X-45, H-64: processes, threads, memory


def test_x_45_h_64_a_model_is_known_whichever_connection_asks(models: Models) -> None:
    """One process has the table, also where more workers are asked for."""
    models.write("known", ECHO_CODE)
    models.load("known")
    assert len(models.server.workers()) == 1
    base = models.client.base_url
    asked = (httpx.get(base.join(at("known"))) for _ in range(40))  # none is kept open
    assert {answer.status_code for answer in asked} == {200}


def test_h_64_a_model_that_is_busy_holds_up_no_other_and_runs_one_call_at_a_time(
    models: Models,
) -> None:
    model_dir = models.write("busy", GATED)
    models.write("quiet", ECHO_CODE)
    for name in ("busy", "quiet"):
        models.load(name)
    with ThreadPoolExecutor(20) as callers:
        waiting = [callers.submit(models.invoke, "busy") for _ in range(20)]
        until((model_dir / "predicting").exists, 20)
        for _ in range(20):
            assert models.invoke("quiet", "4\n").json() == {"predictions": [4]}
        assert not any(call.done() for call in waiting)
        (model_dir / "gate").touch()
        assert {call.result().status_code for call in waiting} == {200}
    assert not (model_dir / "both").exists()


def test_x_19_a_model_with_more_requests_than_it_may_have_leaves_others_their_room(
    tmp_path: Path, base_dir: Path
) -> None:
    """MODEL_SERVER_QUEUE is of each model; what is too much is a 503 at once."""
    program = copy_program(tmp_path / "program", PREDICTOR)
    variables = {"SAGEMAKER_MULTI_MODEL": "true", "MODEL_SERVER_QUEUE": 5}
    with Server(program, base_dir, MODEL_SERVER_THREADS=2, **variables) as server:
        models = Models(server.ready(), base_dir / "models")
        model_dir = models.write("busy", GATED)
        models.write("quiet", ECHO_CODE)
        for name in ("busy", "quiet"):
            models.load(name)
        with ThreadPoolExecutor(12) as callers:
            calls = [callers.submit(models.invoke, "busy") for _ in range(12)]
            until(lambda: sum(call.done() for call in calls) == 7, 20)
            assert models.invoke("quiet", "4\n").json() == {"predictions": [4]}
            (model_dir / "gate").touch()
            found = Counter(call.result().status_code for call in calls)
        assert found == {200: 5, 503: 7}


def test_h_62_a_load_that_takes_long_holds_up_no_request(models: Models) -> None:
    """Until its end there is no such model, and nobody else may take its name."""
    model_dir = models.write("slow", SLOW_LOAD)
    models.write("quick", ECHO_CODE)
    models.load("quick")
    with ThreadPoolExecutor(1) as callers:
        loading = callers.submit(models.load, "slow")
        until((model_dir / "loading").exists, 20)
        assert models.server.ping() == 200
        assert models.invoke("quick", "4\n").json() == {"predictions": [4]}
        assert models.names() == ["quick"]
        assert models.invoke("slow").status_code == 404
        assert models.unload("slow").status_code == 404
        assert models.load("slow").status_code == 409
        assert models.unload("quick").status_code == 200
        (model_dir / "gate").touch()
        assert loading.result().status_code == 200
    assert models.invoke("slow").json() == {"predictions": [5]}


def test_h_60_an_unload_waits_for_the_calls_that_run(models: Models) -> None:
    """They are answered; nobody else begins, and a load waits for the end."""
    model_dir = models.write("used", GATED)
    models.load("used")
    with ThreadPoolExecutor(3) as callers:
        running = callers.submit(models.invoke, "used")
        until((model_dir / "predicting").exists, 20)
        unloading = callers.submit(models.unload, "used")
        until(lambda: models.names() == [], 20)
        assert models.invoke("used").status_code == 404
        again = callers.submit(models.load, "used")
        assert not unloading.done()
        (model_dir / "gate").touch()
        assert running.result().json() == {"predictions": [1]}
        assert unloading.result().status_code == 200
        assert again.result().status_code == 200


def test_h_64_a_model_that_is_larger_than_the_memory_is_a_507(models: Models) -> None:
    """Before it is read: SageMaker then unloads others, and tries again."""
    place = bomb(models.folder / "huge", models.folder / "read")
    with (place / "weights.bin").open("wb") as file:
        file.truncate(2**42)  # 4 TB: the file is sparse
    answer = models.load("huge", place)
    assert (answer.status_code, answer.json()["code"]) == (507, "out_of_memory")
    assert "unload other models" in answer.json()["message"]
    assert not (models.folder / "read").exists()
    assert models.names() == []


def test_h_64_memory_that_runs_out_in_a_load_is_a_507_and_harms_nobody(
    models: Models,
) -> None:
    models.write("fine", ECHO_CODE)
    models.load("fine")
    models.write("hungry", "parts = bytearray(2**46)\n")
    answer = models.load("hungry")
    assert (answer.status_code, answer.json()["code"]) == (507, "out_of_memory")
    assert models.names() == ["fine"]
    assert models.invoke("fine", "4\n").json() == {"predictions": [4]}


@linux_only
def test_h_60_unloading_gives_the_memory_back(models: Models) -> None:
    """300 models, and 300 one after another: within 10 % of the beginning."""
    model_dir = models.folder / "forest"
    X = np.random.default_rng(0).random((400, 4))
    forest = RandomForestRegressor(20, random_state=0).fit(X, X[:, 0])
    model_dir.mkdir()
    joblib.dump(forest, model_dir / "model.joblib")
    assert models.load("first", model_dir).status_code == 200
    models.unload("first")  # scikit-learn is imported with it, and stays
    before = models.memory()
    names = [f"m{n}" for n in range(300)]
    for name in names:
        assert models.load(name, model_dir).status_code == 200
    assert models.memory() > 1.5 * before
    for name in names:
        assert models.unload(name).status_code == 200
    assert models.memory() < 1.1 * before
    for name in names:
        models.load(name, model_dir)
        models.unload(name)
    assert models.memory() < 1.1 * before


@linux_only
def test_h_60_also_what_only_the_collector_finds_is_free_with_the_answer(
    models: Models,
) -> None:
    """An object that knows itself is found by no count of references."""
    code = "block = bytearray(2**27)\nmine = [block]\nmine.append(mine)\n"
    for name in ("first", "second", "third"):
        models.write(name, code + NUMBER.replace("NUMBER", "1"))
    models.load("first")
    models.unload("first")
    before = models.memory()
    for name in ("second", "third"):
        models.load(name)
        assert models.memory() > before + 100
        models.unload(name)
        assert models.memory() < before + 20


def test_r_09_models_may_lie_below_the_folder_of_the_one_model(models: Models) -> None:
    place = models.folder.parent / "model" / "resnet"
    place.mkdir(parents=True, exist_ok=True)
    (place / "model.py").write_text(ECHO_CODE)
    assert models.load("resnet", place).status_code == 200


# what can be seen


def test_h_60_counters_and_lines_carry_the_name_of_the_model(models: Models) -> None:
    """Names of models that there are not make no series."""
    code = "import logging\ndef start(): logging.warning('hm')\n"
    models.write("seen", code + ECHO_CODE)
    models.load("seen")
    models.invoke("seen")
    models.invoke("seen", "")
    for name in ("unseen-1", "unseen-2"):
        assert models.invoke(name).status_code == 404
    text = models.client.get("/metrics").text
    assert 'model_invocations_total{model="seen",status="200"} 1.0' in text
    assert 'model_invocations_total{model="seen",status="400"} 1.0' in text
    assert "unseen" not in text
    log = models.server.log()
    assert '"model": "seen", "status": 400' in log
    assert "[model seen] hm" in log
    assert "[model seen] loaded" in log


# in any order


@pytest.mark.parametrize("seconds", [8])
def test_h_62_loads_calls_and_unloads_in_any_order(
    models: Models, seconds: int
) -> None:
    """Never a 500, a model that answers for another, or a wait without end."""
    for number in range(4):
        code = "import time\n" + NUMBER.replace("NUMBER", str(number))
        models.write(
            str(number), code.replace("return", "time.sleep(0.002)\n    return")
        )
    ends, statuses = time.monotonic() + seconds, Counter[tuple[str, int]]()
    base = str(models.client.base_url)

    def act(seed: int) -> None:
        chosen = random.Random(seed)
        with httpx.Client(base_url=base, timeout=30) as asked:
            mine = Models(models.server, models.folder, asked)
            while time.monotonic() < ends:
                name = str(chosen.randrange(4))
                acts: list[Callable[[str], httpx.Response]]
                acts = [mine.load, mine.unload, *[mine.invoke] * 4]
                called = chosen.choice(acts)
                answer = called(name)
                statuses[called.__name__, answer.status_code] += 1
                if called == mine.invoke and answer.status_code == 200:
                    assert answer.json() == {"predictions": [int(name)]}

    with ThreadPoolExecutor(12) as callers:
        for call in [callers.submit(act, seed) for seed in range(12)]:
            call.result()
    assert set(statuses) == {
        *(("load", 200), ("load", 409), ("unload", 200), ("unload", 404)),
        *(("invoke", 200), ("invoke", 404)),
    }


@linux_only
def test_h_64_where_the_worker_dies_the_server_ends_for_its_models_are_lost(
    tmp_path: Path, base_dir: Path
) -> None:
    """A new worker would answer 404 to what SageMaker believes to be loaded."""
    program = copy_program(tmp_path / "program", PREDICTOR)
    with Server(program, base_dir, SAGEMAKER_MULTI_MODEL="true") as server:
        (worker,) = server.ready().workers()
        os.kill(worker, signal.SIGKILL)
        assert server.process.wait(30) == 1
        assert "the worker with all loaded models has ended" in server.log()


def test_h_64_where_a_model_hangs_the_server_ends_too(
    tmp_path: Path, base_dir: Path
) -> None:
    """No thread can be stopped, and models of a new process would be lost."""
    program = copy_program(tmp_path / "program", PREDICTOR)
    variables = {"SAGEMAKER_MULTI_MODEL": "true", "MODEL_SERVER_TIMEOUT": 1}
    with Server(program, base_dir, **variables) as server:
        models = Models(server.ready(), base_dir / "models")
        models.write("a", GATED)
        models.load("a")
        assert models.invoke("a").status_code == 504
        assert server.process.wait(30) == 1
        assert "the worker with all loaded models has ended" in server.log()


def test_h_03_a_stop_lets_a_request_to_a_model_finish(
    tmp_path: Path, base_dir: Path
) -> None:
    program = copy_program(tmp_path / "program", PREDICTOR)
    with Server(program, base_dir, SAGEMAKER_MULTI_MODEL="true") as server:
        models = Models(server.ready(), base_dir / "models")
        model_dir = models.write("a", GATED)
        models.load("a")
        answers: list[httpx.Response] = []
        caller = threading.Thread(target=lambda: answers.append(models.invoke("a")))
        caller.start()
        until((model_dir / "predicting").exists, 20)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: "Handling signal: term" in server.log(), 10)
        (model_dir / "gate").touch()
        caller.join()
        assert answers[0].json() == {"predictions": [1]}
        assert server.process.wait(25) == 0


# the image


def test_h_59_the_image_serves_many_models_as_the_service_mounts_them(
    run: Run, tmp_path: Path
) -> None:
    """H-60, H-61, R-09: read-only, with the variables that AWS's own tests set."""
    (tmp_path / "models").mkdir()
    variables = {
        "SAGEMAKER_MULTI_MODEL": "true",
        "SAGEMAKER_BIND_TO_PORT": "8080",
        "SAGEMAKER_SAFE_PORT_RANGE": "9000-9999",
    }
    given = [word for k, v in variables.items() for word in ("--env", f"{k}={v}")]
    volume = f"{tmp_path}/models:/opt/ml/models:ro"
    container = run(*published(volume), *owner(tmp_path, PREDICTOR), *given)
    ready(container)
    with client(container) as asked:
        models = Models(None, tmp_path / "models", asked)
        assert asked.get("/models").json() == {"models": []}
        models.write("1f2e", ECHO_CODE)
        models.save("3d4c", ROWS, ROWS["size"] * 10)
        for name in ("1f2e", "3d4c"):
            url = f"/opt/ml/models/{name}/model"
            assert models.load(name, url).json() == {"status": "Workers scaled"}
        assert models.invoke("1f2e", "7\n").json() == {"predictions": [7]}
        answer = models.invoke("3d4c", "3,1\n").json()
        assert answer["predictions"] == pytest.approx([30])
        assert models.unload("1f2e").status_code == 200
        assert models.names() == ["3d4c"]
        assert len(workers(container)) == 1


def test_h_64_a_container_that_is_full_answers_507_and_is_never_killed(
    run: Run, tmp_path: Path
) -> None:
    """What is loaded goes on answering, and room is made by unloading.

    A small file that is large in memory is stopped before the kernel stops us all.
    """
    (tmp_path / "models").mkdir()
    volume = f"{tmp_path}/models:/opt/ml/models:ro"
    limits = "--memory", "1g", "--memory-swap", "1g", "--env"
    options = [*limits, "SAGEMAKER_MULTI_MODEL=true", *owner(tmp_path, PREDICTOR)]
    container = run(*published(volume), *options)
    ready(container)
    with client(container) as asked:
        models = Models(None, tmp_path / "models", asked)
        code = "block = b'x' * (100 * 2**20)\n"
        models.write("large", code + NUMBER.replace("NUMBER", "1"))
        url, names = "/opt/ml/models/large/model", [f"m{n}" for n in range(12)]
        statuses = [models.load(name, url).status_code for name in names]
        loaded = statuses.index(507)
        assert 4 <= loaded <= 9
        assert set(statuses[loaded:]) == {507}
        for name in names[:loaded]:
            assert models.invoke(name).json() == {"predictions": [1]}
        for name in names[:loaded]:
            assert models.unload(name).status_code == 200
        packed = models.folder / "packed"
        packed.mkdir()
        arrays = [np.zeros(6_000_000) for _ in range(60)]  # 2.9 GB
        joblib.dump(arrays, packed / "model.joblib", compress=3)
        assert models.load("packed", "/opt/ml/models/packed").status_code == 507
        assert models.load("again", url).status_code == 200
    assert running(container)
    state = docker("inspect", "--format", "{{.State.OOMKilled}}", container)
    assert state == "false\n"
