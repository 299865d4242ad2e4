"""List what an image is made of, as CycloneDX 1.6: Python, its packages, Debian's.

Runs inside the image, which reads this program from stdin and has nothing but Python:
what is listed is what is installed there, not what some file has asked for. The same
image gives the same bytes: `build_and_push.sh --sbom FILE` writes them beside it, and
every scanner reads them.

Usage: docker run --rm --interactive --entrypoint python3 IMAGE - NAME DIGEST <sbom.py
"""

import json
import platform
import re
import shutil
import subprocess
import sys
import uuid
from functools import partial
from importlib.metadata import Distribution, distributions
from typing import Any
from urllib.parse import quote

FIELDS = "db:Status-Status Package Version Architecture source:Package source:Version"
escape = partial(quote, safe="/:")  # as the type purl writes it
FORMAT = "\t".join(f"${{{field}}}" for field in FIELDS.split()) + "\n"


def main() -> None:
    """Print the document."""
    name, digest = sys.argv[1:]
    parts = [python(), *map(python_package, distributions()), *debian_packages()]
    parts.sort(key=lambda part: part["bom-ref"])
    json.dump(bom(name, digest, parts), sys.stdout, indent=1)
    print()


def bom(name: str, digest: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the document, whose number follows from the image and its parts."""
    content = json.dumps([name, digest, parts])
    repository = name.rpartition("/")[2]
    purl = f"pkg:oci/{repository}@{escape(digest)}?repository_url={escape(name)}"
    image = {"type": "container", "name": name, "version": digest}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {"component": {**image, "bom-ref": purl, "purl": purl}},
        "components": parts,
    }


def python() -> dict[str, Any]:
    """Give the interpreter, which the official base image has not from Debian."""
    version = platform.python_version()
    known = f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"
    found = component("python", version, f"pkg:generic/python@{version}")
    return {**found, "type": "platform", "cpe": known}


def python_package(found: Distribution) -> dict[str, Any]:
    """Give one, with the licence that it declares as an expression of SPDX."""
    name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
    known = component(name, found.version, f"pkg:pypi/{name}@{escape(found.version)}")
    licences = found.metadata.get_all("License-Expression", [])
    return {**known, "licenses": [{"expression": text} for text in licences]}


def debian_packages() -> list[dict[str, Any]]:
    """Give those of Debian; none where the base image is of another system."""
    if not shutil.which("dpkg-query"):
        return []
    command = ["dpkg-query", "--show", "--showformat", FORMAT]
    rows = subprocess.check_output(command, text=True).splitlines()  # noqa: S603 -- fixed
    release = platform.freedesktop_os_release()
    distro = f"{release['ID']}-{release.get('VERSION_ID', 'sid')}"
    return [debian_package(distro, row) for row in rows if row.startswith("installed")]


def debian_package(distro: str, row: str) -> dict[str, Any]:
    """Give one; advisories name the source package, which `upstream` is."""
    _, name, version, arch, source, source_version = row.split("\t")
    upstream = source if source_version == version else f"{source}@{source_version}"
    qualifiers = f"arch={arch}&distro={distro}&upstream={escape(upstream)}"
    place = f"pkg:deb/{distro.partition('-')[0]}/{escape(name)}@{escape(version)}"
    return component(name, version, f"{place}?{qualifiers}")


def component(name: str, version: str, purl: str) -> dict[str, Any]:
    """Give a part, which its package URL names."""
    known = {"name": name, "version": version, "purl": purl}
    return {"type": "library", "bom-ref": purl, **known}


if __name__ == "__main__":
    main()
