"""Stop rules, refill, quorum and no barrier in whole studies on the slots launcher."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoloop.history import read_history
from autoloop.study.record import Job
from autoloop.study.trials import TrialState
from tests.helpers.flow_app.launch import Ran, always, run

SLOW = ("hydra.launcher.n_jobs=3", "pause_s=0.05", "hydra.sweeper.watch_s=0.1", "steps=30")
BEHIND = "hydra.sweeper.stop_rules={use:none,behind:{_target_:autoloop.stopping.Behind}}"
FLOW = (*SLOW, "lr=0.3", BEHIND, always("faster", "lr@mul=1.1"), "hydra.sweeper.rounds=2")
QUEUE = "bad: {lr@set: 10.0}\nlong: {lr@set: 0.25, pause_s@set: 0.3}\n"
BAD, LONG = "r2_queue", "r2_queue_2"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A study of a baseline, and of a bad, a long and another child of it in round 2."""
    return flow(tmp_path_factory.mktemp("watched") / "study", *FLOW)


def flow(study_dir: Path, *words: str) -> Ran:
    study_dir.mkdir(exist_ok=True)
    (study_dir / "queue.yaml").write_text(QUEUE)
    ran = run(study_dir, *words, launcher="slots")
    assert ran.code == 0, ran.output
    return ran


def why(job):
    """What a stop rule said of a job."""
    return job.stop.rule, job.stop.reason, job.stop.step, job.stop.evidence


def bad_of(ran: Ran) -> Job:
    bad = ran.study.by_name(BAD)
    assert bad is not None
    assert bad.state is TrialState.STOPPED
    return bad


def test_a_job_behind_its_parent_is_stopped_and_its_slot_goes_to_a_new_idea(watched: Ran) -> None:
    bad, long = bad_of(watched), watched.study.by_name(LONG)
    assert long is not None
    assert bad.error.startswith("behind: eval/loss is")
    assert bad.stop.evidence["behind_pct"] > 10
    replacement = next(job for job in watched.study.of_round(2) if job.plan.parent == BAD)
    assert replacement.started_at < long.ended_at
    told = [event["event"] for event in events(watched) if event.get("name") == BAD]
    assert told == ["job", "stopping", "trial"]
    best = watched.study.best()
    assert best is not None
    assert best.state is TrialState.COMPLETE
    assert "slots were idle" in watched.output


@pytest.mark.slow
def test_what_a_job_logs_with_makes_no_difference(watched: Ran, tmp_path: Path) -> None:
    """A CSV file is watched as W&B's is: the same job ends at the same step of the same curve."""
    ran = flow(tmp_path / "study", *FLOW, "+tracker=csv")
    assert why(bad_of(ran)) == why(bad_of(watched))
    assert (bad_of(ran).objective, bad_of(ran).steps) == (bad_of(watched).objective, bad_of(watched).steps)
    assert {job.details.source for job in ran.study.counted()} == {"csv csv_logs/metrics.csv"}


def test_a_stopped_job_counts_up_to_the_step_it_was_judged_at(watched: Ran) -> None:
    """What it logged until it was gone is in its files, and in no number that decides."""
    bad = bad_of(watched)
    assert bad.stop_step == bad.steps == bad.summary["eval/loss"]["count"] == 10
    logged = read_history(watched.study_dir / bad.run_dir)["eval/loss"]
    assert bad.objective == logged.until(10).values[-1]
    evidence = [one.evidence for one in watched.study.decisions[2] if one.trial == BAD and one.fired]
    assert [one["value"] for one in evidence] == [pytest.approx(bad.objective)]


@pytest.mark.slow
def test_when_somebody_looks_makes_no_difference(watched: Ran, tmp_path: Path) -> None:
    """A job that runs to its end before the first look is judged by the same step of the same curve."""
    words = [word for word in FLOW if not word.startswith("hydra.sweeper.watch_s")]
    late = bad_of(flow(tmp_path / "study", *words, "hydra.sweeper.watch_s=1000"))
    assert why(late) == why(bad_of(watched))
    assert (late.steps, late.objective) == (bad_of(watched).steps, bad_of(watched).objective)


@pytest.mark.slow
def test_a_job_far_down_at_the_first_rung_is_stopped_there(tmp_path: Path) -> None:
    """Of four that had ended and itself only the best goes on."""
    variants = "+hydra.sweeper.variants={a:{lr@mul:0.9},b:{lr@mul:0.8},c:{lr@mul:0.7}}"
    words = (*SLOW, "lr=0.3", "hydra.sweeper.stop_rules=thrifty", variants, "hydra.sweeper.rounds=2")
    bad = bad_of(flow(tmp_path / "study", *words, always("faster", "lr@mul=1.1")))
    assert bad.stop.rule == "rungs"
    assert bad.stop_step == bad.steps == 6
    assert bad.stop.evidence["place"] == bad.stop.evidence["of"] == 5


def test_a_stop_that_was_written_down_holds_after_a_kill(watched: Ran, tmp_path: Path) -> None:
    """The study went down between the decision and the job's end: the job is not run again."""
    study_dir = tmp_path / "study"
    shutil.copytree(watched.study_dir, study_dir)
    lines = (study_dir / "study.jsonl").read_text().splitlines(keepends=True)
    last = next(n for n, line in enumerate(lines) if json.loads(line)["event"] == "stopping")
    (study_dir / "study.jsonl").write_text("".join(lines[: last + 1]))
    bad = bad_of(flow(study_dir, *FLOW))
    assert bad.retry_of is None
    assert why(bad) == why(bad_of(watched))
    assert bad.objective == bad_of(watched).objective


def events(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ran.study_dir / "study.jsonl").read_text().splitlines()]


def test_a_diverged_job_is_stopped_at_once_and_is_infeasible(tmp_path: Path) -> None:
    ran = run(
        tmp_path / "study",
        *SLOW,
        "diverge_above=1.0",
        "lr=0.2",
        "hydra.sweeper.stop_rules={use:none,not_finite:{_target_:autoloop.stopping.NotFinite}}",
        "+hydra.sweeper.variants={bad:{lr@set:5.0}}",
        "steps=60",
        launcher="slots",
    )
    bad = ran.study.by_name("bad")
    assert bad is not None
    assert bad.state is TrialState.INFEASIBLE
    assert bad.stop.rule == "not_finite"
    assert bad.steps < 60
    baseline = ran.study.by_name("baseline")
    assert baseline is not None
    assert baseline.state is TrialState.COMPLETE


def test_stop_rules_none_lets_everything_run(tmp_path: Path) -> None:
    words = ("hydra.sweeper.stop_rules=none", "diverge_above=1.0", "lr=5.0")
    ran = run(tmp_path / "study", *SLOW, *words, launcher="slots")
    assert [job.steps for job in ran.study.counted()] == [30]


@pytest.mark.slow
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
    assert sum(job.planned_as < slow.ended_as for job in children) >= 2
    lines = [json.loads(line) for line in (tmp_path / "study" / "study.jsonl").read_text().splitlines()]
    names = [variant["name"] for line in lines if line["event"] == "round" for variant in line["variants"]]
    assert len({*names}) == len(names) == 8
    told = yaml.safe_load((tmp_path / "study" / "best.yaml").read_text())["objective"]["value"]
    assert told == min(line["objective"] for line in lines if line["event"] == "trial")
    assert {job.job for job in ran.study.counted()} - ran.study.judged == set()


@pytest.mark.slow
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
