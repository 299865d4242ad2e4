"""What `/docs` says of `/invocations`: formats, statuses, a row of the trained schema.

FastAPI writes the document; here is what no signature tells it, for `main.py`.
"""

import json
from html import escape
from typing import Any

from pydantic import BaseModel, Field

from runtime.errors import Problem
from runtime.formats import FORMATS, READ, Outputs, encode
from runtime.tabular.schema import Schema


class Error(BaseModel):
    """What a caller gets in the place of an answer."""

    code: str = Field(description="never changes")
    message: str = Field(description="for people")
    request_id: str = Field(description="as in the log")
    problems: list[Problem] = Field([], description="of the rows, the first ten")


class ExecutionParameters(BaseModel):
    """How SageMaker best cuts a batch transform."""

    MaxConcurrentTransforms: int = Field(ge=1)
    MaxPayloadInMB: int = Field(ge=1)


class LoadRequest(BaseModel):
    """A model that is to be loaded: a name for it, and the folder of its files."""

    model_name: str = Field(
        min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f\x7f]+$"
    )
    url: str


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 1rem sans-serif; margin: 2rem }}</style>
<h1>{title}</h1><p>For programs: <a href="openapi.json">openapi.json</a></p>
{operations}
</html>
"""
_OPERATION = (
    "<details open><summary><b>{method} {path}</b> {description}</summary>"
    "<pre>{parts}</pre></details>"
)
Responses = dict[int | str, dict[str, Any]]
PING: Responses = {503: {"description": "The model has not answered yet."}}
METRICS: Responses = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
    404: {"description": "Nothing is counted."},
}
_ERRORS = {
    400: "The rows are wrong: `problems` says where.",
    406: "No type of the Accept header can be written.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The Content-Type cannot be read.",
    500: "Ours: the log has the reason under the request id.",
    503: "Too many requests wait: try again.",
    504: "The answer was not ready in time.",
}
BY_NAME: Responses = {404: {"description": "No such model.", "model": Error}}
LOAD: Responses = BY_NAME | {
    400: {"description": "There is no model to load there.", "model": Error},
    409: {"description": "The name is taken.", "model": Error},
    507: {"description": "Memory is short: unload others.", "model": Error},
}
_LOADED: Any = {"schema": LoadRequest.model_json_schema()}
LOAD_REQUEST = {"requestBody": {"content": {"application/json": _LOADED}}}
_WRITTEN: Any = {name: {"schema": {}} for name in FORMATS}
INVOCATIONS: Responses = {
    200: {"description": "One answer a row.", "content": _WRITTEN},
    **{code: {"description": text, "model": Error} for code, text in _ERRORS.items()},
}
_ATTRIBUTES = {
    "name": "X-Amzn-SageMaker-Custom-Attributes",
    "in": "header",
    "description": "`outputs=predicted_label,probability` chooses what is answered",
    "schema": {"type": "string"},
}


def request(schema: Schema | None) -> dict[str, Any]:
    """Give the `openapi_extra` of the route: a header, and bodies with examples."""
    text: dict[str, Any] = {"schema": {"type": "string"}}
    examples = _examples(schema) if schema is not None and schema.has_types else {}
    bodies = {name: text | examples.get(name, {}) for name in READ}
    body = {"required": True, "content": bodies}
    return {"parameters": [_ATTRIBUTES], "requestBody": body}


def page(document: dict[str, Any]) -> str:
    """Give the page of `/docs`, which needs no network: everything is in it."""
    operations = [
        _OPERATION.format(
            method=method.upper(),
            path=path,
            description=escape(operation["description"]),
            parts=escape(json.dumps(operation, indent=2, ensure_ascii=False)),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    title = escape(document["info"]["title"])
    return _PAGE.format(title=title, operations="\n".join(operations))


def _examples(schema: Schema) -> dict[str, Any]:
    record = {str(column.name): column.example for column in schema.columns}
    row = Outputs({name: [value] for name, value in record.items()}, named=True)
    line = b"".join(encode([row], "text/csv")).decode()
    return {
        "text/csv": {"example": line},
        "application/json": {"schema": {}, "example": {"instances": [record]}},
        "application/jsonlines": {"example": json.dumps(record) + "\n"},
    }
