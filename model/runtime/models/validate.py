"""The process at the end of a job: can this folder be served, and by ONNX too.

`python -m runtime.models.validate` imports what most models need until `training`
writes a JSON object to its stdin, which is what `main` is given. It answers with a JSON
object on its stdout: what model.json is to say besides, or the `failure`, a sentence
with the repair. It loads the folder as `serve` does, through the owner's Predictor,
predicts rows together and one by one, and compares. These rows judge: where the model
fails on the warm-up row alone, that is noted, and costs no model. Then it converts the
model to ONNX and answers again: a conversion may hang, crash or need all memory, and by
then the first answer is there.
"""

import importlib
import json
import logging
import os
import re
import resource
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from runtime import formats
from runtime.errors import BadInput, Error, ModelError
from runtime.formats import Layout, Outputs, joined
from runtime.models import artifact, engine
from runtime.models.conversion.equivalence import TOLERANCE, Different
from runtime.models.owner import Predictor
from runtime.models.served import EVERY, ServedModel
from runtime.tabular.columns import Column
from runtime.tabular.schema import Schema, found_in
from runtime.tabular.table import Table

log = logging.getLogger("validate")
MOST_COLUMNS = 200  # a call each
MEMORY = 8 * 2**30  # bytes that a conversion may take
NEEDED = ("onnxruntime", "skl2onnx")
# What takes a second to import, and is imported while the job trains.
LIBRARIES = (
    *("pandas", "joblib", "sklearn.compose", "sklearn.ensemble", *NEEDED),
    "runtime.models.conversion.onnx_export",
)
_PICKLED_IN_TRAIN = re.compile(
    r"get attribute '(\w+)' on <module '(?:__main__|runtime\.models\.validate)'"
)


def main(model_dir: Path, folder: Path, seconds: float) -> Iterator[dict[str, Any]]:
    """Validate a model folder, and convert the model where there is `sample.pkl`.

    `folder` has rows of X as `rows.csv`, and may have more as `all.csv` with what is
    `expected.json` of them; it gets `model.onnx`. Yields: the answers.
    """
    try:
        kind = imported()
        found = validated(model_dir, kind, folder)
    except Error as exc:
        log.exception("the model folder was refused")
        yield {"failure": " ".join(_sentence(exc).split())}
        return
    yield found
    if (folder / "sample.pkl").exists():
        _limit(seconds)
        yield found | converted(model_dir, kind, folder, found)


def imported() -> type[Predictor]:
    """Import the owner's class. Raises: Error."""
    try:
        kind: type[Predictor] = importlib.import_module("predictor").Predictor
    except Exception as exc:
        message = f"predictor.py cannot be imported: {type(exc).__name__}: {exc}"
        if isinstance(exc, ModuleNotFoundError):
            message += f": add its package, local-test/add-package.sh {exc.name}"
        raise Error(message) from exc
    return kind


def validated(model_dir: Path, kind: type[Predictor], folder: Path) -> dict[str, Any]:
    """Load a model and let it predict the rows in `folder`.

    Returns: what model.json gets. Raises: Error.
    """
    model = ServedModel.load(model_dir, kind)
    row, note = check(model, (folder / "rows.csv").read_bytes())
    names = required(model, row if note else None)
    found: dict[str, Any] = {artifact.WARM_UP_NOTE: note} if note else {}
    classes = (artifact.describe(model_dir) or {}).get("classes")
    if other := differing(model, folder, classes):
        log.warning("Predictor %s", other)
        found[artifact.PREDICTOR_NOTE] = other
    is_described = (model_dir / artifact.DESCRIPTION).exists()
    if model.schema and (names or (note and not is_described)):
        found["columns"] = model.schema.requiring(names).to_json()
    return found


def check(model: ServedModel, body: bytes) -> tuple[list[Any] | None, str]:
    """Predict the rows of a CSV body together and one by one, and the warm-up row.

    The body has rows of the data, and judges: where they pass, an invented row costs no
    model. Returns: the first of them, and why there is no warm-up row, "" where it
    passes. Raises: Error.
    """
    model.start()
    row = _judged(model, body)
    try:
        model.warm_up()
    except Error as exc:
        if row is None or model.schema is None:
            raise
        why = _cold(model, model.schema, row, exc)
        log.warning("the model is kept, and served without a warm-up row: %s", why)
        return row, f"none: {why}"
    return row, ""


def _judged(model: ServedModel, body: bytes) -> list[Any] | None:
    """Predict the rows of a body. Returns: the cells of the first; None without any."""
    if not body or model.owner.decode:
        return None
    table, _ = _sendable(model, body)
    if not table.rows:
        return None
    rows = _schema(model, table).read(table)
    prediction = model.predict(rows)
    prediction.outputs()  # there are all that the owner has chosen
    together = prediction.outputs(EVERY)
    for name in (formats.JSON, formats.CSV):
        list(formats.encode([together], name))
    if model.owner.batchable:
        for number in range(rows.n_rows):
            alone = model.predict(rows.row(number)).outputs(EVERY)
            _compare(together, alone, number)
    return list(table.rows[0])


def _schema(model: ServedModel, table: Table) -> Schema:
    """Give the schema that a CSV body is read with."""
    schema = model.schema or found_in(table)
    return schema if schema.has_types else schema.of_texts


def _sendable(model: ServedModel, body: bytes) -> tuple[Table, list[int]]:
    """Give the rows of a CSV body that no request would be refused for.

    Returns: them, and their places in the body. Raises: BadInput where it is the
    columns that do not fit.
    """
    table = joined(formats.decode(BytesIO(body), formats.CSV, Layout()))
    schema = _schema(model, table)
    refused = set[int | None]()
    try:
        schema.read(table, most=len(table.rows) * len(schema.columns))
    except BadInput as exc:
        if any(None in (p.row, p.column) for p in exc.problems):
            raise
        refused = {problem.row for problem in exc.problems}
        for problem in {p.column: p for p in exc.problems}.values():
            _say_refused(problem.column, problem.message)
    kept = [place for place in range(len(table.rows)) if place + 1 not in refused]
    return Table([table.rows[place] for place in kept]), kept


@cache  # once, though rows are read for each of the questions
def _say_refused(column: str | int, message: str) -> None:
    log.warning(
        "held-out rows are left out of the check, as a request with them would be a "
        "400: column %r: %s",
        column,
        message,
    )


def differing(
    model: ServedModel, folder: Path, classes: list[Any] | None = None
) -> str:
    """Say how Predictor's answers differ from those of the estimator's own `predict`.

    They need not be the same: a threshold may be the owner's own. So this costs no
    model, and answers of another kind, such as probabilities, are not compared (A1).
    Returns: "" where there is nothing to say.
    """
    file = folder / "expected.json"
    if not file.exists() or model.owner.decode:
        return ""
    expected = json.loads(file.read_bytes())
    try:
        table, places = _sendable(model, (folder / "all.csv").read_bytes())
        answers = _first_output(model, table) if places else []
    except Error as exc:
        cause = exc.__cause__ or exc
        why = " ".join(f"{type(cause).__name__}: {cause}".split())[:200]
        return f"fails on some of {len(expected['rows'])} held-out rows: {why}"
    rows, own = ([expected[key][n] for n in places] for key in ("rows", "answers"))
    apart = _apart(answers, own, classes) if places else []
    if not apart:
        return ""
    row, given, right = (values[apart[0]] for values in (rows, answers, own))
    return (
        f"gives {len(apart)} of {len(answers)} held-out rows another answer than "
        f"model.predict, which was measured: {given!r} in the place of {right!r} in "
        f"row {row}. If that is not on purpose, answer what self.model.predict gives"
    )


def _first_output(model: ServedModel, table: Table) -> list[Any]:
    """Give what a request that asks for no output gets first, of each row."""
    rows = _schema(model, table).read(table)
    return next(iter(model.predict(rows).outputs().columns.values()))


def _apart(
    answers: list[Any], expected: list[Any], classes: list[Any] | None
) -> list[int]:
    """Find the places where numbers, or labels, are not as expected.

    Answers of another kind have none: labels are answered with classes that there are,
    and of their type, or with text, where at least one text is a class.
    """
    if isinstance(next(iter(expected), None), list):
        return _apart_by_column(answers, expected, classes)
    if classes is None and _are_numbers(expected) and _are_numbers(answers):
        near = TOLERANCE * float(np.ptp(np.nan_to_num(expected)))
        same = np.isclose(answers, expected, rtol=TOLERANCE, atol=near, equal_nan=True)
        return [int(place) for place in np.flatnonzero(~same)]
    labels = [*expected, *(classes or ())]
    kinds, known = {*map(type, labels)}, {*labels}
    is_share = float in {*map(type, answers)} - kinds  # 0.0 and 1.0 are no labels
    if is_share or not {*map(type, answers), *kinds} <= {str, int, float, bool}:
        return []
    n_known = sum(answer in known for answer in answers)
    spelt = n_known and all(isinstance(answer, str) for answer in answers)
    if n_known < len(answers) and not spelt:
        return []
    return [n for n, answer in enumerate(answers) if answer != expected[n]]


def _apart_by_column(
    answers: list[Any], expected: list[Any], classes: list[Any] | None
) -> list[int]:
    """Find the places where one of several numbers, or labels, is not as expected."""
    if len({len(v) if isinstance(v, list) else 0 for v in [*answers, *expected]}) > 1:
        return []
    of_each = classes is not None and isinstance(classes[0], list)
    known = classes if of_each else [classes and [0, 1]] * len(expected[0])
    columns = zip(*answers, strict=True), zip(*expected, strict=True), known or []
    apart = (_apart([*a], [*b], own) for a, b, own in zip(*columns, strict=True))
    return sorted(set().union(*apart))


def _are_numbers(values: list[Any]) -> bool:
    return {*map(type, values)} <= {int, float}


def _cold(model: ServedModel, schema: Schema, row: list[Any], exc: Error) -> str:
    """Say why the warm-up row fails where `row` passes, and what cures it."""
    cause = exc.__cause__ or exc
    why = " ".join(f"{type(cause).__name__}: {cause}".split())[:200]
    if model.owner.example is not None:
        row_name, cure = "`example` in Predictor", "correct it in predictor.py"
    else:
        invented = _invented(model, schema, row)
        values = ", ".join(f"{c.name}={c.example!r}" for c in invented)
        names = ", ".join(f"{str(c.name)!r}: ..." for c in invented)
        row_name = f"a made-up row with {values}"
        cure = f"give real values in Predictor: example = {{{names}}}"
    return f"{row_name} fails ({why}), rows of the data do not; {cure}"


def _invented(model: ServedModel, schema: Schema, row: list[Any]) -> list[Column]:
    """Find the columns whose made-up values the model fails on, each in a real row.

    Where none is to blame alone, or columns are many, it may be any text.
    """
    few = schema.columns if len(schema.columns) <= MOST_COLUMNS else ()
    guilty = [
        column
        for place, column in enumerate(few)
        if _fails(model, schema, [*row[:place], column.example, *row[place + 1 :]])
    ]
    text = [column for column in schema.columns if column.is_text]
    return guilty or text[:5] or list(schema.columns[:5])


def required(model: ServedModel, row: list[Any] | None = None) -> list[str | int]:
    """Find the columns without a value of which the model fails on a row.

    It is the synthetic one, or the cells of a row that the model answers. A request
    that lacks one is the caller's fault, and no 500 (H-25, H-73). Of more than
    MOST_COLUMNS none is looked for, unless the model bears all of them missing.
    """
    schema = model.schema
    if schema is None or not schema.has_types or model.owner.decode:
        return []
    names = [column.name for column in schema.columns]
    whole = [column.example for column in schema.columns] if row is None else row

    def fails(absent: list[str | int]) -> bool:
        cells = zip(names, whole, strict=True)
        given = [None if name in absent else cell for name, cell in cells]
        return _fails(model, schema, given)

    if len(names) > MOST_COLUMNS or not fails(names):
        return []
    return [name for name in names if fails([name])]


def _fails(model: ServedModel, schema: Schema, row: list[Any]) -> bool:
    """Say whether the model fails on a row, given by its cells."""
    try:
        model.predict(schema.read(Table([row]))).outputs()
    except Error:
        return True
    return False


def _compare(together: Outputs, alone: Outputs, number: int) -> None:
    for name, values in together.columns.items():
        among, single = values[number], alone.columns.get(name, [None])[0]
        if not _same(among, single):
            message = (
                f"row {number + 1} gets {name} {single!r} alone, but {among!r} among "
                "other rows: let predict treat each row by itself, or set "
                "batchable = False in Predictor"
            )
            raise ModelError(message)


def _same(one: Any, other: Any) -> bool:
    """Compare answers; numbers may differ as much as the order of sums lets them."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    try:
        return bool(np.allclose(one, other, rtol=1e-5, atol=1e-8, equal_nan=True))
    except TypeError:
        return bool(one == other)


def _sentence(exc: Error) -> str:
    cause = exc.__cause__
    if type(exc) is Error:  # of `imported`
        return str(exc)
    if pickled := _PICKLED_IN_TRAIN.search(str(cause)):
        name = pickled[1]
        return (
            f"{name} is defined in train, where no other program finds it: move it to "
            f"a module beside train, say features.py, and `from features import {name}`"
        )
    if cause is not None and not isinstance(exc, ModelError):
        return f"predict failed in a fresh process: {type(cause).__name__}: {cause}"
    return f"the saved model cannot be served: {exc}"


def _limit(seconds: float) -> None:
    """Let the kernel end what takes too long, or more bytes, in native code too."""
    silence = os.open(os.devnull, os.O_WRONLY)  # converters are talkative
    for stream in (sys.stdout, sys.stderr):
        os.dup2(silence, stream.fileno())
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def converted(
    model_dir: Path, kind: type[Predictor], folder: Path, found: dict[str, Any]
) -> dict[str, Any]:
    """Make model.onnx, if ONNX answers the same, also through the owner's Predictor.

    Returns: what model.json is to say of it.
    """
    if absent := [name for name in NEEDED if find_spec(name) is None]:
        return artifact.without_onnx(f"{absent[0]} is not installed")
    from runtime.models.conversion import onnx_export  # noqa: PLC0415 -- a second, and may be absent

    try:
        whole = {**(artifact.describe(model_dir) or {}), **found}
        content, news = onnx_export.export(model_dir, whole, folder / "sample.pkl")
        if not content:
            return news
        staged = _staged(model_dir, folder, {**found, **news}, content)
        _refuse_worse(validated(staged, kind, folder), found)
        (staged / artifact.ONNX).rename(folder / artifact.ONNX)
    except Different as exc:
        return artifact.without_onnx(str(exc))
    except MemoryError:
        why = f"the conversion needs over {MEMORY / 2**30:g} GB of memory"
        return artifact.without_onnx(why)
    except Exception as exc:  # noqa: BLE001 -- of the owner's code, of any kind
        first = str(exc).strip().partition("\n")[0][:200]
        why = f"predictor.py fails with it: {type(exc).__name__}: {first}"
        return artifact.without_onnx(why)
    return news


def _refuse_worse(answer: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise Different where Predictor is well served by the estimator alone."""
    for name in (artifact.WARM_UP_NOTE, artifact.PREDICTOR_NOTE):
        if name in answer and name not in found:
            raise Different(answer[name])


def _staged(
    model_dir: Path, folder: Path, changes: dict[str, Any], onnx: bytes
) -> Path:
    """Lay out the model folder as it would be with ONNX."""
    staged = folder / "staged"
    staged.mkdir()
    for path in model_dir.iterdir():
        (staged / path.name).symlink_to(path.resolve())
    artifact.amend(staged, changes, onnx)
    return staged


def asked() -> dict[str, Any]:
    """Import libraries until the job asks; end with a job that never does."""
    for name in LIBRARIES:
        if select.select([sys.stdin], [], [], 0)[0]:
            break
        with suppress(Exception):  # whoever needs it will say so
            importlib.import_module(name)
    found: dict[str, Any] = json.loads(sys.stdin.readline() or sys.exit())
    return found


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the owner's code prints is for the log
    engine.trust_all()
    question = asked()
    model_dir, folder = (Path(question[name]) for name in ("model_dir", "folder"))
    for found in main(model_dir, folder, question["seconds"]):
        print(json.dumps(found), file=answer, flush=True)
