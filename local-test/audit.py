"""Say which known vulnerabilities the packages of the image have: see audit.sh.

What could not be checked is said in a line of its own and is never a success: a machine
without the internet must not look like one where all is well.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

ACCEPTED = "accepted-vulnerabilities.toml"
KEYS = {"id": str, "reason": str, "review_by": date}
OSV = os.environ.get("OSV_URL") or "https://api.osv.dev"  # noqa: TID251 -- as its usage says
SECURITY = (
    os.environ.get("DEBIAN_SECURITY_URL")  # noqa: TID251 -- likewise
    or "http://security.debian.org/debian-security"
)
NOTHING, FOUND, NOT_CHECKED = 0, 1, 75  # the last is EX_TEMPFAIL of sysexits.h

# Only the archive of security is asked: what is newer there is a repair. Lists that
# cannot be fetched are but a warning to apt, unless its error mode says otherwise.
UPGRADE = """
set -e
. /etc/os-release
[ "${ID}" = debian ] || { echo "E: the image is of ${ID}, not of Debian" >&2; exit 1; }
mkdir -p /tmp/lists/partial
echo "deb ${SECURITY} ${VERSION_CODENAME}-security main" >/tmp/security.list
apt() {
    apt-get -o Dir::Etc::SourceList=/tmp/security.list \\
        -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=/tmp/lists \\
        -o APT::Update::Error-Mode=any \\
        -o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@"
}
apt update >&2
dpkg-query --show --showformat 'Has ${Package}\\n'
apt --simulate dist-upgrade
"""
JSON = ["--output-format", "json", "--preview-features", "audit-command,json-output"]
OUT = "PyPI has taken it away, as it may do harm"
UPGRADED = re.compile(r"^Inst (\S+) \[(\S+)\] \((\S+)", re.MULTILINE)
WHY = re.compile(r"^ *(?:error|cause|E|docker): *(.*)", re.MULTILINE)


class NotCheckedError(Exception):
    """Something could not be checked, for the reason that the message gives."""


class Vulnerability(NamedTuple):
    """The names under which it is known, and what it is, with its repair."""

    names: frozenset[str]
    text: str


Check = Callable[[], tuple[str, list[Vulnerability]]]


class Accepted(NamedTuple):
    """What the owner accepts, by id; and sentences on entries that do not count."""

    entries: dict[str, dict[str, Any]]
    faults: list[str]
    used: set[str]  # names of what was found


def main() -> None:
    """Check both kinds of packages, and leave with a status as audit.sh explains."""
    root, (uv, image, why) = Path(sys.argv[1]), sys.argv[2:]
    accepted = read_accepted(root / ACCEPTED)
    for sentence in accepted.faults:
        print(f"{ACCEPTED}: {sentence}")
    statuses = [
        FOUND if accepted.faults else NOTHING,
        report("Python", partial(python_vulnerabilities, root, uv), accepted),
        report("Debian", partial(debian_vulnerabilities, image, why), accepted),
    ]
    if NOT_CHECKED not in statuses:
        for name in accepted.entries.keys() - accepted.used:
            print(f"{ACCEPTED}: {name} is not found any more, so its entry can go")
    sys.exit(FOUND if FOUND in statuses else max(statuses))


def read_accepted(file: Path) -> Accepted:
    """Read what is accepted; an entry that is not whole or too old does not count."""
    try:
        entries = tomllib.loads(file.read_text()).get("accepted", [])
    except FileNotFoundError:
        entries = []
    except tomllib.TOMLDecodeError as exc:
        return Accepted({}, [f"it cannot be read: {exc}"], set())
    if not isinstance(entries, list):
        return Accepted({}, ["an entry begins with [[accepted]]"], set())
    faults = {n: fault(n, entry) for n, entry in enumerate(entries, 1)}
    good = {entry["id"]: entry for n, entry in enumerate(entries, 1) if not faults[n]}
    return Accepted(good, [text for text in faults.values() if text], set())


def fault(number: int, entry: dict[str, Any]) -> str:
    """Say what is wrong with an entry, if anything is."""
    name = entry.get("id") or f"entry {number}"
    if any(
        type(entry.get(key)) is not kind or not entry[key] for key, kind in KEYS.items()
    ):
        return (
            f'{name} needs id = "...", reason = "..." and a day without quotes,'
            " review_by = 2027-03-01"
        )
    if entry["review_by"] < datetime.now(UTC).date():
        return (
            f"{name} was to be looked at again by {entry['review_by']}: take the"
            " repair, or write why not and a later day"
        )
    return ""


def report(kind: str, check: Check, accepted: Accepted) -> int:
    """Print what is found, and with what is accepted the reason. Returns: a status."""
    try:
        what, found = check()
    except NotCheckedError as exc:
        print(f"{kind}: not checked, because {exc}")
        return NOT_CHECKED
    left, lines = 0, []
    for one in found:
        entries = [accepted.entries[n] for n in one.names & accepted.entries.keys()]
        accepted.used.update(one.names)
        left += not entries
        lines.append(f"  {one.text}")
        lines += [
            f"    accepted until {e['review_by']}: {e['reason']}" for e in entries
        ]
    taken = f", {len(found) - left} accepted" if left < len(found) else ""
    noun = "vulnerability" if left == 1 else "vulnerabilities"
    print(f"{kind}: {what}: {left or 'no'} known {noun}{taken}", *lines, sep="\n")
    return FOUND if left else NOTHING


def python_vulnerabilities(root: Path, uv: str) -> tuple[str, list[Vulnerability]]:
    """Ask about each pin, also those for other systems. Raises: NotCheckedError."""
    lines = (root / "requirements.txt").read_text().splitlines()
    pins = [line.strip() for line in lines if re.match(r"\w", line)]
    links = ["--find-links", str(root / "wheels")] if (root / "wheels").is_dir() else []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(  # uv audits nothing but projects
            '[project]\nname = "image"\nversion = "0"\nrequires-python = ">=3.11"\n'
            f"dependencies = {json.dumps(pins)}\n"
        )
        command = [uv, "audit", "--service-url", OSV, *JSON, *links]
        answer = json.loads(run(command, (NOTHING, FOUND), cwd=folder))
    found = [python_vulnerability(one) for one in answer["vulnerabilities"]]
    found += [
        Vulnerability(
            frozenset([one["name"]]), f"{one['name']}: {one['reason'] or OUT}"
        )
        for one in answer["adverse_statuses"]
        if one["status"] == "quarantined"
    ]
    return f"{answer['summary']['audited_packages']} packages, asked of {OSV}", found


def python_vulnerability(found: dict[str, Any]) -> Vulnerability:
    """Describe what uv has found."""
    name, version = found["dependency"]["name"], found["dependency"]["version"]
    repair = "no version repairs it yet"
    if fixes := found["fix_versions"]:
        repair = f"repaired in {', '.join(fixes)}: write {name}>={fixes[-1]} into"
        repair += " requirements.in, and run local-test/add-package.sh"
    names = [found["id"], *found["aliases"]]
    link = found["link"] or f"https://osv.dev/vulnerability/{found['id']}"
    text = f"{name} {version}: {found['summary'] or 'the link says what it is'}\n    "
    text += f"{', '.join(names)}: {link}\n    {repair}"
    return Vulnerability(frozenset(names), text)


def debian_vulnerabilities(image: str, why: str) -> tuple[str, list[Vulnerability]]:
    """Ask an image's apt for repairs it lacks. Raises: NotCheckedError."""
    if not image:
        raise NotCheckedError(why)
    command = ["docker", "run", "--rm", "--user", "0", "--env", f"SECURITY={SECURITY}"]
    said = run([*command, "--entrypoint", "sh", image, "-c", UPGRADE])
    count = len(re.findall("^Has ", said, re.MULTILINE))
    found = [debian_vulnerability(*one) for one in UPGRADED.findall(said)]
    return f"{count} packages of {image}, compared with {SECURITY}", found


def debian_vulnerability(name: str, version: str, repaired: str) -> Vulnerability:
    """Describe a package that the archive of security has a newer version of."""
    repair = "pull a newer base image, or write its name into packages.txt; build anew"
    text = f"{name} {version}: repaired in {repaired}\n    {repair}"
    return Vulnerability(frozenset([name]), text)


def run(command: list[str], statuses: tuple[int, ...] = (0,), cwd: str = "/") -> str:
    """Run a program. Returns: what it prints. Raises: NotCheckedError, and why."""
    whole_lines = os.environ | {"UV_NO_WRAP": "1"}  # noqa: TID251 -- uv cuts at COLUMNS
    result = subprocess.run(  # noqa: S603 -- uv and docker, as named above
        command, cwd=cwd, env=whole_lines, capture_output=True, text=True, check=False
    )
    if result.returncode not in statuses:
        why = WHY.findall(result.stderr) or result.stderr.splitlines() or ["no word"]
        raise NotCheckedError(": ".join(dict.fromkeys([*why[:2], why[-1]])))
    return result.stdout


if __name__ == "__main__":
    main()
