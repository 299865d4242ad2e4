"""SageMaker's hosting contract against a real gunicorn (contract.md, part 2)."""

import gzip
import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import joblib
import pandas as pd
import pytest
import requests
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from harness import (
    ECHO,
    SLOW,
    Server,
    copy_program,
    environment,
    linux_only,
    until,
)
from runtime.models import artifact
from runtime.tabular.schema import Schema

HEAVY_START = """
import time
from pathlib import Path

class Predictor:
    example = {"a": 1}

    def __init__(self, model_dir):
        self.gate = model_dir.parent / "gate"

    def predict(self, rows):
        while not self.gate.exists():
            time.sleep(0.01)
        return rows.iloc[:, 0].to_numpy()
"""
ESTIMATOR = """
from runtime import load

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir)

    def predict(self, rows):
        return self.model.predict(rows)
"""
ROWS = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "age": [1, 3, 2, 5]})


def save_model(model_dir: Path) -> None:
    """Save a small regression with its schema."""
    model = LinearRegression().fit(ROWS, ROWS["size"] * 10)
    columns = Schema.learn(ROWS).to_json()
    artifact.save(model_dir, model, {"columns": columns})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a small regression with two workers."""
    folder = tmp_path_factory.mktemp("served")
    program = copy_program(folder / "program", ESTIMATOR)
    save_model(folder / "model")
    with Server(program, folder, MODEL_SERVER_WORKERS=2) as running:
        yield running.ready()


def serve_once(program: Path, base_dir: Path, **variables: object) -> tuple[int, str]:
    """Run `serve` where it is to end by itself. Returns: status and log."""
    result = subprocess.run(
        [sys.executable, str(program / "serve")],
        env=environment(SAGEMAKER_BASE_DIR=base_dir, **variables),
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    return result.returncode, result.stderr


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ping_is_200_with_an_empty_body(server: Server, method: str) -> None:
    """H-13, H-16."""
    answer = server.client.request(method, "/ping")
    assert (answer.status_code, answer.content) == (200, b"")


def test_ping_is_503_until_the_model_has_answered_the_warm_up(
    tmp_path: Path, base_dir: Path
) -> None:
    """H-15."""
    program = copy_program(tmp_path / "program", HEAVY_START)
    with Server(program, base_dir, MODEL_SERVER_WORKERS=1) as server:
        until(lambda: server.ping() == 503, 30)
        (base_dir / "gate").touch()
        until(lambda: server.ping() == 200, 10)


def test_ping_answers_while_a_prediction_runs(tmp_path: Path, base_dir: Path) -> None:
    """H-12."""
    program = copy_program(tmp_path / "program", SLOW)
    with Server(program, base_dir, MODEL_SERVER_WORKERS=1) as server:
        server.ready()
        answers: list[httpx.Response] = []
        caller = threading.Thread(target=lambda: answers.append(server.invoke("1")))
        caller.start()
        until((base_dir / "predicting").exists, 10)
        assert server.ping() == 200
        (base_dir / "gate").touch()
        caller.join()
        assert answers[0].json() == {"predictions": [1.0]}


def test_sigterm_lets_a_request_in_flight_finish(
    tmp_path: Path, base_dir: Path
) -> None:
    """H-03: the answer arrives, and the server leaves with status 0."""
    program = copy_program(tmp_path / "program", SLOW)
    with Server(program, base_dir) as server:
        server.ready()
        answers: list[httpx.Response] = []
        caller = threading.Thread(target=lambda: answers.append(server.invoke("7")))
        caller.start()
        until((base_dir / "predicting").exists, 10)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: "Handling signal: term" in server.log(), 10)
        (base_dir / "gate").touch()
        caller.join()
        assert answers[0].json() == {"predictions": [7.0]}
        assert server.process.wait(25) == 0


def test_sigterm_while_the_model_loads_ends_the_server_at_once(
    tmp_path: Path, base_dir: Path
) -> None:
    """H-03: gunicorn has no handler of its own yet."""
    slow_load = ECHO.replace(
        "        self.names",
        "        (model_dir.parent / 'loading').touch()\n"
        "        import time; time.sleep(60)\n"
        "        self.names",
    )
    program = copy_program(tmp_path / "program", slow_load)
    with Server(program, base_dir) as server:
        until((base_dir / "loading").exists, 30)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 0


def test_a_killed_worker_is_replaced(tmp_path: Path, base_dir: Path) -> None:
    """X-10."""
    program = copy_program(tmp_path / "program")
    with Server(program, base_dir, MODEL_SERVER_WORKERS=2) as server:
        server.ready()
        until(lambda: len(server.workers()) == 2, 10)
        before = server.workers()
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(set(server.workers()) - set(before)) == 1, 10)
        until(lambda: server.ping() == 200, 10)
        assert server.invoke("5").status_code == 200


def test_the_number_of_workers_is_the_one_that_was_asked_for(server: Server) -> None:
    """H-74, X-07."""
    assert len(server.workers()) == 2


@linux_only
def test_workers_share_the_model_that_was_loaded_once(server: Server) -> None:
    """Design: loaded before the fork."""
    assert server.log().count("loaded ") == 1


def test_without_preloading_each_worker_loads_its_own(
    tmp_path: Path, base_dir: Path
) -> None:
    """MODEL_PRELOAD is the way out for the owner."""
    program = copy_program(tmp_path / "program")
    with Server(
        program, base_dir, MODEL_SERVER_WORKERS=2, MODEL_PRELOAD="false"
    ) as server:
        server.ready()
        until(lambda: server.log().count("loaded ") == 2, 10)


def test_a_gzip_body_is_read_and_another_coding_is_415(server: Server) -> None:
    """F-05, H-25."""
    body = b"1,2\n3,4\n"
    answer = server.invoke(gzip.compress(body), **{"content-encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.json() == server.invoke(body).json()
    for coding, status in (("gzip", 400), ("br", 415)):
        answer = server.invoke(b"1,2\n", **{"content-encoding": coding})
        assert answer.status_code == status
        assert "Content-Encoding" in answer.json()["message"]


def test_one_row_out_for_each_row_in(server: Server) -> None:
    """F-05, H-54."""
    answer = server.invoke("1,1\n2,3\n3,2\n")
    assert answer.json()["predictions"] == pytest.approx([10, 20, 30])


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/csv, application/json", "application/json"),
        ("text/csv;q=0.5, application/json", "application/json"),
    ],
)
def test_the_answer_has_the_accepted_type_without_charset(
    server: Server, accept: str, media_type: str
) -> None:
    """H-21, F-16."""
    answer = server.invoke("1,1", accept=accept)
    assert answer.headers["content-type"] == media_type


def test_a_client_that_asks_for_the_charset_is_told_it(tmp_path: Path) -> None:
    """B10: without it `requests` takes text for Latin-1; F-16: nobody else is told."""
    (tmp_path / "ml/model").mkdir(parents=True)
    with Server(copy_program(tmp_path / "program"), tmp_path / "ml") as server:
        url = f"http://127.0.0.1:{server.ready().port}/invocations"
        for accept, text in (("text/csv; charset=utf-8", "æ"), ("text/csv", "Ã¦")):
            headers = {"content-type": "text/csv; charset=utf-8", "accept": accept}
            found = requests.post(url, "æ\n".encode(), headers=headers, timeout=30)
            assert found.headers["content-type"] == accept
            assert found.text == f"{text}\n"
        headers["accept"] = "application/json"
        found = requests.post(url, "æ\n".encode(), headers=headers, timeout=30)
        assert found.json() == {"predictions": ["æ"]}
        headers["accept"] = "text/csv; charset=latin-1"
        assert requests.post(url, "a", headers=headers, timeout=30).status_code == 406
        headers = {"content-type": "text/csv; charset=latin-1"}
        assert requests.post(url, "a", headers=headers, timeout=30).status_code == 415


@pytest.mark.parametrize(
    "content_type",
    ["text/csv", "Text/CSV", "text/csv; charset=utf-8", "text/csv;label_size=0", ""],
)
def test_parameters_and_letter_case_of_the_content_type_do_not_matter(
    server: Server, content_type: str
) -> None:
    """H-22, X-24."""
    assert server.invoke("1,1", content_type).status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        ("", "text/csv", 400, "the body is empty"),
        (" \n", "text/csv", 400, "the body is empty"),
        ("1,1\n2\n", "text/csv", 400, "row 2: 1 columns, expected 2: size, age"),
        ("1", "text/csv", 400, "1 columns, expected 2: size, age"),
        ("1,2,3", "text/csv", 400, "3 columns, expected 2: size, age"),
        ("1,old", "text/csv", 400, "row 1, column 'age': expected a number"),
        ("1,1\ninf,1", "text/csv", 400, "row 2, column 'size': expected a finite"),
        (b"\xff\xfe1,1", "text/csv", 400, "not UTF-8: byte 0 is 0xff"),
        ('"1,1', "text/csv", 400, "line 1 is not CSV"),
        ("[[1, 2]", "application/json", 400, "the body is not JSON"),
        ("[" * 100_000, "application/json", 400, "the body is not JSON"),
        ('[{"size": 1}]', "application/json", 400, "missing: age"),
        ('[[1, "x"]]', "application/json", 400, "row 1, column 'age'"),
        ("[[1, true]]", "application/json", 400, "row 1, column 'age'"),
        ("[]", "application/json", 400, "no rows"),
        ("3", "application/json", 400, "no rows"),
        ("1,1", "application/xml", 415, "cannot read 'application/xml'"),
    ],
)
def test_bad_input_is_a_4xx_with_a_sentence_and_no_traceback(
    server: Server, body: str | bytes, content_type: str, status: int, words: str
) -> None:
    """H-24, H-25, H-73, X-26."""
    answer = server.invoke(body, content_type)
    assert answer.status_code == status
    assert words in answer.json()["message"]
    assert len(answer.content) < 2048
    assert "Traceback" not in answer.text


def test_an_accept_that_cannot_be_written_is_406(server: Server) -> None:
    """H-25."""
    answer = server.invoke("1,1", accept="image/png")
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/pingpong", 404), ("GET", "/invocations", 405)],
)
def test_a_wrong_method_or_path_is_a_json_object_too(
    server: Server, method: str, path: str, status: int
) -> None:
    """R-07."""
    answer = server.client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, "no_route")


def test_an_error_names_the_request_that_sagemaker_named(server: Server) -> None:
    """H-19."""
    header = {"x-amzn-sagemaker-inference-id": "event-1"}
    assert server.invoke("", **header).json()["request_id"] == "event-1"


def test_unknown_headers_and_hosts_are_ignored(server: Server) -> None:
    """H-17, H-18."""
    headers = {"host": "model.aws.local:8080", "x-amzn-sagemaker-new": "1"}
    assert server.invoke("1,1", **headers).status_code == 200


def test_a_body_of_25_mb_is_accepted_and_a_larger_one_is_413(server: Server) -> None:
    """H-23, X-20."""
    row = b"1.00000000,1\n"
    fits = row * (25 * 1024 * 1024 // len(row))
    answer = server.invoke(fits, accept="text/csv")
    assert (answer.status_code, answer.text.count("\n")) == (200, fits.count(b"\n"))
    refused = server.invoke(fits + row * 2)
    assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")


def test_a_chunked_body_without_a_length_is_read(server: Server) -> None:
    """H-23."""
    chunks = iter([b"1,1\n", b"2,", b"3\n"])
    headers = {"content-type": "text/csv"}
    answer = server.client.post("/invocations", content=chunks, headers=headers)
    assert len(answer.json()["predictions"]) == 2


def test_a_fault_of_the_model_is_500_and_its_text_stays_in_the_log(
    tmp_path: Path, base_dir: Path
) -> None:
    """H-24."""
    failing = ECHO.replace("return rows", "raise KeyError('secret'); return rows")
    with Server(copy_program(tmp_path / "program", failing), base_dir) as server:
        answer = server.ready().invoke("1")
        assert (answer.status_code, answer.json()["code"]) == (500, "prediction_failed")
        assert "secret" not in answer.text
        assert "KeyError: 'secret'" in server.log()
        assert answer.json()["request_id"] in server.log()


def test_bad_input_raised_by_the_owner_reaches_the_caller(
    tmp_path: Path, base_dir: Path
) -> None:
    """Design, section 2."""
    refusing = "from runtime import BadInput\n" + ECHO.replace(
        "return rows", "raise BadInput('age must be positive', row=3); return rows"
    )
    with Server(copy_program(tmp_path / "program", refusing), base_dir) as server:
        answer = server.ready().invoke("1\n2\n3\n")
        assert answer.status_code == 400
        assert answer.json()["message"] == "row 3: age must be positive"


def test_a_request_that_takes_too_long_is_504(tmp_path: Path, base_dir: Path) -> None:
    """H-11, X-19."""
    program = copy_program(tmp_path / "program", SLOW)
    with Server(program, base_dir, MODEL_SERVER_TIMEOUT=0.2) as server:
        answer = server.ready().invoke("1")
        (base_dir / "gate").touch()
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


def test_somebodys_pickle_without_a_description_is_served(
    tmp_path: Path, base_dir: Path
) -> None:
    """Design, section 2: columns from feature_names_in_, and one log line says so."""
    model = LinearRegression().fit(ROWS, ROWS["size"] * 10)
    joblib.dump(model, base_dir / "model/theirs.pkl")
    (base_dir / "model/model.tar.gz").write_bytes(b"R-06")
    with Server(copy_program(tmp_path / "program", ESTIMATOR), base_dir) as server:
        by_name = '[{"age": 3, "size": 2, "colour": "red"}]'
        answer = server.ready().invoke(by_name, "application/json")
        assert answer.json()["predictions"] == pytest.approx([20])
        assert "no model.json" in server.log()


def test_a_cell_means_the_same_alone_and_in_company_without_a_description(
    tmp_path: Path, base_dir: Path
) -> None:
    """A2, A2b, H-25: text of numbers stays text, and text in their place is a 400."""
    codes = pd.DataFrame({"code": ["40", "41", "X", None], "n": [1.0, 2, 3, 4]})
    encoder = make_column_transformer(
        (OneHotEncoder(), ["code"]), (StandardScaler(), ["n"])
    )
    model = make_pipeline(encoder, LinearRegression()).fit(codes, codes["n"])
    joblib.dump(model, base_dir / "model/model.joblib")
    with Server(copy_program(tmp_path / "program", ESTIMATOR), base_dir) as server:
        server.ready()
        for body in ("40,1", "40,1\nX,3", "40,1\n,4\n41,2"):
            answer = server.invoke(body)
            assert answer.json()["predictions"][0] == pytest.approx(1)
        for rows in ('[["40", 1]]', "[[40, 1]]", '[["40", 1], [null, 4]]'):
            answer = server.invoke(rows, "application/json")
            assert answer.json()["predictions"][0] == pytest.approx(1)
        assert server.invoke(",4").json()["predictions"] == pytest.approx([4])
        for body, words in (
            ("40,X", "row 1, column 'n': expected a number"),
            ("40,1\n40,X", "row 2, column 'n': expected a number"),
            ("7,1", "row 1, column 'code': expected one of 40, 41, X"),
        ):
            answer = server.invoke(body)
            assert answer.status_code == 400
            assert words in answer.json()["message"]


def test_an_unused_column_of_parquet_is_left_alone(server: Server) -> None:
    """B9, F-08, H-25."""
    file = io.BytesIO()
    ROWS.assign(when=pd.Timestamp(0), tags=pd.Series([["a"]] * 4)).to_parquet(file)
    answer = server.invoke(file.getvalue(), "application/x-parquet")
    assert answer.json()["predictions"] == pytest.approx([10, 20, 30, 40])
    file = io.BytesIO()
    ROWS.assign(age=pd.Timestamp(0)).to_parquet(file)
    answer = server.invoke(file.getvalue(), "application/x-parquet")
    assert answer.status_code == 400
    assert "column 'age'" in answer.json()["message"]


@pytest.mark.parametrize("preload", ["true", "false"])
def test_no_model_ends_the_server_with_one_line_that_names_the_folder(
    tmp_path: Path, base_dir: Path, preload: str
) -> None:
    """X-10, X-14."""
    program = copy_program(tmp_path / "program", ESTIMATOR)
    status, log = serve_once(program, base_dir, MODEL_PRELOAD=preload)
    assert status == 1
    assert f"no model.joblib in {base_dir}/model" in log
    assert "Traceback" not in log


def test_a_damaged_model_ends_the_server_with_one_line_that_names_the_file(
    tmp_path: Path, base_dir: Path
) -> None:
    """X-10."""
    save_model(base_dir / "model")
    whole = (base_dir / "model/model.joblib").read_bytes()
    (base_dir / "model/model.joblib").write_bytes(whole[: len(whole) // 2])
    status, log = serve_once(copy_program(tmp_path / "program", ESTIMATOR), base_dir)
    assert status == 1
    assert f"serve: cannot load {base_dir}/model/model.joblib: " in log
    assert "Traceback" not in log


def test_a_model_of_another_scikit_learn_ends_the_server_unless_told_otherwise(
    tmp_path: Path, base_dir: Path
) -> None:
    """X-29."""
    save_model(base_dir / "model")
    description = base_dir / "model/model.json"
    text = description.read_text()
    version = artifact.describe(base_dir / "model")["versions"]["scikit-learn"]  # type: ignore[index]
    description.write_text(text.replace(f'"{version}"', '"0.24.2"'))
    program = copy_program(tmp_path / "program", ESTIMATOR)
    status, log = serve_once(program, base_dir)
    assert status == 1
    assert "model.json: fitted with scikit-learn 0.24.2" in log
    with Server(program, base_dir, MODEL_VERSION_CHECK="warn") as server:
        assert server.ready().invoke("1,1").status_code == 200
        assert "0.24.2" in server.log()


def test_every_wrong_variable_is_named_before_anything_starts(
    tmp_path: Path, base_dir: Path
) -> None:
    """H-74."""
    result = subprocess.run(
        [sys.executable, str(copy_program(tmp_path / "program") / "serve")],
        env=environment(
            SAGEMAKER_BASE_DIR=base_dir,
            MODEL_SERVER_WORKERS="many",
            MODEL_SERVER_TIMEOUT="-1",
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "MODEL_SERVER_WORKERS='many'" in result.stderr
    assert "MODEL_SERVER_TIMEOUT='-1'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_that_fails_its_warm_up_stops_the_server(
    tmp_path: Path, base_dir: Path
) -> None:
    """X-10, X-14: it would not get better by being restarted."""
    failing = ECHO.replace("    def __init__", "    example = [[1]]\n    def __init__")
    failing = failing.replace("return rows", "raise OSError('no licence'); return rows")
    with Server(copy_program(tmp_path / "program", failing), base_dir) as server:
        assert server.process.wait(30) == 1
        assert "no licence" in server.log()


def test_serve_finds_its_own_modules_from_any_folder(
    tmp_path: Path, base_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Style, section 4.1: a main.py where one happens to stand is not ours."""
    (tmp_path / "main.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    with Server(copy_program(tmp_path / "program"), base_dir) as server:
        assert server.ready().invoke("4").status_code == 200


def test_ctrl_c_ends_the_server_as_a_stop_does(tmp_path: Path, base_dir: Path) -> None:
    """Without waiting for the graceful time to run out."""
    with Server(copy_program(tmp_path / "program"), base_dir) as server:
        server.ready().process.send_signal(signal.SIGINT)
        assert server.process.wait(10) == 0


def test_a_body_that_does_not_arrive_in_time_is_408(
    tmp_path: Path, base_dir: Path
) -> None:
    """H-11: a slow caller holds nothing up for ever."""
    program = copy_program(tmp_path / "program")
    with Server(program, base_dir, MODEL_SERVER_TIMEOUT=0.5) as server:
        server.ready()
        with socket.create_connection(("127.0.0.1", server.port)) as caller:
            caller.sendall(
                b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"
            )
            caller.settimeout(10)
            assert b" 408 " in caller.recv(1000)


def test_a_caller_who_leaves_in_mid_body_is_no_fault_of_ours(
    tmp_path: Path, base_dir: Path
) -> None:
    with Server(copy_program(tmp_path / "program"), base_dir) as server:
        server.ready()
        with socket.create_connection(("127.0.0.1", server.port)) as caller:
            caller.sendall(
                b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"
            )
        assert server.invoke("1").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(25)
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("path", ["/redoc", "/docs/", "/invocations/"])
def test_no_route_is_there_that_nobody_wrote(server: Server, path: str) -> None:
    assert server.client.get(path).status_code == 404


@pytest.mark.parametrize("preload", ["true", "false"])
def test_ping_stays_200_while_a_worker_is_replaced(
    tmp_path: Path, base_dir: Path, preload: str
) -> None:
    """H-15: else SageMaker would replace the instance for one worker."""
    slow_start = ECHO + "\n    def start(self):\n        import time; time.sleep(1)\n"
    with Server(
        copy_program(tmp_path / "program", slow_start),
        base_dir,
        MODEL_SERVER_WORKERS=2,
        MODEL_PRELOAD=preload,
    ) as server:
        server.ready()
        until(lambda: len(server.workers()) == 2, 10)
        before = set(server.workers())
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(set(server.workers()) - before) == 1, 10)
        assert {server.ping() for _ in range(100)} == {200}
        assert server.invoke("5").status_code == 200


def test_native_threads_are_one_at_the_load_and_the_budget_in_the_executor(
    tmp_path: Path, base_dir: Path
) -> None:
    """X-08, X-09."""
    counting = """
import numpy
from threadpoolctl import threadpool_info

class Predictor:
    def __init__(self, model_dir):
        self.loading = [pool["num_threads"] for pool in threadpool_info()]

    def predict(self, rows):
        now = [pool["num_threads"] for pool in threadpool_info()]
        return [{"loading": max(self.loading), "predicting": max(now)}]
"""
    program = copy_program(tmp_path / "program", counting)
    with Server(
        program, base_dir, MODEL_SERVER_WORKERS=1, MODEL_SERVER_THREADS=3
    ) as server:
        answer = server.ready().invoke("1").json()
        assert answer["predictions"] == [{"loading": 1, "predicting": 3}]
