"""``--cfg=hydra --resolve`` and ``--cfg=all --resolve`` show every default of the plugins, in any app."""

from __future__ import annotations

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from omegaconf import OmegaConf

from tests.helpers.places import CONF

OURS = CONF


@pytest.fixture
def hydra_as_it_was():
    """Leaves no config of these tests in Hydra's singletons."""
    state = Singleton.get_state()
    yield
    Singleton.set_state(state)
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@pytest.mark.usefixtures("hydra_as_it_was")
@pytest.mark.parametrize("kind", ["hydra", "all"])
@pytest.mark.parametrize(
    ("ours", "choice"),
    [
        (False, "hydra/launcher=slots"),
        (False, "hydra/launcher=slurm"),
        (True, "cluster=local"),
        (True, "cluster=slurm"),
    ],
)
def test_every_default_can_be_shown(ours, choice, kind, tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("lr: 0.1\n")
    with initialize_config_dir(str(OURS if ours else tmp_path), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        words = ["hydra/sweeper=autoloop", choice, f"hydra.sweep.dir={tmp_path}", f"hydra.run.dir={tmp_path}"]
        hydra.show_cfg("config", words, cfg_type=kind, package=None, resolve=True)
    shown = OmegaConf.create(capsys.readouterr().out)
    assert shown.hydra.sweeper.rounds == 1
    assert "${" not in OmegaConf.to_yaml(shown.hydra.launcher)
