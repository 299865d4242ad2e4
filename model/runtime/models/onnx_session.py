"""ONNX Runtime's answers in the place of a fitted estimator's.

A call takes some microseconds, where a pipeline of scikit-learn's takes milliseconds. A
job writes `model.onnx` only where it has found the same answers (`onnx_export`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import BadInput
from runtime.tabular.columns import Column
from runtime.tabular.rows import Rows

MATRIX = "X"  # name of the one input of a model of numbers
LARGEST = float(np.finfo("float32").max)
COUNTS = "counts"  # what the file says of words that are counted before it
MOST_COUNTS = 2**21  # numbers at a time, of 8 bytes
MOST_ROWS = 500  # at a time: as fast as any number, and little memory
MISSING_TEXT = "nan"  # what skl2onnx makes of a missing category
_SPELT = "\0nan"  # what takes the place of that text


def load(model: Path | bytes, description: dict[str, Any]) -> "Onnx":
    """Load model.onnx, or its content, as model.json describes it."""
    import onnxruntime  # noqa: PLC0415 -- the image may do without

    options = onnxruntime.SessionOptions()
    # With one thread it may precede a fork.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # no word of a constant that is not used
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model, options, providers=providers)
    columns = [Column.from_json(column) for column in description["columns"]]
    classes = description["classes"]
    if classes is None:
        return Onnx(session, columns)
    labels, *shares = session.get_outputs()
    several = OnnxSeveral if len(labels.shape) > 1 else OnnxClassifier
    kind = several if shares else OnnxLabels
    return kind(session, columns, classes)


def _notes(session: Any) -> dict[str, str]:
    found: dict[str, str] = session.get_modelmeta().custom_metadata_map
    return found


class Counts:
    """The words of a column, counted by scikit-learn's own code for it.

    ONNX Runtime splits and lowers text otherwise than Python does, where it is not of
    ASCII alone.
    """

    def __init__(
        self,
        column: str | int,
        name: str,
        parameters: dict[str, Any],
        vocabulary: dict[str, int],
    ) -> None:
        """Take a column, the input of the graph, and what a CountVectorizer is."""
        from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415

        self.column, self.name, self.vocabulary = column, name, vocabulary
        self._is_binary = parameters["binary"]
        self._words = CountVectorizer(**parameters).build_analyzer()

    def count(self, values: list[str]) -> Any:
        """Count known words, `(n_rows, n_words)`."""
        found = np.zeros((len(values), len(self.vocabulary)))
        for row, text in zip(found, values, strict=True):
            for word in self._words(text):
                place = self.vocabulary.get(word)
                if place is not None:
                    row[place] += 1
        return np.minimum(found, 1) if self._is_binary else found


class Onnx:
    """A regressor: rows, `(n_rows, n_features)`, are `Rows` or a DataFrame."""

    instant = True  # a few rows take less time than to ask another thread for them

    def __init__(self, session: Any, columns: list[Column]) -> None:
        """Take an ONNX Runtime session. Raises: ValueError for an earlier release's."""
        self._session = session
        self._outputs = [tensor.name for tensor in session.get_outputs()]
        places = {input_of(place): column for place, column in enumerate(columns)}
        self._counts = [
            Counts(places[stored.pop("column")].name, **stored)
            for stored in json.loads(_notes(session).get(COUNTS, "[]"))
        ]
        n_words = sum(len(counts.vocabulary) for counts in self._counts)
        self._at_once = max(1, min(MOST_ROWS, MOST_COUNTS // max(1, n_words)))
        counted = {counts.name for counts in self._counts}
        inputs = {t.name: t.type for t in session.get_inputs() if t.name not in counted}
        _refuse_earlier(inputs, {MATRIX, *places})
        self._matrix = MATRIX in inputs
        used = places if self._matrix else {name: places[name] for name in inputs}
        self._numbers = {n: c.name for n, c in used.items() if not c.is_text}
        self._texts = {n: c.name for n, c in used.items() if c.is_text}
        counted_from = {counts.column for counts in self._counts}
        self._names = {*self._numbers.values(), *self._texts.values(), *counted_from}
        # What a request has in a column of float32 was read as such.
        self._beyond = not is_single([*used.values()])

    def predict(self, rows: Mapping[Any, Any]) -> Any:
        """Give a value for each row, `(n_rows,)`. Raises: BadInput."""
        (found,) = self._run(rows, 0)
        return found[:, 0] if found.shape[1:] == (1,) else found

    def _run(self, rows: Mapping[Any, Any], *outputs: int) -> Any:
        if isinstance(rows, Rows):
            rows = rows.raw_columns(self._names)
        columns = [rows[name] for name in self._numbers.values()]
        kind = "float64" if self._beyond else "float32"
        numbers = np.array(columns, kind).astype("float64", copy=False)
        if self._beyond:
            refuse_large(numbers)
        if self._matrix:
            feed = {MATRIX: numbers.T}
        else:
            pairs = zip(self._numbers, numbers, strict=True)
            feed = {place: values[:, None] for place, values in pairs}
            feed |= {place: texts(rows[name]) for place, name in self._texts.items()}
        names = [self._outputs[place] for place in outputs]
        words = {c.name: rows[c.column] for c in self._counts}
        n_rows = len(next(iter((feed or words).values())))
        if n_rows <= self._at_once and not words:
            return self._session.run(names, feed)
        return self._in_parts(names, feed, words, n_rows)

    def _in_parts(
        self, names: list[str], feed: dict[str, Any], words: dict[str, Any], n_rows: int
    ) -> Any:
        """Run some rows at a time: each has a number for every tree and known word."""
        found = []
        for first in range(0, max(1, n_rows), self._at_once):
            chosen = slice(first, first + self._at_once)
            part = {name: values[chosen] for name, values in feed.items()}
            for counts in self._counts:
                part[counts.name] = counts.count(list(words[counts.name][chosen]))
            found.append(self._session.run(names, part))
        return [np.concatenate(outputs) for outputs in zip(*found, strict=True)]


def _refuse_earlier(inputs: dict[str, str], known: set[str]) -> None:
    """Refuse inputs, given with their types, that this release does not make.

    Raises: ValueError.
    """
    unknown = [name for name in inputs if name not in known]
    others = {*inputs.values()} - {"tensor(string)", "tensor(double)"}
    if unknown or others:
        such = f"such as {unknown[0]}" if unknown else f"of {others.pop()}"
        message = f"an earlier release made it, with inputs {such}"
        raise ValueError(message)


class OnnxLabels(Onnx):
    """A classifier without probabilities, with its `classes_`, a list if of several."""

    def __init__(self, session: Any, columns: list[Column], classes: list[Any]) -> None:
        """Take an ONNX Runtime session."""
        super().__init__(session, columns)
        is_nested = isinstance(classes[0], list)
        known = [np.array(each) for each in (classes if is_nested else [classes])]
        self.classes_: Any = known if is_nested else known[0]
        self._kind = np.result_type(*known)
        if session.get_outputs()[0].type == "tensor(double)":  # of a chain
            self._kind = np.dtype("float64")

    def predict(self, rows: Mapping[Any, Any]) -> Any:
        """Give labels, `(n_rows,)` or `(n_rows, n_labels)`. Raises: BadInput."""
        return self._run(rows, 0)[0].astype(self._kind)


class OnnxSeveral(OnnxLabels):
    """A classifier of several labels a row, with probabilities."""

    def predict_proba(self, rows: Mapping[Any, Any]) -> Any:
        """Give shares as scikit-learn does: of classes by label, or of labels.

        A list of `(n_rows, n_classes)`, or `(n_rows, n_labels)`. Raises: BadInput.
        """
        (shares,) = self._run(rows, 1)
        widths = [np.size(classes) for classes in self.classes_]
        if shares.shape[1] == len(widths):
            return shares
        return np.split(shares, np.cumsum(widths)[:-1], axis=1)


class OnnxClassifier(OnnxLabels):
    """A classifier with probabilities."""

    def predict_proba(self, rows: Mapping[Any, Any]) -> Any:
        """Give the share of each class, `(n_rows, n_classes)`. Raises: BadInput."""
        return self._run(rows, 1)[0]

    def predict_and_proba(self, rows: Mapping[Any, Any]) -> tuple[Any, Any]:
        """Give both, in the time of one. Raises: BadInput."""
        labels, shares = self._run(rows, 0, 1)
        return labels.astype(self._kind), shares


def input_of(place: int) -> str:
    """Name the input of a column, counted from 0: no name of X's matters."""
    return f"x{place}"


def texts(values: Any) -> Any:
    """Make one input of texts, `(n_rows, 1)`."""
    if isinstance(values, np.ndarray):
        found = values.astype(object)
        found[found == MISSING_TEXT] = _SPELT
        found[found != found] = MISSING_TEXT  # noqa: PLR0124 -- NaN alone
    else:
        found = np.array(list(map(spell, values)), dtype=object)
    return found[:, None]


def spell(value: Any) -> str:
    """Make one text of what may be a missing value."""
    if not isinstance(value, str):
        return MISSING_TEXT
    return _SPELT if value == MISSING_TEXT else value


def is_single(columns: list[Column]) -> bool:
    """Say whether float32 holds all numbers of such columns."""
    numbers = [column for column in columns if not column.is_text]
    return all(column.is_single or column.is_boolean for column in numbers)


def refuse_large(numbers: Any) -> None:
    """Refuse numbers that float32 does not hold, `(n_features, n_rows)`.

    Raises: BadInput.
    """
    is_large = np.abs(numbers) > LARGEST
    if is_large.any():
        row = int(is_large.nonzero()[1][0]) + 1
        message = "a number is beyond 3.4e38, the largest that the model can take"
        raise BadInput(message, row)
