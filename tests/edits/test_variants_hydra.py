"""The five ways to write variants, composed by a real Hydra, come out as the same edits."""

from __future__ import annotations

import hydra
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from autoloop.edits import format_literal
from autoloop.edits.argv import lift_edits, split_sweep
from autoloop.edits.variants import edit_texts, parse_edits, parse_entries, parse_variants

VERSION_BASE = {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}

EXPECTED = {
    "reg_tau": ("ot.loss_config.reg@mul=1.5", "ot.loss_config.features.*.weight_label@set=0.005"),
    "calm": ("scheduler@set=null", "amp@set=true", "name@set='12'", "betas@set=[0.9,0.99]"),
}
REG_TAU = "{ot.loss_config.reg@mul:1.5,ot.loss_config.features.*.weight_label@set:0.005}"
CALM = "{scheduler@set:null,amp@set:true,name@set:'12',betas@set:[0.9,0.99]}"
QUOTED = {name: ",".join(f'"{edit}"' for edit in edits) for name, edits in EXPECTED.items()}
YAML = """\
# @package hydra.sweeper.variants
reg_tau:
  ot.loss_config.reg@mul: 1.5
  ot.loss_config.features.*.weight_label@set: 0.005
calm:
  - scheduler@set=null
  - amp@set=true
  - name@set='12'
  - betas@set=[0.9,0.99]
"""


@pytest.fixture
def composed(tmp_path):
    """Compose an app whose sweeper config has `variants: null` and give back what stands there."""
    sweeper = tmp_path / "hydra" / "sweeper"
    sweeper.mkdir(parents=True)
    (sweeper / "small.yaml").write_text("_target_: none\nvariants: null\nedits: []\n")
    (tmp_path / "config.yaml").write_text(
        "defaults:\n  - override hydra/sweeper: small\n  - _self_\nseed: 1\n"
    )
    (tmp_path / "variants").mkdir()
    (tmp_path / "variants" / "mine.yaml").write_text(YAML)

    def run(*overrides):
        with initialize_config_dir(str(tmp_path), **VERSION_BASE):
            cfg = compose("config", overrides=list(overrides), return_hydra_config=True)
        return OmegaConf.to_container(cfg.hydra.sweeper, resolve=False)

    return run


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param([f"hydra.sweeper.variants={{reg_tau:{REG_TAU},calm:{CALM}}}"], id="mapping"),
        pytest.param(
            [f"+hydra.sweeper.variants.reg_tau={REG_TAU}", f"+hydra.sweeper.variants.calm={CALM}"],
            id="one-by-one",
        ),
        pytest.param(
            [f"hydra.sweeper.variants={{reg_tau:[{QUOTED['reg_tau']}],calm:[{QUOTED['calm']}]}}"],
            id="quoted-edits",
        ),
        pytest.param(["+variants=mine"], id="yaml-file"),
        pytest.param(["+variants@hydra.sweeper.variants=mine"], id="yaml-file-with-package"),
    ],
)
def test_every_named_form_composes_to_the_same_variants(composed, overrides):
    """Values keep their types on the way through Hydra: null, true, '12' and lists."""
    assert parse_variants(composed(*overrides)["variants"]) == EXPECTED


def test_a_list_of_quoted_strings_and_a_list_of_lists_are_variants_without_names(composed):
    """Each item is one variant, named after its edits."""
    lists = f"[[{QUOTED['reg_tau']}],[{QUOTED['calm']}]]"
    entries = parse_entries(composed(f"hydra.sweeper.variants={lists}")["variants"])
    assert [entry.edits for entry in entries] == list(EXPECTED.values())
    assert parse_variants(composed("hydra.sweeper.variants=['a.b@mul=2',\"c@set='x,y'\"]")["variants"]) == {
        "b_mul_2": ("a.b@mul=2",),
        "c_set_x_y": ("c@set='x,y'",),
    }


def test_reasons_come_through_hydra(composed):
    """A reason may stand beside the edits on the command line too."""
    found = composed("hydra.sweeper.variants={a:{reason:'too few pairs, say the curves',b@set:1}}")
    assert parse_entries(found["variants"])[0].reason == "too few pairs, say the curves"


def test_baseline_edits_are_read_in_the_same_forms(composed):
    """hydra.sweeper.edits takes a list of strings or a mapping."""
    assert parse_edits(composed("hydra.sweeper.edits=['a@set=1','b.*.c@mul=2']")["edits"]) == (
        "a@set=1",
        "b.*.c@mul=2",
    )
    assert parse_edits({"a@set": 1, "b": {"*": {"c@mul": 2}}}) == ("a@set=1", "b.*.c@mul=2")
    assert parse_edits(None) == ()


def test_a_command_line_of_edits_passes_through_hydra_whole(composed):
    """Lifted from argv, written as one override, composed, and split into baseline and variants."""
    argv = ["seed=3", "ot.*.reg@mul=1.5,2.0", "name@set='a, \\'b\\''", "f.*.w@set=[1,2],null"]
    rest, edits = lift_edits(argv, {"variants"})
    sweeper = composed(*rest, f"hydra.sweeper.edits={format_literal(edits)}")
    assert split_sweep(edit_texts(sweeper["edits"])) == split_sweep(argv[1:])
    assert split_sweep(argv[1:])[0] == ("name@set='a, \\'b\\''",)


def test_no_variants_is_no_variants(composed):
    """The sweeper's default, null, means none."""
    assert parse_variants(composed()["variants"]) == {}
