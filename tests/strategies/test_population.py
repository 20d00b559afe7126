"""PopulationStrategy: who goes on, who is replaced by a copy of whom, and with which edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from autoloop.errors import ConfigError
from autoloop.rules import Decision
from autoloop.strategies import Opening, PopulationStrategy, Situation
from autoloop.strategies.base import Generation
from autoloop.strategies.perturb import perturbations
from autoloop.strategies.space import read_space
from autoloop.study.trials import Trial
from autoloop.testing import check_strategy, trial

CONFIG = {"steps": 20, "lr": 0.01, "batch": 8, "width": 4}
BOUNDS: dict[str, tuple[float, float]] = {"lr": (0.0001, 1.0), "width": (1, 8)}
SECOND = Generation("steps", 40, ("lr", "batch"))


def member(name: str, objective: float, job: int, **fields: Any) -> Trial:
    about: dict[str, Any] = {"parent": "baseline", "rule": "variants", "config": CONFIG}
    return trial(name, objective=objective, job=job, **{**about, **fields})


BASELINE = member("baseline", 0.9, 0, parent=None, rule="baseline")
FOUR = [BASELINE, member("a", 0.1, 1), member("b", 0.5, 2), member("c", 0.7, 3)]
BROKEN = {"state": "INFEASIBLE", "error": "the loss is NaN"}


def fired(judged: str, rule: str, *edits: str, child_of: str = "") -> Decision:
    return Decision(rule, child_of or judged, "it may help", edits=edits, judged=judged)


def situation(trials: Sequence[Trial] = FOUR, decisions: Sequence[Decision] = (), **fields: Any) -> Situation:
    known = {one.name: one for one in trials}
    about: dict[str, Any] = {"round": 2, "bounds": BOUNDS, "seed": 3, "generation": SECOND}
    return Situation(list(trials), known, decisions, **{**about, **fields})


def proposed(
    trials: Sequence[Trial] = FOUR, decisions: Sequence[Decision] = (), quantile: float = 0.25, **fields: Any
) -> list[str]:
    made = PopulationStrategy(quantile=quantile).propose(situation(trials, decisions, **fields))
    return [f"{one.rule} on {one.trial}" for one in made]


def test_it_keeps_what_the_loop_builds_on() -> None:
    check_strategy(PopulationStrategy())


def test_the_worst_becomes_a_copy_of_the_best_and_the_others_go_on() -> None:
    """The baseline is the last of all and goes on all the same: gains are against it."""
    made = PopulationStrategy().propose(situation())
    assert [(one.rule, one.trial) for one in made] == [
        ("population", "baseline"),
        ("population", "a"),
        ("population", "b"),
        ("perturb", "a"),
    ]
    assert {one.edits for one in made[:3]} == {("steps@set=40",)}
    assert made[3].evidence["replaces"] == "c"
    assert (
        "takes the place of c, number 3 of 4 results, as a copy of a, number 1 of 4 results" in made[3].reason
    )


def test_the_edit_is_that_of_the_first_rule_that_fired_on_what_is_copied() -> None:
    made = PopulationStrategy().propose(situation(decisions=[fired("a", "slower", "lr@mul=0.5")]))
    assert (made[3].rule, made[3].trial, made[3].edits) == ("slower", "a", ("lr@mul=0.5",))
    assert made[3].reason.endswith(": it may help")


def test_an_edit_that_a_continued_run_does_not_take_is_left_out() -> None:
    """The width is in the checkpoint; a rule that wants nothing else has no say."""
    wide, both = fired("a", "wider", "width@mul=2"), fired("a", "both", "width@mul=2", "lr@mul=3")
    made = PopulationStrategy().propose(situation(decisions=[wide, both]))
    assert (made[3].rule, made[3].edits) == ("both", ("lr@mul=3",))


def test_rules_on_members_that_go_on_as_they_are_have_no_say() -> None:
    assert "up" not in " ".join(proposed(decisions=[fired("b", "up", "lr@mul=3")]))


def test_a_refused_edit_is_shown_and_the_next_one_taken() -> None:
    def refusal(proposal: Decision) -> str:
        return "had no effect" if proposal.rule == "first" else ""

    decisions = [fired("a", "first", "lr@mul=3"), fired("a", "second", "lr@mul=0.5")]
    assert proposed(decisions=decisions, refusal=refusal)[3:] == ["first on a", "second on a"]


def test_perturbed_knobs_stay_in_bounds_and_among_those_that_may_change() -> None:
    made = PopulationStrategy(space={"lr": [0.009, 0.011], "width": None}).propose(situation())[3]
    assert made.edits in {("lr@set=0.009",), ("lr@set=0.011",)}  # of 0.008 and 0.0125


@pytest.mark.parametrize(
    ("size", "quantile", "replaced"),
    [(2, 0.25, 0), (3, 0.25, 1), (4, 0.25, 1), (8, 0.25, 2), (9, 0.5, 4), (12, 0.25, 3)],
)
def test_so_many_are_replaced(size: int, quantile: float, replaced: int) -> None:
    """One at least, but neither the baseline nor what is copied."""
    trials = [BASELINE, *(member(f"m{job}", job / 100, job) for job in range(1, size))]
    made = proposed(trials, quantile=quantile)
    assert sum(one.startswith("perturb") for one in made) == replaced
    assert len(made) == size


def test_copies_are_of_the_best_in_turn() -> None:
    trials = [BASELINE, *(member(f"m{job}", job / 100, job) for job in range(1, 9))]
    assert [one for one in proposed(trials) if one.startswith("perturb")] == [
        "perturb on m1",
        "perturb on m2",
    ]


def test_the_largest_is_the_best_where_the_objective_is_maximised() -> None:
    trials = [member("baseline", 0.1, 0, parent=None), *FOUR[1:]]
    assert proposed(trials, maximize=True)[1:] == ["population on c", "population on b", "perturb on c"]


@pytest.mark.parametrize("state", ["FAILED", "STOPPED", "INFEASIBLE", "TIMEOUT"])
def test_what_came_to_no_result_counts_as_the_worst(state: str) -> None:
    """Its value so far does not save it, and the worst of the others stays."""
    trials = [*FOUR[:3], member("c", 0.01, 3, state=state, error="broke")]
    made = proposed(trials)
    assert made == ["population on baseline", "population on a", "population on b", "perturb on a"]


def test_all_that_came_to_no_result_are_replaced() -> None:
    trials = [*FOUR[:2], member("b", 0.5, 2, **BROKEN), member("c", 0.7, 3, **BROKEN)]
    assert proposed(trials) == ["population on baseline", "population on a", "perturb on a", "perturb on a"]


def test_a_member_without_a_checkpoint_is_replaced() -> None:
    def refusal(proposal: Decision) -> str:
        return "b left no checkpoint" if proposal.trial == "b" else ""

    made = proposed(refusal=refusal)
    assert made[:3] == ["population on baseline", "population on a", "population on b"]
    assert made[3:] == ["perturb on a", "perturb on a"]


def test_nobody_goes_on_where_nothing_came_to_a_result() -> None:
    trials = [member("baseline", 0.9, 0, parent=None, **BROKEN), member("a", 0.1, 1, **BROKEN)]
    assert proposed(trials) == []
    assert "no member" in PopulationStrategy().silence(situation(trials))


def on(name: str, parent: str, job: int, objective: float, **fields: Any) -> Trial:
    about: dict[str, Any] = {"parent": parent, "rule": "population", "round": 2}
    return member(name, objective, job, **{**about, **fields})


def later(*trials: Trial) -> list[str]:
    return proposed([*FOUR, *trials], round=3, generation=Generation("steps", 60, ("lr",)))


def test_only_the_latest_generation_goes_on() -> None:
    made = later(on("b0", "baseline", 4, 0.6), on("a-40", "a", 5, 0.08), on("b-40", "b", 6, 0.3))
    assert made == ["population on b0", "population on a-40", "perturb on a-40"]


def test_a_baseline_that_crashed_goes_on_from_its_last_checkpoint() -> None:
    crashed = on("b0", "baseline", 4, 0.6, state="FAILED", error="exit code 1")
    made = later(crashed, on("a-40", "a", 5, 0.08), on("b-40", "b", 6, 0.3))
    assert made[0] == "population on baseline"
    assert "population on b-40" not in made  # the place of the worst is b's all the same


def test_a_baseline_that_diverged_is_replaced() -> None:
    made = later(on("b0", "baseline", 4, 0.6, **BROKEN), on("a-40", "a", 5, 0.08), on("b-40", "b", 6, 0.3))
    assert made == ["population on a-40", "population on b-40", "perturb on a-40"]


def test_a_generation_that_has_begun_gets_only_what_the_user_wants() -> None:
    wanted = Decision("queue", "baseline", "asked for", edits=("lr@set=0.3",))
    assert proposed(begun=4, waiting=[wanted]) == ["queue on baseline"]


def test_round_one_is_filled_up_to_the_population() -> None:
    opening = Opening(BASELINE.variant, planned=2, bounds=BOUNDS)
    assert len(PopulationStrategy().open(opening)) == 2  # four at least
    assert len(PopulationStrategy(size=7).open(opening)) == 5
    assert len(PopulationStrategy().open(Opening(BASELINE.variant, planned=5, slots=4, bounds=BOUNDS))) == 3
    repeated = Opening(BASELINE.variant, planned=5, repeats=3, bounds=BOUNDS)
    assert len(PopulationStrategy().open(repeated)) == 2  # repeats of the baseline are no members


def test_what_it_is_going_to_do_is_foreseen() -> None:
    opening = Opening(BASELINE.variant, planned=2, bounds=BOUNDS, generation=Generation("steps", 20, ("lr",)))
    seen = PopulationStrategy(size=8).foresee(opening)
    assert "the worst 2 of its members" in seen.rules
    assert seen.rounds == "Each round has the same 8 members; round n trains them to steps = n x 20."


@pytest.mark.parametrize("settings", [{"quantile": 0}, {"quantile": 0.6}, {"interval": 0}, {"size": 1}])
def test_settings_that_make_no_population_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        PopulationStrategy(**settings)


SPACE = {
    "lr": [1e-4, 1.0],
    "layers": [1, 4],
    "kind": {"choices": ["a", "b", "c"]},
    "heads.*": None,
    "momentum": {"low": 0.1, "high": 0.9, "where": {"kind": "c"}},
}
POINT = {"lr": 0.01, "layers": 2, "kind": "a", "heads": {"x": 1.0, "y": 2.0}, "momentum": 0.5}


def test_a_perturbation_moves_numbers_by_a_factor_and_choices_to_a_neighbour() -> None:
    """A whole number moves by one at least; what is off at this choice stays."""
    moves = [
        edit for edits in perturbations(read_space(POINT, SPACE, {}, (), 4.0), POINT, (1,)) for edit in edits
    ]
    assert set(moves) == {
        *("lr@set=0.008", "lr@set=0.0125", "layers@set=1", "layers@set=3"),
        *("kind@set=b", "heads.*@mul=0.8", "heads.*@mul=1.25"),
    }
    assert moves == [
        edit for edits in perturbations(read_space(POINT, SPACE, {}, (), 4.0), POINT, (1,)) for edit in edits
    ]
