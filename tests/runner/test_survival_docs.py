"""docs/survival.md tells what becomes of each way of dying as the tests have it."""

from __future__ import annotations

import os
import re

import pytest

from tests.helpers.places import TESTS
from tests.runner.ways import OTHERS, WAYS

PAGE = TESTS.parent / "docs" / "survival.md"
BLOCK = re.compile(r"(?<=<!-- ways:begin -->\n).*?(?=\n<!-- ways:end -->)", re.DOTALL)


def table() -> str:
    """The table of the page, from the tests' own data."""
    heads = ["| what ends a job | it becomes | and says |", "|---|---|---|"]
    tested = [f"| {way.words} | {way.state} | {code(way.error)} |" for way in WAYS.values()]
    others = [f"| {words} | {becomes} | |" for words, becomes, _ in OTHERS]
    return "\n".join([*heads, *tested, *others])


def code(error: str) -> str:
    return f"`{error.rstrip(' :')}`" if error else ""


def test_the_table_of_the_page_is_the_tests_own() -> None:
    """AUTOLOOP_GOLDEN=write renews it."""
    page = PAGE.read_text()
    if os.environ.get("AUTOLOOP_GOLDEN") == "write":
        PAGE.write_text(BLOCK.sub(lambda found: table(), page))
        page = PAGE.read_text()
    (shown,) = BLOCK.findall(page)
    assert shown == table()


@pytest.mark.parametrize("test", [test for _, _, test in OTHERS])
def test_each_other_way_is_shown_by_a_test(test: str) -> None:
    """The tests that the data names exist."""
    file, name = test.split("::")
    assert f"def {name}(" in (TESTS / file).read_text()
