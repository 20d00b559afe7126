"""The scorecard that several studies share."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoloop.errors import ConfigError
from autoloop.loop.score import ProposalOutcome, Verdict
from autoloop.runner.scorecard_file import load_outcomes, save_outcomes

WON = ProposalOutcome("faster", ("lr",), Verdict.BETTER, 5.0)
LOST = ProposalOutcome("slower", ("lr", "batch"), Verdict.UNCLEAR, None)


def test_what_one_study_writes_another_reads(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "scorecard.json"
    save_outcomes(path, "one", [WON, LOST])
    assert load_outcomes(path, but=["two"]) == [WON, LOST]


def test_a_study_does_not_count_twice(tmp_path: Path) -> None:
    path = tmp_path / "scorecard.json"
    save_outcomes(path, "one", [WON])
    save_outcomes(path, "two", [LOST])
    save_outcomes(path, "one", [WON, WON])
    assert load_outcomes(path) == [WON, WON, LOST]
    assert load_outcomes(path, but=["one"]) == [LOST]


def test_a_file_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert load_outcomes(tmp_path / "none.json") == []


@pytest.mark.parametrize(
    "text", ["no json", "[]", '{"version": 9, "studies": {}}', '{"version": 1, "studies": {"a": [3]}}']
)
def test_a_file_that_is_no_scorecard_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scorecard.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="scorecard="):
        load_outcomes(path)
    assert path.read_text() == text
