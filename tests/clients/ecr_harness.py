"""Who pushes in the tests, and who answers: a machine with a commit, and AWS' API."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import httpx

from clients.ecr_registry import TAKES
from clients.local_mode import environment_of
from harness import ROOT, docker, free_port, until

HERE = Path(__file__).parent
VENV = ROOT / ".venv-ecr"
BUILDX = Path("/var/tmp/ecr/usr/libexec/docker/cli-plugins/docker-buildx")
PREFIX = f"test-{os.getpid()}"  # of repositories: another run may use this registry
TEMPLATE = (
    *("build_and_push.sh", "Dockerfile", ".dockerignore"),
    *("requirements.txt", "packages.txt", "local-test/sbom.py"),
)


def make_environment() -> None:
    """Make .venv-ecr, with the AWS CLI and moto's server."""
    environment_of("ecr", "ecr-requirements")


class Api:
    """moto's server, as a process of the environment .venv-ecr."""

    def __init__(self, log: Path) -> None:
        port = free_port()
        self.log, self.url = log, f"http://127.0.0.1:{port}"
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [VENV / "bin/python", "-m", "clients.ecr", str(port)],
                cwd=HERE.parent,
                env=os.environ | {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()

    def ready(self) -> Self:
        """Wait until it answers."""
        until(lambda: self.answers() or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.log.read_text()
        return self

    def answers(self) -> bool:
        """Say whether it does, with its checks of rights switched off."""
        try:
            return self.check_rights(after="inf").is_success
        except httpx.TransportError:
            return False

    def check_rights(self, after: str = "0") -> httpx.Response:
        """Let it check signatures and rights, after so many requests."""
        return httpx.post(f"{self.url}/moto-api/reset-auth", content=after)

    def client(self, service: str, region: str = TAKES, **keys: str) -> Any:
        """Give boto3's client."""
        given = keys or {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        return boto3.client(service, endpoint_url=self.url, region_name=region, **given)

    def user(self, name: str, *policies: str, region: str = TAKES) -> dict[str, str]:
        """Make a user with these policies, of the partition of a region.

        Returns: the variables that hold its key.
        """
        self.check_rights(after="inf")
        iam = self.client("iam", region)
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self.check_rights()
        for policy in policies:
            self.allow(name, policy, region)
        return {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }

    def allow(self, name: str, policy: str, region: str = TAKES) -> None:
        """Give a user what one of AWS' own policies allows."""
        self.check_rights(after="inf")
        iam = self.client("iam", region)
        iam.attach_user_policy(UserName=name, PolicyArn=policy)
        self.check_rights()

    def asked(self, action: str) -> int:
        """Count the requests for an action."""
        return self.log.read_text().splitlines().count(action)


@dataclass
class Checkout:
    """A commit of this template in top/checkout, and the machine of its owner."""

    top: Path
    builder: str
    api: Api
    key: dict[str, str]

    @property
    def folder(self) -> Path:
        """Give the folder of the commit."""
        return self.top / "checkout"

    def write(self, name: str, content: bytes = b"") -> Path:
        """Write a file of the checkout. Returns: its path."""
        file = self.folder / name
        file.write_bytes(content)
        file.chmod(0o755)
        return file

    def commit(self) -> str:
        """Commit all there is. Returns: the tag under which it is pushed."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a commit")
        return self.git("rev-parse", "--short", "HEAD")

    def git(self, *arguments: str) -> str:
        """Run git as someone. Returns: what it prints."""
        who = ("-c", "user.name=Someone", "-c", "user.email=someone@example.com")
        return self.run("git", "-C", str(self.folder), *who, *arguments).strip()

    def environment(self, **changes: str) -> dict[str, str]:
        """Give the variables of a program of this machine, which has its own login."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {
            **kept,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.api.url,
            "AWS_REGION": TAKES,
            "DOCKER_CONFIG": str(self.top / "docker"),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "HOME": str(self.top),
            "PATH": f"{VENV}/bin:{os.environ['PATH']}",
            **self.key,
            **changes,
        }

    def run(self, *command: str) -> str:
        """Run a program that succeeds. Returns: what it prints."""
        result = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def push(
        self, name: str, *options: str, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """Run build_and_push.sh for a repository of this test run."""
        return subprocess.run(
            [self.folder / "build_and_push.sh", f"{PREFIX}/{name}", *options],
            env=self.environment(**changes),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


def make_checkout(top: Path, builder: str, api: Api, key: dict[str, str]) -> Checkout:
    """Make a machine with one of the builders, "classic" or "buildx"."""
    made = Checkout(top, builder, api, key)
    (made.folder / "local-test").mkdir(parents=True)
    for name in TEMPLATE:
        shutil.copy(ROOT / name, made.folder / name)
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in filter(Path.is_dir, (ROOT / "model", ROOT / "wheels")):
        shutil.copytree(folder, made.folder / folder.name, ignore=ignored)
    made.git("init", "--quiet")
    made.commit()
    choose_builder(top / "docker/cli-plugins", builder)
    return made


def choose_builder(plugins: Path, builder: str) -> None:
    """Let docker find buildx, or one that is broken before any that is installed."""
    plugins.mkdir(parents=True)
    buildx = plugins / "docker-buildx"
    if builder == "buildx":
        buildx.symlink_to(BUILDX)
    else:
        buildx.write_text("#!/bin/sh\nexit 1\n")
        buildx.chmod(0o755)


def remove_images(repository: str) -> None:
    """Remove from the engine what was built for a repository, or pulled from it."""
    reference = f"reference=*/{repository}"
    for image in set(docker("images", "--quiet", "--filter", reference).split()):
        docker("image", "rm", "--force", image)
