""".ci/release.sh and local-test/upgrade.sh, with a template and its clones.

The template is this checkout, released twice. Where it has been released before, clones
begin with that release, so that owners' files of then must do with the runtime of now.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import runtime
from harness import ROOT, environment

NEXT = "900.1.0"  # later than any release
OWNED = (
    *("model/train", "model/predictor.py", "model/own.py", "packages.txt"),
    *("requirements.in", "requirements.txt", "tests/requirements.txt"),
    *("local-test/payload.csv", "local-test/test-dir", "tests/sample"),
    *("accepted-vulnerabilities.toml", ".github/workflows/owner.yml"),
)
RECIPES = sorted(path.parent.name for path in ROOT.glob("examples/*/train"))
IDENTITY = ("-c", "user.name=Someone", "-c", "user.email=someone@example.com")


def git(folder: Path, *arguments: str) -> str:
    """Run git as someone. Returns: what it prints."""
    command = ["git", "-C", str(folder), *IDENTITY, *arguments]
    env = environment(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM=1)
    return subprocess.run(
        command, env=env, check=True, capture_output=True, text=True
    ).stdout.strip()


def call(script: Path, *arguments: str) -> tuple[int, str]:
    """Run a script that uses git. Returns: status, and what it prints."""
    names = {
        f"GIT_{who}_{what}": "someone@example.com"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    result = subprocess.run(
        [script, *arguments],
        cwd="/",
        env=environment(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM=1, **names),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return result.returncode, result.stdout


def files(folder: Path, names: Iterable[str] = ("",)) -> dict[str, tuple[bytes, int]]:
    """Read files with their run bits, of whole folders too."""
    paths = [p for n in names for p in (folder / n, *(folder / n).rglob("*"))]
    return {
        str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mode & 0o100)
        for p in paths
        if p.is_file() and not {".git", "__pycache__"} & {*p.parts}
    }


def commit(folder: Path, message: str = "a commit") -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def sources() -> list[str]:
    """List the files of this checkout that make the template."""
    if (ROOT / ".git").exists():
        listed = ("ls-files", "--cached", "--others", "--exclude-standard")
        names = git(ROOT, *listed).splitlines()
        return [n for n in names if (ROOT / n).is_file()]
    made = ("__pycache__", ".venv", "cache", "test-dir/model", "test-dir/output")
    names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
    return [n for n in names if not any(part in n for part in made)]


def earlier() -> str:
    """Name the newest release of before, "" where there is none or no git."""
    if not (ROOT / ".git").exists():
        return ""
    tags = git(ROOT, "tag", "--list", "v*.*.*", "--sort=-version:refname").split()
    return next((tag for tag in tags if tag != f"v{runtime.__version__}"), "")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Release this checkout, and a next version in which everything changes."""
    folder = tmp_path_factory.mktemp("template")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    if earlier():
        git(folder, "fetch", "--quiet", str(ROOT), "refs/tags/v*:refs/tags/v*")
        git(folder, "reset", "--quiet", earlier())
    for name in sources():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    changes = (folder / "CHANGELOG.md").read_text()
    if "## Unreleased" not in changes:  # this is a release
        heading = f"## {runtime.__version__}"
        changes = changes.replace(heading, f"## Unreleased\n\n{heading}")
        (folder / "CHANGELOG.md").write_text(changes)
    commit(folder)
    release(folder, "900.0.0")
    change(folder)
    release(folder, NEXT)
    git(folder, "tag", "v900.2.0-rc1")
    git(folder, "tag", "v901")
    return folder


def release(folder: Path, version: str) -> None:
    status, said = call(folder / ".ci/release.sh", version)
    assert (status, said) == (0, f"git push origin HEAD v{version}\n")


def change(folder: Path) -> None:
    """Change a file of each kind, in a commit of the template."""
    for name in ("Dockerfile", "local-test/predict.sh", "README.md", "docs/serve.md"):
        append(folder / name, "\n# of the next release\n")
    for name in ("local-test/upgrade.sh", "local-test/common.sh"):  # while it runs
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("\n", "\n# moved\n", 1))
    (folder / "docs/train.md").rename(folder / "docs/learn.md")
    (folder / "docs/deploy.md").unlink()
    (folder / "model/warm").write_text("#!/bin/sh\n")
    (folder / "model/warm").chmod(0o755)
    append(folder / "owned.txt", "!model/warm\n")
    for name in ("model/train", "requirements.in", "local-test/payload.csv"):
        append(folder / name, "# the template's own\n")
    (folder / "tests/sample/test_train.py").unlink()
    old = (folder / "CHANGELOG.md").read_text()
    new = old.replace("## Unreleased\n", "## Unreleased\n\n- Something breaks.\n", 1)
    (folder / "CHANGELOG.md").write_text(new)
    commit(folder)


@pytest.fixture
def old() -> str:
    """Name the release that a clone begins with."""
    return earlier() or "v900.0.0"


def use_template(template: Path, commit_of_it: str, folder: Path) -> Path:
    """Copy a commit as "Use this template" does: all files, and none of its history."""
    folder.mkdir(parents=True)
    archive = ["git", "-C", str(template), "archive", commit_of_it]
    made = subprocess.run(archive, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=made, check=True)
    return folder


def begin(folder: Path, template: Path) -> None:
    """Make the clone's repository, and the work of its owner."""
    git(folder, "init", "--quiet")
    git(folder, "remote", "add", "template", str(template))
    commit(folder, "Initial commit")
    (folder / "model/own.py").write_text("RATIO = 2\n")
    append(folder / "model/train", "# mine\n")
    commit(folder)


Clone = Callable[..., Path]


@pytest.fixture
def clone(template: Path, old: str, tmp_path: Path) -> Path:
    """Give a clone whose owner has edited their files and no other."""
    folder = use_template(template, old, tmp_path / "clone of mine")
    begin(folder, template)
    return folder


def upgrade(clone: Path, *arguments: str) -> tuple[int, str]:
    return call(clone / "local-test/upgrade.sh", *arguments)


def assert_is_the_next(clone: Path, template: Path, *but: str) -> None:
    """Hold every file that is not the owner's against the next release."""
    owned = [f":!{name}" for name in (*OWNED, *but)]
    git(clone, "add", "--all")
    assert git(clone, "diff", "--cached", f"refs/template/v{NEXT}", "--", *owned) == ""
    assert (clone / "model/warm").stat().st_mode & 0o100
    assert git(template, "status", "--porcelain") == ""


@pytest.mark.parametrize("recipe", ["", *RECIPES], ids=["sample", *RECIPES])
def test_a_release_is_taken_over_and_what_is_owned_is_as_it_was(
    template: Path, old: str, tmp_path: Path, recipe: str
) -> None:
    clone = use_template(template, old, tmp_path / "clone")
    places = [folder / "examples" / recipe for folder in (clone, ROOT)]
    place = next(
        p for p in places if p.exists()
    )  # one of the next release is tried too
    copied = [f"model/{name}" for name in files(place)] if recipe else []
    if recipe:
        shutil.copytree(place, clone / "model", dirs_exist_ok=True)
    begin(clone, template)
    owned = files(clone, [*OWNED, *copied])
    status, said = upgrade(clone)
    assert status == 0, said
    assert files(clone, [*OWNED, *copied]) == owned
    assert_is_the_next(clone, template, *copied)
    known = "" if recipe == "mlflow" else "--describe"  # its package is not here
    train = [sys.executable, *(["-m", "py_compile"] if not known else [])]
    train += filter(None, [str(clone / "model/train"), known])
    run = subprocess.run(train, capture_output=True, text=True, env=environment())
    assert run.returncode == 0, run.stderr


def test_it_says_what_breaks_what_of_yours_differs_and_what_comes_next(
    clone: Path, old: str
) -> None:
    said = upgrade(clone)[1]
    assert said.startswith(f"## {NEXT}\n\n- Something breaks.\n")
    for name in ("model/train", "requirements.in", "local-test/payload.csv"):
        assert (
            f"   git diff refs/template/{old} refs/template/v{NEXT} -- {name}\n" in said
        )
    assert said.splitlines()[-1].strip().startswith("git commit ")


def test_a_second_time_there_is_nothing_to_do(clone: Path) -> None:
    upgrade(clone)
    commit(clone)
    assert upgrade(clone) == (0, f"this is {NEXT} already\n")


def test_nothing_is_committed_and_one_command_undoes_it(clone: Path) -> None:
    before, head = files(clone), git(clone, "rev-parse", "HEAD")
    assert upgrade(clone)[0] == 0
    assert git(clone, "rev-parse", "HEAD") == head
    assert files(clone) != before
    git(clone, "reset", "--hard", "--quiet")
    assert files(clone) == before


def test_a_file_that_the_owner_has_deleted_stays_away(
    clone: Path, template: Path
) -> None:
    gone = ("docs/serve.md", "README.md", "benchmarks")
    git(clone, "rm", "-r", "--quiet", *gone)
    commit(clone)
    status, said = upgrade(clone)
    assert status == 0, said
    assert_is_the_next(clone, template, *gone)
    assert not any((clone / name).exists() for name in gone)


def test_an_edit_of_a_template_file_is_merged(clone: Path, template: Path) -> None:
    text = (clone / "local-test/predict.sh").read_text()
    (clone / "local-test/predict.sh").write_text(text.replace("\n", "\n# mine\n", 1))
    commit(clone)
    status, said = upgrade(clone)
    assert status == 0, said
    merged = (clone / "local-test/predict.sh").read_text()
    assert "# mine" in merged
    assert "# of the next release" in merged
    assert_is_the_next(clone, template, "local-test/predict.sh")


@pytest.mark.parametrize("name", ["docs/serve.md", "docs/deploy.md"])
def test_an_edit_in_the_same_place_is_marked_and_named_and_no_success(
    clone: Path, template: Path, name: str
) -> None:
    """The next release has edited the first file, and given up the other."""
    append(clone / name, "\nmine\n")
    commit(clone)
    owned = files(clone, OWNED)
    status, said = upgrade(clone)
    assert status == 1
    assert f"git add each file; git reset --hard undoes it all\n{name}\n" in said
    assert "mine" in (clone / name).read_text()
    assert files(clone, OWNED) == owned
    assert_is_the_next(clone, template, name)


def test_an_edit_of_a_file_that_is_renamed_goes_with_it(
    clone: Path, template: Path
) -> None:
    append(clone / "docs/train.md", "\nmine\n")
    commit(clone)
    status, said = upgrade(clone)
    assert status == 0, said
    assert (clone / "docs/learn.md").read_text().endswith("\nmine\n")
    assert_is_the_next(clone, template, "docs/learn.md")


def test_what_the_owner_adds_to_the_list_is_left_alone(
    clone: Path, template: Path
) -> None:
    append(clone / "owned.txt", "README.md\ndocs/*.md\n")
    (clone / "README.md").write_text("My model\n")
    commit(clone)
    kept = files(clone, ("README.md", "docs"))
    status, said = upgrade(clone)
    assert status == 0, said
    assert files(clone, ("README.md", "docs")) == kept
    added = (clone / "owned.txt").read_text().splitlines()
    assert {"!model/warm", "README.md", "docs/*.md"} <= {*added}
    assert_is_the_next(clone, template, "README.md", "docs", "owned.txt")


def test_a_clone_of_a_commit_between_releases_finds_what_it_began_with(
    template: Path, tmp_path: Path
) -> None:
    clone = use_template(template, f"v{NEXT}~2", tmp_path / "clone")
    begin(clone, template)
    assert ".dev0" in (clone / "model/runtime/__init__.py").read_text()
    owned = files(clone, OWNED)
    status, said = upgrade(clone)
    assert status == 0, said
    assert files(clone, OWNED) == owned
    assert_is_the_next(clone, template)


def test_a_clone_in_a_larger_repository_is_upgraded_where_it_lies(
    template: Path, old: str, tmp_path: Path
) -> None:
    clone = use_template(template, old, tmp_path / "all" / "models" / "one")
    (tmp_path / "all/Dockerfile").write_text("of another project")
    git(tmp_path / "all", "init", "--quiet")
    git(tmp_path / "all", "remote", "add", "template", str(template))
    append(clone / "model/train", "# mine\n")
    commit(tmp_path / "all")
    owned = files(clone, OWNED)
    status, said = upgrade(clone)
    assert status == 0, said
    assert files(clone, OWNED) == owned
    assert (tmp_path / "all/Dockerfile").read_text() == "of another project"
    expected = git(template, "rev-parse", f"v{NEXT}:model/runtime")
    tree = git(tmp_path / "all", "write-tree")
    prefixed = f"{tree}:models/one/model/runtime"
    assert git(tmp_path / "all", "rev-parse", prefixed) == expected
    assert not (clone / "docs/train.md").exists()


def dirty(clone: Path) -> None:
    append(clone / "model/train", "# not committed\n")


def without_remote(clone: Path) -> None:
    git(clone, "remote", "remove", "template")


def unreachable(clone: Path) -> None:
    git(clone, "remote", "set-url", "template", "/nowhere")


def unknown(clone: Path) -> None:
    file = clone / "model/runtime/__init__.py"
    file.write_text('__version__ = "0.0.9"\n')
    commit(clone)


def between(clone: Path) -> None:
    """Take the version for one between releases, of which no commit is known."""
    file = clone / "model/runtime/__init__.py"
    file.write_text('__version__ = "0.0.9.dev0"\n')
    commit(clone)
    tree = git(clone, "rev-parse", "HEAD^{tree}")
    git(clone, "reset", "--quiet", "--hard", git(clone, "commit-tree", "-m", "a", tree))


@pytest.mark.parametrize(
    ("trouble", "arguments", "words"),
    [
        (dirty, [], "commit your changes first"),
        (without_remote, [], "where is the template? git remote add template"),
        (unreachable, [], "the template cannot be fetched"),
        (unknown, [], "0.0.9 is no release of it: name the commit, --base COMMIT"),
        (between, [], "0.0.9.dev0 is no release of it: name the commit, --base"),
        (None, ["800.0.0"], "the template has no release 800.0.0: git ls-remote"),
        (None, ["--base", "nothing"], "is no release of it: name the commit"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_stands_in_the_way_is_said_and_nothing_changes(
    clone: Path,
    trouble: Callable[[Path], None] | None,
    arguments: list[str],
    words: str,
) -> None:
    if trouble:
        trouble(clone)
    before = files(clone)
    status, said = upgrade(clone, *arguments)
    assert status == 1
    assert words in said
    assert files(clone) == before


def test_with_base_a_clone_of_no_release_is_upgraded(
    clone: Path, template: Path, old: str
) -> None:
    unknown(clone)
    status, said = upgrade(clone, NEXT, "--base", f"refs/template/{old}")
    assert status == 1, "its version has changed on both sides"
    assert "undoes it all\nmodel/runtime/__init__.py\n" in said
    assert_is_the_next(clone, template, "model/runtime/__init__.py")


# The release itself


def test_a_release_is_a_tag_a_version_and_a_heading(template: Path) -> None:
    for version, after in (("900.0.0", "900.1.0.dev0"), (NEXT, "900.2.0.dev0")):
        tag = f"v{version}"
        shown = git(template, "show", f"{tag}:model/runtime/__init__.py")
        assert f'\n__version__ = "{version}"  # ' in shown
        changes = git(template, "show", f"{tag}:CHANGELOG.md")
        assert f"\n## {version}\n" in changes
        assert "## Unreleased" not in changes
        assert git(template, "cat-file", "-t", tag) == "tag"
        following = git(template, "rev-list", "--reverse", f"{tag}..main").split()[0]
        shown = git(template, "show", f"{following}:model/runtime/__init__.py")
        assert f'\n__version__ = "{after}"  # ' in shown
        changes = git(template, "show", f"{following}:CHANGELOG.md")
        assert f"\n## Unreleased\n\n## {version}\n" in changes


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("1.0", "a version is three numbers"),
        ("v1.0.0", "a version is three numbers"),
        ("900.0.0", "there is a tag v900.0.0 already"),
    ],
)
def test_a_release_that_cannot_be_changes_nothing(
    template: Path, version: str, words: str
) -> None:
    head = git(template, "rev-parse", "HEAD")
    status, said = call(template / ".ci/release.sh", version)
    assert status == 1
    assert said.startswith(f"release.sh: {words}")
    assert git(template, "rev-parse", "HEAD") == head
    assert git(template, "status", "--porcelain") == ""
