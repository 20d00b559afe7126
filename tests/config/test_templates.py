"""Configs made from a template are what Hydra composes, and Hydra composes a template once."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import omegaconf
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from autoloop.config.compose import Composer
from autoloop.config.copies import quick_copy
from autoloop.config.templates import Templates
from autoloop.edits import Constant, apply, change
from autoloop.edits.variants import Variant, signature
from autoloop.errors import AutoloopError

FILES = {
    "config.yaml": "defaults: [_self_, model: small, {override hydra/sweeper: autoloop}]\n"
    "lr: 0.1\nwd: ${lr}\nname: ${hydra:job.name}\nlayers: [1, 2]\nopt: {betas: [0.9, 0.99], eps: null}\n"
    "autoloop: {variants: null}\n",
    "model/small.yaml": "width: 8\n",
    "model/large.yaml": "width: 64\ndepth: 3\n",
}
VARIANTS = [f"v{number}: {{lr@mul: {1 + number / 1000}}}" for number in range(1, 71)]
ASKED = "autoloop.variants={" + ",".join(line.replace(": ", ":") for line in VARIANTS) + "}"


@dataclass
class Inner:
    """Part of a stranger's config."""

    n: int = 1


@dataclass
class WithOptional:
    """A stranger's config, a part of which may be there."""

    maybe: Optional[Inner] = None  # noqa: UP045  as OmegaConf reads it on all Pythons


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    """Templates of an app with a config group, interpolations and lists."""
    setup_globals()
    Plugins.instance()
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    loader = ConfigLoaderImpl(create_config_search_path(str(tmp_path)))
    master = loader.load_configuration("config", [ASKED, "hydra.sweep.dir=study"], RunMode.MULTIRUN)
    return Templates(loader, master)


@pytest.mark.parametrize(
    "overrides",
    [
        ["lr=0.5"],
        ["lr=0.5", "opt.betas=[0.5,0.6]", "opt.eps=1e-8"],
        ["layers.1=7", "lr=0.3"],
        ["layers=[]", "opt=null"],
        ["wd='${opt.eps}'", "name='a, b'"],
        ["model=large", "model.depth=5"],
        ["model.width=3", "model=large"],
        ["+extra.deep=1", "extra.deep=2"],
        ["opt.eps=2", "opt={eps:3}", "lr=1"],
        ["lr=2", "~layers"],
        ["lr=2", "hydra.sweep.subdir=here"],
        ["lr=2", "hydra.job.name=other"],
        ["++lr=3", "lr=4"],
    ],
)
def test_a_config_from_a_template_is_what_hydra_composes(templates: Templates, overrides: list[str]):
    """Hydra's own node included: values, groups, additions, deletions, in any order."""
    templates.compose([ASKED, "lr=0.7"])
    made, composed = templates.compose([ASKED, *overrides]), templates.by_hydra([ASKED, *overrides])
    assert OmegaConf.to_container(made) == OmegaConf.to_container(composed)


KEYS = ["lr", "+new", "++lr", "opt.betas.0", "hydra.sweep.subdir", "model@here", "~lr"]
NUMBERS = (
    "0 -0 7 -12 1234567890123456 0.5 -0.0 1.50 1e-05 3.2e7 -2e3 01 1. .5 1_0 1e+5 0x1 1e400 inf "
    "12345678901234567890 1,2 0.1e-7 1e-400"
)


def test_an_override_with_a_number_is_what_hydra_s_parser_reads(templates: Templates):
    """To the type of the value, whether it was read in the quick way or by that parser."""
    for text in [f"{key}={value}" for key in KEYS for value in [*NUMBERS.split(), "", "1.0 "]]:
        found, parsed = templates._parse(text), OverridesParser.create().parse_override(text)
        assert repr(found) == repr(parsed), text
        assert type(found._value) is type(parsed._value), text


def test_a_copy_is_what_omegaconf_would_make(templates: Templates):
    """Values, types, flags, parents; and nothing that is set in the copy is set in the config."""
    config = templates.by_hydra([ASKED, "lr=0.7"])
    config.hydra._set_flag("readonly", True)
    copied, expected = quick_copy(config), copy.deepcopy(config)
    assert nodes(copied) == nodes(expected)
    with omegaconf.read_write(copied.hydra), omegaconf.open_dict(copied):
        copied.hydra.job.name, copied.opt.betas[0], copied.model.width = "other", 0.1, 1
        copied.layers.append(3)
    assert nodes(config) == nodes(expected) and copied.opt._get_parent() is copied


def nodes(config: object, path: tuple[object, ...] = ()) -> list[object]:
    """All nodes of a config: place, type, value, what is known of it."""
    content = config.__dict__.get("_content")
    below = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    own = (path, type(config), config._metadata, None if below else config._value())
    return [own, *(line for key, node in below for line in nodes(node, (*path, key)))]


@pytest.mark.parametrize("overrides", [["lr_=1"], ["model=huge"], ["lr"], ["lr=1,2"], ["opt.betas.7=1"]])
def test_what_does_not_compose_is_told_by_hydra(templates: Templates, overrides: list[str]):
    """A mistake has the same words whether or not a template was there."""
    templates.compose(["lr=0.7"])
    with pytest.raises(HydraException) as told:
        templates.by_hydra(overrides)
    with pytest.raises(HydraException) as again:
        templates.compose(overrides)
    assert str(again.value) == str(told.value)


@pytest.mark.skipif(omegaconf.__version__ >= "2.4", reason="from OmegaConf 2.4 on it takes these")
@pytest.mark.parametrize("override", ["maybe={n:5}", "maybe.n=5"])
def test_what_omegaconf_stumbles_over_is_an_override_that_does_not_compose(tmp_path: Path, override: str):
    """So a variant or a proposal with it is told or left out as any other; a study never ends over one."""
    setup_globals()
    Plugins.instance()
    ConfigStore.instance().store(name="with_optional", node=WithOptional)
    loader = ConfigLoaderImpl(create_config_search_path(str(tmp_path)))
    master = loader.load_configuration("with_optional", ["hydra.sweep.dir=study"], RunMode.MULTIRUN)
    composer = Composer(loader, master)
    start = Variant("b", (), None, "baseline", "start", {}, "", (), composer.config([]), "")
    with pytest.raises(HydraException, match=re.escape(override)):
        Templates(loader, master).compose([override])
    with pytest.raises(AutoloopError, match="maybe"):
        composer.derive(start, ["maybe@set={n:5}"])


def test_hydra_composes_once_for_any_number_of_values(templates: Templates):
    """Two compositions by Hydra, the template and one to compare with, serve 65 configs as well as 6."""
    counts = []
    for number in range(65):
        templates.compose([ASKED, f"lr={number}"])
        counts.append(templates.composed)
    assert counts[5] == counts[-1] == 2


def test_a_template_that_disagrees_is_not_trusted(templates: Templates, monkeypatch: pytest.MonkeyPatch):
    """Where another Hydra composes otherwise than this module does, Hydra composes."""
    monkeypatch.setattr(Templates, "_set_overrides", lambda *_: None)
    for lr in (1, 2):
        overrides = [ASKED, f"lr={lr}"]
        assert templates.compose(overrides).hydra.overrides.task == overrides
    assert templates.composed == 4


def test_what_all_variants_share_is_held_once(templates: Templates):
    """70 variants of a study with 70 variants hold them once; signatures are as of ordinary values."""
    composer = Composer(templates._loader, templates._master)
    start = Variant("b", (), None, "baseline", "start", {}, "", (ASKED,), composer.config([ASKED]), "")
    derived = [composer.derive(start, [f"lr@mul={1 + number / 1000}"]) for number in range(1, 71)]
    asked_for = [one.config["autoloop"]["variants"] for one in derived]
    assert {id(one) for one in asked_for} == {id(asked_for[0])}
    assert isinstance(asked_for[0], Constant)
    assert asked_for[0] == {f"v{n}": {"lr@mul": 1 + n / 1000} for n in range(1, 71)}
    assert derived[0].config["wd"] == derived[0].config["lr"]
    identity = composer.identity(derived[0].overrides)
    bare = {**identity, "autoloop": {**identity["autoloop"], "variants": dict(asked_for[0])}}
    assert signature(bare) == derived[0].signature
    assert composer._templates.composed == 2


def test_a_constant_is_never_changed(templates: Templates):
    """An edit inside of what configs share gives its own config another one."""
    composer = Composer(templates._loader, templates._master)
    config = composer.config([ASKED])
    edit = "autoloop.variants.v1.*@mul=2"
    assert apply([edit], config)["autoloop"]["variants"]["v1"] == {"lr@mul": 2.002}
    assert config["autoloop"]["variants"]["v1"] == {"lr@mul": 1.001}
    assert [(old, new) for _, old, new in change([edit], config).changes] == [(1.001, 2.002)]
