"""Paired gains, the noise floor, verdicts and the scorecard, from the record of a study alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autoloop.loop.score import (
    ProposalOutcome,
    Scorecard,
    Verdict,
    conclusion,
    interval,
    noise,
    outcomes,
    pairs,
    rounds_without_gain,
    verdicts,
)
from autoloop.study.events import Details
from autoloop.study.record import Study
from tests.helpers.studies import repeat_of, study_of

BASE = {"name": "baseline", "objective": 1.0}


def child(name: str, objective: float | None, **fields: Any) -> dict[str, Any]:
    about = {"parent": "baseline", "rule": "faster", "edits": ["lr@mul=2"], "round": 2}
    return {"name": name, "objective": objective, **about, **fields}


def by_name(study: Study) -> dict[str, Verdict]:
    return {study.jobs[place].name: found for place, found in verdicts(study).items()}


@pytest.mark.parametrize(("goal", "gain"), [("min", 10.0), ("max", -10.0)])
def test_a_gain_is_in_percent_of_the_parent_and_follows_the_goal(goal: str, gain: float) -> None:
    (pair,) = pairs(study_of(BASE, child("a", 0.9), goal=goal))
    assert pair.gains_pct == (pytest.approx(gain),)


def test_a_pair_is_compared_at_every_seed_that_both_ran_with() -> None:
    study = study_of(
        BASE,
        repeat_of("baseline", 1, 1.2),
        repeat_of("baseline", 2, 0.8),
        child("a", 0.9),
        repeat_of("a", 1, 1.14, round=2),
    )
    (pair,) = pairs(study)
    assert pair.gains_pct == (pytest.approx(10.0), pytest.approx(5.0))


RATES = [
    {"name": "baseline", "objective": 0.0},
    child("a", 0.3),
    child("same", 0.0),
    child("b", 0.6, parent="a", round=3),
    child("c", 0.0, parent="a", round=3),
]


def test_a_success_rate_that_starts_at_0_can_be_beaten() -> None:
    """Gains have verdicts and reward patience; the difference is told where a percentage says nothing."""
    study = study_of(*RATES, goal="max")
    assert by_name(study) == {
        "a": Verdict.BETTER,
        "same": Verdict.UNCLEAR,
        "b": Verdict.BETTER,
        "c": Verdict.WORSE,
    }
    assert rounds_without_gain(study) == 0
    assert conclusion(study, "it is over").endswith(
        "the best is b (job 3), objective 0.6, 0.6 better than baseline (0) at the same seed "
        "(more than the noise of 0.018)"
    )


def test_repeats_that_are_all_0_tell_of_no_noise() -> None:
    zeros = (repeat_of("baseline", 1, 0.0), repeat_of("baseline", 2, 0.0))
    assert noise(study_of(*RATES, *zeros, goal="max")).margin_pct() == pytest.approx(3.0)


def test_gains_that_curves_jump_over_by_themselves_are_noise() -> None:
    """Accuracies at chance level make no winner; with a smooth curve the same gain is one."""

    def study(jitter: float) -> Study:
        made = study_of({"name": "baseline", "objective": 0.5}, child("a", 0.54), goal="max")
        for place, job in list(made.jobs.items()):
            made.jobs[place] = replace(job, details=Details(jitters={"eval/l1": jitter}))
        return made

    assert by_name(study(0.03)) == {"a": Verdict.UNCLEAR}
    assert noise(study(0.03)).source.startswith("from how far the points of single curves jump")
    assert by_name(study(0.001)) == {"a": Verdict.BETTER}
    assert noise(study(0.001)).margin_pct() == pytest.approx(3.0)


@pytest.mark.parametrize("goal", ["max", "min"])
def test_noise_and_gains_of_rewards_around_0_have_one_scale(goal: str) -> None:
    """A baseline that happens to lie at 0.01 makes neither every child a winner nor every gain noise."""
    rewards = [{"name": "baseline", "objective": 0.01}, repeat_of("baseline", 1, -20.0)]
    rewards += [
        repeat_of("baseline", 2, 20.0),
        child("luck", 5.0),
        child("good", 180.0),
        child("bad", -170.0),
    ]
    said = by_name(study_of(*rewards, goal=goal))
    better, worse = ("good", "bad") if goal == "max" else ("bad", "good")
    assert said == {"luck": Verdict.UNCLEAR, better: Verdict.BETTER, worse: Verdict.WORSE}


@pytest.mark.parametrize(
    ("objective", "state", "expected"),
    [
        (0.9, "COMPLETE", Verdict.BETTER),
        (1.1, "COMPLETE", Verdict.WORSE),
        (0.98, "COMPLETE", Verdict.UNCLEAR),
        (1.02, "COMPLETE", Verdict.UNCLEAR),
        (None, "COMPLETE", Verdict.UNCLEAR),
        (0.5, "STOPPED", Verdict.WORSE),
        (None, "INFEASIBLE", Verdict.WORSE),
        (None, "FAILED", Verdict.UNCLEAR),
        (None, "TIMEOUT", Verdict.UNCLEAR),
    ],
)
def test_the_verdict_is_clear_only_beyond_the_noise(
    objective: float | None, state: str, expected: Verdict
) -> None:
    assert verdicts(study_of(BASE, child("a", objective, state=state))) == {1: expected}


def test_without_measurements_three_percent_is_the_noise() -> None:
    assert noise(study_of(BASE, child("a", 0.9))).margin_pct() == pytest.approx(3.0)


def test_repeats_of_the_baseline_set_the_noise_between_seeds_and_a_first_guess_for_pairs() -> None:
    floor = noise(study_of(BASE, repeat_of("baseline", 1, 1.1), repeat_of("baseline", 2, 0.9)))
    assert floor.seed_pct == pytest.approx(10.0)
    assert floor.paired_pct == pytest.approx(10.0 * math.sqrt(0.2))
    assert "3 runs of one config with" in floor.source


def test_pairs_that_ran_with_several_seeds_refresh_the_noise() -> None:
    seeds = [1, 2, 3, 4]
    study = study_of(
        BASE,
        *(repeat_of("baseline", seed, 1.0 + 0.2 * seed) for seed in seeds),
        child("a", 0.9),
        *(repeat_of("a", seed, 0.9 * (1.0 + 0.2 * seed) + 0.001 * seed, round=2) for seed in seeds),
    )
    before = noise(study_of(BASE, *(repeat_of("baseline", seed, 1.0 + 0.2 * seed) for seed in seeds)))
    floor = noise(study)
    assert floor.paired_pct < 0.7 * before.paired_pct
    assert "1 pair with" in floor.source


def test_more_common_seeds_lower_the_margin() -> None:
    floor = noise(study_of(BASE))
    assert floor.margin_pct(4) == pytest.approx(floor.margin_pct(1) / 2)


def test_a_repeat_is_never_the_best_job() -> None:
    best = study_of(BASE, repeat_of("baseline", 1, 0.1)).best()
    assert best is not None
    assert best.name == "baseline"


def test_the_scorecard_counts_tries_wins_and_gains_by_rule_and_knob() -> None:
    study = study_of(
        BASE,
        child("a", 0.9),
        child("b", 1.2, edits=["batch@add=4"]),
        child("c", 0.8, edits=["lr@mul=3"]),
        child("d", None, state="FAILED"),
    )
    rows = {(row.rule, row.knob): row for row in Scorecard(outcomes(study)).rows()}
    assert set(rows) == {("faster", "*"), ("faster", "lr"), ("faster", "batch")}
    everything, lr = rows["faster", "*"], rows["faster", "lr"]
    assert (everything.tries, everything.wins, everything.median_gain_pct.value) == (
        4,
        2,
        pytest.approx(10.0),
    )
    assert (lr.tries, lr.wins, lr.median_gain_pct.value) == (3, 2, pytest.approx(15.0))
    assert lr.median_gain_pct.low == pytest.approx(10.0)
    assert lr.median_gain_pct.high == pytest.approx(20.0)


def test_the_win_rate_looks_at_the_knob_first_and_is_one_half_for_the_unknown() -> None:
    card = Scorecard(
        [
            ProposalOutcome("faster", ("lr",), Verdict.BETTER, 5.0),
            ProposalOutcome("faster", ("b",), Verdict.WORSE, -5.0),
        ]
    )
    assert card.win_rate("faster", ["lr@mul=2"]) == pytest.approx(2 / 3)
    assert card.win_rate("faster", ["b@mul=2"]) == pytest.approx(1 / 3)
    assert card.win_rate("faster", ["other@mul=2"]) == pytest.approx(2 / 4)
    assert card.win_rate("new", ["lr@mul=2"]) == 0.5


def test_the_interval_of_one_value_is_that_value_and_of_none_unknown() -> None:
    one = interval([2.0])
    assert (one.value, one.low, one.high, one.above_zero) == (2.0, 2.0, 2.0, 1.0)
    assert math.isnan(interval([]).value)


def test_the_bootstrap_interval_covers_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    samples = generator.normal(1.0, 1.0, size=(200, 20))
    found = [interval(list(sample), draws=500) for sample in samples]
    covered = np.mean([one.low <= 1.0 <= one.high for one in found])
    assert 0.82 < covered < 0.96


def test_a_round_without_a_gain_over_the_noise_costs_patience() -> None:
    gains = [child("a", 0.9), child("b", 0.89, round=3), child("c", 0.88, round=4), child("d", 0.7, round=5)]
    waited = [rounds_without_gain(study_of(BASE, *gains[:count])) for count in range(5)]
    assert waited == [0, 0, 1, 2, 0]


def test_the_conclusion_says_why_what_and_how_much_in_one_sentence() -> None:
    text = conclusion(study_of(BASE, child("a", 0.8)), "all 2 rounds are done")
    assert text == (
        "the study ends after 2 jobs: all 2 rounds are done; the best is a (job 1), objective 0.8, "
        "20 % better than baseline at the same seed (more than the noise of 3 %)"
    )
    assert "within the noise" in conclusion(study_of(BASE, child("a", 0.99)), "x")
    assert "none with a result" in conclusion(study_of({"name": "baseline", "state": "FAILED"}), "x")
