"""local-test/audit.sh, with the real uv and stand-ins for OSV and docker."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness import ROOT, docker, environment, free_port, uv_environment

NEEDED = ("audit.sh", "audit.py", "common.sh")
ENTRY = '[[accepted]]\nid = "{}"\nreason = "no request reaches it"\nreview_by = {}\n'
ALWAYS, LONG_AGO = "9999-12-31", "2020-01-31"
ADVISORY = {
    "id": "GHSA-xxxx-yyyy-zzzz",
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "aliases": ["CVE-2026-12345"],
    "summary": "A header is read twice",
    "details": "In full.",
}
# What apt wrote on 2026-11-29, in an image whose base had no repair of that week.
APT = """Has apt
Has libzstd1
Has passwd
NOTE: This is only a simulation!
Inst libzstd1 [1.5.7+dfsg-1] (1.5.7+dfsg-1+deb13u1 Debian-Security:13/stable [amd64])
Conf libzstd1 (1.5.7+dfsg-1+deb13u1 Debian-Security:13/stable [amd64])
"""
CLEAN = "Has apt\nHas libzstd1\nHas passwd\n"
DOCKER = """#!/usr/bin/env bash
case "$*" in
    info*) exit "${ENGINE_STATUS:-0}" ;;
    run*)
        printf '%s' "${APT:-}"
        [[ -z "${APT_ERROR:-}" ]] || { echo "${APT_ERROR}" >&2; exit 100; }
        ;;
esac
"""


class Osv(ThreadingHTTPServer):
    """Knows advisories by package, and remembers which packages it was asked about."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.known: dict[str, str] = {}  # the version that repairs it, "" if none does
        self.asked: set[tuple[str, str]] = set()
        self.status = 200


class Answer(BaseHTTPRequestHandler):
    """`/v1/querybatch` and `/v1/vulns/ID` of https://google.github.io/osv.dev/api."""

    server: Osv

    def do_POST(self) -> None:
        """Answer with the names alone, as the service does."""
        size = int(self.headers["Content-Length"])
        queries = json.loads(self.rfile.read(size))["queries"]
        assert self.path == "/v1/querybatch"
        assert {query["package"]["ecosystem"] for query in queries} == {"PyPI"}
        names = [query["package"]["name"] for query in queries]
        self.server.asked |= {
            (n, q["version"]) for n, q in zip(names, queries, strict=True)
        }
        found = {"vulns": [{k: ADVISORY[k] for k in ("id", "modified")}]}
        self.send({"results": [found if n in self.server.known else {} for n in names]})

    def do_GET(self) -> None:
        """Answer with the whole advisory."""
        assert self.path == f"/v1/vulns/{ADVISORY['id']}"
        affected = []
        for name, fixed in self.server.known.items():
            events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
            package = {"name": name, "ecosystem": "PyPI"}
            ranges = [{"type": "ECOSYSTEM", "events": events}]
            affected.append({"package": package, "ranges": ranges})
        self.send({**ADVISORY, "affected": affected})

    def send(self, answer: object) -> None:
        """Write JSON."""
        body = json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be silent."""


@pytest.fixture
def osv() -> Iterator[Osv]:
    with Osv() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "check out"
    (folder / "local-test").mkdir(parents=True)
    for name in NEEDED:
        shutil.copy(ROOT / "local-test" / name, folder / "local-test")
    shutil.copy(ROOT / "requirements.txt", folder)
    (folder / ".venv-uv").symlink_to(uv_environment())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text(DOCKER)
    (tmp_path / "bin/docker").chmod(0o755)
    return folder


def accept(checkout: Path, *names: str, until: str = ALWAYS) -> None:
    text = "".join(ENTRY.format(name, until) for name in names)
    (checkout / "accepted-vulnerabilities.toml").write_text(text)


def audit(
    checkout: Path, osv: Osv | None, *arguments: str, **variables: object
) -> tuple[int, str]:
    """Run audit.sh. Returns: status, and what it prints."""
    port = osv.server_port if osv else free_port()
    given = {"OSV_URL": f"http://127.0.0.1:{port}", "APT": CLEAN, **variables}
    given["COLUMNS"] = 80  # a narrow terminal cuts no reason
    path = f"{checkout.parent}/bin:{os.environ['PATH']}"
    result = subprocess.run(
        [checkout / "local-test/audit.sh", *arguments],
        # uv looks the pins up in the index first: once for all tests, with patience.
        env=environment(PATH=path, UV_CACHE_DIR=uv_environment() / "cache", **given),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stderr == ""
    return result.returncode, result.stdout


def test_where_nothing_is_known_each_kind_of_package_has_its_line(
    checkout: Path, osv: Osv
) -> None:
    status, said = audit(checkout, osv, "any")
    python, debian = said.splitlines()
    assert python.startswith("Python: ")
    assert python.endswith(": no known vulnerabilities")
    assert debian.startswith(
        "Debian: 3 packages of any, compared with http://security."
    )
    assert debian.endswith(": no known vulnerabilities")
    assert status == 0


def test_each_pin_is_asked_about_those_of_other_pythons_too(
    checkout: Path, osv: Osv
) -> None:
    audit(checkout, osv, "any")
    pins = re.findall(
        r"^([\w.-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    assert len({name for name, _ in pins}) < len(pins), "two versions of numpy"
    assert osv.asked == set(pins)


@pytest.mark.parametrize(
    ("fixed", "repair"),
    [
        ("99.1", "repaired in 99.1: write starlette>=99.1 into requirements.in, and r"),
        ("", "no version repairs it yet"),
    ],
)
def test_what_is_known_of_a_pin_is_a_failure_with_its_names_and_its_repair(
    checkout: Path, osv: Osv, fixed: str, repair: str
) -> None:
    osv.known["starlette"] = fixed
    status, said = audit(checkout, osv, "any")
    assert status == 1
    assert ": 1 known vulnerability\n  starlette " in said
    for words in ("CVE-2026-12345", str(ADVISORY["id"]), "A header is read twice"):
        assert words in said
    assert f"\n    {repair}" in said


# What uv writes of a project that PyPI has taken away, and of an advisory of few words.
ADVERSE = {"name": "evil", "status": "quarantined", "reason": None}
UV = {
    "summary": {"audited_packages": 2, "vulnerabilities": 1, "adverse_statuses": 2},
    "vulnerabilities": [
        {
            "dependency": {"name": "good", "version": "1"},
            "id": "PYSEC-1",
            "aliases": [],
            "summary": None,
            "link": None,
            "fix_versions": [],
        }
    ],
    "adverse_statuses": [ADVERSE, ADVERSE | {"name": "old", "status": "archived"}],
}


def test_a_project_in_quarantine_is_a_failure_and_one_that_has_ended_is_none(
    checkout: Path, osv: Osv
) -> None:
    (checkout / ".venv-uv").unlink()
    (checkout / ".venv-uv/bin").mkdir(parents=True)
    (checkout / ".venv-uv/requirements.txt").write_text("uv==0.13.9\n")
    (checkout / ".venv-uv/bin/python").symlink_to(sys.executable)
    (checkout / ".venv-uv/bin/uv").write_text(f"#!/bin/sh\necho '{json.dumps(UV)}'\n")
    (checkout / ".venv-uv/bin/uv").chmod(0o755)
    status, said = audit(checkout, osv, "any")
    assert status == 1
    assert ": 2 known vulnerabilities\n  good 1: the link says what it is\n" in said
    assert "PYSEC-1: https://osv.dev/vulnerability/PYSEC-1\n" in said
    assert "\n  evil: PyPI has taken it away, as it may do harm\n" in said
    assert "old" not in said


@pytest.mark.parametrize("name", ["CVE-2026-12345", ADVISORY["id"]])
def test_what_is_accepted_under_any_of_its_names_is_shown_with_the_reason(
    checkout: Path, osv: Osv, name: str
) -> None:
    osv.known["starlette"] = ""
    accept(checkout, name)
    status, said = audit(checkout, osv, "any")
    assert status == 0
    assert ": no known vulnerabilities, 1 accepted\n" in said
    assert f"accepted until {ALWAYS}: no request reaches it" in said


def test_after_its_day_an_entry_is_a_failure_and_accepts_nothing(
    checkout: Path, osv: Osv
) -> None:
    accept(checkout, "CVE-2026-12345", until=LONG_AGO)
    status, said = audit(checkout, osv, "any")
    assert status == 1, "also where it is not found any more"
    assert said.startswith(
        "accepted-vulnerabilities.toml: CVE-2026-12345 was to be looked at again by"
        f" {LONG_AGO}: take the repair, or write why not and a later day\n"
    )
    osv.known["starlette"] = ""
    assert ": 1 known vulnerability\n" in audit(checkout, osv, "any")[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[accepted]]\nid = "CVE-1"\nreview_by = 9999-01-01', "CVE-1 needs id"),
        ('[[accepted]]\nid = "CVE-1"\nreason = ""\nreview_by = 9999-01-01', "CVE-1 ne"),
        ('[[accepted]]\nid = "CVE-1"\nreason = "so"', "CVE-1 needs id"),
        ('[[accepted]]\nid = "C"\nreason = "so"\nreview_by = "9999-01-01"', "C needs"),
        ('[[accepted]]\nreason = "so"\nreview_by = 9999-01-01', "entry 1 needs id"),
        ("[[accepted]]\nid = CVE-1", "it cannot be read: "),
        ('[accepted]\nid = "CVE-1"', "an entry begins with [[accepted]]"),
    ],
)
def test_an_entry_that_is_not_whole_is_a_failure_with_the_form_it_needs(
    checkout: Path, osv: Osv, text: str, words: str
) -> None:
    (checkout / "accepted-vulnerabilities.toml").write_text(text)
    status, said = audit(checkout, osv, "any")
    assert status == 1
    assert said.startswith(f"accepted-vulnerabilities.toml: {words}")


def test_an_entry_that_nothing_needs_any_more_is_named(
    checkout: Path, osv: Osv
) -> None:
    accept(checkout, "CVE-2020-1")
    status, said = audit(checkout, osv, "any")
    assert status == 0
    assert said.endswith("CVE-2020-1 is not found any more, so its entry can go\n")


# What was not checked


@pytest.mark.parametrize("service", ["nobody", "failing"])
def test_a_service_that_does_not_answer_is_no_success_and_named(
    checkout: Path, osv: Osv, service: str
) -> None:
    osv.status = 503
    accept(checkout, "CVE-2026-12345")
    status, said = audit(checkout, osv if service == "failing" else None, "any")
    assert status == 75
    python, debian = said.splitlines()
    assert python.startswith("Python: not checked, because ")
    assert "http://127.0.0.1:" in python
    assert debian.endswith(": no known vulnerabilities")


@pytest.mark.parametrize(
    ("arguments", "variables", "reason"),
    [
        (("--native",), {}, "you left it out, by --native"),
        ((), {"ENGINE_STATUS": 1}, "no Docker engine answers"),
        (("any",), {"APT_ERROR": "E: Failed to fetch"}, "Failed to fetch"),
        (("any",), {"APT_ERROR": "E: the image is of alpine"}, "the image is of al"),
    ],
)
def test_debian_packages_that_were_not_compared_are_no_success(
    checkout: Path,
    osv: Osv,
    arguments: tuple[str, ...],
    variables: dict[str, object],
    reason: str,
) -> None:
    status, said = audit(checkout, osv, *arguments, **variables)
    assert status == 75, said
    assert f"\nDebian: not checked, because {reason}" in said


def test_a_vulnerability_counts_for_more_than_what_was_not_checked(
    checkout: Path, osv: Osv
) -> None:
    osv.known["starlette"] = ""
    assert audit(checkout, osv, "--native")[0] == 1


# Debian


def test_a_repair_that_the_image_lacks_is_a_failure_until_it_is_accepted(
    checkout: Path, osv: Osv
) -> None:
    status, said = audit(checkout, osv, "any", APT=APT)
    assert status == 1
    assert ": 1 known vulnerability\n  libzstd1 1.5.7+dfsg-1: repaired in 1.5" in said
    accept(checkout, "libzstd1")
    status, said = audit(checkout, osv, "any", APT=APT)
    assert status == 0
    assert f"accepted until {ALWAYS}: no request reaches it" in said


def test_the_image_is_compared_with_debians_archive_of_security(
    image: str, checkout: Path, osv: Osv
) -> None:
    """Inside the real image; what is repaired today, nobody can say in a test."""
    (checkout.parent / "bin/docker").unlink()
    nowhere = f"http://127.0.0.1:{free_port()}/debian-security"
    status, said = audit(checkout, osv, image, DEBIAN_SECURITY_URL=nowhere)
    assert status == 75
    assert f"Debian: not checked, because Failed to fetch {nowhere}" in said
    status, said = audit(checkout, osv, image)
    if status == 75:
        pytest.skip("Debian's archive of security does not answer")
    count = docker("run", "--rm", image, "dpkg-query", "--show").count("\n")
    assert f"\nDebian: {count} packages of {image}, compared with http://secu" in said
    repairs = re.findall(r"^  \S+ \S+: repaired in \S+$", said, re.MULTILINE)
    assert (status == 1) == bool(repairs)
