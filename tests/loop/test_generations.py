"""Generations of a population: what is compared with what, and which run is the best."""

from __future__ import annotations

from typing import Any

from autoloop.loop.score import (
    Generations,
    Verdict,
    conclusion,
    describe_schedule,
    outcomes,
    pairs,
    schedule,
    start_of,
    verdicts,
    winner,
)
from autoloop.study.record import Study
from tests.helpers.studies import study_of


def job(name: str, objective: float, number: int, parent: str, rule: str, **fields: Any) -> dict[str, Any]:
    evidence = {"generation": number, "from_step": 10 * (number - 1), "from_job": parent}
    about = {"round": number, "parent": parent, "rule": rule, "evidence": evidence, **fields}
    return {"name": name, "objective": objective, **about}


def study(*more: dict[str, Any]) -> Study:
    """Two generations; the best result is that of the first, before the members had seen all."""
    return study_of(
        {"name": "baseline", "objective": 0.5},
        {"name": "low", "objective": 0.1, "parent": "baseline", "rule": "variants"},
        {"name": "high", "objective": 0.4, "parent": "baseline", "rule": "variants"},
        job("baseline-20", 0.4, 2, "baseline", "population"),
        job("low-20", 0.3, 2, "low", "population"),
        job("r2_up", 0.2, 2, "low", "up", edits=["lr@set=2"], changes=[["lr", 1, 2]]),
        *more,
    )


def test_the_best_is_of_the_latest_generation() -> None:
    """A better result of a shorter run is none."""
    best = winner(study())
    assert best is not None
    assert best.name == "r2_up"
    found = study().best()
    assert found is not None
    assert found.name == "r2_up"


def test_a_copy_is_compared_with_what_its_parent_came_to() -> None:
    """It is better than low-20; beside low itself, which had half the steps, it would be worse."""
    of = {pair.child.name: pair.parent.name for pair in pairs(study())}
    assert of == {"low": "baseline", "high": "baseline", "r2_up": "low-20"}
    copy = study().by_name("r2_up")
    assert copy is not None
    assert verdicts(study())[copy.place] is Verdict.BETTER
    assert [one.verdict for one in outcomes(study()) if one.rule == "up"] == [Verdict.BETTER]


def test_gains_are_against_the_baseline_of_the_same_length() -> None:
    known = study()
    best = winner(known)
    assert best is not None
    start = start_of(known, best)
    assert start is not None
    assert start.name == "baseline-20"
    assert "50 % better than baseline-20" in conclusion(known, "all 2 rounds are done")


def test_a_baseline_that_did_not_get_there_is_nothing_to_compare_with() -> None:
    known = study(job("r3_up", 0.15, 3, "r2_up", "population"))
    assert "baseline has no run of that length to compare it with" in conclusion(known, "it ends")


def test_a_run_that_was_tried_again_stands_for_a_later_generation() -> None:
    """baseline-20 crashed in a third generation and went on from there in the fourth."""
    known = study(
        job("baseline-30", float("nan"), 3, "baseline-20", "population", state="FAILED"),
        job("baseline-40", 0.3, 4, "baseline-20", "population"),
    )
    found = Generations.of(known).at(known.by_name("baseline"), 4)
    assert found is not None
    assert found.name == "baseline-40"


def test_the_winner_says_how_its_settings_changed() -> None:
    known = study()
    best = winner(known)
    assert best is not None
    assert [(one.job.name, one.begins_at, dict(one.changed)) for one in schedule(known, best)] == [
        ("low", 0, {}),
        ("r2_up", 10, {"lr": 2}),
    ]
    assert describe_schedule(known, best) == (
        "r2_up is one run of 2 parts, each from the checkpoint of the one before, and its settings are a "
        "schedule: it begins as low; from step 10 lr=2"
    )
    other = known.by_name("low-20")
    assert other is not None
    assert describe_schedule(known, other).endswith("with the same settings in all")


def test_a_study_without_generations_is_as_before() -> None:
    plain = study_of(
        {"name": "baseline", "objective": 0.5}, {"name": "a", "objective": 0.4, "parent": "baseline"}
    )
    best = winner(plain)
    assert best is not None
    assert describe_schedule(plain, best) == ""
    assert schedule(plain, best) == []
