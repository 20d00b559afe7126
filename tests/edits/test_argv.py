"""Edits are told from Hydra's own words on a command line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoloop.edits.argv import lift_edits

REPEATABLE = settings(derandomize=True, deadline=None)
GROUPS = {"task", "rules", "hydra/launcher", "optimizer"}


@pytest.mark.parametrize(
    "word",
    [
        "ot.loss_config.features.*.weight_label@mul=0.5",
        "ot.reg@set=0.1",
        "batch_size@add=4",
        "ot.reg@mull=2",
        "*@mul=2",
        "optimizer.lr@mul=1.0,1.5",
        "ot.reg@set=",
        "p.'k=v'.x@set=1",
        'p."a@b"@set=1',
        "name@set='a@b=c'",
    ],
)
def test_edits_are_lifted(word):
    """Any path with any word as op, known or not."""
    assert lift_edits([word], GROUPS) == ([], [word])


@pytest.mark.parametrize(
    "word",
    [
        "rounds=3",
        "task=act_ot",
        "task@other=act_ot",
        "optimizer@set=adam",
        "hydra/launcher@foo=slots",
        "other/group@pkg=x",
        "+variants@hydra.sweeper.variants=mine",
        "+rules@mul=2",
        "~task@foo",
        "task@foo.bar=x",
        "wandb.notes='mail a@b=c'",
        "wandb.entity=me@set=1",
        "-m",
        "--config-dir=a@b=c",
        "hydra.sweeper.variants={a:{ot.reg@mul:1.5}}",
        "hydra.sweeper.edits=['ot.reg@mul=1.5']",
        "ot.reg@mul",
        "",
    ],
)
def test_hydras_words_stay(word):
    """Config groups with a package, additions, deletions, flags and values that only look like edits."""
    assert lift_edits([word], GROUPS) == ([word], [])


@REPEATABLE
@given(st.lists(st.sampled_from(["-m", "rounds=3", "a.b@mul=2", "task@x=y", "c@set=1,2"])))
def test_nothing_is_lost_and_order_is_kept(argv):
    """Every word comes out once, in its order."""
    rest, edits = lift_edits(argv, GROUPS)
    assert [word for word in argv if word in rest] == rest
    assert [word for word in argv if word in edits] == edits
    assert len(rest) + len(edits) == len(argv)
