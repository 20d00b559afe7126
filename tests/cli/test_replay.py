"""`autoloop replay`: what other rules would have decided."""

import shutil

from autoloop.store.journal import read_study
from autoloop.views.analysis.replay import _trial


def test_same_rules_decide_the_same(cli, study):
    """The study's own rules on its own runs: every decision as it was taken."""
    before = (study / "study.jsonl").read_bytes()
    done = cli("replay", study)
    assert done.exit_code == 0, done.stderr
    assert "    = still_improving: eval/loss fell by" in done.stdout
    assert done.stdout.endswith("decisions with edits: 2 as before, 0 with other edits, 0 new, 0 gone\n")
    assert (study / "study.jsonl").read_bytes() == before, "nothing is written"


def test_a_rule_that_turns_a_change_round_sees_the_change(study):
    """`BackToParent` makes its edits of what a child changed: replay shows it that, as the study did."""
    record = read_study(study)
    child = next(job for job in record.jobs.values() if job.plan.changes and job.state)
    assert _trial(child, study).variant.changes == child.plan.changes


def test_other_threshold_shows_what_would_be_gone_and_new(cli, study):
    """A stricter still_improving stays silent in round 1 and says why; plateau fires there instead."""
    done = cli(
        "replay",
        study,
        "--set",
        "still_improving.fell_more_than_pct=20",
        "--set",
        "plateau.stayed_within_pct=15",
    )
    first = done.stdout.partition("round 2")[0]
    assert "    - still_improving: eval/loss fell by 12.6 %" in first
    assert "    + plateau: eval/loss fell by 12.6 %" in first
    assert done.stdout.endswith("decisions with edits: 1 as before, 0 with other edits, 1 new, 1 gone\n")


def test_other_edits_are_shown_beside_those_of_then(cli, study):
    """An edit of the rules themselves, in the edit language."""
    done = cli("replay", study, "--set", "still_improving.edits=[lr@mul=4]")
    assert "    ~ still_improving" in done.stdout
    assert "        then  lr@mul=2\n        now   lr@mul=4\n" in done.stdout


def test_modules_that_only_a_journal_names_are_not_imported(cli, study, tmp_path, monkeypatch):
    """Importing runs code: a rule's class outside autoloop needs the user's word, by --trust or by a file."""
    (tmp_path / "foreign_rules.py").write_text(
        f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
        "from autoloop.rules import MetricChange\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    copied = tmp_path / "copied"
    shutil.copytree(study, copied)
    journal = copied / "study.jsonl"
    own, foreign = "autoloop.rules.MetricChange", "foreign_rules.MetricChange"
    journal.write_text(journal.read_text().replace(own, foreign))
    refused = cli("replay", copied)
    assert refused.exit_code != 0
    assert "--trust" in refused.stderr
    assert foreign in refused.stderr
    assert cli("replay", copied, "--rules", "general").exit_code == 0
    assert not (tmp_path / "ran").exists()
    trusted = cli("replay", copied, "--trust")
    assert trusted.exit_code == 0, trusted.stderr
    assert (tmp_path / "ran").exists()


def test_rule_may_be_switched_off(cli, study):
    """RULE=null."""
    done = cli("replay", study, "--set", "still_improving=null")
    assert "no such rule now; then: eval/loss fell by" in done.stdout
    assert "0 as before, 0 with other edits, 0 new, 2 gone" in done.stdout


def test_rules_of_a_file_over_a_study_and_over_a_tree(cli, study, tree, tmp_path):
    """A rule of the user's own; over a tree without a study it proposes run by run."""
    rules = tmp_path / "mine.yaml"
    rules.write_text(
        "high: {_target_: autoloop.rules.MetricLevel, metric: train/loss, above: 0.7, edits: [lr@mul=5]}\n"
    )
    over_study = cli("replay", study, "--rules", rules)
    assert "    + high: train/loss (tail) is 0.8528" in over_study.stdout
    over_tree = cli("replay", tree, "--rules", rules)
    assert over_tree.stdout.count("lr@mul=5") == 2
    assert "Could not be read:\n  broken: " in over_tree.stdout


def test_unknown_rule_and_setting_are_answered_with_the_nearest(cli, study):
    """Mistakes in --set are wrong usage."""
    rule = cli("replay", study, "--set", "still_improvin.edits=[]")
    assert rule.exit_code == 2 and "did you mean 'still_improving'?" in rule.stderr
    setting = cli("replay", study, "--set", "plateau.stayed_withn_pct=1")
    assert setting.exit_code == 2 and "did you mean 'stayed_within_pct'?" in setting.stderr


def test_config_comes_from_wandb_where_hydras_is_gone(cli, study):
    """A cleared .hydra does not change what is proposed."""
    for job in read_study(study).jobs.values():
        shutil.rmtree(study / job.run_dir / ".hydra", ignore_errors=True)
    assert "2 as before" in cli("replay", study).stdout
