"""Edits without effect are seen, and knobs known to be dead are left alone."""

from __future__ import annotations

import pytest

from autoloop.edits import change
from autoloop.edits.effects import IgnoredKnob, ignored_paths, read_ignored, unheeded, why_ignored
from autoloop.errors import ConfigError
from autoloop.loop.filling import usable_edits
from autoloop.runner.job_logs import url_in
from tests.helpers.running import study_of, train

USED = {
    "optimizer": {"lr": 1e-5},
    "steps": 60,
    "flat.lr": 0.1,
    "terms": [{"w": 1}, {"w": 2}],
    "on": True,
    "x": None,
}


@pytest.mark.parametrize(
    ("path", "asked", "heeded"),
    [
        ("optimizer.lr", 1e-5, True),
        ("optimizer.lr", 1e-5 * (1 + 1e-12), True),
        ("optimizer.lr", 2e-5, False),
        ("steps", 60.0, True),
        ("steps", 61, False),
        ("flat.lr", 0.2, False),  # some trainers record dotted names
        ("terms.1.w", 2, True),
        ("terms.1.w", 3, False),
        ("terms", [{"w": 1}, {"w": 2}], True),
        ("terms", [{"w": 1}], False),
        ("on", False, False),
        ("on", 1, True),
        ("x", None, True),
        ("x", 0.1, False),
        ("not.recorded", 1, True),
        ("steps.deeper", 1, True),
    ],
)
def test_a_value_that_the_run_did_not_use_is_told(path, asked, heeded):
    """What the record lacks tells nothing; any other difference does."""
    found = unheeded([(path, "old", asked)], USED)
    assert [value.path for value in found] == ([] if heeded else [path])


def test_only_the_old_value_shows_a_dead_knob():
    """A third value may come from a trainer that scales what it gets: told, but the knob is not given up."""
    kept, scaled = unheeded([("optimizer.lr", 1e-5, 2e-5), ("steps", 20, 30)], USED)
    assert (kept.in_vain, scaled.in_vain) == (True, False)
    assert str(kept) == "optimizer.lr: asked for 2e-05, the run used 1e-05; the edit had no effect"
    assert str(scaled) == "steps: asked for 30, the run used 60"


def test_the_page_of_a_run_is_found_in_the_log(tmp_path):
    """Where the history does not hold it, the log has what W&B printed, colours and all."""
    log = tmp_path / "job.log"
    log.write_text("wandb: View run at \x1b[34mhttps://wandb.ai/lab/insert/runs/ab12cd\x1b[0m\nstep 1\n")
    assert url_in(log) == "https://wandb.ai/lab/insert/runs/ab12cd"
    log.write_text("https://wandb.ai/lab/insert\n")
    assert (url_in(log), url_in(None)) == ("", "")


CONFIG = {"preset": True, "optimizer": {"lr": 1.0, "eps": 1.0}, "policy": {"lr": 1.0}}
IGNORED = read_ignored(
    {"optimizer.*": {"why": "the preset replaces it", "while": {"preset": True}}, "policy.lr": "frozen"}
)


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ("optimizer.lr@mul=2", "the preset replaces it"),
        ("optimizer.*@mul=2", "the preset replaces it"),
        ("policy.lr@mul=2", "frozen"),
        ("*.lr@mul=2", "the preset replaces it; frozen"),
        ("preset@set=false", ""),
    ],
)
def test_a_dead_knob_is_known_by_its_path(edit, why):
    """An edit is in vain only if every place it changes is dead."""
    places = [path for path, _, _ in change([edit], CONFIG).changes]
    assert why_ignored(places, ignored_paths(IGNORED, CONFIG), CONFIG) == why


def test_a_knob_lives_where_its_condition_does_not_hold():
    """What is dead under the preset works without it."""
    free = {**CONFIG, "preset": False}
    assert ignored_paths(IGNORED, free) == {"policy.lr": "frozen"}


def test_edits_of_dead_knobs_are_skipped_in_words():
    """The rest of a proposal goes on."""
    kept, skipped = usable_edits(
        ["optimizer.lr@mul=2", "optimizer.eps@mul=2"], CONFIG, [IgnoredKnob("optimizer.lr", "no use")]
    )
    assert (kept, skipped) == (["optimizer.eps@mul=2"], ["optimizer.lr@mul=2: skipped, no use"])


@pytest.mark.parametrize("given", [["optimizer.lr"], {"optimizer.lr": 3}, {"optimizer.lr": {"because": "x"}}])
def test_a_profiles_ignored_is_checked(given):
    """Anything but paths with reasons is refused."""
    with pytest.raises(ConfigError, match="ignored"):
        read_ignored(given)


@pytest.mark.slow
def test_a_study_warns_of_an_edit_without_effect_and_keeps_from_that_knob(tmp_path):
    """LeRobot replaces optimizer.lr: the job's warning says so, and the next round leaves it alone."""
    rule = "{_target_: autoloop.rules.Fallback, edits: ['optimizer.lr@mul=3']}"
    words = [
        "variants=none",
        "optimizer.lr@mul=1,2",
        "autoloop.ignored=null",
        "rules=none",
        "strategy=rules",
        f"+rules.lr={rule}",
    ]
    done = train(tmp_path, "-m", *words, "rounds=2", "gpus=[]")
    assert done.returncode == 0, done.stderr
    study = study_of(tmp_path)
    (turned,) = [job for job in study.jobs.values() if job.round == 1 and job.plan.changes]
    warning = "optimizer.lr: asked for 2e-05, the run used 1e-05; the edit had no effect"
    assert turned.details.warnings == (warning,)
    assert f"job {turned.job}: {warning}" in done.stdout
    assert warning in (tmp_path / "study" / "reports" / "lerobot_act_ot.md").read_text()
    assert warning in (tmp_path / "study" / "reports" / "report.html").read_text()
    assert study.rounds == [1]
    assert f"no effect in {turned.name}: the trainer ignores it" in study.stopped.reason
