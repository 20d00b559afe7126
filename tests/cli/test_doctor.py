"""`autoloop doctor`: what an environment has and what is wrong with it, on one screen."""

import os
from importlib.metadata import version

import pytest

from autoloop.store.journal import Journal
from autoloop.views.doctor.exclusions import exclusions

APP = """
import json, no_such_package
import beside
try:
    import optional_package
except ImportError:
    pass
import hydra

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config): ...
"""


def test_the_screen_tells_versions_plugins_space_locks_and_no_secret(cli, tmp_path, monkeypatch):
    """It can be pasted: 24 lines of at most 110 characters; who runs a study there is told."""
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    monkeypatch.setenv("WANDB_MODE", "0123456789abcdef")
    with Journal(tmp_path / "s"):
        done = cli("doctor", "--dir", tmp_path)
    lines = done.stdout.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 110 + len(str(tmp_path))
    for told in (
        f"hydra-core {version('hydra-core')}",
        "launcher   basic, joblib, slots",
        "gpus       2, 3 (CUDA_VISIBLE_DEVICES=2,3)",
        f"locks work; s is run by process {os.getpid()}",
    ):
        assert told in done.stdout
    assert "0123456789abcdef" not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]


def test_what_an_app_lacks_is_told_without_running_it(cli, tmp_path):
    """Imports that are not there and not optional; choices of Hydra's groups that no plugin offers."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "beside.py").touch()
    (tmp_path / "conf").mkdir()
    defaults = "defaults: [{override hydra/launcher: slot}, {override /hydra/sweeper: autoloop}]\n"
    (tmp_path / "conf" / "config.yaml").write_text(defaults)
    done = cli("doctor", tmp_path / "app.py", "x=1", "hydra/sweeper=nevergrad", "--dir", tmp_path)
    told = [line.removeprefix("  - ") for line in done.stdout.splitlines() if line.startswith("  - ")]
    assert told[-3:] == [
        "app.py imports no_such_package, which is not installed",
        "config.yaml asks for hydra/launcher=slot, which no plugin offers; did you mean 'slots'?",
        "the command line asks for hydra/sweeper=nevergrad, which no plugin offers: pip install "
        "hydra-nevergrad-sweeper",
    ]
    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        ({"python": "3.14.1", "hydra-core": "1.3.8"}, "python 3.14.1 and hydra-core 1.3.8: starts no app"),
        ({"python": "3.14.1", "hydra-core": "1.4.0rc3"}, ""),
        ({"python": "3.13.0", "hydra-core": "1.3.8"}, ""),
        ({"hydra-optuna-sweeper": "1.1.2", "optuna": "5.0.0"}, "the sweeper is of 2021"),
        ({"autoloop": "0.1.0", "optuna": "2.10.1"}, "want 3.2 or newer"),
        ({"omegaconf": "2.4.0"}, "goes with no Hydra"),
        ({"omegaconf": "2.4.1rc1"}, ""),
        ({"lerobot": "0.6.1", "wandb": "0.31.0"}, "Run.get_url()"),
    ],
)
def test_what_excludes_what_is_known_by_version(versions, told):
    said = "\n".join(exclusions(versions))
    assert told in said and bool(told) == bool(said)
