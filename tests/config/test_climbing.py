"""Settings of a climb: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from typing import Any

import pytest

from autoloop.config.climbing import Climbing, Continues
from autoloop.errors import AutoloopError
from autoloop.loop.steps import Climb

CONFIG = {"steps": 100, "trainer": {"max_epochs": 5, "max_steps": -1}, "lr": 0.1}


def read(**given: Any) -> Climbing:
    unsaid = {"climb": None, "keep": None, "climb_knob": None, "continues": None, "warm_start": False}
    return Climbing.read({**unsaid, **given})


def test_four_go_up_and_one_to_the_top_where_nothing_is_said() -> None:
    assert read(climb=[2, 20, 200, 2000]).keep == (4, 4, 1)
    assert read(climb=[2, 20]).keep == (1,)


@pytest.mark.parametrize(
    ("config", "knob"),
    [
        (CONFIG, "steps"),
        ({"trainer": CONFIG["trainer"]}, "trainer.max_epochs"),  # Lightning's max_steps is -1: no limit
        ({"training": {"num_epochs": 3}}, "training.num_epochs"),
    ],
)
def test_the_length_is_the_first_usual_name_that_holds_a_number_above_0(config: Any, knob: str) -> None:
    assert read(climb=[2, 20]).limit(config) == Climb((2, 20), (1,), knob)


def test_without_a_climb_nothing_is_looked_for() -> None:
    assert read().limit({}) is None


def test_continuing_is_read_with_its_folder_and_off_where_no_checkpoint_is_known() -> None:
    said = {"folder": "output", "checkpoint": "last", "keep": {"save": True}, "set": {"from": "{checkpoint}"}}
    assert read(continues=said).continues == Continues(
        "output/last", {"save": True}, {"from": "{checkpoint}"}
    )
    assert read(continues={**said, "checkpoint": None}).continues is None


WARM = {
    "checkpoint": "out",
    "halfway": "out/step_*",
    "set": {"from": "{checkpoint}"},
    "knobs": ["lr", "loss.*"],
}


def test_a_run_keeps_its_middle_where_children_start_there() -> None:
    """Without a warm start it keeps its end alone; where half a run is, its length says."""
    found = read(continues={**WARM, "keep": {"save": True, "save_freq": "{halfway}"}}).continues
    assert found is not None
    assert found.keeping() == {"save": True}
    assert found.keeping(2001) == {"save": True, "save_freq": 1000}


@pytest.mark.parametrize(
    ("path", "heeded"), [("lr", True), ("loss.a.weight", True), ("lr_2", False), ("a.lr", False)]
)
def test_a_run_that_goes_on_heeds_the_knobs_that_are_named(path: str, heeded: bool) -> None:
    found = read(continues=WARM).continues
    assert found is not None
    assert found.heeds(path) is heeded


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"climb": [100]}, "give the lengths of at least two levels"),
        ({"climb": [100, 10]}, "ascending"),
        ({"climb": ["a", 10]}, "whole numbers above 0"),
        ({"climb": [10, 100], "keep": [2, 1]}, "which has 1 step up"),
        ({"climb": [10, 100], "continues": {"checkpoint": "last"}}, "says nowhere what gets the checkpoint"),
        ({"climb": [10, 100], "continues": {"chekpoint": "last"}}, "did you mean 'checkpoint'"),
        ({"continues": "last"}, "write {checkpoint:"),
        ({"continues": {**WARM, "knobs": "lr"}}, "knobs is no list of paths"),
        ({"warm_start": True}, "set continues .docs"),
        ({"warm_start": True, "continues": {**WARM, "halfway": None}}, "set continues.halfway"),
        ({"warm_start": True, "continues": {**WARM, "knobs": []}}, "set continues.knobs"),
    ],
)
def test_what_means_nothing_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(AutoloopError, match=told.replace("{", r"\{")):
        read(**given)


def test_a_length_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(AutoloopError, match=r"climb_knob='stepz' is no number in the config.*'steps'"):
        read(climb=[1, 2], climb_knob="stepz").limit(CONFIG)
    with pytest.raises(AutoloopError, match="climb_knob=<path>"):
        read(climb=[1, 2]).limit({"lr": 0.1})
