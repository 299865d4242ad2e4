"""Programs of deploy/ in forks of one process: to import the SDK takes seconds."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from harness import ROOT

STAND_IN = Path(__file__).with_name("stand_in.py")


class Forks:
    """A process of stand_in.py, which forks itself for each program."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, STAND_IN],
            env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, **request: Any) -> int:
        """Run a program to its end. Returns: its exit status."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()  # closes the pipes
