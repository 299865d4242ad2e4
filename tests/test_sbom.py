"""local-test/sbom.py: what is installed is what is listed, as CycloneDX has it."""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from harness import ROOT, docker

PROGRAM = ROOT / "local-test/sbom.py"
NAME = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/my-model"
DIGEST = "sha256:" + "d" * 64


def bom(*command: str) -> str:
    """Let a Python run the program, which comes from stdin. Returns: what it prints."""
    result = subprocess.run(
        [*command, "-", NAME, DIGEST],
        input=PROGRAM.read_bytes(),
        capture_output=True,
        check=True,
    )
    return result.stdout.decode()


def in_image(image: str) -> str:
    options = ("--rm", "--interactive", "--network", "none", "--entrypoint", "python3")
    return bom("docker", "run", *options, image)


def listed(text: str, kind: str) -> set[tuple[str, str]]:
    """Give names and versions of one kind of packages, "pypi" or "deb"."""
    parts = (PackageURL.from_string(p["purl"]) for p in json.loads(text)["components"])
    return {(p.name, p.version or "") for p in parts if p.type == kind}


def assert_is_cyclonedx(text: str) -> None:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert error is None, error
    parts: list[dict[str, Any]] = json.loads(text)["components"]
    for part in [*parts, json.loads(text)["metadata"]["component"]]:
        purl = PackageURL.from_string(part["purl"])
        assert purl.to_string() == part["purl"], "not as the type is written"
        assert part["name"].endswith(purl.name)
        assert purl.version == part["version"]


def test_it_is_valid_cyclonedx_and_says_which_image_it_describes() -> None:
    text = bom(sys.executable)
    assert_is_cyclonedx(text)
    image = json.loads(text)["metadata"]["component"]
    assert (image["type"], image["name"]) == ("container", NAME)
    assert image["version"] == DIGEST


def test_every_distribution_is_listed_once_under_pypis_spelling() -> None:
    found = listed(bom(sys.executable), "pypi")
    names = [name for name, _ in found]
    assert sorted(set(names)) == sorted(names)
    installed = {one.metadata["Name"].lower() for one in distributions()}
    assert {name.replace("_", "-").replace(".", "-") for name in installed} == {*names}


def test_the_same_packages_give_the_same_bytes() -> None:
    assert bom(sys.executable) == bom(sys.executable)


def test_where_there_is_no_debian_there_are_pythons_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    text = bom(sys.executable)
    assert_is_cyclonedx(text)
    assert listed(text, "deb") == set()
    assert listed(text, "pypi")


def test_the_image_lists_its_own_packages_of_python_and_of_debian(image: str) -> None:
    text = in_image(image)
    assert_is_cyclonedx(text)
    frozen = docker("run", "--rm", image, "pip", "freeze", "--all").split()
    names = {tuple(line.lower().replace("_", "-").split("==")) for line in frozen}
    assert listed(text, "pypi") == names
    fields = "${Package} ${Version} ${source:Package}\n"
    query = ("dpkg-query", "--show", "--showformat", fields)
    shown = [line.split() for line in docker("run", "--rm", image, *query).splitlines()]
    assert listed(text, "deb") == {(name, version) for name, version, _ in shown}
    purls = [PackageURL.from_string(p["purl"]) for p in json.loads(text)["components"]]
    found = [p.qualifiers for p in purls if p.type == "deb"]
    sources = {one["upstream"].partition("@")[0] for one in found}
    assert sources == {source for _, _, source in shown}
    assert {one["distro"] for one in found} == {"debian-13"}
    assert in_image(image) == text
