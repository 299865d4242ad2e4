"""The conformance checks of serving, by their numbers: what is asked and answered."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from checks import serving
from checks.endpoint import Endpoint
from checks.launch import Docker, Run
from containers import LENGTH, describe, invoke, owner

CSV, JSON, JSONLINES = "text/csv", "application/json", "application/jsonlines"
NPY, PARQUET = "application/x-npy", "application/x-parquet"


def asked(image: str, folder: Path, **variables: str) -> Iterator[Run]:
    """Serve LENGTH with its schema, until the module ends."""
    (folder / "model").mkdir()
    describe(folder / "model")
    (folder / "program").mkdir()
    owner(folder / "program", LENGTH)
    place = Docker(image, folder / "program", folder)
    with closing(place), closing(place.start("serve", folder, **variables)) as run:
        assert serving.starts(Endpoint(run, [])).verdict == "ok"
        yield run


@pytest.fixture(scope="module")
def real_time(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Serve as on an endpoint, for all checks that only ask."""
    yield from asked(image, tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def batch(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Serve as in a batch transform job that sets all it can."""
    variables = {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "30",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "7",
    }
    yield from asked(image, tmp_path_factory.mktemp("batch"), **variables)


@pytest.fixture(scope="module")
def served(real_time: Run) -> Iterator[httpx.Client]:
    """Give a client; like SageMaker's, it adds no Accept."""
    with httpx.Client(base_url=f"http://127.0.0.1:{real_time.port}", timeout=60) as c:
        del c.headers["accept"]
        yield c


# 9, 10: formats

WORDS = ["a", "bcd"]


def npy(values: list[list[str]]) -> bytes:
    file = BytesIO()
    np.save(file, np.array(values))
    return file.getvalue()


REQUESTS: dict[str, tuple[str, str | bytes]] = {
    "csv": (CSV, "a\nbcd\n"),
    "upper case, a parameter, quotes": ("Text/CSV; charset=utf-8", '"a"\n"bcd"'),
    "label_size, line ends": ("text/csv;label_size=0", "a\r\nbcd\r\n"),
    "none": ("", "a\nbcd"),
    "a header line": (CSV, "word\na\nbcd\n"),
    "instances": (JSON, json.dumps({"instances": [[word] for word in WORDS]})),
    "upper case": ("application/JSON; charset=utf-8", '[["a"], ["bcd"]]'),
    "features": (JSON, '{"instances": [{"features": ["a"]}, {"features": ["bcd"]}]}'),
    "records": (JSON, '[{"word": "a"}, {"word": "bcd"}]'),
    "split": (JSON, '{"columns": ["word"], "data": [["a"], ["bcd"]]}'),
    "lines": ("application/JSONLINES", '{"word": "a"}\n{"word": "bcd"}\n'),
    "x-jsonlines": ("application/x-jsonlines", '{"features": ["a"]}\n["bcd"]'),
    "jsonl": (
        "application/jsonl",
        '{"data": {"features": {"values": ["a"]}}}\n["bcd"]',
    ),
    "npy": (NPY, npy([["a"], ["bcd"]])),
    "parquet": (PARQUET, pd.DataFrame({"word": WORDS}).to_parquet()),
    "plain": ("text/plain", "a\nbcd\n"),
}
ACCEPTED = {
    "": JSON,
    "*/*": JSON,
    "application/json": JSON,
    "Application/JSON; verbose=true": JSON,
    "text/csv": CSV,
    "TEXT/CSV;header=absent": CSV,
    "text/csv, application/json": JSON,  # alike: the default
    "text/csv;q=0.5, application/json;q=0.9": JSON,
    "image/png, text/*;q=0.1": CSV,
    JSONLINES: JSONLINES,
    NPY: NPY,
    PARQUET: PARQUET,
}
READERS: dict[str, Callable[[bytes], Any]] = {
    JSON: lambda body: json.loads(body)["predictions"],
    CSV: lambda body: [float(line) for line in body.splitlines()],
    JSONLINES: lambda body: [json.loads(s)["length"] for s in body.splitlines()],
    NPY: lambda body: np.load(BytesIO(body), allow_pickle=False).ravel().tolist(),
    PARQUET: lambda body: pd.read_parquet(BytesIO(body))["length"].tolist(),
}


@pytest.mark.parametrize("accept", ACCEPTED)
@pytest.mark.parametrize("request_", REQUESTS)
def test_check_09_every_request_gets_the_same_answer_in_every_accepted_type(
    served: httpx.Client, request_: str, accept: str
) -> None:
    """F-05 to F-08, F-15, F-16, H-21, H-22, H-69: the media type is bare."""
    content_type, body = REQUESTS[request_]
    answer = invoke(served, body, content_type, accept=accept)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == ACCEPTED[accept]
    assert READERS[ACCEPTED[accept]](answer.content) == [1, 3]


@pytest.mark.parametrize(
    ("content_type", "accept", "body", "code"),
    [
        (CSV, CSV, "", (400, "bad_input")),
        (CSV, CSV, "a,b\n", (400, "bad_input")),
        (JSON, CSV, '[["a"]', (400, "bad_input")),
        (NPY, CSV, "a\n", (400, "bad_input")),
        (PARQUET, CSV, "a\n", (400, "bad_input")),
        ("application/x-npz", "", "a\n", (415, "unsupported_type")),
        ("text/csv; charset=latin-1", CSV, "a\n", (415, "unsupported_type")),
        (CSV, "image/png", "a\n", (406, "not_acceptable")),
        (CSV, "text/csv;q=0", "a\n", (406, "not_acceptable")),
        (CSV, CSV, "a\n" * (25 * 2**19 + 1), (413, "payload_too_large")),
    ],
    ids=lambda value: str(value)[:20],
)
def test_check_09_what_is_wrong_with_a_request_has_a_status_and_a_sentence(
    served: httpx.Client, content_type: str, accept: str, body: str, code: Any
) -> None:
    """H-24, H-25."""
    refused = invoke(served, body, content_type, accept=accept)
    assert refused.headers["content-type"] == JSON
    assert (refused.status_code, refused.json()["code"]) == code
    assert " " in refused.json()["message"]


def test_check_10_25_mb_with_and_without_a_length_are_answered_as_bare_csv(
    served: httpx.Client,
) -> None:
    """H-23, F-16, X-20, X-25."""
    row = b"w" * 127 + b"\n"
    n_rows = 25 * 2**20 // len(row)
    for content in (row * n_rows, (row * 1024 for _ in range(n_rows // 1024))):
        headers = {"content-type": CSV, "accept": CSV}
        answer = served.post("/invocations", content=content, headers=headers)
        sent_with_length = "content-length" in answer.request.headers
        assert sent_with_length is isinstance(content, bytes)
        assert answer.headers["content-type"] == "text/csv"
        assert answer.content == b"127.0\n" * n_rows


# 11: headers


@pytest.mark.parametrize(
    "attributes",
    [
        b"trace=7; other=1",
        b"x" * 1024,
        b"a\r\nX-Injected: 1",
        b"a\rX-Injected: 1",
        b"a\nX-Injected: 1",
        b"a%0d%0aX-Injected: 1",
        b"\x01\xff\xc3\xa9",
    ],
    ids=lambda value: repr(value)[:20],
)
def test_check_11_no_header_of_a_request_comes_back(
    served: httpx.Client, attributes: bytes
) -> None:
    """H-19, H-20: neither as it was sent, nor as a header that was smuggled in."""
    names = b"X-Amzn-SageMaker-Custom-Attributes", b"X-Amzn-SageMaker-Inference-Id"
    lines = [name + b": " + attributes for name in names]
    head = [b"POST /invocations HTTP/1.1", b"Host: x", b"Connection: close", *lines]
    sent = b"\r\n".join([*head, b"Content-Length: 2", b"", b"a\n"])
    address = (served.base_url.host, served.base_url.port or 80)
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(sent)
        answer = b"".join(iter(lambda: connection.recv(2**16), b""))
    head_of_answer = answer.partition(b"\r\n\r\n")[0].lower()
    assert re.match(rb"http/1.1 (200|400) ", head_of_answer)
    assert b"x-" not in head_of_answer
    assert attributes.lower() not in head_of_answer


# 12: batch transform


@pytest.mark.parametrize("name", ["real_time", "batch"])
def test_check_12_execution_parameters_stay_within_100_mb(
    request: pytest.FixtureRequest, name: str
) -> None:
    """H-50, H-52: and no strategy, which local mode spells otherwise (H-51)."""
    e = Endpoint(request.getfixturevalue(name), [])
    assert serving.execution_parameters(e).verdict == "ok"
    said = json.loads(e.get("/execution-parameters").body)
    assert [*said] == ["MaxConcurrentTransforms", "MaxPayloadInMB"]


@pytest.mark.parametrize("media_type", [CSV, JSONLINES])
def test_check_12_joined_answers_have_one_line_for_each_row(
    batch: Run, media_type: str
) -> None:
    """H-53, H-54, R-08: requests of one row and of many, their last line ended or not.

    A newline too many would be a blank line where answers are glued, one too few would
    make one line of two rows.
    """
    words = ["w" * (n % 9 + 1) for n in range(200)]
    spelled = words if media_type == CSV else [json.dumps([word]) for word in words]
    e = Endpoint(batch, [row.encode() for row in spelled], media_type)
    for look in (serving.answers_each_row, serving.alone, serving.parts):
        assert look(e).verdict == "ok", look(e)
