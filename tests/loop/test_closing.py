"""Racing, minimal and confirmation, from the record of a study alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoloop.config.settings import Settings
from autoloop.curves.objective import Objective
from autoloop.edits.variants import Variant, signature
from autoloop.errors import ConfigError
from autoloop.loop.closing import is_closing, seeds_to_check
from autoloop.loop.due import (
    Close,
    Decide,
    Limits,
    PlanRound,
    Reseed,
    Run,
    Step,
    Stop,
    TakeBack,
    Wait,
    at_end,
    next_step,
)
from autoloop.loop.filling import Derived, Round, add_without
from autoloop.loop.score import (
    Noise,
    chosen,
    conclusion,
    confirmation,
    contenders,
    kept_edits,
    leader,
    noise,
    standings,
    winner,
)
from autoloop.loop.score.certainty import better_than_zero, interval_of_mean
from autoloop.loop.until import Condition
from autoloop.store.journal import Journal, read_study
from autoloop.study.events import read_event
from autoloop.study.record import Study
from tests.helpers.studies import (
    decisions_event,
    event_of,
    job_event,
    repeat_of,
    replay,
    round_event,
    study_event,
    study_of,
    trial_event,
    variant_entry,
)

BASE = {"name": "baseline", "objective": 1.0}
Event = dict[str, Any]


def child(name: str, objective: float, *changes: tuple[str, Any, Any], **fields: Any) -> Event:
    about = {"parent": "baseline", "rule": "x", "changes": list(changes)}
    return {"name": name, "objective": objective, **about, **fields}


def over(*jobs: Event, **limits: Any) -> tuple[Study, Limits]:
    """A study of one round that the search has nothing to add to."""
    study = study_of(*jobs)
    return study, Limits(**{"rounds": 2, "max_jobs": len(jobs), **limits})


def due(study: Study, limits: Limits) -> Step:
    return next_step(study, limits)


def close(study: Study, limits: Limits) -> None:
    step = next_step(study, limits)
    assert isinstance(step, Close)
    event = {"event": "closing", "time": 0.0, "reason": step.reason, "worthy": step.worthy}
    study.record(read_event({**event, "limits": limits.recorded()}))


def measured(study: Study, aim: str, *jobs: Event) -> None:
    """Plan and run these jobs for a measurement."""
    first = study.next_job
    entries = [variant_entry(first + n, **_planned(job)) for n, job in enumerate(jobs)]
    study.record(read_event({**round_event(study.rounds[-1], *entries), "aim": aim}))
    for n, job in enumerate(jobs):
        assert isinstance(next_step(study, Limits()), Run)
        study.record(read_event(job_event(first + n)))
        end = trial_event(first + n, job.get("state", "COMPLETE"), job["objective"])
        study.record(read_event({**end, "summary": job.get("summary", {})}))


def _planned(job: Event) -> Event:
    return {key: value for key, value in job.items() if key not in ("objective", "state", "round", "summary")}


def fresh(parent: str, seed: int, objective: float) -> Event:
    return repeat_of(parent, seed, objective, rule="confirm")


TWO = (BASE, child("good", 0.8, ("lr", 1, 2)))


def test_at_the_end_winner_and_baseline_run_on_fresh_seeds_and_then_it_ends() -> None:
    study, limits = over(*TWO, confirm=3)
    close(study, limits)
    assert due(study, limits) == Reseed("confirm", ("good", "baseline"), (1001, 1002, 1003))
    runs = [
        fresh(name, seed, value) for name, value in (("good", 0.9), ("baseline", 1.0)) for seed in (1, 2, 3)
    ]
    measured(study, "confirm", *runs)
    assert due(study, limits) == Stop("all 2 jobs (max_jobs) are done")


def test_a_running_confirmation_is_waited_for_and_a_broken_one_is_run_again() -> None:
    study, limits = over(*TWO, confirm=1)
    close(study, limits)
    entries = [variant_entry(2, **_planned(fresh("good", 1, 0.0)))]
    study.record(read_event({**round_event(1, *entries), "aim": "confirm"}))
    step = due(study, limits)
    assert isinstance(step, Run)
    study.record(read_event(job_event(2)))
    assert due(study, limits) == Wait()
    study.record(read_event(trial_event(2, "INTERRUPTED", None)))
    assert type(due(study, limits)).__name__ == "Requeue"


def test_measurements_come_on_top_of_max_jobs_and_bring_no_round() -> None:
    study, limits = over(*TWO, confirm=2, patience=1)
    close(study, limits)
    measured(study, "confirm", fresh("good", 1, 0.9), fresh("baseline", 1, 1.0))
    assert study.rounds == [1]
    assert study.searched == 2
    assert study.unjudged() == []
    longer = Limits(rounds=3, max_jobs=4, confirm=2)
    assert due(study, longer) == PlanRound(2)


@pytest.mark.parametrize(
    ("jobs", "limits"),
    [
        (TWO, {"confirm": 0}),
        (TWO, {}),  # auto: not worth it
        ((BASE, child("bad", 1.2)), {"confirm": 3}),  # the baseline itself is the best
        (({"name": "baseline", "objective": None},), {"confirm": 3}),
    ],
)
def test_nothing_is_confirmed_where_that_is_off_or_nothing_was_found(jobs: Any, limits: Any) -> None:
    assert isinstance(due(*over(*jobs, **limits)), Stop)


def test_by_itself_a_study_confirms_where_that_costs_at_most_a_quarter() -> None:
    many = [child(f"c{n}", 0.9 - n / 1000) for n in range(23)]
    assert isinstance(due(*over(BASE, *many)), Close)
    assert isinstance(due(*over(BASE, *many[:22])), Stop)
    assert isinstance(due(*over(BASE, *many, rounds=1, max_jobs=None)), Stop)  # a plain sweep


def test_a_small_gain_that_was_chosen_of_many_is_told_with_a_doubt_until_it_is_confirmed() -> None:
    """0.6 and 0.9 are 40 % and 10 % better than the baseline."""
    doubt = "a third of such gains are luck; confirm=3 checks"
    for best, count, doubtful in ((0.9, 11, True), (0.9, 10, False), (0.6, 11, False)):
        study, _ = over(BASE, *(child(f"c{n}", best + n / 1000) for n in range(count)))
        assert (doubt in conclusion(study, "done")) is doubtful


def test_a_finished_study_is_confirmed_when_that_is_asked_for_later() -> None:
    study, limits = over(*TWO)
    study.record(read_event({"event": "stop", "time": 0.0, "reason": "done"}))
    assert isinstance(due(study, limits), Stop)
    more = Limits(rounds=2, max_jobs=2, confirm=1)
    close(study, more)
    measured(study, "confirm", fresh("good", 1, 0.9), fresh("baseline", 1, 1.0))
    assert isinstance(due(study, more), Stop)
    assert isinstance(due(study, Limits(rounds=2, max_jobs=2, confirm=2)), Close)


def test_the_headline_is_the_gain_on_fresh_seeds_and_the_luck_of_selection_is_told() -> None:
    study, limits = over(*TWO, confirm=3)
    close(study, limits)
    runs = [("good", 0.88), ("good", 0.90), ("good", 0.92)]
    measured(
        study,
        "confirm",
        *(fresh(name, seed, value) for seed, (name, value) in enumerate(runs)),
        *(fresh("baseline", seed, 1.0) for seed in range(3)),
    )
    found = confirmation(study)
    assert found is not None
    assert found.gains_pct == pytest.approx((12.0, 10.0, 8.0))
    assert found.gain_pct == pytest.approx(10.0)
    half = 2.92 * 2.0 / math.sqrt(3)  # Student's t of three gains whose standard deviation is 2
    assert found.interval_pct == pytest.approx((10.0 - half, 10.0 + half), abs=1e-3)
    assert 0.95 < found.better < 1.0
    assert found.optimism_pct == pytest.approx(100 * 0.1 / 0.9)
    said = conclusion(study, "done")
    assert "10 % better than baseline on 3 fresh seeds (90 % interval" in said
    assert "chosen at 0.8, it comes to 0.9 there: it looked 11 % better than it is" in said


def test_where_fresh_seeds_speak_for_the_baseline_it_is_the_winner_and_the_luck_is_told() -> None:
    study, limits = over(*TWO, confirm=1)
    close(study, limits)
    measured(study, "confirm", fresh("good", 1, 1.1), fresh("baseline", 1, 1.0))
    found = confirmation(study)
    assert found is not None
    assert found.better < 0.5
    assert chosen(study).name == "good"  # type: ignore[union-attr]
    assert winner(study).name == "baseline"  # type: ignore[union-attr]
    said = conclusion(study, "done")
    assert "the best is baseline (job 0), objective 1; good, which looked best, is 10 % worse" in said
    assert "than baseline on 1 fresh seed (90 % interval -14.4 to -5.62 %" in said
    assert isinstance(due(study, limits), Stop)


def test_gains_that_agree_by_luck_are_no_surer_than_the_noise() -> None:
    """Three gains of exactly 1 %: the noise of 1.5 % for a pair still allows for none."""
    low, high = interval_of_mean([1.0, 1.0, 1.0], 1.5)
    assert low < 0 < high
    assert 0.7 < better_than_zero([1.0, 1.0, 1.0], 1.5) < 0.95
    assert better_than_zero([1.0, 1.0, 1.0], 0.0) == 1.0
    assert better_than_zero([0.0], 0.0) == 0.5


@pytest.mark.parametrize(
    ("count", "real"), [(1, 1.5), (2, 1.5), (3, 1.5), (5, 1.5), (3, 1.0), (2, 20.0), (3, 20.0), (5, 20.0)]
)
def test_the_interval_holds_the_truth_at_least_as_often_as_it_says(count: int, real: float) -> None:
    """Also where the noise is far above the 1.5 % that the study takes it for, but for a single gain."""
    draws = np.random.default_rng(1).normal(4.0, real, size=(2000, count))
    ends = [interval_of_mean(list(row), 1.5) for row in draws]
    assert np.mean([low <= 4.0 <= high for low, high in ends]) > 0.885


def test_a_choice_that_diverges_on_a_fresh_seed_is_no_winner() -> None:
    study, limits = over(*TWO, confirm=2)
    close(study, limits)
    lost = {**fresh("good", 1, 0.0), "objective": None, "state": "INFEASIBLE"}
    others = fresh("good", 2, 0.9), fresh("baseline", 1, 1.0), fresh("baseline", 2, 1.0)
    measured(study, "confirm", lost, *others)
    assert winner(study).name == "baseline"  # type: ignore[union-attr]
    said = conclusion(study, "done")
    assert "; good, which looked best, is 10 % better than baseline on 1 fresh seed (" in said
    assert said.endswith("; good, which looked best, came to no result on 1 fresh seed")


def test_a_choice_that_diverges_on_all_fresh_seeds_is_told() -> None:
    study, limits = over(*TWO, confirm=1)
    close(study, limits)
    lost = {**fresh("good", 1, 0.0), "objective": None, "state": "INFEASIBLE"}
    measured(study, "confirm", lost, fresh("baseline", 1, 1.0))
    assert winner(study).name == "baseline"  # type: ignore[union-attr]
    assert conclusion(study, "done").endswith(
        "objective 1; good, which looked best, came to no result on 1 fresh seed"
    )


def test_a_starting_point_that_diverged_is_no_winner() -> None:
    """Whatever fresh seeds say of it: its own run has no result."""
    base = {**BASE, "objective": None, "state": "INFEASIBLE"}
    study, limits = over(base, child("good", 0.9, ("lr", 0.1, 0.2)), confirm=1)
    close(study, limits)
    measured(study, "confirm", fresh("good", 1, 1.1), fresh("baseline", 1, 1.0))
    assert winner(study).name == "good"  # type: ignore[union-attr]


def test_the_gain_of_a_success_rate_that_starts_at_0_is_confirmed_as_a_difference() -> None:
    about = {"metric": "success", "goal": "max"}
    study, limits = over({**BASE, "objective": 0.0}, child("good", 0.3, ("lr", 0.1, 0.2)), confirm=2)
    study.aim = Objective(**about)
    close(study, limits)
    runs = [
        fresh("good", 1, 0.5),
        fresh("good", 2, 0.25),
        fresh("baseline", 1, 0.0),
        fresh("baseline", 2, 0.0),
    ]
    measured(study, "confirm", *runs)
    said = conclusion(study, "done")
    assert "the best is good (job 1), objective 0.3, 0.375 better than baseline on 2 fresh seeds" in said
    assert "(90 % interval -0.414 to 1.16, better with probability" in said
    assert said.endswith("chosen at 0.3, it comes to 0.375 there: it looked 20 % worse than it is")


def test_repeats_that_chose_the_winner_confirm_nothing() -> None:
    study = study_of(*TWO, repeat_of("good", 1, 0.8), repeat_of("baseline", 1, 1.0))
    assert confirmation(study) is None


A, B, C = ("a", 1, 2), ("b", 1, 2), ("c", 1, 2)
THREE = (BASE, child("best", 0.8, A, B, C))


def taken_back(of: str, objective: float, *paths: str, rule: str = "without") -> Event:
    left = [change for change in (A, B, C) if change[0] not in paths]
    name = f"{of}-without-{'-'.join(paths)}" if rule == "without" else f"{of}-minimal"
    return child(name, objective, *left, rule=rule)


def ablated(*objectives: float) -> tuple[Study, Limits]:
    study, limits = over(*THREE, minimal=True)
    close(study, limits)
    assert due(study, limits) == TakeBack("ablate", "best", (("a",), ("b",), ("c",)))
    measured(
        study,
        "ablate",
        *(taken_back("best", value, path) for path, value in zip("abc", objectives, strict=True)),
    )
    return study, limits


def check(study: Study, **by_name: tuple[float, ...]) -> None:
    """Run configs on the further seeds that compare the winner with itself without some edits."""
    runs = [
        repeat_of(name.replace("_", "-"), 2001 + n, value, rule="check")
        for name, values in by_name.items()
        for n, value in enumerate(values)
    ]
    measured(study, "check", *runs)


SEEDS = (2001, 2002)


def test_edits_that_do_nothing_on_further_seeds_too_are_taken_back_together() -> None:
    study, limits = ablated(0.9, 0.801, 0.79)
    assert due(study, limits) == TakeBack("reduce", "best", (("c", "b"),))
    measured(study, "reduce", taken_back("best", 0.8, "b", "c", rule="minimal"))
    assert due(study, limits) == Reseed("check", ("best-minimal", "best"), SEEDS)
    assert winner(study).name == "best"  # type: ignore[union-attr]
    check(study, best_minimal=(0.82, 0.81), best=(0.81, 0.81))
    assert isinstance(due(study, limits), Stop)
    found = winner(study)
    assert found is not None
    assert found.name == "best-minimal"
    assert study.best().name == "best"  # type: ignore[union-attr]
    assert "without edits of best that do nothing (b, c: no worse without, on 2 further seeds)" in conclusion(
        study, "done"
    )


def test_an_edit_that_only_looked_idle_at_one_seed_stays() -> None:
    """At the winner's own seed the run without it is as good; on two others it is 5 % worse."""
    study, limits = ablated(0.9, 0.801, 0.95)
    assert due(study, limits) == TakeBack("reduce", "best", ())  # it ran already: without b
    measured(study, "reduce")
    assert due(study, limits) == Reseed("check", ("best-without-b", "best"), SEEDS)
    check(study, best_without_b=(0.84, 0.84), best=(0.80, 0.80))
    assert isinstance(due(study, limits), Stop)
    assert winner(study).name == "best"  # type: ignore[union-attr]
    assert kept_edits(study) == "b: best is 5 % worse without b on 2 further seeds"
    assert "do nothing" not in conclusion(study, "done")


def test_of_edits_of_which_one_only_looked_idle_the_least_missed_half_is_tried_next() -> None:
    study, limits = ablated(0.9, 0.801, 0.79)
    measured(study, "reduce", taken_back("best", 0.8, "b", "c", rule="minimal"))
    check(study, best_minimal=(0.86, 0.84), best=(0.80, 0.80))
    assert due(study, limits) == TakeBack("reduce", "best", ())  # it ran already: without c
    measured(study, "reduce")
    assert due(study, limits) == Reseed("check", ("best-without-c",), SEEDS)  # the winner has these seeds
    check(study, best_without_c=(0.80, 0.81))
    assert isinstance(due(study, limits), Stop)
    assert winner(study).name == "best-without-c"  # type: ignore[union-attr]
    assert kept_edits(study).startswith("b: best is 6.25 % worse without b, c")


def test_edits_that_only_together_do_something_are_tried_by_half() -> None:
    """Each alone is not missed, both are, at the winner's own seed: no further seeds are run for both."""
    study, limits = ablated(0.9, 0.801, 0.79)
    measured(study, "reduce", taken_back("best", 0.95, "b", "c", rule="minimal"))
    assert due(study, limits) == TakeBack("reduce", "best", ())
    measured(study, "reduce")
    assert due(study, limits) == Reseed("check", ("best-without-c", "best"), SEEDS)


def test_a_comparison_that_came_to_nothing_takes_nothing_back() -> None:
    study, limits = ablated(0.9, 0.801, 0.95)
    measured(study, "reduce")
    measured(study, "check")  # refused: the config has no seed
    assert isinstance(due(study, limits), Stop)
    assert winner(study).name == "best"  # type: ignore[union-attr]


def test_a_noisy_study_compares_on_more_seeds() -> None:
    assert seeds_to_check(Noise(paired_pct=0.2)) == 2
    assert seeds_to_check(Noise()) == 2
    assert seeds_to_check(Noise(paired_pct=2.0)) == 3
    assert seeds_to_check(Noise(paired_pct=9.0)) == 4


def test_fresh_seeds_change_nothing_about_who_was_chosen_and_by_what_noise() -> None:
    """They scatter by 30 %, which would have made every edit look idle and the baseline as good."""
    study, limits = over(*THREE, minimal=True, confirm=2)
    close(study, limits)
    runs = {"a": 0.9, "b": 0.8, "c": 0.9}
    measured(study, "ablate", *(taken_back("best", value, path) for path, value in runs.items()))
    measured(study, "reduce")
    check(study, best_without_b=(0.80, 0.81), best=(0.80, 0.80))
    before = noise(study), standings(study)
    scattered = [("best-without-b", (0.6, 1.2)), ("baseline", (1.4, 0.8))]
    measured(
        study,
        "confirm",
        *(fresh(name, seed, value) for name, values in scattered for seed, value in enumerate(values)),
    )
    assert (noise(study), standings(study)) == before
    assert winner(study).name == "best-without-b"  # type: ignore[union-attr]
    assert isinstance(due(study, limits), Stop)


def test_where_every_edit_does_something_nothing_more_is_run() -> None:
    study, limits = ablated(0.9, 0.95, 1.0)
    assert isinstance(due(study, limits), Stop)
    assert winner(study).name == "best"  # type: ignore[union-attr]


def test_what_has_run_without_an_edit_already_is_not_run_again() -> None:
    """The last edit of a lineage: the parent is the winner without it."""
    middle, last = child("middle", 0.9, A), child("last", 0.8, B, parent="middle", round=2)
    study, limits = over(BASE, middle, last, minimal=True)
    close(study, limits)
    assert due(study, limits) == TakeBack("ablate", "last", (("a",),))


def test_runs_without_edits_have_names_of_their_own() -> None:
    """Knobs whose paths end alike, and several tries of the reduced winner."""
    start = Variant(
        "baseline", (), None, "baseline", "start", {}, "", (), {"a": {"lr": 1}, "b": {"lr": 1}}, "0"
    )
    planned = Round(1, {"0": "baseline"})

    def derive(parent: Variant, edits: Sequence[str]) -> Derived:
        return Derived(parent.config, tuple(edits), signature({"edits": list(edits)}))

    for paths, rule in ((("a.lr",), "without"), (("b.lr",), "without"), ((), "minimal"), (("c",), "minimal")):
        add_without(planned, start, "best", dict.fromkeys(paths, 2), paths or ("x",), rule, derive)
    assert [variant.name for variant in planned.variants] == [
        "best-without-lr",
        "best-without-lr_2",
        "best-minimal",
        "best-minimal_2",
    ]


def test_items_of_a_list_are_one_edit() -> None:
    changes = [("f.0.w", 1, 2), ("f.1.w", 3, 6), ("lr", 1, 2)]
    study, limits = over(BASE, child("best", 0.8, *changes), minimal=True)
    close(study, limits)
    assert due(study, limits) == TakeBack("ablate", "best", (("f.0.w", "f.1.w"), ("lr",)))


def test_the_reduced_winner_is_what_is_confirmed() -> None:
    study, limits = over(*THREE, minimal=True, confirm=1)
    close(study, limits)
    runs = {"a": 0.9, "b": 0.8, "c": 0.9}
    measured(study, "ablate", *(taken_back("best", value, path) for path, value in runs.items()))
    assert due(study, limits) == TakeBack("reduce", "best", ())  # it ran already: without b
    measured(study, "reduce")
    check(study, best_without_b=(0.80, 0.81), best=(0.81, 0.80))
    assert due(study, limits) == Reseed("confirm", ("best-without-b", "baseline"), (1001,))


CLOSE = (BASE, child("first", 0.80), child("second", 0.81), child("far", 0.95))


def test_leaders_that_cannot_be_told_apart_run_with_further_seeds_before_the_next_round() -> None:
    study, limits = study_of(*CLOSE), Limits(rounds=3, racing=2)
    assert due(study, limits) == Reseed("race", ("first", "second"), (1,))
    measured(study, "race", repeat_of("first", 1, 0.86), repeat_of("second", 1, 0.82))
    assert leader(study).name == "second"  # type: ignore[union-attr]
    standing = {study.at(place).name: value for place, value in standings(study).items()}  # type: ignore[union-attr]
    assert standing["second"] < standing["first"] < standing["far"]
    step = due(study, limits)
    assert step in (PlanRound(2), Reseed("race", ("second", "first"), (2,)))


def test_a_race_ends_when_one_is_clearly_ahead_or_every_seed_was_run() -> None:
    study, limits = study_of(*CLOSE), Limits(rounds=3, racing=2)
    measured(study, "race", repeat_of("first", 1, 0.70), repeat_of("second", 1, 0.90))
    assert [job.name for job in contenders(study, 4)] == []
    assert due(study, limits) == PlanRound(2)
    equal = study_of(*CLOSE)
    measured(equal, "race", repeat_of("first", 1, 0.84), repeat_of("second", 1, 0.83))
    assert isinstance(due(equal, limits), Reseed)
    measured(equal, "race", repeat_of("first", 2, 0.84), repeat_of("second", 2, 0.85))
    assert due(equal, limits) == PlanRound(2)


def test_there_is_no_race_where_it_is_off_or_the_budget_leaves_no_room() -> None:
    study = study_of(*CLOSE)
    assert due(study, Limits(rounds=3)) == PlanRound(2)
    assert due(study, Limits(rounds=3, racing=2, max_jobs=6)) == PlanRound(2)
    assert isinstance(due(study, Limits(rounds=3, racing=2, max_jobs=7)), Reseed)


def test_a_new_round_has_a_race_of_its_own() -> None:
    study, limits = study_of(*CLOSE), Limits(rounds=3, racing=1)
    measured(study, "race", repeat_of("first", 1, 0.84), repeat_of("second", 1, 0.83))
    assert due(study, limits) == PlanRound(2)
    study.record(read_event(round_event(2, variant_entry(6, "third", parent="first", rule="x"))))
    study.record(read_event(job_event(6)))
    study.record(read_event(trial_event(6, objective=0.79)))
    assert due(study, limits) == Decide(2)
    study.record(read_event({**decisions_event(2), "judged": [6]}))
    assert isinstance(due(study, limits), Reseed)


def test_one_seed_leaves_every_objective_as_it_is() -> None:
    study = study_of(*CLOSE)
    assert standings(study) == {job.job: job.objective for job in study.counted()}
    assert standings(replay([study_event()])) == {}
    assert winner(replay([study_event()])) is None


def test_the_end_by_time_or_by_failures_is_the_end() -> None:
    study, _ = over(*TWO)
    study.record(read_event({**decisions_event(1), "time": 7200.0}))
    late = Limits(rounds=2, max_jobs=2, max_hours=1.0, confirm=3)
    assert isinstance(due(study, late), Stop)
    failed = study_of(*TWO, {**child("broken", 0.0), "state": "FAILED"})
    assert isinstance(due(failed, Limits(rounds=2, fail_fast=True, confirm=3)), Stop)


def test_time_that_runs_out_during_confirmation_leaves_it_as_far_as_it_is() -> None:
    study, limits = over(*TWO, confirm=2, max_hours=1.0)
    close(study, limits)
    entries = [variant_entry(2 + n, **_planned(fresh("good", n, 0.0))) for n in range(2)]
    study.record(read_event({**round_event(1, *entries), "aim": "confirm"}))
    study.record(read_event({**job_event(2), "time": 7200.0}))
    step = due(study, limits)
    assert isinstance(step, Stop)
    assert "max_hours" in step.reason


def test_a_search_that_found_enough_or_finds_no_more_is_confirmed_too() -> None:
    enough = (Condition("good", below=0.9),)
    study = study_of(*TWO)
    step = due(study, Limits(rounds=9, until=enough, confirm=1))
    assert isinstance(step, Close)
    assert step.reason.startswith("good meets every condition of until")
    idle = study_of(*TWO, child("worse", 0.9, round=2), child("worst", 0.9, round=3))
    step = due(idle, Limits(rounds=9, patience=2, confirm=1))
    assert isinstance(step, Close)
    assert "no gain over the noise" in step.reason
    out_of_ideas = at_end(study_of(*TWO), Limits(rounds=9, confirm=1), Stop("nothing new"))
    assert out_of_ideas == Close("nothing new")


MASS = (Condition("mass", "mass", at_least=0.05),)


def with_mass(job: Event, mass: float) -> Event:
    return {**job, "summary": {"mass": {"last": mass}}}


def test_the_run_that_meets_every_condition_is_the_winner_though_another_has_a_better_result() -> None:
    worthy, better = with_mass(child("worthy", 0.8, A, B), 0.1), with_mass(child("better", 0.7, A), 0.0)
    study = study_of(BASE, worthy, better)
    limits = Limits(rounds=9, until=MASS, confirm=1)
    step = due(study, limits)
    assert isinstance(step, Close)
    assert step.worthy == "worthy"
    close(study, limits)
    assert winner(study).name == "worthy"  # type: ignore[union-attr]
    assert due(study, limits) == Reseed("confirm", ("worthy", "baseline"), (1001,))
    measured(study, "confirm", fresh("worthy", 1, 1.1), fresh("baseline", 1, 1.0))
    assert due(study, limits) == Stop(step.reason, worthy="worthy")
    assert winner(study).name == "worthy"  # type: ignore[union-attr] # though it is worse: the baseline is not worthy
    assert ", 10 % worse than baseline on 1 fresh seed" in conclusion(study, step.reason)
    study.record(read_event({"event": "round", "time": 0.0, "round": 2, "variants": [], "refused": []}))
    assert winner(study).name == "better"  # type: ignore[union-attr] # the search went on


@pytest.mark.parametrize(("mass", "name"), [(0.1, "best-without-b"), (0.0, "best")])
def test_an_edit_that_a_condition_needs_stays_though_the_result_does_not(mass: float, name: str) -> None:
    study = study_of(BASE, with_mass(child("best", 0.8, A, B), 0.1))
    limits = Limits(rounds=9, until=MASS, minimal=True)
    close(study, limits)
    without = [taken_back("best", 0.9, "a", "c"), with_mass(taken_back("best", 0.8, "b", "c"), mass)]
    names = ("best-without-a", "best-without-b")
    measured(study, "ablate", *({**job, "name": name} for job, name in zip(without, names, strict=True)))
    if mass:
        measured(study, "reduce")
        check(study, best_without_b=(0.8, 0.8), best=(0.8, 0.8))
    assert isinstance(due(study, limits), Stop)
    assert winner(study).name == name  # type: ignore[union-attr]


def test_limits_are_known_again_from_the_journal(tmp_path: Path) -> None:
    """Conditions have infinite ends, which JSON has no number for."""
    limits = Limits(rounds=3, max_hours=1.5, until=(Condition("good", below=0.9),), confirm=2)
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", objective={}))
        journal.append(event_of("closing", reason="enough", limits=limits.recorded()))
        assert is_closing(journal.study, limits)
    assert is_closing(read_study(tmp_path), limits)
    assert not is_closing(read_study(tmp_path), replace(limits, confirm=3))


@pytest.mark.parametrize(("given", "read"), [(None, None), ("auto", None), (0, 0), (3, 3)])
def test_confirm_is_a_number_or_left_to_the_study(given: Any, read: int | None) -> None:
    assert Settings.read({"strategy": "rules", "confirm": given}).limits.confirm == read


@pytest.mark.parametrize("given", ["yes", -1, 1.5, True])
def test_another_confirm_is_told(given: Any) -> None:
    with pytest.raises(ConfigError, match="neither auto nor a whole number"):
        Settings.read({"strategy": "rules", "confirm": given})
