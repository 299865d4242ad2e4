import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness import answer_of
from runtime import errors
from runtime.formats import FORMATS, READ
from runtime.models.served import ServedModel
from runtime.serving.openapi import document
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


def operation(path: str, method: str, schema: Schema | None = SCHEMA) -> dict[str, Any]:
    found: dict[str, Any] = document(schema)["paths"][path][method]
    return found


def test_the_document_is_plain_json() -> None:
    assert json.loads(json.dumps(document(SCHEMA))) == document(SCHEMA)


@pytest.mark.parametrize(
    "media_type", ["text/csv", "application/json", "application/jsonlines"]
)
def test_the_example_of_a_body_is_a_row_that_the_model_answers(media_type: str) -> None:
    """H-15: the row that warms the model up, too."""
    example = operation("/invocations", "post")["requestBody"]["content"][media_type][
        "example"
    ]
    body = example if isinstance(example, str) else json.dumps(example)
    model = ServedModel(Rows(Path()), None)
    assert answer_of(model, body.encode(), media_type)[0] == b"3\n"


def test_every_format_is_described() -> None:
    """H-21, H-22."""
    found = operation("/invocations", "post")
    assert found["requestBody"]["content"].keys() == READ.keys()
    assert found["responses"]["200"]["content"].keys() == FORMATS.keys()


def test_every_status_of_an_error_is_described() -> None:
    """H-25."""
    kinds: list[Any] = [errors.RequestError, *errors.RequestError.__subclasses__()]
    described = operation("/invocations", "post")["responses"].keys()
    kinds.remove(errors.CallerLeft)  # who reads no answer
    assert {str(kind.status) for kind in kinds} == described - {"200"}


def test_without_a_schema_there_are_no_examples() -> None:
    for schema in (None, Schema.of_names(["a"])):
        content = operation("/invocations", "post", schema)["requestBody"]["content"]
        assert all("example" not in kind for kind in content.values())
