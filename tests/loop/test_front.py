"""What a study of several objectives, or with constraints, comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoloop.loop.closing import measurement
from autoloop.loop.score import (
    Verdict,
    conclusion,
    front,
    front_confirmed,
    hypervolumes,
    leader,
    rounds_without_gain,
    verdicts,
    winner,
)
from autoloop.loop.steps import Limits, Reseed
from autoloop.study.events import SearchClosed
from tests.helpers.fronts import AIMS, front_study

BASE = {"name": "base", "error": 0.5, "speed": 10.0}
ONE = {"objectives": [], "constraints": AIMS["constraints"]}


def job(name: str, error: float, speed: float, **more):
    return {"name": name, "error": error, "speed": speed, "parent": "base", "round": 2, **more}


def test_the_front_has_the_feasible_trials_that_no_other_beats_in_everything():
    study = front_study(
        BASE,
        job("exact", 0.2, 5.0),
        job("quick", 0.6, 40.0),
        job("bad", 0.7, 8.0),
        job("fat", 0.1, 50.0, mem_gb=9.0),
    )
    assert [one.name for one in front(study)] == ["exact", "base", "quick"]
    assert (winner(study), leader(study)) == (None, None)
    told = conclusion(study, "it is done")
    assert "the front has 3 trials: exact (error 0.2, speed 5)" in told


def test_a_trial_without_one_of_its_numbers_is_on_no_front():
    study = front_study(BASE, {**job("half", 0.1, 1.0), "error": None})
    assert [one.name for one in front(study)] == ["base"]


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        (job("a", 0.4, 12.0), Verdict.BETTER),
        (job("a", 0.4, 10.0), Verdict.BETTER),
        (job("a", 0.4, 8.0), Verdict.UNCLEAR),
        (job("a", 0.5, 8.0), Verdict.WORSE),
        (job("a", 0.501, 10.0), Verdict.UNCLEAR),  # within the noise
        (job("a", 0.1, 20.0, mem_gb=5.0), Verdict.WORSE),
    ],
)
def test_a_child_is_better_if_it_is_in_one_objective_and_worse_in_none(child, expected):
    """Each objective beside its own noise; one that breaks a constraint is worse than one that keeps it."""
    study = front_study(BASE, child)
    assert verdicts(study) == {1: expected}


def test_a_round_brings_a_gain_if_it_adds_to_the_front_by_more_than_noise():
    rounds = [job("a", 0.4, 10.0, round=2), job("b", 0.401, 9.99, round=3), job("c", 0.9, 20.0, round=4)]
    assert [rounds_without_gain(front_study(BASE, *rounds[:count])) for count in range(4)] == [0, 0, 1, 0]


def test_the_hypervolume_grows_with_what_the_front_gains_and_with_nothing_else():
    study = front_study(BASE, job("a", 0.2, 5.0), job("bad", 0.7, 8.0), job("quick", 0.6, 40.0))
    grown = hypervolumes(study, study.counted())
    assert grown == sorted(grown)
    assert grown[1] == grown[2] < grown[3] == pytest.approx(1.0)


def test_with_one_objective_a_trial_that_breaks_a_constraint_never_wins():
    study = front_study(BASE, job("fat", 0.1, 1.0, mem_gb=4.5), job("lean", 0.3, 1.0), aims=ONE)
    assert winner(study).name == "lean"
    assert study.best().name == "lean"
    assert front(study) == []
    unknown = front_study(BASE, {**job("unseen", 0.1, 1.0), "mem_gb": None}, aims=ONE)
    assert winner(unknown).name == "base"


@pytest.mark.parametrize("aims", [ONE, AIMS], ids=["one objective", "several"])
def test_that_no_trial_is_feasible_is_said_plainly_with_the_nearest(aims):
    fat = {**BASE, "mem_gb": 9.0}
    study = front_study(fat, job("leaner", 0.9, 1.0, mem_gb=5.0), aims=aims)
    assert winner(study) is None
    assert conclusion(study, "it is done").endswith(
        "no feasible trial: each of the 2 trials with a result breaks a constraint; "
        "the nearest is leaner: mem_gb 5 instead of <= 4"
    )


def test_points_of_the_front_are_confirmed_objective_by_objective_where_that_is_asked_for():
    jobs = [job("exact", 0.2, 5.0), job("quick", 0.6, 40.0), job("bad", 0.7, 8.0)]
    study, limits = front_study(BASE, *jobs), Limits(rounds=2, confirm=2)
    closed = replace(study, closing=SearchClosed(reason="done", limits=limits.recorded()))
    step = measurement(closed, limits)
    assert step == Reseed("confirm", ("base", "exact", "quick"), (1001, 1002))
    assert measurement(closed, Limits(rounds=2)) is None
    about = {"rule": "confirm", "round": 2}
    seeds = [
        {**job(f"{name}-{seed}", error, speed), **about, "parent": name, "evidence": {"seed": seed}}
        for name, error, speed in (("base", 0.5, 10.0), ("exact", 0.25, 5.5))
        for seed in (1001, 1002)
    ]
    ((point, (error, speed)),) = front_confirmed(front_study(BASE, *jobs, *seeds))
    assert (point.name, error.gain_pct, speed.gain_pct) == ("exact", pytest.approx(50), pytest.approx(-45))
    assert (error.fresh, speed.fresh) == (0.25, 5.5)
