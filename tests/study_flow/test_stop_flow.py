"""Stop rules, refill, quorum and no barrier in whole studies on the slots launcher."""

from __future__ import annotations

import json
from pathlib import Path

from autoloop.trials import TrialState
from tests.study_flow.flow import always, run

SLOW = ("hydra.launcher.n_jobs=2", "pause_s=0.05", "hydra.sweeper.watch_s=0.1", "steps=30")
BEHIND = "hydra.sweeper.stop_rules={behind:{_target_:autoloop.stopping.Behind}}"


def test_a_job_behind_its_parent_is_stopped_and_its_slot_goes_to_a_new_idea(tmp_path: Path) -> None:
    study_dir = tmp_path / "study"
    ran = run(
        study_dir,
        *SLOW,
        "lr=0.3",
        "+hydra.sweeper.variants={bad:{lr@set:10.0},long:{lr@set:0.25,pause_s@set:0.3}}",
        BEHIND,
        always("faster", "lr@mul=1.1"),
        "hydra.sweeper.rounds=2",
        launcher="slots",
    )
    assert ran.code == 0, ran.output
    bad, long = ran.study.by_name("bad"), ran.study.by_name("long")
    assert bad is not None
    assert long is not None
    assert bad.state is TrialState.STOPPED
    assert bad.error.startswith("behind: eval/loss is")
    assert bad.details["stopping"]["evidence"]["behind_pct"] > 10
    assert bad.steps < 30
    replacement = next(job for job in ran.study.of_round(1) if job.plan.rule == "faster")
    assert replacement.started_at < long.ended_at
    events = [json.loads(line) for line in (study_dir / "study.jsonl").read_text().splitlines()]
    told = [event["event"] for event in events if event.get("name") == "bad"]
    assert told == ["job", "stopping", "trial"]
    best = ran.study.best()
    assert best is not None
    assert best.state is TrialState.COMPLETE


def test_a_diverged_job_is_stopped_at_once_and_is_infeasible(tmp_path: Path) -> None:
    ran = run(
        tmp_path / "study",
        *SLOW,
        "diverge_above=1.0",
        "lr=0.2",
        "hydra.sweeper.stop_rules={not_finite:{_target_:autoloop.stopping.NotFinite}}",
        "+hydra.sweeper.variants={bad:{lr@set:5.0}}",
        "steps=60",
        launcher="slots",
    )
    bad = ran.study.by_name("bad")
    assert bad is not None
    assert bad.state is TrialState.INFEASIBLE
    assert bad.details["stopping"]["rule"] == "not_finite"
    assert bad.steps < 60
    baseline = ran.study.by_name("baseline")
    assert baseline is not None
    assert baseline.state is TrialState.COMPLETE


def test_stop_rules_none_lets_everything_run(tmp_path: Path) -> None:
    words = ("hydra.sweeper.stop_rules=none", "diverge_above=1.0", "lr=5.0")
    ran = run(tmp_path / "study", *SLOW, *words, launcher="slots")
    assert [job.steps for job in ran.study.counted()] == [30]


def test_without_a_barrier_a_slow_job_holds_nobody_up(tmp_path: Path) -> None:
    ran = run(
        tmp_path / "study",
        "hydra.launcher.n_jobs=2",
        "pause_s=0.02",
        "+hydra.sweeper.variants={slow:{steps@set:300}}",
        always("faster", "lr@mul=1.3"),
        "hydra.sweeper.barrier=false",
        "hydra.sweeper.stop_rules=none",
        "hydra.sweeper.cooldown=0",
        "hydra.sweeper.rounds=4",
        launcher="slots",
    )
    assert ran.code == 0, ran.output
    slow = ran.study.by_name("slow")
    assert slow is not None
    children = [job for job in ran.study.counted() if job.round > 1]
    assert len(children) == 6
    assert sum(job.ended_at < slow.ended_at for job in children) >= 3
    assert {job.job for job in ran.study.counted()} - ran.study.judged == set()


def test_a_quorum_starts_the_next_round_beside_a_straggler(tmp_path: Path) -> None:
    ran = run(
        tmp_path / "study",
        "hydra.launcher.n_jobs=2",
        "pause_s=0.02",
        "+hydra.sweeper.variants={slow:{steps@set:200},quick:{lr@set:0.02}}",
        always("faster", "lr@mul=1.3"),
        "hydra.sweeper.quorum=0.6",
        "hydra.sweeper.stop_rules=none",
        "hydra.sweeper.rounds=2",
        launcher="slots",
    )
    assert ran.code == 0, ran.output
    slow = ran.study.by_name("slow")
    assert slow is not None
    assert any(job.round == 2 and job.started_at < slow.ended_at for job in ran.study.counted())
    assert slow.job in ran.study.judged
