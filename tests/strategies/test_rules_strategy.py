"""RulesStrategy: which of the proposals become children, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from autoloop.rules import Decision
from autoloop.strategies import RulesStrategy, Situation
from autoloop.study.trials import Trial
from autoloop.testing import trial

A = trial("a", objective=0.3, job=0)
B = trial("b", objective=0.1, job=1)
C = trial("c", objective=0.2, job=2)
BROKEN = trial("broken", state="INFEASIBLE", error="out of memory", job=3)


def fired(judged: str, rule: str, edit: str, child_of: str = "") -> Decision:
    return Decision(rule, child_of or judged, "it may help", edits=(edit,), judged=judged)


def situation(decisions: Sequence[Decision], maximize: bool = False) -> Situation:
    finished: list[Trial] = [A, B, C, BROKEN]
    return Situation(finished, {one.name: one for one in finished}, decisions, round=2, maximize=maximize)


EVERYTHING = [fired(one, rule, f"{rule}@mul=2") for one in "abc" for rule in ("x", "y")]


@pytest.mark.parametrize(
    ("settings", "children"),
    [
        ({}, ["a x", "b x", "c x"]),
        ({"variants_per_run": 2}, ["a x", "b x", "c x", "a y", "b y", "c y"]),
        ({"variants_per_run": 9}, ["a x", "b x", "c x", "a y", "b y", "c y"]),
        ({"parents": 2}, ["b x", "c x"]),
        ({"parents": 1, "variants_per_run": 2}, ["b x", "b y"]),
        ({"parents": 9}, ["a x", "b x", "c x"]),
    ],
)
def test_runs_have_children_in_the_order_of_jobs_and_rules(
    settings: dict[str, int], children: list[str]
) -> None:
    made = RulesStrategy(**settings).propose(situation(EVERYTHING))
    assert [f"{one.trial} {one.rule}" for one in made] == children


def test_the_best_parents_are_those_with_the_largest_objective_where_it_is_maximised() -> None:
    made = RulesStrategy(parents=1).propose(situation(EVERYTHING, maximize=True))
    assert [one.trial for one in made] == ["a"]


def test_silent_decisions_are_no_children() -> None:
    assert RulesStrategy().propose(situation([Decision("x", "a", "nothing to say")])) == []


def test_two_rules_with_the_same_edits_make_one_child() -> None:
    same = [fired("a", "x", "lr@mul=2"), fired("a", "y", "lr@mul=2"), fired("a", "z", "lr@mul=3")]
    made = RulesStrategy(variants_per_run=2).propose(situation(same))
    assert [one.rule for one in made] == ["x", "z"]


def test_a_job_that_failed_has_the_child_of_the_rule_that_mends_it() -> None:
    made = RulesStrategy().propose(situation([fired("broken", "memory", "batch_size@set=4")]))
    assert [one.trial for one in made] == ["broken"]


def test_a_child_that_leads_back_to_a_parent_counts_for_the_run_that_was_judged() -> None:
    back = [
        fired("a", "back", "lr@set=1", child_of="b"),
        fired("b", "x", "lr@mul=2"),
        fired("b", "y", "lr@mul=3"),
    ]
    made = RulesStrategy().propose(situation(back))
    assert [(one.judged, one.trial, one.rule) for one in made] == [("a", "b", "back"), ("b", "b", "x")]


def test_two_runs_that_lead_back_to_the_same_child_make_it_once() -> None:
    back = [fired("a", "back", "lr@set=1", child_of="b"), fired("c", "back", "lr@set=1", child_of="b")]
    assert [one.judged for one in RulesStrategy().propose(situation(back))] == ["a"]


def test_a_proposal_that_will_be_refused_leaves_its_place_to_the_next_rule() -> None:
    def refusal(proposal: Decision) -> str:
        return "has run" if (proposal.trial, proposal.rule) == ("a", "x") else ""

    made = RulesStrategy().propose(replace(situation(EVERYTHING), refusal=refusal))
    assert [f"{one.trial} {one.rule}" for one in made] == ["a x", "b x", "c x", "a y"]
