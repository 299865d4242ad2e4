"""What `/docs` shows: the routes, and each format with a row of the trained schema."""

import json
from typing import Any

import runtime
from runtime.formats import FORMATS, READ, Outputs, encode
from runtime.tabular.schema import Schema

_ERROR = {
    "type": "object",
    "required": ["code", "message", "request_id"],
    "properties": {
        "code": {"type": "string", "description": "never changes"},
        "message": {"type": "string", "description": "for people"},
        "request_id": {"type": "string", "description": "as in the log"},
        "problems": {
            "type": "array",
            "description": "what is wrong with the rows, at most ten of it",
            "items": {
                "type": "object",
                "properties": {
                    "message": {"type": "string"},
                    "row": {"type": ["integer", "null"], "minimum": 1},
                    "column": {"type": ["string", "integer", "null"]},
                },
            },
        },
    },
}
_STATUSES = {
    "400": "The rows are wrong: `problems` says where.",
    "406": "No type of the Accept header can be written.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The Content-Type cannot be read.",
    "500": "Ours: the log has the reason under the request id.",
    "503": "Too many requests wait: try again.",
    "504": "The answer was not ready in time.",
}
_TEXT = {"text/plain": {"schema": {"type": "string"}}}


def document(schema: Schema | None) -> dict[str, Any]:
    """Give the OpenAPI document of a server, as plain values."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "SageMaker model", "version": runtime.__version__},
        "paths": {
            "/ping": {"get": _ping("get"), "post": _ping("post")},
            "/invocations": {"post": _invocations(schema)},
            "/execution-parameters": {"get": _execution_parameters()},
            "/metrics": {"get": _metrics()},
        },
        "components": {"schemas": {"Error": _ERROR}},
    }


def _ping(method: str) -> dict[str, Any]:
    return {
        "operationId": f"{method}_ping",
        "summary": "Whether the model has answered a row",
        "responses": {
            "200": {"description": "Yes."},
            "503": {"description": "Not yet."},
        },
    }


def _invocations(schema: Schema | None) -> dict[str, Any]:
    kinds: dict[str, Any] = {name: {"schema": {}} for name in FORMATS}
    refused = {
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Error"}}
        }
    }
    return {
        "operationId": "invocations",
        "summary": "One prediction for each row",
        "parameters": [_outputs()],
        "requestBody": {"required": True, "content": _bodies(schema)},
        "responses": {
            "200": {"description": "One answer a row, in order.", "content": kinds},
            **{s: {"description": text, **refused} for s, text in _STATUSES.items()},
        },
    }


def _bodies(schema: Schema | None) -> dict[str, Any]:
    """Describe the bodies that can be read, those of text with an example."""
    examples = {} if schema is None or not schema.typed else _examples(schema)
    return {
        name: {"schema": {"type": "string"}} | examples.get(name, {}) for name in READ
    }


def _examples(schema: Schema) -> dict[str, Any]:
    values = [column.example for column in schema.columns]
    record = dict(
        zip((str(column.name) for column in schema.columns), values, strict=True)
    )
    row = Outputs({name: [value] for name, value in record.items()}, named=True)
    line = b"".join(encode([row], "text/csv")).decode()
    return {
        "text/csv": {"example": line},
        "application/json": {"schema": {}, "example": {"instances": [record]}},
        "application/jsonlines": {"example": json.dumps(record) + "\n"},
    }


def _outputs() -> dict[str, Any]:
    return {
        "name": "X-Amzn-SageMaker-Custom-Attributes",
        "in": "header",
        "description": "`outputs=predicted_label,probability` chooses what is answered",
        "schema": {"type": "string"},
    }


def _execution_parameters() -> dict[str, Any]:
    numbers = {
        name: {"type": "integer", "minimum": 1}
        for name in ("MaxConcurrentTransforms", "MaxPayloadInMB")
    }
    shape = {"type": "object", "properties": numbers}
    return {
        "operationId": "execution_parameters",
        "summary": "How a batch transform is best cut",
        "responses": {
            "200": {
                "description": "Two numbers, of which the product is at most 100.",
                "content": {"application/json": {"schema": shape}},
            }
        },
    }


def _metrics() -> dict[str, Any]:
    return {
        "operationId": "metrics",
        "summary": "Counters of all workers, as Prometheus reads them",
        "responses": {
            "200": {"description": "Text.", "content": _TEXT},
            "404": {"description": "They are off."},
        },
    }
