"""What a study promises, on every launcher: the same studies on each, told apart by what each can do."""

from __future__ import annotations

import importlib.util
import math
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

from autoloop.engine.other_launchers import KINDS
from autoloop.history import read_history
from autoloop.store.journal import read_study
from autoloop.study.record import Job, Study
from autoloop.study.trials import TrialState
from tests.helpers.flow_app.launch import always
from tests.helpers.flow_app.launch import run as run_flow
from tests.helpers.studies_app.launch import Ran, command, environment, run


@dataclass(frozen=True)
class Launcher:
    """A launcher under test.

    Attributes:
        name: As in ``hydra/launcher=<name>``.
        module: What must be installed for it.
        words: Overrides it needs here.
        survives_kill: Whether the study outlives a job that kills its own process.
        counts: Whether at most ``n_jobs`` jobs run at a time.
        tries_of_killed: How often a job that always kills its process is started.
    """

    name: str
    module: str
    words: tuple[str, ...] = ()
    survives_kill: bool = True
    tries_of_killed: int = 1

    @property
    def overrides(self) -> tuple[str, ...]:
        return (f"hydra/launcher={self.name}", *self.words)


SLOTS = Launcher("slots", "autoloop")
BASIC = Launcher("basic", "hydra", survives_kill=False)
JOBLIB = Launcher(
    "joblib", "hydra_plugins.hydra_joblib_launcher", ("hydra.launcher.n_jobs=2",), tries_of_killed=2
)
SUBMITIT = Launcher("submitit_local", "hydra_plugins.hydra_submitit_launcher")
RAY = Launcher(
    "ray",
    "hydra_plugins.hydra_ray_launcher",
    (
        "hydra.launcher.ray.init.address=local",
        "+hydra.launcher.ray.init.num_cpus=4",
        "+hydra.launcher.ray.init.include_dashboard=false",
    ),
)


def every(*launchers: Launcher) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test on each of these launchers that is installed; the quick ones in every run."""
    marks = {BASIC.name: (), RAY.name: (pytest.mark.ray,)}
    params = [
        pytest.param(one, id=one.name, marks=[*marks.get(one.name, (pytest.mark.slow,)), *needs(one)])
        for one in launchers
    ]
    return pytest.mark.parametrize("launcher", params)


def needs(launcher: Launcher) -> list[pytest.MarkDecorator]:
    missing = importlib.util.find_spec(launcher.module) is None
    return [pytest.mark.skipif(missing, reason=f"{launcher.module} is not installed")]


#: No stop rule cuts a job short.
ALL_RUN = ("hydra.sweeper.stop_rules=none",)


def three_rounds(study_dir: Path, launcher: Launcher, bad: str) -> Ran:
    """Three rounds of a study, one of whose first jobs ends badly."""
    variants = f"autoloop.variants={{bad:{{x@mul:0.7,do@set:{bad}}},good:{{x@mul:0.6}},late:{{x@mul:0.5}}}}"
    words = ("rounds=3", "n_jobs=2", "sleep_s=0.2", *ALL_RUN, *launcher.overrides)
    return run(study_dir, variants, *words)


@lru_cache
def on_slots(bad: str, parent: Path) -> Study:
    """The same study on slots."""
    return three_rounds(parent / f"slots_{bad}" / "s", SLOTS, bad).study


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


def told(study: Study) -> dict[int, list[tuple[str, str]]]:
    """What was run, and what the rules said, by round; free of names and numbers that depend on an order."""
    overrides = {job.name: " ".join(job.plan.overrides[-2:]) for job in study.counted()}
    said: dict[int, list[tuple[str, str]]] = {}
    for number in study.rounds:
        ran = [("ran", overrides[job.name]) for job in study.of_round(number)]
        decided = [
            (overrides[one.trial], f"{one.rule}: {list(one.edits)}") for one in study.decisions[number]
        ]
        said[number] = sorted([*ran, *decided])
    return said


def most_at_once(study: Study) -> int:
    """The largest number of jobs that ran at the same time."""
    jobs = [job for job in study.jobs.values() if job.started and math.isfinite(job.ended_at)]
    return max(sum(other.started_at <= job.started_at < other.ended_at for other in jobs) for job in jobs)


def tries(study: Study, name: str) -> list[Job]:
    return [job for job in study.jobs.values() if job.name == name and job.started]


@pytest.mark.slow
@every(BASIC, JOBLIB, SUBMITIT, RAY)
def test_three_rounds_run_and_one_bad_job_is_one_failed_trial(launcher, tmp_path, shared):
    """Histories, decisions, journal and report are those of slots; n_jobs limits what is out at once."""
    bad = "kill" if launcher.survives_kill else "raise"
    done = three_rounds(tmp_path / "s", launcher, bad)
    study = done.study
    assert done.code == 1, done.output
    states = done.states()
    assert states.pop("bad") == "FAILED", done.output
    assert set(states.values()) == {"COMPLETE"}
    assert all(job.objective < math.inf and job.steps == 9 for job in study.counted() if job.name != "bad")
    assert study.rounds == [1, 2, 3]
    assert told(study) == told(on_slots(bad, shared))
    assert len(tries(study, "bad")) <= launcher.tries_of_killed
    assert most_at_once(study) <= 2
    assert (done.study_dir / "reports" / "report.html").is_file()
    assert any(f"hydra/launcher={launcher.name} {kind.cannot}" in done.output for kind in KINDS.values())


@every(BASIC, SLOTS, JOBLIB, SUBMITIT)
def test_where_the_only_job_failed_is_told(launcher, tmp_path, monkeypatch):
    """In its log and in the report, which keep no secret; the terminal says in a line what and where."""
    monkeypatch.setenv("DATA_TOKEN", "the data")
    done = run(tmp_path / "s", "rounds=1", "do=raise", *launcher.overrides)
    assert done.code == 1, done.output
    (job,) = done.study.jobs.values()
    log = (done.study_dir / job.run_dir / "job.log").read_text()
    report = next(done.study_dir.glob("reports/*.md")).read_text()
    assert all("in raise_error" in text for text in (log, report))
    assert "ValueError" in done.output and "job.log" in done.output
    assert 'raise ValueError("<DATA_TOKEN>' in log and "the data" not in log
    assert not log.rpartition("in raise_error")[0].count("autoloop")  # the app's own frames alone


@every(BASIC, JOBLIB, SUBMITIT, RAY)
def test_a_stop_rule_ends_a_job_from_inside(launcher, tmp_path):
    """The rule compares with the parent's curve on disk; its numbers are in the journal, as on slots."""
    study_dir = tmp_path / "study"
    ran = run_flow(
        study_dir,
        "pause_s=0.05",
        "hydra.sweeper.watch_s=0.1",
        "steps=100",
        "lr=0.3",
        "hydra.sweeper.stop_rules={use:none,behind:{_target_:autoloop.stopping.Behind}}",
        "hydra.sweeper.rounds=2",
        always("worse", "lr@mul=30"),
        *launcher.words,
        launcher=launcher.name,
    )
    assert ran.code == 0, ran.output
    child = ran.study.by_name("r2_worse")
    assert child.state is TrialState.STOPPED
    assert child.error.startswith("behind: eval/loss is")
    assert child.stop.evidence["behind_pct"] > 10
    written = read_history(study_dir / child.run_dir)["loss"].steps
    assert child.steps <= written[-1] < 100
    assert ran.study.by_name("baseline").steps == 100


@every(BASIC, JOBLIB, SUBMITIT, RAY)
@pytest.mark.slow
def test_a_time_limit_ends_a_job_from_inside(launcher, tmp_path):
    """One job over its time is one trial that says so; the others are as they would be without it."""
    hanging = "autoloop.variants={hangs:{do@set:say_nothing},good:{x@mul:0.5}}"
    limit = ("timeout_min=0.03", "hydra.sweeper.watch_s=0.1", "n_jobs=2")
    if launcher.name == "submitit_local":
        limit = (*limit, "hydra.launcher.timeout_min=5")
    done = run(tmp_path / "s", hanging, *limit, *launcher.overrides)
    assert done.states() == {"baseline": "COMPLETE", "hangs": "TIMEOUT", "good": "COMPLETE"}, done.output
    assert "it ran for more than 0.03 minutes" in done.study.by_name("hangs").error


@every(BASIC, JOBLIB, SUBMITIT, RAY)
@pytest.mark.slow
def test_a_killed_study_goes_on_and_runs_nothing_twice(launcher, tmp_path):
    """Killed after its second result: what had ended stays, what was lost runs again in a fresh directory."""
    variants = "autoloop.variants={a:{x@mul:0.7},b:{x@mul:0.5}}"
    words = (variants, "rounds=2", "n_jobs=2", *ALL_RUN, *launcher.overrides)
    marks = {"TEST_KILL_WHEN": "after", "TEST_KILL_LINE": "trial:2"}
    killed = subprocess.run(
        command(tmp_path / "s", *words, script="interrupted.py"),
        env=environment(**marks),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,  # a pipe would be held open by workers that outlive it
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    jobs = read_study(tmp_path / "s").jobs.values()
    before = [job for job in jobs if job.state is TrialState.COMPLETE]
    done = run(tmp_path / "s", *words)
    assert done.code == 0, done.output
    assert set(done.states().values()) == {"COMPLETE"}
    assert [done.study.jobs[job.job] for job in before] == before
    numbers = (tmp_path / "s" / ".ran").read_text().split()
    assert len(numbers) == len(set(numbers))
    assert done.study.rounds == [1, 2]
