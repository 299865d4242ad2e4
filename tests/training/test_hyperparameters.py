import json
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Interval
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    conint,
    field_validator,
    model_validator,
)

from runtime.errors import ClientError
from runtime.training.environment import read_json
from runtime.training.hyperparameters import parse


class Criterion(Enum):
    """Values that are text."""

    GINI = "gini"
    YEAR = "2007"


class Level(IntEnum):
    """Values that are numbers."""

    LOW = 1
    HIGH = 2


class Declared(BaseModel):
    """A field of every kind that a training program declares."""

    trees: int = Field(100, ge=1)
    rate: float = 0.1
    bootstrap: bool = True
    target: str = ""
    note: str | None = "none given"
    criterion: Literal["gini", "entropy"] = "gini"
    class_weight: Literal["balanced"] | None = "balanced"
    depth: int | None = Field(5, ge=1)
    features: float | Literal["sqrt", "log2"] | None = "sqrt"
    layers: list[int] = []
    columns: list[str] = []
    names: dict[str, str] = {}
    hidden: tuple[int, ...] = ()
    enum: Criterion = Criterion.GINI
    level: Level = Level.LOW
    power: Literal[1, 2, "auto"] = 1
    leaves: Annotated[int, Interval(gt=1, le=9)] | None = 5
    jobs: conint(ge=-1) = -1  # type: ignore[valid-type]
    nested: int | (list[int] | Annotated[str, Field(max_length=9)]) = 0
    folder: Path = Path()
    free: Any = None


def field(name: str, value: Any) -> Any:
    return getattr(parse({name: value}, Declared), name)


def refused(raw: dict[str, Any], declared: type[BaseModel] = Declared) -> list[str]:
    with pytest.raises(ClientError) as wrong:
        parse(raw, declared)
    return str(wrong.value).splitlines()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("trees", "10", 10),
        ("trees", "10.0", 10),
        ("trees", '"10"', 10),
        ("trees", "1e2", 100),
        ("rate", "0.001", 0.001),
        ("rate", "1", 1.0),
        ("rate", '"0.5"', 0.5),
        ("bootstrap", "True", True),
        ("bootstrap", "true", True),
        ("bootstrap", '"true"', True),
        ("bootstrap", "False", False),
        ("bootstrap", "false", False),
        ("bootstrap", "0", False),
        ("criterion", "entropy", "entropy"),
        ("criterion", '"entropy"', "entropy"),
        ("depth", "None", None),
        ("depth", "null", None),
        ("depth", "7", 7),
        ("depth", '"7"', 7),
        ("features", "0.5", 0.5),
        ("features", "log2", "log2"),
        ("features", '"log2"', "log2"),
        ("features", "None", None),
        ("layers", "[1, 2]", [1, 2]),
        ("layers", "[1.0, 2.0]", [1, 2]),
        ("layers", "[]", []),
        ("hidden", "[50, 20]", (50, 20)),
        ("hidden", "(50,)", (50,)),
        ("enum", "gini", Criterion.GINI),
        ("enum", '"gini"', Criterion.GINI),
        ("enum", "2007", Criterion.YEAR),
        ("enum", '"2007"', Criterion.YEAR),
        ("level", "2", Level.HIGH),
        ("level", '"2"', Level.HIGH),
        ("power", "2", 2),
        ("power", '"2"', 2),
        ("power", "auto", "auto"),
        ("power", '"auto"', "auto"),
        ("leaves", "3", 3),
        ("leaves", '"None"', None),
        ("jobs", "-1", -1),
        ("nested", "7", 7),
        ("nested", '"7"', "7"),
        ("nested", "[7]", [7]),
        ("nested", "true", "true"),
        ("nested", "{}", "{}"),
        ("folder", "2007", Path("2007")),
        ("free", "7", 7),
        ("free", "True", True),
        ("free", "None", None),
        ("free", "ten", "ten"),
        ("free", '{"a": [1]}', {"a": [1]}),
    ],
)
def test_a_string_becomes_the_declared_type(name: str, text: str, value: Any) -> None:
    """T-13, T-15, X-36: as every SDK spells it."""
    got = field(name, text)
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("columns", '["a", "b"]', ["a", "b"]),
        ("columns", "[]", []),
        ("names", '{"a": "b"}', {"a": "b"}),
    ],
)
def test_a_list_or_an_object_of_texts_is_read_as_json(
    name: str, text: str, value: Any
) -> None:
    """T-15, R-03."""
    assert field(name, text) == value


@pytest.mark.parametrize("text", ["None", "null"])
@pytest.mark.parametrize("name", ["class_weight", "note", "depth", "features"])
def test_none_is_none_wherever_none_is_declared(name: str, text: str) -> None:
    """T-15: the SDKs send "None" or "null"."""
    assert field(name, text) is None


@pytest.mark.parametrize(
    "text",
    ["2007", "1.50", "true", "True", "null", "None", "[1, 2]", "{}", "", "a,b", "é"],
)
def test_text_stays_text_whatever_it_looks_like(text: str) -> None:
    assert field("target", text) == text


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "[" + "-" * 100_000 + "1]", "{[]: 1}", "[\0]"],
    ids=["deep", "deep in Python", "no key", "no character"],
)
def test_text_that_no_reader_can_read_stays_text(text: str) -> None:
    assert field("target", text) == field("free", text) == text


@pytest.mark.parametrize("text", ["gini", "2007", "null", 'say "hi"', ""])
def test_a_json_string_is_unwrapped_in_a_text_field(text: str) -> None:
    """T-15: so the SDK's framework estimators send text."""
    assert field("target", '"' + text.replace('"', r"\"") + '"') == text


@given(st.integers(1, 2**53))
def test_any_integer_arrives_as_str_and_as_json(value: int) -> None:
    assert field("trees", str(value)) == field("trees", f'"{value}"') == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_float_arrives_as_it_was(value: float) -> None:
    assert field("rate", repr(value)) == value


@given(st.lists(st.text()))
def test_any_list_of_texts_arrives_as_python_and_as_json(values: list[str]) -> None:
    """T-15: a plain Estimator sends `str` of what it is given."""
    assert field("columns", str(values)) == values
    assert field("columns", json.dumps(values)) == values


@given(st.dictionaries(st.text(), st.text()))
def test_any_object_arrives_as_python_and_as_json(values: dict[str, str]) -> None:
    """T-15."""
    assert field("names", str(values)) == values
    assert field("names", json.dumps(values)) == values


@given(st.text())
def test_any_text_that_is_not_a_json_string_arrives_as_it_was(value: str) -> None:
    if not value.strip().startswith('"'):
        assert field("target", value) == value


@given(st.sampled_from([*Declared.model_fields]), st.text(alphabet="[({'\"1,a:\\ \0"))
def test_any_text_is_a_value_or_a_sentence(name: str, text: str) -> None:
    try:
        parse({name: text}, Declared)
    except ClientError as exc:
        assert str(exc).startswith(f"hyperparameter {name}=")  # noqa: PT017


def test_values_that_are_no_strings_are_taken_as_they_are() -> None:
    """A file written by hand for a local run."""
    raw = {"trees": 7, "rate": 0.5, "depth": None, "layers": [1], "columns": ["a"]}
    parsed = parse(raw, Declared)
    assert {name: getattr(parsed, name) for name in raw} == raw


@pytest.mark.parametrize(
    "name",
    [
        "_tuning_objective_metric",
        "sagemaker_program",
        "sagemaker_submit_directory",
        "sagemaker_container_log_level",
        "sagemaker_region",
        "sagemaker_job_name",
        "sagemaker_mpi_enabled",
        "default_user_module_name",
    ],
)
def test_keys_of_the_sdk_and_of_the_tuner_are_left_out(name: str) -> None:
    """T-15."""
    assert parse({name: '"x"'}, Declared) == parse({}, Declared)


def test_a_key_of_the_tuner_that_the_owner_declares_is_the_owners() -> None:
    """T-15: it can be used as a label of the metric."""

    class Scored(BaseModel):
        scoring: str = Field("", alias="_tuning_objective_metric")

    raw = {"_tuning_objective_metric": "validation:auc"}
    assert parse(raw, Scored).scoring == "validation:auc"


@pytest.mark.parametrize(
    ("name", "near"), [("tres", "trees"), ("Trees", "trees"), ("colums", "columns")]
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(
    name: str, near: str
) -> None:
    lines = refused({name: "1"})
    assert lines == [f"unknown hyperparameter {name!r}: did you mean {near!r}?"]


def test_a_name_like_no_other_is_refused_with_those_that_there_are() -> None:
    (line,) = refused({"xyz": "1"})
    assert line.startswith("unknown hyperparameter 'xyz': known: trees, rate, ")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("trees", "ten", "integer"),
        ("trees", "10.5", "integer"),
        ("trees", "0", "greater than or equal to 1"),
        ("trees", "", "integer"),
        ("rate", "fast", "number"),
        ("bootstrap", "perhaps", "should be true or false"),
        ("enum", "giny", "should be 'gini' or '2007'"),
        ("level", "3", "should be 1 or 2"),
        ("power", "3", "should be 1, 2 or 'auto'"),
        ("leaves", "1", "greater than 1"),
        ("criterion", "giny", "'gini' or 'entropy'"),
        ("class_weight", "equal", "'balanced'"),
        ("depth", "0", "greater than or equal to 1"),
        ("layers", "3", "should be a JSON list, such as [1, 2]"),
        ("layers", '[1, "x", 2]', "[1] should be an integer"),
        ("columns", "a,b", "should be a JSON list, such as [1, 2]"),
        ("columns", "['a'", "should be a JSON list, such as [1, 2]"),
        ("names", "a", 'should be a JSON object, such as {"name": 1}'),
        ("names", '{"a": 1}', "['a'] should be a valid string"),
    ],
)
def test_a_wrong_value_is_reported_with_its_name_and_what_was_expected(
    name: str, text: str, expected: str
) -> None:
    (line,) = refused({name: text})
    assert line.startswith(f"hyperparameter {name}={text!r}: ")
    assert expected in line


@pytest.mark.parametrize("name", ["trees", "rate", "depth"])
@pytest.mark.parametrize("text", ["true", "False"])
def test_a_boolean_is_not_a_number(name: str, text: str) -> None:
    """A forest of True trees has one."""
    assert refused({name: text})[0].startswith(f"hyperparameter {name}={text!r}: ")


def test_a_value_that_fits_no_member_of_a_union_is_reported_once() -> None:
    (line,) = refused({"features": "all"})
    says = "should be a number, or should be 'sqrt' or 'log2'"
    assert line == f"hyperparameter features='all': {says}"


def test_all_wrong_values_are_reported_together() -> None:
    raw = {"trees": "0", "rate": "fast", "criterion": "x", "target": "ok"}
    lines = refused({**raw, "tres": "1", "Rate": "1"})
    assert [line.split("=")[0] for line in lines] == [
        "unknown hyperparameter 'tres': did you mean 'trees'?",
        "unknown hyperparameter 'Rate': did you mean 'rate'?",
        "hyperparameter trees",
        "hyperparameter rate",
        "hyperparameter criterion",
    ]


def test_a_required_value_that_is_absent_is_named() -> None:
    class Strict(BaseModel):
        target: str

    assert refused({}, Strict) == ["hyperparameter target is required"]


class Ruled(BaseModel):
    """Fields with rules of the owner's own."""

    low: int = 0
    high: int = 10

    @field_validator("low")
    @classmethod
    def _even(cls, low: int) -> int:
        if low % 2:
            raise AssertionError
        return low

    @field_validator("high")
    @classmethod
    def _round(cls, high: int) -> int:
        if high % 10:
            message = "should end in 0"
            raise AssertionError(message)
        return high

    @model_validator(mode="after")
    def _ordered(self) -> "Ruled":
        if self.low >= self.high:
            message = "low should be below high"
            raise ValueError(message)
        return self


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ({"low": "12"}, "hyperparameters: low should be below high"),
        ({"low": "1"}, "hyperparameter low='1': Assertion failed"),
        ({"high": "11"}, "hyperparameter high='11': should end in 0"),
    ],
    ids=["of the model", "without words", "of a field"],
)
def test_a_rule_of_the_owner_is_reported_in_its_own_words(
    raw: dict[str, str], line: str
) -> None:
    assert refused(raw, Ruled) == [line]


def test_a_wrong_value_that_is_long_leaves_room_for_what_is_wrong() -> None:
    """T-14, T-40: a value has up to 2500 characters, a reason is cut after 1024."""
    (line,) = refused({"trees": "9" * 1000 + "x"})
    assert line.startswith("hyperparameter trees='999")
    assert line.endswith("9: should be an integer")
    assert len(line) < 200


class Renamed(BaseModel):
    """Fields whose names in a job are not those in Python."""

    trees: int = Field(1, alias="n-trees", ge=1)
    depth: int = Field(1, validation_alias=AliasChoices("max-depth", "deep"))


@pytest.mark.parametrize("name", ["max-depth", "deep"])
def test_a_field_is_written_under_any_of_its_aliases(name: str) -> None:
    assert parse({"n-trees": "7", name: '"8"'}, Renamed) == Renamed.model_construct(
        trees=7, depth=8
    )


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ({"trees": "1"}, "unknown hyperparameter 'trees': did you mean 'n-trees'?"),
        ({"x": "1"}, "unknown hyperparameter 'x': known: n-trees, max-depth, deep"),
        (
            {"n-trees": "0"},
            "hyperparameter n-trees='0': should be greater than or equal to 1",
        ),
        ({"deep": "x"}, "hyperparameter deep='x': should be an integer"),
    ],
)
def test_messages_use_the_name_that_a_job_writes(
    raw: dict[str, str], line: str
) -> None:
    assert refused(raw, Renamed) == [line]


@pytest.mark.parametrize(
    "config",
    [ConfigDict(populate_by_name=True), ConfigDict(validate_by_name=True)],
    ids=lambda config: next(iter(config)),
)
def test_a_field_with_an_alias_keeps_its_name_where_the_model_says_so(
    config: ConfigDict,
) -> None:
    class Both(Renamed):
        model_config = config

    assert parse({"trees": "7"}, Both).trees == parse({"n-trees": "7"}, Both).trees == 7
    assert refused({"trees": "x"}, Both)[0].startswith("hyperparameter trees='x': ")


class Open(BaseModel):
    """Script mode: what is declared, and any name beside it."""

    model_config = ConfigDict(extra="allow")
    trees: int = 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("true", True),
        ("False", False),
        ("None", None),
        ("gini", "gini"),
        ('"gini"', "gini"),
        ('"7"', "7"),
        ("[1, 2]", [1, 2]),
        ("['a']", ["a"]),
        ("a b", "a b"),
        ("", ""),
        ("007", "007"),
    ],
)
def test_a_model_that_allows_more_takes_any_name(text: str, value: Any) -> None:
    got = parse({"lr": text, "trees": "2", "sagemaker_program": '"x.py"'}, Open)
    assert got.model_dump() == {"trees": 2, "lr": value}
    assert type(got.model_dump()["lr"]) is type(value)


def test_a_model_that_ignores_more_takes_any_name_and_drops_it() -> None:
    class Deaf(BaseModel):
        model_config = ConfigDict(extra="ignore")
        trees: int = 1

    assert parse({"lr": "7", "trees": "2"}, Deaf).model_dump() == {"trees": 2}


class Window:
    """A type that neither JSON nor pydantic has."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows


class Own(BaseModel):
    """Fields that the owner's code reads."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    window: Annotated[Window, BeforeValidator(Window)] = Window([])
    words: Annotated[list[str], BeforeValidator(lambda text: text.split(","))] = []


@pytest.mark.parametrize(
    ("text", "rows"), [("[1, 2]", [1, 2]), ("all", "all"), ('"7"', "7"), ("7", 7)]
)
def test_a_type_of_the_owners_own_is_given_json_or_text(text: str, rows: Any) -> None:
    assert parse({"window": text}, Own).window.rows == rows


def test_a_reader_of_the_owners_own_is_given_the_text_of_what_it_reads() -> None:
    assert parse({"words": "7"}, Own).words == ["7"]
    assert parse({"words": "a,b"}, Own).words == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "raw"),
    [
        (b"{}", {}),
        (b'{"trees": "10"}', {"trees": "10"}),
        (b'\xef\xbb\xbf{"trees": "10"}', {"trees": "10"}),
    ],
    ids=["none", "one", "byte order mark"],
)
def test_the_file_is_one_object(
    tmp_path: Path, content: bytes, raw: dict[str, Any]
) -> None:
    """T-13."""
    file = tmp_path / "hyperparameters.json"
    file.write_bytes(content)
    assert read_json(file) == raw


def test_no_file_means_no_hyperparameters(tmp_path: Path) -> None:
    """T-13."""
    assert read_json(tmp_path / "hyperparameters.json") == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"{'trees': 1}", b"[]", b'"trees"', b"null"],
    ids=["empty", "cut off", "binary", "Python", "a list", "text", "null"],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "hyperparameters.json"
    file.write_bytes(content)
    with pytest.raises(ClientError, match=f'{file} should be .*, such as {{"name": '):
        read_json(file)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=str(tmp_path)):
        read_json(tmp_path)
