"""What a strategy leaves out of a round is told with the reason; what leads where a proposal does is not."""

from __future__ import annotations

from collections.abc import Sequence

from autoloop.edits import change
from autoloop.edits.variants import Variant, signature
from autoloop.loop.filling import Derived, Disposer, Round
from autoloop.loop.rounds import _note_left_out
from autoloop.rules.base import Decision
from autoloop.strategies.base import NO_PLACE

CONFIG = {"lr": 0.1}
BASE = Variant("a", (), None, "baseline", "start", {}, "", (), CONFIG, signature(CONFIG))
ELSEWHERE = "not taken: c is not among the best 2"


def derive(parent: Variant, edits: Sequence[str]) -> Derived:
    made = change(list(edits), parent.config)
    return Derived(made.config, (), signature(made.config), made.changes, made.notes)


def fired(rule: str, edit: str) -> Decision:
    return Decision(rule, "a", "it fell", {}, (edit,))


def test_a_proposal_that_found_no_place_is_told_and_one_that_runs_is_not() -> None:
    taken = fired("first", "lr@mul=2")
    passed_over = [
        (taken, NO_PLACE),
        (fired("same words by another", "lr@mul=2"), NO_PLACE),
        (fired("same config", "lr@set=0.2"), NO_PLACE),
        (fired("late", "lr@mul=5"), NO_PLACE),
        (fired("known", "lr@set=0.3"), NO_PLACE),
        (fired("elsewhere", "lr@mul=7"), ELSEWHERE),
    ]
    planned = Round(2, {})
    ran = {BASE.signature: "a", signature({"lr": 0.3}): "b"}
    _note_left_out(passed_over, [taken], Disposer({"a": BASE}, ran, derive), planned)
    assert [(one.rule, one.why) for one in planned.refused] == [
        ("late", NO_PLACE),
        ("known", "already run as b"),
        ("elsewhere", ELSEWHERE),
    ]
