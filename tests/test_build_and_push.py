"""build_and_push.sh, with real git and fakes of docker and aws first on PATH."""

import ast
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

import runtime

ROOT = Path(__file__).parents[1]
NEEDED = (
    *("build_and_push.sh", "Dockerfile"),
    *("local-test/sbom.py", "model/runtime/__init__.py"),
)
TOOLS = ("bash", "cat", "dirname", "env", "git", "grep", "mktemp", "rm", "sed", "tee")

REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ADDRESS = f"{REGISTRY}/my-model"
DIGEST = "sha256:" + "d" * 64
CONFIG = "sha256:" + "c" * 64
OTHER = "sha256:" + "0" * 64
DOCKER_V2 = "application/vnd.docker.distribution.manifest.v2+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
# With line breaks, as docker writes it: they are part of what the digest stands for.
MANIFEST = json.dumps({"mediaType": DOCKER_V2, "config": {"digest": CONFIG}}, indent=3)
IMMUTABLE = (
    "tag invalid: The image tag '1' already exists in the 'my-model' repository and "
    "cannot be overwritten because the repository is immutable."
)

# Each call becomes one line of $CALLS; the environment says what fails, and how.
FAKE = r"""#!/usr/bin/env bash
set -euo pipefail
line="${DOCKER_BUILDKIT:+DOCKER_BUILDKIT=${DOCKER_BUILDKIT} }${0##*/} $*"
echo "${line//$'\n'/ }" >>"${CALLS}"
stop() { echo "${1}" >&2; exit "${2:-1}"; }
"""

DOCKER = r"""
build() {
    local note="" output=""
    while [[ $# -gt 0 ]]; do
        case "${1}" in
            --iidfile) echo "${IMAGE}" >"${2}" ;;
            --metadata-file)
                printf '{\n  "containerimage.config.digest": "%s",\n' "${IMAGE}" >"${2}"
                printf '  "containerimage.digest": "%s"\n}\n' "${LOADED:-}" >>"${2}"
                ;;
            --output) output="${2}" ;;
        esac
        shift
    done
    if [[ -n "${output}" ]]; then push; fi
    [[ -z "${BUILD_ERROR:-}" ]] || stop "${BUILD_ERROR}"
}
push() {
    echo "5f70bf18a086: Layer already exists"
    [[ -z "${PUSH_ERROR:-}" ]] || stop "${PUSH_ERROR}"
}
case "${1} ${2}" in
    "version "*) [[ -n "${ENGINE}" ]] || stop "no daemon"; echo "${ENGINE}" ;;
    "buildx version") [[ "${BUILDX}" == yes ]] || stop "unknown command" ;;
    "buildx build" | "build "*) build "$@" ;;
    "run --rm")
        cat >"${CALLS}.program"
        [[ -z "${RUN_ERROR:-}" ]] || { echo half; stop "${RUN_ERROR}"; }
        echo "the packages of ${*: -1}"
        ;;
    "image inspect") echo "${BUILT:-${ENGINE}}" ;;
    "login "*) cat >"${CALLS}.password"; [[ -z "${LOGIN_ERROR:-}" ]] || stop no ;;
    "push "*) push ;;
    *) stop "docker ${*}?" 125 ;;
esac
"""

AWS = r"""
case "${1} ${2}" in
    "sts get-caller-identity")
        [[ -n "${ARN}" ]] || stop "Unable to locate credentials" 253
        printf '123456789012\t%s\n' "${ARN}"
        ;;
    "configure get") [[ -n "${CONFIGURED:-}" ]] || exit 1; echo "${CONFIGURED}" ;;
    "ecr describe-repositories")
        [[ -z "${REPOSITORY_ERROR:-}" ]] || stop "(${REPOSITORY_ERROR})" 254 ;;
    "ecr create-repository")
        [[ -z "${CREATE_ERROR:-}" ]] || stop "(${CREATE_ERROR})" 254
        echo '{"repository": {}}'
        ;;
    "ecr get-login-password")
        [[ -z "${PASSWORD_ERROR:-}" ]] || stop "(${PASSWORD_ERROR})" 254
        echo secret
        ;;
    "ecr batch-get-image")
        case "$*" in
            *"--query images[0].imageManifest "*) echo "${MANIFEST}" ;;
            *"--query images[0].imageId.imageDigest "*) echo "${DIGEST}" ;;
            *) if [[ -z "${MEDIA_TYPE}" ]]; then echo None
               else printf '%s\t%s\t%s\n' "${DIGEST}" "${MEDIA_TYPE}" "${MANIFEST}"
               fi ;;
        esac
        ;;
    "ecr put-image")
        while [[ "${1}" != --image-manifest ]]; do shift; done
        printf '%s' "${2}" >"${CALLS}.manifest"
        [[ -z "${PUT_ERROR:-}" ]] || stop "(${PUT_ERROR})" 254
        ;;
    *) stop "aws ${*}?" 252 ;;
esac
"""

ENVIRONMENT = {
    "ARN": "arn:aws:iam::123456789012:user/someone",
    "AWS_REGION": "eu-west-1",
    "BUILDX": "yes",
    "DIGEST": DIGEST,
    "ENGINE": "linux/amd64",
    "IMAGE": CONFIG,
    "MANIFEST": MANIFEST,
    "MEDIA_TYPE": DOCKER_V2,
}

either_builder = pytest.mark.parametrize("buildx", ["yes", "no"])


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Someone", "-c", "user.email=someone@example.com")
    return subprocess.run(
        ["git", *who, *arguments],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def commit(folder: Path) -> str:
    """Commit all of the folder, and return the whole name of the commit."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a commit")
    return git(folder, "rev-parse", "HEAD")


def copy(folder: Path) -> Path:
    """Copy what the script needs of this template into a new folder."""
    folder.mkdir(parents=True)
    for name in NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Give a copy of the template outside of git, beside fakes of docker and aws."""
    tools = tmp_path / "bin"
    for folder in (tools, tmp_path / "tmp", tmp_path / "home"):
        folder.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(str(shutil.which(name)))
    program(tools / "docker", FAKE + DOCKER)
    program(tools / "aws", FAKE + AWS)
    return copy(tmp_path / "checkout")


@pytest.fixture
def checkout(bare: Path) -> Path:
    """Give a copy of the template in a git repository, with nothing uncommitted."""
    commit(bare)
    return bare


def environment(top: Path, **changes: str | None) -> dict[str, str]:
    """Give the whole environment of a run; None takes a variable away."""
    values: dict[str, str | None] = {
        **ENVIRONMENT,
        "CALLS": str(top / "calls"),
        "GIT_CEILING_DIRECTORIES": str(top),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "HOME": str(top / "home"),
        "PATH": str(top / "bin"),
        "TMPDIR": str(top / "tmp"),
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def push(
    checkout: Path, *arguments: str, **changes: str | None
) -> subprocess.CompletedProcess[str]:
    """Run build_and_push.sh from the folder above, and forget the calls before."""
    top = checkout.parent
    (top / "calls").write_text("")
    result = subprocess.run(
        [f"{checkout.name}/build_and_push.sh", *arguments],
        cwd=top,
        env=environment(top, **changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert list((top / "tmp").iterdir()) == [], "temporary files are left"
    return result


def calls(checkout: Path, pattern: str = "") -> list[str]:
    """Give the calls of docker and aws, in their order, which match the pattern."""
    lines = (checkout.parent / "calls").read_text().splitlines()
    return [line for line in lines if re.search(pattern, line)]


def only(checkout: Path, pattern: str) -> str:
    (call,) = calls(checkout, pattern)
    return call


CHANGES = (
    r"docker (buildx )?build |docker login|docker push|create-repository|put-image"
    r"|get-login-password"
)
BUILD = r"docker (buildx )?build (?!.*--output)"
PUSH = r"docker push|--output type=image"


def repair(result: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """Give the last line of a failed run: the command that repairs it."""
    assert result.returncode == status, result.stderr
    assert result.stdout == ""
    return result.stderr.splitlines()[-1].strip()


# What one types


@pytest.mark.parametrize(
    "name", ["ab", "a1", "my-model", "team/my.model_2", "a/b/c-d", "0x", "a" * 256]
)
def test_a_name_that_ecr_takes_is_taken(checkout: Path, name: str) -> None:
    assert push(checkout, name).returncode == 0
    assert f"/{name}:" in only(checkout, BUILD)


@pytest.mark.parametrize(
    "name",
    [
        *("a", "a" * 257, "My-model", "my model", "my--model", "-model", "model-"),
        *("_model", "a//b", "/a", "a/", "my-model:1", "a..b", "a\nb", "möbel", "a;b"),
        "",
    ],
)
def test_another_name_is_misuse_and_the_answer_is_the_rule(
    checkout: Path, name: str
) -> None:
    result = push(checkout, name)
    assert repair(result, 64).endswith("--help")
    assert name.startswith("-") or "2 to 256" in result.stderr
    assert calls(checkout) == []


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ((), "needs a name"),
        (("--dry-run",), "needs a name"),
        (("my-model", "other"), "not two"),
        (("my-model", "--force"), "no option --force"),
        (("my-model", "-t", "1"), "no option -t"),
        (("my-model", "--tag"), "--tag needs a value"),
        (("my-model", "--tag", ""), "--tag needs a value"),
        (("my-model", "--region", "--dry-run"), "--region needs a value"),
        (("my-model", "--platform", "windows/amd64"), "linux/amd64 or linux/arm64"),
        (("my-model", "--platform", "linux/amd64,linux/arm64"), "or linux/arm64"),
        (("my-model", "--tag", ".1"), "begins with neither"),
        (("my-model", "--tag", "a b"), "128 letters"),
        (("my-model", "--tag", "a" * 129), "128 letters"),
        (("my-model", "--tag", "latest"), "clean commits"),
        (("my-model", "--sbom"), "--sbom needs a value"),
        (("my-model", "--sbom", "nowhere/sbom.json"), "a folder that is there"),
        (("my-model", "--sbom", "checkout"), "names a file"),
    ],
    ids=str,
)
def test_misuse_is_64_and_says_what_is_wrong(
    checkout: Path, arguments: tuple[str, ...], answer: str
) -> None:
    result = push(checkout, *arguments)
    assert repair(result, 64).endswith("--help")
    assert answer in result.stderr
    assert calls(checkout) == []


def test_help_is_the_head_of_the_script(bare: Path) -> None:
    result = push(bare, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Builds the image")
    assert "Usage: ./build_and_push.sh IMAGE-NAME" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Example:")
    options = ("--tag", "--region", "--platform", "--sbom", "--dry-run", "--help")
    for option in options:
        assert f"\n  {option} " in result.stdout


def test_it_works_from_any_folder(checkout: Path) -> None:
    # All tests start it from the folder above; with CDPATH, cd speaks and wanders.
    result = push(checkout, "my-model", CDPATH=str(checkout.parent))
    assert result.returncode == 0, result.stderr
    assert only(checkout, BUILD).endswith(f" {checkout}")


# The order of things


@either_builder
def test_identity_repository_build_login_push_manifest_and_latest_come_in_this_order(
    checkout: Path, buildx: str
) -> None:
    assert push(checkout, "my-model", BUILDX=buildx).returncode == 0
    steps = [
        *(r"docker version", r"get-caller-identity", r"describe-repositories", BUILD),
        *(r"docker login", PUSH, r"batch-get-image", r"put-image"),
    ]
    made = calls(checkout)
    places = [made.index(only(checkout, step)) for step in steps]
    assert places == sorted(places)


def test_what_changes_nothing_is_all_that_comes_before_the_identity(
    checkout: Path,
) -> None:
    result = push(checkout, "my-model", ARN="")
    assert repair(result) == "aws configure"
    assert "aws sso login" in result.stderr
    assert "Unable to locate credentials" in result.stderr
    assert calls(checkout, CHANGES) == []


@pytest.mark.parametrize("tool", ["docker", "aws", "git"])
def test_a_missing_tool_is_named_before_anything_is_called(
    checkout: Path, tool: str
) -> None:
    (checkout.parent / "bin" / tool).unlink()
    result = push(checkout, "my-model")
    assert repair(result).startswith("sudo apt-get install")
    assert "missing" in result.stderr
    assert calls(checkout) == []


def test_an_engine_that_is_down_stops_it_before_aws_is_asked(checkout: Path) -> None:
    result = push(checkout, "my-model", ENGINE="")
    assert repair(result) == "sudo systemctl start docker"
    assert "no daemon" in result.stderr
    assert calls(checkout, "^aws") == []


# Where to


@pytest.mark.parametrize(
    ("option", "first", "second", "region"),
    [
        ("us-east-2", "eu-west-1", "eu-west-2", "us-east-2"),
        (None, "eu-west-1", "eu-west-2", "eu-west-1"),
        (None, None, "eu-west-2", "eu-west-2"),
        (None, "", "eu-west-2", "eu-west-2"),
        (None, None, None, "eu-west-3"),
    ],
)
def test_the_region_is_the_options_then_the_environments_then_the_configured_one(
    checkout: Path,
    option: str | None,
    first: str | None,
    second: str | None,
    region: str,
) -> None:
    result = push(
        checkout,
        "my-model",
        *(("--region", option) if option else ()),
        AWS_REGION=first,
        AWS_DEFAULT_REGION=second,
        CONFIGURED="eu-west-3",
    )
    assert result.returncode == 0, result.stderr
    for call in calls(checkout, r"^aws (ecr|sts)"):
        assert f"--region {region}" in call
    assert f".dkr.ecr.{region}.amazonaws.com" in only(checkout, "docker login")


def test_without_a_region_it_stops_and_says_how_to_configure_one(
    checkout: Path,
) -> None:
    result = push(checkout, "my-model", AWS_REGION=None)
    assert repair(result) == "aws configure set region us-east-1"
    assert calls(checkout, CHANGES) == []


@pytest.mark.parametrize(
    ("partition", "region", "suffix"),
    [
        ("aws", "ap-south-1", "amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
        ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
        ("aws-eusc", "eusc-de-east-1", "amazonaws.eu"),
        ("aws-iso", "us-iso-east-1", "c2s.ic.gov"),
        ("aws-iso-b", "us-isob-east-1", "sc2s.sgov.gov"),
        ("aws-iso-e", "eu-isoe-west-1", "cloud.adc-e.uk"),
        ("aws-iso-f", "us-isof-south-1", "csp.hci.ic.gov"),
    ],
)
def test_each_partition_has_its_dns_suffix(
    checkout: Path, partition: str, region: str, suffix: str
) -> None:
    arn = f"arn:{partition}:sts::123456789012:assumed-role/someone/session"
    result = push(checkout, "my-model", "--region", region, ARN=arn)
    assert result.returncode == 0
    registry = f"123456789012.dkr.ecr.{region}.{suffix}"
    assert only(checkout, "docker login").endswith(f" {registry}")
    assert f"{registry}/my-model@{DIGEST}" in result.stdout
    assert f"arn:{partition}:iam::123456789012:role/" in result.stdout


def test_an_unknown_partition_stops_it(checkout: Path) -> None:
    result = push(checkout, "my-model", ARN="arn:aws-moon:iam::1:user/someone")
    assert "'aws-moon' is unknown" in result.stderr
    assert "build_and_push.sh" in repair(result)
    assert calls(checkout, CHANGES) == []


def test_a_repository_that_is_there_is_not_created(checkout: Path) -> None:
    assert push(checkout, "my-model").returncode == 0
    assert "--repository-names my-model" in only(checkout, "describe-repositories")
    assert calls(checkout, "create-repository") == []


def test_a_repository_that_is_not_found_is_created_with_scan_on_push(
    checkout: Path,
) -> None:
    result = push(checkout, "my-model", REPOSITORY_ERROR="RepositoryNotFoundException")
    assert result.returncode == 0
    call = only(checkout, "create-repository")
    assert "--repository-name my-model" in call
    assert "--image-scanning-configuration scanOnPush=true" in call


@pytest.mark.parametrize(
    "error", ["AccessDeniedException", "ExpiredToken", "Throttled"]
)
def test_another_failure_of_the_look_up_creates_and_builds_nothing(
    checkout: Path, error: str
) -> None:
    result = push(checkout, "my-model", REPOSITORY_ERROR=error)
    assert repair(result).startswith("aws iam attach-role-policy")
    assert error in result.stderr
    assert calls(checkout, CHANGES) == []


def test_a_repository_that_someone_else_creates_meanwhile_is_welcome(
    checkout: Path,
) -> None:
    result = push(
        checkout,
        "my-model",
        REPOSITORY_ERROR="RepositoryNotFoundException",
        CREATE_ERROR="RepositoryAlreadyExistsException",
    )
    assert result.returncode == 0
    assert len(calls(checkout, PUSH)) == 1


def test_a_repository_that_cannot_be_created_stops_it_before_the_build(
    checkout: Path,
) -> None:
    result = push(
        checkout,
        "my-model",
        REPOSITORY_ERROR="RepositoryNotFoundException",
        CREATE_ERROR="AccessDeniedException",
    )
    assert repair(result).endswith("AmazonEC2ContainerRegistryFullAccess")
    assert "AccessDeniedException" in result.stderr
    assert calls(checkout, BUILD) == []


# The build


@either_builder
def test_a_failed_build_pushes_nothing(checkout: Path, buildx: str) -> None:
    result = push(checkout, "my-model", BUILDX=buildx, BUILD_ERROR="no such package")
    assert repair(result) == "checkout/build_and_push.sh my-model"
    assert "no such package" in result.stderr
    assert calls(checkout, f"login|docker tag|put-image|{PUSH}") == []


@pytest.mark.parametrize("engine", ["linux/amd64", "linux/arm64"])
@pytest.mark.parametrize("platform", [None, "linux/amd64", "linux/arm64"])
def test_buildx_builds_for_amd64_on_every_machine_unless_told_otherwise(
    checkout: Path, engine: str, platform: str | None
) -> None:
    arguments = ("--platform", platform) if platform else ()
    assert push(checkout, "my-model", *arguments, ENGINE=engine).returncode == 0
    for call in calls(checkout, "buildx build"):
        assert f"--platform {platform or 'linux/amd64'} " in call


def test_buildx_adds_no_attestations(checkout: Path) -> None:
    assert push(checkout, "my-model").returncode == 0
    for call in calls(checkout, "buildx build"):
        assert "--provenance=false --sbom=false" in call


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_the_classic_builder_builds_for_the_engines_platform_without_being_told(
    checkout: Path, platform: str
) -> None:
    result = push(
        checkout, "my-model", "--platform", platform, ENGINE=platform, BUILDX="no"
    )
    assert result.returncode == 0
    call = only(checkout, BUILD)
    assert call.startswith("DOCKER_BUILDKIT=0 docker build --force-rm ")
    assert "--platform" not in call


@pytest.mark.parametrize("wanted", ["amd64", "arm64"])
def test_a_foreign_platform_without_buildx_stops_it_with_the_emulators_command(
    checkout: Path, wanted: str
) -> None:
    engine = "linux/arm64" if wanted == "amd64" else "linux/amd64"
    result = push(
        checkout,
        "my-model",
        "--platform",
        f"linux/{wanted}",
        ENGINE=engine,
        BUILDX="no",
    )
    emulator = "docker run --privileged --rm tonistiigi/binfmt --install"
    assert repair(result) == f"{emulator} {wanted}"
    assert "needs buildx" in result.stderr
    assert calls(checkout, "^aws") == []


def test_a_base_image_of_another_platform_is_not_pushed_by_the_classic_builder(
    checkout: Path,
) -> None:
    result = push(checkout, "my-model", BUILDX="no", BUILT="linux/arm64")
    assert repair(result).startswith("docker pull --platform linux/amd64")
    assert calls(checkout, f"login|{PUSH}") == []


@either_builder
def test_the_image_is_labelled_with_the_whole_name_of_its_commit(
    bare: Path, buildx: str
) -> None:
    revision = commit(bare)
    assert push(bare, "my-model", "--tag", "1", BUILDX=buildx).returncode == 0
    label = f"--label org.opencontainers.image.revision={revision} "
    assert label in only(bare, BUILD)


def test_the_label_of_uncommitted_changes_says_dirty(checkout: Path) -> None:
    (checkout / "Dockerfile").write_text("FROM scratch\n")
    revision = git(checkout, "rev-parse", "HEAD")
    assert push(checkout, "my-model").returncode == 0
    label = f"--label org.opencontainers.image.revision={revision}-dirty "
    assert label in only(checkout, BUILD)


@either_builder
def test_base_image_is_handed_to_the_build(checkout: Path, buildx: str) -> None:
    base = "python:3.12-slim-bookworm"
    assert push(checkout, "my-model", BUILDX=buildx, BASE_IMAGE=base).returncode == 0
    assert f"--build-arg BASE_IMAGE={base} " in only(checkout, BUILD)


@pytest.mark.parametrize("base", [None, ""])
def test_without_base_image_the_dockerfile_decides(
    checkout: Path, base: str | None
) -> None:
    assert push(checkout, "my-model", BASE_IMAGE=base).returncode == 0
    assert "--build-arg" not in only(checkout, BUILD)


# The tags


def test_a_clean_commit_is_pushed_under_its_short_name_and_as_latest(
    checkout: Path,
) -> None:
    tag = git(checkout, "rev-parse", "--short", "HEAD")
    assert push(checkout, "my-model").returncode == 0
    assert f"--tag {ADDRESS}:{tag} " in only(checkout, BUILD)
    assert f"--tag {ADDRESS}:{tag} " in only(checkout, PUSH)
    assert "--image-tag latest " in only(checkout, "put-image")


@pytest.mark.parametrize("change", ["Dockerfile", "requirements.txt", "model/new"])
@either_builder
def test_uncommitted_changes_are_pushed_as_dirty_and_never_as_latest(
    checkout: Path, change: str, buildx: str
) -> None:
    (checkout / change).write_text("FROM scratch\n")
    tag = git(checkout, "rev-parse", "--short", "HEAD")
    result = push(checkout, "my-model", BUILDX=buildx)
    assert result.stdout.startswith(f"{ADDRESS}:{tag}-dirty\n")
    assert f"{ADDRESS}:{tag}-dirty" in only(checkout, PUSH)
    assert "latest" not in result.stdout + "".join(calls(checkout))
    assert "stays where it is: commit, then" in result.stderr


@pytest.mark.parametrize("change", ["deploy/settings.py", "local-test/payload.csv"])
def test_changes_that_are_not_in_the_image_do_not_make_it_dirty(
    checkout: Path, change: str
) -> None:
    (checkout / change).parent.mkdir(exist_ok=True)
    (checkout / change).write_text("mine")
    result = push(checkout, "my-model")
    assert f"\n{ADDRESS}:latest\n" in result.stdout
    assert result.stderr.endswith('PROJECT = "my-model" in deploy/settings.py\n')


def test_a_git_that_fails_does_not_pass_for_a_clean_commit(checkout: Path) -> None:
    (checkout / ".git" / "index").write_bytes(b"no index")
    result = push(checkout, "my-model")
    assert result.returncode != 0
    assert "index" in result.stderr
    assert calls(checkout, CHANGES) == []


def test_changes_beside_the_template_do_not_make_its_commit_dirty(bare: Path) -> None:
    top = bare.parent / "monorepo"
    folder = copy(top / "model")
    commit(top)
    (top / "notes").write_text("of another project")
    shutil.move(bare.parent / "bin", top / "bin")
    for name in ("tmp", "home"):
        (top / name).mkdir()
    result = push(folder, "my-model", GIT_CEILING_DIRECTORIES=str(top.parent))
    assert result.returncode == 0
    assert len(calls(folder, "put-image")) == 1
    assert "dirty" not in "".join(calls(folder))


@pytest.mark.parametrize("state", ["clean", "dirty", "bare"])
def test_a_tag_that_is_given_is_the_only_one_pushed(bare: Path, state: str) -> None:
    if state != "bare":
        commit(bare)
    if state == "dirty":
        (bare / "new").touch()
    result = push(bare, "my-model", "--tag", "1.2")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{ADDRESS}:1.2\n")
    assert f"--tag {ADDRESS}:1.2 " in only(bare, PUSH)
    assert calls(bare, "put-image") == []


def test_without_a_commit_there_is_no_label_of_it(bare: Path) -> None:
    assert push(bare, "my-model", "--tag", "1").returncode == 0
    assert "image.revision" not in only(bare, BUILD)


@either_builder
def test_the_image_is_labelled_with_the_version_of_the_template(
    checkout: Path, buildx: str
) -> None:
    assert push(checkout, "my-model", BUILDX=buildx).returncode == 0
    label = f" --label org.opencontainers.image.version={runtime.__version__} "
    assert label in only(checkout, BUILD)


@pytest.mark.parametrize("state", ["no git", "no commit", "not committed"])
def test_without_a_commit_of_the_dockerfile_a_tag_is_asked_for(
    bare: Path, state: str
) -> None:
    if state != "no git":
        git(bare, "init", "--quiet")
    if state == "not committed":
        git(bare, "commit", "--quiet", "--allow-empty", "--message", "nothing")
    result = push(bare, "my-model", "--region", "us-east-1")
    script = "checkout/build_and_push.sh"
    assert repair(result) == f"{script} my-model --region us-east-1 --tag 0.1.0"
    assert "needs a tag" in result.stderr
    assert calls(bare, CHANGES) == []


# Login and push


def test_the_password_goes_to_dockers_stdin_and_is_nowhere_printed(
    checkout: Path,
) -> None:
    result = push(checkout, "my-model")
    login = f"docker login --username AWS --password-stdin {REGISTRY}"
    assert only(checkout, "docker login") == login
    assert (checkout.parent / "calls.password").read_text() == "secret\n"
    assert "secret" not in result.stdout + result.stderr + "".join(calls(checkout))


@pytest.mark.parametrize("error", ["LOGIN_ERROR", "PASSWORD_ERROR"])
def test_a_failed_login_pushes_nothing(checkout: Path, error: str) -> None:
    result = push(checkout, "my-model", **{error: "AccessDeniedException"})
    assert repair(result).endswith("AmazonEC2ContainerRegistryPowerUser")
    assert f"docker logout {REGISTRY}" in result.stderr
    assert calls(checkout, f"put-image|{PUSH}") == []


def test_buildx_pushes_dockers_media_types_from_its_cache(checkout: Path) -> None:
    assert push(checkout, "my-model").returncode == 0
    build, push_again = calls(checkout, "buildx build")
    assert "--load" in build
    assert "--output type=image,push=true,oci-mediatypes=false" in push_again
    # Anything else that differed would build another image.
    notes = r" --load| --output \S+| --metadata-file \S+"
    assert re.sub(notes, "", build) == re.sub(notes, "", push_again)
    assert calls(checkout, "docker push") == []


def test_the_classic_builders_image_is_pushed_by_docker(checkout: Path) -> None:
    assert push(checkout, "my-model", "--tag", "1", BUILDX="no").returncode == 0
    assert only(checkout, PUSH) == f"docker push {ADDRESS}:1"


@either_builder
def test_a_failed_push_is_a_failure_and_latest_does_not_move(
    checkout: Path, buildx: str
) -> None:
    result = push(checkout, "my-model", BUILDX=buildx, PUSH_ERROR="denied: no")
    assert repair(result).startswith("aws iam attach-role-policy")
    assert "denied: no" in result.stderr
    assert calls(checkout, "batch-get-image|put-image") == []


@either_builder
@pytest.mark.parametrize("image", [CONFIG, DIGEST], ids=["configuration", "manifest"])
def test_an_immutable_tag_on_the_same_image_is_success(
    checkout: Path, image: str, buildx: str
) -> None:
    result = push(
        checkout, "my-model", BUILDX=buildx, PUSH_ERROR=IMMUTABLE, IMAGE=image
    )
    assert result.returncode == 0, result.stderr
    assert f"{ADDRESS}@{DIGEST}" in result.stdout
    assert len(calls(checkout, "put-image")) == 1


def test_an_old_engine_notes_the_configuration_in_the_place_of_the_manifest(
    checkout: Path,
) -> None:
    result = push(checkout, "my-model", PUSH_ERROR=IMMUTABLE, IMAGE="", LOADED=CONFIG)
    assert result.returncode == 0, result.stderr


@either_builder
@pytest.mark.parametrize("image", [OTHER, ""], ids=["other", "unknown"])
@pytest.mark.parametrize(
    "error", [IMMUTABLE, "400 TAG_INVALID", "because the tag is immutable"]
)
def test_an_immutable_tag_on_another_image_is_a_failure_with_a_cure(
    checkout: Path, error: str, image: str, buildx: str
) -> None:
    result = push(
        checkout,
        *("my-model", "--tag", "1"),
        BUILDX=buildx,
        PUSH_ERROR=error,
        IMAGE=image,
        LOADED=image,
    )
    assert repair(result).endswith("build_and_push.sh my-model --tag 1-2")
    assert f"{ADDRESS}@{DIGEST}" in result.stderr


# What the repository has then


@either_builder
@pytest.mark.parametrize(
    "media_type",
    [
        OCI_INDEX,
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ],
)
def test_any_manifest_but_dockers_single_one_is_a_failure_with_a_cure(
    checkout: Path, media_type: str, buildx: str
) -> None:
    result = push(checkout, "my-model", BUILDX=buildx, MEDIA_TYPE=media_type)
    cure = repair(result)
    assert "aws ecr batch-delete-image" in cure
    assert "docker buildx create --driver docker-container --use" in cure
    assert media_type in result.stderr
    assert calls(checkout, "put-image") == []


def test_ecr_is_asked_for_the_manifest_as_it_is_and_not_for_a_conversion(
    checkout: Path,
) -> None:
    assert push(checkout, "my-model", "--tag", "1").returncode == 0
    call = only(checkout, "batch-get-image")
    assert "--repository-name my-model --image-ids imageTag=1 " in call
    for media_type in (DOCKER_V2, OCI_INDEX, OCI_INDEX.replace("index", "manifest")):
        assert media_type in call


def test_an_image_that_did_not_arrive_is_a_failure(checkout: Path) -> None:
    result = push(checkout, "my-model", MEDIA_TYPE="")
    assert repair(result).endswith("build_and_push.sh my-model")
    assert calls(checkout, "put-image") == []


@either_builder
def test_latest_is_the_manifest_that_was_verified_to_the_byte(
    checkout: Path, buildx: str
) -> None:
    assert push(checkout, "my-model", BUILDX=buildx).returncode == 0
    assert f"--image-digest {DIGEST}" in only(checkout, "put-image")
    assert (checkout.parent / "calls.manifest").read_text() == MANIFEST


def test_latest_on_this_image_already_is_success(checkout: Path) -> None:
    result = push(checkout, "my-model", PUT_ERROR="ImageAlreadyExistsException")
    assert result.returncode == 0


def test_an_immutable_latest_is_a_failure_with_a_cure(checkout: Path) -> None:
    result = push(checkout, "my-model", PUT_ERROR="ImageTagAlreadyExistsException")
    cure = repair(result)
    assert cure.startswith("aws ecr put-image-tag-mutability --region eu-west-1")
    assert cure.endswith("filterType=WILDCARD,filter=latest")
    assert "is pushed, but latest did not move" in result.stderr


def test_at_the_end_stand_the_address_the_digest_and_python_that_uses_it(
    checkout: Path,
) -> None:
    result = push(checkout, "my-model", "--tag", "1")
    lines = result.stdout.splitlines()
    assert lines[:3] == [f"{ADDRESS}:1", f"{ADDRESS}@{DIGEST}", ""]
    code = "\n".join(lines[3:])
    strings = [
        node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant)
    ]
    assert "import boto3" in code
    assert ".create_model(" in code
    assert f"{ADDRESS}@{DIGEST}" in strings
    assert f"{ADDRESS}:1" not in strings


def test_latest_is_announced_if_it_moved(checkout: Path) -> None:
    result = push(checkout, "my-model")
    assert f"{ADDRESS}:latest" in result.stdout.splitlines()


# What is in it


@either_builder
@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_the_packages_of_the_image_that_was_pushed_are_asked_of_itself(
    checkout: Path, buildx: str, platform: str
) -> None:
    options = ("--sbom", "sbom.json", "--tag", "1", "--platform", platform)
    variables = {"BUILDX": buildx, "ENGINE": platform}
    assert push(checkout, "my-model", *options, **variables).returncode == 0
    top = checkout.parent
    assert (top / "sbom.json").read_text() == f"the packages of {DIGEST}\n"
    call = only(checkout, "docker run")
    assert f" --network none --platform {platform} --entrypoint python3 " in call
    assert call.endswith(f" {ADDRESS}:1 - {ADDRESS} {DIGEST}")
    program = (checkout / "local-test/sbom.py").read_text()
    assert (top / "calls.program").read_text() == program
    made = calls(checkout)
    assert made.index(only(checkout, PUSH)) < made.index(call)


def test_without_sbom_no_container_runs(checkout: Path) -> None:
    assert push(checkout, "my-model").returncode == 0
    assert calls(checkout, "docker run") == []


def test_packages_that_cannot_be_listed_are_a_failure_and_leave_no_half_a_file(
    checkout: Path,
) -> None:
    options = ("--sbom", "sbom.json")
    result = push(checkout, "my-model", *options, RUN_ERROR="no such runtime")
    assert repair(result) == "checkout/build_and_push.sh my-model --sbom sbom.json"
    assert "no such runtime" in result.stderr
    assert "is pushed, but its packages are not in sbom.json" in result.stderr
    assert not (checkout.parent / "sbom.json").exists()
    assert calls(checkout, "put-image") == []


# The dry run


def test_the_packages_of_a_dry_run_are_asked_for_as_the_script_does(
    checkout: Path,
) -> None:
    sbom = checkout.parent / "a sbom.json"
    options = ("--tag", "1", "--sbom", str(sbom))
    assert push(checkout, "my-model", *options).returncode == 0
    real, made = only(checkout, "docker run"), sbom.read_bytes()
    sbom.unlink()
    printed = push(checkout, "my-model", "--dry-run", *options).stdout
    assert calls(checkout, "docker run") == []
    (line,) = (line for line in printed.splitlines() if "docker run" in line)
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        env=environment(checkout.parent),
        check=True,
        capture_output=True,
    )
    assert (only(checkout, "docker run"), sbom.read_bytes()) == (real, made)


@either_builder
def test_a_dry_run_changes_nothing(checkout: Path, buildx: str) -> None:
    result = push(
        checkout,
        *("my-model", "--dry-run"),
        BUILDX=buildx,
        REPOSITORY_ERROR="RepositoryNotFoundException",
    )
    assert result.returncode == 0, result.stderr
    assert calls(checkout, CHANGES) == []
    assert calls(checkout, "get-caller-identity") != []


@either_builder
@pytest.mark.parametrize("arguments", [(), ("--tag", "1")], ids=["commit", "tag"])
def test_the_commands_of_a_dry_run_do_what_the_script_does(
    checkout: Path, arguments: tuple[str, ...], buildx: str
) -> None:
    changes = {
        "BUILDX": buildx,
        "BASE_IMAGE": "base;image",
        "REPOSITORY_ERROR": "RepositoryNotFoundException",
    }
    notes = r" --(metadata-file|iidfile|image-digest) \S+"
    push(checkout, "my-model", *arguments, **changes)
    real = {re.sub(notes, "", call) for call in calls(checkout, CHANGES)}
    printed = push(checkout, "my-model", "--dry-run", *arguments, **changes).stdout
    subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=printed,
        env=environment(checkout.parent, **changes),
        check=True,
        capture_output=True,
        text=True,
    )
    copied = {
        re.sub(" --image-digest .*", "", call) for call in calls(checkout, CHANGES)
    }
    assert copied == real


def test_a_dry_run_still_checks_the_engine(checkout: Path) -> None:
    assert repair(push(checkout, "my-model", "--dry-run", ENGINE=""))


@either_builder
@pytest.mark.parametrize("cli", [True, False], ids=["aws", "no aws"])
def test_without_credentials_a_dry_run_shows_all_with_placeholders(
    checkout: Path, buildx: str, *, cli: bool
) -> None:
    """D22: who has no account yet sees what would happen."""
    if not cli:
        (checkout.parent / "bin/aws").unlink()
    unknown = {"ARN": "", "AWS_REGION": None, "BUILDX": buildx}
    result = push(checkout, "my-model", "--dry-run", **unknown)
    assert result.returncode == 0, result.stderr
    assert "<account> and <region> stand for yours" in result.stderr
    create, build, login, pushed, latest = result.stdout.splitlines()
    assert create.startswith("aws ecr create-repository --region <region> ")
    address = "<account>.dkr.ecr.<region>.amazonaws.com/my-model:"
    assert address in build
    assert address in pushed
    assert "docker login" in login
    assert "put-image" in latest
    assert calls(checkout, CHANGES) == []


@pytest.mark.parametrize(
    ("region", "suffix"), [("eu-west-1", "com"), ("cn-north-1", "com.cn")]
)
def test_a_placeholder_stands_only_for_what_is_not_known(
    checkout: Path, region: str, suffix: str
) -> None:
    arguments = ("my-model", "--dry-run", "--region", region)
    shown = push(checkout, *arguments, ARN="").stdout
    assert f" <account>.dkr.ecr.{region}.amazonaws.{suffix}/my-model:" in shown
    assert "<region>" not in shown


def test_each_command_of_a_dry_run_is_one_line(checkout: Path) -> None:
    lines = push(checkout, "my-model", "--dry-run").stdout.splitlines()
    names = [shlex.split(line)[0] for line in lines]
    assert names == ["docker", "aws", "docker", "aws"]
