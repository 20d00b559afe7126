"""Settings of a study, and an app's own keys of the same names."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from autoloop.config.kinds import Own
from autoloop.config.knobs import SHARED, SLOTS, SLURM, SWEEPER, Setting
from autoloop.config.origins import where
from autoloop.config.schema import SLOTS_NODE, SLURM_NODE, SWEEPER_NODE
from autoloop.config.settings import Settings
from autoloop.config.top_keys import top_keys
from autoloop.edits.variants import signature
from autoloop.errors import ConfigError, SettingError
from autoloop.store.journal import read_study
from tests.helpers import warm

TABLES = [(SWEEPER_NODE, SWEEPER), (SLOTS_NODE, SLOTS), (SLURM_NODE, SLURM)]
KNOBS = list(dict.fromkeys(knob for _, knobs in TABLES for knob in knobs))

#: An app's own: federated rounds, Lightning's number of GPUs ...
OWN = {
    "rounds": 50,
    "gpus": 1,
    "n_jobs": "x",
    "dry_run": True,
    "max_hours": "soon",
    "seed": 3,
    "grace_s": "none",
}

APP = f"""
import hydra
from tests.helpers import warm

@hydra.main(version_base="1.3", config_path=".", config_name="config")
def train(cfg):
    assert [cfg[key] for key in {list(OWN)[1:]}] == {list(OWN.values())[1:]}
    return cfg.rounds * cfg.lr

if __name__ == "__main__":
    train()
"""


def sweep(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Start or go on with a study of the app, in slots."""
    ours = ("-m", "hydra/sweeper=autoloop", "hydra/launcher=slots", "hydra.sweep.dir=study")
    variants = "hydra.sweeper.variants={longer:{rounds@mul:2}}"
    command = [sys.executable, "app.py", *ours, variants, *words]
    return warm.run(command, cwd=place)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app that has keys with the names of knobs, after a study of one round."""
    place = tmp_path_factory.mktemp("stranger")
    (place / "app.py").write_text(APP)
    (place / "config.yaml").write_text(json.dumps({"lr": 0.5, **OWN}))
    done = sweep(place, "hydra.sweeper.rounds=1")
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def test_keys_at_the_top_of_a_strangers_config_are_the_strangers(stranger: Path):
    """They are no settings of the study: two jobs run, an edit turns `rounds`, and it tells jobs apart."""
    study = read_study(stranger / "study")
    assert [(job.name, job.objective) for job in study.jobs.values()] == [
        ("baseline", 25.0),
        ("longer", 50.0),
    ]
    assert study.header.identity is not None
    assert study.header.identity.config == {"lr": 0.5, **OWN}
    assert study.header.limit("rounds") == 1
    changed = sweep(stranger, "hydra.sweeper.resume=true", "rounds=60")
    assert changed.returncode == 2
    assert "config.rounds: was 50, is 60" in changed.stderr


def test_a_study_of_a_version_that_took_such_keys_for_its_own_goes_on(stranger: Path):
    """Its header has none of them, and does not say which are the study's."""
    journal = stranger / "study" / "study.jsonl"
    first, rest = journal.read_text().split("\n", 1)
    header = json.loads(first)
    identity = {"lr": 0.5, "seed": 3}
    header["identity"] = {"config": identity, "files": header["identity"]["files"]}
    header["settings"]["starts"] = [signature(identity)]
    journal.write_text(f"{json.dumps(header)}\n{rest}")
    again = sweep(stranger, "hydra.sweeper.resume=true")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "nothing is left to do" in again.stdout


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"rounds": 50}, []),
        ({"rounds": 50, "autoloop": {"rounds": 3}}, []),
        ({"rounds": 3, "autoloop": {"rounds": "${rounds}", "rules": "${rules}"}, "rules": {}}, ["rounds"]),
        ({"budget": 3, "gpus": 1, "autoloop": {"rounds": "${budget}"}}, ["budget"]),
        (
            {"n_jobs": 2, "autoloop": {"n_jobs": "${oc.select:n_jobs,null}", "gpus": "${oc.select:gpus,[]}"}},
            ["n_jobs"],
        ),
        ({"rounds": 50, "autoloop": True}, []),
    ],
)
def test_a_key_at_the_top_is_the_studys_where_the_section_refers_to_it(config: dict, keys: list[str]):
    assert sorted(top_keys(config)) == keys


@pytest.mark.parametrize(
    ("app", "given", "says"),
    [
        ({}, 0, "hydra.sweeper.rounds=0 is wrong"),
        (
            {"rounds": 50, "autoloop": {"rounds": 0}},
            None,
            "hydra.sweeper.rounds=0 (from autoloop.rounds in your config) is wrong",
        ),
        ({"rounds": 0, "autoloop": {"rounds": "${rounds}"}}, None, "rounds=0 is wrong"),
        ({"n": 0, "autoloop": {"rounds": "${n}"}}, None, "n=0 is wrong"),
        ({"autoloop": {"rounds": 7}}, 0, "hydra.sweeper.rounds=0 is wrong"),
    ],
)
def test_an_error_leads_to_where_the_value_came_from(app: dict, given: int | None, says: str):
    sweeper = copy.deepcopy(SWEEPER_NODE)
    if given is not None:
        sweeper.rounds = given
    config = OmegaConf.create({**app, "hydra": {"sweeper": sweeper}})
    assert where(SettingError("rounds", 0, " is wrong"), config, "hydra.sweeper") == says


@pytest.mark.parametrize(("node", "knobs"), TABLES, ids=["sweeper", "slots", "slurm"])
def test_hydra_composes_the_defaults_of_the_table(node: DictConfig, knobs: tuple[Setting, ...]):
    """In an app with keys of the same names as in one without."""
    for app in ({}, OWN):
        composed = OmegaConf.create({**app, "conf": node}).conf
        found = {knob.name: composed[knob.name] for knob in knobs}
        found |= {knob.name: found[knob.name].use for knob in knobs if knob.keys}
        assert found == {knob.name: [] if knob.default == () else knob.default for knob in knobs}


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_a_default_is_a_value_that_the_knob_takes(knob):
    knob.read({})
    assert str(knob.kind)
    assert knob.about[-1] != "."
    if knob.shared:
        assert SHARED[knob.name].may_change == knob.may_change


@pytest.mark.parametrize(
    "knob", [knob for knob in SWEEPER if not isinstance(knob.kind, Own)], ids=lambda knob: knob.name
)
def test_a_study_refuses_what_a_knob_does_not_take(knob):
    """One word about which setting it is and what it takes, whichever setting it is."""
    with pytest.raises(ConfigError, match=rf"^{knob.name}=-2.5 is n"):
        Settings.read({"strategy": "rules", knob.name: -2.5})


def test_null_is_the_default_but_where_content_is_asked_for():
    """`rules: null` has no rules, as ever; `retries: null` is as if it were not there."""
    settings = Settings.read({"strategy": "rules", "rules": None, "stop_rules": None, "retries": None})
    assert (settings.rules, settings.watching.rules, settings.limits.retries) == ((), (), 0)
    assert Settings.read({"strategy": "rules"}).rules


OURS = """
defaults: [_self_, {override hydra/sweeper: autoloop}]
x: 1.0
rounds: 3
gpus: 1
autoloop: {gpus: [], metrics: {objective: null}}
"""


@pytest.mark.parametrize(
    ("config", "words", "rounds"),
    [
        (OURS, [], 3),
        (OURS, ["rounds=5"], 5),
        (OURS, ["hydra.sweeper.rounds=2"], 2),
        (OURS.replace("gpus: []", "gpus: [], rounds: 4"), [], 4),
        (OURS.partition("autoloop: ")[0], [], 1),
    ],
    ids=["at the top", "typed", "said to the sweeper", "in the section", "no section"],
)
def test_an_app_that_was_written_for_us_has_knobs_at_its_top(
    tmp_path: Path, config: str, words: list[str], rounds: int
):
    """Its files choose the sweeper and have its section, which counts first: ``gpus: 1`` is its own."""
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / "app.py").write_text(APP.replace(f"{list(OWN)[1:]}", "[]").replace("cfg.lr", "cfg.x"))
    study = ["-m", "hydra/launcher=slots", "hydra.sweep.dir=s", "hydra.sweeper.dry_run=true"]
    done = warm.run([sys.executable, "app.py", *study, *words], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"in round 1 of {rounds}." in done.stdout
