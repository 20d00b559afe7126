"""Each rule class as a table: curves (or an error, or a parent) and what the rule says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autoloop.curves.objective import Objective
from autoloop.curves.summary import MetricSummary, summarize
from autoloop.edits import apply
from autoloop.rules import (
    BackToParent,
    CostNotFalling,
    Decision,
    Fallback,
    MetricChange,
    MetricLevel,
    NonFinite,
    OutOfMemory,
    Overfitting,
    RestoreMass,
    Rule,
    Spikes,
)
from autoloop.study.trials import Trial
from autoloop.testing import trial
from tests.helpers.rule_curves import act_ot_config, decay, scatter

NAN, INF = math.nan, math.inf
FLAT, FALLING = [1.0] * 20, list(np.linspace(1.0, 0.5, 20))


def ask(rule: Rule, one: Trial, *others: Trial) -> Decision:
    return rule.decide(one, {known.name: known for known in (one, *others)})


def says(decision: Decision, fired: bool, words: str) -> None:
    assert (decision.fired, words in decision.reason) == (fired, True), decision.reason


@pytest.mark.parametrize(
    ("settings", "values", "fired", "words"),
    [
        ({"below": 0.1}, [1.0, 0.05], True, "loss (last) is 0.05, below 0.1"),
        ({"below": 0.1}, [0.05, 1.0], False, "not below 0.1"),
        ({"below": 0.1}, [0.1], False, "not below 0.1"),
        ({"above": 2}, [1.0, 3.0], True, "above 2"),
        ({"above": 2}, [2.0], False, "not above 2"),
        ({"above": 1, "below": 2}, [1.5], True, "above 1 and below 2"),
        ({"above": 1, "below": 2}, [2.5], False, "not below 2"),
        ({"above": 1, "below": 2}, [0.5], False, "not above 1"),
        ({"above": 2, "stat": "tail"}, [1.0] * 9 + [9.0], False, "(tail) is 1"),
        ({"above": 2, "stat": "max"}, [9.0, 1.0], True, "(max) is 9"),
        ({"above": 2, "min_points": 3}, [9.0, 9.0], False, "2 points, too few (needs 3)"),
        ({"above": 2}, [], False, "loss was not logged"),
        ({"above": 2}, [NAN, NAN], False, "not finite"),
        ({"above": 2}, [9.0] * 10 + [INF], False, "not finite"),
        ({"above": 2}, [NAN] * 3 + [9.0] * 7, False, "3 of 10 values that are not finite"),
    ],
)
def test_metric_level(settings: dict[str, Any], values: Sequence[float], fired: bool, words: str) -> None:
    rule = MetricLevel(name="r", metric="loss", edits=["lr@mul=0.5"], **{"stat": "last", **settings})
    says(ask(rule, trial(history={"loss": values})), fired, words)


@pytest.mark.parametrize(
    ("settings", "values", "fired", "words"),
    [
        ({"fell_less_than_pct": 2, "span": "first_last"}, [1.0] * 9 + [0.99], True, "fell by 1 %"),
        ({"fell_less_than_pct": 2, "span": "first_last"}, [1.0] * 9 + [0.97], False, "not less than 2 %"),
        ({"fell_less_than_pct": 2, "span": "first_last"}, [1.0] * 9 + [1.5], True, "rose by 50 %"),
        ({"fell_less_than_pct": 2}, FLAT, True, "stayed at 1"),
        ({"fell_less_than_pct": 2}, FALLING, False, "not less than 2 %"),
        ({"stayed_within_pct": 1}, FLAT, True, "stayed at 1"),
        ({"stayed_within_pct": 1}, list(np.linspace(1, 2, 20)), False, "not less than 1 %"),
        ({"stayed_within_pct": 1}, decay(2.3, 0.5, 40, rate=12), True, "its last half"),
        ({"fell_more_than_pct": 3}, FALLING, True, "fell more than 3 %"),
        ({"fell_more_than_pct": 3}, FLAT, False, "not a fall"),
        ({"rose_more_than_pct": 5}, FALLING[::-1], True, "rose more than 5 %"),
        ({"rose_more_than_pct": 5}, FALLING, False, "not a rise"),
        ({"rose_more_than_pct": 200, "span": "run"}, [1.0] * 10 + [4.0] * 10, True, "rose by 300 % (1 -> 4)"),
        ({"fell_more_than_pct": 3, "span": "start"}, [5.0, *FLAT], True, "fell by 80 % (5 -> 1)"),
        ({"fell_more_than_pct": 3, "span": "start"}, FLAT, False, "not a fall"),
        ({"fell_more_than_pct": 3}, [0.0] * 20, False, "starts at 0"),
        ({"fell_more_than_pct": 3}, FALLING[:7], False, "too few (needs 8)"),
        (
            {"fell_more_than_pct": 3, "min_points": 4},
            [1.0, 1.0, 1.0, 0.5],
            False,
            "within its uncertainty of 1e+02 %",
        ),
        ({"fell_more_than_pct": 3, "min_points": 3}, [1.0, 0.6], False, "too few (needs 3)"),
        (
            {"fell_more_than_pct": 3, "min_points": 3},
            [4.0, 2.0, 1.0, 0.9, 0.8],
            True,
            "(5 points only) (fell",
        ),
        ({"fell_more_than_pct": 3}, [*FALLING, NAN], False, "not finite"),
        ({"fell_more_than_pct": 3}, [], False, "was not logged"),
    ],
)
def test_metric_change(settings: dict[str, Any], values: Sequence[float], fired: bool, words: str) -> None:
    rule = MetricChange(name="r", metric=["loss", "train/loss"], edits=["lr@mul=2"], **settings)
    says(ask(rule, trial(history={"loss": values})), fired, words)


@pytest.mark.parametrize("seed", range(5))
def test_the_scatter_of_single_values_neither_rises_nor_falls(seed: int) -> None:
    """17 % from point to point, as l1_loss of a LeRobot run, on a flat curve: no rule may see a trend."""
    values = scatter(np.full(40, 0.2), 0.17, seed)
    for limit in ("fell_more_than_pct", "rose_more_than_pct"):
        rule = MetricChange(name="r", metric="loss", edits=["lr@mul=2"], **{limit: 3.0})
        assert not ask(rule, trial(history={"loss": values})).fired


def test_the_first_metric_that_was_logged_counts() -> None:
    rule = MetricChange(name="r", metric=["eval", "loss"], edits=["lr@mul=2"], fell_more_than_pct=3.0)
    assert ask(rule, trial(history={"eval": FALLING, "loss": FLAT})).evidence["metric"] == "eval"
    assert ask(rule, trial(history={"loss": FALLING})).evidence["metric"] == "loss"
    assert ask(rule, trial(history={"eval": FALLING[:3], "loss": FALLING})).evidence["metric"] == "loss"


def mass_trial(mass: float, log_mass: float | None = None, config: Mapping[str, Any] | None = None) -> Trial:
    logged = {"train/ot_pi_sum": [mass] * 20}
    if log_mass is not None:
        logged["train/ot_log_pi_sum"] = [log_mass] * 20
    return trial(history=logged, config=act_ot_config() if config is None else config)


@pytest.mark.parametrize(
    ("mass", "log_mass", "sum_of_knobs"),
    [
        (1e-6, None, 0.2 * math.log(1e-6) / math.log(0.2)),  # s * log(pi) / log(wanted)
        (1e-6, math.log(1e-6), 0.2 * math.log(1e-6) / math.log(0.2)),
        (0.0, -40.0, 0.2 * 40 / -math.log(0.2)),  # the mass underflowed, its logarithm did not
        (1e-300, -40.0, 0.2 * 40 / -math.log(0.2)),  # a solver's tiny number is not believed
        (0.0, None, 20.0),  # capped at a hundred times the sum
        (1e-85, None, 20.0),
        (
            0.01,
            0.0,
            0.2 * math.log(0.01) / math.log(0.2),
        ),  # a logarithm that contradicts the mass is not used
        (0.0, -INF, 20.0),
    ],
)
def test_restore_mass_scales_the_sum_of_its_knobs(
    mass: float, log_mass: float | None, sum_of_knobs: float
) -> None:
    one = mass_trial(mass, log_mass)
    loss_config = apply(ask(RestoreMass(name="r"), one).edits, one.variant.config)["ot"]["loss_config"]
    assert loss_config["reg"] == 0.1
    assert loss_config["tau_src"] == loss_config["tau_tgt"]
    assert loss_config["reg"] + 2 * loss_config["tau_src"] == pytest.approx(sum_of_knobs, rel=0.006)


def test_restore_mass_reaches_the_wanted_mass_exactly_where_the_prior_is_diagonal() -> None:
    cost, knobs = 2.0, 0.2
    one = mass_trial(math.exp(-cost / knobs))
    restored = apply(ask(RestoreMass(name="r"), one).edits, one.variant.config)["ot"]["loss_config"]
    new = restored["reg"] + restored["tau_src"] + restored["tau_tgt"]
    assert math.exp(-cost / new) == pytest.approx(0.2, rel=0.01)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (mass_trial(0.05), "not below 0.05"),
        (mass_trial(183.0), "not below 0.05"),
        (mass_trial(1e-6, config={"ot": {}}), "the config has no number at ot.loss_config.reg"),
        (mass_trial(1e-6, config=act_ot_config(reg=-0.1)), "is 0, not positive"),
        (trial(history={"train/loss": FLAT}), "train/ot_pi_sum was not logged"),
        (trial(history={"train/ot_pi_sum": [1e-6] * 3}), "too few"),
        (trial(history={"train/ot_pi_sum": [1e-6] * 9, "train/loss": [NAN] * 9}), "the run diverged"),
        (
            trial(history={"train/ot_pi_sum": [1e-6] * 9}, state="FAILED", error="exit code 1"),
            "FAILED (exit code 1)",
        ),
    ],
)
def test_restore_mass_stays_silent(one: Trial, words: str) -> None:
    says(ask(RestoreMass(name="r"), one), False, words)


def test_restore_mass_spreads_over_knobs_that_are_zero() -> None:
    one = mass_trial(1e-6, config=act_ot_config(tau_src=0.0, tau_tgt=0.0))
    edits = ask(RestoreMass(name="r"), one).edits
    assert edits == ("ot.loss_config.tau_src@set=0.379", "ot.loss_config.tau_tgt@set=0.379")


@pytest.mark.parametrize(
    ("settings", "curves", "fired", "words"),
    [
        ({}, {"train/ot_cost/img_third_person": FLAT}, True, "no learnable cost fell by 10 %"),
        ({}, {"train/ot_cost/img_third_person": FALLING}, False, "img_third_person falls"),
        ({}, {"train/ot_cost/img_third_person": [11.0, *FLAT]}, False, "img_third_person falls"),
        ({"span": "run"}, {"train/ot_cost/img_third_person": [11.0, *FLAT]}, True, "no learnable cost fell"),
        ({}, {"train/ot_cost/action_lbl": FLAT}, False, "no learnable cost was logged"),
        (
            {},
            {"train/ot_cost/img_third_person": FALLING, "train/ot_cost_diag/img_third_person": FLAT},
            True,
            "no l",
        ),
        ({"only_learnable": False}, {"train/ot_cost/action_lbl": FLAT}, True, "no cost fell"),
        ({"only_learnable": False}, {}, False, "no cost was logged"),
        ({"mass_above": 0.95}, {"train/ot_cost/img_third_person": FLAT}, False, "not above 0.95"),
        ({}, {"train/ot_cost/img_third_person": FLAT, "train/loss": [NAN] * 20}, False, "diverged"),
        (
            {},
            {"train/ot_cost/img_third_person": FLAT[:5]},
            False,
            "no learnable cost was logged with 8 points",
        ),
        ({}, {"train/ot_cost/img_third_person": [0.0] * 8 + FLAT}, False, "no learnable cost was logged"),
    ],
)
def test_cost_not_falling(
    settings: dict[str, Any], curves: dict[str, Sequence[float]], fired: bool, words: str
) -> None:
    rule = CostNotFalling(name="r", edits=["ot.lambda_ot@mul=0.5"], **settings)
    one = trial(history={"train/ot_pi_sum": [0.9] * 20, **curves}, config=act_ot_config())
    says(ask(rule, one), fired, words)


def child(
    objective: float, *changes: tuple[str, Any, Any], state: str = "COMPLETE", rule: str = "x"
) -> Trial:
    return trial("child", parent="parent", objective=objective, changes=changes, state=state, rule=rule)


@pytest.mark.parametrize(
    ("changes", "edits"),
    [
        ([("lr", 0.1, 0.2)], ("lr@set=0.05",)),  # up to a factor of 2: the other direction
        ([("lr", 0.1, 0.05)], ("lr@set=0.2",)),
        ([("lr", 0.1, 10.0)], ("lr@set=1",)),  # further: half as far, in the logarithm
        ([("batch", 8, 12)], ("batch@set=5",)),  # an int stays one
        ([("batch", 8, 128)], ("batch@set=32",)),
        ([("a", -1.0, -2.0)], ("a@set=-0.5",)),
        ([("lr", 0.1, 0.2), ("name", "a", "b"), ("on", False, True)], ("lr@set=0.05",)),
    ],
)
def test_back_to_parent_tries_the_parent_another_way(
    changes: list[tuple[str, Any, Any]], edits: tuple[str, ...]
) -> None:
    parent = trial("parent", objective=0.2)
    decision = ask(BackToParent(name="r"), child(0.21, *changes), parent)
    assert (decision.trial, decision.judged, decision.edits) == ("parent", "child", edits)
    assert decision.final


@pytest.mark.parametrize(
    ("one", "parent", "final", "words"),
    [
        (child(0.205, ("lr", 1, 2)), trial("parent", objective=0.2), False, "not worse by 3 %"),
        (child(0.19, ("lr", 1, 2)), trial("parent", objective=0.2), False, "not worse by 3 %"),
        (
            child(0.3, ("lr", 1, 2), rule="r"),
            trial("parent", objective=0.2),
            True,
            "second try: both directions have been tried",
        ),
        (child(0.3, ("lr", 0.0, 2.0)), trial("parent", objective=0.2), True, "none of its changes"),
        (child(0.3, ("opt", "sgd", "adam")), trial("parent", objective=0.2), True, "none of its changes"),
        (child(NAN, ("lr", 1, 2)), trial("parent", objective=0.2), False, "cannot be compared"),
        (child(0.3, ("lr", 1, 2)), trial("parent", objective=NAN), False, "cannot be compared"),
        (child(0.3, ("opt", "a", "b")), trial("parent", objective=0.0), True, "parent 'parent' is 0.3 worse"),
        (child(-0.1, ("lr", 1, 2)), trial("parent", objective=0.0), False, "not worse by 3 %"),
        (
            child(0.3, ("lr", 1, 2)),
            trial("parent", objective=0.2, state="FAILED"),
            False,
            "its parent FAILED",
        ),
        (child(0.3, ("lr", 1, 2)), trial("other", objective=0.2), False, "no finished parent"),
    ],
)
def test_back_to_parent_stays_silent(one: Trial, parent: Trial, final: bool, words: str) -> None:
    decision = ask(BackToParent(name="r"), one, parent)
    says(decision, False, words)
    assert decision.final == final


def test_a_loss_within_what_the_curves_jump_by_themselves_is_none() -> None:
    """Accuracies at chance level send no child back; where they do not jump, the same loss does."""
    rule = BackToParent(name="r", goal="max").aimed(Objective(goal="max"))
    one, parent = child(0.5, ("lr", 0.1, 0.2)), trial("parent", objective=0.54)
    for jitter, fired in ((0.03, False), (0.001, True)):
        jumps = {"jitters": {"return_value": jitter}}
        decision = ask(rule, replace(one, **jumps), replace(parent, **jumps))
        assert decision.fired == fired and not (decision.final and not fired)
    silent = ask(rule, replace(one, jitters={"return_value": 0.03}), parent)
    assert "worse by less than the 16 % that the curves themselves jump" in silent.reason


def stopped(**evidence: Any) -> Trial:
    """A run whose learning rate was doubled, ended by a stop rule at step 400."""
    why = {"rule": "x", "reason": "x", "step": 400, "evidence": evidence}
    about = {"parent": "parent", "changes": [("lr", 1.0, 2.0)], "stopping": why}
    falling = {"loss": np.linspace(2.0, 1.0, 20)}
    return trial("child", history=falling, config={"lr": 2.0}, state="STOPPED", objective=0.3, **about)


def test_a_stopped_run_is_compared_at_that_step_or_not_at_all() -> None:
    """Its value of an early step says nothing beside the parent's last one."""
    parent = trial("parent", objective=0.2, config={"lr": 1.0})
    decision = ask(BackToParent(name="r"), stopped(against="parent", behind_pct=20.0), parent)
    assert (decision.trial, decision.edits, decision.final) == ("parent", ("lr@set=0.5",), True)
    assert "20 % behind its parent 'parent' at step 400" in decision.reason
    silent = ask(BackToParent(name="r"), stopped(value=0.0), parent)
    assert (silent.fired, silent.final) == (False, False)
    assert "stopped at step 400" in silent.reason


def test_a_stopped_run_is_not_still_improving() -> None:
    rule = MetricChange(name="r", metric="loss", fell_more_than_pct=3.0, span="end", edits=["lr@mul=2"])
    decision = ask(rule, stopped(), trial("parent"))
    assert not decision.fired
    assert "stopped at step 400, before its end" in decision.reason


def test_back_to_parent_knows_goals_to_maximise() -> None:
    parent = trial("parent", objective=0.8)
    rule = BackToParent(name="r", goal="max")
    assert ask(rule, child(0.7, ("lr", 1.0, 2.0)), parent).fired
    assert not ask(rule, child(0.9, ("lr", 1.0, 2.0)), parent).fired


@pytest.mark.parametrize(
    ("one", "fired", "words"),
    [
        (trial(history={"train/loss": [1.0, NAN]}), True, "train/loss is not finite"),
        (trial(history={"loss": [1.0, INF]}), True, "loss is not finite"),
        (trial(history={"loss": [NAN]}, state="INFEASIBLE", error="loss is NaN"), True, "loss is not finite"),
        (trial(state="INFEASIBLE", error="the loss became NaN at step 300"), True, "became NaN"),
        (trial(state="INFEASIBLE", error="CUDA out of memory"), False, "no loss ended non-finite"),
        (trial(history={"loss": [NAN, 1.0]}), False, "no loss ended non-finite"),
        (trial(history={"train/ot_log_pi_sum": [-INF]}), False, "no loss ended non-finite"),
        (trial(history={"train/grad_norm": [1.0, INF]}), False, "no loss ended non-finite"),
        (trial(history={"loss": [NAN]}, state="FAILED"), False, "the job ended FAILED"),
        (trial(), False, "no loss ended non-finite"),
    ],
)
def test_non_finite(one: Trial, fired: bool, words: str) -> None:
    decision = ask(NonFinite(name="r", edits=["lr@mul=0.3"]), one)
    says(decision, fired, words)
    assert decision.final == fired


@pytest.mark.parametrize(
    ("config", "edits", "words"),
    [
        ({"batch_size": 8}, ("batch_size@set=4",), "out of memory with batch_size 8"),
        (
            {"batch_size": 9, "gradient_accumulation_steps": 2},
            ("batch_size@set=4", "gradient_accumulation_steps@set=4"),
            "batch_size 9",
        ),
        ({"batch_size": 1}, (), "cannot be smaller"),
        ({"lr": 1}, (), "the config has no batch_size"),
    ],
)
def test_out_of_memory_halves_the_batch(config: dict[str, Any], edits: tuple[str, ...], words: str) -> None:
    one = trial(config=config, state="INFEASIBLE", error="torch.OutOfMemoryError: CUDA out of memory.")
    decision = ask(OutOfMemory(name="r"), one)
    says(decision, bool(edits), words)
    assert decision.edits == edits
    assert decision.final


@pytest.mark.parametrize(
    ("state", "error"), [("COMPLETE", ""), ("FAILED", "out of memory"), ("INFEASIBLE", "loss NaN")]
)
def test_out_of_memory_stays_silent_on_other_jobs(state: str, error: str) -> None:
    assert not ask(OutOfMemory(name="r"), trial(config={"batch_size": 8}, state=state, error=error)).fired


@pytest.mark.parametrize(
    ("train", "evaluation", "fired", "words"),
    [
        (FALLING, [2, 1.5, 1.1, 1.0, 1.1, 1.2, 1.3, 1.4], True, "eval changed by"),
        (FALLING, [2, 1.5, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6], False, "the evaluation does not get worse"),
        (FLAT, [2, 1.5, 1.1, 1.0, 1.1, 1.2, 1.3, 1.4], False, "the training metric does not fall"),
        (FALLING, [1.0, 1.2], False, "eval has 2 points, too few"),
        ([], [1.0] * 8, False, "train was not logged"),
    ],
)
def test_overfitting(train: Sequence[float], evaluation: Sequence[float], fired: bool, words: str) -> None:
    rule = Overfitting(name="r", train="train", evaluation="eval", edits=["wd@mul=3"])
    says(ask(rule, trial(history={"train": train, "eval": evaluation})), fired, words)


@pytest.mark.parametrize(
    ("spikes_at", "height", "fired"),
    [((10, 15), 9.0, True), ((15,), 9.0, False), ((10, 15), 2.0, False), ((0, 1), 9.0, False)],
)
def test_spikes(spikes_at: tuple[int, ...], height: float, fired: bool) -> None:
    values = np.ones(20)
    values[list(spikes_at)] = height
    rule = Spikes(name="r", metric="grad", edits=["lr@mul=0.5"])
    assert ask(rule, trial(history={"grad": values}, steps=range(0, 1000, 50))).fired == fired


def test_spikes_are_named_by_their_steps() -> None:
    values = np.ones(20)
    values[[10, 15]] = 9.0
    decision = ask(
        Spikes(name="r", metric="grad", edits=["lr@mul=0.5"]),
        trial(history={"grad": values}, steps=range(0, 1000, 50)),
    )
    assert decision.evidence["spikes_at"] == [500, 750]


def test_a_large_gradient_norm_throughout_has_no_spikes() -> None:
    assert not ask(
        Spikes(name="r", metric="grad", edits=["lr@mul=0.5"]), trial(history={"grad": [400.0] * 20})
    ).fired


def test_fallback_takes_a_step_from_any_run_that_logged_something() -> None:
    rule = Fallback(name="r", edits=["lr@mul=1.2"])
    assert ask(rule, trial(history={"loss": [1.0]})).fired
    says(ask(rule, trial()), False, "logged nothing")
    says(ask(rule, trial(history={"loss": [NAN]})), False, "diverged")


def test_edits_on_knobs_that_the_config_lacks_are_left_out_and_named() -> None:
    rule = MetricLevel(name="r", metric="loss", above=1.0, edits=["lr@mul=0.5", "optim.lr@mul=0.5"])
    some = ask(rule, trial(history={"loss": [2.0]}, config={"lr": 0.1}))
    assert (some.edits, some.evidence["left_out"]) == (("lr@mul=0.5",), ["optim.lr"])
    none = ask(rule, trial(history={"loss": [2.0]}, config={"depth": 3}))
    says(none, False, "but the config has none of lr, optim.lr")


def test_a_summary_stands_in_for_curves_that_are_gone() -> None:
    full = trial(history={"loss": [1.0, 0.7, 0.99], "broken/loss": [1.0] + [NAN] * 9})
    summary: dict[str, MetricSummary] = summarize(full.history)
    rule = MetricChange(
        name="r", metric="loss", edits=["lr@mul=2"], fell_less_than_pct=2, span="first_last", min_points=2
    )
    assert ask(rule, trial(summary={"loss": summary["loss"]})).fired
    says(ask(rule, trial(summary=summary)), False, "broken/loss is not finite at the end")


def test_a_stopped_run_is_judged_like_a_finished_one() -> None:
    rule = MetricLevel(name="r", metric="loss", above=1.0, edits=["lr@mul=0.5"])
    assert ask(rule, trial(history={"loss": [2.0]}, state="STOPPED")).fired
