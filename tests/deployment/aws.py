"""Who deploys in the tests, and who answers: an owner's checkout, and moto's server."""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

from clients.local_mode import Machine, environment_of
from deployment import rights
from harness import ROOT, free_port, until

STAND_IN = Path(__file__).with_name("stand_in.py")
REGION = "eu-west-1"
BUCKET = f"sagemaker-{REGION}-123456789012"
ROLE = "arn:aws:iam::123456789012:role/penguins"
KEY = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
}


def archive(name: str, content: bytes) -> bytes:
    """Pack one file, as SageMaker packs the output of a job."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        file = tarfile.TarInfo(name)
        file.size = len(content)
        tar.addfile(file, io.BytesIO(content))
    return packed.getvalue()


MEASURED = b'{"multiclass_classification_metrics": {}}'
OUTPUT = archive("evaluation.json", MEASURED)


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

    def __init__(self, url: str) -> None:
        self.url = url

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

    def push(self, content: str = "1") -> str:
        """Push an image, as build_and_push.sh does. Returns: its digest."""
        ecr = self.client("ecr")
        if not ecr.describe_repositories()["repositories"]:
            ecr.create_repository(repositoryName="penguins")
        config = {"digest": f"sha256:{content.rjust(64, '0')}"}
        answer = ecr.put_image(
            repositoryName="penguins",
            imageManifest=json.dumps(MANIFEST | {"config": config}),
            imageTag="latest",
        )
        return str(answer["image"]["imageId"]["imageDigest"])

    def train(self, number: int = 1) -> str:
        """Have a job completed, as train.py does. Returns: the model's address."""
        job = f"penguins-0000000{number}-20261129000000"
        s3, folder = self.client("s3"), f"penguins/output/{job}/output"
        s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        s3.put_object(Bucket=BUCKET, Key=f"{folder}/output.tar.gz", Body=OUTPUT)
        machine = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
        self.client("sagemaker").create_training_job(
            TrainingJobName=job,
            AlgorithmSpecification={
                "TrainingImage": "any",
                "TrainingInputMode": "File",
            },
            RoleArn=ROLE,
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/penguins/output"},
            ResourceConfig={**machine, "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            Tags=[{"Key": "project", "Value": "penguins"}],
        )
        return f"s3://{BUCKET}/{folder}/model.tar.gz"


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

    def deploy(
        self, script: str, *arguments: str, typed: str = "", **answers: list[Any]
    ) -> Ran:
        """Run a script of deploy/ to its end, with these lines typed into it."""
        report = self.home / "report.json"
        program = self.home / "deploy" / script
        result = subprocess.run(
            [self._python, STAND_IN, report, json.dumps(answers), program, *arguments],
            cwd=self.home,
            env=self._environment()
            | {"AWS_ENDPOINT_URL": self.aws.url, "COLUMNS": "200"},
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        noted = json.loads(report.read_text())
        calls = [Call(**call) for call in noted["calls"]]
        refused = [r for call in calls for r in rights.refused(call)]
        assert not refused, f"policy-you.json refuses {refused}"
        return Ran(result.returncode, result.stdout, calls, noted["hosts"])


@contextmanager
def moto(log: Path) -> Iterator[Aws]:
    """Start moto's server, of the environment .venv-ecr."""
    python, port = environment_of("ecr", "ecr-requirements"), free_port()
    aws = Aws(f"http://127.0.0.1:{port}")
    command = [str(python), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        until(lambda: answers(aws.url) or server.poll() is not None, 60)
        assert server.poll() is None, log.read_text()
        yield aws
    finally:
        server.kill()
        server.wait()


def answers(url: str) -> bool:
    """Say whether the server does."""
    try:
        return httpx.get(f"{url}/moto-api/data.json").is_success
    except httpx.TransportError:
        return False
