"""Which jobs are trained for longer, from the record of a study alone."""

from __future__ import annotations

from typing import Any

import pytest

from autoloop.loop.climbing import next_level
from autoloop.loop.due import Close, Limits, next_step
from autoloop.loop.score import agreement, conclusion, levels, noise, pairs, winner
from autoloop.loop.steps import Climb, Lengthen
from autoloop.study.events import read_event
from autoloop.study.record import Study
from tests.helpers.studies import round_event, study_of, trial_event, variant_entry

CLIMB = Climb((10, 100, 1000), (2, 1), "steps")
SEARCH = (
    {"name": "baseline", "objective": 1.0},
    {"name": "a", "objective": 0.7, "parent": "baseline", "rule": "x"},
    {"name": "b", "objective": 0.8, "parent": "baseline", "rule": "x"},
    {"name": "c", "objective": 0.9, "parent": "baseline", "rule": "x"},
)


def climbed(study: Study, step: Lengthen, *ends: float | str | None) -> None:
    """Run the jobs of a step; an objective each, or a state."""
    first = study.next_job
    entries = [
        variant_entry(
            first + n,
            f"{name.partition('-')[0]}-{step.length}",
            parent=name,
            rule="climb",
            evidence={"level": step.level, "length": step.length},
        )
        for n, name in enumerate(step.jobs)
    ]
    study.record(read_event({**round_event(1, *entries), "aim": "climb"}))
    for n, end in enumerate(ends):
        state = end if isinstance(end, str) else "COMPLETE"
        study.record(read_event(trial_event(first + n, state, None if isinstance(end, str) else end)))


def step_of(study: Study, begun: int) -> Lengthen:
    step = next_level(study, CLIMB, begun)
    assert step is not None
    return step


def test_the_best_of_the_search_and_the_baseline_go_up_first() -> None:
    """The baseline comes along below the top, so that a gain over it is seen at that length."""
    step = step_of(study_of(*SEARCH), 0)
    assert step == Lengthen("climb", ("a", "b", "baseline"), 1, "steps", 100)


def test_the_best_there_goes_to_the_top_alone() -> None:
    study = study_of(*SEARCH)
    climbed(study, step_of(study, 0), 0.5, 0.4, 0.6)
    assert step_of(study, 1) == Lengthen("climb", ("b-100",), 2, "steps", 1000)
    climbed(study, step_of(study, 1), 0.2)
    assert next_level(study, CLIMB, 2) is None
    best = winner(study)
    assert best is not None
    assert best.name == "b-1000"


def test_of_several_equal_results_the_first_planned_goes_up() -> None:
    study = study_of(*SEARCH)
    climbed(study, step_of(study, 0), 0.5, 0.5, 0.5)
    assert step_of(study, 1).jobs == ("a-100",)


@pytest.mark.parametrize("lost", ["STOPPED", "INFEASIBLE"])
def test_the_next_takes_the_place_of_a_run_that_its_curves_ended(lost: str) -> None:
    study = study_of(*SEARCH)
    climbed(study, step_of(study, 0), 0.5, 0.4, 0.6)
    climbed(study, step_of(study, 1), lost)
    assert step_of(study, 2).jobs == ("a-100",)
    climbed(study, step_of(study, 2), 0.3)
    assert next_level(study, CLIMB, 3) is None
    assert "b-1000 came to no result" in conclusion(study, "done")


def test_a_run_that_failed_gives_its_place_to_nobody() -> None:
    """A crash says nothing against the settings: the next would only crash as late."""
    study = study_of(*SEARCH)
    climbed(study, step_of(study, 0), 0.5, 0.4, 0.6)
    climbed(study, step_of(study, 1), "FAILED")
    assert next_level(study, CLIMB, 2) is None
    best = winner(study)
    assert best is not None
    assert best.name == "b-100"


def test_without_any_result_nothing_climbs() -> None:
    study = study_of({"name": "baseline", "objective": None, "state": "FAILED"})
    assert next_level(study, CLIMB, 0) is None


def test_the_climb_comes_when_the_search_is_over_and_its_measurements_are_done() -> None:
    study = study_of(*SEARCH)
    limits = Limits(rounds=1, climb=CLIMB)
    step = next_step(study, limits)
    assert isinstance(step, Close)
    event: dict[str, Any] = {"event": "closing", "time": 0.0, "reason": step.reason, "worthy": ""}
    study.record(read_event({**event, "limits": limits.recorded()}))
    assert isinstance(next_step(study, limits), Lengthen)


def test_a_study_whose_best_is_the_baseline_climbs_too() -> None:
    study = study_of({"name": "baseline", "objective": 1.0})
    assert step_of(study, 0).jobs == ("baseline",)


def test_longer_runs_are_no_pairs_no_noise_and_no_winner_of_the_search() -> None:
    study = study_of(*SEARCH)
    before = noise(study), [pair.child.name for pair in pairs(study)]
    climbed(study, step_of(study, 0), 0.1, 0.4, 0.6)
    assert (noise(study), [pair.child.name for pair in pairs(study)]) == before
    best = study.best()
    assert best is not None
    assert best.name == "a"
    assert study.searched == len(SEARCH)


def test_the_order_of_two_levels_is_told_by_pairs() -> None:
    study = study_of(*SEARCH)
    climbed(study, step_of(study, 0), 0.5, 0.4, 0.6)  # a and b change places, the baseline stays last
    (level,) = levels(study)
    found = agreement(study, level)
    assert (found.same, found.pairs) == (2, 3)
    assert found.tau == pytest.approx(1 / 3)
    told = conclusion(study, "done")
    assert "at length 100 the best is b-100, objective 0.4, 33.3 % better than baseline-100" in told
    assert "2 of 3 pairs in the order of the level below (Kendall's tau 0.33)" in told
    assert "it takes the place of a, which led before" in told


def test_limits_without_a_climb_are_recorded_as_before() -> None:
    """A journal of a study that does not climb has no word of it."""
    assert "climb" not in Limits().recorded()
    assert Limits(climb=CLIMB).recorded()["climb"] == {
        "lengths": [10, 100, 1000],
        "keep": [2, 1],
        "knob": "steps",
    }
