"""What earlier studies found, as proposals for round 1."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from autoloop.loop.score import earlier_trials
from autoloop.strategies.remembered import EarlierTrial, tried_again
from tests.helpers.studies import repeat_of, study_of


def trial(name: str, gain: float, **values: Any) -> EarlierTrial:
    return EarlierTrial("old", name, values, dict.fromkeys(values, 0), gain, 3.0)


CONFIG = {"lr": 0.1, "model": {"width": 8}}


def test_the_largest_gains_come_first_and_name_where_they_are_from() -> None:
    found = tried_again([trial("a", 5.0, lr=0.3), trial("b", 20.0, lr=0.2)], "baseline", CONFIG)
    assert [one.edits for one in found] == [("lr@set=0.2",), ("lr@set=0.3",)]
    assert found[0].reason == "was 20 % better than its baseline in the earlier study old (b)"
    assert found[0].trial == "baseline"


def test_the_best_of_the_latest_study_comes_before_the_larger_gain_of_an_older_one() -> None:
    """A study that began where an older one ended gains less, and its best is the better one."""
    older = EarlierTrial("older", "c", {"lr": 0.4}, {"lr": 0}, 90.0, 3.0)
    earlier = [trial("a", 5.0, lr=0.3), trial("b", 4.0, lr=0.2), older]
    found = tried_again(earlier, "baseline", CONFIG)
    assert [one.edits for one in found] == [("lr@set=0.3",), ("lr@set=0.4",), ("lr@set=0.2",)]


def test_what_was_within_the_noise_or_worse_is_not_tried_again() -> None:
    assert tried_again([trial("a", 2.9, lr=0.3), trial("b", -20.0, lr=0.2)], "baseline", CONFIG) == []


def test_only_what_this_config_has_and_has_otherwise_is_set() -> None:
    """A knob of another version of the app is passed over; a value that stands here already is no change."""
    earlier = [trial("a", 9.0, **{"lr": 0.1, "model.width": 16, "gone": 1})]
    assert [one.edits for one in tried_again(earlier, "baseline", CONFIG)] == [("model.width@set=16",)]
    assert tried_again([trial("a", 9.0, lr=0.1)], "baseline", CONFIG) == []


def test_two_trials_with_the_same_settings_are_one_proposal() -> None:
    assert len(tried_again([trial("a", 5.0, lr=0.3), trial("b", 6.0, lr=0.3)], "baseline", CONFIG)) == 1


def test_the_trials_of_a_study_are_told_against_its_own_baseline() -> None:
    """Along the whole line of parents; repeats, longer runs and jobs that failed are none."""
    study = study_of(
        {"name": "baseline", "objective": 1.0},
        {"name": "a", "objective": 0.8, "parent": "baseline", "rule": "x", "changes": [("lr", 1, 2)]},
        {"name": "b", "objective": 0.5, "parent": "a", "rule": "x", "changes": [("width", 8, 16)]},
        {"name": "c", "objective": None, "state": "FAILED", "parent": "a", "changes": [("lr", 2, 9)]},
        {
            "name": "b-100",
            "objective": 0.1,
            "parent": "b",
            "rule": "climb",
            "evidence": {"level": 1},
            "changes": [("steps", 10, 100)],
        },
        repeat_of("a", 7, 0.9),
    )
    found = {one.name: one for one in earlier_trials(study, "old")}
    assert set(found) == {"baseline", "a", "b"}
    assert found["baseline"].values == {}
    assert found["b"].values == {"lr": 2, "width": 16}
    assert found["b"].start == {"lr": 1, "width": 8}
    assert round(found["b"].gain_pct, 6) == 50.0
    assert found["b"].is_better


def test_a_trial_is_told_with_its_whole_config_and_its_result_as_a_loss() -> None:
    """As far as it descends from the first starting point; one that diverged has no loss."""
    config = {"lr": 0.1, "model": {"width": 8, "depth": 2}}
    jobs = (
        {"name": "baseline", "objective": 0.5},
        {"name": "a", "objective": 0.8, "parent": "baseline", "changes": [("model.width", 8, 16)]},
        {"name": "b", "objective": None, "state": "INFEASIBLE", "parent": "a", "changes": [("lr", 0.1, 9.0)]},
        {"name": "c", "objective": None, "state": "FAILED", "parent": "a", "changes": [("lr", 0.1, 5.0)]},
        {"name": "other", "objective": 0.6},
    )
    study = study_of(*jobs, goal="max")
    study.header = replace(study.header, config=config)
    found = {one.name: one for one in earlier_trials(study, "old")}
    assert list(found) == ["baseline", "a", "b", "other"]
    assert found["a"].config == {"lr": 0.1, "model": {"width": 16, "depth": 2}}
    assert found["a"].loss == -0.8
    assert found["b"].config["lr"] == 9.0
    assert math.isnan(found["b"].loss)
    assert found["other"].config == {}
    assert config["model"] == {"width": 8, "depth": 2}
