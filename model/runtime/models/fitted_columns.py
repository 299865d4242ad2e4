"""What a fitted estimator knows of its columns: the types where there is no model.json.

A type that was found in the cells of one request would be another in the next. So it is
taken from what was learned in `fit`: encoders keep their categories, and the rest of
scikit-learn takes numbers. What knows nothing, as an own transformer, leaves its
columns "any": there each cell is what it is by itself.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from runtime.errors import BadInput
from runtime.tabular.columns import Column, spelling_of_numbers
from runtime.tabular.rows import Rows

_ANY = Column("", "any")
_NUMBER = Column("", "float64")
_TEXT = Column("", "str")
_KINDS = {"i": "int64", "u": "int64", "f": "float64", "b": "bool"}
_WITHIN = ("_estimator", "best_estimator_", "estimator_", "regressor_")  # one, fitted
# Parameters of what is made of other estimators, which alone know.
_PARTS = {"estimator", "estimators", "regressor", "transformer_list", "transformers"}
# Whose input may be of any kind, whatever scikit-learn says of it.
_OPEN = {"FunctionTransformer", "DummyClassifier", "DummyRegressor"}
# What numpy, scikit-learn, XGBoost and LightGBM say of text where they want numbers.
_TEXT_REFUSED = re.compile(
    "could not convert string to float|dtypes (for data )?must be int|unknown categor"
)


def fitted_columns(estimator: Any) -> tuple[Column, ...] | None:
    """Describe the columns of a fitted estimator; None where it knows none."""
    names: Sequence[Any] | None = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        names = [*map(str, names)]
    elif (width := getattr(estimator, "n_features_in_", None)) is not None:
        names = range(width)
    else:
        return None
    known: dict[int, Column] = {}
    with suppress(Exception):  # of what is like no estimator, nothing is known
        known = dict(_known(estimator, range(len(names))))
    return tuple(
        replace(known.get(place, _ANY), name=name) for place, name in enumerate(names)
    )


def _known(part: Any, places: Sequence[int]) -> Iterator[tuple[int, Column]]:
    """Say what a part of an estimator knows of the columns at `places`, its input."""
    within = [
        vars(part)[name] for name in _WITHIN if name in getattr(part, "__dict__", ())
    ]
    if within:
        yield from _known(within[0], places)
    elif hasattr(part, "steps"):
        yield from _known_to_steps([step for _, step in part.steps], places)
    elif hasattr(part, "transformers_"):
        for name, transformer, _ in part.transformers_:
            # What the columns of each are, be they given by name, place or a callable.
            own = part._transformer_to_input_indices.get(name, ())  # noqa: SLF001
            yield from _known(transformer, [places[place] for place in own])
    elif hasattr(part, "categories_"):
        yield from zip(places, map(_of_categories, part.categories_), strict=False)
    else:
        column = _of_tags(part)
        yield from ((place, column) for place in places if column is not _ANY)


def _known_to_steps(
    steps: list[Any], places: Sequence[int]
) -> Iterator[tuple[int, Column]]:
    """Ask the first step, and the next one where that only fills gaps."""
    for step in steps:
        if step is None or step == "passthrough":
            continue
        if type(step).__name__ != "SimpleImputer" or step.statistics_.dtype.kind != "O":
            yield from _known(step, places)
            return
        if step.add_indicator or len(step.get_feature_names_out()) != len(places):
            return


def _of_categories(categories: Any) -> Column:
    """Describe a column by the categories that an encoder has learned, an array."""
    if categories.dtype.kind not in "OU":
        return Column("", _KINDS.get(categories.dtype.kind, "any"))
    values = categories.tolist()
    known = [v for v in values if v is not None and v == v]  # noqa: PLR0124
    kinds = {*map(type, known)}
    has_none = None in values
    if kinds == {str}:
        numbers = spelling_of_numbers(known)
        dtype = "object" if has_none else "str"
        return Column(
            "", dtype, categories=(*known,), numbers=numbers, has_none=has_none
        )
    if kinds == {bool}:
        return Column("", "object[bool]", has_none=has_none)
    return _NUMBER if kinds and kinds <= {int, float} else _ANY


def _of_tags(part: Any) -> Column:
    """Describe the input of a part of scikit-learn by what it says of itself."""
    kind = type(part)
    if not kind.__module__.startswith("sklearn.") or kind.__name__ in _OPEN:
        return _ANY
    if kind.__name__ == "SimpleImputer":
        return _NUMBER if part.statistics_.dtype.kind in "if" else _ANY
    if _PARTS & part.get_params(deep=False).keys():
        return _ANY
    if getattr(part, "is_categorical_", None) is not None:  # of gradient boosting
        return _ANY
    from sklearn.utils import get_tags  # noqa: PLC0415 -- it is there, with the model

    tags = get_tags(part).input_tags
    if tags.string:
        return _TEXT
    return _NUMBER if tags.two_d_array and not tags.categorical else _ANY


def refuse_text(rows: Rows, exc: Exception) -> None:
    """Raise BadInput where a model fails on text in a column of unknown type."""
    if not isinstance(exc, ValueError | TypeError) or not _TEXT_REFUSED.search(
        str(exc)
    ):
        return
    texts = [
        (value, row, column.name)
        for column in rows.schema.columns
        if column.is_unknown
        for row, value in enumerate(rows[column.name], 1)
        if isinstance(value, str)
    ]
    named = [found for found in texts if repr(found[0]) in str(exc)]
    if texts:
        text, row, name = (named or texts)[0]
        message = f"the model takes no such text: expected a number, got {text[:50]!r}"
        raise BadInput(message, row, name) from exc
