"""Links of the Markdown pages lead somewhere: files that are there, headings that are there."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from docs.build_site import API
from tests.helpers.places import ROOT
from tests.product.test_house import PUBLIC

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(
        r"^#+ (.*)", CODE.sub(lambda found: found[0].replace("\n#", "\n"), page.read_text()), re.M
    )
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path):
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_page_is_reached_from_the_readme():
    """Within two steps."""
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = [target.partition("#")[0] for target in LINK.findall(CODE.sub("", page.read_text()))]
        waiting += [(page.parent / target).resolve() for target in targets if target and "://" not in target]
    assert set(PAGES) - seen == set()


def test_the_page_of_the_api_has_every_public_name():
    """And no other: its comments are what the site makes the reference of."""
    page = (ROOT / "docs" / "api.md").read_text()
    listed = {module: set(names.split()) for module, names in API.findall(page)}
    assert {f"autoloop.{module}" for module in PUBLIC} == set(listed)
    for module, names in PUBLIC.items():
        assert set(names.split()) <= listed[f"autoloop.{module}"], module
    for module, names in listed.items():
        assert [name for name in names if not hasattr(import_module(module), name)] == []


def test_every_page_is_in_the_menu_of_the_site():
    menu = (ROOT / "docs" / "mkdocs.yml").read_text()
    missing = [page for page in PAGES if f"{page.relative_to(ROOT)}\n" not in menu]
    assert missing == []
