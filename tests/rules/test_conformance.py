"""Every shipped rule keeps what `check_rule` promises, and the check finds rules that do not."""

from __future__ import annotations

import pytest
import yaml

from autoloop.rules import BackToParent, Decision, Fallback, NonFinite, OutOfMemory, Rule, build_rules
from autoloop.strategies import Foresight, Opening, RulesStrategy, Situation, Strategy
from autoloop.study.record import Job, Plan
from autoloop.testing import check_rule, check_strategy, hard_trials
from autoloop.views.report.figures.curves import rule_metric, rule_window
from tests.helpers import outside_rules as outside
from tests.helpers.places import CONF
from tests.helpers.reference import shipped_files
from tests.helpers.rule_curves import act_ot_config, fixed_trials

RULES = CONF / "rules"
SHIPPED = [
    pytest.param(rule, id=f"{choice}-{rule.name}")
    for choice in shipped_files("rules")
    for rule in build_rules(yaml.safe_load((RULES / f"{choice}.yaml").read_text()))
]


@pytest.mark.parametrize("rule", SHIPPED)
def test_shipped_rules_are_total_pure_and_deterministic(rule: Rule) -> None:
    check_rule(rule, fixed_trials())


@pytest.mark.parametrize("rule", SHIPPED)
def test_shipped_rules_cope_with_hard_curves_under_a_real_config(rule: Rule) -> None:
    config = {**act_ot_config(), "lr": 0.1, "weight_decay": 0.0, "dropout": 0.0}
    hard = hard_trials(config=config)
    known = {trial.name: trial for trial in hard}
    for trial in hard:
        assert rule.decide(trial, known).reason


@pytest.mark.parametrize("rule", SHIPPED)
def test_the_steps_that_fired_a_rule_can_be_shaded(rule: Rule) -> None:
    """Its evidence names the metric and the part of the curve that it looked at."""
    if isinstance(rule, Fallback | OutOfMemory | NonFinite | BackToParent):
        return
    known = {trial.name: trial for trial in fixed_trials()}
    decisions = [rule.decide(trial, known) for trial in known.values()]
    for decision in [decision for decision in decisions if decision.fired]:
        about = {"reason": decision.reason, "evidence": decision.evidence, "expects": "", "edits": ()}
        plan = Plan(
            "child", decision.trial, rule.name, **about, overrides=(), signature="", changes=(), notes=()
        )
        job, curves = Job(1, 1, plan), known[decision.trial].history
        metric = rule_metric(job, curves)
        assert metric is not None
        window = rule_window(job, curves[metric])
        assert window is not None
        assert window[0] <= window[1] == curves[metric].steps[-1]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (outside.Fails, "fails on 'no_points': ZeroDivisionError"),
        (outside.ReturnsNone, "returns NoneType"),
        (outside.Moody, "another decision when it is asked again"),
        (outside.Looks, "another decision when it is asked again"),
        (outside.Scribbles, "changes the trials"),
        (outside.Unreadable, "cannot be used"),
        (outside.NotANumber, "cannot be used"),
        (outside.Impostor, "signs its decision as 'somebody'"),
        (outside.Stranger, "a child of unknown 'somewhere'"),
        (outside.Surprises, "changes lr, which it does not foresee"),
        (outside.Mumbles, "foresees what cannot be used"),
        (outside.Wavers, "foresees something else when it is asked again"),
        (outside.LastWord, "is final, although foresee does not say so"),
    ],
)
def test_the_check_finds_a_rule_that_breaks_a_promise(kind: type[outside.Nothing], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_rule(kind(name="outside"))


def test_the_check_lets_a_good_rule_pass() -> None:
    check_rule(outside.Nothing(name="outside"))


class Repeats(Strategy):
    def propose(self, situation: Situation) -> list[Decision]:
        return [decision for decision in situation.decisions if decision.fired]


class Silent(Strategy):
    def propose(self, situation: Situation) -> list[Decision]:
        return list(situation.decisions)


class Shy(Strategy):
    def propose(self, situation: Situation) -> list[Decision]:
        return tuple(situation.decisions)  # type: ignore[return-value]


class Invents(Strategy):
    def propose(self, situation: Situation) -> list[Decision]:
        return [Decision("own", "nowhere", "a guess", edits=("lr@mul=2",))]


class Deaf(Strategy):
    def propose(self, situation: Situation) -> list[Decision]:
        return []


class Restless(Deaf):
    times = 0

    def propose(self, situation: Situation) -> list[Decision]:
        return list(situation.waiting)

    def open(self, opening: Opening) -> list[Decision]:
        self.times += 1
        return [Decision("own", opening.start.name, "a guess", edits=(f"lr@mul={1 + self.times}",))]


class Moody(Restless):
    def open(self, opening: Opening) -> list[Decision]:
        return []

    def foresee(self, opening: Opening) -> Foresight:
        self.times += 1
        return Foresight(f"{self.times} of these rules are heard")


@pytest.mark.parametrize("strategy", [RulesStrategy(), RulesStrategy(variants_per_run=3, parents=1)])
def test_the_rules_strategy_conforms(strategy: Strategy) -> None:
    check_strategy(strategy)


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (Repeats(), "same child twice"),
        (Silent(), "without edits"),
        (Shy(), "not return a list"),
        (Invents(), "wants a child of 'nowhere'"),
        (Deaf(), "'variants wait': it leaves out a variant that waits"),
        (Moody(), "'round 1 of 1 jobs on None slots': it foresees something else when asked again"),
        (Restless(), "'round 1 of 1 jobs on None slots': it proposes otherwise when asked again"),
    ],
)
def test_the_check_finds_a_strategy_that_breaks_a_promise(strategy: Strategy, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_strategy(strategy)
