"""What speaks against a proposal: cooldown, frozen knobs, opposing edits, what has run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from autoloop.edits import change
from autoloop.edits.variants import Variant, signature
from autoloop.loop.disposal import Disposal, apart
from autoloop.loop.filling import Derived, Disposer, Obstacles, Round, next_round
from autoloop.rules import Decision
from autoloop.testing import trial
from tests.helpers.studies import study_of

BASE = {"name": "baseline", "objective": 1.0}
LR_UP = [["lr", 0.1, 0.2]]


def child(name: str, objective: float | None, **fields: Any) -> dict[str, Any]:
    about = {"parent": "baseline", "rule": "faster", "edits": ["lr@mul=2"], "changes": LR_UP, "round": 2}
    return {"name": name, "objective": objective, **about, **fields}


def wish(parent: str, rule: str = "faster", edits: Sequence[str] = ("lr@mul=3",)) -> Decision:
    return Decision(rule, parent, "it may help", edits=tuple(edits))


@pytest.mark.parametrize(
    ("proposal", "round", "cooldown", "waits"),
    [
        (wish("a"), 3, 2, True),  # on the child that it made worse
        (wish("baseline"), 3, 2, True),  # on the parent of that child
        (wish("b"), 3, 2, False),  # on a sibling that came out well
        (wish("a", rule="other"), 3, 2, False),
        (wish("a"), 4, 2, True),
        (wish("a"), 5, 2, False),  # the time is over
        (wish("a"), 3, 0, False),  # switched off
    ],
)
def test_a_rule_that_made_things_worse_waits_on_that_lineage(
    proposal: Decision, round: int, cooldown: int, waits: bool
) -> None:
    study = study_of(BASE, child("a", 1.2), child("b", 0.7, rule="better"))
    why = Disposal(study, round, cooldown).objection(proposal, [("lr", 0.2, 0.6)])
    assert bool(why) == waits
    if waits:
        assert "faster waits on this lineage" in why
        assert "a is 20 % worse than baseline" in why


@pytest.mark.parametrize("source", ["sample", "outside", "queue"])
def test_one_bad_point_does_not_silence_a_sampler_an_outside_program_or_the_user(source: str) -> None:
    study = study_of(BASE, child("a", 1.2, rule=source))
    assert Disposal(study, 3, 2).objection(wish("baseline", source), [("lr", 0.1, 0.3)]) == ""


def test_nothing_speaks_against_what_the_user_asks_for() -> None:
    study = study_of(BASE, child("a", 1.0))
    assert Disposal(study, 3, freeze=True).objection(wish("baseline", "queue"), LR_UP) == ""
    assert Disposal(study, 3, freeze=True).objection(wish("baseline", "sample"), LR_UP)
    assert Disposal(study, 3, freeze=True, searched=["lr"]).objection(wish("baseline", "sample"), LR_UP) == ""


def test_a_rule_whose_child_was_within_the_noise_may_go_on() -> None:
    study = study_of(BASE, child("a", 1.02))
    assert Disposal(study, 3, 2, freeze=True).objection(wish("a"), [("lr", 0.2, 0.6)]) == ""


@pytest.mark.parametrize(
    ("changes", "frozen"),
    [
        ([("lr", 0.1, 0.2)], True),
        ([("lr", 0.2, 0.4)], True),  # as large a factor
        ([("lr", 0.1, 0.05)], False),  # the other way
        ([("lr", 0.1, 0.9)], False),  # a much larger step may have an effect
        ([("lr", 0.1, 0.2), ("batch", 8, 16)], False),  # not this knob alone
        ([], False),
    ],
)
def test_a_step_without_effect_is_not_taken_again(changes: list[tuple[str, Any, Any]], frozen: bool) -> None:
    study = study_of(BASE, child("a", 1.0))
    why = Disposal(study, 3, freeze=True).objection(wish("a"), changes)
    assert bool(why) == frozen
    assert not Disposal(study, 3, freeze=False).objection(wish("a"), changes)


def test_a_knob_is_frozen_only_below_the_place_where_it_had_no_effect() -> None:
    study = study_of(BASE, child("b", 0.7, rule="x"), child("a", 0.7, parent="b", round=3))
    assert Disposal(study, 4, freeze=True).objection(wish("baseline"), [("lr", 0.1, 0.2)]) == ""
    assert Disposal(study, 4, freeze=True).objection(wish("b"), [("lr", 0.1, 0.2)])


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (["lr@mul=2"], [("lr@mul=2",)]),
        (["lr@mul=2", "lr@mul=3"], [("lr@mul=2", "lr@mul=3")]),
        (["lr@mul=2", "lr@mul=0.5"], [("lr@mul=2",), ("lr@mul=0.5",)]),
        (["lr@mul=2", "b@add=1", "lr@mul=0.5"], [("lr@mul=2", "b@add=1"), ("b@add=1", "lr@mul=0.5")]),
        (["lr@max=0.5", "lr@mul=0.5"], [("lr@max=0.5", "lr@mul=0.5")]),  # a limit is no direction
        (["f.*@mul=2", "f.0@mul=0.5"], [("f.*@mul=2",), ("f.0@mul=0.5",)]),
        (["nothing@mul=2", "lr@mul=2"], [("nothing@mul=2", "lr@mul=2")]),
    ],
)
def test_opposing_edits_become_variants_of_their_own(
    edits: list[str], expected: list[tuple[str, ...]]
) -> None:
    assert apart(edits, {"lr": 0.1, "b": 1, "f": [1.0, 2.0]}) == expected


CONFIG = {"lr": 0.1, "batch": 8}


def derive(parent: Variant, edits: Sequence[str]) -> Derived:
    changed = change(list(edits), parent.config, {"lr": (0.0, 0.4)})
    return Derived(changed.config, (), signature(changed.config), changed.changes, changed.notes)


def filled(*proposals: Decision, places: int | None = None, **seen: str) -> Round:
    baseline = trial("baseline", config=CONFIG, signature=signature(CONFIG)).variant
    known = {signature(CONFIG): "baseline", **seen}
    return next_round(2, proposals, Disposer({"baseline": baseline}, known, derive), places)


def test_every_refusal_is_written_down_with_its_reason() -> None:
    planned = filled(
        wish("baseline", "a", ["lr@mul=2"]),
        wish("baseline", "b", ["lr@set=0.2"]),  # the same by other means
        wish("baseline", "c", ["batch@min=9"]),  # holds already
        wish("baseline", "d", ["lr@add=9"]),  # clipped to its bound
        wish("baseline", "e", ["lr@mul=9"]),  # clipped to the same value
        wish("baseline", "f", ["missing@mul=2"]),
        wish("baseline", "g", ["batch@mul=2", "batch@mul=0.5"]),
        wish("baseline", "h", ["batch@add=1"]),
        places=4,
    )
    assert [variant.name for variant in planned.variants] == ["r2_a", "r2_d", "r2_g", "r2_g_2"]
    assert [variant.config["batch"] for variant in planned.variants[2:]] == [16, 4]
    assert {refusal.rule: refusal.why for refusal in planned.refused} == {
        "b": "the same config as r2_a",
        "c": "changes nothing",
        "e": "the same config as r2_d",
        "f": "missing@mul=2: skipped, 'missing' is not a key of the config",
        "h": "the budget leaves no place: 4 jobs left",
    }


def test_an_objection_is_told_to_strategies_and_written_down_by_the_loop() -> None:
    baseline = trial("baseline", config=CONFIG, signature=signature(CONFIG)).variant
    disposer = Disposer(
        {"baseline": baseline}, {}, derive, Obstacles(lambda proposal, changes: f"not {changes[0][0]}")
    )
    assert disposer.refusal(wish("baseline")) == "not lr"
    assert next_round(2, [wish("baseline")], disposer).refused[0].why == "not lr"
