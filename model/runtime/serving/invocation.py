"""One request between its body and its answer: decode, predict, encode.

All bodies go the same way. A large one goes it in slices, so that its rows are never in
memory all at once and other requests have their turn between two of them; what is read
and written of it is so in the executor's thread, and `/ping` is answered meanwhile.
"""

import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, NamedTuple, TypeVar

from runtime import formats
from runtime.errors import MAX_PROBLEMS, BadInput, CallerLeft, UnsupportedType
from runtime.formats.media_types import choose, choose_any, media_type, outputs
from runtime.models.prediction import count, owners_code
from runtime.models.served import ServedModel
from runtime.observability.logs import RequestRecord
from runtime.serving import bad_records
from runtime.serving.batcher import Batcher, PendingRequest
from runtime.serving.executor import Executor
from runtime.tabular.schema import Schema, found_in
from runtime.tabular.table import Layout, Outputs, Table, joined

T = TypeVar("T")
SMALL = 2**14  # bytes that are read in the event loop, in about a millisecond
# The formats of which a small body is a small number of rows.
_SMALL_TYPES = (formats.CSV, formats.JSON, formats.JSONLINES)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say of all answers."""

    default_accept: str = formats.JSON
    batch: bool = False
    mark_bad_records: bool = False


class RequestHeaders(NamedTuple):
    """The headers of a request that an answer depends on (H-19)."""

    content_type: str = ""
    accept: str = ""
    attributes: str = ""  # X-Amzn-SageMaker-Custom-Attributes


class Invocations:
    """What answers the requests of one worker."""

    def __init__(
        self, model: ServedModel, executor: Executor, policy: Policy | None = None
    ) -> None:
        self.model, self.executor = model, executor
        self.policy = policy or Policy()
        self.layout = _layout(model.schema, self.policy)
        self.batcher = Batcher(model, executor)

    async def respond(
        self,
        body: IO[bytes],
        headers: RequestHeaders,
        record: RequestRecord,
        has_left: Callable[[], Awaitable[bool]] | None = None,
    ) -> tuple[bytes, str]:
        """Answer one body, a seekable file at its start of `record.bytes`.

        `has_left` says whether nobody waits for the answer any more. Returns: the
        answer and its media type. Raises: RequestError.
        """
        invocation = _Invocation(self, body, headers, record, has_left)
        if self.model.owner.encode is not None:
            return await self.executor.run(invocation.encoded_by_owner)
        return await invocation.answer()


def _layout(schema: Schema | None, policy: Policy) -> Layout:
    """Say what decoders may know of a model."""
    if schema is None:
        return Layout()
    is_header = partial(_refuse_header, schema) if policy.batch else schema.is_header
    return Layout(len(schema.columns), is_header, schema.names)


def _refuse_header(schema: Schema, line: list[str]) -> bool:
    """Refuse a header line in batch transform (H-53)."""
    if schema.is_header(line):
        message = (
            "is a header line. In batch transform only the first part of a file "
            "would have it: remove it from the files"
        )
        raise BadInput(message, row=1)
    return False


class _Slice(NamedTuple):
    """Some rows of a body: read, or a Table of cells that the batcher will read."""

    rows: Any
    n_rows: int
    first: int = 1  # number of the first row in the body


class _Invocation:
    """The way of one request."""

    def __init__(
        self,
        worker: Invocations,
        body: IO[bytes],
        headers: RequestHeaders,
        record: RequestRecord,
        has_left: Callable[[], Awaitable[bool]] | None,
    ) -> None:
        self._worker, self._model, self._policy = worker, worker.model, worker.policy
        self._body, self._headers, self._record = body, headers, record
        self._has_left = has_left
        self._wanted = outputs(headers.attributes)
        self._kind = media_type(headers.content_type) or formats.CSV  # H-58
        self._is_small = (
            self._model.joinable
            and record.bytes <= SMALL
            and self._kind in _SMALL_TYPES
        )
        self._content: list[bytes] = []
        self._encoder: formats.Encoder | None = None
        self._slices: Iterator[_Slice | Table] = iter(())
        self._since = time.perf_counter()

    async def answer(self) -> tuple[bytes, str]:
        """Read, predict and write slice by slice."""
        default = self._policy.default_accept
        accepted = choose(self._headers.accept, default, formats.WRITTEN)
        write = partial(self._write_and_read, accepted)
        following = await self._run(self._read)
        while following is not None:
            # Asking also lets the server read on: else it would not see who leaves.
            if self._has_left and not self._is_small and await self._has_left():
                raise CallerLeft
            found = await self._predicted(following)
            following = await self._run(partial(write, found))
        return b"".join(self._content), accepted

    def encoded_by_owner(self) -> tuple[bytes, str]:
        """Let the owner's `encode` write what the owner's `predict` gave."""
        owner = self._model.owner
        assert owner.encode is not None  # noqa: S101 -- as the caller knows
        following = self._read()
        assert isinstance(following, _Slice)  # noqa: S101 -- of a whole body
        with owners_code:
            answer = self._model.ask_owner(following.rows)
            self._lap("predict")
            default = self._policy.default_accept
            accepted = choose_any(self._headers.accept, default, formats.WRITTEN)
            found = owner.encode(answer, media_type(accepted))
            content, kind = found if isinstance(found, tuple) else (found, accepted)
            content = content.encode() if isinstance(content, str) else content
            content = bytes(memoryview(content))  # which only bytes have
        self._lap("encode")
        return content, kind

    def _lap(self, stage: str) -> None:
        """Book the time since the last lap to a stage."""
        now = time.perf_counter()
        spent = getattr(self._record, stage) + now - self._since
        setattr(self._record, stage, spent)
        self._since = now

    async def _run(self, call: Callable[[], T]) -> T:
        """Do what takes a millisecond here, and all else in the executor's thread."""
        return call() if self._is_small else await self._worker.executor.run(call)

    def _read(self) -> _Slice | Table | None:
        """Begin to read the body, and read its first slice. Raises: RequestError."""
        self._lap("queue")
        if self._model.owner.decode is None:
            read = self._unread if self._is_small else self._typed
            tables = self._tables()
            self._slices = tables if self._marks else map(read, tables)
        else:
            self._slices = iter([self._decoded_by_owner()])
        return self._next()

    def _write_and_read(self, accepted: str, found: Outputs) -> _Slice | Table | None:
        """Read the next slice, which may be none, and write the answer to this one."""
        self._lap("queue")
        following = self._next()
        self._encoder = self._encoder or formats.encoder(media_type(accepted))
        self._content.append(self._encoder.send(found))
        if following is None:
            self._content.append(self._encoder.send(None))
        self._lap("encode")
        return following

    def _next(self) -> _Slice | Table | None:
        following = next(self._slices, None)
        self._lap("decode")
        return following

    def _tables(self) -> Iterator[Table]:
        """Read and count the rows of the body. Raises: what `formats.decode` raises."""
        schema = self._model.schema
        if self._kind == formats.PLAIN and not (schema and schema.one_text):
            message = "text/plain is for models with one column, of text: send text/csv"
            raise UnsupportedType(message)
        kind, layout = self._headers.content_type, self._worker.layout
        tables = formats.decode(self._body, kind, layout)
        if not self._model.divisible:
            tables = iter([joined(tables)])
        for table in tables:
            self._record.rows += len(table.rows)
            yield table

    def _unread(self, table: Table) -> _Slice:
        """Leave the cells to the batcher, which reads those of all requests at once."""
        if table.given_names is not None:  # each body has its own
            return self._typed(table)
        return _Slice(Table(table.rows), len(table.rows), table.first)

    def _typed(self, table: Table, most: int = MAX_PROBLEMS) -> _Slice:
        """Read the cells of a slice as they were in `fit`. Raises: BadInput."""
        model, n_rows, first = self._model, len(table.rows), table.first
        schema = model.schema or found_in(table)
        if self._kind == formats.PLAIN:
            schema = schema.literal()  # a document may be the word `null`, or nothing
        elif not schema.has_types and self._kind == formats.CSV:
            schema = schema.of_texts
        rows = schema.read(table, most)
        self._record.ignored_columns = rows.ignored
        return _Slice(rows, n_rows, first)

    def _decoded_by_owner(self) -> _Slice:
        assert self._model.owner.decode is not None  # noqa: S101 -- as the caller knows
        with owners_code:
            rows = self._model.owner.decode(self._body.read(), self._kind)
            self._record.rows = count(rows)
        if not self._record.rows:
            message = "there is no row in the body: send at least one"
            raise BadInput(message)
        return _Slice(rows, self._record.rows)

    @property
    def _marks(self) -> bool:
        owner = self._model.owner
        own = owner.decode is not None or owner.encode is not None
        return self._policy.mark_bad_records and not own

    async def _predicted(self, following: _Slice | Table) -> Outputs:
        """Predict a slice; a table is one whose bad rows are to be marked (H-55)."""
        if isinstance(following, Table):
            return await bad_records.answered(following, self._every, self._pattern)
        pending = PendingRequest(
            following.rows,
            following.n_rows,
            self._record,
            self._wanted,
            self._has_left,
        )
        try:
            return await self._worker.batcher.predict(pending)
        except BadInput as exc:  # its rows count from 1, also in a later slice
            raise exc.moved(range(following.first, sys.maxsize)) from exc
        finally:
            self._since = pending.since

    async def _every(self, table: Table) -> Outputs:
        """Predict a table, or raise BadInput with all rows that are bad."""
        typed = await self._run(partial(self._typed, table, sys.maxsize))
        return await self._predicted(typed)

    async def _pattern(self) -> Outputs:
        """Give an answer as it looks, to a synthetic row."""
        schema = self._model.schema
        if schema is None or not schema.has_types:
            return Outputs({"prediction": [None]}, named=False)
        rows = await self._run(self._model.example)
        return await self._predicted(_Slice(rows, count(rows)))
