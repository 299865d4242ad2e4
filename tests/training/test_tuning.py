import json
import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from enum import Enum, IntEnum
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal

import botocore.session
import pytest
from annotated_types import Interval
from botocore.validate import ParamValidator
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model
from pydantic.config import JsonDict

from runtime import Job
from runtime.errors import ClientError
from runtime.training import tuning
from runtime.training.hyperparameters import parse
from runtime.training.tuning import LONGEST_METRIC, describe, pattern, table

INTEGER, FLOAT, CHOICE = (
    "IntegerParameterRanges",
    "ContinuousParameterRanges",
    "CategoricalParameterRanges",
)
FIXED: JsonDict = {"tunable": False}


class Color(Enum):
    """Values that are text."""

    RED = "red"
    NONE = "null"


class Level(IntEnum):
    """Values that are numbers."""

    LOW = 1
    HIGH = 2


class Shape(Enum):
    """Values that no tuner can pick."""

    SQUARE = (1, 1)
    WIDE = (2, 1)


def declare(**fields: Any) -> type[BaseModel]:
    """Declare fields, each by its type and its default."""
    model: type[BaseModel] = create_model("Declared", **fields)
    return model


def ranges_of(annotation: Any, default: Any = None) -> dict[str, list[Any]]:
    """Give the ranges of a model with this field, without the kinds that are empty."""
    described = describe(declare(x=(annotation, default)), [])
    return {k: v for k, v in described["ParameterRanges"].items() if v}


def between(low: Any, high: Any, scaling: str = "Auto") -> list[dict[str, str]]:
    return [{"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scaling}]


def one_of(*values: str) -> list[dict[str, Any]]:
    return [{"Name": "x", "Values": [*values]}]


# Ranges


@pytest.mark.parametrize(
    ("annotation", "default", "kind", "found"),
    [
        (int, Field(1, ge=1, le=9), INTEGER, between("1", "9")),
        (int, Field(1, gt=1, lt=9), INTEGER, between("2", "8")),
        (int, Field(1, ge=-3, lt=9), INTEGER, between("-3", "8")),
        (int, Field(1, ge=1, le=1e4), INTEGER, between("1", "10000")),
        (int, Field(1, ge=1, le=2**60), INTEGER, between("1", str(2**60))),
        (int | None, Field(None, ge=1, le=9), INTEGER, between("1", "9")),
        (Annotated[int, Interval(gt=1, le=9)], 3, INTEGER, between("2", "9")),
        (Annotated[int, Field(ge=1, le=9)] | None, 3, INTEGER, between("1", "9")),
        (float, Field(0.1, ge=0, le=0.5), FLOAT, between("0", "0.5")),
        (float, Field(0.1, ge=1e-5, le=1), FLOAT, between("1e-05", "1")),
        (float | None, Field(None, ge=-1, le=1), FLOAT, between("-1", "1")),
        (bool, True, CHOICE, one_of("true", "false")),
        (Literal["gini", "entropy"], "gini", CHOICE, one_of("gini", "entropy")),
        (Literal[1, 2.5, "auto"], 1, CHOICE, one_of("1", "2.5", "auto")),
        (Literal["a", "b"] | None, None, CHOICE, one_of("a", "b", "null")),
        (Literal["a"] | None, None, CHOICE, one_of("a", "null")),
        (Level | Literal[1, 3], 1, CHOICE, one_of("1", "2", "3")),
        (Literal["auto"] | bool, "auto", CHOICE, one_of("auto", "true", "false")),
        (Color, Color.RED, CHOICE, one_of("red", "null")),
        (Level | None, None, CHOICE, one_of("1", "2", "null")),
    ],
)
def test_what_has_ends_or_a_list_of_values_can_be_tuned(
    annotation: Any, default: Any, kind: str, found: list[dict[str, Any]]
) -> None:
    assert ranges_of(annotation, default) == {kind: found}


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (str, ""),
        (Any, None),
        (list[int], []),
        (int, 1),
        (int, Field(1, ge=1)),
        (int, Field(1, le=1)),
        (int, Field(1, ge=1, le=1)),
        (int, Field(1, ge=1, le=9, multiple_of=2)),
        (float, Field(0.1, gt=0, le=1)),
        (float, Field(0.1, ge=0, lt=1)),
        (float, Field(0.1, gt=0, ge=0, le=1)),
        (float, Field(0.1, gt=0, ge=1, le=5, lt=5)),
        (float, Field(0.1, ge=0, le=float("inf"))),
        (Annotated[float, Interval(gt=0, lt=1)], 0.1),
        (int | float, Field(1, ge=1, le=9)),
        (Annotated[int, Field(ge=1, le=9)] | Literal["auto"], "auto"),
        (Literal["only"], "only"),
        (Shape, Shape.WIDE),
        (None, None),
        (int, Field(1, ge=1, le=9, json_schema_extra=FIXED)),
        (bool, Field(default=True, json_schema_extra=FIXED)),
        (Color, Field(Color.RED, json_schema_extra=FIXED)),
    ],
)
def test_what_has_an_open_end_or_is_fixed_cannot(annotation: Any, default: Any) -> None:
    assert ranges_of(annotation, default) == {}


def test_a_range_has_the_name_that_a_job_writes() -> None:
    declared = declare(x=(int, Field(1, ge=1, le=9, alias="n-trees")))
    (found,) = describe(declared, [])["ParameterRanges"][INTEGER]
    assert found["Name"] == "n-trees"


@pytest.mark.parametrize(
    ("scaling", "low", "high"),
    [
        ("Linear", -1, 1),
        ("Logarithmic", 0.001, 1),
        ("ReverseLogarithmic", 0, 0.999),
    ],
)
def test_the_scaling_is_what_is_declared(scaling: str, low: float, high: float) -> None:
    field = Field(0.5, ge=low, le=high, json_schema_extra={"scaling": scaling})
    assert ranges_of(float, field) == {FLOAT: between(str(low), str(high), scaling)}


@pytest.mark.parametrize(
    ("scaling", "low", "high", "possible"),
    [
        ("Logarithmic", 0, 0.5, "Auto, Linear, ReverseLogarithmic"),
        ("ReverseLogarithmic", 0.5, 1, "Auto, Linear, Logarithmic"),
        ("ReverseLogarithmic", -0.5, 0.5, "Auto, Linear"),
        ("log", 1, 9, "Auto, Linear, Logarithmic"),
    ],
)
def test_a_scaling_that_sagemaker_refuses_is_refused(
    scaling: str, low: float, high: float, possible: str
) -> None:
    field = Field(0.5, ge=low, le=high, json_schema_extra={"scaling": scaling})
    with pytest.raises(ClientError) as wrong:
        ranges_of(float, field)
    name, ends = f"hyperparameter x: scaling {scaling!r}", f"from {low} to {high}"
    assert str(wrong.value) == (
        f"{name} is not for a range {ends}; it can be {possible}"
    )


# What the tuner picks


@given(st.data())
def test_any_integer_that_the_tuner_picks_is_taken(data: st.DataObject) -> None:
    low = data.draw(st.integers(-(2**70), 2**70))
    high = data.draw(st.integers(low + 3, low + 2**40))
    kinds: list[Any] = [Interval(ge=low, le=high), Interval(gt=low, lt=high)]
    declared = declare(x=(Annotated[int, data.draw(st.sampled_from(kinds))], low))
    (found,) = describe(declared, [])["ParameterRanges"][INTEGER]
    smallest, largest = int(found["MinValue"]), int(found["MaxValue"])
    value = data.draw(
        st.integers(smallest, largest) | st.sampled_from([smallest, largest])
    )
    assert parse({"x": str(value)}, declared).model_dump() == {"x": value}


@given(st.data())
def test_any_float_that_the_tuner_picks_is_taken(data: st.DataObject) -> None:
    finite = st.floats(allow_nan=False, allow_infinity=False)
    low, high = sorted((data.draw(finite), data.draw(finite)))
    assume(low < high)
    declared = declare(x=(float, Field(low, ge=low, le=high)))
    (found,) = describe(declared, [])["ParameterRanges"][FLOAT]
    smallest, largest = float(found["MinValue"]), float(found["MaxValue"])
    value = data.draw(
        st.floats(smallest, largest) | st.sampled_from([smallest, largest])
    )
    assert parse({"x": repr(value)}, declared).model_dump() == {"x": value}


CHOICES = st.lists(
    st.text(max_size=5)
    | st.sampled_from(["null", "None", "True", "1", "1.0", '"a"', "[1]", ""])
    | st.integers(-9, 9)
    | st.booleans()
    | st.none(),
    min_size=1,
    max_size=9,
)


@given(CHOICES, st.booleans())
def test_any_value_that_the_tuner_picks_is_taken(values: list[Any], null: bool) -> None:  # noqa: FBT001
    """T-15: raw, or as a framework estimator's tuner sends it, JSON in the string."""
    assume(not any(json.dumps(value) in values for value in values))  # cannot be told
    annotation: Any = Literal[tuple(values)]
    declared = declare(x=(annotation | None if null else annotation, Field(...)))
    for found in describe(declared, [])["ParameterRanges"][CHOICE]:
        for picked in found["Values"]:
            raw = parse({"x": picked}, declared)
            as_json = parse({"x": json.dumps(picked)}, declared)
            assert raw.model_dump() == as_json.model_dump()


# Metrics

WORDS = st.text("a:b._-+()[]|\\*^$?{}#&~/é1e", min_size=1, max_size=8)
PREFIXES = [
    *("", " ", "\t", "[algo-1] ", "algo-1-x | ", "2026-01-02T03:04:05Z ", "\x1b[0m "),
    '{"time": 1, "log": "',
]


def line_of(name: str, value: float) -> str:
    """Give the line that a job prints."""
    with redirect_stdout(StringIO()) as out:
        Job(Path("nowhere"), declare()()).metric(name, value)
    return out.getvalue()


@given(WORDS, st.floats(allow_nan=False, allow_infinity=False))
@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_regex_reads_the_number_behind_any_prefix(
    prefix: str, name: str, value: float
) -> None:
    """T-52."""
    (read,) = re.findall(pattern(name), prefix + line_of(name, value))
    assert float(read) == pytest.approx(value, rel=1e-5)


@given(WORDS, WORDS, st.sampled_from(PREFIXES))
def test_no_regex_reads_the_line_of_another_metric(
    name: str, other: str, prefix: str
) -> None:
    """T-52: names with the same ending."""
    for another in {other, f"{other}:{name}", f"{name}:{other}", other + name} - {name}:
        assert not re.search(pattern(name), prefix + line_of(another, 0.5))


def test_a_regex_is_as_simple_as_its_name() -> None:
    regex = r'(?:^|[\s"])validation:accuracy=([0-9.eE+-]+);'
    assert pattern("validation:accuracy") == regex
    assert describe(declare(), ["validation:accuracy"])["MetricDefinitions"] == [
        {"Name": "validation:accuracy", "Regex": regex}
    ]


def test_a_metric_that_is_named_twice_is_defined_once() -> None:
    definitions = describe(declare(), ["a", "b", "a"])["MetricDefinitions"]
    assert [d["Name"] for d in definitions] == ["a", "b"]


@pytest.mark.parametrize("name", ["", " ", "a b", "a\n", 'a"', "a=1", "a;", "a=1;b"])
def test_a_name_that_another_could_end_in_is_refused(name: str) -> None:
    with pytest.raises(ClientError, match=re.escape(f"metric {name!r}: a name is one")):
        pattern(name)


# Limits


def shape_of(name: str) -> Any:
    """Give a shape of SageMaker's API."""
    return botocore.session.get_session().get_service_model("sagemaker").shape_for(name)


@pytest.mark.parametrize(
    ("shape", "limit"),
    [
        ("IntegerParameterRanges", tuning.MOST_RANGES),
        ("ContinuousParameterRanges", tuning.MOST_RANGES),
        ("CategoricalParameterRanges", tuning.MOST_RANGES),
        ("ParameterValues", tuning.MOST_VALUES),
        ("MetricDefinitionList", tuning.MOST_METRICS),
        ("ParameterKey", tuning.LONGEST_TEXT),
        ("ParameterValue", tuning.LONGEST_TEXT),
        ("MetricName", LONGEST_METRIC),
        ("MetricRegex", tuning.LONGEST_REGEX),
    ],
)
def test_the_limits_are_those_of_the_api(shape: str, limit: int) -> None:
    """T-52, T-53."""
    assert shape_of(shape).metadata["max"] == limit


def switches(number: int) -> type[BaseModel]:
    return declare(**{f"x{i}": (bool, True) for i in range(number)})


def choices(number: int) -> type[BaseModel]:
    annotation: Any = Literal[tuple(range(number))]
    return declare(x=(annotation, 0))


def long_choice(length: int) -> type[BaseModel]:
    annotation: Any = Literal["a", "b" * length]
    return declare(x=(annotation, "a"))


def long_name(length: int) -> type[BaseModel]:
    return declare(**{"x" * length: (bool, True)})


@pytest.mark.parametrize(
    ("make", "most", "said"),
    [
        (
            switches,
            30,
            "SageMaker takes 30, not 31, hyperparameters to tune; leave out",
        ),
        (choices, 30, "SageMaker takes 30, not 31, values of hyperparameter x; leave"),
        (
            long_choice,
            256,
            "SageMaker takes 256, not 257, characters in hyperparameter x;",
        ),
        (
            long_name,
            256,
            "SageMaker takes 256, not 257, characters in hyperparameter xx",
        ),
    ],
)
def test_a_declaration_over_a_limit_is_refused(make: Any, most: int, said: str) -> None:
    """T-53."""
    assert accepted(describe(make(most), []))
    with pytest.raises(ClientError, match=said):
        describe(make(most + 1), [])


@pytest.mark.parametrize(
    ("most", "over", "said"),
    [
        (
            [str(i) for i in range(40)],
            [str(i) for i in range(41)],
            "SageMaker takes 40, not 41, metrics",
        ),
        (
            ["a" * 255],
            ["a" * 256],
            "metric 'aaa.*: a name is .*, of at most 255 characters",
        ),
        (
            ["-" * 237],
            ["-" * 238],
            "SageMaker takes 500, not 502, characters in the regex of '--",
        ),
    ],
    ids=["number", "name", "regex"],
)
def test_metrics_over_a_limit_are_refused(
    most: list[str], over: list[str], said: str
) -> None:
    """T-52."""
    assert accepted(describe(declare(), most))
    with pytest.raises(ClientError, match=said):
        describe(declare(), over)


def accepted(described: dict[str, Any]) -> bool:
    """Hold it against the API, as far as botocore does; see test_docs_deploy.py."""
    validator = ParamValidator()
    shapes = {"ParameterRanges": "ParameterRanges"}
    shapes["MetricDefinitions"] = "MetricDefinitionList"
    assert described.keys() == shapes.keys()
    for name, shape in shapes.items():
        report = validator.validate(described[name], shape_of(shape)).generate_report()
        assert not report
    return True


# The table


class Forest(BaseModel):
    """A field of every kind that the table tells apart."""

    target: str = Field("", description="column to predict")
    share: float = Field(0.2, gt=0, lt=1)
    trees: int = Field(ge=1, le=100, alias="n-trees", description="of the\nforest")
    depth: int | None = Field(None, ge=1)
    features: float | Literal["sqrt", "a|b"] = "sqrt"
    color: Color = Color.RED
    warm: bool = False
    layers: list[int] = Field(default_factory=list, description="a | b")
    weights: dict[str, float] = {}
    other: Any = None


def test_the_table_says_what_a_data_scientist_asks() -> None:
    assert table(Forest).splitlines() == [
        "| hyperparameter | takes | default |  |",
        "| --- | --- | --- | --- |",
        '| `target` | text | `""` | column to predict |',
        "| `share` | number above 0 below 1 | `0.2` |  |",
        "| `n-trees` | integer from 1 to 100 | required | of the forest |",
        "| `depth` | integer from 1 or `null` | `null` |  |",
        r"| `features` | number, `sqrt` or `a\|b` | `sqrt` |  |",
        "| `color` | `red` or `null` | `red` |  |",
        "| `warm` | `true` or `false` | `false` |  |",
        r"| `layers` | JSON list |  | a \| b |",
        "| `weights` | JSON object | `{}` |  |",
        "| `other` | anything | `null` |  |",
    ]


@given(st.text(), st.text())
def test_a_row_has_four_cells_whatever_is_written(default: str, about: str) -> None:
    declared = declare(x=(str, Field(default, description=about)))
    row = table(declared).split("\n")[2:]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in row] == [5]


# The command line


class Small(BaseModel):
    """One hyperparameter."""

    trees: int = Field(10, ge=1, le=9)


def test_describe_prints_what_a_tuning_job_takes() -> None:
    printed = tuning.main(Small, ["auc"], ["--describe"])
    assert json.loads(printed) == describe(Small, ["auc"])
    assert printed.startswith('{\n  "ParameterRanges": {\n')


def test_describe_table_prints_the_table() -> None:
    assert tuning.main(Small, [], ["--describe", "table"]) == table(Small)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--describe", "x"], ["table"], ["--describe", "table", "x"]],
)
def test_other_arguments_are_answered_with_the_usage(arguments: Sequence[str]) -> None:
    with pytest.raises(ClientError, match="usage: `train` trains, `train --describe`"):
        tuning.main(Small, [], [*arguments])
