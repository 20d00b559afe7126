"""The record in W&B: offline below WANDB_DIR, complete also after an interrupt or a failure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from autoloop.tasks import act_ot
from autoloop.tasks.act_ot.errors import DivergedError


def _record(directory: Path) -> bytes:
    (path,) = directory.glob("wandb/offline-run-*/run-*.wandb")
    return path.read_bytes()


def test_the_run_is_recorded_offline_in_wandb_dir_with_every_name(small):
    small["wandb"] = {"disable_artifact": True, "project": "autoloop"}
    final = act_ot.train(small)
    record = _record(Path(os.environ["WANDB_DIR"]))
    for name in final:
        assert name.encode() in record


def test_identity_of_the_run_comes_from_the_config_and_else_from_the_environment(small, monkeypatch):
    monkeypatch.setenv("WANDB_RUN_GROUP", "group-from-environment")
    small["steps"] = 2
    small["wandb"] = {
        "entity": "an-entity",
        "project": "a-project",
        "group": None,
        "job_type": "a-job-type",
        "id": "anid123",
        "notes": "some notes",
        "tags": ["tag-one", "tag-two"],
    }
    act_ot.train(small)
    (path,) = Path(os.environ["WANDB_DIR"]).glob("wandb/offline-run-*-anid123/run-anid123.wandb")
    record = path.read_bytes()
    for text in (
        "an-entity",
        "a-project",
        "a-job-type",
        "some notes",
        "tag-one",
        "tag-two",
        "group-from-environment",
    ):
        assert text.encode() in record
    assert b"optimizer_lr" in record


def test_the_directory_in_the_config_beats_the_environment(small, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    act_ot.train({**small, "steps": 2, "wandb": {"dir": str(tmp_path / "elsewhere")}})
    assert _record(tmp_path / "elsewhere")
    assert not list(Path(os.environ["WANDB_DIR"]).iterdir())


@pytest.mark.parametrize("block", [{"enable": False}, {"mode": "disabled"}], ids=str)
def test_nothing_is_recorded_when_recording_is_off(small, block):
    act_ot.train({**small, "steps": 2, "wandb": block})
    assert not list(Path(os.environ["WANDB_DIR"]).glob("**/*.wandb"))


@pytest.mark.parametrize("disabled", [True, False])
def test_a_checkpoint_becomes_an_artifact_only_when_asked(small, tmp_path, disabled):
    small |= {"steps": 2, "save_checkpoint": True, "output_dir": str(tmp_path / "output")}
    act_ot.train({**small, "wandb": {"disable_artifact": disabled}})
    assert (b"act_ot-policy" in _record(Path(os.environ["WANDB_DIR"]))) is not disabled


def test_the_row_that_is_not_finite_is_in_the_record(small):
    small["policy"]["optimizer_lr"] = 1e30
    small["wandb"] = {}
    with pytest.raises(DivergedError):
        act_ot.train(small)
    record = _record(Path(os.environ["WANDB_DIR"]))
    assert b"train/loss" in record
    assert b"NaN" in record or b"Infinity" in record


@pytest.mark.slow
def test_an_interrupt_keeps_the_rows_and_passes_on(small, tmp_path):
    """SIGINT in the middle of a training: the process ends as interrupted, its rows are on disk."""
    small |= {"steps": 100_000, "wandb": {}}
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(small))
    code = (
        "import logging, sys, yaml\n"
        "from autoloop.tasks.act_ot import run\n"
        "logging.basicConfig(level=logging.INFO, stream=sys.stderr)\n"
        "run(yaml.safe_load(open(sys.argv[1])))\n"
    )
    arguments = [sys.executable, "-c", code, str(config)]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, start_new_session=True) as child:
        try:
            assert child.stderr is not None
            seen = []
            for line in child.stderr:
                seen.append(line)
                if "step 15:" in line:
                    break
            os.killpg(child.pid, signal.SIGINT)
            rest = child.stderr.read()
            code_of_child = child.wait(timeout=60)
        finally:
            child.kill()
    assert "KeyboardInterrupt" in rest, "".join(seen) + rest
    assert code_of_child == -signal.SIGINT  # what a shell shows as 130
    record = _record(Path(os.environ["WANDB_DIR"]))
    assert record.count(b"eval/offline_eval/success_rate") >= 1
    assert record.count(b"train/ot_log_pi_sum") >= 3
