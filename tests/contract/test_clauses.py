"""Every clause of SageMaker's training contract that must or should hold is proved.

A docstring of a test that begins with, or names, `T-42` says that the test proves it.
"""

import ast
import re

import pytest

from harness import ROOT

# Clause, kind, and what it is about. INFO and PRIV ask for nothing by themselves.
CLAUSES = """
T-01 MUST   the image is run with the word `train`
T-02 MUST   exec form of ENTRYPOINT: the program is process 1
T-03 MUST   no tini: the program gets the signals
T-04 INFO   other entrypoints and arguments
T-05 MUST   nothing of the image lies below /opt/ml
T-06 MUST   runs as root
T-07 INFO   GPUs
T-08 INFO   bash, python3 and pip are on PATH
T-09 INFO   local mode writes fewer keys
T-10 INFO   the tree of folders
T-11 INFO   when each folder is read and written
T-12 SHOULD scratch files below /tmp or /opt/ml
T-13 MUST   hyperparameters are strings; no file is an empty one
T-14 INFO   limits of hyperparameters
T-15 MUST   JSON inside of strings; keys of the SDK and the tuner
T-16 INFO   inputdataconfig.json
T-17 MUST   no key of a channel and no name of one is required
T-18 INFO   limits of channels
T-19 INFO   habitual names of channels
T-20 INFO   resourceconfig.json
T-21 MUST   the leader is the first of the sorted hosts
T-22 SHOULD names of hosts may not resolve at first
T-23 INFO   variables that SageMaker sets
T-24 INFO   limits of variables
T-25 INFO   SM_* variables and arguments of scripts
T-26 PRIV   private files
T-27 INFO   File mode: sub-folders
T-28 INFO   FastFile mode: read-only
T-29 MUST   Pipe mode, if it is offered
T-30 INFO   Pipe mode: no mark between objects
T-31 INFO   what only Pipe mode has
T-32 INFO   kinds of S3 data
T-33 MUST   files beside the folders of channels are no channels
T-34 INFO   a host may have no file of a channel
T-35 INFO   S3 Express
T-36 MUST   the model is what lies in /opt/ml/model
T-37 INFO   all else lies in /opt/ml/output/data
T-38 MUST   names of several hosts do not clash
T-39 MUST   the exit status decides
T-40 MUST   the reason of a failure, in 1024 characters
T-41 INFO   a reason that is there stays
T-42 INFO   what lies in the folder is shipped, however the job ended
T-43 MUST   SIGTERM, then 120 seconds
T-44 INFO   limits of time
T-45 MUST   checkpoints
T-46 PRIV   files of the agent that uploads checkpoints
T-47 SHOULD spot training: killed, and started anew
T-48 INFO   a model of an earlier job
T-49 INFO   retries: a start may be the second
T-50 INFO   warm pools: a machine may not be fresh
T-51 MUST   logs are stdout and stderr, not held back
T-52 MUST   metrics are lines that a regular expression finds
T-53 MUST   the objective of a tuning job is printed
T-54 MUST   no network
T-55 INFO   remote debugging
T-56 INFO   clusters of several kinds of machines
T-57 INFO   private registries
T-58 INFO   processing jobs
"""
NOT_TESTED = {
    "T-22": "no name of a host is ever looked up: hosts do not talk to each other",
}


def clauses(*kinds: str) -> list[str]:
    """List the clauses of some kinds."""
    words = (line.split(maxsplit=2) for line in CLAUSES.strip().splitlines())
    return [clause for clause, kind, _ in words if kind in kinds]


@pytest.fixture(scope="module")
def proved() -> set[str]:
    """Collect the clauses that docstrings of tests name."""
    trees = (
        ast.parse(file.read_text()) for file in (ROOT / "tests").rglob("test_*.py")
    )
    functions = (
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )
    texts = " ".join(ast.get_docstring(function) or "" for function in functions)
    return set(re.findall(r"\bT-\d\d\b", texts))


@pytest.mark.parametrize("clause", clauses("MUST", "SHOULD"))
def test_a_clause_is_proved_by_some_test(clause: str, proved: set[str]) -> None:
    assert (clause in proved) is (clause not in NOT_TESTED)


def test_no_test_names_a_clause_that_there_is_not(proved: set[str]) -> None:
    every = clauses("MUST", "SHOULD", "INFO", "PRIV")
    assert every == [f"T-{number:02}" for number in range(1, 59)]
    assert not proved - set(every)
