"""Older names of metrics."""

from __future__ import annotations

import pytest

from autoloop.curves.metrics import Metrics
from autoloop.history import History

ALIASES = {
    "train/ot_loss": ("train/ot_ot_loss", "train/ot"),
    "train/ot_cost/*": ("train/ot_ot_cost/*",),
}


@pytest.mark.parametrize(
    ("logged", "taken"),
    [
        (["train/ot_loss", "train/ot_ot_loss", "train/ot"], "train/ot_loss"),
        (["train/ot", "train/ot_ot_loss"], "train/ot_ot_loss"),
        (["train/ot"], "train/ot"),
    ],
)
def test_first_alias_that_exists_wins(logged, taken):
    """A canonical name holds the series of the first of its names that was logged."""
    history = History.from_values({name: [float(index)] for index, name in enumerate(logged)})
    found = Metrics(aliases=ALIASES).canonical(history)
    assert found["train/ot_loss"] == history[taken]


def test_alias_with_a_star():
    """A star stands for the same text in both names; other metrics keep theirs."""
    history = History.from_values({"train/ot_ot_cost/img": [1.0], "train/loss": [2.0]})
    assert sorted(Metrics(aliases=ALIASES).canonical(history)) == ["train/loss", "train/ot_cost/img"]
