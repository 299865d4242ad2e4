"""All pages: what a page points to and what it lists is there."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

from harness import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
NAMES = ("README.md", "CHANGELOG.md", "AGENTS.md", "SECURITY.md", "examples/README.md")
PAGES = [*(ROOT / name for name in NAMES), *DOCS]
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
POINTER = re.compile(r"\b(docs/[\w-]+\.md)(?:#([\w-]+))?")
SPEAKING = (
    *("model", "local-test", "deploy", "examples"),
    *("build_and_push.sh", "Dockerfile"),
)


@cache
def anchors(page: Path, level: str = "#+") -> set[str]:
    """Give the anchors that GitHub makes of a page's headings of a level."""
    prose = FENCE.sub("", page.read_text())
    headings = re.findall(rf"^{level} (.+)$", prose, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {text.replace(" ", "-") for text in plain}


def broken(page: Path, place: Path, anchor: str) -> bool:
    """Say whether a link leads nowhere; one without a place stays on its page."""
    target = page if place == Path() else (page.parent / place).resolve()
    if not target.exists():
        return True
    return bool(anchor) and anchor not in anchors(target)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    links = LINK.findall(FENCE.sub("", page.read_text()))
    assert [f"{p}#{a}" for p, a in links if broken(page, Path(p), a)] == []


def test_every_page_that_a_program_names_is_there() -> None:
    """Messages and comments point to docs/PAGE.md#HEADING."""
    files = [
        file
        for name in SPEAKING
        for file in [ROOT / name, *(ROOT / name).rglob("*")]
        if file.is_file() and file.suffix in ("", ".py", ".sh", ".html")
    ]
    found = [(f.name, *m) for f in files for m in POINTER.findall(f.read_text())]
    assert found
    readme = ROOT / "README.md"  # whose links begin at the same folder
    assert [f for f in found if broken(readme, Path(f[1]), f[2])] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_a_page_begins_with_a_list_of_all_its_sections(page: Path) -> None:
    head = page.read_text().partition("\n## ")[0]
    listed = {anchor for place, anchor in LINK.findall(head) if not place}
    sections = anchors(page, "##")
    assert sections
    assert sections - listed == set()


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_the_json_of_a_page_is_json(page: Path) -> None:
    json_fence = re.compile(r"^```json\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    blocks = json_fence.findall(page.read_text())
    assert all(isinstance(json.loads(block), dict) for block in blocks)
