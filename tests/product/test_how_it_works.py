"""docs/how_it_works.md plays a study by hand: each call of the page gives what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = next(path for path in Path(__file__).parents if (path / "pyproject.toml").is_file())
PAGE = ROOT / "docs" / "how_it_works.md"


def test_each_call_of_the_page_gives_what_it_shows():
    examples = list(Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT)).parse(PAGE).examples())
    assert len(examples) == len(re.findall(r"^>>>", PAGE.read_text(), re.MULTILINE)) > 50
    for example in examples:
        example.evaluate()


def test_the_page_plays_in_the_rooms_that_decide_alone():
    """It needs no Hydra, no disk and no process: it takes nothing from a room that does."""
    rooms = set(re.findall(r"^>>> from autoloop\.(\w+)", PAGE.read_text(), re.MULTILINE))
    assert rooms <= {"edits", "history", "summary", "curves", "study", "rules", "strategies", "loop"}
