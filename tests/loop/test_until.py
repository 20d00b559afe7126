"""Conditions and patience: when a search has found enough."""

from __future__ import annotations

from typing import Any

import pytest

from autoloop.config.settings import load_group
from autoloop.errors import ConfigError
from autoloop.loop.due import Limits, PlanRound, Stop, next_step
from autoloop.loop.until import met, read_conditions
from tests.helpers.studies import repeat_of, study_of

WORTHY = read_conditions(load_group("until", "worthy"))
GOOD = {
    "train/ot_pi_sum": {"last": 0.1},
    "train/ot_loss": {"last": 0.4},
    "eval/offline_eval/avg_l1": {"pct": -40.0},
    "train/grad_norm": {"last": 49.0},
}


def job(**summary: Any) -> dict[str, Any]:
    return {"name": "baseline", "objective": 0.2, "summary": {**GOOD, **summary}}


def test_a_run_that_meets_every_condition_ends_the_study_and_is_named() -> None:
    step = next_step(study_of(job()), Limits(rounds=9, until=WORTHY))
    assert isinstance(step, Stop)
    assert step.reason == (
        "baseline meets every condition of until (train/ot_pi_sum last 0.1, train/ot_loss last 0.4, "
        "eval/offline_eval/avg_l1 pct -40, train/grad_norm last 49)"
    )


@pytest.mark.parametrize(
    ("metric", "numbers"),
    [
        ("train/ot_pi_sum", {"last": 0.04}),
        ("train/ot_pi_sum", {"last": 0.31}),
        ("train/ot_loss", {"last": 1e-9}),
        ("eval/offline_eval/avg_l1", {"pct": -9.9}),
        ("train/grad_norm", {"last": 60.0}),
        ("train/grad_norm", {"last": None}),
        ("train/grad_norm", {}),
    ],
)
def test_one_condition_that_fails_is_enough_to_go_on(metric: str, numbers: dict[str, float | None]) -> None:
    assert next_step(study_of(job(**{metric: numbers})), Limits(rounds=9, until=WORTHY)) == PlanRound(2)


def test_the_limits_of_a_range_belong_to_it() -> None:
    for mass in (0.05, 0.30):
        assert met(study_of(job(**{"train/ot_pi_sum": {"last": mass}})), WORTHY)


def test_only_jobs_that_completed_and_are_no_repeats_count() -> None:
    stopped = {**job(), "state": "STOPPED"}
    again = {**repeat_of("baseline", 1, 0.2), "summary": GOOD}
    assert met(study_of(stopped, again), WORTHY) is None


def test_the_best_of_several_is_named() -> None:
    study = study_of(job(), {**job(), "name": "better", "objective": 0.1})
    found = met(study, WORTHY)
    assert found is not None
    assert found.name == "better"


def test_a_condition_without_a_metric_looks_at_the_objective() -> None:
    (condition,) = read_conditions({"good": {"below": 0.3}})
    assert met(study_of(job()), (condition,))


def test_without_conditions_nothing_is_enough() -> None:
    assert met(study_of(job()), read_conditions(load_group("until", "none"))) is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"metrik": "x", "below": 1}, "did you mean 'metric'"),
        ({"stat": "lats", "below": 1}, "did you mean 'last'"),
        ({"metric": "x"}, "needs at least one of"),
        ({"below": "much"}, "not a number"),
        (3, "cannot be used"),
    ],
)
def test_a_condition_that_cannot_be_used_is_told(entry: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_conditions({"mine": entry})


def test_patience_ends_a_study_that_makes_no_progress() -> None:
    jobs = [{"name": "baseline", "objective": 1.0}]
    jobs += [{"name": f"r{n}", "parent": "baseline", "objective": 0.99, "round": n} for n in (2, 3)]
    assert next_step(study_of(*jobs), Limits(rounds=9, patience=3)) == PlanRound(4)
    step = next_step(study_of(*jobs), Limits(rounds=9, patience=2))
    assert isinstance(step, Stop)
    assert step.reason == "2 rounds in a row brought no gain over the noise (patience=2)"
