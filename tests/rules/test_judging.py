"""Every rule is asked about every trial, in order; a failing rule does not end the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from autoloop.rules import Decision, Fallback, MetricLevel, NonFinite, Rule, judge
from autoloop.study.trials import Trial
from autoloop.testing import trial
from tests.helpers import outside_rules as outside

HIGH = MetricLevel(name="high", metric="loss", above=1.0, edits=["lr@mul=0.5"])
LOW = MetricLevel(name="low", metric="loss", below=0.1, edits=["lr@mul=2"])
GENTLE = Fallback(name="gentle", edits=["lr@mul=1.2"])


class LastWord(outside.Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        return replace(self.abstain(trial, "this way is closed"), final=True)


def ask(rules: list[Rule], *trials: Trial) -> list[Decision]:
    return judge(rules, trials, {one.name: one for one in trials})


def test_decisions_come_trial_by_trial_in_the_order_of_the_rules() -> None:
    made = ask([LOW, HIGH], trial("a", history={"loss": [2.0]}), trial("b", history={"loss": [0.0]}))
    assert [(one.judged, one.rule, one.fired) for one in made] == [
        ("a", "low", False),
        ("a", "high", True),
        ("b", "low", True),
        ("b", "high", False),
    ]


def test_a_fallback_is_asked_last_and_only_where_nothing_fired() -> None:
    made = ask([GENTLE, HIGH], trial("a", history={"loss": [2.0]}), trial("b", history={"loss": [0.5]}))
    assert [(one.judged, one.rule, one.fired) for one in made] == [
        ("a", "high", True),
        ("a", "gentle", False),
        ("b", "high", False),
        ("b", "gentle", True),
    ]
    assert made[1].reason == "a fallback rule, and high fired"


def test_after_a_final_decision_no_rule_is_asked() -> None:
    rules: list[Rule] = [NonFinite(name="nan", edits=["lr@mul=0.3"]), outside.Fails(name="x"), GENTLE]
    made = ask(rules, trial(history={"loss": [float("nan")]}))
    assert [one.fired for one in made] == [True, False, False]
    assert {one.reason for one in made[1:]} == {"not asked, because 'nan' was final"}


def test_a_final_silence_keeps_the_fallback_silent_too() -> None:
    made = ask([LastWord(name="end"), GENTLE], trial(history={"loss": [0.5]}))
    assert [one.fired for one in made] == [False, False]


def test_the_failure_of_an_outside_rule_is_recorded_and_the_others_go_on() -> None:
    rules: list[Rule] = [outside.Fails(name="bad"), outside.ReturnsNone(name="none"), HIGH]
    made = ask(rules, trial(history={"loss": [2.0]}))
    assert [one.fired for one in made] == [False, False, True]
    assert made[0].reason == "the rule failed: ZeroDivisionError: no points"
    assert made[1].reason == "the rule failed: it returned NoneType, not a Decision"
