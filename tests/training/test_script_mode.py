"""What a script of script mode expects to find."""

import json
from pathlib import Path
from typing import Any

import joblib
import pytest
from pydantic import BaseModel, Field

from harness import Training, copy_program
from runtime import Job
from runtime.resources import cpu_count
from runtime.training.environment import Environment, arguments

# A script as SageMaker's own containers run it. Nothing in it knows this project.
SCRIPT = """
import argparse, json, os, sys
import joblib
import pandas as pd
from sklearn.ensemble import RandomForestRegressor

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--n-estimators", type=int, default=10)
    parser.add_argument("--criterion", type=str)
    parser.add_argument("-d", type=int)
    parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAINING"])
    args, _ = parser.parse_known_args()
    assert json.loads(os.environ["SM_HPS"])["n-estimators"] == 7
    assert json.loads(os.environ["SM_USER_ARGS"]) == sys.argv[1:]
    assert os.environ["SM_HP_CRITERION"] == args.criterion
    rows = pd.read_csv(os.path.join(args.train, "rows.csv"))
    forest = RandomForestRegressor(args.n_estimators, max_depth=args.d)
    forest.fit(rows[["size"]], rows["price"])
    joblib.dump(forest, os.path.join(args.model_dir, "model.joblib"))
    {end}
"""
TRAIN = """
from pydantic import BaseModel
from runtime import run

class Hyperparameters(BaseModel, extra="allow"):
    pass

def train(job):
    job.script("train.py")

run(train, Hyperparameters)
"""
PREDICTOR = """
from runtime import load

class Predictor:
    def __init__(self, model_dir):
        self.model = load(model_dir)

    def predict(self, rows):
        return self.model.predict(rows)
"""


def variables(
    base_dir: Path, hyperparameters: dict[str, Any], **resources: object
) -> dict[str, str]:
    """Give the variables of a job of one host and two channels."""
    for name in ("training", "my-test.1"):
        (base_dir / "input/data" / name).mkdir()
    hosts = {"hosts": ["algo-1"], "current_host": "algo-1", **resources}
    (base_dir / "input/config/resourceconfig.json").write_text(json.dumps(hosts))
    found = Environment(base_dir).variables(hyperparameters)
    return {k: v.replace(str(base_dir), "/opt/ml") for k, v in found.items()}


def test_folders_channels_and_hosts_are_spelt_as_the_toolkit_spells_them(
    base_dir: Path,
) -> None:
    """T-25: text as it is, nothing as nothing, all else JSON, compact and sorted."""
    resources = {
        "current_group_name": "homogeneousCluster",
        "current_instance_type": "ml.m5.large",
        "network_interface_name": "eth0",
    }
    assert variables(base_dir, {}, **resources) == {
        "SM_MODEL_DIR": "/opt/ml/model",
        "SM_INPUT_DIR": "/opt/ml/input",
        "SM_INPUT_CONFIG_DIR": "/opt/ml/input/config",
        "SM_OUTPUT_DIR": "/opt/ml/output",
        "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
        "SM_OUTPUT_INTERMEDIATE_DIR": "/opt/ml/output/intermediate",
        "SM_CHANNELS": '["my-test.1","training"]',
        "SM_CHANNEL_TRAIN": "/opt/ml/input/data/training",
        "SM_CHANNEL_TRAINING": "/opt/ml/input/data/training",
        "SM_CHANNEL_MY-TEST.1": "/opt/ml/input/data/my-test.1",
        "SM_HPS": "{}",
        "SM_USER_ARGS": "[]",
        "SM_HOSTS": '["algo-1"]',
        "SM_CURRENT_HOST": "algo-1",
        "SM_RESOURCE_CONFIG": (
            '{"current_group_name":"homogeneousCluster","current_host":"algo-1",'
            '"current_instance_type":"ml.m5.large","hosts":["algo-1"],'
            '"network_interface_name":"eth0"}'
        ),
        "SM_NETWORK_INTERFACE_NAME": "eth0",
        "SM_CURRENT_INSTANCE_TYPE": "ml.m5.large",
        "SM_CURRENT_INSTANCE_GROUP": "homogeneousCluster",
        "SM_NUM_CPUS": str(cpu_count()),
        "SM_NUM_GPUS": "0",
        "SM_LOG_LEVEL": "20",
    }


@pytest.mark.parametrize("name", ["train", "training"])
def test_a_script_finds_its_rows_by_either_name_of_the_channel(
    base_dir: Path, name: str
) -> None:
    """D18, T-19, T-25."""
    folder = base_dir / "input/data" / name
    folder.mkdir()
    given = Environment(base_dir).variables({})
    assert given["SM_CHANNEL_TRAIN"] == given["SM_CHANNEL_TRAINING"] == str(folder)
    assert given["SM_CHANNELS"] == f'["{name}"]'


def test_two_channels_with_both_names_are_two(base_dir: Path) -> None:
    for name in ("train", "training"):
        (base_dir / "input/data" / name).mkdir()
    given = Environment(base_dir).variables({})
    assert given["SM_CHANNEL_TRAIN"].endswith("/train")
    assert given["SM_CHANNEL_TRAINING"].endswith("/training")


def test_what_local_mode_leaves_out_is_empty(base_dir: Path) -> None:
    """T-09, T-25."""
    assert variables(base_dir, {})["SM_CURRENT_INSTANCE_TYPE"] == ""


@pytest.mark.parametrize(
    ("value", "variable", "argument"),
    [
        ("gini", "gini", "gini"),
        ("", "", ""),
        (7, "7", "7"),
        (0.5, "0.5", "0.5"),
        (1e-05, "1e-05", "1e-05"),
        (True, "true", "True"),
        (None, "", ""),
        ([1, "a b"], '[1,"a b"]', "[1, 'a b']"),
        ({"b": 1, "a": None}, '{"a":null,"b":1}', "a=None,b=1"),
        ("Größe", "Größe", "Größe"),
    ],
)
def test_a_hyperparameter_is_a_variable_and_an_argument(
    base_dir: Path, value: object, variable: str, argument: str
) -> None:
    """T-25: the toolkit decodes JSON, then spells each in its own way."""
    spelt = variables(base_dir, {"my-Param": value})
    assert spelt["SM_HP_MY-PARAM"] == variable
    assert json.loads(spelt["SM_HPS"]) == {"my-Param": value}
    assert json.loads(spelt["SM_USER_ARGS"]) == ["--my-Param", argument]


def test_arguments_are_sorted_and_one_letter_has_one_dash() -> None:
    """T-25."""
    words = arguments({"max_depth": 3, "C": 1.0, "alpha": "x"})
    assert words == ["-C", "1.0", "--alpha", "x", "--max_depth", "3"]


def test_a_job_gives_what_was_sent_by_its_name_and_no_default(base_dir: Path) -> None:
    """T-25."""

    class Declared(BaseModel):
        depth: int = 3
        rate: float = Field(0.1, alias="learning-rate")

    job = Job(base_dir, Declared.model_validate({"learning-rate": 0.5}))
    given = job.environment()
    assert given["SM_HPS"] == '{"learning-rate":0.5}'
    assert given["SM_USER_ARGS"] == '["--learning-rate","0.5"]'
    assert given["SM_MODEL_DIR"] == str(base_dir / "model")


def script(tmp_path: Path, base_dir: Path, end: str) -> Training:
    """Start a script with three hyperparameters, from another folder than its own."""
    program = copy_program(tmp_path / "program", PREDICTOR, TRAIN)
    (program / "train.py").write_text(SCRIPT.format(end=end))
    values = {"n-estimators": "7", "criterion": '"squared_error"', "d": "2"}
    values |= {"sagemaker_program": "train.py", "sagemaker_region": "eu-west-1"}
    config = base_dir / "input/config/hyperparameters.json"
    config.write_text(json.dumps(values))
    (base_dir / "input/data/training").mkdir()
    rows = "size,price\n1,10\n2,20\n3,30\n"
    (base_dir / "input/data/training/rows.csv").write_text(rows)
    return Training(program, base_dir)


def test_a_script_of_script_mode_runs_unchanged(tmp_path: Path, base_dir: Path) -> None:
    """T-15, T-25, T-39."""
    with script(tmp_path, base_dir, "sys.exit(0)") as job:
        assert job.ended() == 0, job.log()
    forest = joblib.load(base_dir / "model/model.joblib")
    assert (len(forest.estimators_), forest.max_depth) == (7, 2)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("sys.exit(3)", "AlgorithmError: train ended with sys.exit(3)"),
        (
            "{}['colour']",
            "AlgorithmError: KeyError: 'colour'\nin train.py, line 22: {}['colour']",
        ),
    ],
    ids=["status", "exception"],
)
def test_a_script_that_fails_is_a_job_that_failed(
    tmp_path: Path, base_dir: Path, end: str, words: str
) -> None:
    """T-39, T-40, T-42: what it had saved before is not shipped."""
    with script(tmp_path, base_dir, end) as job:
        assert job.ended() == 1
    assert (base_dir / "output/failure").read_text().startswith(words)
    assert words in job.log()
    assert not list((base_dir / "model").iterdir())


def test_what_argparse_says_is_the_reason(tmp_path: Path, base_dir: Path) -> None:
    """C14; T-40: a status alone would send people to the log."""
    end = 'parser.add_argument("--epochs", required=True); parser.parse_args()'
    with script(tmp_path, base_dir, end) as job:
        assert job.ended() == 1
    first, _, rest = (base_dir / "output/failure").read_text().partition("\n")
    sentence = "train.py: error: the following arguments are required: --epochs"
    assert first == (
        f"AlgorithmError: train ended with sys.exit(2); stderr ends with: {sentence}"
    )
    assert "usage: train.py [-h] [--n-estimators" in rest
    assert f"\n{sentence}\n" in job.log()


def test_what_a_script_says_before_it_exits_is_the_reason(
    tmp_path: Path, base_dir: Path
) -> None:
    """C14: of whatever wrote it, be it `logging`."""
    end = "import logging; logging.error('no row has a price'); sys.exit(1)"
    with script(tmp_path, base_dir, end) as job:
        assert job.ended() == 1
    assert (
        (base_dir / "output/failure")
        .read_text()
        .startswith(
            "AlgorithmError: train ended with sys.exit(1); stderr ends with: "
            "ERROR:root:no row has a price\n"
        )
    )
