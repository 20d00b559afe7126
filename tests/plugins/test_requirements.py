"""A plain install is light: torch comes with the extra of the task that trains with it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

import autoloop.train
from autoloop.errors import ConfigError, OutsideError
from autoloop.tasks.command import preview
from tests.helpers.places import CONF


def plain(name: str) -> set[str]:
    """What installing a package pulls in, extras aside, as far as it is installed here."""
    found, new = set(), {name}
    while new:
        found |= new
        new = {one for known in new for one in _required(known)} - found
    return found - {name}


def _required(name: str) -> set[str]:
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return set()
    names = (re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line)
    return {found[0].lower().replace("_", "-") for found in names if found}


def test_a_plain_install_pulls_no_torch():
    pulled = plain("autoloop")
    assert {"hydra-core", "antlr4-python3-runtime", "wandb"} <= pulled
    assert not pulled & {"torch", "accelerate", "pot", "safetensors"}


def without(*names: str):
    """An import system that does not know some packages."""
    find = importlib.util.find_spec
    return lambda name, package=None: None if name in names else find(name, package)


def test_the_built_in_task_names_its_extra_before_it_starts(monkeypatch, capsys):
    monkeypatch.setattr("autoloop.tasks.act_ot.find_spec", without("torch", "accelerate"))
    for words in ([], ["-m", "rounds=2"]):
        with pytest.raises(SystemExit) as ended:
            autoloop.train.main(words)
        said = capsys.readouterr().err
        assert ended.value.code == OutsideError.exit_code
        assert said.count("\n") == 1 and "pip install 'autoloop[act-ot]'" in said
    autoloop.train.check_composes(["-m", "dry_run=true"])  # a plan needs none of it
    autoloop.train.check_composes(["-m", "task=command,lerobot"])


def test_accelerate_is_that_of_the_interpreter_that_runs_the_trainer(tmp_path):
    """One without it is refused before a study begins; one that is elsewhere is left to the job."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    bare = str(tmp_path / "venv" / "bin" / "python")
    with pytest.raises(ConfigError, match=f"{bare} has no accelerate.*command.python=PATH"):
        preview(trainer_of(tmp_path, bare))
    for python in (sys.executable, str(tmp_path / "elsewhere")):
        assert f"{python} -m accelerate.commands.launch" in preview(trainer_of(tmp_path, python))


def trainer_of(folder: Path, python: str):
    """The config of a job that starts a script behind accelerate, as Hydra composes it."""
    from hydra import compose, initialize_config_dir
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    (folder / "script.py").write_text("")
    words = [f"command.script={folder}/script.py", f"command.python={python}", "command.start=accelerate"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", ["task=command", *words], return_hydra_config=True)
    with open_dict(config):
        config.hydra.runtime.output_dir = str(folder / "job")
    HydraConfig.instance().set_config(config)
    return config
