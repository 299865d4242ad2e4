"""Every clause of SageMaker's contract that must or should hold is proved.

A docstring of a test that begins with, or names, `T-42` says that the test proves it.
T: training, H: hosting, F: formats.
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
H-01 MUST   the image is run with the word `serve`
H-02 MUST   runs as root
H-03 MUST   SIGTERM, then 30 seconds
H-04 INFO   a container may start at any time, months later
H-05 INFO   limits of variables and names
H-06 INFO   HEALTHCHECK, EXPOSE and VOLUME do not count
H-07 INFO   where the logs go
H-08 INFO   private registries
H-09 MUST   port 8080, or the one that is named
H-10 MUST   connections are accepted within 250 ms
H-11 MUST   an answer within 60 s, or the limit of the mode
H-12 SHOULD `/ping` answers while a prediction runs
H-13 MUST   `/ping` is 200 with no body, within 2 s
H-14 INFO   pings go on for the life of a container
H-15 SHOULD `/ping` tells whether the model can predict
H-16 SHOULD `/ping` answers POST too
H-17 INFO   pings come from any host and address
H-18 MUST   bodies pass unchanged; unknown headers are ignored
H-19 INFO   request headers of the invoke APIs
H-20 INFO   response headers that reach the client
H-21 MUST   the Content-Type of an answer follows Accept
H-22 INFO   parameters and letter case of the Content-Type
H-23 INFO   limits of payloads
H-24 MUST   200 or an error whose body has the reason
H-25 SHOULD statuses of SageMaker's own containers
H-26 INFO   who retries
H-27 INFO   the model is unpacked before the start
H-28 MUST   the model folder is read-only
H-29 MUST   files at the root of the archive, no links
H-30 INFO   uncompressed models
H-31 INFO   additional model data
H-32 INFO   regions and disks
H-33 SHOULD hidden files are no models
H-34 INFO   streamed answers
H-35 INFO   failures in mid-stream
H-36 MUST   streams in both directions, if they are offered
H-37 MUST   frames of such streams
H-38 INFO   sessions
H-39 SHOULD sessions are shared by the workers
H-40 SHOULD `/metrics`, summed over all workers
H-41 MUST   serverless: image, memory and disk
H-42 SHOULD serverless: one worker, from a variable
H-43 MUST   serverless: ready in 3 minutes
H-44 INFO   serverless: what there is not
H-45 SHOULD serverless: files and semaphores may be missing
H-46 INFO   asynchronous: limits
H-47 MUST   asynchronous: an hour and 1 GB, and `/ping` answers
H-48 INFO   asynchronous: no retry
H-49 INFO   batch: variables
H-50 SHOULD batch: `/execution-parameters`
H-51 INFO   batch: how local mode spells a strategy
H-52 INFO   batch: limits
H-53 MUST   batch: whole lines, with or without the last newline
H-54 MUST   batch: a row out for a row in, in order
H-55 INFO   batch: a bad record fails its file
H-56 INFO   batch: compressed input is unpacked before
H-57 INFO   batch: filters and joins
H-58 INFO   batch: Content-Type and Accept may be absent
H-59 MUST   multi-model: label, variable and folder
H-60 MUST   multi-model: load, list, unload, invoke
H-61 MUST   multi-model: the name is opaque
H-62 INFO   multi-model: pings and times
H-63 INFO   multi-model: the platform's cache
H-64 MUST   multi-model: workers share one table
H-65 MUST   pipelines: label and port
H-66 INFO   pipelines: what goes from one to the next
H-67 INFO   pipelines: private images
H-68 INFO   shadow tests
H-69 INFO   data capture
H-70 INFO   Model Monitor
H-71 INFO   Clarify
H-72 INFO   load tests
H-73 INFO   alarms watch 5xx: bad input is 4xx
H-74 INFO   variables of serving containers
H-75 INFO   script-mode handlers
F-01 INFO   training: CSV
F-02 INFO   training: content types
F-03 INFO   training: files to skip
F-04 INFO   training: RecordIO
F-05 MUST   requests: CSV
F-06 SHOULD requests: JSON
F-07 SHOULD requests: JSON Lines
F-08 INFO   requests: npy, Parquet and others
F-09 INFO   answers: JSON
F-10 INFO   answers: JSON Lines
F-11 INFO   answers: CSV
F-12 SHOULD answers: JSON that is valid
F-13 INFO   batch: settings for each format
F-14 INFO   serializers of the SDK
F-15 INFO   deserializers of the SDK
F-16 MUST   answers: exactly `text/csv`
"""
LAST = {"T": 58, "H": 75, "F": 16}
NOT_TESTED = dict.fromkeys(("H-36", "H-37", "H-39"), "not offered")


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
    return set(re.findall(r"\b[THF]-\d\d\b", texts))


@pytest.mark.parametrize("clause", clauses("MUST", "SHOULD"))
def test_a_clause_is_proved_by_some_test(clause: str, proved: set[str]) -> None:
    assert (clause in proved) is (clause not in NOT_TESTED)


def test_no_test_names_a_clause_that_there_is_not(proved: set[str]) -> None:
    every = clauses("MUST", "SHOULD", "INFO", "PRIV")
    assert every == [
        f"{c}-{n:02}" for c, last in LAST.items() for n in range(1, last + 1)
    ]
    assert not proved - set(every)
