"""The mixed strategy in whole studies: fill, queue and outside proposer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.flow_app.launch import always, run
from tests.helpers.studies_app import launch

MIXED = "hydra.sweeper.strategy={_target_:autoloop.strategies.MixedStrategy"


def events_of(study_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (study_dir / "study.jsonl").read_text().splitlines()]


def test_mixed_fills_its_rounds_and_finds_a_better_learning_rate(tmp_path: Path) -> None:
    ran = run(
        tmp_path / "study",
        always("faster", "lr@mul=3"),
        MIXED + ",size:4}",
        "+hydra.sweeper.bounds={lr:[0.0001,1.0]}",
        "hydra.sweeper.rounds=4",
    )
    assert ran.code == 0, ran.output
    assert [len(ran.study.of_round(number)) for number in ran.study.rounds] == [4, 4, 4, 4]
    rules = {job.plan.rule for job in ran.study.counted()}
    assert {"baseline", "faster", "sample"} <= rules
    best = ran.study.best()
    assert best is not None
    assert best.objective < 0.25 < 2 * ran.study.jobs[0].objective


@pytest.mark.slow
def test_rounds_are_as_large_as_the_first_and_leave_no_slot_idle(tmp_path: Path) -> None:
    """The first is filled up over what bounds name; one round alone is just what was asked for."""
    words = (
        always("faster", "lr@mul=3"),
        "hydra.sweeper.strategy=mixed",
        "+hydra.sweeper.bounds={lr:[0.001,1.0]}",
        "+hydra.sweeper.variants={a:{lr@mul:2},b:{lr@mul:4}}",
        "hydra.sweeper.stop_rules=none",
        "hydra.launcher.n_jobs=2",
    )
    ran = run(tmp_path / "three", *words, "hydra.sweeper.rounds=3", launcher="slots")
    assert [len(ran.study.of_round(number)) for number in ran.study.rounds] == [4, 4, 4]
    assert [job.name for job in ran.study.of_round(1)] == ["baseline", "a", "b", "r1_sample"]
    assert sum(job.plan.rule == "sample" for job in ran.study.of_round(2)) == 2
    alone = run(tmp_path / "one", *words, "hydra.sweeper.variants_per_run=2", launcher="slots")
    assert [job.name for job in alone.study.counted()] == ["baseline", "a", "b"]


@pytest.mark.slow
def test_the_bare_cores_of_a_machine_get_no_jobs_that_nobody_asked_for(tmp_path: Path) -> None:
    words = (always("faster", "lr@mul=3"), "hydra.sweeper.strategy=mixed", "hydra.sweeper.rounds=2")
    variants = "+hydra.sweeper.variants={" + ",".join(f"v{n}:{{lr@mul:{n}}}" for n in (2, 3, 4, 5)) + "}"
    ran = run(tmp_path / "s", *words, variants, "hydra.sweeper.stop_rules=none", launcher="slots")
    assert [len(ran.study.of_round(number)) for number in ran.study.rounds] == [5, 5]


@pytest.mark.slow
def test_variants_per_run_makes_later_rounds_larger(tmp_path: Path) -> None:
    words = ("hydra.sweeper.variants_per_run=2", "hydra.sweeper.rounds=2")
    variants = "+hydra.sweeper.variants={a:{lr@mul:2}}"
    ran = run(tmp_path / "s", always("faster", "lr@mul=3"), "hydra.sweeper.strategy=mixed", variants, *words)
    assert [len(ran.study.of_round(number)) for number in ran.study.rounds] == [2, 4]


def test_a_study_with_nothing_to_turn_ends_and_says_what_is_missing(tmp_path: Path) -> None:
    strategy = "hydra.sweeper.strategy={_target_:autoloop.strategies.MixedStrategy,space:{lr:false}}"
    ran = run(tmp_path / "study", strategy, "hydra.sweeper.rules=none", "hydra.sweeper.rounds=3")
    assert ran.code == 0, ran.output
    assert ran.study.stopped is not None
    assert ran.study.stopped.reason == (
        "no rule has anything new to propose after round 1, and the sampler has no knob to change: no number "
        "has bounds or was changed by a variant or rule (name some in bounds, variants or strategy.space)"
    )


def test_an_app_that_cannot_run_is_not_tried_over_and_over(tmp_path: Path) -> None:
    """No job has a result: nothing says that another point would."""
    words = ("autoloop.strategy=mixed", "+autoloop.bounds={x:[0.1,10]}", "rounds=4", "n_jobs=1", "do=raise")
    ran = launch.run(tmp_path / "study", *words)
    assert (ran.code, len(ran.study.jobs)) == (1, 1), ran.output
    assert "no trial has a result that the sampler could learn from" in ran.output


@pytest.mark.slow
def test_a_killed_study_goes_on_with_the_points_that_an_undisturbed_one_has(tmp_path: Path) -> None:
    words = ("autoloop.strategy=mixed", "+autoloop.bounds={x:[0.1,10]}", "rounds=3", "n_jobs=1")
    words = (*words, launch.TWO_JOBS)
    undisturbed = launch.run(tmp_path / "undisturbed", *words)
    assert sum(job.plan.rule == "sample" for job in undisturbed.study.counted()) == 2
    launch.run_until(tmp_path / "s", "after", "decisions:1", *words)
    done = launch.run(tmp_path / "s", *words)
    assert done.code == 0, done.output
    plans = [[(job.name, job.plan.overrides) for job in ran.study.counted()] for ran in (done, undisturbed)]
    assert plans[0] == plans[1]


def test_without_a_barrier_rules_and_the_sampler_share_the_places_that_get_free(tmp_path: Path) -> None:
    """Every place is asked for alone; within each round half of them are the sampler's all the same."""
    ran = run(
        tmp_path / "study",
        always("faster", "lr@mul=1.1"),
        MIXED + ",space:{lr:[0.001,1.0]}}",
        "+hydra.sweeper.variants={slow:{pause_s@set:0.02}}",
        "hydra.sweeper.barrier=false",
        "hydra.sweeper.cooldown=0",
        "hydra.sweeper.stop_rules=none",
        "hydra.sweeper.rounds=5",
        "hydra.launcher.n_jobs=2",
        launcher="slots",
    )
    assert ran.code == 0, ran.output
    whose = [[job.plan.rule == "sample" for job in ran.study.of_round(number)] for number in range(2, 6)]
    assert [sorted(places) for places in whose] == [[False, True]] * 4
    one_by_one = [job.planned_as for job in ran.study.counted() if job.round > 1]
    assert len(set(one_by_one)) == 8


@pytest.mark.slow
def test_a_variant_in_the_queue_runs_once_and_a_broken_queue_ends_nothing(tmp_path: Path) -> None:
    study_dir = tmp_path / "study"
    study_dir.mkdir()
    (study_dir / "queue.yaml").write_text("mine: {lr@set: 0.2, reason: a hunch}\n")
    ran = run(study_dir, always("faster", "lr@mul=3"), "hydra.sweeper.rounds=3")
    mine = [job for job in ran.study.counted() if job.plan.rule == "queue"]
    assert [(job.round, job.plan.reason, job.plan.edits) for job in mine] == [(2, "a hunch", ("lr@set=0.2",))]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "queue.yaml").write_text("mine: {lr@sett: 0.2}\n")
    ran = run(tmp_path / "other", always("faster", "lr@mul=3"), "hydra.sweeper.rounds=2")
    assert ran.code == 0
    assert "the queue is ignored" in ran.output


@pytest.mark.slow
def test_an_outside_proposer_keeps_to_the_bounds_and_its_failure_is_written_down(tmp_path: Path) -> None:
    program = tmp_path / "agent.py"
    program.write_text(
        "import json, sys\n"
        "study = json.load(sys.stdin)\n"
        "if study['round'] > 2: sys.exit('out of ideas')\n"
        "seen = f\"{len(study['trials'])} trials seen\"\n"
        "ideas = ['lr@set=0.25', 'lr@set=50', 'lr@set=0.01', 'speed@mul=2']\n"
        "print(json.dumps([{'edits': [idea], 'parent': 'baseline', 'reason': seen} for idea in ideas]))\n"
    )
    ran = run(
        tmp_path / "study",
        always("faster", "lr@mul=3"),
        f"{MIXED},size:4,outside_share:0.5,proposer:{{command:'{sys.executable} {program}'}}}}",
        "+hydra.sweeper.bounds={lr:[0.0001,1.0]}",
        "hydra.sweeper.rounds=3",
    )
    assert ran.code == 0, ran.output
    outside = [job for job in ran.study.counted() if job.plan.rule == "outside"]
    assert [(job.round, job.plan.reason) for job in outside] == [(2, "4 trials seen")] * 2
    assert [[new for _, _, new in job.plan.changes] for job in outside] == [[0.25], [1.0]]
    (refusal,) = [one for one in ran.study.refused[3] if one.rule == "outside"]
    assert "exit code 1: out of ideas" in refusal.why


@pytest.mark.slow
def test_ends_are_written_down_while_an_outside_proposer_thinks(tmp_path: Path) -> None:
    """Its answer takes as long as it likes: here until the end of the job that runs meanwhile is written."""
    program = tmp_path / "agent.py"
    program.write_text(
        "import sys, time\n"
        f"journal = {str(tmp_path / 'study' / 'study.jsonl')!r}\n"
        'ends = lambda: open(journal).read().count(\'"event": "trial"\')\n'
        "before, deadline = ends(), time.monotonic() + 60\n"
        "while before < 2 and ends() == before and time.monotonic() < deadline: time.sleep(0.05)\n"
        "print('lr@set=0.25')\n"
    )
    ran = run(
        tmp_path / "study",
        f"{MIXED},size:2,outside_share:0.5,proposer:{{command:'{sys.executable} {program}'}}}}",
        "+hydra.sweeper.bounds={lr:[0.0001,1.0]}",
        "+hydra.sweeper.variants={slow:{pause_s@set:0.2}}",
        "hydra.sweeper.rounds=2",
        "hydra.sweeper.barrier=false",
        "hydra.sweeper.stop_rules=none",
        "hydra.launcher.n_jobs=2",
        launcher="slots",
    )
    assert ran.code == 0, ran.output
    kinds = [(event.get("event"), event.get("name")) for event in events_of(tmp_path / "study")]
    second = [place for place, (kind, _) in enumerate(kinds) if kind == "round"][1]
    assert kinds.index(("trial", "baseline")) < kinds.index(("trial", "slow")) < second
