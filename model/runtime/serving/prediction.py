"""One request on its way through a model: a body to rows, to predictions, to bytes.

A large body goes there in slices, so that its rows are never in memory all at once, and
other requests have their turn between two of them.
"""

import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import IO, Any

from runtime import formats
from runtime.errors import BadInput
from runtime.formats import Outputs, Table, joined
from runtime.formats.media_types import choose, media_type, outputs
from runtime.models.served import ServedModel, count, owners_code
from runtime.observability.logs import RequestRecord, request_id
from runtime.serving import bad_records
from runtime.serving.reading import Asked, Policy, Reader
from runtime.tabular.schema import MAX_PROBLEMS

_TURN = 0.05  # seconds after which other requests have theirs


class Answer:
    """The answer to one body. `advance` is called in the lane until it says done.

    It pulls chunks through a chain of generators: a chunk of formats.encode is made of
    `_answered`, which takes a table of `_ahead`, which the reader reads from the body.
    """

    def __init__(
        self,
        model: ServedModel,
        policy: Policy,
        asked: Asked,
        body: IO[bytes],
        record: RequestRecord,
    ) -> None:
        """Begin. Raises: NotAcceptable, UnsupportedType."""
        self.content: list[bytes] = []
        self.media_type = ""  # known at the end where the owner writes the answer
        self._model, self._policy, self._asked = model, policy, asked
        self._body, self._record = body, record
        self._reader = Reader(model, policy, asked, record)
        self._wanted = outputs(asked.attributes)
        self._more = False  # slices to come
        if hasattr(model.predictor, "encode"):
            self._chunks = self._own_chunks()
        else:
            self.media_type = choose(
                asked.accept, policy.default_accept, formats.WRITTEN
            )
            self._chunks = formats.encode(self._outputs(), self.media_type)
        self._since = time.perf_counter()

    def advance(self) -> bool:
        """Go on for a moment. Returns: whether all is done. Raises: RequestError."""
        end = self._lap("queue") + _TURN
        mine = request_id.set(self._record.request_id)
        try:
            for chunk in self._chunks:
                self.content.append(chunk)
                if self._lap("encode") > end and self._more:
                    return False
            return True
        finally:
            self._lap("encode")
            request_id.reset(mine)

    def _lap(self, stage: str) -> float:
        """Book the time since the last lap to a stage. Returns: the time."""
        now = time.perf_counter()
        spent = getattr(self._record, stage) + now - self._since
        setattr(self._record, stage, spent)
        self._since = now
        return now

    def _own_chunks(self) -> Iterator[bytes]:
        """Let the owner's `encode` write what the owner's `predict` gave."""
        predictor: Any = self._model.predictor
        rows = (
            self._reader.rows(joined(self._reader.tables(self._body)))
            if self._reads
            else self._own_rows()
        )
        self._record.rows = count(rows)
        self._lap("decode")
        with owners_code():
            answer = predictor.predict(rows)
            self._lap("predict")
            accept = self._asked.accept or self._policy.default_accept
            content, self.media_type = predictor.encode(answer, accept)
        yield content

    @property
    def _reads(self) -> bool:
        """Say whether our formats read the body."""
        return not hasattr(self._model.predictor, "decode")

    def _own_rows(self) -> Any:
        predictor: Any = self._model.predictor
        with owners_code():
            rows = predictor.decode(
                self._body.read(), media_type(self._asked.content_type)
            )
            self._record.rows = count(rows)
            return rows

    def _outputs(self) -> Iterator[Outputs]:
        """Predict a body, slice by slice."""
        if not self._reads:
            rows = self._own_rows()
            self._lap("decode")
            yield self._model.predict(rows, self._wanted)
            return
        tables = self._reader.tables(self._body)
        if not self._model.divisible:
            tables = iter([joined(tables)])
        yield from map(self._answered, self._ahead(tables))  # `map` keeps no slice

    def _ahead(self, tables: Iterator[Table]) -> Iterator[Table]:
        """Read one slice ahead, so that no turn is waited for only to find the end."""
        table = next(tables)
        for following in tables:
            self._more = True
            yield table
            table = following
        self._more = False
        yield table

    def _answered(self, table: Table) -> Outputs:
        self._record.rows += len(table.rows)
        if self._policy.mark_bad_records:
            every = partial(self._predicted, most=sys.maxsize)
            return bad_records.answered(table, every, self._pattern)
        return self._predicted(table)

    def _predicted(self, table: Table, most: int = MAX_PROBLEMS) -> Outputs:
        rows = self._reader.rows(table, most)
        self._lap("decode")
        try:
            return self._model.predict(rows, self._wanted)
        except BadInput as exc:  # its rows count from 1, also in a later slice
            raise exc.moved(range(table.first, sys.maxsize)) from exc
        finally:
            self._lap("predict")

    def _pattern(self) -> Outputs:
        """Give an answer as it looks, to a synthetic row."""
        schema = self._model.schema
        if schema is None or not schema.typed:
            return Outputs({"prediction": [None]}, named=False)
        row = self._model.rows(schema, schema.example().columns)
        return self._model.predict(row, self._wanted)
