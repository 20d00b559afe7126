"""A training that goes on from another's checkpoint comes to the numbers of one that never ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autoloop.errors import ConfigError
from autoloop.tasks import act_ot

STEPS, HALF = 8, 4  # log_freq and eval_freq divide both, so that rows cover the same steps


@pytest.fixture
def halves(small):
    """Settings of a whole training and of its first half."""
    whole = {**small, "steps": STEPS, "log_freq": 2, "eval_freq": 4, "save_checkpoint": True}
    return whole, {**whole, "steps": HALF}


def test_going_on_gives_the_numbers_of_an_uninterrupted_training(halves, tmp_path):
    """Weights, averaged weights, optimizer, batches and random numbers go on where they were."""
    whole, half = halves
    one = act_ot.train({**whole, "output_dir": str(tmp_path / "whole")})
    act_ot.train({**half, "output_dir": str(tmp_path / "half")})
    two = act_ot.train({**whole, "output_dir": str(tmp_path / "rest"), "resume_from": str(tmp_path / "half")})
    assert two == one
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "rest")]
    assert weights[0] == weights[1]


def test_a_training_goes_on_from_the_middle_of_another_one(halves, tmp_path):
    """What is left on the way is as good as what is left at the end, and the end is where it was."""
    whole, _ = halves
    one = act_ot.train({**whole, "output_dir": str(tmp_path / "whole"), "save_freq": HALF})
    assert sorted(path.name for path in (tmp_path / "whole").iterdir() if path.is_dir()) == [f"step_{HALF}"]
    halfway = str(tmp_path / "whole" / f"step_{HALF}")
    two = act_ot.train({**whole, "output_dir": str(tmp_path / "rest"), "resume_from": halfway})
    assert two == one


def test_a_training_that_goes_on_heeds_its_own_learning_rate(halves, tmp_path):
    """The optimizer's moments are the checkpoint's, its settings are the config's."""
    whole, half = halves
    act_ot.train({**half, "output_dir": str(tmp_path / "half")})
    resumed = {**whole, "resume_from": str(tmp_path / "half")}
    same = act_ot.train({**resumed, "output_dir": str(tmp_path / "same")})
    faster = {**whole.get("policy", {}), "optimizer_lr": 1e-2}
    other = act_ot.train({**resumed, "policy": faster, "output_dir": str(tmp_path / "other")})
    assert other["train/lr"] == 1e-2
    assert other["eval/offline_eval/avg_l1"] != same["eval/offline_eval/avg_l1"]


def test_a_directory_without_a_training_is_refused(halves, tmp_path):
    whole, _ = halves
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no training to go on from"):
        act_ot.train({**whole, "output_dir": str(tmp_path / "out"), "resume_from": str(tmp_path / "empty")})


def test_a_training_that_is_as_long_already_is_refused(halves, tmp_path):
    _, half = halves
    act_ot.train({**half, "output_dir": str(tmp_path / "half")})
    again = {**half, "output_dir": str(tmp_path / "again"), "resume_from": str(tmp_path / "half")}
    with pytest.raises(ConfigError, match="was trained to step 4"):
        act_ot.train(again)


def test_a_policy_of_another_shape_is_refused(halves, tmp_path):
    whole, half = halves
    act_ot.train({**half, "output_dir": str(tmp_path / "half")})
    wider = {**whole, "policy": {**whole.get("policy", {}), "dim_model": 64}}
    with pytest.raises(ConfigError, match="another shape"):
        act_ot.train({**wider, "output_dir": str(tmp_path / "out"), "resume_from": str(tmp_path / "half")})


def test_a_checkpoint_is_tensors_and_json(halves, tmp_path):
    _, half = halves
    act_ot.train({**half, "output_dir": str(tmp_path / "half")})
    names = {path.name for path in Path(tmp_path / "half").iterdir()}
    assert names == {"model.safetensors", "policy.json", "training.safetensors", "training.json"}
    assert json.loads((tmp_path / "half" / "training.json").read_text())["step"] == HALF
