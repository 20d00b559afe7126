"""What an app's config says of the number that its task returns."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from autoloop.curves.metrics import Metrics
from autoloop.runner.named import named_in


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"optimized_metric": "val/acc"}, "val/acc"),
        ({"optimized_metric": "${of}/acc", "of": "val"}, "val/acc"),
        ({"optimized_metric": "${known_to_the_task_alone:acc}"}, ""),
        ({"optimized_metric": "${missing}"}, ""),
        ({"optimized_metric": "???"}, ""),
        ({"optimized_metric": None}, ""),
        ({"optimized_metric": ["val/acc"]}, ""),
        ({}, ""),
    ],
)
def test_a_name_that_only_the_task_can_read_ends_no_study(config: dict[str, Any], named: str) -> None:
    """Apps register resolvers as their task runs; the study goes by its results then."""
    assert named_in(OmegaConf.create(config)) == named


def test_the_first_lines_go_by_the_name_that_the_config_has() -> None:
    """What is said before anything runs is what will be done, unless the user says another way."""
    said = Metrics.read({}).description("val/acc_best")
    assert said.startswith("the study maximises the returned value: the config calls it val/acc_best")
    assert Metrics.read({}).description("zorp") == Metrics.read({}).description()
    assert Metrics.read({}, "min").description("val/acc").startswith("the study minimises")
