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
    assert {"hydra-core", "wandb", "pygments"} <= pulled  # the last by way of another
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


@pytest.fixture
def python(tmp_path):
    """An interpreter with nothing installed, and the place where it finds packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    (packages,) = (tmp_path / "venv").glob("lib/python3*/site-packages")
    return str(tmp_path / "venv" / "bin" / "python"), packages


def test_accelerate_is_that_of_the_interpreter_that_runs_the_trainer(tmp_path, python):
    """One without it is refused before a study begins; one that is elsewhere is left to the job."""
    bare, packages = python
    with pytest.raises(ConfigError, match=f"{bare} has no accelerate.*command.python=PATH"):
        preview(trainer_of(tmp_path, bare))
    (packages / "accelerate.py").write_text("")
    for path in (bare, str(tmp_path / "elsewhere")):
        assert f"{path} -m accelerate.commands.launch" in preview(trainer_of(tmp_path, path))


TORCH = """
import os

class cuda:
    def device_count():
        return len(os.environ["CUDA_VISIBLE_DEVICES"].split(","))
"""


def test_fewer_gpus_than_processes_are_refused_before_a_study_begins(tmp_path, python, monkeypatch):
    """The trainer's torch is asked with the environment of a job; the sentence says what would do."""
    path, packages = python
    (packages / "accelerate.py").write_text("")
    (packages / "torch.py").write_text(TORCH)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    seen = "+command.env.CUDA_VISIBLE_DEVICES='4,5'"
    said = "num_processes=3, but a job sees 2 GPUs: .*gpus_per_job=3.*command.num_processes=2$"
    with pytest.raises(ConfigError, match=said):
        preview(trainer_of(tmp_path, path, "command.num_processes=3", seen))
    for words in (["command.num_processes=3"], ["command.num_processes=2", seen]):
        assert " --multi_gpu " in preview(trainer_of(tmp_path, path, *words))


def trainer_of(folder: Path, python: str, *more: str):
    """The config of a job that starts a script behind accelerate, as Hydra composes it."""
    from hydra import compose, initialize_config_dir
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    (folder / "script.py").write_text("")
    words = [f"command.script={folder}/script.py", f"command.python={python}", "command.start=accelerate"]
    words += more
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", ["task=command", *words], return_hydra_config=True)
    with open_dict(config):
        config.hydra.runtime.output_dir = str(folder / "job")
    HydraConfig.instance().set_config(config)
    return config
