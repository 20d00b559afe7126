"""What a plan says of rules: when each fires, what it would change, and how the study ends."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import yaml

from autoloop.edits import change
from autoloop.edits.effects import IgnoredKnob
from autoloop.edits.variants import Variant, signature
from autoloop.loop.due import Limits
from autoloop.loop.filling import Derived, Disposer, Obstacles
from autoloop.loop.outlook import end_lines, outlook_lines, stop_lines
from autoloop.loop.until import read_conditions
from autoloop.rules import MetricLevel, Rule, build_rules
from autoloop.stopping import build_stop_rules
from autoloop.testing import trial
from tests.helpers.outside_rules import Nothing, Proposes
from tests.helpers.places import CONF
from tests.helpers.rule_curves import act_ot_config

CONFIG = {**act_ot_config(), "gradient_accumulation_steps": 1}


def shipped(group: str, choice: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CONF / group / f"{choice}.yaml").read_text())
    return loaded


def numeric_settings() -> list[Any]:
    """Every number that can be set of a shipped rule, by default or by its file, where it has an effect."""
    found = []
    for choice in ("act_ot", "general"):
        for rule in build_rules(shipped("rules", choice)):
            entry = shipped("rules", choice)[rule.name]
            for key, parameter in inspect.signature(type(rule)).parameters.items():
                value = entry.get(key, parameter.default)
                idle = key == "max_noise_pct" and getattr(rule, "kind", "").endswith("more_than_pct")
                if isinstance(value, int | float) and not isinstance(value, bool) and not idle:
                    found.append(pytest.param(rule.name, entry, key, value, id=f"{choice}-{rule.name}-{key}"))
    return found


@pytest.mark.parametrize(("name", "entry", "key", "value"), numeric_settings())
def test_every_threshold_and_window_of_a_shipped_rule_is_told(
    name: str, entry: dict[str, Any], key: str, value: float
) -> None:
    changed = value + 1 if isinstance(value, int) else value * 1.1
    (before,) = build_rules({name: entry})
    (after,) = build_rules({name: {**entry, key: changed}})
    assert before.foresee(CONFIG) != after.foresee(CONFIG)


def lines(
    *rules: Rule, ignored: tuple[IgnoredKnob, ...] = (), ran: dict[str, Any] | None = None
) -> list[str]:
    start = Variant("baseline", (), None, "baseline", "start", {}, "", (), CONFIG, signature(CONFIG))

    def derive(parent: Variant, edits: Any) -> Derived:
        found = change(edits, parent.config)
        return Derived(found.config, (), signature(found.config), found.changes, found.notes)

    seen = {start.signature: "baseline", **({signature(ran): "tried"} if ran else {})}
    return list(
        outlook_lines(rules, start, Disposer({"baseline": start}, seen, derive, Obstacles(ignored=ignored)))
    )


def test_a_rule_with_fixed_edits_tells_old_and_new_values() -> None:
    (rule,) = build_rules({"grad_norm": shipped("rules", "act_ot")["grad_norm"]})
    assert lines(rule) == [
        "  grad_norm: train/grad_norm (last value) is above 100",
        "      ot.loss_config.reg: 0.1 -> 0.13",
        "      policy.optimizer_lr: 1e-05 -> 7e-06",
        "      optimizer.lr: 1e-05 -> 7e-06",
    ]


def test_restore_mass_tells_its_formula_and_the_step_it_would_really_take() -> None:
    """The example in the plan is what the rule decides on a run with that mass."""
    (rule,) = build_rules({"restore_mass": shipped("rules", "act_ot")["restore_mass"]})
    outlook = rule.foresee(CONFIG)
    assert "s * log(mass) / log(0.2), at most 100-fold; for a mass of 1e-06: 8.58-fold" in outlook.how
    empty = trial(history={"train/ot_pi_sum": [1e-6] * 8}, config=CONFIG)
    assert rule.decide(empty, {}).edits == outlook.edits
    assert lines(rule)[-1] == "      ot.loss_config.tau_tgt: 0.05 -> 0.808"


def test_out_of_memory_tells_what_it_would_really_do() -> None:
    (rule,) = build_rules({"memory": shipped("rules", "act_ot")["out_of_memory"]})
    failed = trial(config=CONFIG, state="INFEASIBLE", error="CUDA out of memory")
    assert rule.decide(failed, {}).edits == rule.foresee(CONFIG).edits
    assert lines(rule)[0].endswith("no other rule is asked then")
    assert lines(rule)[1:] == [
        "      batch_size: 8 -> 4",
        "      gradient_accumulation_steps: 1 -> 2",
    ]


def test_back_to_parent_tells_by_an_example_what_it_would_really_do() -> None:
    (rule,) = build_rules({"back": shipped("rules", "act_ot")["back_to_parent"]})
    parent = trial("parent", config={"x": 1.0}, objective=1.0)
    child = trial("child", config={"x": 1.5}, objective=2.0, parent="parent", changes=(("x", 1.0, 1.5),))
    (edit,) = rule.decide(child, {"parent": parent, "child": child}).edits
    assert edit == "x@set=0.667"
    assert "1 -> 1.5 becomes 1 -> 0.667" in rule.foresee({}).how


def test_knobs_that_the_config_lacks_or_the_trainer_does_not_heed_are_told() -> None:
    rule = MetricLevel(
        name="high", metric="loss", above=1, edits=["optimizer.lr@mul=2", "batch_size@mul=2", "lr@mul=2"]
    )
    told = lines(rule, ignored=(IgnoredKnob("optimizer.lr", "the preset replaces it"),))
    assert told[1:] == [
        "      batch_size: 8 -> 16",
        "      (optimizer.lr@mul=2: skipped, the preset replaces it)",
        "      (baseline has no lr)",
    ]


def test_a_child_that_would_be_a_job_of_round_1_again_is_told() -> None:
    rule = MetricLevel(name="high", metric="loss", above=1, edits=["batch_size@mul=2"])
    assert (
        lines(rule, ran={**CONFIG, "batch_size": 16})[1] == "      refused on baseline: already run as tried"
    )


def test_an_outside_rule_is_told_by_its_docstring() -> None:
    class Tired(Nothing):
        """Never says anything.

        And more of it.
        """

    assert Tired(name="mine").foresee({}).when == "Never says anything"
    assert Proposes(name="mine").foresee({}).when == "Proposes says so"


@pytest.mark.parametrize("choice", ["act_ot", "general", "thrifty"])
def test_every_stop_rule_tells_its_thresholds(choice: str) -> None:
    for name, entry in shipped("stop_rules", choice).items():
        (rule,) = build_stop_rules({name: entry})
        for key, parameter in inspect.signature(type(rule)).parameters.items():
            value = entry.get(key, parameter.default)
            if isinstance(value, int | float) and not isinstance(value, bool):
                changed = value + 1 if isinstance(value, int) else value * 1.1
                (other,) = build_stop_rules({name: {**entry, key: changed}})
                assert other.condition() != rule.condition(), (name, key)


def test_stop_rules_and_ends_are_lines_of_their_own() -> None:
    rules = build_stop_rules(shipped("stop_rules", "act_ot"))
    assert list(stop_lines(rules, 2))[2] == (
        "  no_mass: the last 2 values of train/ot_pi_sum at step 300 or later are below 1e-06; "
        "never ends baselines, repeats or the best 2 jobs"
    )
    until = read_conditions({"mass": {"metric": "train/ot_pi_sum", "at_least": 0.05, "at_most": 0.3}})
    ends = {"max_jobs": 20, "max_hours": 1.5, "patience": 2, "fail_fast": True, "until": until}
    limits = Limits(rounds=3, **ends, racing=2, minimal=True, confirm=3)
    assert list(end_lines(limits, "no rule has anything new to propose")) == [
        "  after round 3, or when no rule has anything new to propose",
        "  after 20 jobs",
        "  after 1.5 hours",
        "  after 2 rounds in a row without a gain over the noise",
        "  at the first failed job",
        "  with a run of which train/ot_pi_sum last at least 0.05 and at most 0.3",
        "  leaders within the noise run with up to 2 more seeds before the next round",
        "  then the winner runs without each of its edits, and without those that seem to do nothing,",
        "  which it loses if it is no worse without them on 2 to 4 further seeds",
        "  then winner and baseline run on 3 fresh seeds",
    ]
    by_itself = "  then, if it had 24 jobs or more, winner and baseline run on 3 fresh seeds"
    assert list(end_lines(Limits(rounds=3), "nothing is left"))[1:] == [by_itself]
    assert list(end_lines(Limits(rounds=3, confirm=0), "it is dry")) == ["  after round 3, or when it is dry"]
    assert list(end_lines(Limits(rounds=1), "nothing is left")) == ["  after round 1"]
