"""Direction is inferred where a name is sure, and nowhere else."""

from __future__ import annotations

import pytest

from autoloop.curves.metrics import Metrics
from autoloop.curves.objective import most_telling, read_direction, sure_goal
from autoloop.errors import ConfigError

UP = "val/acc valAcc top5acc val_accuracy episode_return mean_rewards F1 val/f1_macro mAP50 mIoU AUROC"
DOWN = "loss val_loss trainLoss losses error_rate testRMSE mae WER val.ppl perplexity regret accum_error"
UNSURE = "loss_acc reward_loss return_value lr memory loss_scale reward_std neg_reward acc_time map_size zorp"


@pytest.mark.parametrize(
    ("names", "goal"), [(UP, "max"), (DOWN, "min"), (UNSURE, "")], ids=["up", "down", "unsure"]
)
def test_a_name_tells_its_direction_word_by_word_or_not_at_all(names: str, goal: str) -> None:
    """Words are split at signs, digits and camel case; two that contradict each other say nothing."""
    assert {name: sure_goal(name) for name in names.split()} == dict.fromkeys(names.split(), goal)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ("train/loss lr val/loss val/acc test/acc", "val/acc"),
        ("train/acc train/loss grad_norm", "train/loss"),
        ("test/acc train/loss", "test/acc"),
        ("episode_reward lr", "episode_reward"),
        ("lr zorp", ""),
    ],
)
def test_the_most_telling_metric_is_an_evaluations_then_a_loss(names: str, chosen: str) -> None:
    """Validation comes before test, test before the training loss, that before any other."""
    goals = {name: goal for name in names.split() if (goal := sure_goal(name))}
    assert most_telling(names.split(), goals) == chosen


@pytest.mark.parametrize(
    ("config", "direction", "goal", "said"),
    [
        ({"objective": "val/acc"}, "", "max", True),
        ({"objective": "val/loss"}, "", "min", False),
        ({"objective": "zorp"}, "", "min", True),
        ({"objective": "zorp"}, "max", "max", False),
        ({"objective": "acc", "goals": {"acc": "min"}}, "", "min", False),
        ({}, "", "min", True),
        ({"goals": {"return_value": "max"}}, "", "max", False),
        ({"objective": "return_value", "goals": {"return_value": "max"}}, "", "max", False),
    ],
)
def test_what_the_user_says_comes_first_and_what_is_taken_is_said(
    config: dict[str, object], direction: str, goal: str, said: bool
) -> None:
    """A goal or a direction beats a name; where none was given, the study says which it took and why."""
    aim = Metrics.read(config, direction).aim
    assert (aim.goal, bool(aim.why)) == (goal, said)
    assert "hydra.sweeper.direction=" in aim.description


def test_a_direction_is_read_in_any_usual_spelling() -> None:
    """``Direction.maximize`` is how Optuna's sweeper writes it."""
    given = ["max", "maximize", "Direction.maximize", "MIN", None]
    assert [read_direction(word) for word in given] == ["max", "max", "max", "min", ""]
    with pytest.raises(ConfigError, match="minimize, min, maximize, max"):
        read_direction("up")
