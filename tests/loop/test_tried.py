"""What several studies tell of knobs: better, worse, or never more than noise."""

from __future__ import annotations

from typing import Any

import pytest

from autoloop.loop.score import outcome, tried_knobs, without_any_effect
from tests.helpers.studies import study_of


def child(name: str, objective: float | None, *paths: str, **fields: Any) -> dict[str, Any]:
    changes = [(path, 1, 2) for path in paths]
    return {
        "name": name,
        "objective": objective,
        "parent": "baseline",
        "rule": "x",
        "changes": changes,
        **fields,
    }


BASE = {"name": "baseline", "objective": 1.0}


def test_a_knob_is_judged_by_children_that_changed_it_alone() -> None:
    """A child that changed two knobs says nothing of either."""
    study = study_of(BASE, child("a", 0.8, "lr"), child("b", 1.001, "width"), child("c", 0.5, "lr", "width"))
    found = {one.knob: (one.compared, one.better, one.worse) for one in tried_knobs([study])}
    assert found == {"lr": (1, 1, 0), "width": (1, 0, 0)}


def test_knobs_that_never_mattered_need_several_comparisons() -> None:
    few = [study_of(BASE, child("a", 1.001, "width"), child("b", 0.999, "depth"))]
    assert without_any_effect(tried_knobs(few)) == []
    many = [study_of(BASE, child("a", 1.001, "width"), child("b", 0.5, "lr")) for _ in range(3)]
    assert without_any_effect(tried_knobs(many)) == ["width"]


def test_items_of_a_list_are_one_knob_and_a_stopped_run_speaks_against_its_change() -> None:
    study = study_of(BASE, child("a", 0.5, "f.0.w", "f.1.w"))
    assert [one.knob for one in tried_knobs([study])] == ["f.*.w"]


def test_longer_runs_and_repeats_say_nothing_of_knobs() -> None:
    longer = {**child("a-100", 0.2, "steps"), "rule": "climb", "evidence": {"level": 1, "length": 100}}
    assert tried_knobs([study_of(BASE, longer)]) == []


def test_the_outcome_of_a_study_is_its_winner_beside_its_starting_point() -> None:
    found = outcome(study_of(BASE, child("a", 0.8, "lr")))
    assert found.best is not None
    assert (found.best.name, found.gain_pct, found.is_sure) == ("a", pytest.approx(20.0), True)
    assert outcome(study_of({**BASE, "state": "FAILED", "objective": None})).best is None
