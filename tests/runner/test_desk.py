"""Steering a real study while it runs: what is told is written down, done, and holds in later processes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from autoloop.store.journal import JournalReader
from autoloop.study.events import UserControl
from autoloop.study.record import Study
from autoloop.study.trials import TrialState
from tests.helpers.flow_app.launch import always
from tests.helpers.flow_app.live import Running, started, tell

LONG = ("steps=2000", "pause_s=0.05", "hydra.launcher.n_jobs=2", always("faster", "lr@mul=1.1"))


def ended(name: str):
    """Whether a job of that name has ended."""

    def seen(study: Study) -> bool:
        job = study.by_name(name)
        return job is not None and job.state is not None

    return seen


def told(run: Running) -> list[UserControl]:
    """What the journal says that users told."""
    return [event for event in JournalReader(run.study_dir).update() if isinstance(event, UserControl)]


def test_a_study_is_steered_from_its_first_round_to_its_end(tmp_path: Path, capsys):
    """Approve, add, stop, refuse, change a limit and finish: each at once, each with who and when."""
    with started(tmp_path / "study", *LONG, "hydra.sweeper.approve=true", "hydra.sweeper.rounds=9") as run:

        def say(words: str) -> tuple[int, str]:
            return tell(run.study_dir, capsys, words)

        run.wait(lambda study: study.waiting(), "a plan that waits")
        assert say("approve") == (0, "round 1 runs: 1 job")
        run.wait(lambda study: study.running(), "the baseline runs")
        assert say("add lr@mul=3 steps@set=9 name=tripled") == (0, "planned as job 1 (tripled) of round 1")
        assert say("add lr@mul=3 steps@set=9")[0] == 1  # the same once more
        done = run.wait(ended("tripled"), "what was added")
        assert done.by_name("tripled").state is TrialState.COMPLETE
        assert done.by_name("baseline").running
        assert say("ban lr") == (0, "no proposal changes lr from the next plan on")
        assert say("free lr")[0] == 0
        assert say("stop 0") == (0, "job 0 (baseline) is stopped")
        study = run.wait(lambda study: study.waiting(), "round 2 waits for a yes")
        assert study.by_name("baseline").state is TrialState.STOPPED
        assert study.by_name("baseline").error.startswith("user: stopped by ")
        first = study.waiting()[0].name
        assert say(f"refuse {first}")[1] == f"job {study.waiting()[0].job} ({first}) is not run"
        assert say(f"refuse {first}")[1].startswith("refused: there is no job")
        assert say("max_jobs=7") == (0, "max_jobs=7 holds")
        assert say("finish") == (0, "the study ends after 0 running jobs")
        assert run.end() == 0
        assert say("pause")[1].startswith("refused: too late: the study is over")
        assert run.study.stopped.reason.startswith("the study was finished by ")
        assert first not in [job.name for job in run.study.counted()]
        assert run.study.stopped.limits["max_jobs"] == 7
        assert all("@" in event.by and event.asked_at and event.time >= 0 for event in told(run))
        assert list((run.study_dir / "controls").glob("*.json")) == []


@pytest.mark.slow
def test_what_was_told_holds_after_a_kill_and_what_was_left_meanwhile_is_taken(tmp_path: Path, capsys):
    with started(tmp_path / "study", *LONG, "hydra.sweeper.rounds=9") as run:
        run.wait(lambda study: study.running(), "the baseline runs")
        assert tell(run.study_dir, capsys, "rounds=1")[0] == 0
        run.process.send_signal(signal.SIGKILL)
        run.end()
    code, said = tell(run.study_dir, capsys, "pause")
    assert (code, said) == (1, "refused: no process runs this study, so there is nothing to pause")
    assert tell(run.study_dir, capsys, "bounds lr 0 1")[0] == 0
    quick = [word for word in LONG if not word.startswith(("steps", "pause_s"))]
    again = ("steps=2000", "pause_s=0.05")
    with started(tmp_path / "study", *again, *quick, "hydra.sweeper.rounds=9") as run:
        study = run.wait(lambda study: study.running() and study.controls.bounds, "it goes on")
        assert study.controls.bounds == {"lr": (0.0, 1.0)}
        assert tell(run.study_dir, capsys, f"stop {study.running()[0].job}")[0] == 0
        assert run.end() == 0
    assert run.study.stopped.reason == "the round is done"


@pytest.mark.slow
def test_a_launcher_that_ends_no_job_lets_the_job_end_itself(tmp_path: Path, capsys):
    """Hydra's own launcher runs jobs in the main process, one after the other."""
    words = ("steps=4000", "pause_s=0.05", "hydra.sweeper.watch_s=0.2", "hydra.sweeper.rounds=1")
    with started(tmp_path / "study", *words, launcher="basic") as run:
        run.wait(lambda study: study.running(), "the job runs")
        code, said = tell(run.study_dir, capsys, "stop 0")
        assert (code, said) == (0, "job 0 (baseline) is stopped at its next look, every 0.2 s (watch_s)")
        assert run.end() == 0
        assert run.study.jobs[0].state is TrialState.STOPPED


@pytest.mark.slow
def test_a_round_that_nobody_says_anything_of_runs_by_itself(tmp_path: Path, capsys):
    words = ("steps=150", "pause_s=0.05", "hydra.launcher.n_jobs=2", "hydra.sweeper.rounds=1")
    asks = ("hydra.sweeper.approve=true", "hydra.sweeper.approve_timeout_min=0.02")
    with started(tmp_path / "study", *words, *asks) as run:
        study = run.wait(lambda study: study.running(), "round 1 runs by itself")
        assert study.controls.approved == {1}
        assert [event.by for event in told(run)] == ["autoloop"]
        assert tell(run.study_dir, capsys, "end")[0] == 0
        assert run.end() == 0


@pytest.mark.slow
def test_a_job_that_is_kept_is_ended_by_no_stop_rule(tmp_path: Path, capsys):
    """Neither while it runs nor when it is judged at its end; its twin is."""
    rule = "{_target_:autoloop.stopping.MetricAtStep,metric:loss,step:200,above:0}"
    words = ("steps=260", "pause_s=0.05", "hydra.launcher.n_jobs=3", "hydra.sweeper.rounds=1")
    variants = "hydra.sweeper.variants={kept:{lr@mul:1.1},other:{lr@mul:1.2}}"
    with started(tmp_path / "study", *words, variants, f"hydra.sweeper.stop_rules={{late:{rule}}}") as run:
        run.wait(lambda study: len(study.running()) == 3, "three jobs run")
        assert tell(run.study_dir, capsys, "keep kept") == (0, "no stop rule ends job 1 (kept)")
        assert run.end() == 0
        states = {job.name: job.state for job in run.study.counted()}
    assert states["kept"] is TrialState.COMPLETE
    assert states["other"] is TrialState.STOPPED
