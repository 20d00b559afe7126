"""What makes two configs the same: what is written in them."""

from __future__ import annotations

import json
import math

from omegaconf import OmegaConf

from autoloop.study.identity import exact, from_exact, prints, settled, strayed


def test_references_stand_for_what_they_lead_to_and_resolvers_stay_as_they_are_written():
    """Twins written in two ways are the same; nothing that may change by itself is asked."""
    config = {
        "lr": 0.1,
        "wd": "${lr}",
        "far": "${wd}",
        "name": "run_${lr}_${now:%H}",
        "twice": "${mul:${lr},2}",
        "model": {"width": 8, "twice": "${.width}", "up": "${..lr}", "deep": {"own": "${...items[1].b}"}},
        "copy": "${model}",
        "items": ["${lr}", {"b": "${.a}", "a": 3}],
        "step": "${items.1.a}",
        "escaped": r"\${lr}",
        "nowhere": "${gone}",
        "above": "${....lr}",
        "circle": "${circle}",
        "seen": "${oc.env:HOME}",
    }
    found = settled(config)
    plain = {"wd": 0.1, "far": 0.1, "name": "run_0.1_${now:%H}", "twice": "${mul:0.1,2}", "step": 3}
    assert {key: found[key] for key in plain} == plain
    assert found["model"] == {"width": 8, "twice": 8, "up": 0.1, "deep": {"own": 3}}
    assert found["copy"] == found["model"]
    assert found["items"] == [0.1, {"b": 3, "a": 3}]
    for key in ("escaped", "nowhere", "above", "circle", "seen"):
        assert found[key] == config[key]


def test_references_are_followed_as_omegaconf_follows_them():
    """Where no resolver is asked, what is settled is what OmegaConf resolves."""
    text = """
    a: {b: 1, c: '${.b}', d: ['${a.b}', '${...e}', {f: '${..0}'}]}
    e: x${a.c}y
    g: '${a}'
    h: '${a.d[2].f}'
    """
    config = OmegaConf.create(text)
    raw = OmegaConf.to_container(config, resolve=False)
    assert settled(raw) == OmegaConf.to_container(config, resolve=True)


def test_numbers_that_are_not_finite_survive_json():
    """Infinities and NaN come back as they were; NaN is the same as NaN."""
    config = {"a": math.inf, "b": [-math.inf, {"c": math.nan}], 1: None, "d": ".inf"}
    back = from_exact(json.loads(json.dumps(exact(config), allow_nan=False)))
    assert back["a"] == math.inf
    assert back["b"][0] == -math.inf
    assert math.isnan(back["b"][1]["c"])
    assert back["d"] == ".inf"
    assert exact(back) == exact({**config, "1": None})


def test_the_keys_at_which_two_configs_differ_are_told_without_their_values():
    """Changed, added and removed values are told by their paths."""
    one = {"a": {"b": 1, "c": math.nan, "e": {}}, "d": [1, 2], "secret": "abcdefgh"}
    other = {"a": {"b": 1.0, "c": math.nan, "e": {"f": 1}}, "d": [1, 3]}
    assert strayed(prints(one), prints(one)) == []
    assert strayed(prints(one), prints(other)) == ["a.b", "a.e", "d", "secret", "a.e.f"]
    assert "abcdefgh" not in json.dumps(prints(one))
