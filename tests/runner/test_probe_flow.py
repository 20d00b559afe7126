"""A whole study on slots that opens with a probe of the learning rate."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from autoloop.cli import call
from autoloop.store.journal import read_study
from autoloop.study.trials import TrialState
from tests.helpers import warm
from tests.helpers.flow_app.launch import APP, METRICS, Ran, run
from tests.helpers.places import ROOT

PROBED = (
    *("hydra.launcher.n_jobs=4", "hydra.sweeper.strategy=mixed", "hydra.sweeper.watch_s=0.1"),
    *(
        "hydra.sweeper.rounds=2",
        "hydra.sweeper.max_jobs=5",
        "hydra.sweeper.rules=none",
        "hydra.sweeper.confirm=0",
    ),
    *("steps=40", "pause_s=0.12", "lr=0.02", "hydra.sweeper.probe={steps:40,every:1}"),
)


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The best rate of the app is 0.32, which is 16 times the baseline's."""
    ran = run(tmp_path_factory.mktemp("probed") / "study", *PROBED, launcher="slots")
    assert ran.code == 0, ran.output
    return ran


def test_the_probe_that_is_best_goes_on_and_the_others_end_at_a_fifth(probed: Ran) -> None:
    jobs = {job.name: job for job in probed.study.of_round(1)}
    short = {job.plan.edits[0]: job for job in jobs.values() if job.probes}
    assert {edit: job.state for edit, job in short.items()} == {
        "lr@set=0.08": TrialState.STOPPED,
        "lr@set=0.005": TrialState.STOPPED,
        "lr@set=0.32": TrialState.COMPLETE,
    }
    assert [short[edit].stop_step for edit in ("lr@set=0.08", "lr@set=0.005")] == [8, 8]
    assert short["lr@set=0.32"].goes_on
    assert jobs["baseline"].state is TrialState.COMPLETE


def test_slots_that_are_free_then_get_points_of_round_1(probed: Ran) -> None:
    added = [job for job in probed.study.of_round(1) if job.rule == "sample"]
    assert len(added) == 2
    assert probed.study.measured == ("probe",)  # a further part of round 1, planned before it was complete
    assert all(job.plan.parent == "baseline" for job in added)


def test_probes_count_as_what_they_cost(probed: Ran) -> None:
    assert probed.study.searched == pytest.approx(4.4)
    assert probed.study.stopped is not None
    assert "4.4 of 5 jobs" in probed.study.stopped.reason


def test_the_journal_the_report_and_why_tell_of_it(probed: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (probed.study_dir / "study.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    found = next(event for event in events if event["event"] == "probed")
    assert (found["step"], len(found["values"])) == (8, 4)
    again = read_study(probed.study_dir)
    assert [job.state for job in again.counted()] == [job.state for job in probed.study.counted()]
    call("why", probed.study_dir, "r1_probe")
    assert "probes the learning rate" in capsys.readouterr().out
    reports = list((probed.study_dir / "reports").glob("*.md"))
    assert any("is judged at step 8" in one.read_text() for one in reports)


@pytest.mark.slow
def test_probe_false_switches_it_off_and_the_plan_says_so(tmp_path: Path) -> None:
    words = [word for word in PROBED if not word.startswith("hydra.sweeper.probe")]
    command = [sys.executable, str(APP), "-m", "hydra/sweeper=autoloop", "hydra/launcher=slots", METRICS]
    command += [*words, "hydra.sweeper.dry_run=true", f"hydra.sweep.dir={tmp_path / 'study'}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for said, told in (("false", "probe=false"), ("true", "the config does not say how often eval/loss")):
        done = warm.run([*command, f"hydra.sweeper.probe={said}"], cwd=tmp_path, env=environment, check=True)
        assert f"No probe of the learning rate: {told}" in " ".join(done.stdout.split())
