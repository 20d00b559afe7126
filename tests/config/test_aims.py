"""Several objectives and constraints as users write them."""

from __future__ import annotations

from typing import Any

import pytest

from autoloop.config.settings import Settings
from autoloop.curves.aims import Aims, Constraint
from autoloop.errors import ConfigError


def read(**given: Any) -> Settings:
    return Settings.read({"rules": None, **given})


def test_named_objectives_have_their_goals_and_rules_judge_each_by_its_own():
    metrics = read(objectives={"eval/success_rate": "max", "latency_ms": "minimize"}).metrics
    assert [(one.metric, one.goal) for one in metrics.aims.objectives] == [
        ("eval/success_rate", "max"),
        ("latency_ms", "min"),
    ]
    assert metrics.goals_of(["eval/success_rate", "latency_ms"]) == {
        "eval/success_rate": "max",
        "latency_ms": "min",
    }
    assert metrics.aims.description == "eval/success_rate up, latency_ms down"


def test_a_list_of_directions_counts_what_the_task_returns():
    aims = read(direction=["maximize", "minimize"]).metrics.aims
    assert aims.by_place
    assert [(one.name, one.goal) for one in aims.objectives] == [
        ("objective_0", "max"),
        ("objective_1", "min"),
    ]


def test_one_objective_by_name_is_the_studys_one_objective():
    metrics = read(objectives={"val/acc": "max"}).metrics
    assert (metrics.aims, metrics.aim.metric, metrics.aim.goal) == (Aims(), "val/acc", "max")


def test_constraints_are_limits_of_both_kinds():
    aims = read(constraints={"latency_ms": "<= 20", "lr": [">1e-4", "< 1"]}).metrics.aims
    assert aims.constraints == (
        Constraint("latency_ms", "<=", 20.0),
        Constraint("lr", ">", 1e-4),
        Constraint("lr", "<", 1.0),
    )
    assert [one.description for one in aims.broken({"latency_ms": 20.0, "lr": 1.0})] == ["lr < 1"]
    assert aims.excess({"latency_ms": 22.0, "lr": 0.5}) == (2.0, pytest.approx(1e-4 - 0.5), -0.5)


def test_stop_rules_that_compare_jobs_are_left_out_beside_several_objectives_and_constraints():
    one = {rule.name for rule in read().watching.rules}
    for given in ({"direction": ["minimize", "minimize"]}, {"constraints": {"x": "< 1"}}):
        left = {rule.name for rule in read(**given).watching.rules}
        assert left < one
        assert not any("behind" in name for name in left) and any("finite" in name for name in left)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"objectives": "a"}, "objectives='a' is no mapping; write"),
        ({"objectives": {"a": "up"}}, "objectives.a='up' is not one of minimize"),
        ({"objectives": {"a": 1}}, "objectives.a=1 is not one of"),
        (
            {"direction": ["minimize", "maximise"]},
            "direction.1='maximise' is not one of.*did you mean 'maximize'",
        ),
        (
            {"objectives": {"a": "min", "b": "max"}, "direction": ["minimize", "minimize"]},
            "say the same thing",
        ),
        ({"objectives": {"a": "min"}, "direction": "maximize"}, "contradict each other"),
        ({"constraints": {"a": 20}}, r'constraints.a=20 is no limit; write.*"<= 20"'),
        ({"constraints": {"a": "= 3"}}, "constraints.a='= 3' is no limit"),
        ({"constraints": {"a": "<= nan"}}, "is no limit"),
        ({"constraints": {"a": ["<= 1", "> 1"]}}, "no number keeps a <= 1 and a > 1"),
        ({"constraints": ["a <= 1"]}, "is no mapping"),
        ({"direction": ["minimize", "minimize"], "racing": 1}, "racing finds out which of the leaders leads"),
        ({"direction": ["minimize", "minimize"], "climb": [5, 50]}, "climb trains the best jobs for longer"),
        ({"direction": ["minimize", "minimize"], "minimal": True}, "minimal takes idle edits of one winner"),
        (
            {"objectives": {"speedx": "max", "y": "min"}, "metrics": {"known": ["loss", "y"]}},
            "no metric .speedx. is logged",
        ),
    ],
)
def test_what_cannot_be_used_is_told_with_what_to_write(given: dict[str, Any], says: str):
    with pytest.raises(ConfigError, match=says):
        read(**given)
