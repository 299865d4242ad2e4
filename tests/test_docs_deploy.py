"""The pages in docs: their Python runs, and each call in it is one that AWS knows.

While a page runs, boto3 is a stand-in that sends nothing. It checks every call with
botocore's validator, then for what that leaves out (enums, patterns, maxima), and
answers in the shape of the service. Blocks that open with ```python are run.
"""

import io
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

import botocore.session
import pytest
from botocore import xform_name
from botocore.response import StreamingBody
from pydantic import AliasChoices, BaseModel, Field

from harness import table_of
from runtime import Job, evaluation, formats
from runtime.errors import UnsupportedType
from runtime.formats.media_types import choose
from runtime.settings import Settings
from runtime.training import hyperparameters, tuning
from service_model import WrongCallError, check, example, model_of

pytestmark = pytest.mark.penguins
ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
DEPLOY = ROOT / "docs/deploy.md"
SERVICES = (
    *("application-autoscaling", "cloudwatch", "codeartifact", "ecr", "s3"),
    *("sagemaker", "sagemaker-runtime"),
)
METRIC = "validation:accuracy"
COMMAND = re.compile(r"^docker run --rm IMAGE train (.+) > (.+)$", re.MULTILINE)
FENCE = re.compile(r"^## ([^\n]+)$|^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


# The pages


@dataclass(frozen=True, slots=True)
class Block:
    """Python from a page, with its heading and the line of its fence."""

    page: Path
    heading: str
    line: int
    code: str

    def run(self, namespace: dict[str, Any]) -> None:
        """Run it; a traceback shows the page's own line numbers."""
        padded = "\n" * self.line + self.code
        exec(compile(padded, str(self.page), "exec"), namespace)


def blocks_of(page: Path) -> list[Block]:
    blocks, heading, text = [], "", page.read_text()
    for match in FENCE.finditer(text):
        if match[1]:
            heading = match[1]
        else:
            line = text.count("\n", 0, match.start()) + 1
            blocks.append(Block(page, heading, line, match[2]))
    return blocks


NAMES, *STEPS = blocks_of(DEPLOY)


# What stands in for boto3


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that a page has called, and with what."""

    operation: str
    parameters: dict[str, Any]


class Boto3:
    """In the place of the module boto3: clients that check, and remember."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def client(self, service: str) -> "Client":
        """Make a client, as `boto3.client` does."""
        return Client(service, self)

    def parameters(self, operation: str) -> list[dict[str, Any]]:
        """Give the parameters of each call of an operation."""
        return [c.parameters for c in self.calls if c.operation == operation]


class Client:
    """One service: its operations are found by name, as in boto3."""

    def __init__(self, service: str, boto3: Boto3) -> None:
        self._service, self._boto3 = service, boto3
        self._model = model_of(service)

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        """Find an operation by the name that boto3 gives it."""
        for operation in self._model.operation_names:
            if xform_name(operation) == method:
                return lambda **parameters: self._call(operation, parameters)
        message = f"{self._service} has no operation {method!r}"
        raise WrongCallError(message)

    def get_waiter(self, name: str) -> SimpleNamespace:
        """Make a waiter which has nothing to wait for."""
        waiters = waiters_of(self._service)
        if name not in waiters:
            message = f"{self._service} has no waiter {name!r}"
            raise WrongCallError(message)

        def wait(*, WaiterConfig: Any = None, **parameters: Any) -> None:
            assert set(WaiterConfig or {}) <= {"Delay", "MaxAttempts"}
            self._check(waiters[name], parameters)

        return SimpleNamespace(wait=wait)

    def _check(self, operation: str, parameters: dict[str, Any]) -> None:
        shape = self._model.operation_model(operation).input_shape
        check(parameters, shape, operation)

    def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._check(operation, parameters)
        self._boto3.calls.append(Call(operation, parameters))
        shape = self._model.operation_model(operation).output_shape
        given: dict[str, Any] = {}
        for call in self._boto3.calls:  # what was set last is what is described
            given |= call.parameters
        answer = example(shape, given) if shape else {}
        if shape and shape.serialization.get("payload") == "Body":
            body = predictions(parameters) if operation == "InvokeEndpoint" else b"1\n"
            answer["Body"] = StreamingBody(io.BytesIO(body), len(body))
        return cast("dict[str, Any]", answer)


@cache
def waiters_of(service: str) -> dict[str, str]:
    """Give the operation that each waiter of a service repeats."""
    model = botocore.session.get_session().get_waiter_model(service)
    return {xform_name(n): model.get_waiter(n).operation for n in model.waiter_names}


def predictions(call: dict[str, Any]) -> bytes:
    """Answer as the container does, which must be able to read the rows."""
    body = call["Body"].encode() if isinstance(call["Body"], str) else call["Body"]
    table = table_of(body, call["ContentType"])
    outputs = formats.Outputs({"prediction": ["Adelie"] * len(table.rows)}, named=False)
    media_type = choose(call["Accept"], formats.JSON, formats.WRITTEN)
    return b"".join(formats.encode([outputs], media_type))


class Small(BaseModel):
    """The hyperparameters of a small train."""

    target: str = ""
    trees: int = Field(100, ge=1, le=1000)
    rate: float = Field(0.1, ge=0.001, le=1, json_schema_extra={"scaling": "Linear"})
    criterion: Literal["gini", "entropy"] = "gini"


@pytest.fixture
def boto3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Boto3:
    def sleep(seconds: float) -> None:
        pytest.fail(f"a page waits for {seconds} s, though the job is done")

    stand_in = Boto3()
    monkeypatch.setitem(cast("dict[str, Any]", sys.modules), "boto3", stand_in)
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.chdir(tmp_path)  # as if it were the checkout, where the reader is
    Path("local-test").symlink_to(ROOT / "local-test")
    ((arguments, file),) = COMMAND.findall(DEPLOY.read_text())
    Path(file).write_text(tuning.main(Small, [METRIC], arguments.split()))
    return stand_in


@pytest.fixture
def deployed(boto3: Boto3) -> Boto3:
    """Run deploy.md to its end; give what has been called."""
    namespace: dict[str, Any] = {}
    for block in (NAMES, *STEPS):
        block.run(namespace)
    return boto3


# Laws of every page


@pytest.mark.usefixtures("boto3")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: Path) -> None:
    namespace: dict[str, Any] = {}
    for block in blocks_of(page):
        block.run(namespace)


# Laws of deploy.md


@pytest.mark.usefixtures("boto3")
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.heading)
def test_each_block_runs_alone_after_the_block_of_names(step: Block) -> None:
    namespace: dict[str, Any] = {}
    NAMES.run(namespace)
    step.run(namespace)


def test_the_page_shows_every_way_from_training_to_deletion(deployed: Boto3) -> None:
    called = {call.operation for call in deployed.calls}
    assert called >= {
        *("CreateTrainingJob", "CreateHyperParameterTuningJob", "CreateTransformJob"),
        *("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint"),
        *("InvokeEndpoint", "InvokeEndpointAsync", "PutMetricAlarm"),
        *("DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel", "DeleteAlarms"),
    }


def test_models_are_made_from_an_image_with_a_digest(deployed: Boto3) -> None:
    for call in deployed.parameters("CreateModel"):
        assert "@" in call["PrimaryContainer"]["Image"]


def test_what_is_made_is_what_is_deleted(deployed: Boto3) -> None:
    for kind in ("Endpoint", "EndpointConfig", "Model"):
        made = {c[f"{kind}Name"] for c in deployed.parameters(f"Create{kind}")}
        deleted = {c[f"{kind}Name"] for c in deployed.parameters(f"Delete{kind}")}
        assert made == deleted


def test_every_waiter_that_the_page_names_is_one_of_boto3() -> None:
    named = set(re.findall(r'get_waiter\("(\w+)"\)', DEPLOY.read_text()))
    assert named
    assert named <= {*waiters_of("sagemaker"), *waiters_of("s3")}


class NoHyperparameters(BaseModel):
    """Those of a job that takes none."""


@pytest.mark.parametrize("value", [0.982, 1, 0, -0.5, 1e-9, 123456789.0])
def test_the_metric_expressions_read_what_a_job_prints(
    value: float, deployed: Boto3, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    definitions = metric_definitions(deployed)
    job = Job(tmp_path, NoHyperparameters())
    for definition in definitions:
        job.metric(definition["Name"], value)
    log = capsys.readouterr().out
    for definition in definitions:
        (read,) = re.findall(definition["Regex"], log)
        assert float(read) == pytest.approx(value, rel=1e-5)


@pytest.mark.sample
def test_the_metrics_are_those_that_the_sample_prints(deployed: Boto3) -> None:
    printed = {f"validation:{name}" for name in evaluation.METRICS}
    assert "job.evaluate(" in (ROOT / "model/train").read_text()
    assert {d["Name"] for d in metric_definitions(deployed)} <= printed


def test_a_metric_has_one_expression_on_the_page_and_in_the_program(
    deployed: Boto3,
) -> None:
    definitions = metric_definitions(deployed)
    names = [definition["Name"] for definition in definitions]
    assert definitions == tuning.describe(Small, names)["MetricDefinitions"]


def test_the_tuner_is_given_what_the_program_describes(deployed: Boto3) -> None:
    (job,) = deployed.parameters("CreateHyperParameterTuningJob")
    described = tuning.describe(Small, [METRIC])
    config, job = (
        job["HyperParameterTuningJobConfig"],
        job["TrainingJobDefinition"],
    )
    assert config["ParameterRanges"] == described["ParameterRanges"]
    metrics = job["AlgorithmSpecification"]["MetricDefinitions"]
    assert metrics == described["MetricDefinitions"]


def test_the_tuner_looks_at_a_metric_that_is_defined(deployed: Boto3) -> None:
    (job,) = deployed.parameters("CreateHyperParameterTuningJob")
    objective = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    algorithm = job["TrainingJobDefinition"]["AlgorithmSpecification"]
    defined = [d["Name"] for d in algorithm["MetricDefinitions"]]
    assert objective["MetricName"] == METRIC
    assert METRIC in defined


def metric_definitions(deployed: Boto3) -> list[dict[str, str]]:
    (training,) = deployed.parameters("CreateTrainingJob")
    return cast(
        "list[dict[str, str]]",
        training["AlgorithmSpecification"]["MetricDefinitions"],
    )


@pytest.mark.sample
def test_the_sample_takes_the_hyperparameters_of_the_page(deployed: Boto3) -> None:
    declared = load_program("train").Hyperparameters
    (training,) = deployed.parameters("CreateTrainingJob")
    (job,) = deployed.parameters("CreateHyperParameterTuningJob")
    hyperparameters.parse(training["HyperParameters"], declared)
    fixed = job["TrainingJobDefinition"]["StaticHyperParameters"]
    for choose_end in (min, max):
        tuned = ends(tuning.describe(declared, [])["ParameterRanges"], choose_end)
        assert tuned.keys() >= {"n_estimators"}
        assert not tuned.keys() & fixed.keys()
        hyperparameters.parse(fixed | tuned, declared)


def ends(
    ranges: dict[str, list[Any]], choose_end: Callable[..., str]
) -> dict[str, str]:
    """Give each hyperparameter one end of its range, or one of its values."""
    numbers = ranges["IntegerParameterRanges"] + ranges["ContinuousParameterRanges"]
    choices = ranges["CategoricalParameterRanges"]
    return {
        r["Name"]: choose_end(r["MinValue"], r["MaxValue"], key=float) for r in numbers
    } | {r["Name"]: choose_end(r["Values"]) for r in choices}


def load_program(name: str) -> Any:
    loader = SourceFileLoader(f"sample_{name}", str(ROOT / "model" / name))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_environment_variable_that_there_is_not(page: Path) -> None:
    fields = Settings.model_fields.values()
    choices = [cast("AliasChoices", field.validation_alias) for field in fields]
    names = {str(name) for choice in choices for name in choice.choices}
    text = page.read_text()
    assert set(re.findall(r"\b(?:SAGEMAKER|MODEL)_[A-Z_]+\b", text)) <= names


def test_the_container_takes_the_variables_that_the_page_sets(deployed: Boto3) -> None:
    containers = [c["PrimaryContainer"] for c in deployed.parameters("CreateModel")]
    environments = [c["Environment"] for c in containers if "Environment" in c]
    assert environments
    for environment in environments:
        assert Settings.read(environment) != Settings.read({})


# Laws of the stand-in: what AWS would refuse fails here

VARIANT = '{"VariantName": "main", "ModelName": "m", %s}'
CONFIG = f"""
sagemaker.create_endpoint_config(
    EndpointConfigName="c", ProductionVariants=[{VARIANT}]
)
"""
WRONG = {
    "an unknown parameter": 'sagemaker.delete_endpoint(EndpointName="e", Force=True)',
    "a nested unknown one": CONFIG % '"InstanceCount": 1',
    "a missing parameter": 'sagemaker.create_endpoint(EndpointName="e")',
    "a wrong type": CONFIG % '"InitialInstanceCount": "1"',
    "a value not in the enum": CONFIG % '"InstanceType": "ml.m5.huge"',
    "a number over its maximum": CONFIG
    % '"ServerlessConfig": {"MemorySizeInMB": 8192, "MaxConcurrency": 1}',
    "a number under its minimum": CONFIG
    % '"ServerlessConfig": {"MemorySizeInMB": 512, "MaxConcurrency": 1}',
    "a text off the pattern": 'sagemaker.delete_endpoint(EndpointName="no_such")',
    "a text that is too long": f'sagemaker.delete_endpoint(EndpointName="{"e" * 64}")',
    "a list that is too long": "boto3.client('cloudwatch').put_metric_alarm("
    "AlarmName='a', AlarmActions=['x'] * 6)",
    "an unknown operation": 'sagemaker.remove_endpoint(EndpointName="e")',
    "an unknown waiter": 'sagemaker.get_waiter("endpoint_gone")',
    "a waiter's wrong parameter": 'sagemaker.get_waiter("endpoint_deleted").wait(E=1)',
}


@pytest.mark.usefixtures("boto3")
@pytest.mark.parametrize("code", WRONG.values(), ids=WRONG)
def test_a_wrong_call_fails(code: str) -> None:
    head = 'import boto3\nsagemaker = boto3.client("sagemaker")\n'
    with pytest.raises(WrongCallError):
        Block(DEPLOY, "wrong", 0, head + code).run({})


@pytest.mark.parametrize("service", SERVICES)
def test_every_answer_has_the_shape_that_the_service_declares(service: str) -> None:
    model = model_of(service)
    for name in model.operation_names:
        shape = model.operation_model(name).output_shape
        if shape is not None:
            assert example(shape, {}).keys() <= shape.members.keys()


def test_rows_that_the_container_cannot_read_fail(boto3: Boto3) -> None:
    with pytest.raises(UnsupportedType):
        boto3.client("sagemaker-runtime").invoke_endpoint(
            EndpointName="e",
            Body=b"<rows/>",
            ContentType="application/xml",
            Accept="text/csv",
        )
