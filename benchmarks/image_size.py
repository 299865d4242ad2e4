"""How large the image is: by layer, and what each package costs that may be left out.

    local-test/demo.sh --docker
    .venv-tests/bin/python benchmarks/image_size.py

Reads the image that the first line builds, or the one that is named. Prints megabytes,
uncompressed. A package's are its own files and those of what nothing else needs.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "model")]

from containers import needed  # noqa: E402 -- found by the line above
from harness import docker  # noqa: E402

IMAGE = sys.argv[1] if len(sys.argv) > 1 else "sagemaker-model:local"
LAYERS = {  # what is in the command that made a layer
    "Debian packages (`packages.txt`)": "apt-get",
    "Python packages": "/opt/venv",
    "this template": "/opt/program",
}
# Bytes of each installed distribution, by its name as requirements.txt spells it.
SIZES = """
import json, re
from importlib.metadata import distributions
print(json.dumps({
    re.sub("[-_.]+", "-", found.name).lower(): sum(
        path.stat().st_size
        for file in found.files
        if (path := found.locate_file(file)).is_file()
    )
    for found in distributions()
}))
"""


def layers() -> list[tuple[str, int]]:
    """Give the bytes of each kind of layer; what is not ours is the base's."""
    form = "{{.Size}} {{.CreatedBy}}"
    command = ("history", "--no-trunc", "--human=false", "--format", form, IMAGE)
    sizes = dict.fromkeys(["base image", *LAYERS], 0)
    for line in docker(*command).splitlines():
        size, _, made_by = line.partition(" ")
        kinds = (kind for kind, words in LAYERS.items() if words in made_by)
        sizes[next(kinds, "base image")] += int(size)
    return [*sizes.items()]


def packages() -> list[tuple[str, int]]:
    """Give the bytes of each package that may be left out, with what only it needs."""
    groups = (ROOT / "requirements.in").read_text().split("\n\n# What they use")
    required, optional = map(names, groups)
    pinned = (ROOT / "requirements.txt").read_text()
    program = ("run", "--rm", "--entrypoint", "python3", IMAGE, "-c", SIZES)
    sizes = json.loads(docker(*program))
    rows = []
    for name in sorted(optional):
        others = installed(pinned, required | optional - {name})
        own = installed(pinned, required | optional) - others
        beside = ", ".join(sorted(own - {name}))
        text = f"`{name}`" + (f" (with {beside})" if beside else "")
        rows.append((text, sum(sizes[one] for one in own)))
    return sorted(rows, key=lambda row: -row[1])


def names(lines: str) -> set[str]:
    """Give the names that requirements.in lists."""
    return set(re.findall(r"^([\w-]+)", lines, re.MULTILINE))


def installed(pinned: str, wanted: set[str]) -> set[str]:
    """Give the names of all packages that these need."""
    lines = needed(pinned, wanted).splitlines()
    return {line.partition("==")[0] for line in lines}


for part, size in [*layers(), *packages()]:
    print(f"| {part} | {size / 1e6:.1f} |")
