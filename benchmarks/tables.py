"""Tables in Markdown, and on what machine with what packages their figures came."""

import math
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from processes import ROOT

PACKAGES = (
    "fastapi uvicorn gunicorn uvloop httptools flask scikit-learn numpy pandas "
    "joblib onnxruntime skl2onnx"
)
LOAD = os.getloadavg()[0]  # of the last minute, before anything is measured


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Give a table in Markdown, whose first column is text and the others numbers."""
    ruler = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(
        f"| {' | '.join(map(str, row))} |" for row in (heads, ruler, *rows)
    )


def short(number: float) -> str:
    """Write a number with three digits that count; nothing where there is none."""
    if math.isnan(number):
        return ""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def today() -> str:
    """Give the date."""
    return datetime.now(UTC).date().isoformat()


def machine() -> str:
    """Name the date, the machine and the versions."""
    cores, memory = len(os.sched_getaffinity(0)), psutil.virtual_memory().total / 1e9
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES.split())
    return "\n".join(
        [
            f"- {today()}, {' '.join(sys.orig_argv[1:])}",
            f"- {cpu()}, {cores} cores, {memory:.0f} GB, {platform.platform()}",
            f"- load average before: {LOAD:.1f}; what others run is in the figures",
            f"- Python {platform.python_version()}, {versions}",
        ]
    )


def cpu() -> str:
    """Name the CPU."""
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"model name\s*: (.*)", text)
    return found[1] if found else platform.machine()


def printed(*command: str) -> str:
    """Give the first line that a program prints, to whichever stream."""
    result = subprocess.run(
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return result.stdout.splitlines()[0]


def pinned(name: str) -> str:
    """Give the versions that a server's environment has."""
    text = (ROOT / f"benchmarks/servers/{name}/requirements.txt").read_text()
    wanted = (name, "scikit-learn", "pandas", "fastapi", "starlette", "uvicorn")
    found = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))
    return ", ".join(f"{one} {found[one]}" for one in wanted if one in found)


def save(name: str, text: str) -> Path:
    """Keep a result. Returns: the file."""
    folder = ROOT / "benchmarks/results"
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}-{today()}.md"
    file.write_text(text)
    return file
