from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, model_validator

from runtime.errors import ClientError
from runtime.hyperparameters import parse, read


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


@given(st.text())
def test_any_text_that_is_not_a_json_string_arrives_as_it_was(value: str) -> None:
    if not value.strip().startswith('"'):
        assert field("target", value) == value


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
        ("bootstrap", "perhaps", "boolean"),
        ("criterion", "giny", "'gini' or 'entropy'"),
        ("class_weight", "equal", "'balanced'"),
        ("depth", "0", "greater than or equal to 1"),
        ("layers", "3", "list"),
        ("columns", "a,b", "list"),
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


def test_a_value_that_fits_no_member_of_a_union_is_reported() -> None:
    lines = refused({"features": "all"})
    assert all("features" in line and "'all'" in line for line in lines)
    assert any("'sqrt' or 'log2'" in line for line in lines)


def test_all_wrong_values_are_reported_together() -> None:
    lines = refused({"trees": "0", "rate": "fast", "criterion": "x", "target": "ok"})
    assert [line.split("=")[0] for line in lines] == [
        "hyperparameter trees",
        "hyperparameter rate",
        "hyperparameter criterion",
    ]


def test_a_required_value_that_is_absent_is_named() -> None:
    class Strict(BaseModel):
        target: str

    (line,) = refused({}, Strict)
    assert "target" in line
    assert "required" in line


def test_a_rule_across_fields_is_reported_in_its_own_words() -> None:
    class Ranged(BaseModel):
        low: int = 0
        high: int = 1

        @model_validator(mode="after")
        def ordered(self) -> "Ranged":
            if self.low >= self.high:
                msg = "low is to be below high"
                raise ValueError(msg)
            return self

    (line,) = refused({"low": "2"}, Ranged)
    assert "low is to be below high" in line


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
    assert read(file) == raw


def test_no_file_means_no_hyperparameters(tmp_path: Path) -> None:
    """T-13."""
    assert read(tmp_path / "hyperparameters.json") == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"{'trees': 1}", b"[]", b'"trees"', b"null"],
    ids=["empty", "cut off", "binary", "Python", "a list", "text", "null"],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "hyperparameters.json"
    file.write_bytes(content)
    with pytest.raises(ClientError, match=str(file)):
        read(file)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=str(tmp_path)):
        read(tmp_path)
