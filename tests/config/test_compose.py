"""Who looks at a study changes nothing about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from autoloop.config.compose import path_override
from autoloop.config.settings import Settings
from autoloop.config.values import app_config
from autoloop.edits.variants import signature
from autoloop.errors import ConfigError
from autoloop.train import CONF_DIR


def test_a_configuration_is_the_same_whoever_looks_on():
    """So a study goes on in another terminal, and nothing is run twice."""
    found = set()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        for words in ([], ["live=false"], ["notify.command='cat'", "notify.failures=1"]):
            found.add(signature(app_config(compose("config", overrides=words))))
    assert len(found) == 1


@pytest.mark.parametrize(
    ("config", "left"),
    [
        ({"autoloop": {"live": True, "seed": 1}, "a": 1}, {"autoloop": {"seed": 1}, "a": 1}),
        ({"notify": "an app's own", "live": 3}, {"notify": "an app's own", "live": 3}),
        (
            {"notify": "an app's own", "autoloop": {"notify": {"command": "x"}}},
            {"notify": "an app's own", "autoloop": {}},
        ),
        ({"live": "auto", "autoloop": {"live": "${live}"}}, {"autoloop": {}}),
        ({"autoloop": 3}, {"autoloop": 3}),
    ],
)
def test_what_an_app_calls_the_same_stays(config: dict[str, object], left: dict[str, object]):
    assert app_config(OmegaConf.create(config)) == left


@pytest.mark.parametrize(("given", "read"), [(True, "true"), (False, "false"), ("auto", "auto")])
def test_live_is_a_switch_with_a_third_position(given: object, read: str):
    assert Settings.read({"strategy": "rules", "live": given}).live == read


def test_a_wrong_word_is_told_with_the_nearest():
    with pytest.raises(ConfigError, match="live='aut' is not one of auto, true, false; did you mean 'auto'"):
        Settings.read({"strategy": "rules", "live": "aut"})


@pytest.mark.parametrize(
    "name",
    [
        "jörg",
        "a~b",
        "~",
        "日本",
        "a=b",
        "a,b",
        "a b",
        "a'b\"c",
        "a%b",
        "a${b}",
        "a\\${b}",
        "a\nb",
        "a\\",
        "[a]",
        "{a}",
    ],
)
def test_a_path_of_any_letters_reaches_the_config_as_it_is(name):
    """Hydra's parser and OmegaConf's interpolations both leave it alone."""
    path = Path("/studies") / name / "s"
    override = OverridesParser.create().parse_override(path_override("hydra.sweep.dir", path))
    assert OmegaConf.create({"dir": override.value()}).dir == str(path)
