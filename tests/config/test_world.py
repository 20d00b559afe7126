"""A study's configs are those it began with: when it runs, goes on, and has its best run again."""

from __future__ import annotations

import math
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from autoloop.config.compose import Composer
from autoloop.config.values import written
from autoloop.config.world import keep_configs
from autoloop.edits.variants import signature
from autoloop.engine.inside.planned import StrayedConfigError, check_planned
from autoloop.errors import ConfigError
from autoloop.runner.resume import changes_since
from autoloop.store.files import PLANNED_FILE
from autoloop.store.journal import read_study
from autoloop.study.events import read_event
from autoloop.study.identity import exact, prints
from tests.helpers import warm

APP = Path(__file__).with_name("app.py")
CONFIG = """
defaults: [_self_, opt: sgd]
lr: 0.1
wd: ${lr}
width: 8
clip: .inf
hole: .nan
edits: ???
name: run_${now:%H-%M-%S-%f}_${oc.env:WHO}
"""


def write_configs(path: Path) -> Path:
    (path / "opt").mkdir(parents=True)
    (path / "other.yaml").write_text(CONFIG)
    for name, number in (("sgd", 1), ("adam", 2)):
        (path / "opt" / f"{name}.yaml").write_text(f"k: {number}\n")
    return path


def run(path: Path, *words: str, who: str = "me") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WHO": who}
    return warm.run([sys.executable, *words], cwd=path, env=environment)


def sweep(path: Path, *words: str, who: str = "me") -> subprocess.CompletedProcess[str]:
    app = (str(APP), "-cd", "conf", "-cn=other", "-m", f"edits={path / 'conf'}")
    ours = (
        "hydra/sweeper=autoloop",
        "hydra/launcher=slots",
        "hydra.launcher.gpus=[]",
        "hydra.launcher.n_jobs=1",
    )
    variants = "hydra.sweeper.variants={a:{lr@mul:2},b:{clip@set:3}}"
    return run(path, *app, *ours, "hydra.sweep.dir=out", variants, *words, who=who)


@pytest.mark.slow
def test_an_edit_midway_changes_no_job_and_going_on_names_the_file(tmp_path):
    """Jobs started after an edit train what the study began with; a later process says what changed.

    The same command goes on once the file is put back, though a time, a variable of the environment and
    numbers that are no numbers stand in the config; the printed command trains the best once more.
    """
    conf = write_configs(tmp_path / "conf")
    done = sweep(tmp_path, "hydra.sweeper.rounds=2", "hydra.sweeper.max_jobs=4")
    assert done.returncode == 0, done.stderr + done.stdout
    trained = {file.read_text() for file in (tmp_path / "out").glob("*/width.txt")}
    assert trained == {"8 inf 1", "8 3.0 1"}
    assert "width: 64" in (conf / "other.yaml").read_text()

    later = sweep(tmp_path, "hydra.sweeper.rounds=3", "hydra.sweeper.max_jobs=5")
    assert later.returncode != 0
    assert "config.width: was 8, is 64" in later.stderr + later.stdout
    assert f"the config file {conf / 'other.yaml'} says something else" in later.stderr + later.stdout

    (conf / "other.yaml").write_text(CONFIG + "# a comment\n")
    again = sweep(tmp_path, "hydra.sweeper.rounds=3", "hydra.sweeper.max_jobs=5", who="you")
    assert again.returncode == 0, again.stderr + again.stdout
    study = read_study(tmp_path / "out")
    assert (len(study.jobs), len(study.resumes)) == (5, 1)
    assert study.jobs[2].plan.changes[0].old == float("inf")

    best = yaml.safe_load((tmp_path / "out" / "best.yaml").read_text())
    words = shlex.split(best["command"])[1:]
    assert run(Path(best["cwd"]), *words, "hydra.run.dir=best").returncode == 0
    first, second = (
        OmegaConf.load(tmp_path / at / ".hydra" / "config.yaml") for at in (f"out/{best['job']}", "best")
    )
    assert prints(written(first)) == prints(written(second))


@pytest.fixture
def loader(tmp_path):
    conf = write_configs(tmp_path / "conf")
    with initialize_config_dir(str(conf), version_base="1.3"):
        yield GlobalHydra.instance().config_loader(), conf


@pytest.mark.slow
def test_files_are_read_once_and_one_changed_before_it_was_read_is_refused(loader):
    """What was read stays; what is read for the first time must be as old as the study."""
    configs, conf = loader
    master = compose("other", overrides=["edits=x"], return_hydra_config=True)
    world = keep_configs(configs)
    assert keep_configs(configs) is world
    composer = Composer(configs, master)
    assert composer.config(["edits=x"])["opt"] == {"k": 1}
    for name in ("opt/sgd.yaml", "opt/adam.yaml"):
        (conf / name).write_text("k: 7\n")
    assert composer.config(["edits=y"])["opt"] == {"k": 1}
    assert list(world.files) == [str(conf / "other.yaml"), str(conf / "opt/sgd.yaml")]
    with pytest.raises(ConfigError, match=r"adam\.yaml was changed while the study was running"):
        composer.config(["opt=adam", "edits=x"])


def test_studies_begun_with_signatures_of_values_keep_them(loader):
    """A study older than signatures of what is written still knows its own jobs."""
    configs, _ = loader
    composer = Composer(configs, compose("other", overrides=["edits=x"], return_hydra_config=True))
    with_text = composer.signature(["edits=x", "wd=0.1"])
    assert with_text == composer.signature(["edits=x"])  # twins, written in two ways
    composer.signs_values = True
    assert composer.signature(["edits=x"]) == signature(composer.of_job(composer.config(["edits=x"])))


def test_going_on_compares_what_is_written_or_with_an_older_study_its_values():
    """Each kind of study is compared with its own kind; NaN is NaN, and infinity infinity."""
    config = {"lr": 0.1, "hole": math.nan, "at": "12:00"}
    now = {"config": exact(config), "identity": {"config": exact({**config, "at": "${now:%H}"}), "files": {}}}
    older = {"config": {"lr": 0.1, "hole": None, "at": "12:00"}}
    newer = {**now, "config": exact({**config, "at": "13:00"})}
    assert _changes(older, now) == _changes(newer, now) == []
    changed = {**now, "config": exact({**config, "lr": 0.2}), "identity": {"config": exact({"hole": 1.0})}}
    assert "config.lr: was 0.1, is 0.2" in _changes(older, changed)
    assert "config.hole: was nan, is 1.0" in _changes(newer, changed)


def _changes(*headers):
    then, now = (read_event({"event": "study", "time": 0.0, **header}) for header in headers)
    return list(changes_since(then, now).own)


def test_a_job_that_composed_another_config_than_was_planned_trains_nothing(loader, tmp_path, monkeypatch):
    """The error names the keys; a job outside a study has nothing to compare with."""
    config = compose("other", overrides=["edits=x"], return_hydra_config=True)
    config.hydra.runtime.output_dir = str(tmp_path)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    HydraConfig.instance().set_config(config)
    check_planned(config)
    write = (tmp_path / PLANNED_FILE).write_text
    planned = prints(written(config))
    write(str(planned).replace("'", '"'))
    check_planned(config)
    write(str({**planned, "width": "?", "gone.away": "?"}).replace("'", '"'))
    with pytest.raises(StrayedConfigError, match=r"at width \(here 8\), gone.away \(here not there\)\."):
        check_planned(config)
