"""Choosing where jobs run, on the command line of `autoloop.train`."""

from __future__ import annotations

import pytest
from hydra import compose, initialize_config_dir

from autoloop.train import CONF_DIR, hydra_arguments


def launcher(*words):
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return compose("config", overrides=list(words), return_hydra_config=True).hydra.launcher


def test_jobs_run_in_slots_unless_a_cluster_is_chosen():
    """An overlay chooses the launcher and its settings; a launcher named on the command line wins."""
    assert launcher()._target_.endswith("SlotsLauncher")
    slurm = launcher("cluster=slurm", "gpus_per_job=2", "hydra.launcher.sbatch={constraint: a100}")
    assert slurm._target_.endswith("SlurmLauncher")
    assert (slurm.gres, slurm.n_jobs, slurm.sbatch) == ("gpu:2", 8, {"constraint": "a100"})
    assert launcher("hydra/launcher=basic")._target_.endswith("BasicLauncher")


@pytest.mark.parametrize("word", ["cluster=slurm", "+cluster=slurm"])
def test_an_overlay_may_be_written_with_a_plus(word):
    """Hydra takes no second choice of a group; a plus that adds a key of one's own stays."""
    assert hydra_arguments(["-m", word, "+mine=1"]) == ["-m", "cluster=slurm", "+mine=1"]
