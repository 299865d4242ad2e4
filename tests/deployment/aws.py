"""Who deploys in the tests, and who answers: an owner's checkout, and moto's server."""

import contextlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

from clients.local_mode import Machine, environment_of
from deployment import rights
from deployment.forks import Forks
from harness import ROOT, free_port, until

REGION = "eu-west-1"
BUCKET = f"sagemaker-{REGION}-123456789012"
ROLE = "arn:aws:iam::123456789012:role/penguins"
KEY = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
}


def packed(name: str, content: bytes) -> bytes:
    """Pack a file, as SageMaker packs the output of a job."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        file = tarfile.TarInfo(name)
        file.size = len(content)
        tar.addfile(file, io.BytesIO(content))
    return archive.getvalue()


MEASURED = b'{"multiclass_classification_metrics": {}}'
OUTPUT = packed("evaluation.json", MEASURED)


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that a script has called, with what, and who has answered."""

    service: str
    operation: str
    parameters: dict[str, Any]
    seen: str  # "moto" or "shape"


@dataclass(frozen=True, slots=True)
class Ran:
    """A script that has ended."""

    status: int
    log: str
    calls: list[Call]
    hosts: list[str]  # that are not this machine

    def parameters(self, operation: str) -> list[dict[str, Any]]:
        """Give the parameters of each call of an operation."""
        return [c.parameters for c in self.calls if c.operation == operation]


class Aws:
    """moto's server, which is empty after `reset`."""

    def __init__(self, url: str, forks: Forks) -> None:
        self.url, self.forks = url, forks

    def client(self, service: str) -> Any:
        """Give boto3's client."""
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, **KEY)

    def reset(self) -> None:
        """Forget all that was made."""
        httpx.post(f"{self.url}/moto-api/reset").raise_for_status()

    def make_role(self) -> None:
        """Make the role, as role.sh does."""
        self.client("iam").create_role(
            RoleName="penguins", AssumeRolePolicyDocument='{"Version": "2012-10-17"}'
        )

    def push(self, content: str = "1", tag: str = "latest") -> str:
        """Push an image, as build_and_push.sh does. Returns: its digest."""
        ecr = self.client("ecr")
        if not ecr.describe_repositories()["repositories"]:
            ecr.create_repository(repositoryName="penguins")
        config = {"digest": f"sha256:{content.rjust(64, '0')}"}
        answer = ecr.put_image(
            repositoryName="penguins",
            imageManifest=json.dumps(MANIFEST | {"config": config}),
            imageTag=tag,
        )
        return str(answer["image"]["imageId"]["imageDigest"])

    def train(self) -> str:
        """Have a job completed, as train.py does. Returns: the model's address."""
        job = "penguins-00000001-20261129000000"
        model = f"s3://{BUCKET}/penguins/output/{job}/output/model.tar.gz"
        self.put(model.replace("model.tar", "output.tar"), OUTPUT)
        machine = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
        input_mode = {"TrainingInputMode": "File"}
        self.client("sagemaker").create_training_job(
            TrainingJobName=job,
            AlgorithmSpecification={"TrainingImage": "any", **input_mode},
            RoleArn=ROLE,
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/penguins/output"},
            ResourceConfig={**machine, "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            Tags=[{"Key": "project", "Value": "penguins"}],
        )
        return model

    def put(self, address: str, content: bytes) -> None:
        """Write a file to S3, in a bucket that is made where it is not there."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        s3 = self.client("s3")
        place = {"LocationConstraint": REGION}
        with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        s3.put_object(Bucket=bucket, Key=key, Body=content)

    def files(self, address: str) -> dict[str, bytes]:
        """Read all files below an address in S3."""
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        s3 = self.client("s3")
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        bodies = {
            file["Key"]: s3.get_object(Bucket=bucket, Key=file["Key"])["Body"]
            for file in listed
        }
        return {f"s3://{bucket}/{key}": body.read() for key, body in bodies.items()}

    def log(self, group: str, stream: str, *messages: str) -> None:
        """Log lines of now, as a container does."""
        logs, now = self.client("logs"), int(time.time() * 1000)
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": now, "message": message} for message in messages]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


class Owner(Machine):
    """A checkout with deploy/ and local-test/, in an environment with the SDK v3."""

    def __init__(self, home: Path, aws: Aws) -> None:
        super().__init__("sdk_v3", home)
        self.aws = aws
        ignored = shutil.ignore_patterns(
            "model", "output", "checkpoints", "__pycache__"
        )
        for folder in ("deploy", "local-test"):
            shutil.copytree(ROOT / folder, home / folder, ignore=ignored)

    def set(self, name: str, value: Any) -> None:
        """Edit the file of settings."""
        file = self.home / "deploy/settings.py"
        line = re.compile(rf"^{name} = .*$", re.MULTILINE)
        file.write_text(line.sub(f"{name} = {value!r}", file.read_text()))

    def deploy(
        self,
        script: str,
        *arguments: str,
        typed: str = "",
        environment: dict[str, str] | None = None,
        **answers: list[Any],
    ) -> Ran:
        """Run a script of deploy/ to its end, with these lines typed into it."""
        report = self.home / "report.json"
        program = self.home / "deploy" / script
        log = self.home / "log"
        more = {"AWS_ENDPOINT_URL": self.aws.url, "COLUMNS": "200"}
        status = self.aws.forks.run(
            program=str(program),
            arguments=arguments,
            given=answers,
            folder=str(self.home),
            environment=self._environment() | more | (environment or {}),
            typed=typed,
            log=str(log),
            report=str(report),
        )
        noted = json.loads(report.read_text())
        calls = [Call(**call) for call in noted["calls"]]
        refused = [right for call in calls for right in rights.refused(call)]
        assert not refused, f"policy-you.json refuses {refused}"
        return Ran(status, log.read_text(), calls, noted["hosts"])


@contextlib.contextmanager
def moto(log: Path) -> Iterator[Aws]:
    """Start moto's server, of the environment .venv-ecr."""
    python, port = environment_of("ecr", "ecr-requirements"), free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(python), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        until(lambda: answers(url) or server.poll() is not None, 60)
        assert server.poll() is None, log.read_text()
        with contextlib.closing(Forks(environment_of("sdk_v3"))) as forks:
            yield Aws(url, forks)
    finally:
        server.kill()
        server.wait()


def answers(url: str) -> bool:
    """Say whether the server does."""
    try:
        return httpx.get(f"{url}/moto-api/data.json").is_success
    except httpx.TransportError:
        return False
