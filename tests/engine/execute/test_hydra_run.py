"""A job that is run at a lower price gets, leaves and returns what Hydra alone would have made of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import omegaconf.omegaconf
import pytest
import yaml
from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from autoloop.engine.execute.hydra_run import run_by_hydra

CONFIG = (
    "defaults: [{override hydra/sweeper: autoloop}]\n"
    "lr: 0.1\nname: ${hydra:job.name}\nanswer: 'yes'\nnumber: '1e-3'\nempty: null\nlist: [1, {a: [x, y]}]\n"
    f"words: 'jörg: # {'long ' * 40}'\nlines: \"one\\n two\\n\"\nkey with space: [[], {{}}]\n"
)


@pytest.fixture
def job(tmp_path: Path) -> tuple[HydraContext, DictConfig]:
    """A composed job of a sweep, and what Hydra runs it with."""
    setup_globals()
    Plugins.instance()
    (tmp_path / "config.yaml").write_text(CONFIG)
    loader = ConfigLoaderImpl(create_config_search_path(str(tmp_path)))
    words = [
        f"hydra.sweep.dir={tmp_path}/study",
        "hydra.sweep.subdir=here",
        "+hydra.job.env_set.A_WORD=b",
        "hydra.job.chdir=false",
    ]
    master = loader.load_configuration("config", words, RunMode.MULTIRUN)
    config = loader.load_sweep_config(master, ["lr=0.5"])
    extra: dict[str, Any] = {}
    if hasattr(HydraContext, "execution_whitelist") or "execution_whitelist" in HydraContext.__annotations__:
        extra["execution_whitelist"] = None  # Hydra 1.4
    return HydraContext(config_loader=loader, callbacks=Callbacks(), **extra), config


def by_hydra(context: HydraContext, task: Callable[[Any], Any], config: DictConfig) -> JobReturn:
    """Run a job as Hydra's launchers do."""
    return run_job(
        hydra_context=context,
        task_function=task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )


def outcome_of(run: Callable[..., JobReturn], job: tuple[HydraContext, DictConfig]) -> tuple[Any, ...]:
    """What a task sees, what its job returns, and the files that are left."""
    context, config = job
    seen: list[Any] = []

    def task(config: DictConfig) -> float:
        own = HydraConfig.get()
        with pytest.raises(omegaconf.errors.ReadonlyConfigError):
            own.job.name = "other"
        seen.extend(
            [config.name, OmegaConf.to_container(own), OmegaConf.get_type(own), OmegaConf.to_yaml(config)]
        )
        return float(config.lr)

    made = run(context, task, copy.deepcopy(config))
    folder = Path(config.hydra.sweep.dir) / "here" / ".hydra"
    files = {file.name: file.read_text() for file in folder.iterdir()}
    returned = made.return_value, made.overrides, made.task_name, made.working_dir, made.cfg, made.hydra_cfg
    return *seen, *returned, files


def test_a_job_gets_and_leaves_what_hydra_alone_would_make(job: tuple[HydraContext, DictConfig]):
    """Config, Hydra's own config, return value and the files in .hydra, to the letter."""
    assert outcome_of(run_by_hydra, job) == outcome_of(by_hydra, job)


def test_the_files_are_written_by_libyaml_and_the_task_finds_omegaconf_as_it_is(
    job: tuple[HydraContext, DictConfig], monkeypatch: pytest.MonkeyPatch
):
    """Python's own emitter, which costs six times as much, writes nothing before the task begins."""
    assert yaml.__with_libyaml__
    given, dumpers = omegaconf.omegaconf.get_omega_conf_dumper, []
    monkeypatch.setattr(yaml.emitter.Emitter, "emit", lambda *_: pytest.fail("Python's emitter is asked"))
    made = run_by_hydra(job[0], lambda _: dumpers.append(omegaconf.omegaconf.get_omega_conf_dumper), job[1])
    assert dumpers == [given] and omegaconf.omegaconf.get_omega_conf_dumper is given
    assert made.status.name == "COMPLETED"


def test_what_cannot_be_pickled_is_copied_by_omegaconf(job: tuple[HydraContext, DictConfig]):
    """A job with a lock in Hydra's own config runs as it does with Hydra alone."""
    context, config = job
    config.hydra._set_flag("allow_objects", True)
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.env["a_call"] = lambda: None
    made = run_by_hydra(context, lambda _: HydraConfig.get().env.a_call(), config)
    assert made.status.name == "COMPLETED", made._return_value
