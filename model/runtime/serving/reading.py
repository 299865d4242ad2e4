"""What one request asks for, and its body as rows of the model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Self

from runtime import formats
from runtime.errors import BadInput, UnsupportedType
from runtime.formats import Layout, Table
from runtime.formats.media_types import media_type
from runtime.models.served import ServedModel
from runtime.observability.logs import RequestRecord
from runtime.tabular.schema import MAX_PROBLEMS, Schema, found_in


@dataclass(frozen=True, slots=True)
class Asked:
    """The headers of a request that an answer depends on (H-19)."""

    content_type: str = ""
    accept: str = ""
    attributes: str = ""

    @classmethod
    def of(cls, header: Callable[[str], str]) -> Self:
        """Take them; `header` gives one by its name in lower case."""
        names = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes")
        return cls(*map(header, names))


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say of all answers."""

    default_accept: str = formats.JSON
    batch: bool = False
    mark_bad_records: bool = False


class Reader:
    """Reads one body for one model, and notes in the record what it finds."""

    def __init__(
        self, model: ServedModel, policy: Policy, asked: Asked, record: RequestRecord
    ) -> None:
        self._model, self._policy, self._record = model, policy, record
        self._content_type = asked.content_type
        self._plain = media_type(asked.content_type) == formats.PLAIN

    def tables(self, body: IO[bytes]) -> Iterator[Table]:
        """Read a body, slice by slice. Raises: what `formats.decode` raises."""
        schema = self._model.schema
        if self._plain and not (schema and schema.one_text):
            message = "text/plain is for models with one column, of text: send text/csv"
            raise UnsupportedType(message)
        width = len(schema.columns) if schema else None
        layout = Layout(width, self._is_header)
        return formats.decode(body, self._content_type, layout)

    def rows(self, table: Table, most: int = MAX_PROBLEMS) -> Any:
        """Give the rows of a slice as they were in `fit`. Raises: BadInput."""
        schema = self._schema(table)
        return self._model.rows(schema, schema.read(table, most).columns)

    def values(self, table: Table) -> list[Any]:
        """Give the values of which a schema makes rows. Raises: BadInput."""
        return self._schema(table).read(table).columns

    def _schema(self, table: Table) -> Schema:
        """Find the schema of a slice, and count what it ignores."""
        schema = self._model.schema
        if schema is None:
            return found_in(table)
        self._record.ignored_columns = schema.ignored(table)
        # In text/plain a document may be the word `null`, or nothing.
        return schema.literal() if self._plain else schema

    def _is_header(self, line: list[str]) -> bool:
        schema = self._model.schema
        found = schema is not None and schema.is_header(line)
        if found and self._policy.batch:
            message = (
                "is a header line. In batch transform only the first part of a file "
                "would have it: remove it from the files"
            )
            raise BadInput(message, row=1)
        return found
