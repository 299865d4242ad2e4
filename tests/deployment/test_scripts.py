"""Laws of all scripts of deploy/: short, listed on the page, and each leads on."""

import re
from pathlib import Path

import pytest

from harness import ROOT

DEPLOY = ROOT / "deploy"
NOT_RUN = {"settings"}
SCRIPTS = [f for f in sorted(DEPLOY.glob("*.py")) if f.stem not in NOT_RUN]
PAGE = (ROOT / "docs/deploy.md").read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_has_sixty_lines_at_most(script: Path) -> None:
    assert len(script.read_text().splitlines()) <= 60


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_page_says_what_a_script_does(script: Path) -> None:
    assert re.search(rf"^\| `{script.name}` \| ", PAGE, re.MULTILINE)


def test_a_command_that_a_script_names_is_on_the_page() -> None:
    text = "".join(file.read_text() for file in DEPLOY.rglob("*.py"))
    named = set(re.findall(r"deploy/(\w+\.(?:py|sh))", text))
    assert named
    assert [name for name in named if name not in PAGE] == []
