"""How much each knob matters."""

from __future__ import annotations

import sys

import pytest

from autoloop.errors import OutsideError
from autoloop.study.record import Study
from autoloop.views.report.facts import Facts
from autoloop.views.serve.importance import FEWEST, importance
from tests.helpers.studies import study_of


def turned(count: int) -> Study:
    """A baseline and children whose result follows ``lr`` alone; ``width`` is turned in vain."""
    children = [
        {
            "name": f"c{place}",
            "parent": "baseline",
            "rule": "sample",
            "objective": place / count,
            "changes": [["lr", 0.5, place / count], ["width", 8, [4, 8, 16][place * 7 % 3]]],
        }
        for place in range(count - 1)
    ]
    return study_of({"name": "baseline", "objective": 1.0}, *children)


def test_the_knob_that_results_follow_matters_most():
    pytest.importorskip("optuna", reason="the extra 'optuna' is not installed")
    shares = importance(Facts(turned(60)))
    assert [one.path for one in shares] == ["lr", "width"]
    assert shares[0].share > 0.8
    assert sum(one.share for one in shares) == pytest.approx(1.0)


def test_few_jobs_tell_nothing():
    assert importance(Facts(turned(FEWEST - 1))) == []


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(OutsideError, match=r"autoloop\[optuna\]"):
        importance(Facts(turned(20)))
