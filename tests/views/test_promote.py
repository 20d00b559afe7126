"""A trial worth keeping: its exact config, longer, fresh or from its checkpoint."""

from __future__ import annotations

import json

import pytest

from autoloop.errors import AutoloopError
from autoloop.views.promote import promoted_command
from tests.helpers.running import records, study_of, train


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A study of two jobs."""
    path = tmp_path_factory.mktemp("promote")
    done = train(
        path, "-m", "gpus=[6]", "variants=none", "ot.lambda_ot@mul=1,2", "ot.loss_config.reg@set=0.2"
    )
    assert done.returncode == 0, done.stderr
    return path


def config_of(run_dir):
    return json.loads((run_dir / "train_config.json").read_text())


@pytest.mark.slow
def test_a_promoted_trial_is_its_config_at_full_length(work):
    """The command trains the exact config, longer, in a directory of its own, and keeps its checkpoints."""
    study = study_of(work)
    words = promoted_command(study, "lambda_ot_mul_2", ["steps=90"], work / "study")
    assert words[1:3] == ["-m", "autoloop.train"]
    done = train(work, *words[3:], only=True)
    assert done.returncode == 0, done.stderr
    run_dir = work / "study" / "promoted" / "lambda_ot_mul_2-steps_90"
    assert config_of(run_dir) == {**config_of(work / "study" / "1"), "steps": 90}
    assert (run_dir / "output" / "checkpoints" / "last" / "pretrained_model" / "train_config.json").is_file()
    assert records(work)[-1]["gpus"] == "6"
    again = promoted_command(study, "lambda_ot_mul_2", ["steps=90"], work / "study")
    assert again[-1].endswith("lambda_ot_mul_2-steps_90_2")


def test_a_trial_goes_on_from_its_checkpoint(work):
    """Where the profile says how, the trainer gets the checkpoint in place of a config file."""
    study = study_of(work)
    checkpoint = (
        work / "study" / "0" / "output" / "checkpoints" / "last" / "pretrained_model" / "train_config.json"
    )
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text(json.dumps({**config_of(work / "study" / "0"), "resume": False}))
    words = promoted_command(study, "0", ["steps=120"], work / "study", resume=True)
    done = train(work, *words[3:], only=True)
    assert done.returncode == 0, done.stderr
    started = records(work)[-1]["argv"]
    assert started[:2] == [f"--config_path={checkpoint}", "--resume=true"]
    assert "--steps=120" in started


@pytest.mark.parametrize(
    ("job", "resume", "why"),
    [
        ("lambda_ot_mul_3", False, "did you mean 'lambda_ot_mul_2'"),
        ("1", True, "left no checkpoint at"),
    ],
)
def test_what_cannot_be_promoted_is_told(work, job, resume, why):
    """A name that is not there, a checkpoint that was not kept."""
    with pytest.raises(AutoloopError, match=why):
        promoted_command(study_of(work), job, ["steps=9"], work / "study", resume)
