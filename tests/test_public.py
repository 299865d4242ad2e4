"""`runtime` is the door: what owners import of it is listed, described, and stays."""

import re
import subprocess
import sys

import pytest

import runtime
from harness import ROOT

LIGHT = """
import signal, sys
before = signal.getsignal(signal.SIGTERM)
import runtime
assert signal.getsignal(signal.SIGTERM) is before
heavy = {"numpy", "pandas", "sklearn", "pydantic", "joblib"} & set(sys.modules)
ours = [name for name in sys.modules if name.startswith("runtime.")]
assert (heavy, ours) == (set(), []), (heavy, ours)
"""


def test_what_it_offers_is_what_the_reference_describes() -> None:
    text = (ROOT / "docs/reference.md").read_text()
    section = text.partition("## What `runtime` offers\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)", section, re.MULTILINE) == runtime.__all__


@pytest.mark.parametrize("name", runtime.__all__)
def test_each_name_can_be_imported(name: str) -> None:
    program = f"from runtime import {name}; assert {name}.__doc__"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT / "model", check=True)


def test_to_import_it_imports_and_installs_nothing() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], cwd=ROOT / "model", check=True)


def test_what_it_has_not_is_named_with_what_it_has() -> None:
    with pytest.raises(AttributeError, match="runtime has no 'Model': there are BadIn"):
        runtime.Model  # noqa: B018 -- it raises


@pytest.mark.sample
def test_the_owners_files_import_from_nowhere_else() -> None:
    owners = [ROOT / "model" / name for name in ("train", "predictor.py")]
    owners += [*(ROOT / "examples").glob("*/*"), *(ROOT / ".ci/another").glob("*")]
    owners = [file for file in owners if file.is_file()]  # no data
    theirs = ("train.py", "inference.py")  # of script mode, which know nothing of ours
    owners = [file for file in owners if file.name not in theirs]
    lines = [line for file in owners for line in file.read_text().splitlines()]
    imports = [line for line in lines if re.match(r"(from|import) runtime\b", line)]
    programs = [file for file in owners if file.name in ("train", "predictor.py")]
    assert len(imports) >= len(programs) - 1
    assert {line.partition(" import ")[0] for line in imports} == {"from runtime"}
