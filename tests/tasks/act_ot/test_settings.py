"""The settings: what the YAML ships is what the code defaults to; mistakes are told clearly."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from omegaconf import OmegaConf

from autoloop.errors import ConfigError
from autoloop.tasks.act_ot.settings import CAMERA_KEYS, ActOtSettings, read_settings
from tests.helpers.places import CONF


def shipped() -> dict:
    return yaml.safe_load((CONF / "task" / "act_ot.yaml").read_text(encoding="utf-8"))


def test_the_shipped_config_says_what_the_code_defaults_to():
    given = shipped()
    assert given.pop("output_dir") == "${hydra:runtime.output_dir}/output"
    given["cache_dir"] = None
    for feature in given["ot"]["loss_config"]["features"]:
        feature.pop("dim_slice", None)  # all three dimensions of the action, as without it
    assert read_settings(given) == ActOtSettings()


def test_the_shipped_config_names_every_setting_of_the_code():
    def missing(block, cls_fields, path=""):
        return [f"{path}{name}" for name in cls_fields if name not in block]

    given, defaults = shipped(), ActOtSettings()
    added = {"resume_from", "save_freq"}  # by runs that go on alone: a file with them is another config
    assert missing(given, set(ActOtSettings.__dataclass_fields__) - {"wandb", "config"} - added) == []
    for name in ("dataset", "policy", "optimizer", "ot"):
        assert missing(given[name], type(getattr(defaults, name)).__dataclass_fields__, f"{name}.") == []
    assert missing(given["ot"]["loss_config"], type(defaults.ot.loss_config).__dataclass_fields__) == []


def test_a_dictconfig_is_read_with_its_interpolations_resolved():
    cfg = OmegaConf.create({"seed": 7, "steps": "${seed}", "ot": {"loss_config": {"reg": 0.3}}, "rounds": 3})
    settings = read_settings(cfg)
    assert (settings.steps, settings.ot.loss_config.reg) == (7, 0.3)
    assert settings.config["rounds"] == 3


def test_a_whole_float_is_an_int_and_an_int_a_float():
    settings = read_settings({"batch_size": 12.0, "ot": {"lambda_ot": 1, "window_size": 20.0}})
    assert (settings.batch_size, settings.ot.window_size, settings.ot.lambda_ot) == (12, 20, 1.0)
    assert isinstance(settings.batch_size, int)


@pytest.mark.parametrize(
    "cfg, words",
    [
        ({"ot": {"lamda_ot": 0.1}}, ["ot.lamda_ot", "did you mean 'lambda_ot'"]),
        ({"optimizer": {"lr": 1e-3}}, ["optimizer.lr", "grad_clip_norm"]),
        ({"ot": {"loss_config": {"taus": 1}}}, ["ot.loss_config.taus", "tau_src"]),
        ({"ot": {"loss_config": {"features": [{"src_key": "action"}]}}}, ["features.0", "tgt_key"]),
        ({"ot": {"loss_config": {"features": []}}}, ["features is empty"]),
        ({"ot": {"loss_config": {"features": {"a": 1}}}}, ["features must be a list"]),
        ({"ot": {"loss_config": {"reg": 0}}}, ["ot.loss_config.reg must be positive"]),
        ({"ot": 3}, ["ot must be a mapping"]),
        ({"batch_size": 12.5}, ["batch_size must be a whole number", "12.5"]),
        ({"batch_size": True}, ["batch_size must be a whole number"]),
        ({"batch_size": 0}, ["batch_size must be at least 1"]),
        ({"policy": {"device": "tpu"}}, ["policy.device", "auto, cpu or cuda"]),
        ({"policy": {"type": "diffusion"}}, ["policy.type", "'act'"]),
        ({"policy": {"n_heads": 5}}, ["must divide"]),
        ({"policy": {"chunk_size": 99}}, ["policy.chunk_size"]),
        ({"policy": {"optimizer_lr": "fast"}}, ["policy.optimizer_lr must be a number"]),
        ({"policy": {"optimizer_lr": float("nan")}}, ["policy.optimizer_lr must be a number"]),
        ({"dataset": {"gap": -1}}, ["dataset.gap"]),
        ({"save_checkpoint": True}, ["output_dir"]),
    ],
)
def test_mistakes_are_named_with_their_path_and_the_way_out(cfg, words):
    with pytest.raises(ConfigError) as caught:
        read_settings(cfg)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"src_key": "observation.images.third_person_cam_colour"}, ["src_key", CAMERA_KEYS[0]]),
        ({"tgt_key": "action"}, ["camera"]),
        ({"weight_embed": -1.0}, ["img", "weight_embed"]),
        ({"dim_slice": [3, 1]}, ["dim_slice"]),
        ({"dim_slice": [0, 1, 2]}, ["dim_slice"]),
    ],
)
def test_mistakes_in_a_feature_are_named_with_its_term(change, words):
    feature = {
        "src_key": CAMERA_KEYS[0],
        "tgt_key": CAMERA_KEYS[0],
        "term_name": "img",
        "use_learned_embed": True,
    }
    with pytest.raises(ConfigError) as caught:
        read_settings({"ot": {"loss_config": {"features": [feature | change]}}})
    for word in words:
        assert word in str(caught.value)


def test_the_shipped_variants_are_named_lists_of_edits_with_a_reason():
    variants = yaml.safe_load((CONF / "variants" / "act_ot.yaml").read_text(encoding="utf-8"))
    assert list(variants) == ["reg_tau", "tau2_lam015", "tau5_action0005"]
    for variant in variants.values():
        assert variant["reason"]
        assert all("@" in edit and "=" in edit for edit in variant["edits"])


def test_importing_the_task_imports_no_torch():
    code = "import sys, autoloop.tasks.act_ot; print({'torch', 'wandb', 'accelerate'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
