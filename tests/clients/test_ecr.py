"""build_and_push.sh against a real engine, a real registry and the answers of AWS' API.

The registries are those of .ci/registry.sh, under ECR's own names. STS, IAM with its
checks switched on, and ECR are moto's server, in which ecr.py shows what they hold.
"""

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

import runtime
from clients.ecr_harness import (
    PREFIX,
    Api,
    Checkout,
    make_checkout,
    make_environment,
    remove_images,
)
from clients.ecr_registry import (
    ACCOUNT,
    DOCKER_V2,
    KNOWS_ANOTHER,
    READ_ONLY,
    TAKES,
    Registry,
    digest_of,
    host_of,
)
from harness import ROOT, docker, payload, until

BUILDERS = ("classic", "buildx")
TOOLS = ("bash", "cat", "dirname", "env", "git", "grep", "mktemp", "rm", "sed", "tee")
POWER_USER = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser"
FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryFullAccess"
EMULATOR = "docker run --privileged --rm tonistiigi/binfmt --install"
# The head of an ELF file for the machine 183, and nothing to run.
ARM64_PROGRAM = struct.pack("<4s5B7xHHI40x", b"\x7fELF", 2, 1, 1, 0, 0, 2, 183, 1)
# An image of the same layers is there meanwhile, so that they are made once.
pytestmark = pytest.mark.usefixtures("registry", "image")
either_builder = pytest.mark.parametrize("builder", BUILDERS)


# What answers


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """Give what the registries hold; without them these tests are skipped."""
    try:
        found = Registry()
    except (FileNotFoundError, httpx.TransportError):
        pytest.skip("no registry stands in for ECR: .ci/registry.sh starts one")
    yield found
    found.client.close()


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Start the API, and remove at the end every image that was made against it."""
    make_environment()
    with Api(tmp_path_factory.mktemp("api") / "log") as started:
        yield started.ready()
    remove_images(f"{PREFIX}/*")


@pytest.fixture(scope="session")
def pusher(api: Api) -> dict[str, str]:
    """Give the key of a user who may do what a push needs (I-12)."""
    return api.user("pusher", FULL_ACCESS)


# Who pushes


@pytest.fixture
def checkout(tmp_path: Path, api: Api, pusher: dict[str, str]) -> Checkout:
    """Give a commit that the classic builder builds."""
    return make_checkout(tmp_path, "classic", api, pusher)


@dataclass
class Pushed:
    """What a first push left, and how often the repository was created by it."""

    checkout: Checkout
    repository: str
    result: subprocess.CompletedProcess[str]
    created: int
    tag: str

    def address(self) -> str:
        """Give the address with the digest that was printed."""
        return self.result.stdout.splitlines()[2]

    def digest(self) -> str:
        """Give the digest that was printed."""
        return self.address().rpartition("@")[2]


@pytest.fixture(scope="module", params=BUILDERS)
def pushed(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    api: Api,
    pusher: dict[str, str],
) -> Pushed:
    """Push a clean commit for the first time, with each builder once."""
    builder = request.param
    checkout = make_checkout(tmp_path_factory.mktemp(builder), builder, api, pusher)
    before = api.asked("CreateRepository")
    result = checkout.push(builder, "--sbom", str(checkout.top / "sbom.json"))
    assert result.returncode == 0, result.stderr
    created = api.asked("CreateRepository") - before
    tag = checkout.git("rev-parse", "--short", "HEAD")
    return Pushed(checkout, f"{PREFIX}/{builder}", result, created, tag)


# What arrives


def test_the_builder_is_buildx_where_there_is_one(pushed: Pushed) -> None:
    steps = {"classic": "Step 1/", "buildx": "[internal] load build definition"}
    assert steps[pushed.checkout.builder] in pushed.result.stderr


def test_what_is_printed_is_where_the_registry_has_it(
    pushed: Pushed, registry: Registry
) -> None:
    """I-01."""
    address = f"{host_of(TAKES)}/{pushed.repository}"
    printed = pushed.result.stdout.splitlines()[:3]
    digest = digest_of(registry.manifest(pushed.repository, pushed.tag))
    assert printed == [
        f"{address}:{pushed.tag}",
        f"{address}:latest",
        f"{address}@{digest}",
    ]


def test_latest_is_the_same_digest(pushed: Pushed, registry: Registry) -> None:
    tags = registry.tags(pushed.repository)
    assert tags == {pushed.tag: pushed.digest(), "latest": pushed.digest()}


def test_the_api_gives_the_printed_digest_for_a_tag(pushed: Pushed, api: Api) -> None:
    """The first block of docs/deploy.md begins with this call."""
    keys = {name.lower(): v for name, v in pushed.checkout.key.items()}
    found = api.client("ecr", **keys).describe_images(
        repositoryName=pushed.repository, imageIds=[{"imageTag": "latest"}]
    )
    assert [i["imageDigest"] for i in found["imageDetails"]] == [pushed.digest()]


def test_the_manifest_is_dockers_single_one(pushed: Pushed, registry: Registry) -> None:
    """I-08; conformance check 15: read from the registry, which was asked for any."""
    manifest = registry.manifest(pushed.repository, pushed.digest())
    assert manifest.headers["Content-Type"] == DOCKER_V2
    assert manifest.json()["mediaType"] == DOCKER_V2


def test_docker_manifest_inspect_shows_one_image_for_amd64_below_10_gb(
    pushed: Pushed, registry: Registry
) -> None:
    """Conformance check 15; I-06, I-08, I-11: every part is there in the size named."""
    inspect = ("docker", "manifest", "inspect", "--verbose", pushed.address())
    shown = json.loads(pushed.checkout.run(*inspect))
    assert shown["Descriptor"]["mediaType"] == DOCKER_V2
    assert shown["Descriptor"]["platform"] == {"architecture": "amd64", "os": "linux"}
    parts = [shown["SchemaV2Manifest"]["config"], *shown["SchemaV2Manifest"]["layers"]]
    sizes = [registry.blob_size(pushed.repository, part["digest"]) for part in parts]
    assert sizes == [part["size"] for part in parts]
    assert sum(sizes) < 10e9


def test_the_configuration_says_architecture_version_and_commit(
    pushed: Pushed, registry: Registry
) -> None:
    """I-06."""
    made = registry.configuration(pushed.repository, pushed.digest())
    labels = made["config"]["Labels"]
    opencontainers = "org.opencontainers.image"
    assert (made["os"], made["architecture"]) == ("linux", "amd64")
    assert labels[f"{opencontainers}.version"] == runtime.__version__
    commit = pushed.checkout.git("rev-parse", "HEAD")
    assert labels[f"{opencontainers}.revision"] == commit


def test_the_packages_are_those_of_the_printed_digest(pushed: Pushed) -> None:
    found = json.loads((pushed.checkout.top / "sbom.json").read_text())
    image = found["metadata"]["component"]
    assert f"{image['name']}@{image['version']}" == pushed.address()
    assert {"fastapi", "libc6", "python"} <= {p["name"] for p in found["components"]}


def test_a_second_push_creates_no_repository_and_moves_no_tag(
    pushed: Pushed, registry: Registry, api: Api
) -> None:
    """I-03."""
    tags, asked = registry.tags(pushed.repository), api.asked("CreateRepository")
    again = pushed.checkout.push(pushed.checkout.builder)
    assert again.returncode == 0, again.stderr
    assert again.stdout == pushed.result.stdout
    assert registry.tags(pushed.repository) == tags
    assert (pushed.created, api.asked("CreateRepository")) == (1, asked)


def test_what_the_printed_address_names_is_pulled_back_trains_and_serves(
    pushed: Pushed, tmp_path: Path
) -> None:
    """T-01, H-01; conformance checks 1 and 6, with what is in the registry."""
    remove_images(pushed.repository)
    pushed.checkout.run("docker", "pull", "--quiet", pushed.address())
    shutil.copytree(ROOT / "local-test/test-dir/input", tmp_path / "ml/input")
    opt_ml = f"{tmp_path}/ml:/opt/ml"
    docker("run", "--rm", "--volume", opt_ml, pushed.address(), "train")
    body = payload()
    with serving(pushed.address(), opt_ml) as client:
        until(lambda: answers(client), 60)
        answer = client.post(
            "/invocations", content=body, headers={"Content-Type": "text/csv"}
        )
    assert len(answer.json()["predictions"]) == body.count(b"\n")


@contextmanager
def serving(image: str, volume: str) -> Iterator[httpx.Client]:
    options = ("--publish", "127.0.0.1::8080", "--volume", f"{volume}:ro")
    container = docker("run", "--detach", *options, image, "serve").strip()
    try:
        place = docker("port", container, "8080").splitlines()[0]
        with httpx.Client(base_url=f"http://{place}") as client:
            yield client
    finally:
        docker("rm", "--force", "--volumes", container)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/ping").status_code == 200
    except httpx.TransportError:
        return False


def test_uncommitted_changes_are_pushed_as_dirty_and_move_nothing(
    pushed: Pushed, registry: Registry
) -> None:
    tags = registry.tags(pushed.repository)
    change = pushed.checkout.write("model/change.py")
    result = pushed.checkout.push(pushed.checkout.builder)
    change.unlink()
    assert result.returncode == 0, result.stderr
    new = f"{pushed.tag}-dirty"
    digest = digest_of(registry.manifest(pushed.repository, new))
    assert f"@{digest}\n" in result.stdout
    assert registry.tags(pushed.repository) == {**tags, new: digest}
    assert digest != tags["latest"]


def test_the_next_commit_moves_latest_and_keeps_the_tag_before(
    checkout: Checkout, registry: Registry
) -> None:
    tags = []
    for content in (b"# first", b"# second"):
        checkout.write("model/content.py", content)
        tags.append(checkout.commit())
        result = checkout.push("moves")
        assert result.returncode == 0, result.stderr
    held = registry.tags(f"{PREFIX}/moves")
    assert held.keys() == {*tags, "latest"}
    assert held["latest"] == held[tags[1]] != held[tags[0]]


# What fails, and leaves the registry as it was


@contextmanager
def nothing_pushed(registry: Registry) -> Iterator[None]:
    before = registry.held()
    yield
    assert registry.held() == before


def cure(result: subprocess.CompletedProcess[str]) -> str:
    """Give the last line of a failed run: the command that repairs it."""
    assert result.returncode == 1, result.stderr
    assert result.stdout == ""
    return result.stderr.splitlines()[-1].strip()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, "Unable to locate credentials"),
        ({"ID": "AKIAUNKNOWN"}, "InvalidClientTokenId"),
        ({"SECRET": "another"}, "SignatureDoesNotMatch"),
    ],
    ids=["none", "unknown", "another secret"],
)
def test_without_credentials_that_aws_knows_it_names_the_command_that_sets_them(
    checkout: Checkout, registry: Registry, keys: dict[str, str], reason: str
) -> None:
    names = {"ID": "AWS_ACCESS_KEY_ID", "SECRET": "AWS_SECRET_ACCESS_KEY"}
    changes = {names[short]: value for short, value in keys.items()}
    checkout.key = {**checkout.key, **changes} if keys else {}
    with nothing_pushed(registry):
        result = checkout.push("unknown")
    assert cure(result) == "aws configure"
    assert reason in result.stderr


def test_each_right_that_is_missing_is_named_until_the_push_goes_through(
    checkout: Checkout, registry: Registry, api: Api
) -> None:
    """I-03, I-12: a look-up that is refused creates nothing."""
    checkout.key = api.user("beginner")
    with nothing_pushed(registry):
        asked = api.asked("CreateRepository")
        look_up = checkout.push("rights")
        assert policy(cure(look_up)) == POWER_USER
        assert "ecr:DescribeRepositories" in look_up.stderr
        assert api.asked("CreateRepository") == asked
        api.allow("beginner", POWER_USER)
        creation = checkout.push("rights")
        assert policy(cure(creation)) == FULL_ACCESS
        assert "ecr:CreateRepository" in creation.stderr
    api.allow("beginner", FULL_ACCESS)
    allowed = checkout.push("rights")
    assert allowed.returncode == 0, allowed.stderr


def policy(command: str) -> str:
    assert command.startswith("aws iam attach-role-policy ")
    return command.rpartition("--policy-arn ")[2]


@either_builder
def test_a_build_that_fails_pushes_nothing_and_leaves_no_container(
    tmp_path: Path,
    api: Api,
    pusher: dict[str, str],
    registry: Registry,
    builder: str,
) -> None:
    checkout = make_checkout(tmp_path, builder, api, pusher)
    steps = f"\nLABEL test={PREFIX}\nRUN echo not today && exit 3\n"
    dockerfile = (checkout.folder / "Dockerfile").read_text() + steps
    checkout.write("Dockerfile", dockerfile.encode())
    checkout.commit()
    with nothing_pushed(registry):
        result = checkout.push("fails")
    assert cure(result).endswith(f"build_and_push.sh {PREFIX}/fails")
    assert "not today" in result.stderr
    assert "the build failed: nothing is pushed" in result.stderr
    left = docker("ps", "--all", "--quiet", "--filter", f"label=test={PREFIX}").split()
    for container in left:
        docker("rm", container)
    assert left == []


def test_a_registry_that_refuses_the_password_gets_nothing(
    checkout: Checkout, registry: Registry
) -> None:
    """I-02."""
    with nothing_pushed(registry):
        result = checkout.push("login", AWS_REGION=KNOWS_ANOTHER)
    assert policy(cure(result)) == POWER_USER
    assert f"no login to {host_of(KNOWS_ANOTHER)}" in result.stderr
    assert "401 Unauthorized" in result.stderr
    assert "The push refers to" not in result.stderr


@either_builder
def test_a_push_that_is_refused_moves_no_tag(
    tmp_path: Path,
    api: Api,
    pusher: dict[str, str],
    registry: Registry,
    builder: str,
) -> None:
    checkout = make_checkout(tmp_path, builder, api, pusher)
    asked = api.asked("PutImage")
    with nothing_pushed(registry):
        result = checkout.push("refused", AWS_REGION=READ_ONLY)
    assert policy(cure(result)) == POWER_USER
    assert "the push failed (layers that arrived are kept)" in result.stderr
    assert api.asked("PutImage") == asked


def test_without_an_engine_it_names_the_command_that_starts_one(
    checkout: Checkout, registry: Registry, tmp_path: Path
) -> None:
    with nothing_pushed(registry):
        result = checkout.push("engine", DOCKER_HOST=f"unix://{tmp_path}/no.sock")
    assert cure(result) == "sudo systemctl start docker"
    assert "no Docker engine answers" in result.stderr


@pytest.mark.parametrize("missing", ["docker", "aws"])
def test_without_a_program_it_names_the_command_that_installs_one(
    checkout: Checkout, registry: Registry, tmp_path: Path, missing: str
) -> None:
    (tmp_path / "bin").mkdir()
    for name in {*TOOLS, "docker", "aws"} - {missing}:
        found = shutil.which(name, path=checkout.environment()["PATH"])
        (tmp_path / "bin" / name).symlink_to(str(found))
    with nothing_pushed(registry):
        result = checkout.push("program", PATH=str(tmp_path / "bin"))
    package = {"docker": "docker.io", "aws": "awscli"}[missing]
    assert cure(result) == f"sudo apt-get install {package}"
    assert "is missing" in result.stderr


# Elsewhere


@pytest.mark.parametrize(
    ("partition", "region", "suffix"),
    [
        ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
    ],
)
def test_the_name_is_that_of_the_partition_in_which_the_caller_is(
    checkout: Checkout, api: Api, partition: str, region: str, suffix: str
) -> None:
    """I-01, X-50: STS says which it is; a dry run creates and pushes nothing."""
    full_access = FULL_ACCESS.replace("arn:aws:", f"arn:{partition}:")
    checkout.key = api.user("elsewhere", full_access, region=region)
    asked = api.asked("CreateRepository")
    result = checkout.push("elsewhere", "--region", region, "--dry-run")
    assert result.returncode == 0, result.stderr
    address = f"{ACCOUNT}.dkr.ecr.{region}.{suffix}/{PREFIX}/elsewhere"
    tag = checkout.git("rev-parse", "--short", "HEAD")
    assert f"docker push {address}:{tag} " in result.stdout
    assert api.asked("CreateRepository") == asked


def test_without_buildx_another_platform_is_refused_with_what_it_needs(
    checkout: Checkout, registry: Registry
) -> None:
    """I-06."""
    with nothing_pushed(registry):
        result = checkout.push("arm", "--platform", "linux/arm64")
    assert cure(result) == f"{EMULATOR} arm64"
    assert "needs buildx (https://docs.docker.com/go/buildx/)" in result.stderr


def test_a_program_of_another_platform_that_does_not_run_pushes_nothing(
    tmp_path: Path, api: Api, pusher: dict[str, str], registry: Registry
) -> None:
    """I-06, X-48: no base image for arm64 is at hand, so the step runs a program."""
    checkout = make_checkout(tmp_path, "buildx", api, pusher)
    checkout.write("model/foreign", ARM64_PROGRAM)
    checkout.write("Dockerfile", b'FROM scratch\nCOPY model /\nRUN ["/foreign"]\n')
    checkout.commit()
    with nothing_pushed(registry):
        result = checkout.push("arm", "--platform", "linux/arm64")
    assert cure(result).endswith("/arm --platform linux/arm64")
    assert "the build failed: nothing is pushed" in result.stderr
    assert f"(foreign platform: {EMULATOR} arm64)" in result.stderr
