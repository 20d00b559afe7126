"""Config files that were written for another plugin, under ours."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from autoloop.config.foreign import ADVICE, OURS, left_aside
from autoloop.config.knobs import SLOTS
from autoloop.config.top_keys import share_n_jobs
from autoloop.errors import ConfigError
from autoloop.store.journal import read_study
from tests.helpers import warm

#: As config files for submitit's launcher and Optuna's sweeper say it, class and all.
FILE = """
lr: 0.5
hydra:
  launcher:
    timeout_min: 4300
    cpus_per_task: 10
    gpus_per_node: 1
    submitit_folder: ${of_the_launcher.alone}/.slurm
  sweeper:
    _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper
    experiment: x
    sampler: {_target_: optuna.samplers.TPESampler, seed: 1234}
"""

APP = """
import hydra
from tests.helpers import warm

@hydra.main(version_base="1.3", config_path=".", config_name="config")
def train(cfg):
    return cfg.lr

if __name__ == "__main__":
    train()
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app with such a file."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "config.yaml").write_text(FILE)
    return tmp_path


def composed(app: Path, *words: str) -> DictConfig:
    """What Hydra makes of the file and the command line."""
    ours = ["hydra/sweeper=autoloop", "hydra/launcher=slots"]
    with initialize_config_dir(str(app), version_base="1.3"):
        return compose("config", [*ours, *words], return_hydra_config=True)


def test_a_file_for_other_plugins_is_left_aside_and_said(app: Path):
    """The study runs with the plugins that were chosen; what both know holds."""
    words = ["-m", "hydra/sweeper=autoloop", "hydra/launcher=slots", "hydra.sweep.dir=study"]
    command = [sys.executable, "app.py", *words, "hydra.launcher.n_jobs=1"]
    done = warm.run(command, cwd=app)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [job.objective for job in read_study(app / "study").jobs.values()] == [0.5]
    lines = [line for line in done.stdout.splitlines() if "are ignored" in line]
    assert len(lines) == 2
    assert "hydra.launcher" in lines[0] and "submitit_folder" in lines[0]
    assert "gpus_per_node (gpus_per_job says how many GPUs a job gets)" in lines[0]
    assert "timeout_min" not in lines[0]
    assert "_target_ hydra_plugins.hydra_optuna_sweeper" in lines[1] and "experiment" in lines[1]
    assert composed(app).hydra.launcher.timeout_min == 4300


@pytest.mark.parametrize(
    ("word", "says"),
    [
        (
            "hydra.sweeper.roundz=3",
            "hydra.sweeper.roundz is not a setting of autoloop: did you mean 'rounds'?",
        ),
        ("+hydra.sweeper.roundz=3", "did you mean 'rounds'?"),
        ("++hydra.sweeper.roundz.deep=3", "did you mean 'rounds'?"),
        ("hydra.sweeper={roundz: 3}", "did you mean 'rounds'?"),
        ("hydra.sweeper.experiment=x", "a study is kept in hydra.sweep.dir"),
        ("hydra.sweeper.qqqq=3", "it has rounds, variants_per_run"),
    ],
)
def test_a_key_that_was_typed_is_refused_with_the_nearest_name(app: Path, word: str, says: str):
    """Though the file's own keys are accepted; so is `+` at what is new below a setting."""
    with pytest.raises(ConfigError, match=re.escape(says)):
        left_aside(OURS["autoloop"], composed(app, word))
    assert left_aside(OURS["autoloop"], composed(app, "+hydra.sweeper.variants.a={lr: 1}"))


def test_an_app_that_writes_for_us_hears_nothing(app: Path):
    """Neither of defaults nor of what it sets."""
    (app / "config.yaml").write_text("lr: 1\nhydra: {launcher: {n_jobs: 2}}\n")
    config = composed(app, "hydra.sweeper.rounds=3", "hydra.sweep.subdir=${hydra.job.num}")
    assert not left_aside(OURS["autoloop"], config)
    assert not left_aside(OURS["slots"], config)


@pytest.mark.parametrize("name", ADVICE)
def test_advice_is_about_keys_that_are_none_of_ours_and_names_some_that_are(name: str):
    ours = {knob.name for knob in OURS[name].knobs}
    for key, advice in ADVICE[name].items():
        assert key not in ours
        named = ours.intersection(advice.replace(".", " ").split())
        assert named or "hydra.sweep.dir" in advice or not advice


def test_the_launchers_of_the_table_know_their_names():
    """`slots` and `slurm` say what they leave aside by the table that they are made of."""
    from hydra_plugins.autoloop.launcher import SlotsLauncher
    from hydra_plugins.autoloop.slurm import SlurmLauncher

    assert OURS[SlotsLauncher.name].knobs is SLOTS
    assert SlurmLauncher.name in OURS


@pytest.mark.parametrize(
    ("words", "slots"),
    [
        (["hydra.sweeper.n_jobs=3"], 3),
        (["hydra.sweeper.n_jobs=3", "hydra.launcher.n_jobs=2"], 2),
        (["+autoloop.n_jobs=4"], "${oc.select:autoloop.n_jobs,null}"),
        ([], "${oc.select:autoloop.n_jobs,null}"),
    ],
)
def test_the_sweepers_n_jobs_holds_for_slots_that_were_given_none(
    app: Path, words: list[str], slots: int | str
) -> None:
    config = composed(app, *words)
    share_n_jobs(config)
    assert OmegaConf.to_container(config.hydra.launcher, resolve=False)["n_jobs"] == slots
