"""What a fitted estimator knows of its columns: the types where there is no model.json.

A type that was found in the cells of one request would be another in the next. So it is
taken from what was learned in `fit`: encoders keep their categories, and the rest of
scikit-learn takes numbers. What knows nothing, as an own transformer, leaves its
columns "any": there each cell is what it is by itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from runtime.tabular.columns import Column, missing_texts, spelling_of_numbers

_ANY = Column("", "any")
_NUMBER = Column("", "float64[bool]")  # to scikit-learn true is 1
_TEXT = Column("", "str")
_KINDS = {"i": "int64", "u": "int64", "f": "float64", "b": "bool"}
_WITHIN = ("_estimator", "best_estimator_", "estimator_", "regressor_")  # one, fitted
# Parameters of what is made of other estimators, which alone know.
_PARTS = {"estimator", "estimators", "regressor", "transformer_list", "transformers"}
# Whose input may be of any kind, whatever scikit-learn says of it.
_OPEN = {"FunctionTransformer", "DummyClassifier", "DummyRegressor"}


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
    if within := _within(part):
        for estimator in within:
            yield from _known(estimator, places)
    elif hasattr(part, "steps"):
        yield from _known_to_steps([step for _, step in part.steps], places)
    elif hasattr(part, "transformers_"):
        for name, transformer, _ in part.transformers_:
            # What the columns of each are, be they given by name, place or a callable.
            own = part._transformer_to_input_indices.get(name, ())  # noqa: SLF001
            yield from _known(transformer, [places[place] for place in own])
    elif hasattr(part, "categories_"):
        described = (
            _of_categories(part, categories) for categories in part.categories_
        )
        yield from zip(places, described, strict=False)
    else:
        column = _of_tags(part)
        yield from ((place, column) for place in places if column is not _ANY)


def _within(part: Any) -> list[Any]:
    """Give the fitted estimators that see all columns as a part of one sees them."""
    has = getattr(part, "__dict__", {})
    for name in _WITHIN:
        if name in has:
            return [has[name]]
    if "calibrated_classifiers_" in has:
        return [has["calibrated_classifiers_"][0].estimator]
    return has["estimators_"] if "estimators" in has else []  # of Voting, Stacking


def _known_to_steps(
    steps: list[Any], places: Sequence[int]
) -> Iterator[tuple[int, Column]]:
    """Ask the first step, and the next one where that only fills gaps of text."""
    filled = False
    for step in steps:
        if step is None or step == "passthrough":
            continue
        if type(step).__name__ != "SimpleImputer" or step.statistics_.dtype.kind != "O":
            for place, column in _known(step, places):
                yield place, replace(column, required=column.required and not filled)
            return
        if len(step.get_feature_names_out()) != len(places):
            return
        filled = True


def _of_categories(encoder: Any, categories: Any) -> Column:
    """Describe a column by the categories that an encoder has learned, an array.

    What an encoder refuses, as it does by default, the column refuses before it.
    """
    values = categories.tolist()
    known = [v for v in values if v is not None and v == v]  # noqa: PLR0124
    required = len(known) == len(values)
    column = _of_values(known, categories.dtype, has_none=None in values)
    if column.is_text and required:
        column = replace(column, na_values=missing_texts(None, known))
    if column.is_unknown or getattr(encoder, "handle_unknown", "") != "error":
        return column
    return replace(column, categories=(*known,), closed=True, required=required)


def _of_values(known: list[Any], dtype: Any, *, has_none: bool) -> Column:
    kinds = {*map(type, known)}
    if dtype.kind not in "OU":
        return Column("", _KINDS.get(dtype.kind, "any"))
    if kinds == {str}:
        numbers = spelling_of_numbers(known)
        dtype = "object" if has_none else "str"
        return Column(
            "", dtype, categories=(*known,), number_spelling=numbers, has_none=has_none
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
