"""MixedStrategy: who fills a round, in which order, and with what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from autoloop.config.settings import Settings
from autoloop.edits import apply
from autoloop.errors import ConfigError
from autoloop.rules import Decision
from autoloop.strategies import MixedStrategy, Opening, RulesStrategy, Situation, build_strategy
from autoloop.strategies.space import read_space
from autoloop.strategies.words import PlacedTrials, sampled
from autoloop.study.trials import Trial
from autoloop.testing import check_strategy, trial

CONFIG = {"lr": 0.01, "batch": 8}
BOUNDS: dict[str, tuple[float, float]] = {"lr": (0.0001, 1.0), "batch": (1, 64)}


def run(name: str, objective: float, lr: float = 0.01, **fields: Any) -> Trial:
    return trial(name, objective=objective, config={**CONFIG, "lr": lr}, **fields)


KNOBS = read_space(CONFIG, {}, {"lr": BOUNDS["lr"]}, (), 4.0)


BASELINE = run("baseline", 1.0)
A = run("a", 0.5, 0.02, parent="baseline", rule="up", changes=(("lr", 0.01, 0.02),), job=1)
B = run("b", 2.0, 0.005, parent="baseline", rule="down", changes=(("lr", 0.01, 0.005),), job=2)
LUCKY = run("lucky", 0.1, parent="baseline", rule="repeat", job=3)


def fired(judged: str, rule: str, edit: str = "lr@mul=3", child_of: str = "") -> Decision:
    return Decision(rule, child_of or judged, "it may help", edits=(edit,), judged=judged)


def situation(decisions: Sequence[Decision] = (), **fields: Any) -> Situation:
    trials = {one.name: one for one in (BASELINE, A, B, LUCKY)}
    about: dict[str, Any] = {"round": 2, "bounds": BOUNDS, "seed": 3, "opened": 4}
    return Situation([BASELINE, A, B], trials, decisions, **{**about, **fields})


def filled(
    decisions: Sequence[Decision] = (), settings: dict[str, Any] | None = None, **fields: Any
) -> list[str]:
    proposals = MixedStrategy(**(settings or {})).propose(situation(decisions, **fields))
    return [f"{one.rule} on {one.trial}" for one in proposals]


EVERYTHING = [fired(name, rule) for name in ("baseline", "a", "b") for rule in ("x", "y")]


def test_it_keeps_what_the_loop_builds_on() -> None:
    check_strategy(MixedStrategy())


def test_rules_on_the_best_trials_have_half_a_round_and_the_sampler_the_rest() -> None:
    assert filled(EVERYTHING) == ["go_on on a", "x on baseline", "sample on baseline", "sample on baseline"]


def test_where_no_rule_fires_the_sampler_fills_the_round() -> None:
    assert filled(settings={"rules_share": 0.0}) == ["sample on baseline"] * 4


def test_where_there_is_nothing_to_sample_rules_fill_the_round() -> None:
    trials = {"baseline": trial("baseline", objective=1.0, config={})}
    proposals = MixedStrategy().propose(
        Situation(
            [*trials.values()],
            trials,
            [fired("baseline", rule, f"{rule}@set=1") for rule in "xyz"],
            round=2,
            opened=4,
        )
    )
    assert [one.rule for one in proposals] == ["x", "y", "z"]


def test_what_ails_the_baseline_is_heard_in_round_2_though_others_are_better() -> None:
    assert filled(EVERYTHING, {"parents": 1})[:2] == ["x on baseline", "go_on on a"]
    later = replace(situation(EVERYTHING), finished=[A, B])
    assert [one.trial for one in MixedStrategy(parents=1).propose(later)][:2] == ["a", "a"]


def test_what_rules_said_in_earlier_rounds_still_counts_for_the_best_trial() -> None:
    assert "x on a" in filled(proposed=lambda name: [fired("a", "x")] if name == "a" else [])


def test_a_waiting_variant_of_the_user_always_runs_and_goes_first() -> None:
    waiting = [fired("baseline", "queue", f"lr@set=0.{place}") for place in range(1, 7)]
    assert filled(EVERYTHING, waiting=waiting) == ["queue on baseline"] * 6


def test_the_outside_proposer_has_its_share() -> None:
    outside = [fired("b", "outside", f"lr@set=0.{place}") for place in range(1, 7)]
    assert filled(EVERYTHING, outside=outside) == [
        "outside on b",
        "go_on on a",
        "x on baseline",
        "sample on baseline",
    ]


def one_by_one(jobs: int, per_round: int, **fields: Any) -> list[str]:
    """Fill rounds a place at a time, as the loop does without a barrier; return whose each place is."""
    planned: list[str] = []
    for job in range(jobs):
        about = {**fields, "planned": planned, "begun": job % per_round, "places": 1}
        (proposal,) = MixedStrategy().propose(situation(EVERYTHING, **about))
        planned.append(proposal.rule)
    named = {"go_on": "rules", "x": "rules", "y": "rules"}
    return [named.get(rule, rule) for rule in planned]


@pytest.mark.parametrize("per_round", [1, 2, 3, 4, 8])
def test_shares_hold_where_a_round_is_filled_job_by_job(per_round: int) -> None:
    """Also where it has a single job: then by turns."""
    sources = one_by_one(24, per_round)
    assert sources.count("rules") == 12
    assert all(abs(sources[:end].count("rules") - end / 2) <= 1 for end in range(1, 25))


def test_the_outside_proposer_has_its_share_of_a_round_that_is_filled_job_by_job() -> None:
    outside = [fired("b", "outside", "lr@set=0.3")]
    sources = one_by_one(8, 8, outside=outside)
    assert [sources.count(source) for source in ("outside", "rules", "sample")] == [2, 4, 2]


def test_a_single_place_goes_to_the_source_that_is_furthest_behind() -> None:
    outside = [fired("b", "outside", "lr@set=0.3")]

    def next_one(*planned: str) -> str:
        about = {"planned": planned, "begun": len(planned), "places": 1, "outside": outside}
        (proposal,) = MixedStrategy().propose(situation(EVERYTHING, **about))
        return proposal.rule

    assert next_one("sample", "sample", "sample", "outside") == "go_on"
    assert next_one("x", "y", "sample", "x") == "outside"
    assert next_one("outside", "x", "x") == "sample"
    assert next_one("queue", "outside", "x") == "go_on"  # what the user asks for is no rule's


def test_rules_that_were_silent_in_a_round_have_no_more_of_the_next() -> None:
    assert filled(EVERYTHING, planned=["sample"] * 4) == filled(EVERYTHING)


def test_no_more_is_proposed_than_there_is_room_for_and_the_shares_are_of_that() -> None:
    assert filled(EVERYTHING, places=2) == ["go_on on a", "sample on baseline"]
    assert len(filled(EVERYTHING, places=9)) == 4


@pytest.mark.parametrize(("slots", "jobs"), [(None, 4), (1, 4), (3, 6), (4, 4), (8, 8)])
def test_a_round_is_filled_to_a_multiple_of_the_slots(slots: int | None, jobs: int) -> None:
    assert len(filled(EVERYTHING, slots=slots)) == jobs


@pytest.mark.parametrize(
    ("settings", "opened", "jobs"),
    [
        ({}, 1, 2),
        ({}, 4, 4),
        ({}, 7, 8),
        ({"variants_per_run": 2}, 3, 6),
        ({"size": 3}, 7, 4),
        ({"size": 3, "variants_per_run": 5}, 7, 4),
    ],
)
def test_a_later_round_has_so_many_jobs_for_each_of_round_one(
    settings: dict[str, Any], opened: int, jobs: int
) -> None:
    """Unless a size is given; either way no slot of the last turn is left idle."""
    assert len(filled(EVERYTHING, settings, opened=opened, slots=2)) == jobs


def test_a_proposal_that_will_be_refused_is_written_down_but_fills_no_place() -> None:
    def refusal(proposal: Decision) -> str:
        return "has run" if proposal.rule == "go_on" else ""

    assert filled(EVERYTHING, refusal=refusal) == [
        "go_on on a",
        "x on baseline",
        "x on a",
        "sample on baseline",
        "sample on baseline",
    ]


def test_two_proposals_that_lead_to_one_config_fill_one_place() -> None:
    made = filled(
        EVERYTHING,
        outcome=lambda one: (
            "the same" if one.rule in ("go_on", "x") else one.rule + one.trial + str(one.edits)
        ),
    )
    assert made == ["go_on on a", "y on baseline", "sample on baseline", "sample on baseline"]


def test_the_more_successful_rule_goes_first() -> None:
    preference: Callable[[Decision], float] = lambda one: {"y": 0.9, "x": 0.6}.get(one.rule, 0.5)  # noqa: E731
    assert filled(EVERYTHING, preference=preference)[:2] == ["y on a", "y on baseline"]


def test_a_rule_that_heals_a_failed_run_is_heard_first() -> None:
    broken = trial("broken", state="INFEASIBLE", error="out of memory", config=CONFIG, job=4)
    now = situation([fired("broken", "memory", "batch@mul=0.5")])
    proposals = MixedStrategy().propose(replace(now, trials={**now.trials, "broken": broken}))
    assert (proposals[0].rule, proposals[0].trial) == ("memory", "broken")


def test_a_stopped_run_is_not_ill_and_has_no_children() -> None:
    stopped = trial("stopped", state="STOPPED", config=CONFIG, job=4)
    now = situation([fired("stopped", "more", "batch@mul=0.5")])
    proposals = MixedStrategy().propose(replace(now, trials={**now.trials, "stopped": stopped}))
    assert "stopped" not in {one.trial for one in proposals}


def test_going_on_repeats_the_step_that_helped() -> None:
    (step,) = [one for one in MixedStrategy().propose(situation()) if one.rule == "go_on"]
    assert step.edits == ("lr@set=0.04",)
    assert "better than baseline" in step.reason


@pytest.mark.parametrize("rule", ["variants", "sweep", "sample", "queue", "outside"])
def test_only_a_step_that_a_rule_took_is_taken_once_more(rule: str) -> None:
    made = replace(A, variant=replace(A.variant, rule=rule))
    now = situation()
    proposals = MixedStrategy().propose(replace(now, trials={**now.trials, "a": made}))
    assert "go_on" not in {one.rule for one in proposals}


def test_the_best_is_the_largest_where_the_objective_is_maximised() -> None:
    assert filled([fired("b", "x")], maximize=True)[0] == "go_on on b"


def test_the_sampler_proposes_from_the_baseline_within_the_bounds_and_the_same_again() -> None:
    strategy = MixedStrategy(rules_share=0.0)
    proposals = strategy.propose(situation())
    assert proposals == strategy.propose(situation())
    values = [
        float(edit.partition("=")[2]) for one in proposals for edit in one.edits if edit.startswith("lr@")
    ]
    assert values
    assert all(0.0001 <= value <= 1.0 for value in values)


def test_round_one_is_filled_up_by_turns_anywhere_and_near_the_baseline() -> None:
    start = BASELINE.variant
    strategy = MixedStrategy(first_reach=0.5)
    proposals = strategy.open(Opening(start, planned=1, bounds=BOUNDS, slots=8))
    assert len(proposals) == 7
    values = [float(one.edits[0].partition("=")[2]) for one in proposals]
    near = [
        0.001 - 1e-9 <= value <= 0.1 + 1e-9 for value in values
    ]  # half of the way on the scale of factors
    assert all(near[1::2])
    assert not all(near[0::2])
    assert all(0.0001 <= value <= 1.0 for value in values)


def test_the_knob_variants_per_run_reaches_a_strategy_that_is_chosen_by_name() -> None:
    settings = Settings.read({"strategy": "mixed", "variants_per_run": 2})
    assert isinstance(settings.strategy, MixedStrategy)
    assert (settings.strategy.variants_per_run, settings.strategy.size) == (2, None)


@pytest.mark.parametrize(
    ("settings", "planned", "slots", "added"),
    [
        ({}, 1, None, 0),  # a launcher that does not tell: just what was asked for
        ({}, 4, 4, 0),
        ({}, 5, 4, 3),
        ({}, 1, 1, 0),
        ({"size": 6}, 1, None, 5),
        ({"size": 6}, 4, 4, 4),
        ({"size": 2}, 4, None, 0),
    ],
)
def test_round_one_is_what_was_asked_for_but_for_slots_that_would_idle(
    settings: dict[str, Any], planned: int, slots: int | None, added: int
) -> None:
    opening = Opening(BASELINE.variant, planned, slots=slots, bounds=BOUNDS)
    assert len(MixedStrategy(**settings).open(opening)) == added


def test_round_one_is_filled_up_with_what_bounds_or_the_users_variants_name() -> None:
    opening = Opening(BASELINE.variant, planned=1, slots=4)
    assert MixedStrategy().open(opening) == []  # nothing says which knobs there are
    points = MixedStrategy().open(replace(opening, touched=["lr"]))
    assert [[edit.partition("@")[0] for edit in one.edits] for one in points] == [["lr"]] * 3


def test_the_sampler_never_turns_the_seed_nor_what_is_to_be_left_alone() -> None:
    """Repeats change the seed; that makes no knob of it."""
    config = {**CONFIG, "seed": 7, "dead": 2.0}
    start = trial("baseline", objective=1.0, config=config)
    again = trial("again", objective=1.0, config=config, rule="repeat", changes=(("other", 1.0, 2.0),))
    idea = trial(
        "idea", objective=0.5, config=config, rule="variants", changes=(("seed", 7, 8), ("dead", 2.0, 3.0))
    )
    trials = {one.name: one for one in (start, again, idea)}
    now = situation(leave=["seed", "dead"])
    proposals = MixedStrategy().propose(replace(now, trials=trials))
    turned = {edit.partition("@")[0] for one in proposals for edit in one.edits if one.rule == "sample"}
    assert turned == {"lr", "batch"}
    opening = Opening(start.variant, 1, slots=4, touched=["seed"], leave=["seed"])
    assert MixedStrategy().open(opening) == []


def test_a_point_of_the_space_tells_what_it_moves_why_and_what_is_known_near_it() -> None:
    (one,) = MixedStrategy(size=1, rules_share=0.0).propose(situation())
    moved = " and ".join(edit.partition("@")[0] for edit in one.edits)
    assert one.reason.startswith(
        f"moves {moved}: the most promising point to a Gaussian process after 3 trials; "
    )
    assert one.expects == "better than 0.5, or information about a part of the space"
    assert set(one.evidence) == {"moved", "nearest", "its_objective", "distance"}
    near = sampled(
        "baseline",
        KNOBS,
        [KNOBS[0].unit({"lr": 0.02}) + 0.05],
        "why not",
        PlacedTrials.of([A, BASELINE], KNOBS),
    )
    assert near is not None
    assert near.reason == "moves lr: why not; near a"
    assert near.evidence == {"moved": "1 of 1 knobs", "nearest": "a", "its_objective": 0.5, "distance": 0.05}
    far = sampled("baseline", KNOBS, [0.0], "why not", PlacedTrials.of([A, BASELINE], KNOBS))
    assert far is not None
    assert far.reason == "moves lr: why not; no trial is near it"
    assert sampled("baseline", KNOBS, [KNOBS[0].unit(CONFIG)], "why not") is None


def test_with_too_few_results_the_sampler_claims_no_knowledge_and_repeats_nothing() -> None:
    """With one result points fill the space evenly; one next to the baseline would tell nothing new."""
    now = replace(situation(bounds={"lr": (0.001, 0.1)}), trials={"baseline": BASELINE}, finished=[BASELINE])
    taken = [MixedStrategy().propose(replace(now, seed=seed, places=1)) for seed in range(60)]
    assert all(one.reason.startswith("moves lr: fills the space evenly; ") for (one,) in taken)
    assert all(one.evidence["distance"] > 0.03 for (one,) in taken)


def test_a_place_that_gets_free_has_no_point_next_to_one_that_runs() -> None:
    """The sampler does not know of it yet: left alone it would want the same point again."""
    alone = MixedStrategy(rules_share=0.0)
    (wanted,) = alone.propose(situation(places=1))
    config = apply(wanted.edits, CONFIG)
    running = replace(BASELINE.variant, name="running", config=config)
    (other,) = alone.propose(situation(places=1, running=[running]))
    knobs = read_space(CONFIG, {}, BOUNDS, (), 4.0)
    first, second = ([knob.unit(apply(one.edits, CONFIG)) for knob in knobs] for one in (wanted, other))
    assert max(abs(a - b) for a, b in zip(first, second, strict=True)) > 0.15


def test_many_moved_knobs_are_counted_and_not_all_named() -> None:
    config = {f"k{place}": 1.0 for place in range(60)}
    knobs = read_space(config, dict.fromkeys(config), {}, (), 4.0)
    one = sampled("baseline", knobs, [0.9] * 60, "why not")
    assert one is not None
    assert one.reason == "moves k0, k1, k2 and 57 more: why not"
    assert len(one.edits) == 60


@pytest.mark.parametrize("sampler", ["gaussian", "quasi_random", "random"])
def test_far_more_knobs_than_jobs_are_no_trouble(sampler: str) -> None:
    config = {f"k{place}": 1.0 + place for place in range(80)}
    start = trial("baseline", objective=1.0, config=config)
    child = trial("child", objective=0.9, config={**config, "k0": 2.0}, parent="baseline", rule="x")
    other = trial("other", objective=1.1, config={**config, "k1": 9.0}, parent="baseline", rule="x")
    trials = {one.name: one for one in (start, child, other)}
    bounds = dict.fromkeys(config, (0.1, 100.0))
    now = replace(situation(bounds=bounds), trials=trials, finished=[start])
    proposals = MixedStrategy(sampler=sampler, rules_share=0.0).propose(now)
    assert [one.rule for one in proposals] == ["sample"] * 4


ODD = {
    "text": "adam",
    "on": True,
    "zero": 0,
    "none": None,
    "list": [1, 2],
    "minus": -3,
    "nan": float("nan"),
    "inf": float("inf"),
    "whole": 1,
    "real": 0.1,
    "empty": {},
    "zeros": [{"w": 0.0}, {"w": 0}],
    "nested": {"deep": [{"x": "a"}, {"x": 2.5}]},
}


@pytest.mark.parametrize("bounds", [{}, {"zeros.*.w": (0.0, 1.0), "list": (0, 1), "inf": (0.1, 1.0)}])
def test_knobs_that_hold_anything_at_all_are_no_trouble(bounds: Any) -> None:
    """Variants may change strings, switches, lists: what is no number, or only 0, is left as it is."""
    paths = [*ODD, "zeros.0.w", "nested.deep.0.x", "nested.deep.1.x", "gone"]
    start = trial("baseline", objective=1.0, config=ODD)
    changes = tuple((path, ODD.get(path), "new") for path in paths)
    other = {**ODD, "minus": 0, "whole": None, "real": "x", "inf": 1.0}
    child = trial("child", objective=0.9, config=other, parent="baseline", rule="x", changes=changes)
    worse = trial("worse", objective=2.0, config={**ODD, "whole": float("nan")}, parent="baseline", rule="x")
    trials = {one.name: one for one in (start, child, worse)}
    now = replace(situation(bounds=bounds), trials=trials, finished=[start])
    proposals = MixedStrategy(rules_share=0.0).propose(now)
    turned = {edit.partition("@")[0] for one in proposals for edit in one.edits}
    assert turned <= {"minus", "whole", "real", "nested.deep.1.x"}
    assert turned >= {"minus", "real", "nested.deep.1.x"}


@pytest.mark.parametrize(
    ("trials", "bounds", "says"),
    [
        ([trial("baseline", state="FAILED", config=CONFIG)], BOUNDS, "no trial has a result"),
        ([trial("baseline", config=CONFIG)], BOUNDS, "no trial has a result"),
        (
            [trial("baseline", config={"steps": 8}, objective=1.0)],
            {},
            "the sampler has no knob to change: no number has bounds",
        ),
        ([BASELINE], BOUNDS, "is refused"),
    ],
)
def test_a_silent_sampler_says_why(trials: list[Trial], bounds: Any, says: str) -> None:
    """An app that cannot run at all does not go on for all its rounds."""
    now = replace(situation(bounds=bounds), trials={one.name: one for one in trials}, finished=trials)
    assert says in MixedStrategy().silence(now)
    assert bool(MixedStrategy().propose(now)) == ("refused" in says)
    assert RulesStrategy().silence(now) == ""


def test_a_baseline_that_diverged_is_a_reason_to_look_elsewhere() -> None:
    broken = trial("baseline", state="INFEASIBLE", config=CONFIG, error="the loss is not finite")
    now = replace(situation(), trials={"baseline": broken}, finished=[broken])
    assert [one.rule for one in MixedStrategy().propose(now)] == ["sample"] * 4


def test_what_it_foresees_is_what_it_does() -> None:
    """Size of a round, the rules' part of it, and the knobs that its points turn."""
    opening = Opening(BASELINE.variant, planned=5, repeats=1, slots=3, bounds=BOUNDS, touched=["lr"])
    strategy = MixedStrategy(variants_per_run=2)
    seen = strategy.foresee(opening)
    ideas = [
        fired(name, f"r{factor}", f"lr@mul={factor}") for name in ("a", "baseline") for factor in range(3, 9)
    ]
    proposals = strategy.propose(situation(ideas, slots=3, opened=4))
    assert seen.rounds == f"A later round has {len(proposals)} jobs."
    mine = [one for one in proposals if one.rule != "sample"]
    assert seen.rules.startswith(
        f"Of 9 jobs up to {len(mine)} may be children that these rules make of the best 2"
    )
    turned = {edit.partition("@")[0] for one in proposals for edit in one.edits if one.rule == "sample"}
    assert {line.split(":")[0].strip() for line in seen.besides[1:]} == turned
    assert list(seen.besides[1:]) == ["  lr: 0.01 -> from 0.0001 to 1", "  batch: 8 -> from 1 to 64"]
    asks = MixedStrategy(proposer={"command": "agent"}).foresee(opening).besides
    assert asks[0] == "Of 6 jobs up to 2 may be what strategy.proposer wants."
    usual = strategy.foresee(replace(opening, bounds={}, touched=[])).besides[1]
    assert usual.startswith("  lr: 0.01 -> from 0.0025 to 0.04")
    bare = replace(BASELINE.variant, config={"steps": 8})
    nothing = strategy.foresee(replace(opening, start=bare, bounds={}, touched=[]))
    assert nothing.besides[1] == "  nothing yet: no number has bounds, and no variant changes one"
    given = MixedStrategy(space={"lr": [0.1, 1], "kind": {"choices": ["a", "b"]}})
    config = {**CONFIG, "kind": "a"}
    told = given.foresee(replace(opening, start=replace(BASELINE.variant, config=config))).besides
    assert told[0].endswith("(gaussian), which changes:")
    one = MixedStrategy(space={"lr": None, "batch": False}).foresee(opening).besides
    assert (one[0].endswith("which changes:"), len(one)) == (True, 2)
    assert told[2] == "  kind: 'a' -> one of a, b"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "tpee"}, "did you mean 'tpe'"),
        ({"rules_share": 2}, "rules_share"),
        ({"span": 1.0}, "span"),
        ({"sice": 1}, "did you mean 'size'"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_strategy({"_target_": "autoloop.strategies.MixedStrategy", **settings})


@pytest.mark.parametrize(("bounds", "beyond"), [({}, True), ({"lr": (0.0025, 0.04)}, False)])
def test_a_winner_at_the_edge_of_its_range_has_proposals_beyond_it(bounds: Any, beyond: bool) -> None:
    """Nobody said that range; one that the user declared is kept."""
    edge = run("edge", 0.05, 0.04, parent="baseline", rule="up", changes=(("lr", 0.01, 0.04),), job=4)
    now = situation(bounds=bounds)
    strategy = MixedStrategy(size=16, rules_share=0.0, sampler="quasi_random", space={"lr": None})
    proposals = strategy.propose(replace(now, trials={**now.trials, "edge": edge}))
    values = [float(one.edits[0].partition("=")[2]) for one in proposals if one.rule == "sample"]
    assert len(values) > 8
    assert any(value > 0.041 for value in values) == beyond


def does_not_compose(proposal: Decision) -> bool:
    """A frozen batch size, and a learning rate whose last digit is odd."""
    values = dict(edit.split("@set=") for edit in proposal.edits)
    return "batch" in values or values["lr"][-1] in "13579"


def test_where_a_knob_does_not_compose_the_others_fill_the_round() -> None:
    """Points that do not compose cost no place: the sampler goes on with its next ones."""
    refusal: Any = lambda one: "frozen" * does_not_compose(one)  # noqa: E731
    now = situation(misfit=does_not_compose, refusal=refusal, opened=12)
    proposals = MixedStrategy(rules_share=0.0).propose(now)
    taken = [one for one in proposals if not does_not_compose(one)]
    assert len(taken) == 12
    assert sum("batch" in " ".join(one.edits) for one in proposals) <= 1  # tried alone, it is left alone


def test_a_free_place_of_round_1_goes_to_a_point_that_composes() -> None:
    opening = Opening(BASELINE.variant, 1, slots=8, bounds=BOUNDS, misfit=does_not_compose)
    proposals = MixedStrategy().open(opening)
    assert sum(not does_not_compose(one) for one in proposals) == 7
    assert sum("batch" in " ".join(one.edits) for one in proposals) == 1


def test_what_rules_say_of_a_trial_that_is_not_among_the_best_is_told_with_the_reason() -> None:
    """It is no proposal, and no silence; with one parent the words fit too."""
    said = [fired("c", "late", "lr@mul=2"), fired("a", "early", "lr@mul=3")]
    trials = [run("a", 0.1), run("b", 0.2), run("c", 0.9, parent="a")]
    now = replace(situation(said), trials={one.name: one for one in trials}, finished=trials[1:])
    told = [(one.rule, why) for one, why in MixedStrategy().passed_over(now)]
    full = ("early", "not taken: the round had no place left for it")
    assert told == [("late", "not taken: c is not among the best 2"), full]
    ((_, why), _) = MixedStrategy(parents=1).passed_over(now)
    assert why == "not taken: c is not the best"


def test_a_coarse_space_fills_its_rounds_while_configurations_are_left() -> None:
    """Where all that the sampler wants has run the rest is spread evenly; no configuration comes twice."""
    space = {
        name: {"low": 0.0, "high": 1.0, "step": 0.5} for name in ("a", "b", "c", "d", "e", "f", "g", "h")
    }
    config = dict.fromkeys(space, 0.5)  # 6561 configurations: too many to be counted out
    trials = {"baseline": trial("baseline", config=config, objective=1.0)}
    strategy = MixedStrategy(space=space, rules_share=0.0, size=8)
    for number in range(2, 7):
        now = Situation(list(trials.values()), trials, [], round=number, opened=8)
        proposals = strategy.propose(now)
        assert len({one.edits for one in proposals}) == 8
        for place, one in enumerate(proposals):
            values = {edit.partition("@set=")[0]: float(edit.partition("@set=")[2]) for edit in one.edits}
            there = {**config, **values}
            assert there not in [known.variant.config for known in trials.values()]
            name = f"r{number}_{place}"
            trials[name] = trial(name, config=there, objective=sum(there.values()), parent="baseline")
