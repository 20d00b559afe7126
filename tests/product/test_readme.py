"""README keeps its word: its commands run, its edits apply, what it lists is there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.helpers import warm
from tests.helpers.places import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it along

from autoloop.cli import COMMANDS
from autoloop.config.settings import CONF_DIR
from autoloop.curves.metrics import Metrics
from autoloop.edits import apply, parse_edit
from autoloop.rules import build_rules

README = (ROOT / "README.md").read_text()
BLOCKS = [
    "\n".join(line[4:] for line in block.splitlines())
    for block in re.findall(r"(?:^    \S.*\n(?:^    .*\n)*)", README, re.MULTILINE)
]
TRAIN = [block for block in BLOCKS if block.startswith("python -m autoloop.train")]
HERE = [block for block in TRAIN if "cluster=" not in block]
APP, OBJECTIVE, SEARCH = (block for block in BLOCKS if block.startswith("python train.py"))


def run(block: str, cwd: Path, *more: str) -> str:
    """Run a command of the page in a place of its own and return what it printed."""
    program, *words = shlex.split(block.replace("\\\n", " "))
    assert program == "python"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    done = warm.run(
        [sys.executable, *words, *more], cwd=cwd, env={**kept, "HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def section(title: str) -> str:
    """The text under a heading."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_block_of_code_is_looked_at_by_a_test():
    kinds = ("make ", "python -m autoloop.train ", "python train.py ", "ot.loss_config.reg@mul=")
    assert [block for block in BLOCKS if not block.startswith(kinds)] == []
    assert len(HERE) == 2
    assert len(TRAIN) == 3


@pytest.mark.parametrize("block", HERE)
def test_the_commands_of_the_built_in_task_make_a_plan(block: str, tmp_path: Path):
    """The demo itself runs in `make demo`; here the same words are planned, in a minute less."""
    said = run(block, tmp_path, "dry_run=true")
    assert "Plan: 4 jobs in round 1 of 3." in said
    assert ("gentle" in said) == ("rules.gentle=null" not in block)


def test_the_command_for_a_cluster_chooses_its_launcher(tmp_path: Path):
    """It runs on a real one in `make test-slurm`; here its words are composed."""
    (block,) = set(TRAIN) - set(HERE)
    said = run(block.replace(" -m cluster", " cluster"), tmp_path, "--cfg", "hydra", "-p", "hydra.launcher")
    launcher = yaml.safe_load(said)
    assert launcher["_target_"] == "hydra_plugins.autoloop.slurm.SlurmLauncher"
    assert launcher["gres"] == "gpu:${oc.select:gpus_per_job,1}"


def test_make_demo_is_the_command_below_it():
    recipe = re.search(r"^demo:.*\n\t(.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    assert recipe[1].replace("$(BIN)/", "") == TRAIN[0]
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {word for block in BLOCKS for word in re.findall(r"^make (\S+)", block, re.MULTILINE)} <= set(
        targets
    )


def test_an_app_that_knows_nothing_of_autoloop_leaves_what_the_page_lists(tmp_path: Path):
    """The example app, unchanged, for three rounds; every file of the table is there."""
    shutil.copytree(ROOT / "examples" / "plain_app", tmp_path / "app")
    run(APP, tmp_path / "app", "hydra.sweep.dir=study")
    study = tmp_path / "app" / "study"
    listed = re.findall(
        r"`([^`]+)`", "".join(re.findall(r"^\| (`.*?) \|", section("What a study leaves"), re.M))
    )
    assert {"study.jsonl", "reports/report.html", "best.yaml", "0/"} <= set(listed)
    for name in listed:
        assert (study / name.replace("<task>", "train")).exists(), name
    inside = [".hydra", "job.log", "wandb"]
    assert all((study / "0" / name).exists() for name in inside)
    assert all(f"`{name}" in section("What a study leaves") for name in inside)
    why = run("python -m autoloop why study 1", tmp_path / "app")
    assert len(why.splitlines()) == 11
    again = run(APP, tmp_path / "app", "hydra.sweep.dir=study")
    assert "the finished study that was here was moved to" in again


def test_what_the_page_says_of_the_objective_is_so(tmp_path: Path):
    shutil.copytree(ROOT / "examples" / "plain_app", tmp_path / "app")
    for command, says in zip(OBJECTIVE.splitlines(), ("Plan", "val/acc"), strict=True):
        plan = run(command, tmp_path / "app", "hydra.sweeper.dry_run=true")
        assert "Plan: 1 job" in plan and says in plan
    (text,) = re.findall(r"metrics=(\{.*?\}\})'", section("In your own Hydra app"))
    read = Metrics.read(yaml.safe_load(text))
    assert (read.objective, read.goal) == ("val/acc", "max")


def test_the_search_of_the_page_is_one_in_an_app_that_has_its_keys(tmp_path: Path):
    shutil.copytree(ROOT / "examples" / "plain_app", tmp_path / "app")
    conf = tmp_path / "app" / "conf"
    (conf / "model").mkdir()
    for name in ("small", "big"):
        (conf / "model" / f"{name}.yaml").write_text(f"name: {name}\n")
    config = yaml.safe_load((conf / "config.yaml").read_text()) | {"lr": 0.01}
    config["defaults"] = [*config["defaults"], {"model": "small"}]
    (conf / "config.yaml").write_text(yaml.safe_dump(config))
    plan = run(SEARCH, tmp_path / "app", "hydra.sweeper.dry_run=true")
    assert "of a search of 30 trials" in plan


def test_the_points_that_rules_need_are_those_of_the_page():
    rules = build_rules(yaml.safe_load((CONF_DIR / "rules" / "general.yaml").read_text()))
    needed = {rule.name: rule.min_points for rule in rules if hasattr(rule, "min_points")}
    others = {points for name, points in needed.items() if name not in ("grad_growing", "grad_spikes")}
    said = f"need {others.pop()} logged values"
    also = f"`grad_growing` {needed['grad_growing']}, `grad_spikes` {needed['grad_spikes']}"
    assert not others and said in README and also in README


def test_every_edit_of_the_page_applies_to_the_built_in_task():
    config = yaml.safe_load((CONF_DIR / "task" / "act_ot.yaml").read_text())
    (block,) = [block for block in BLOCKS if block.startswith("ot.loss_config")]
    edits = [re.split(r"\s{2,}", line)[0] for line in block.splitlines()]
    assert {parse_edit(edit).op for edit in edits} == {"mul", "add", "min", "set"}
    for edit in edits[:3] + edits[4:]:
        assert apply([edit], config) != config
    assert apply([edits[3]], config) == config  # its window is smaller


def test_every_knob_of_the_page_is_in_the_config():
    config = yaml.safe_load((CONF_DIR / "config.yaml").read_text())
    task = yaml.safe_load((CONF_DIR / "task" / "act_ot.yaml").read_text())
    groups = [group for entry in config["defaults"] if isinstance(entry, dict) for group in entry]
    listed = re.sub(r"\([^)]*\)", "", section("Knobs").partition(": [conf/config.yaml]")[0])
    for knob in re.findall(r"`([\w.|]+)(?:=\w+)?`", listed):
        first, _, rest = knob.partition(".")
        assert first in config or first in task or first in groups, knob
        assert all(part in config[first] for part in rest.split("|") if rest), knob


def test_every_command_is_named():
    named = set(re.findall(r"`(\w+)`", section("The `autoloop` command")))
    assert set(COMMANDS) - {"watch"} <= named | {"why"}
    assert "`autoloop watch DIR`" in README


def test_every_dependency_is_told_with_what_it_is_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    table = section("Dependencies, and what each is for")
    for requirement in [*project["dependencies"], *(entry for wants in extras.values() for entry in wants)]:
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        assert re.search(rf"\b{re.escape(name[0])}\b", table), requirement
    assert set(re.findall(r"\(extra `([\w-]+)`\)", table)) == set(extras)
