"""The user's config file: its types and order are kept, its mistakes are shown where they stand."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from autoloop.config.base_config import escaped, read_config_file, to_trainer
from autoloop.errors import ConfigError
from tests.helpers import warm
from tests.helpers.running import BASELINE, environment, records, study_of, train

APP = {
    "rounds": 1,
    "seed": 0,
    "wandb": {},
    "resume": True,
    "config": {"steps": 9, "seed": 1, "resume": 0, "ot": {}},
}


@pytest.mark.parametrize(
    ("word", "sent"),
    [
        ("steps=60", "config.steps=60"),
        ("seed=1,2", "config.seed=1,2"),
        ("ot.reg=0.5", "config.ot.reg=0.5"),
        ("+ot.new=1", "+config.ot.new=1"),
        ("~ot.reg", "~config.ot.reg"),
        ("eval_freq=5", "++config.eval_freq=5"),  # the file leaves it to the trainer's default
        ("rounds=3", "rounds=3"),
        ("resume=false", "resume=false"),  # the loop's own, though the trainer has one too
        ("wandb.mode=online", "wandb.mode=online"),
        ("config.resume=true", "config.resume=true"),
        ("hydra.sweep.dir=ot.reg", "hydra.sweep.dir=ot.reg"),
        ("-m", "-m"),
        ("--cfg", "--cfg"),
    ],
)
def test_words_reach_the_config_they_speak_of(word, sent):
    """A word whose name is the trainer's goes to the trainer's config, all others stay."""
    assert to_trainer([word], APP, "config") == [sent]


def test_without_a_trainers_config_words_stay():
    """An app without one keeps its words."""
    assert to_trainer(["steps=60"], {"steps": 1}, None) == ["steps=60"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", '{"a": 1,\n "b": 2,, }', "line 2, column 9"),
        ("a.json", '{"a": 1, "b": {"c": 2, "c": 3}}', "'c' appears twice"),
        ("a.json", "[1, 2]", "holds a list"),
        ("a.json", "", "line 1, column 1"),
        ("a.json", "{" * 20 + '"a": ' * 3, "column"),
        ("a.yaml", "a: [1, 2\nb: 3", "line 2"),
        ("a.yaml", "a: 1\na: 2", "a.yaml"),
        ("a.toml", "a = 1", "its name ends with none of .json, .yaml and .yml"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_place(tmp_path, name, text, said):
    """The message names the file, the place where there is one, and what is wrong."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        read_config_file(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_names_the_nearest(tmp_path):
    """A mistyped name is answered with the nearest file beside it."""
    (tmp_path / "baseline.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"did you mean 'baseline\.json'"):
        read_config_file(tmp_path / "baselin.json")
    (tmp_path / "missings").mkdir()
    with pytest.raises(ConfigError) as error:
        read_config_file(tmp_path / "missing.json")
    assert "missings" not in str(error.value)  # a directory is none


texts = st.text(st.sampled_from("a ${}\\:.'\"?é")) | st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_what_a_json_file_says_is_what_composes(content):
    """No text of a JSON file is taken for an interpolation; every value and the order of keys come back."""
    node = OmegaConf.create(escaped(content))
    assert json.dumps(OmegaConf.to_container(node, resolve=True)) == json.dumps(content)


@pytest.mark.slow
def test_the_jobs_file_is_the_users_with_one_value_changed(tmp_path):
    """Types, nulls and the order of keys survive; a file of another name and place works as well."""
    base = tmp_path / "my configs" / "base.json"
    base.parent.mkdir()
    base.write_text(BASELINE.read_text())
    done = train(tmp_path, f"base_config='{base}'", "ot.loss_config.reg@mul=1.5", "batch_size@add=3")
    assert done.returncode == 0, done.stderr
    expected = json.loads(BASELINE.read_text())
    expected |= {"steps": 60, "log_freq": 5, "eval_freq": 10, "batch_size": 11}
    expected["ot"]["loss_config"]["reg"] = 0.15
    assert (tmp_path / "study" / "train_config.json").read_text() == json.dumps(expected, indent=2) + "\n"


def test_a_broken_file_ends_before_anything_runs(tmp_path):
    """No traceback: one message, exit code 2."""
    (tmp_path / "bad.json").write_text('{"a": }')
    done = train(tmp_path, "-m", "base_config=bad.json")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "line 1, column 7" in done.stderr


@pytest.mark.slow
def test_several_files_are_several_starts(tmp_path):
    """A comma list of files makes a starting point of each, named after its file; edits apply to each."""
    for name, reg in (("one", 0.2), ("two", 0.4)):
        config = json.loads(BASELINE.read_text())
        config["ot"]["loss_config"]["reg"] = reg
        (tmp_path / f"{name}.json").write_text(json.dumps(config))
    done = train(tmp_path, "-m", "base_config=one.json,two.json", "variants=none", "gpus=[]", "seed=3")
    assert done.returncode == 0, done.stderr
    jobs = study_of(tmp_path).jobs.values()
    assert [job.name for job in jobs] == ["one", "two"]
    written = [json.loads((tmp_path / "study" / str(n) / "train_config.json").read_text()) for n in (0, 1)]
    assert [(config["ot"]["loss_config"]["reg"], config["seed"]) for config in written] == [
        (0.2, 3),
        (0.4, 3),
    ]
    assert len(records(tmp_path)) == 2


def test_keys_that_hydra_and_the_loop_know_are_the_trainers_own(tmp_path):
    """A trainer may call its settings as it likes; the loop's own words stay the loop's."""
    odd = {
        **{"zeta": 1, "defaults": ["x"], "_target_": "a.B", "hydra": {"run": 3}, "config": {"inner": None}},
        **{"trainer": "mine", "metrics": {"a": [1, 2.0]}, "rules": "none", "a-b": {"c.d": 1e-05, "1": True}},
        **{"big": 12345678901234567890, "text": "${oc.env:HOME} $x", "empty": {}, "autoloop": {"x": 1}},
    }
    (tmp_path / "odd.json").write_text(json.dumps(odd))
    (tmp_path / "idle.py").touch()
    words = ["task=command", "base_config=odd.json", "command.script=idle.py", "zeta=2", "hydra.run.dir=out"]
    done = warm.run([sys.executable, "-m", "autoloop.train", *words], cwd=tmp_path, env=environment(tmp_path))
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "out" / "train_config.json").read_text()
    assert written == json.dumps({**odd, "zeta": 2}, indent=2) + "\n"
