"""Laws of all scripts of deploy/: short, listed on the page, and each leads on."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployment.aws import Owner
from harness import ROOT

DEPLOY = ROOT / "deploy"
FLAGS = re.DOTALL | re.MULTILINE
LACKING: dict[str, Any] = {  # in moto
    "GetProducts": [{"shape": True, "PriceList": []}],
    "ListInferenceComponents": [{"shape": True, "InferenceComponents": []}],
}
NOT_RUN = {"settings"}
SCRIPTS = [f for f in sorted(DEPLOY.glob("*.py")) if f.stem not in NOT_RUN]
PAGE = (ROOT / "docs/deploy.md").read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_has_sixty_lines_at_most(script: Path) -> None:
    assert len(script.read_text().splitlines()) <= 60


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_page_says_what_a_script_does(script: Path) -> None:
    assert re.search(rf"^\| `{script.name}` \| ", PAGE, re.MULTILINE)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_without_the_sdk_a_script_says_what_to_install(script: Path) -> None:
    command = [sys.executable, "-B", "-S", str(script)]  # without packages
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 1
    sentence = 'The SageMaker Python SDK v3 is missing: pip install "sagemaker>=3"\n'
    assert ran.stderr == sentence


def test_a_command_that_a_script_names_is_on_the_page() -> None:
    text = "".join(file.read_text() for file in DEPLOY.rglob("*.py"))
    named = set(re.findall(r"deploy/(\w+\.(?:py|sh))", text))
    assert named
    assert [name for name in named if name not in PAGE] == []


def test_the_road_of_the_page_leads_from_data_to_a_clean_account(owner: Owner) -> None:
    (block,) = re.findall(r"^## The road$.*?^```console\n(.*?)^```$", PAGE, FLAGS)
    commands = re.findall(r"^\$ python deploy/(.*?) +#", block, re.MULTILINE)
    ran = {}
    for command in commands:
        script, *arguments = command.split()
        ran[script] = owner.deploy(script, *arguments, typed="y\n", **LACKING)
        assert ran[script].status == 0, ran[script].log
        assert ran[script].hosts == []
    assert list(ran) == [
        *("train.py", "endpoint.py", "transform.py", "register.py", "clean.py"),
    ]
    assert ran["endpoint.py"].parameters("CreateEndpoint")
    assert ran["clean.py"].parameters("DeleteEndpoint")
