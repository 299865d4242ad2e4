"""One image in every mode: batch, asynchronous, pipelines, and what clients send."""

import json
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from harness import Server, copy_program, linux_only, until
from runtime.tabular.schema import Schema

# Answers that say which row they belong to; it refuses what only the owner can.
ADDING = """
from runtime.errors import BadInput


class Predictor:
    outputs = ("score",)

    def __init__(self, model_dir):
        pass

    def predict(self, rows):
        if (rows["age"] < 0).any():
            row = int((rows["age"] < 0).to_numpy().argmax()) + 1
            raise BadInput("age must not be negative", row=row)
        total = rows["size"] + rows["age"]
        shares = [[value, 1.0] for value in total]
        return {"score": total, "predicted_label": rows["word"], "shares": shares}
"""
ROWS = pd.DataFrame({"size": [1.5, 2.5], "age": [1, 2], "word": ["a", "b"]})
CSV, JSON, JSONLINES, NPY = (
    "text/csv",
    "application/json",
    "application/jsonlines",
    "application/x-npy",
)


def serve(base_dir: Path, **variables: object) -> Server:
    """Serve the adding model with its schema."""
    description = {"columns": Schema.learn(ROWS).to_json()}
    (base_dir / "model").mkdir(parents=True, exist_ok=True)
    (base_dir / "model/model.json").write_text(json.dumps(description))
    program = copy_program(base_dir.parent / "program", ADDING)
    return Server(program, base_dir, **variables)


def served(factory: pytest.TempPathFactory, **variables: object) -> Iterator[Server]:
    """Serve for a whole module."""
    with serve(factory.mktemp("modes") / "ml", **variables) as running:
        yield running.ready()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve as on an endpoint, with two workers."""
    yield from served(tmp_path_factory, MODEL_SERVER_WORKERS=2)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve as in a batch transform job that marks bad records."""
    yield from served(
        tmp_path_factory,
        SAGEMAKER_BATCH="True",
        SAGEMAKER_MAX_PAYLOAD_IN_MB=0,
        MODEL_BATCH_BAD_RECORDS="mark",
        MODEL_SERVER_WORKERS=2,
    )


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve as in a batch transform job that sets all it can; bad records fail."""
    yield from served(
        tmp_path_factory,
        SAGEMAKER_BATCH="true",
        SAGEMAKER_MAX_PAYLOAD_IN_MB=30,
        SAGEMAKER_MAX_CONCURRENT_TRANSFORMS=7,
        SAGEMAKER_BATCH_STRATEGY="SINGLE_RECORD",
        SAGEMAKER_INFERENCE_OUTPUT="predicted_label,score",
        MODEL_UNSEEN_CATEGORIES="refuse",
        MODEL_SERVER_WORKERS=1,
    )


def body_of(rows: list[list[Any]], media_type: str) -> bytes:
    """Spell rows."""
    if media_type == CSV:
        return "".join(f"{','.join(map(str, row))}\n" for row in rows).encode()
    if media_type == JSONLINES:
        return "".join(f"{json.dumps({'features': row})}\n" for row in rows).encode()
    return json.dumps({"instances": rows}).encode()


def numbered(n_rows: int) -> list[list[Any]]:
    """Give rows of which each has an answer of its own."""
    return [[number, number % 7, "ab"[number % 2]] for number in range(n_rows)]


def memory(pid: int) -> int:
    """Give the most bytes of memory that a process has ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def ports(pids: list[int]) -> set[int]:
    """Give the ports on which processes listen."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = str(link.readlink())
            inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pids[0]}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                found.add(int(words[1].rpartition(":")[2], 16))
    return found


# Batch transform


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("batch", {"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 50}),
        ("strict", {"MaxConcurrentTransforms": 7, "MaxPayloadInMB": 14}),
        ("server", {"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 25}),
    ],
)
def test_execution_parameters_are_what_the_workers_bear_and_at_most_100_mb(
    request: pytest.FixtureRequest, name: str, expected: dict[str, int]
) -> None:
    """H-50, H-51, H-52."""
    answer = request.getfixturevalue(name).client.get("/execution-parameters")
    assert answer.headers["content-type"] == JSON
    assert answer.json() == expected


def test_a_header_line_orders_columns_and_is_refused_in_batch(
    server: Server, strict: Server
) -> None:
    """H-53."""
    body = "word,age,size\na,1,2.5\n"
    assert server.invoke(body, accept=CSV).text == "3.5\n"
    refused = strict.invoke(body)
    assert refused.status_code == 400
    assert "header line" in refused.json()["message"]
    assert "remove it from the files" in refused.json()["message"]


@pytest.mark.parametrize("media_type", [CSV, JSONLINES])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_single_record_is_answered_with_or_without_its_line_end(
    batch: Server, media_type: str, end: str
) -> None:
    """H-53, H-54, R-08: as a whole line."""
    body = body_of([[1, 2, "a"]], media_type).decode().rstrip("\n") + end
    answer = batch.invoke(body, media_type, accept=media_type).text
    assert answer == {CSV: "3.0\n", JSONLINES: '{"score":3.0}\n'}[media_type]


@pytest.mark.parametrize("accept", [CSV, JSONLINES])
@pytest.mark.parametrize("media_type", [CSV, JSONLINES])
def test_answers_to_the_parts_of_a_file_make_the_answer_to_the_whole(
    batch: Server, media_type: str, accept: str
) -> None:
    """H-53, H-54: MULTI_RECORD, with AssembleWith None."""
    rows = numbered(1000)
    parts = [rows[:1], rows[1:400], rows[400:]]
    whole = batch.invoke(body_of(rows, media_type), media_type, accept=accept).content
    assert whole.count(b"\n") == len(rows)
    assert whole == b"".join(
        batch.invoke(body_of(part, media_type), media_type, accept=accept).content
        for part in parts
    )


@pytest.mark.parametrize("media_type", [CSV, JSONLINES])
def test_bad_records_fail_their_body_or_are_marked_in_their_places(
    batch: Server, strict: Server, media_type: str
) -> None:
    """H-55, X-26: a cell, a row of another width, and one that `predict` refuses."""
    rows = numbered(20)
    bad: dict[int, list[Any]] = {
        3: ["x", 1, "a"],
        8: [1],
        13: [1, -1, "a"],
        14: [1, 2, "a", 4],
    }
    for place, row in bad.items():
        rows[place] = row
        alone = strict.invoke(body_of([row], media_type), media_type)
        assert (alone.status_code, alone.json()["code"]) == (400, "bad_input")
    answer = batch.invoke(body_of(rows, media_type), media_type, accept=CSV)
    expected = [str(float(n + n % 7)) for n in range(20)]
    for place in bad:
        expected[place] = "ERROR"
    assert answer.text.splitlines() == expected
    lines = batch.invoke(body_of(rows, media_type), media_type, accept=JSONLINES).text
    assert [str(json.loads(line)["score"]) for line in lines.splitlines()] == expected


def test_a_file_of_100_mb_is_streamed_without_a_length_and_without_a_limit(
    batch: Server,
) -> None:
    """H-52: SAGEMAKER_MAX_PAYLOAD_IN_MB=0."""
    part = b"1.5,2," + b"w" * 9990 + b"\n"
    chunks = (part for _ in range(100 * 2**20 // len(part)))
    headers = {"content-type": CSV, "accept": CSV}
    answer = batch.client.post("/invocations", content=chunks, headers=headers)
    assert answer.status_code == 200
    assert answer.content == b"3.5\n" * (100 * 2**20 // len(part))


def test_text_that_fit_has_not_seen_is_refused_where_the_owner_says_so(
    server: Server, strict: Server
) -> None:
    assert server.invoke("1,2,z").status_code == 200
    refused = strict.invoke("1,2,z")
    assert refused.status_code == 400
    assert "column 'word': expected one of a, b" in refused.json()["message"]


# Asynchronous


@linux_only
def test_a_body_of_200_mb_is_answered_in_little_memory_while_others_have_their_turn(
    base_dir: Path,
) -> None:
    """H-11, H-47: `/ping` within 2 s, other requests in between."""
    row = b"1.5,2," + b"w" * 194 + b"\n"
    n_rows = 200 * 2**20 // len(row)
    chunks = (row * 1000 for _ in range(n_rows // 1000))
    answers: list[httpx.Response] = []

    def call(server: Server) -> None:
        headers = {"content-type": CSV, "accept": CSV}
        url = f"http://127.0.0.1:{server.port}/invocations"
        answers.append(httpx.post(url, content=chunks, headers=headers, timeout=300))

    with serve(
        base_dir,
        SAGEMAKER_MAX_PAYLOAD_IN_MB=1024,
        MODEL_SERVER_TIMEOUT=3600,
        MODEL_SERVER_WORKERS=1,
    ) as server:
        before = memory(*server.ready().workers())
        caller = threading.Thread(target=call, args=[server])
        caller.start()
        between = 0
        while caller.is_alive():
            assert server.client.get("/ping", timeout=2).status_code == 200
            assert server.invoke("1,2,a", accept=CSV).text == "3.0\n"
            between += caller.is_alive()
        caller.join()
        assert answers[0].text.count("\n") == n_rows // 1000 * 1000
        assert between >= 5
        # Two slices of 67,000 rows each, and the answer; all rows take over 1 GB.
        assert memory(*server.workers()) - before < 250 * 2**20


def test_json_that_could_not_be_sliced_is_413_and_names_json_lines(
    batch: Server,
) -> None:
    """H-25."""
    body = "[" + '[1,2,"a"],' * 3_400_000 + '[1,2,"a"]]'
    refused = batch.invoke(body, JSON)
    assert refused.status_code == 413
    assert "application/jsonlines" in refused.json()["message"]


# Pipelines, headers


@linux_only
def test_no_port_is_opened_but_the_one_that_was_named(
    base_dir: Path,
) -> None:
    """H-09, H-65."""
    with serve(base_dir, SAGEMAKER_SAFE_PORT_RANGE="30000-30999") as server:
        server.ready().invoke("1,2,a")
        assert ports([server.process.pid, *server.workers()]) == {server.port}


@pytest.mark.parametrize("attributes", ["c000b4f9", "a=1;b=2", "outputs="])
def test_headers_that_are_not_ours_are_ignored_and_none_is_echoed(
    server: Server, attributes: str
) -> None:
    """H-18, H-19, H-20."""
    headers = {
        "x-amzn-sagemaker-custom-attributes": attributes,
        "x-amzn-sagemaker-target-model": "other.tar.gz",
        "x-amzn-sagemaker-session-id": "NEW_SESSION",
        "x-amzn-sagemaker-new-in-2030": "1",
    }
    answer = server.invoke("1,2,a", accept=CSV, **headers)
    assert (answer.status_code, answer.text) == (200, "3.0\n")
    assert not [name for name in answer.headers if name.startswith("x-")]


# What clients send and read

FEATURES = [[1.5, 2, "a"], [2.5, 3, "b"]]
REQUESTS = [
    (CSV, "1.5,2,a\n2.5,3,b\n"),
    ("Text/CSV; charset=utf-8", '1.5,2,"a"\n2.5,3,"b"'),
    ("text/csv;label_size=0", "1.5,2,a\r\n2.5,3,b\r\n"),
    ("", "1.5,2,a\n2.5,3,b"),
    (JSON, json.dumps(FEATURES)),
    ("application/JSON; charset=utf-8", json.dumps({"instances": FEATURES})),
    (JSON, json.dumps({"instances": [{"features": row} for row in FEATURES]})),
    ("application/JSONLINES", "".join(f"{json.dumps(row)}\n" for row in FEATURES)),
    ("application/jsonl", "\n".join(json.dumps({"features": r}) for r in FEATURES)),
]
ACCEPTED = [
    ("", JSON),
    ("*/*", JSON),
    ("application/json", JSON),
    ("Application/JSON; verbose=true", JSON),
    ("text/csv", CSV),
    ("TEXT/CSV;header=absent", CSV),
    ("text/csv, application/json", JSON),
    ("text/csv;q=0.5, application/json;q=0.9", JSON),
    ("image/png, text/*;q=0.1", CSV),
    (JSONLINES, JSONLINES),
    (NPY, NPY),
]


def scores(answer: httpx.Response) -> list[float]:
    """Read an answer as SageMaker's clients do, by its exact media type."""
    kind = answer.headers["content-type"]
    if kind == JSON:
        return [float(value) for value in answer.json()["predictions"]]
    if kind == JSONLINES:
        return [json.loads(line)["score"] for line in answer.text.splitlines()]
    if kind == NPY:
        array = np.load(BytesIO(answer.content), allow_pickle=False)
        return [float(value) for value in array.ravel().tolist()]
    assert kind == CSV
    return [float(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize(("accept", "kind"), ACCEPTED)
@pytest.mark.parametrize(("content_type", "body"), REQUESTS)
def test_every_spelling_of_a_request_gets_the_same_answer_in_every_spelling(
    server: Server, content_type: str, body: str, accept: str, kind: str
) -> None:
    """F-05 to F-07, F-15, F-16, H-21, H-22, H-69."""
    answer = server.invoke(body, content_type, accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert scores(answer) == [3.5, 5.5]


@pytest.mark.parametrize(
    ("content_type", "accept", "status"),
    [
        ("application/x-npz", "", 415),
        ("application/octet-stream", CSV, 415),
        ("text/csv; charset=latin-1", CSV, 415),
        (CSV, "image/png", 406),
        (CSV, "text/csv;q=0", 406),
    ],
)
def test_what_cannot_be_read_is_415_and_what_cannot_be_written_406(
    server: Server, content_type: str, accept: str, status: int
) -> None:
    """H-25."""
    refused = server.invoke("1,2,a", content_type, accept=accept)
    assert refused.status_code == status
    assert refused.headers["content-type"] == JSON


def test_outputs_are_chosen_by_a_variable_and_by_a_header(
    server: Server, strict: Server
) -> None:
    """H-74; the header wins."""
    header = {"x-amzn-sagemaker-custom-attributes": "id=7;outputs=shares,score"}
    assert server.invoke("1,2,a", accept=CSV).text == "3.0\n"
    assert strict.invoke("1,2,a", accept=CSV).text == "a,3.0\n"
    assert strict.invoke("1,2,a").json() == {
        "predictions": [{"predicted_label": "a", "score": 3.0}]
    }
    for one in (server, strict):
        assert one.invoke("1,2,a", accept=CSV, **header).text == '"[3.0,1.0]",3.0\n'
    header = {"x-amzn-sagemaker-custom-attributes": "outputs=scores"}
    refused = server.invoke("1,2,a", **header)
    assert refused.status_code == 400
    assert "'scores'" in refused.json()["message"]


def test_an_output_that_there_is_not_stops_the_server_with_a_sentence(
    base_dir: Path,
) -> None:
    """X-10, X-14: it would answer nothing."""
    with serve(base_dir, SAGEMAKER_INFERENCE_OUTPUT="scores") as server:
        assert server.process.wait(30) == 1
        assert "no output 'scores': there are score, predicted_label" in server.log()


def test_clarify_gets_as_many_answers_in_its_shapes(server: Server) -> None:
    """H-71: label and score, for rows of text in quotes or of a template."""
    header = {"x-amzn-sagemaker-custom-attributes": "outputs=predicted_label,score"}
    csv = server.invoke('1.5,2,"a"\n2.5,3,"b"', CSV, accept=CSV, **header)
    assert csv.text == "a,3.5\nb,5.5\n"
    body = body_of(FEATURES, JSONLINES)
    lines = server.invoke(body, JSONLINES, accept=JSONLINES, **header)
    assert [json.loads(line) for line in lines.text.splitlines()] == [
        {"predicted_label": "a", "score": 3.5},
        {"predicted_label": "b", "score": 5.5},
    ]


def test_model_monitor_gets_flat_json(server: Server) -> None:
    """H-70: one object a line, no list in it."""
    header = {"x-amzn-sagemaker-custom-attributes": "outputs=predicted_label,score"}
    answer = server.invoke("1,2,a", accept=JSONLINES, **header).json()
    assert answer == {"predicted_label": "a", "score": 3.0}


# Metrics


def test_metrics_are_summed_over_all_workers(server: Server) -> None:
    """H-40, X-43: whichever worker is asked."""

    def totals() -> set[float]:
        """Ask on connections of their own, so that every worker has its turn."""
        url = f"http://127.0.0.1:{server.port}/metrics"
        pages = [httpx.get(url).text.splitlines() for _ in range(20)]
        count = "invocations_total"
        return {
            sum(float(li.split()[-1]) for li in page if li.startswith(count))
            for page in pages
        }

    until(lambda: len(totals()) == 1, 10)  # workers add up their counts each second
    before = max(totals())
    threads = [threading.Thread(target=server.invoke, args=["1,2,a"]) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: totals() == {before + 2}, 10)
