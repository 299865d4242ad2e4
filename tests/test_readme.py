"""The README tells the truth."""

import re
import subprocess
import sys

import pytest

from harness import ROOT, linux_only
from runtime.settings import Settings

README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs/reference.md").read_text()


def test_it_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 200


@pytest.mark.sample
@pytest.mark.parametrize("name", ["model/predictor.py", "model/train"])
def test_it_shows_the_owners_files_in_full(name: str) -> None:
    assert f"```python\n{(ROOT / name).read_text()}```" in README


@pytest.mark.sample
def test_the_table_of_hyperparameters_is_that_of_train() -> None:
    command = [sys.executable, str(ROOT / "model/train"), "--describe", "table"]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert table in REFERENCE


@linux_only
def test_the_table_of_settings_is_that_of_the_code() -> None:
    rows = []
    for field in Settings.model_fields.values():
        names = ", ".join(f"`{name}`" for name in field.validation_alias.choices)  # type: ignore[union-attr]
        unset = field.default is None or field.default == ()
        default = "" if unset else f"`{field.default}`".lower()
        rows.append(f"| {names} | {default} | {field.description} |")
    assert "\n".join(rows) in REFERENCE


@pytest.mark.parametrize("name", ["serving", "models"])
def test_its_tables_of_speed_are_those_of_the_newest_results(name: str) -> None:
    newest = max((ROOT / "benchmarks/results").glob(f"{name}-*.md")).read_text()
    table = newest.partition("### In short\n\n")[2].partition("\n\n")[0]
    assert table.count("\n") >= 5
    assert table in README


def test_every_file_that_it_names_is_there() -> None:
    named = re.findall(
        r"`((?:model|local-test|tests|docs|deploy|examples)/[\w./-]*)[ `]", README
    )
    made = {"local-test/test-dir/model", "local-test/test-dir/output/data/report.html"}
    assert [n for n in named if n not in made and not (ROOT / n).exists()] == []


def test_the_scripts_that_it_deploys_with_are_tried_with_the_sdk() -> None:
    scripts = re.findall(r"^\$ (?:python )?deploy/([\w.]+) ", README, re.MULTILINE)
    assert scripts == ["role.sh", "train.py", "endpoint.py", "clean.py"]
    tests = [path.read_text() for path in (ROOT / "tests/deployment").glob("test_*.py")]
    assert [name for name in scripts if name not in "\n".join(tests)] == []


def test_every_package_and_module_of_the_runtime_is_on_its_map() -> None:
    runtime = ROOT / "model/runtime"
    packages = {
        f"`model/runtime/{p.parent.name}/`" for p in runtime.glob("*/__init__.py")
    }
    modules = {f"{path.name}`" for path in runtime.glob("[a-z]*.py")}
    assert {name for name in packages | modules if name not in README} == set()


def test_the_ways_that_it_describes_lead_through_files_that_are_there() -> None:
    ways = README.partition("A request goes through")[2].partition("\n\n")[0]
    named = re.findall(r"`([\w/]+\.py)`", ways)
    assert len(named) > 10
    places = (ROOT, ROOT / "model", ROOT / "model/runtime")
    absent = [n for n in named if not any((p / n).exists() for p in places)]
    assert absent == []


def test_no_folder_of_the_runtime_has_more_modules_than_one_sees_at_once() -> None:
    runtime = ROOT / "model/runtime"
    folders = [runtime, *(path.parent for path in runtime.glob("*/__init__.py"))]
    counts = {f.name: len(list(f.glob("[a-z]*.py"))) for f in folders}
    assert {name: n for name, n in counts.items() if n > 10} == {}
