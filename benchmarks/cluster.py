"""How long a search takes on 1, 2 and 4 hosts of half a CPU each.

    .venv-tests/bin/python benchmarks/cluster.py [--candidates N] [--image IMAGE]

Builds the image with distributed, and runs examples/resumable_search on made rows, in
containers on a network of their own: `--cpus 0.5` is the limit of a cgroup. A line has
the seconds from the first candidate to the last one, and those of the whole job, with
imports and the meeting of the hosts, which half a CPU takes long for; how many times as
fast each is as on one host (1.6 on two is wanted); and the tasks of each host.

All hosts share this machine, whose loopback is their network: what is shown is how the
work divides, not what a real network costs. Nobody else should use its CPUs meanwhile,
and it needs two, which four hosts use up. By default there are 40 candidates, and all
three lines take some ten minutes; `--candidates 6` only shows that it works.
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "examples/resumable_search"
HOSTS = (1, 2, 4)
ROWS, FOLDS = 4000, 2


def build() -> str:
    """Build the image of this checkout, and add distributed. Returns: its name."""
    image = "sagemaker-model:cluster-benchmark"
    base = f"{image}-base"
    docker("build", "--tag", base, str(ROOT))
    added = f"FROM {base}\nRUN /opt/venv/bin/pip install distributed"
    command = ["docker", "build", "--tag", image, "-"]
    subprocess.run(command, input=added, text=True, check=True, capture_output=True)
    return image


def docker(*words: str) -> str:
    """Run a docker command. Returns: what it prints."""
    command = ["docker", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def prepare(base_dir: Path, name: str, names: list[str], candidates: int) -> None:
    """Write what SageMaker mounts: the same rows for every host."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(ROWS, 20))).add_prefix("x")
    wave = np.sin(X["x0"] * 3) + X["x1"] * X["x2"] + random.normal(size=ROWS) / 2
    folders = ("input/config", "input/data/training", "checkpoints")
    for folder in folders:
        (base_dir / folder).mkdir(parents=True)
    X.assign(y=np.where(wave > 0, "up", "down")).to_csv(
        base_dir / "input/data/training/rows.csv", index=False
    )
    values = {"target": "y", "n_candidates": str(candidates), "cv": str(FOLDS)}
    resources = {"current_host": name, "hosts": names}
    for file, content in (
        ("hyperparameters", {**values, "trees_a_round": "100"}),
        ("resourceconfig", resources),
    ):
        (base_dir / f"input/config/{file}.json").write_text(json.dumps(content))


def run(image: str, number: int, candidates: int, folder: Path) -> tuple[float, str]:
    """Run a job. Returns: seconds of all of it, and the leader's log with times."""
    names = [f"algo-{n + 1}" for n in range(number)]
    network = f"{folder.name}-{number}".replace("_", "-")
    docker("network", "create", network)
    with ExitStack() as stack:
        stack.callback(docker, "network", "rm", network)
        start, containers = time.monotonic(), []
        for name in names:
            base_dir = folder / str(number) / name
            prepare(base_dir, name, names, candidates)
            volumes = [f"{base_dir}:/opt/ml"]
            volumes += [f"{f}:/opt/program/{f.name}:ro" for f in RECIPE.iterdir()]
            options = [word for volume in volumes for word in ("--volume", volume)]
            options += ["--network", network, "--network-alias", name]
            command = ["run", "--detach", "--cpus", "0.5", *options, image, "train"]
            containers.append(docker(*command).strip())
            stack.callback(docker, "rm", "--force", containers[-1])
        statuses = {docker("wait", container).strip() for container in containers}
        seconds = time.monotonic() - start
        log = docker("logs", "--timestamps", containers[0])
        if statuses != {"0"}:
            raise SystemExit(log)
    return seconds, log


def searched(log: str) -> float:
    """Give the seconds from the first candidate to the last one."""
    moments = [
        pd.Timestamp(line.split(" ")[0])
        for line in log.splitlines()
        if " candidate " in line
    ]
    return (moments[-1] - moments[0]).total_seconds()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--candidates", type=int, default=40)
    parser.add_argument("--image", help="one that has distributed; else it is built")
    options = parser.parse_args()
    image = options.image or build()
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    try:
        heads = ("hosts", "search s", "speed-up", "job s", "speed-up")
        print("".join(f"{head:>10}" for head in heads))
        first: tuple[float, float] | None = None
        for number in HOSTS:
            seconds, log = run(image, number, options.candidates, folder)
            found = searched(log), seconds
            first = first or found
            search, job = (a / b for a, b in zip(first, found, strict=True))
            counts = re.search("tasks by host: (.*)", log)
            print(
                f"{number:10}{found[0]:10.1f}{search:10.2f}{found[1]:10.1f}{job:10.2f}"
                f"  {counts[1] if counts else ''}",
                flush=True,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
