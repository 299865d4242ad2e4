import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness import ECHO, answer_of, copy_program, environment
from runtime import errors
from runtime.formats import FORMATS, READ
from runtime.models.served import ServedModel
from runtime.serving import openapi
from runtime.tabular.schema import Schema

X = pd.DataFrame(
    {"age": [33.0, 44.0], "city, town": ["Rome", "Bonn"], "old": [True, 0]}
)
SCHEMA = Schema.learn(X.astype({"old": bool}))


class Rows:
    """Answers with the number of its columns."""

    schema = SCHEMA

    def __init__(self, model_dir: Path) -> None:
        self.model_dir = model_dir

    def predict(self, rows: Any) -> Any:
        """Give the width of each row."""
        return [rows.shape[1]] * len(rows)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Give /openapi.json and /docs of a server whose model has the schema."""
    folder = tmp_path_factory.mktemp("openapi")
    program = copy_program(folder / "program", ECHO)
    (folder / "model").mkdir()
    description = {"columns": SCHEMA.to_json()}
    (folder / "model/model.json").write_text(json.dumps(description))
    asking = (
        "import asyncio, main\n"
        "app, sent = main.create(), []\n"
        "async def send(message): sent.append(message)\n"
        "for path in '/openapi.json', '/docs':\n"
        "    scope = {'type': 'http', 'path': path, 'method': 'GET', "
        "'headers': [], 'query_string': b'', 'root_path': ''}\n"
        "    asyncio.run(app(scope, None, send))\n"
        "    print(sent[-1]['body'].decode(), end='\\0')\n"
    )
    pages = subprocess.run(
        [sys.executable, "-W", "error", "-c", asking],
        cwd=program,
        env=environment(SAGEMAKER_BASE_DIR=folder),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    return pages.decode().split("\0")


@pytest.fixture
def document(shown: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shown[0])
    return found


def content(schema: Schema | None) -> dict[str, Any]:
    """Give the bodies of `/invocations` as they are described, by media type."""
    found: dict[str, Any] = openapi.request(schema)["requestBody"]["content"]
    return found


def test_the_document_is_of_the_server_and_names_each_operation_once(
    document: dict[str, Any],
) -> None:
    """`main.create()` needs no server around it, and FastAPI warns of nothing."""
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "SageMaker model server"
    operations = [o for path in document["paths"].values() for o in path.values()]
    assert document["paths"].keys() == {
        *("/ping", "/invocations", "/execution-parameters", "/metrics")
    }
    assert len({o["operationId"] for o in operations}) == len(operations)
    assert all(o["description"] for o in operations)


def test_the_page_of_docs_needs_no_network_and_shows_every_operation(
    shown: list[str], document: dict[str, Any]
) -> None:
    """D22: nothing in it is loaded from elsewhere, and nothing is a script."""
    page = shown[1]
    assert "<title>SageMaker model server</title>" in page
    assert re.findall(r"<(script|link|img|iframe)", page) == []
    assert re.findall(r"""(?:src|href)=["']([^"']*)""", page) == ["openapi.json"]
    assert "url(" not in page
    assert "@import" not in page
    for path, methods in document["paths"].items():
        assert all(f"<b>{method.upper()} {path}</b>" in page for method in methods)
    assert "city, town" in page  # the examples of bodies


@pytest.mark.parametrize(
    "media_type", ["text/csv", "application/json", "application/jsonlines"]
)
def test_the_example_of_a_body_is_a_row_that_the_model_answers(media_type: str) -> None:
    """H-15: the row that warms the model up, too."""
    example = content(SCHEMA)[media_type]["example"]
    body = example if isinstance(example, str) else json.dumps(example)
    model = ServedModel(Rows(Path()), None)
    assert answer_of(model, body.encode(), media_type)[0] == b"3\n"


def test_every_format_is_described(document: dict[str, Any]) -> None:
    """H-21, H-22: with the examples of the schema."""
    found = document["paths"]["/invocations"]["post"]
    assert found["requestBody"]["content"] == content(SCHEMA)
    assert content(SCHEMA).keys() == READ.keys()
    assert found["responses"]["200"]["content"].keys() == FORMATS.keys()


def test_every_status_of_an_error_is_described(document: dict[str, Any]) -> None:
    """H-25."""
    kinds: list[Any] = [errors.RequestError, *errors.RequestError.__subclasses__()]
    responses = document["paths"]["/invocations"]["post"]["responses"]
    kinds.remove(errors.CallerLeft)  # who reads no answer
    by_name = {str(status) for status in openapi.LOAD} - {"400"}  # see test_multi_model
    found = {str(kind.status) for kind in kinds}
    assert found == (responses.keys() - {"200"}) | by_name
    error = {"schema": {"$ref": "#/components/schemas/Error"}}
    responses.pop("200")
    assert all(r["content"] == {"application/json": error} for r in responses.values())
    required = document["components"]["schemas"]["Error"]["required"]
    assert required == ["code", "message", "request_id"]


def test_without_a_schema_there_are_no_examples() -> None:
    for schema in (None, Schema.of_names(["a"])):
        assert all("example" not in kind for kind in content(schema).values())
