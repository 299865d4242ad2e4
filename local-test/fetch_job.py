"""Brings a training job of SageMaker into test-dir: fetch-job.sh runs this.

    python3 local-test/fetch_job.py JOB ROWS AWS

Everything is fetched beside test-dir, which is replaced at the end, or not at all. A
Python 3.9 without packages and the AWS CLI are enough.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

HERE = Path(__file__).resolve().parent
TEST_DIR, NEW, PREVIOUS = (HERE / f"test-dir{end}" for end in ("", ".new", ".previous"))
CLI = sys.argv[3] if __name__ == "__main__" else "aws"
LIMIT = 1_000_000_000  # bytes of all channels, where nobody says how many rows
TEXT = ("", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".libsvm", ".svm")


class Object(NamedTuple):
    """An object of S3, and its place in the folder of a channel."""

    uri: str
    size: int
    place: str


def main(name: str, n_rows: int) -> None:
    """Fetch a job; `n_rows` 0: all of its data."""
    job = aws("sagemaker", "describe-training-job", "--training-job-name", name)
    channels = {c["ChannelName"]: c for c in job.get("InputDataConfig", [])}
    objects = {name: objects_of(name, c) for name, c in channels.items()}
    chosen = {name: found[: n_rows or None] for name, found in objects.items()}
    flat = [each for found in chosen.values() for each in found]
    n_bytes = sum(each.size for each in flat if not (n_rows and is_text(each)))
    if n_bytes > LIMIT:
        refuse(f"that would be {n_bytes / 1e9:.1f} GB: take less of it, --rows 100")
    keeps = must_keep()
    shutil.rmtree(NEW, ignore_errors=True)
    for folder in ("input/config", "input/data", "model", "output"):
        (NEW / folder).mkdir(parents=True)
    write_config(job, channels)
    for channel, found in objects.items():
        fetch(chosen[channel], NEW / "input/data" / channel, n_rows)
        print(f"channel {channel}: {len(chosen[channel])} of {len(found)} objects")
    print(f"model: {fetch_model(job)}")
    if reason := job.get("FailureReason"):
        (NEW / "output/failure").write_text(reason, encoding="utf-8")
        print(f"it failed: {reason.splitlines()[0]}")
    replace(keeps=keeps)
    say_what_differs(job, n_rows)


def refuse(sentence: str) -> NoReturn:
    """End, with test-dir as it was."""
    sys.exit(f"fetch-job.sh: {sentence}")


def aws(*arguments: str) -> Any:
    """Call the AWS CLI. Returns: the JSON that it prints, or None."""
    command = [CLI, *arguments, "--output", "json"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        refuse(f"{' '.join(command[1:3])}: {found.stderr.strip()}")
    return json.loads(found.stdout or "null")


def objects_of(channel: str, given: dict[str, Any]) -> list[Object]:
    """List what a channel has, as SageMaker lays it out (T-27, T-32)."""
    source = given["DataSource"].get("S3DataSource")
    if source is None:
        refuse(f"channel '{channel}' is a file system: copy its files by hand")
    if source["S3DataType"] == "ManifestFile":
        first, *keys = json.loads(b"".join(lines_of(source["S3Uri"], 0)))
        prefix = first["prefix"]
        return [Object(prefix + key, size_of(prefix + key), key) for key in keys]
    if source["S3DataType"] != "S3Prefix":
        refuse(
            f"channel '{channel}' is an {source['S3DataType']}: only Pipe mode has it"
        )
    return listed(source["S3Uri"])


def listed(uri: str) -> list[Object]:
    """List the objects below a prefix, in the order of their keys."""
    bucket, _, prefix = uri.partition("//")[2].partition("/")
    command = ("list-objects-v2", "--bucket", bucket, "--prefix", prefix)
    found = aws("s3api", *command) or {}
    sizes = {o["Key"]: o["Size"] for o in found.get("Contents", [])}
    return [
        Object(f"s3://{bucket}/{key}", size, place_of(key, prefix))
        for key, size in sizes.items()
        if not key.endswith("/")  # a folder that a console has made
    ]


def place_of(key: str, prefix: str) -> str:
    """Give the part of a key that SageMaker keeps: below the folder of the prefix."""
    is_folder = prefix.endswith("/") or key.startswith(f"{prefix}/")
    folder = prefix.rstrip("/") if is_folder else prefix.rpartition("/")[0]
    return key[len(folder) :].lstrip("/")


def size_of(uri: str) -> int:
    """Give the size of an object."""
    return next((each.size for each in listed(uri) if each.uri == uri), 0)


def is_text(each: Object) -> bool:
    """Say whether an object can be cut after some rows."""
    return Path(each.place.removesuffix(".gz")).suffix.lower() in TEXT


def fetch(objects: list[Object], folder: Path, n_rows: int) -> None:
    """Fetch objects into a folder, several at once."""
    folder.mkdir(exist_ok=True)

    def fetch_one(each: Object) -> None:
        target = (folder / each.place).resolve()
        if not target.is_relative_to(folder.resolve()):
            refuse(f"{each.uri} would be written elsewhere than into its channel")
        target.parent.mkdir(parents=True, exist_ok=True)
        if n_rows and is_text(each):
            compressed = each.place.endswith(".gz")
            rows = b"".join(lines_of(each.uri, n_rows, compressed=compressed))
            target.write_bytes(gzip.compress(rows) if compressed else rows)
        else:
            aws_copy(each.uri, str(target))

    with ThreadPoolExecutor(4) as callers:
        list(callers.map(fetch_one, objects))


def lines_of(uri: str, n_rows: int, *, compressed: bool = False) -> list[bytes]:
    """Read the first rows of an object, and a line before them, perhaps a header."""
    command = [CLI, "s3", "cp", "--quiet", uri, "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 -- as it was asked for
        stream: IO[bytes] = process.stdout
        found: list[bytes] = []
        quotes = 0
        for line in gzip.GzipFile(fileobj=stream) if compressed else stream:
            found.append(line)
            quotes += line.count(b'"')
            # A cell in quotes may have ends of lines: no row is cut in two.
            if n_rows and len(found) > n_rows and quotes % 2 == 0:
                process.kill()
                return found
    if process.returncode:
        refuse(f"cannot read {uri}")
    return found


def aws_copy(*arguments: str) -> None:
    """Copy from S3."""
    command = [CLI, "s3", "cp", "--quiet", *arguments]
    if subprocess.run(command, check=False).returncode:
        refuse(f"cannot fetch {arguments[-2]}")


def write_config(job: dict[str, Any], channels: dict[str, dict[str, Any]]) -> None:
    """Write the three files as SageMaker does, for one host (T-13, T-16, T-20)."""
    host, resources = "algo-1", job["ResourceConfig"]
    kind = resources.get("InstanceType", "ml.m5.large")
    described = {
        name: {
            **({"ContentType": c["ContentType"]} if c.get("ContentType") else {}),
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": c.get("RecordWrapperType", "None"),
        }
        for name, c in channels.items()
    }
    group = {"instance_group_name": "homogeneousCluster", "instance_type": kind}
    files = {
        "hyperparameters": job.get("HyperParameters", {}),
        "inputdataconfig": described,
        "resourceconfig": {
            "current_host": host,
            "current_instance_type": kind,
            "current_group_name": "homogeneousCluster",
            "hosts": [host],
            "instance_groups": [{**group, "hosts": [host]}],
            "network_interface_name": "eth0",
        },
    }
    for name, content in files.items():
        text = json.dumps(content, separators=(",", ":")) + "\n"
        (NEW / f"input/config/{name}.json").write_text(text, encoding="utf-8")


def fetch_model(job: dict[str, Any]) -> str:
    """Fetch and unpack what a job has left. Returns: what it was."""
    uri = job.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
    found = listed(uri) if uri else []
    if not found:
        return "none"
    fetch(found, NEW / "model", 0)
    packed = NEW / "model/model.tar.gz"
    if packed.exists():
        command = ["tar", "-xzf", str(packed), "-C", str(packed.parent)]
        subprocess.run(command, check=True)
        packed.unlink()
    return ", ".join(sorted(path.name for path in (NEW / "model").iterdir()))


def must_keep() -> bool:
    """Say whether test-dir has what git cannot give back. Ends if there is no place."""
    command = ["git", "-C", str(HERE), "status", "--porcelain", "--ignored", "test-dir"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if not TEST_DIR.exists() or (found.returncode == 0 and not found.stdout.strip()):
        return False
    if PREVIOUS.exists():
        place = PREVIOUS.relative_to(HERE.parent)
        refuse(f"{place} is there, from an earlier time: move it away or delete it")
    return True


def replace(*, keeps: bool) -> None:
    """Put the new folder in the place of test-dir."""
    if keeps:
        TEST_DIR.rename(PREVIOUS)
        print(f"what was in test-dir is in {PREVIOUS.relative_to(HERE.parent)}")
    shutil.rmtree(TEST_DIR, ignore_errors=True)
    NEW.rename(TEST_DIR)


def say_what_differs(job: dict[str, Any], n_rows: int) -> None:
    """Say what is not as it was in SageMaker, and how to go on."""
    if n_rows:
        print(f"at most {n_rows} rows of each text file: sorted data may lack classes")
    if (n_hosts := job["ResourceConfig"].get("InstanceCount", 1)) > 1:
        print(f"it ran on {n_hosts} hosts; here there is one")
    if names := ", ".join(job.get("Environment", {})):
        print(f"it had variables that train-local.sh does not set: {names}")
    print("next: local-test/train-local.sh")
    print("git checkout local-test/test-dir brings the sample back")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
