"""The command with an external trainer: one that has LeRobot's habits and reads a JSON file."""

import json
import shutil
from pathlib import Path

import pytest

from autoloop.history import read_history
from autoloop.store.journal import read_study
from tests.helpers.places import DATA, HELPERS

STANDIN = HELPERS / "standin_lerobot.py"
BASELINE = DATA / "act_ot_baseline.json"
TRAINER = [f"command.script={STANDIN}", "command.module=null", "command.start=python", "variants=none"]
FAST = "+command.env.STANDIN_WANDB=file"


@pytest.fixture(scope="module")
def study(tmp_path_factory, process):
    """A study of an external trainer: the baseline and one variant."""
    top = tmp_path_factory.mktemp("external")
    shutil.copy(BASELINE, top / "base.json")
    words = [
        "-m",
        "task=lerobot_act_ot",
        "base_config=base.json",
        *TRAINER,
        FAST,
        "steps=20",
        "n_jobs=2",
        "gpus=[]",
    ]
    done = process(
        "-m", "autoloop.train", *words, "ot.lambda_ot@mul=1.0,1.5", "hydra.sweep.dir=study", cwd=top
    )
    assert done.returncode == 0, done.stderr
    return top / "study"


@pytest.mark.slow
def test_rules_see_the_trainers_config_in_a_replay(cli, study):
    """Paths of edits begin at the trainer's own config: nothing has changed, so nothing differs."""
    done = cli("replay", study)
    assert "ot.loss_config.reg@mul=1.2" in done.stdout
    assert done.stdout.endswith("2 as before, 0 with other edits, 0 new, 0 gone\n")


@pytest.mark.slow
def test_runs_of_a_study_have_the_names_of_its_jobs(cli, study):
    """Also where the trainer puts its W&B files deeper; as in autorun_summary.json."""
    found = json.loads(cli("analyze", study, "--json", "-").stdout)
    assert found == json.loads((study / "reports" / "data" / "autorun_summary.json").read_text())


def test_variant_of_a_job_is_a_file_for_the_trainer(cli, study, tmp_path):
    """The trainer's own config, with the job's edits and the new ones; the command gives it that file."""
    job = next(job for job in read_study(study).jobs.values() if job.plan.parent)
    done = cli(
        "generate", "--from-job", study, job.name, "--reason", "r", "--changes", "batch_size@add=4",
        "--out-dir", tmp_path,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    path, command = done.stdout.splitlines()
    new, base = json.loads(Path(path).read_text()), json.loads(BASELINE.read_text())
    assert list(new) == list(base)
    assert (new["batch_size"], new["steps"]) == (12, 20)
    assert new["ot"] == {**base["ot"], "lambda_ot": 0.15}
    assert f" base_config={path}" in command and command.count("base_config=") == 1
    assert "config.ot" not in command


@pytest.mark.slow
def test_generated_file_is_trained_at_once_when_asked(process, tmp_path):
    """--run becomes the training of the new file, with its exit code and its output."""
    shutil.copy(BASELINE, tmp_path / "base.json")
    words = ["--base-cfg", "base.json", "--reason", "r", "--changes", "ot.lambda_ot@set=0.12", "--run"]
    extra = [*TRAINER, FAST, "steps=20", "hydra.run.dir=out"]
    done = process("-m", "autoloop", "generate", *words, "--", *extra, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert max(series.steps[-1] for series in read_history(tmp_path / "out").values()) == 20
