"""The reference page of the edit language is current and its examples run."""

from __future__ import annotations

import doctest
import importlib.util

from autoloop.edits import OPS
from tests.helpers.places import ROOT


def generator():
    """Load docs/generate.py, which is a script."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(capsys):
    """`python docs/generate.py` would change nothing."""
    assert generator().main(["--check"]) == 0, capsys.readouterr().out


def test_an_outdated_page_is_found(tmp_path, monkeypatch, capsys):
    """--check says what differs and leaves the file alone; without it the page is written."""
    module = generator()
    monkeypatch.setattr(module, "PAGE", tmp_path / "edits.md")
    assert module.main(["--check"]) == 1
    assert "# Edits" in capsys.readouterr().out
    assert module.main([]) == 0
    assert module.main(["--check"]) == 0


def test_every_op_is_on_the_page():
    """The table of ops is complete."""
    page = (ROOT / "docs" / "edits.md").read_text(encoding="utf-8")
    assert all(f"| `@{op}` | {does} |" in page for op, does in OPS.items())


def test_the_pages_examples_run():
    """The Python on the page prints what the page says."""
    failed, tried = doctest.testfile(str(ROOT / "docs" / "edits.md"), module_relative=False, encoding="utf-8")
    assert failed == 0
    assert tried > 5
