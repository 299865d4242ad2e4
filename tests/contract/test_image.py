"""What lies in the image and what does not, against the image it is built from."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from containers import Run, client, describe, invoke, owner, published, ready
from harness import ROOT, build_image, docker

DOCKERFILE = (ROOT / "Dockerfile").read_text()
BASE = os.environ.get("BASE_IMAGE") or DOCKERFILE.split("ARG BASE_IMAGE=")[1].split()[0]
SECRETS = (
    ".netrc",
    ".pypirc",
    "pip.conf",
    ".git-credentials",
    ".env",
    "*.key",
    "id_rsa*",
)
CACHES = ("*.deb", "*.whl", "/var/lib/apt/lists/*_*", "*/.cache/*", "/tmp/*")
SECRET = re.compile(
    r"password|passwd|secret|token|credential|private.key|A[KS]IA[0-9A-Z]{16}|://\S+:\S+@",
    re.IGNORECASE,
)


# Says of each name in the column `word` whether the server has imported it.
IMPORTED = """
import sys

class Predictor:
    def __init__(self, model_dir):
        pass

    def predict(self, rows):
        return [name in sys.modules for name in rows["word"]]
"""


@pytest.fixture
def name(image: str) -> Iterator[str]:
    """Give a name for another image, which is removed when the test ends."""
    other = f"{image}-other"
    yield other
    docker("image", "rm", "--force", other, check=False)


def inside(image: str, script: str) -> str:
    """Run a line of shell in an image. Returns: what it prints."""
    return docker("run", "--rm", "--entrypoint", "sh", image, "-c", script)


def added(image: str, condition: str) -> list[str]:
    """List the files of the image, and not of its base, that `find` finds."""
    script = f"find / -xdev {condition} 2>/dev/null || true"
    found = [set(inside(one, script).splitlines()) for one in (image, BASE)]
    return sorted(found[0] - found[1])


def named(*patterns: str) -> str:
    """Give the condition of `find` for files whose path or name is one of these."""
    tests = (f"-path '{p}'" if "/" in p else f"-name '{p}'" for p in patterns)
    return rf"-type f \( {' -o '.join(tests)} \)"


def test_the_image_runs_as_root(image: str) -> None:
    """H-02, T-06: SageMaker expects it."""
    user = docker("inspect", "--format", "{{.Config.User}}", image)
    assert user.strip() in ("", "root", "0")


def test_labels_promise_what_the_image_does(image: str) -> None:
    """I-13, H-59, H-65; the scripts that build it add its version and its commit."""
    labels = json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels == {
        "com.amazonaws.sagemaker.capabilities.accept-bind-to-port": "true",
        "com.amazonaws.sagemaker.capabilities.multi-models": "true",
        "org.opencontainers.image.licenses": "Apache-2.0",
    }


def test_no_module_is_compiled_at_run_time(image: str) -> None:
    """H-28, H-45: each has its bytecode, and no more is written."""
    script = (
        "import pathlib, sys; "
        "sys.exit(any(not list(p.parent.glob(f'__pycache__/{p.stem}.*.pyc')) "
        "for p in pathlib.Path('/opt/program').rglob('*.py')))"
    )
    docker("run", "--rm", image, "python3", "-c", script)


def test_no_file_gives_its_runner_another_user(image: str) -> None:
    assert added(image, "-type f -perm /6000") == []


def test_no_compiler_and_no_cache_is_left_in_the_image(image: str) -> None:
    script = "command -v gcc cc g++ clang make cargo rustc || true"
    assert inside(image, script) == ""
    assert added(image, named(*CACHES)) == []


def test_no_secret_is_in_a_file(image: str) -> None:
    assert added(image, named(*SECRETS, "*/.aws/*", "*/.ssh/*", "*/.docker/*")) == []
    key = "-type f -exec grep -lI -e '^-----BEGIN .*PRIVATE KEY-----' {} +"
    assert added(image, key) == []


def test_no_secret_is_in_a_variable_or_in_the_history_of_a_layer(image: str) -> None:
    assert [line for line in said(image) - said(BASE) if SECRET.search(line)] == []


def said(image: str) -> set[str]:
    """List the variables of an image, and the commands that made its layers."""
    (built,) = json.loads(docker("image", "inspect", image))
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    return {*(built["Config"]["Env"] or ()), *history.splitlines()}


def test_neither_data_nor_history_nor_tests_enter_the_image(image: str) -> None:
    folders = r"\( -name .git -o -name local-test -o -path '/opt/program/*tests*' \)"
    assert added(image, folders) == []
    assert added(image, named("penguins.csv", "*.md")) == [
        path for path in added(image, named("*.md")) if "/site-packages/" in path
    ]


def test_only_what_the_dockerfile_copies_is_sent_to_the_builder(
    name: str, tmp_path: Path
) -> None:
    """Whatever lies in a checkout: data, history, environments, secrets."""
    sent = {
        *("requirements.txt", "packages.txt", "wheels/own.whl"),
        *("model/train", "model/runtime/job.py"),
    }
    kept = {
        *("README.md", "docs/image.md", "tests/harness.py", "requirements.in"),
        *("local-test/test-dir/input/data/training/rows.csv", "wheels/pip.conf"),
        *(".git/config", ".venv/bin/python", ".env", ".aws/credentials", ".netrc"),
        *("model/__pycache__/job.pyc", "model/.DS_Store"),
    }
    for file in sent | kept:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nCOPY . /context\n")
    ignored = (ROOT / ".dockerignore").read_text()
    (tmp_path / ".dockerignore").write_text(ignored)
    build_image(name, folder=tmp_path)
    found = inside(name, "cd /context && find . -type f").split()
    assert {path.removeprefix("./") for path in found} == sent


def test_packages_of_debian_are_those_that_packages_txt_names(
    image: str, name: str, tmp_path: Path
) -> None:
    """D20: comments and blank lines are none, and no list of packages stays behind."""
    lines = "# of the model\n\n  \nlibgomp1 # LightGBM\n\tlibltdl7  # pyodbc"
    (tmp_path / "packages.txt").write_text(lines)
    (install,) = re.findall(
        r"^COPY packages\.txt.*?^ +fi\n", DOCKERFILE, re.MULTILINE | re.DOTALL
    )
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\n{install}")
    build_image(name, folder=tmp_path)
    packages = "dpkg-query --show --showformat '${Package}\n'"
    added = {*inside(name, packages).split()} - {*inside(image, packages).split()}
    assert added == {"libgomp1", "libltdl7"}
    assert inside(name, "ls /var/lib/apt/lists") == inside(
        BASE, "ls /var/lib/apt/lists"
    )


def test_without_packages_of_debian_nothing_is_fetched(image: str) -> None:
    """D20: the list that comes with the template is empty."""
    kept = inside(image, "grep -v '^#' /opt/packages.txt || true")
    installs = "dpkg-query --show | wc -l"
    assert kept or inside(image, installs) == inside(BASE, installs)


def test_a_second_build_without_the_cache_has_the_same_packages(
    image: str, name: str
) -> None:
    """H-04, I-14: what is served months later is what was tested."""
    log = build_image(name, "--no-cache")
    try:
        script = "pip freeze --all && dpkg-query --show"
        assert inside(name, script) == inside(image, script)
    finally:
        forget(name, log)


def forget(name: str, log: str) -> None:
    """Remove an image, and the stages that the classic builder has left of it."""
    docker("image", "rm", name)
    base = docker("image", "inspect", "--format", "{{.Id}}", BASE)
    # Colours of what pip printed to stderr may stand before an arrow.
    for stage in reversed(re.findall(r" ---> ([0-9a-f]{12})$", log, re.MULTILINE)):
        if not base.startswith(f"sha256:{stage}"):
            docker("image", "rm", stage, check=False)


def test_the_image_less_its_base_stays_under_750_mb_and_without_extras_450(
    image: str,
) -> None:
    """I-11, H-41."""
    size = bytes_of(image) - bytes_of(BASE)
    assert size < 750e6
    extras = "pyarrow jinja2 markupsafe onnxruntime onnx skl2onnx ml_dtypes google"
    folder = "/opt/venv/lib/python3.*/site-packages"
    used = inside(image, f"cd {folder} && du -sbc {extras} | tail -n 1")
    assert size - int(used.split()[0]) < 450e6


def bytes_of(image: str) -> int:
    """Add up the layers of an image."""
    layers = docker("history", "--human=false", "--format", "{{.Size}}", image)
    return sum(map(int, layers.split()))


def test_hadolint_is_told_to_look_away_only_with_a_reason() -> None:
    lines = DOCKERFILE.splitlines()
    told = [n for n, line in enumerate(lines) if "hadolint ignore=" in line]
    assert told
    assert all(re.match(r"# \w.* hadolint\b", lines[n - 1]) for n in told)
    assert not list(ROOT.glob(".hadolint*"))


def test_what_only_a_job_needs_is_imported_by_no_server(
    run: Run, tmp_path: Path
) -> None:
    """H-45: and Parquet's reader with the first request that needs it."""
    (tmp_path / "model").mkdir()
    describe(tmp_path / "model")
    options = *published(f"{tmp_path}/model:/opt/ml/model:ro"), "--cpus", "1"
    container = run(*options, *owner(tmp_path, IMPORTED))
    ready(container)
    names = [
        "jinja2",
        "runtime.evaluation",
        "runtime.training.job",
        "pyarrow.parquet",
    ]
    lines, parquet = "\n".join(names), pd.DataFrame({"word": names}).to_parquet()
    with client(container) as found:
        first = invoke(found, lines).json()["predictions"]
        assert first == [False] * 4
        later = invoke(found, parquet, "application/x-parquet").json()["predictions"]
        assert later == [False, False, False, True]
