"""Answers as they arrive on a socket: whole, in one piece, and none of them late."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import Server, copy_program

POST = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"
ONE_ROW = POST + b"Content-Length: 2\r\n\r\n1\n"
# Answers a row with a text that is longer than what is joined to its head.
LONG = """
class Predictor:
    def __init__(self, model_dir):
        pass

    def predict(self, rows):
        return ["x" * int(text) for text in rows.iloc[:, 0]]
"""


@pytest.fixture
def client(tmp_path: Path, base_dir: Path) -> Iterator[socket.socket]:
    """Give a connection to a server whose answers are as long as asked for."""
    program = copy_program(tmp_path / "program", LONG)
    with (
        Server(program, base_dir, MODEL_SERVER_WORKERS=1) as server,
        socket.create_connection(("127.0.0.1", server.ready().port), 10) as client,
    ):
        yield client


def received(client: socket.socket, end: bytes) -> bytes:
    """Receive until some bytes come, which are the last."""
    found = b""
    while not found.endswith(end):
        found += client.recv(2**20)
    return found


def test_a_small_answer_comes_in_one_piece(client: socket.socket) -> None:
    """Its head and its body take one call of the system, here and at the client."""
    for _ in range(20):
        client.sendall(ONE_ROW)
        answer = client.recv(2**16)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b'\r\n\r\n{"predictions":["x"]}\n')


def test_a_long_answer_comes_whole(client: socket.socket) -> None:
    """It is not copied behind its head."""
    client.sendall(POST + b"Content-Length: 7\r\n\r\n200000\n")
    answer = received(client, b"]}\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head
    assert body == b'{"predictions":["%s"]}\n' % (b"x" * 200_000)


def test_an_answer_without_a_body_comes_at_once(client: socket.socket) -> None:
    """No body follows the head of the answer to a HEAD, and the connection stays."""
    client.sendall(b"HEAD /ping HTTP/1.1\r\nHost: x\r\n\r\n")
    assert received(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
    client.sendall(ONE_ROW)
    assert b'{"predictions":["x"]}' in received(client, b"}\n")


def test_a_client_that_waits_for_100_continue_gets_it(client: socket.socket) -> None:
    """It sends its body only then (RFC 9110, 10.1.1)."""
    client.sendall(POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert client.recv(2**16) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(b"1\n")
    assert b'{"predictions":["x"]}' in received(client, b"}\n")


def test_answers_to_requests_sent_at_once_come_in_their_order(
    client: socket.socket,
) -> None:
    """Each has its own head (RFC 9112, 9.3.2)."""
    client.sendall(ONE_ROW + ONE_ROW.replace(b"1\n", b"3\n") + ONE_ROW)
    answers = b""
    while answers.count(b"predictions") < 3:
        answers += client.recv(2**16)
    texts = [part.partition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 ")]
    assert texts[1:] == [b'{"predictions":["%s"]}\n' % (b"x" * n) for n in (1, 3, 1)]


def test_the_last_answer_of_a_connection_comes_before_its_end(
    client: socket.socket,
) -> None:
    """Nothing waits when the connection is closed."""
    client.sendall(ONE_ROW.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    answer = b""
    while chunk := client.recv(2**16):
        answer += chunk
    assert answer.endswith(b'{"predictions":["x"]}\n')
