"""Where jobs failed twice nobody goes a third time: samplers, rules, an outside program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from autoloop.edits import apply, change
from autoloop.edits.variants import Variant, signature
from autoloop.loop.filling import Derived, Disposer, Obstacles
from autoloop.rules import Decision
from autoloop.strategies import MixedStrategy, Situation
from autoloop.strategies.avoid import avoided
from autoloop.strategies.failed import failed_regions, lies_where_jobs_failed
from autoloop.strategies.space import read_space
from autoloop.study.trials import Trial
from autoloop.testing import trial

Config = Mapping[str, Any]
CONFIG = {"betas": [0.9, 0.999], "dropout": 0.5, "lr": 0.1}
BASELINE = trial("baseline", objective=1.0, config=CONFIG, job=0)


def refusal_of_torch(config: Config) -> str:
    """What Adam and dropout say of a config."""
    for beta in config["betas"]:
        if not 0 <= beta < 1:
            return f"ValueError: Invalid beta parameter: {beta}"
    if not 0 <= config["dropout"] <= 1:
        return f"ValueError: dropout must be in [0, 1], got {config['dropout']}"
    return ""


def ran(
    name: str, job: int, edits: tuple[str, ...], refuses: Callable[[Config], str], **fields: Any
) -> Trial:
    """A child of the baseline as it ends where the trainer refuses some configs."""
    changed = change(list(edits), CONFIG)
    error = refuses(changed.config)
    objective = abs(changed.config["betas"][0] - 0.95) + abs(changed.config["dropout"] - 0.3)
    ended: dict[str, Any] = {"state": "FAILED", "error": error} if error else {"objective": objective}
    about = {"parent": "baseline", "rule": "sample", "config": changed.config, "changes": changed.changes}
    return trial(name, job=job, **{**about, **ended, **fields})


def study(refuses: Callable[[Config], str], rounds: int = 3, **fields: Any) -> list[Trial]:
    """The trials of a study whose sampler fills rounds of four jobs."""
    strategy = MixedStrategy(rules_share=0.0, sampler=fields.pop("sampler", "gaussian"))
    first = [("betas.0@set=0.8",), ("dropout@set=0.2",), ("dropout@mul=1.5",)]
    trials = [
        BASELINE,
        *(ran(f"v{n}", n, edits, refuses, rule="variants") for n, edits in enumerate(first, 1)),
    ]
    for number in range(2, 2 + rounds):
        known = {one.name: one for one in trials}
        about = {"round": number, "opened": 4, "failed": failed_regions(trials), **fields}
        for one in strategy.propose(Situation(trials[-4:], known, [], **about))[:4]:
            trials.append(ran(f"r{len(trials)}", len(trials), one.edits, refuses))
    assert len(trials) == 4 + 4 * rounds
    return trials


def failures(trials: list[Trial]) -> int:
    return sum(one.state.value == "FAILED" for one in trials)


BEYOND = {"betas.0": (0.5, 3.0), "dropout": (0.05, 3.0)}
SAMPLERS = ["gaussian", "quasi_random", "random"]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_shares_are_kept_below_one_where_nobody_set_bounds(sampler: str) -> None:
    assert failures(study(refusal_of_torch, sampler=sampler)) == 0


@pytest.mark.parametrize("sampler", [*SAMPLERS, "tpe"])
def test_a_sampler_learns_where_the_trainer_refuses_what_the_users_bounds_allow(sampler: str) -> None:
    if sampler == "tpe":
        pytest.importorskip("optuna")
    trials = study(refusal_of_torch, 5, sampler=sampler, bounds=BEYOND)
    assert 0 < failures(trials) <= 6
    assert failures(trials[-8:]) == 0
    assert trials[-1].variant.config["dropout"] <= 1


def test_where_no_side_of_a_knob_is_to_blame_the_surroundings_of_two_failures_are_avoided() -> None:
    knobs = read_space(CONFIG, {"lr": None, "dropout": None}, {}, (), 4.0)
    failed, passed = np.array([[0.5, 0.5], [0.55, 0.5]]), np.array([[0.42, 0.5], [0.2, 0.5]])
    avoid = avoided(knobs, CONFIG, [], [failed], passed)
    assert avoid is not None
    points = np.array([[0.52, 0.5], [0.6, 0.45], [0.44, 0.5], [0.9, 0.9]])
    assert avoid(points).tolist() == [True, True, False, False]
    assert avoided(knobs, CONFIG, [], [], passed) is None


def test_a_point_says_what_part_of_the_space_is_left_out() -> None:
    known = {one.name: one for one in study(refusal_of_torch, 4, bounds=BEYOND)}
    regions = failed_regions(list(known.values()))
    now = Situation([], known, [], round=6, opened=4, bounds=BEYOND, failed=regions)
    reasons = [one.reason for one in MixedStrategy().propose(now) if one.rule == "sample"]
    assert reasons
    assert all(f"leaving out {regions[0].description}" in reason for reason in reasons)


def crashed(job: int, error: str, *edits: str, state: str = "FAILED") -> Trial:
    return ran(f"c{job}", job, edits, lambda _: error, state=state)


BAD = "ValueError: bad value"


@pytest.mark.parametrize(
    ("failed", "regions"),
    [
        ([(BAD, "lr@set=0.9"), (BAD, "lr@set=0.7")], ["lr from 0.7 on, where jobs 1 and 2 failed"]),
        ([(BAD, "lr@set=0.01"), (BAD, "lr@set=0.02")], ["lr up to 0.02, where jobs 1 and 2 failed"]),
        ([(BAD, "lr@set=0.9")], []),
        ([(BAD, "lr@set=0.9"), (BAD, "dropout@set=0.9")], []),  # nothing tells which it was
        ([(BAD, "lr@set=0.9"), ("OSError: no file", "lr@set=0.9")], []),  # two accidents
        ([(BAD, "lr@set=0.9"), (BAD, "lr@set=0.01")], []),  # on both sides of what works
        ([("OSError: No space left on device", f"lr@set=0.{n}") for n in (7, 8)], []),
        ([("lr must be below 0.5, got 0.9", "lr@set=0.9")], ["lr from 0.9 on, where job 1 failed"]),
        ([("got 0.95, too much", "dropout@set=0.95")], ["dropout from 0.95 on, where job 1 failed"]),
        (
            [(f"{BAD} {n}", f"lr@set=0.{n} dropout@set=0.{n}") for n in (7, 8)],
            ["lr from 0.7 on with dropout from 0.7 on, where jobs 1 and 2 failed"],
        ),
        (
            [("dropout of 2", "lr@set=0.9 dropout@set=2"), ("dropout of 3", "lr@set=0.8 dropout@set=3")],
            ["dropout from 2.0 on, where jobs 1 and 2 failed"],
        ),
    ],
)
def test_what_failures_say_of_the_space(failed: list[tuple[str, str]], regions: list[str]) -> None:
    trials = [crashed(job, error, *edits.split()) for job, (error, edits) in enumerate(failed, 1)]
    assert [region.description for region in failed_regions([BASELINE, *trials])] == regions


def test_an_interrupted_job_says_nothing_and_a_later_success_takes_the_fence_away() -> None:
    lost = [crashed(job, "SIGKILL", "lr@set=0.9", state="INTERRUPTED") for job in (1, 2)]
    assert failed_regions([BASELINE, *lost]) == []
    twice = [crashed(job, BAD, "lr@set=0.9") for job in (1, 2)]
    assert failed_regions([BASELINE, *twice])
    assert failed_regions([BASELINE, *twice, ran("ok", 3, ("lr@set=0.95",), lambda _: "")]) == []


def derive(parent: Variant, edits: Any) -> Derived:
    changed = change(list(edits), parent.config)
    return Derived(changed.config, (), signature(changed.config), changed.changes, changed.notes)


@pytest.mark.parametrize(
    ("rule", "edits", "why"),
    [
        ("up", ("dropout@mul=2.6",), "dropout 1.3 lies where jobs 4 and 7 failed"),
        ("outside", ("dropout@set=1.5",), "dropout 1.5 lies where jobs 4 and 7 failed"),
        ("up", ("dropout@mul=1.4",), ""),
        ("up", ("lr@mul=2",), ""),
        ("queue", ("dropout@mul=2.6",), ""),  # what the user asks for is run
    ],
)
def test_a_step_into_a_region_that_failed_twice_is_refused_with_why(
    rule: str, edits: tuple[str, ...], why: str
) -> None:
    trials = [crashed(4, BAD, "dropout@set=1.2"), crashed(7, BAD, "dropout@set=1.25")]
    regions = failed_regions([BASELINE, *trials])
    disposer = Disposer({"baseline": BASELINE.variant}, {}, derive, Obstacles(regions=regions))
    assert disposer.refusal(Decision(rule, "baseline", "it may help", edits=edits)) == why


def test_what_a_child_leaves_as_it_was_is_not_held_against_it() -> None:
    """A rule may heal a failed job by another knob."""
    regions = failed_regions([BASELINE, *(crashed(job, BAD, "lr@set=0.9") for job in (1, 2))])
    config = apply(["lr@set=0.9", "dropout@set=0.1"], CONFIG)
    assert lies_where_jobs_failed(regions, config, ["dropout"]) == ""
    assert lies_where_jobs_failed(regions, config, ["lr"]) == "lr 0.9 lies where jobs 1 and 2 failed"
