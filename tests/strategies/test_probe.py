"""The probe of the learning rate: the short jobs that open a study, and how round 1 goes on after them."""

from __future__ import annotations

from typing import Any

import pytest

from autoloop.rules.base import Decision
from autoloop.strategies import MixedStrategy, Opening
from autoloop.strategies.base import Probed
from autoloop.strategies.pace import Pace, Pacing
from autoloop.testing import trial

CONFIG = {"lr": 0.01, "weight_decay": 0.1, "batch_size": 16, "hidden": 32, "steps": 1000}
PACE = Pace(steps=1000, every=50)


def opening(config: dict[str, Any] = CONFIG, **about: Any) -> Opening:
    start = trial("baseline", config=config).variant
    return Opening(start, **{"planned": 1, "pace": PACE, **about})


def probes(found: list[Decision]) -> list[tuple[str, ...]]:
    return [one.edits for one in found if one.rule == "probe"]


def test_a_study_without_variants_opens_with_three_rates() -> None:
    """Each is for a fifth of the steps, and says so in the journal."""
    found = MixedStrategy().open(opening())
    assert probes(found) == [("lr@set=0.04",), ("lr@set=0.0025",), ("lr@set=0.16",)]
    assert {one.evidence["until"] for one in found} == {200}
    assert {one.evidence["of"] for one in found} == {1000}


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"lr": (0.001, 0.05)}, ["0.04", "0.0025", "0.05"]),
        ({"lr": (0.009, 0.03)}, ["0.03"]),  # both ways up end at the bound, down is as good as nothing
        ({"lr": (0.009, 0.011)}, []),
        ({"weight_decay": (0.01, 1.0)}, []),  # the rate is not turned where bounds name other knobs
    ],
)
def test_probes_stay_inside_the_bounds(bounds: dict[str, Any], expected: list[str]) -> None:
    found = probes(MixedStrategy().open(opening(bounds=bounds)))
    assert [edits[0].removeprefix("lr@set=") for edits in found] == expected


@pytest.mark.parametrize(
    ("space", "count"),
    [({"lr": [1e-4, 1.0]}, 3), ({"weight_decay": [1e-4, 1.0]}, 0), ({"lr": False}, 0), ({"lr": None}, 3)],
)
def test_what_the_space_leaves_out_is_not_probed(space: dict[str, Any], count: int) -> None:
    assert len(probes(MixedStrategy(space=space).open(opening()))) == count


@pytest.mark.parametrize(("planned", "slots", "count"), [(3, None, 0), (3, 4, 1), (4, 4, 0), (2, 8, 3)])
def test_beside_the_users_variants_only_free_places_are_probes(
    planned: int, slots: int | None, count: int
) -> None:
    found = MixedStrategy().open(opening(planned=planned, slots=slots, bounds={"lr": (1e-4, 1.0)}))
    assert len(probes(found)) == count
    assert planned + len(found) == (planned if slots is None else slots)


@pytest.mark.parametrize(
    ("config", "objective", "told"),
    [
        ({"steps": 1000, "eval_freq": 100}, "eval/loss", 200),
        ({"train": {"max_steps": 1000, "log_every": 10}}, "loss", 200),
        ({"steps": 1000, "eval_freq": 70}, "eval/loss", 210),
        ({"steps": 1000, "eval_freq": 250}, "eval/loss", "is evaluated 4 times a training"),
        ({"steps": 1000}, "eval/loss", "does not say how often eval/loss is evaluated"),
        ({"eval_freq": 10}, "eval/loss", "does not say how many steps"),
        ({"steps": 1000, "eval_freq": 100}, "", "the objective is not a metric"),
    ],
)
def test_the_pace_of_a_training_is_read_from_its_config(
    config: dict[str, Any], objective: str, told: int | str
) -> None:
    found = Pacing(objective).of(config)
    assert told in found if isinstance(found, str) else found.until == told


def test_the_plan_says_why_there_is_no_probe() -> None:
    strategy = MixedStrategy()
    assert strategy.foresee(opening(pace="probe=false")).opening == [
        "No probe of the learning rate: probe=false."
    ]
    assert "end at step 200 of 1000" in " ".join(strategy.foresee(opening(planned=4, probes=3)).opening)
    assert strategy.foresee(opening({"width": 3})).opening == []  # nobody expects one


def after(best: dict[str, Any], places: int = 3, **about: Any) -> Opening:
    return opening(planned=4, probes=3, probed=Probed(trial("best", config=best).variant, places), **about)


def test_the_places_that_are_free_then_go_to_points_around_the_best_rate() -> None:
    """The first has the best rate and twice the batch and the width; it says what that costs."""
    found = MixedStrategy(space={"lr": None, "weight_decay": None, "batch_size": None, "hidden": None}).open(
        after({**CONFIG, "lr": 0.16})
    )
    assert found[0].edits == ("lr@set=0.16", "batch_size@set=32", "hidden@set=64")
    assert "takes longer" in found[0].reason
    assert len(found) == 3
    assert {one.trial for one in found} == {"baseline"}


def test_batch_and_width_are_not_doubled_where_the_space_forbids_it() -> None:
    found = MixedStrategy(space={"lr": None, "weight_decay": None}).open(after({**CONFIG, "lr": 0.16}))
    assert not any(word in " ".join(one.edits) for one in found for word in ("batch_size", "hidden"))
    found = MixedStrategy(space={"batch_size": False}).open(after(CONFIG))
    assert found[0].edits == ("hidden@set=64",)
    found = MixedStrategy().open(
        after(CONFIG, bounds={"batch_size": (1, 24), "hidden": (1, 32), "lr": (1e-4, 1)})
    )
    assert found[0].edits == ("batch_size@set=24",)
