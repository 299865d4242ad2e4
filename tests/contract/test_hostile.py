"""What a hostile caller, or a careless one, cannot do to the server."""

import socket
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from contract.hostile import small_server, torment
from contract.hostile_binary import TYPES
from contract.hostile_bodies import valid
from contract.hostile_client import Client
from contract.hostile_http import well_formed
from harness import Server, linux_only

# Not those that take every body which a schema admits for one that the model takes.
PROMISES = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a small pipeline of numbers and text with two workers."""
    with small_server(tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest.fixture
def document(server: Server) -> schemathesis.BaseSchema:
    """Read the document that describes the server; bodies are right, cut and wrong."""
    url = f"http://127.0.0.1:{server.port}/openapi.json"
    described = schemathesis.openapi.from_url(url)
    routes = described.raw_schema["paths"]
    for name in routes["/invocations"]["post"]["requestBody"]["content"]:
        right = [body for kind, body in valid() if kind == name]
        bodies = st.sampled_from(right or [body for _, body in valid()])
        cut = st.builds(lambda body, end: body[:-end], bodies, st.integers(1, 40))
        garbage = st.binary(max_size=100)
        schemathesis.openapi.media_type(name, bodies | cut | garbage)
    return described


@linux_only
def test_nothing_that_a_caller_sends_is_a_fault_of_the_server(server: Server) -> None:
    """H-24, H-25, H-73, X-26, X-28: `python tests/contract/hostile.py` sends more."""
    folder = str(server.log_file.parent)
    client = Client("127.0.0.1", server.port, 0, folder)
    torment(client, server, requests=3000, connections=16)
    assert client.report.findings == []


def test_a_connection_is_accepted_at_once_while_many_wait(server: Server) -> None:
    """H-10: within 250 ms."""
    waiting = []
    try:
        for _ in range(300):
            started = time.perf_counter()
            waiting.append(socket.create_connection(("127.0.0.1", server.port)))
            assert time.perf_counter() - started < 0.25
            waiting[-1].sendall(well_formed(Random(0)).pieces[0])
        assert server.ping() == 200
    finally:
        for caller in waiting:
            caller.close()


def test_what_the_document_at_openapi_promises_holds(
    document: schemathesis.BaseSchema,
) -> None:
    """H-24, H-25: statuses, media types and errors are those that it names."""
    routes = document.raw_schema["paths"]
    operations = [document[path][name] for path in routes for name in routes[path]]
    for operation in operations:

        @given(operation.as_strategy(), st.sampled_from(("*/*", *TYPES)))
        @settings(derandomize=True, max_examples=500 if operation.body else 10)
        def holds(case: Case[Any], accept: str) -> None:
            case.call_and_validate(headers={"Accept": accept}, checks=PROMISES)

        holds()
