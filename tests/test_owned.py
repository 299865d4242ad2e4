"""owned.txt says what is the owner's; and what owners are promised holds."""

import re
import subprocess
from pathlib import Path

import pytest

import runtime
from harness import ROOT

WORKFLOWS = [ROOT / ".github/workflows" / f"{n}.yml" for n in ("audit", "ci", "owner")]
COMMAND = re.compile(r"(?:\./|\b)((?:[\w-]+/)*[\w-]+\.sh|\.ci/run)\b")
SAY = 'source "$0"; for p in "$@"; do owned::has "${p}" && echo "${p}"; done; true'
AGENTS = (ROOT / "AGENTS.md").read_text()


def owned(*paths: str) -> list[str]:
    """Ask the function that every script asks. Returns: which paths are the owner's."""
    command = ["bash", "-c", SAY, str(ROOT / "local-test/common.sh"), *paths]
    return subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.splitlines()


def absent(text: str) -> set[str]:
    """Give the scripts that a text names and that are not there, or cannot be run."""
    named = set(COMMAND.findall(text))
    assert named
    return {
        n
        for n in named
        if not ((ROOT / n).stat().st_mode & 0o100 if (ROOT / n).exists() else 0)
    }


YOURS = [
    *("model/train", "model/predictor.py", "model/own.py", "model/own/ratio.py"),
    *("requirements.in", "requirements.txt", "tests/requirements.txt", "packages.txt"),
    *("local-test/payload.csv", "local-test/test-dir/input/data/training/my.csv"),
    *("tests/sample", "tests/sample/test_predictor.py"),
    *("accepted-vulnerabilities.toml", ".github/workflows/owner.yml"),
]
OURS = [
    *("model", "model/runtime", "model/runtime/errors.py", "model/main.py"),
    *("model/serve", "model/entrypoint", "tests/run.sh", "tests/harness.py"),
    *("tests/requirements.in", "local-test/common.sh", "local-test/test-directory"),
    *("Dockerfile", "local-test/predict.sh", "owned.txt", ".github/workflows/ci.yml"),
]


def test_what_the_owner_writes_is_the_owners_and_nothing_else() -> None:
    assert owned(*YOURS, *OURS) == YOURS


def test_of_two_lines_that_fit_the_last_decides(tmp_path: Path) -> None:
    lines = "# a comment\na/*\n!a/b\na/b/c*\n"
    (tmp_path / "owned.txt").write_text(lines)
    say = 'source "$0"; owned::has "$1" "$2" && echo yes || echo no'
    found = {}
    for path in ("a", "a/x", "a/b", "a/b/x", "a/b/c", "a/b/cd/e", "ab", "# a comment"):
        command = ["bash", "-c", say, str(ROOT / "local-test/common.sh"), path]
        command.append(str(tmp_path / "owned.txt"))
        result = subprocess.run(command, capture_output=True, text=True)
        found[path] = result.stdout.strip() == "yes"
    assert {path for path, yes in found.items() if yes} == {"a/x", "a/b/c", "a/b/cd/e"}


@pytest.mark.sample
def test_every_line_of_the_list_fits_something_that_is_there() -> None:
    lines = (ROOT / "owned.txt").read_text().splitlines()
    patterns = [line.removeprefix("!") for line in lines if not line.startswith("#")]
    assert patterns
    assert [p for p in patterns if not list(ROOT.glob(p))] == []


def test_no_script_has_a_list_of_its_own() -> None:
    """tests/run.sh, and all that an upgrade does, ask owned::has."""
    scripts = [*ROOT.glob("local-test/*.sh"), ROOT / "tests/run.sh", ROOT / ".ci/run"]
    of_owners = re.compile(r"model/main\.py|model/predictor\.py \||:!model")
    assert [s.name for s in scripts if of_owners.search(s.read_text())] == []
    for name in ("tests/run.sh", "local-test/upgrade.sh"):
        assert "owned::has" in (ROOT / name).read_text()


# The version


def test_the_version_is_written_in_one_place() -> None:
    """It goes to model.json, to the openapi page, and by the scripts to the label."""
    spelt = re.compile(rf'["=]{re.escape(runtime.__version__)}\b')
    files = [ROOT / "Dockerfile", ROOT / "build_and_push.sh", ROOT / "pyproject.toml"]
    files += [f for f in ROOT.glob("model/**/*") if f.suffix in (".py", "")]
    files += ROOT.glob("local-test/*.sh")
    found = [f for f in files if f.is_file() and spelt.search(f.read_text())]
    assert found == [ROOT / "model/runtime/__init__.py"]
    command = 'source "$0"; template::version'
    said = subprocess.check_output(
        ["bash", "-c", command, ROOT / "local-test/common.sh"], text=True
    )
    assert said == f"{runtime.__version__}\n"


def test_a_release_has_its_heading_and_what_is_between_two_has_dev() -> None:
    headings = re.findall(
        r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    between = runtime.__version__.endswith(".dev0")
    assert headings[0] == ("Unreleased" if between else runtime.__version__)


def test_a_commit_with_the_tag_of_a_release_has_its_version() -> None:
    """Where there is no git, there is no tag."""
    command = ["git", "-C", str(ROOT), "tag", "--points-at", "HEAD", "v*"]
    tags = subprocess.run(command, capture_output=True, text=True).stdout.split()
    assert set(tags) <= {f"v{runtime.__version__}"}


# Workflows and pages


@pytest.mark.sample  # later on they are the owner's to change, or to delete
@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_scripts_that_are_there_and_actions_pinned_by_commit(
    workflow: Path,
) -> None:
    text = workflow.read_text()
    assert absent(text) == set()
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.search(r"@[0-9a-f]{40}$", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


@pytest.mark.sample
def test_the_owners_workflow_tests_before_it_pushes_and_keeps_no_key() -> None:
    text = (ROOT / ".github/workflows/owner.yml").read_text()
    steps = ["run.sh mine", "check.sh", "audit.sh", "role-to-assume", "build_and_push"]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert "id-token: write" in text
    assert "secrets." not in text
    assert len(text.splitlines()) <= 25


def test_assistants_read_forty_lines_of_commands_that_are_there() -> None:
    assert len(AGENTS.splitlines()) <= 40
    assert absent(AGENTS) == set()
    numbered = re.findall(r"^\d\. `([^`]+)`", AGENTS, re.MULTILINE)
    assert len(numbered) == 5


def test_what_assistants_may_edit_is_the_owners() -> None:
    (may,) = (line for line in AGENTS.splitlines() if line.startswith("- Edit what"))
    named = [n.rstrip("/") for n in re.findall(r"`([^`]+)`", may) if n != "owned.txt"]
    assert len(named) == 5
    assert owned(*named) == named


def test_every_name_that_assistants_import_is_public() -> None:
    (names,) = re.findall(r"from runtime import ([\w, ]+)", AGENTS)
    assert set(names.split(", ")) <= set(runtime.__all__)
