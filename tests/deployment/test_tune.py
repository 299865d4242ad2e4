"""deploy/tune.py: a search, in the ranges that `train --describe` prints."""

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from deployment.aws import Owner
from runtime.training import tuning

METRIC = "validation:accuracy"
BEST = {
    "BestTrainingJob": {
        "TrainingJobName": "penguins-1-001",
        "TunedHyperParameters": {"trees": "7"},
        "FinalHyperParameterTuningJobObjectiveMetric": {
            "MetricName": METRIC,
            "Value": 0.98765,
        },
    }
}


class Small(BaseModel):
    """The hyperparameters of a small train."""

    target: str = ""
    trees: int = Field(100, ge=1, le=1000)
    rate: float = Field(0.1, ge=0.001, le=1, json_schema_extra={"scaling": "Linear"})
    criterion: Literal["gini", "entropy"] = "gini"


DESCRIBED: dict[str, Any] = tuning.describe(Small, [METRIC])


@pytest.fixture
def describing(owner: Owner) -> Owner:
    """Give an owner who has run `train --describe`, and has two hyperparameters."""
    (owner.home / "tuning.json").write_text(json.dumps(DESCRIBED))
    values = {"target": "species", "trees": "100"}
    file = owner.home / "local-test/test-dir/input/config/hyperparameters.json"
    file.write_text(json.dumps(values))
    return owner


def test_a_search_has_the_ranges_and_metrics_of_the_description(
    describing: Owner,
) -> None:
    ran = describing.deploy(
        "tune.py", "--spot", DescribeHyperParameterTuningJob=[{}, BEST]
    )
    assert ran.status == 0, ran.log
    assert ran.hosts == []
    assert {call.seen for call in ran.calls} == {"moto"}
    (search,) = ran.parameters("CreateHyperParameterTuningJob")
    config = search["HyperParameterTuningJobConfig"]
    assert config["ParameterRanges"] == DESCRIBED["ParameterRanges"]
    objective = {"Type": "Maximize", "MetricName": METRIC}
    assert config["HyperParameterTuningJobObjective"] == objective
    job = search["TrainingJobDefinition"]
    algorithm = job["AlgorithmSpecification"]
    assert algorithm["MetricDefinitions"] == DESCRIBED["MetricDefinitions"]
    assert "@sha256:" in algorithm["TrainingImage"]
    assert job["StaticHyperParameters"] == {"target": "species"}
    assert job["EnableManagedSpotTraining"]
    assert "CheckpointConfig" not in job
    assert "Its validation:accuracy is 0.9877.\n" in ran.log
    assert ran.log.endswith("endpoint.py --job penguins-1-001\n")


def test_what_is_given_is_fixed_and_a_search_is_made_once(describing: Owner) -> None:
    arguments = ("tune.py", "trees=50", "criterion=gini")
    first, same = (describing.deploy(*arguments) for _ in range(2))
    (search,) = first.parameters("CreateHyperParameterTuningJob")
    ranges = search["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert [r["Name"] for of_kind in ranges.values() for r in of_kind] == ["rate"]
    fixed = {"target": "species", "trees": "50", "criterion": "gini"}
    assert search["TrainingJobDefinition"]["StaticHyperParameters"] == fixed
    assert same.status == 0, same.log
    assert same.parameters("CreateHyperParameterTuningJob") == []
    assert search["HyperParameterTuningJobName"] in same.log


def test_progress_and_the_reason_of_a_failure_are_printed(describing: Owner) -> None:
    running = {"HyperParameterTuningJobStatus": "InProgress"}
    steps = [{**running, "TrainingJobStatusCounters": {"Completed": n}} for n in (0, 4)]
    reason = "All training jobs failed."
    failed = {"HyperParameterTuningJobStatus": "Failed", "FailureReason": reason}
    ran = describing.deploy(
        "tune.py", DescribeHyperParameterTuningJob=[running, *steps, failed]
    )
    assert ran.status == 1
    assert "InProgress, 4 training jobs are completed\n" in ran.log
    assert f"is not completed: {reason}\nNext: python deploy/logs.py" in ran.log


def test_without_a_description_the_command_is_named(owner: Owner) -> None:
    ran = owner.deploy("tune.py")
    assert ran.status == 1
    assert "docker run --rm sagemaker-model:local train --describe" in ran.log
    assert ran.calls == []


def test_an_objective_that_is_not_printed_is_refused(describing: Owner) -> None:
    describing.set("OBJECTIVE", ("Minimize", "validation:rmse"))
    ran = describing.deploy("tune.py")
    assert ran.status == 1
    assert f"OBJECTIVE in settings.py can be one of {METRIC}." in ran.log
    assert ran.calls == []
