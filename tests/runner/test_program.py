"""A study that goes on with another program than it began with says so, and goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autoloop.runner.program import changed_files
from tests.helpers.flow_app.launch import APP, Ran, always, run


def _run(tmp_path: Path, rounds: int) -> Ran:
    words = (always("step", "lr@mul=2"), f"hydra.sweeper.rounds={rounds}")
    return run(tmp_path / "study", *words, app=tmp_path / "app.py")


@pytest.mark.slow
def test_a_changed_trainer_is_told_and_recorded(tmp_path: Path) -> None:
    """Its results may not compare; whether they do, only the user knows, so that nothing is refused."""
    (tmp_path / "model.py").write_text("WIDTH = 1\n")
    shutil.copy(APP, tmp_path / "app.py")
    (tmp_path / "app.py").write_text(
        "import model\n"
        + (tmp_path / "app.py").read_text().replace("from __future__ import annotations\n", "")
    )
    first = _run(tmp_path, 1)
    assert first.code == 0, first.output
    assert first.study.header.identity is not None
    assert first.study.header.identity.code.keys() == {"app.py", "model.py"}
    unchanged = _run(tmp_path, 2)
    assert "the program has changed" not in unchanged.output
    (tmp_path / "model.py").write_text("WIDTH = 2\n")
    changed = _run(tmp_path, 3)
    assert changed.code == 0, changed.output
    assert "the program has changed since this study began (model.py)" in changed.output
    assert changed.study.resumes[-1].changed == ("model.py of the program has changed",)
    assert len(changed.study.jobs) == 3


def test_only_what_both_have_is_compared() -> None:
    """What is imported later, or no more, is no change."""
    assert changed_files({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"}) == ["b"]
    assert changed_files({}, {"a": "1"}) == []
