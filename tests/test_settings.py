import math
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, ValidationError

from runtime.errors import SettingsError
from runtime.settings import Settings

# variable, a value, the field that it sets, what the field then holds
VARIABLES = [
    ("SAGEMAKER_BASE_DIR", "/srv/ml", "base_dir", Path("/srv/ml")),
    ("SAGEMAKER_BIND_TO_PORT", "9000", "port", 9000),
    ("SAGEMAKER_MODEL_SERVER_WORKERS", "3", "workers", 3),
    ("MODEL_SERVER_WORKERS", "4", "workers", 4),
    ("MODEL_SERVER_THREADS", "5", "threads", 5),
    ("OMP_NUM_THREADS", "6", "threads", 6),
    ("SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS", "7.5", "timeout", 7.5),
    ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "8", "timeout", 8),
    ("MODEL_SERVER_TIMEOUT", "9", "timeout", 9),
    ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "0.5", "max_payload_mb", 0.5),
    ("MODEL_SERVER_QUEUE", "10", "queue", 10),
    ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv", "default_accept", "text/csv"),
    ("SAGEMAKER_INFERENCE_OUTPUT", " score ,label,", "outputs", ("score", "label")),
    ("MODEL_UNSEEN_CATEGORIES", "refuse", "unseen", "refuse"),
    ("SAGEMAKER_BATCH", "True", "batch", True),
    ("SAGEMAKER_MULTI_MODEL", "true", "multi_model", True),
    ("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", "4", "transforms", 4),
    ("MODEL_BATCH_BAD_RECORDS", "mark", "bad_records", "mark"),
    ("MODEL_PRELOAD", "false", "preload", False),
    ("MODEL_ALLOW_PICKLE", "false", "allow_pickle", False),
    ("MODEL_ENGINE", "scikit-learn", "engine", "scikit-learn"),
    ("MODEL_VERSION_CHECK", "warn", "version_check", "warn"),
    ("LOG_REQUESTS", "all", "log_requests", "all"),
    ("SAGEMAKER_CONTAINER_LOG_LEVEL", "10", "log_level", 10),
]
WRONG = [
    ("MODEL_ENGINE", "fastest", "'onnx' or 'scikit-learn'"),
    ("SAGEMAKER_BASE_DIR", "test-dir", "absolute"),
    ("SAGEMAKER_BIND_TO_PORT", "65536", "less than or equal to 65535"),
    ("SAGEMAKER_MODEL_SERVER_WORKERS", "0", "greater than or equal to 1"),
    ("MODEL_SERVER_THREADS", "1.5", "integer"),
    ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "0", "greater than 0"),
    ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "-1", "greater than or equal to 0"),
    ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "image/png", "application/json, text/csv"),
    ("MODEL_SERVER_QUEUE", "0", "greater than or equal to 1"),
    ("MODEL_UNSEEN_CATEGORIES", "rewrite", "'pass' or 'refuse'"),
    ("SAGEMAKER_BATCH", "perhaps", "boolean"),
    ("SAGEMAKER_MULTI_MODEL", "perhaps", "boolean"),
    ("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", "0", "greater than or equal to 1"),
    ("MODEL_BATCH_BAD_RECORDS", "skip", "'fail' or 'mark'"),
    ("LOG_REQUESTS", "some", "'errors', 'all' or 'off'"),
    ("MODEL_PRELOAD", "perhaps", "boolean"),
    ("MODEL_VERSION_CHECK", "never", "'fail', 'warn' or 'off'"),
    ("SAGEMAKER_CONTAINER_LOG_LEVEL", "info", "integer"),
]


def names_of(field: str) -> list[str]:
    alias = Settings.model_fields[field].validation_alias
    assert isinstance(alias, AliasChoices)
    return [str(name) for name in alias.choices]


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    assert Settings.read({}).model_dump() == {
        "base_dir": Path("/opt/ml"),
        "port": 8080,
        "workers": None,
        "threads": None,
        "timeout": None,
        "max_payload_mb": 25,
        "queue": 1000,
        "default_accept": "application/json",
        "multi_model": False,
        "allow_pickle": True,
        "outputs": (),
        "unseen": "pass",
        "batch": False,
        "transforms": None,
        "bad_records": "fail",
        "preload": sys.platform == "linux",
        "engine": "onnx",
        "version_check": "fail",
        "log_requests": "errors",
        "log_level": 20,
    }


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"), VARIABLES, ids=[v[0] for v in VARIABLES]
)
def test_a_variable_sets_its_field_and_no_other(
    variable: str, text: str, field: str, value: Any
) -> None:
    """H-74."""
    given = Settings.read({variable: text}).model_dump()
    assert given == {**Settings.read({}).model_dump(), field: value}


def test_every_variable_is_tried_above() -> None:
    known = {name for field in Settings.model_fields for name in names_of(field)}
    assert {variable for variable, *_ in VARIABLES} == known


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("workers", ("3", "4")),
        ("threads", ("3", "4")),
        ("timeout", ("3", "4", "5")),
    ],
    ids=["workers", "threads", "timeout"],
)
def test_the_first_name_of_a_field_wins(field: str, values: tuple[str, ...]) -> None:
    """H-74: the names of the toolkits before those of the classic container."""
    environ = dict(zip(names_of(field), values, strict=True))
    while environ:
        assert getattr(Settings.read(environ), field) == int(
            next(iter(environ.values()))
        )
        environ.pop(next(iter(environ)))


def test_of_the_timeouts_the_one_in_seconds_wins() -> None:
    """H-74."""
    environ = {
        "MODEL_SERVER_TIMEOUT": "1",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": "2",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "3",
    }
    assert Settings.read(environ).timeout == 3


@pytest.mark.parametrize("text", ["", "  ", "\t"], ids=["nothing", "spaces", "a tab"])
@pytest.mark.parametrize("variable", [variable for variable, *_ in VARIABLES])
def test_a_variable_set_to_nothing_is_not_set(variable: str, text: str) -> None:
    assert Settings.read({variable: text}) == Settings.read({})


def test_a_name_set_to_nothing_leaves_the_next_name_its_turn() -> None:
    environ = {"SAGEMAKER_MODEL_SERVER_WORKERS": "", "MODEL_SERVER_WORKERS": "3"}
    assert Settings.read(environ).workers == 3


def test_other_variables_are_nobodys_business() -> None:
    environ = {"PATH": "/bin", "port": "1", "workers": "x", "SAGEMAKER_REGION": "eu"}
    assert Settings.read(environ) == Settings.read({})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("1", True),
        ("false", False),
        ("False", False),
        ("FALSE", False),
        ("0", False),
    ],
)
def test_a_switch_is_true_or_1_or_false_or_0(text: str, value: object) -> None:
    assert Settings.read({"MODEL_PRELOAD": text}).preload is value


@pytest.mark.parametrize("text", ["yes", "on", "t", "n", "2", "maybe", "None"])
def test_a_switch_is_nothing_else(text: str) -> None:
    with pytest.raises(SettingsError, match=f"MODEL_PRELOAD='{text}'"):
        Settings.read({"MODEL_PRELOAD": text})


@pytest.mark.parametrize(
    ("variable", "text", "expected"), WRONG, ids=[w[0] for w in WRONG]
)
def test_a_wrong_value_is_reported_with_its_name_and_what_was_expected(
    variable: str, text: str, expected: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.read({variable: text})
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{variable}={text!r}: ")
    assert expected in line


def test_all_wrong_values_are_reported_together() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.read({variable: text for variable, text, _ in WRONG})
    lines = str(refused.value).splitlines()
    assert len(lines) == len(WRONG)
    for variable, text, _ in WRONG:
        assert any(line.startswith(f"{variable}={text!r}: ") for line in lines)


@pytest.mark.parametrize(
    "variable", [name for name, _, field, _ in VARIABLES if len(names_of(field)) > 1]
)
def test_a_wrong_value_is_reported_under_the_name_that_was_set(variable: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}='many': "):
        Settings.read({variable: "many"})


@pytest.mark.parametrize(
    "text", ["test-dir", "./ml", "~/ml"], ids=["a name", "a dot", "a tilde"]
)
def test_a_base_folder_that_depends_on_where_one_stands_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="absolute"):
        Settings.read({"SAGEMAKER_BASE_DIR": text})


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 60),
        ({"SAGEMAKER_BATCH": "true"}, 3600),
        ({"SAGEMAKER_BATCH": "true", "MODEL_SERVER_TIMEOUT": "9"}, 9),
        ({"SAGEMAKER_BATCH": "false"}, 60),
    ],
)
def test_a_request_may_take_a_minute_and_in_batch_an_hour(
    environ: dict[str, str], seconds: float
) -> None:
    """H-11, H-52."""
    assert Settings.read(environ).deadline == seconds


def test_a_limit_of_zero_is_no_limit() -> None:
    """H-23, H-52: SageMaker then streams a file of any size."""
    assert Settings.read({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "6"}).max_payload == 6 * 2**20
    assert Settings.read({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "0"}).max_payload == math.inf


def test_the_model_lies_below_the_base_folder() -> None:
    """H-27."""
    assert Settings.read({}).model_dir == Path("/opt/ml/model")
    environ = {"SAGEMAKER_BASE_DIR": "/srv/ml"}
    assert Settings.read(environ).model_dir == Path("/srv/ml/model")


def test_many_models_lie_below_the_base_folder_too() -> None:
    """H-60: and R-09, where they lie below the folder of the one model."""
    found = Settings.read({"SAGEMAKER_BASE_DIR": "/srv/ml"}).models_dirs
    assert found == (Path("/srv/ml/models"), Path("/srv/ml/model"))


def test_a_default_media_type_is_known_by_its_name_alone() -> None:
    """H-22: letter case and parameters say nothing."""
    environ = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "Text/CSV; header=absent"}
    assert Settings.read(environ).default_accept == "text/csv"


def test_settings_never_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.read({}).port = 1
