"""The same command again goes on where the study stopped: nothing is lost, run twice or overwritten."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.helpers.studies_app.launch import TWO_JOBS, Ran, processes_of, run, run_until, start


def ran(study_dir: Path) -> list[int]:
    """Numbers of the jobs whose task was really called."""
    return [int(line) for line in (study_dir / ".ran").read_text().split()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A study of two rounds of two jobs, one after the other."""
    done = run(tmp_path_factory.mktemp("undisturbed") / "s", TWO_JOBS, "rounds=2", "n_jobs=1")
    assert done.code == 0, done.output
    return done


def wait_for(process: subprocess.Popen[str], path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("launcher", ["slots", "basic"])
@pytest.mark.slow
def test_a_job_that_was_running_starts_anew_in_a_fresh_directory(tmp_path, launcher):
    """Killed while its second job runs: the first stays as it is, the second runs again, renumbered."""
    arguments = (TWO_JOBS, "rounds=1", "n_jobs=1", f"hydra/launcher={launcher}")
    if launcher == "basic":
        arguments += ("hydra.sweeper.max_batch_size=1",)
    killed = run_until(tmp_path / "s", "after", "job:2", *arguments)
    assert killed.code == -signal.SIGKILL
    assert killed.events[-1]["event"] == "job"
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "s" / "0").rglob("*") if path.is_file()}
    done = run(tmp_path / "s", *arguments)
    assert done.code == 0, done.output
    jobs = done.study.jobs
    assert [(job.job, job.name, job.state.value, job.run_dir) for job in jobs.values()] == [
        (0, "baseline", "COMPLETE", "0"),
        (1, "half", "INTERRUPTED", "1"),
        (2, "half", "COMPLETE", "2"),
    ]
    assert jobs[2].retry_of == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert ran(tmp_path / "s").count(0) == 1


@pytest.mark.slow
def test_a_job_that_had_finished_is_taken_over(tmp_path):
    """Killed between a job's end and its line in the journal: the line is written from what the job left."""
    killed = run_until(tmp_path / "s", "before", "trial:1", "rounds=1")
    assert [event["event"] for event in killed.events] == ["study", "round", "job"]
    done = run(tmp_path / "s", "rounds=1")
    assert done.code == 0, done.output
    (job,) = done.study.jobs.values()
    assert (job.state.value, job.objective, job.details.exit_code, job.slot) == ("COMPLETE", 1.1, 0, 0)
    assert ran(tmp_path / "s") == [0]


def test_a_job_that_had_failed_is_taken_over(tmp_path):
    """The same for a job that died without a word: its supervisor has written down how."""
    run_until(tmp_path / "s", "before", "trial:1", "rounds=1", "do=segfault")
    done = run(tmp_path / "s", "rounds=1", "do=segfault")
    (job,) = done.study.jobs.values()
    assert (job.state.value, job.details.signal, job.error) == ("FAILED", "SIGSEGV", "killed by SIGSEGV")
    assert ran(tmp_path / "s") == [0]


def test_a_finished_study_is_left_alone_and_says_so(tmp_path, undisturbed):
    """Re-running it writes nothing and ends with the same exit code."""
    before = (undisturbed.study_dir / "study.jsonl").read_bytes()
    again = run(undisturbed.study_dir, TWO_JOBS, "rounds=2", "n_jobs=1")
    assert again.code == 0
    assert "nothing is left to do" in again.output
    assert (undisturbed.study_dir / "study.jsonl").read_bytes() == before
    failed = run(tmp_path / "s", "rounds=2", "do=raise")
    assert failed.code == 1
    assert "no rule has anything new to propose" in failed.output
    before = (tmp_path / "s" / "study.jsonl").read_bytes()
    again = run(tmp_path / "s", "rounds=2", "do=raise")
    assert (again.code, (tmp_path / "s" / "study.jsonl").read_bytes()) == (1, before)


@pytest.mark.slow
def test_the_budget_counts_over_restarts(tmp_path, undisturbed):
    """More rounds continue a finished study; decided rounds keep their decisions and jobs their numbers."""
    kept = undisturbed.events[:-1]
    done = run(undisturbed.study_dir, TWO_JOBS, "rounds=3", "n_jobs=2")
    assert done.code == 0, done.output
    assert done.events[: len(kept)] == kept
    assert sorted((job.job, job.round) for job in done.study.jobs.values()) == [
        (job, 1 + job // 2) for job in range(6)
    ]
    assert len(ran(undisturbed.study_dir)) == 6
    limited = run(tmp_path / "s", TWO_JOBS, "rounds=3", "max_jobs=3")
    assert len(limited.study.jobs) == 3
    again = run(tmp_path / "s", TWO_JOBS, "rounds=3", "max_jobs=3")
    assert len(again.study.jobs) == 3
    assert "nothing is left to do" in again.output


@pytest.mark.parametrize(
    ("event", "when"), [("decisions:1", "before"), ("decisions:1", "after"), ("round:2", "after")]
)
@pytest.mark.slow
def test_a_study_killed_between_rounds_decides_as_an_undisturbed_one(tmp_path, undisturbed, event, when):
    """Decisions and the rounds that follow from them are the same, and are in the journal once."""
    run_until(tmp_path / "s", when, event, TWO_JOBS, "rounds=2", "n_jobs=1")
    done = run(tmp_path / "s", TWO_JOBS, "rounds=2", "n_jobs=1")
    assert done.code == 0, done.output
    assert done.study.decisions[1] == undisturbed.study.decisions[1]
    plans = [(job.name, job.plan.overrides) for job in done.study.jobs.values()]
    assert plans == [(job.name, job.plan.overrides) for job in list(undisturbed.study.jobs.values())[:4]]


def test_a_half_written_line_is_cut_off(tmp_path):
    """A kill within a write costs that line alone."""
    run_until(tmp_path / "s", "before", "decisions:1", "rounds=1")
    with (tmp_path / "s" / "study.jsonl").open("a") as file:
        file.write('{"event": "trial", "v": 1, "ti')
    done = run(tmp_path / "s", "rounds=1")
    assert done.code == 0, done.output
    assert done.states() == {"baseline": "COMPLETE"}


def test_other_damage_is_named_by_its_line(tmp_path):
    """A journal that somebody has damaged stops everything, with the number of the line."""
    run_until(tmp_path / "s", "after", "trial:1", "rounds=1")
    journal = tmp_path / "s" / "study.jsonl"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([lines[0], lines[1][:50], *lines[2:]]) + "\n")
    done = run(tmp_path / "s", "rounds=1")
    assert done.code == 2
    assert "line 2 of" in done.output
    assert "Traceback" not in done.output


def test_what_changed_is_named(tmp_path):
    """A config, a rule or a version that differs is named with both values; resume=force goes on."""
    run_until(tmp_path / "s", "after", "trial:1", "rounds=1")
    journal = tmp_path / "s" / "study.jsonl"
    first, rest = journal.read_text().split("\n", 1)
    journal.write_text(json.dumps({**json.loads(first), "autoloop": "0.0.1"}) + "\n" + rest)
    changed = ("rounds=1", "batch_size=16", "autoloop.rules.step.edits=['x@mul=0.8']")
    done = run(tmp_path / "s", *changed)
    assert done.code == 2
    assert "autoloop: was '0.0.1', is '" in done.output
    assert "config.batch_size: was 8, is 16" in done.output
    assert "settings.rules.step.edits: was ['x@mul=0.9'], is ['x@mul=0.8']" in done.output
    assert done.output.count("x@mul=0.9") == 1
    forced = run(tmp_path / "s", *changed, "autoloop.resume=force")
    assert forced.code == 0, forced.output
    assert any("batch_size" in text for text in forced.study.resumes[0].changed)


@pytest.mark.slow
def test_other_gpus_and_limits_are_no_change(tmp_path):
    """A study may go on in other slots and with other limits without a word."""
    run_until(tmp_path / "s", "after", "trial:1", "rounds=1")
    done = run(tmp_path / "s", "rounds=2", "n_jobs=1", "grace_s=3", "+gpus_per_job=1")
    assert done.code == 0, done.output
    assert len(done.study.jobs) == 2


def test_resume_false_refuses_a_directory_with_a_study(tmp_path):
    """Who asks for it is kept from adding to an earlier study by mistake."""
    run(tmp_path / "s", "rounds=1")
    done = run(tmp_path / "s", "rounds=1", "autoloop.resume=false")
    assert done.code == 2
    assert "contains a study already, and resume=false" in done.output


@pytest.mark.slow
def test_a_finished_study_makes_room_for_a_new_one_where_asked(tmp_path):
    """resume=auto moves a finished study, its jobs included, into a directory of its own."""
    auto = ("rounds=1", "autoloop.resume=auto")
    first = run(tmp_path / "s", *auto)
    run(tmp_path / "s", *auto)
    third = run(tmp_path / "s", *auto)
    assert third.code == 0, third.output
    for number in (1, 2):
        aside = tmp_path / "s" / f"previous_{number}"
        assert (aside / "0" / "job.log").exists()
        assert len((aside / "study.jsonl").read_text().splitlines()) == len(first.events)
    assert third.study.jobs[0].run_dir == "0"


def test_a_second_process_is_refused_and_ctrl_c_leaves_a_study_that_resumes(tmp_path):
    """The second names the first's pid; Ctrl-C once ends with 130 and no process left; then it goes on."""
    arguments = (
        "autoloop.variants={b:{do@set:train}}",
        "rounds=1",
        "n_jobs=1",
        "do=say_nothing",
        "once=true",
    )
    process = start(tmp_path / "s", *arguments)
    try:
        wait_for(process, tmp_path / "s" / "0" / "began")
        second = run(tmp_path / "s", *arguments)
        assert second.code == 2
        assert f"is being run by process {process.pid} on " in second.output
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "continues from here" in output
    assert "Traceback" not in output
    assert processes_of(tmp_path / "s") == []
    done = run(tmp_path / "s", *arguments)
    assert done.code == 0, done.output
    assert done.states() == {"baseline": "COMPLETE", "b": "COMPLETE"}
    assert [job.state.value for job in done.study.jobs.values()] == ["INTERRUPTED", "COMPLETE", "COMPLETE"]


def test_sigterm_leaves_a_study_that_resumes_too(tmp_path):
    """What a queueing system sends ends jobs and process alike, with exit code 143."""
    process = start(tmp_path / "s", "rounds=1", "do=say_nothing")
    try:
        wait_for(process, tmp_path / "s" / "0" / "began")
        process.terminate()
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143
    assert processes_of(tmp_path / "s") == []
    assert Ran(tmp_path / "s", 143, "").states() == {"baseline": "INTERRUPTED"}


@pytest.mark.slow
def test_jobs_of_a_killed_process_are_waited_for(tmp_path):
    """A study that goes on at once takes nobody's GPU away: the old job is gone before the new one starts."""
    arguments = ("rounds=1", "do=say_nothing", "once=true")
    process = start(tmp_path / "s", *arguments)
    wait_for(process, tmp_path / "s" / "0" / "began")
    process.kill()
    process.communicate()
    done = run(tmp_path / "s", *arguments)
    assert done.code == 0, done.output
    old = json.loads((tmp_path / "s" / "0" / "status.json").read_text())
    new = json.loads((tmp_path / "s" / "1" / "status.json").read_text())
    assert old["state"] == "ended"
    assert old["ended_at"] <= new["started_at"]


def test_a_directory_is_never_used_twice(tmp_path):
    """A directory that is taken, by an earlier try or by files of others, gives way to a fresh one."""
    (tmp_path / "s" / "mine").mkdir(parents=True)
    (tmp_path / "s" / "mine" / "thesis.tex").write_text("precious")
    done = run(tmp_path / "s", "hydra.sweep.subdir=mine", "do=raise", "once=true", "retries=1")
    assert done.code == 0, done.output
    assert [job.run_dir for job in done.study.jobs.values()] == ["mine_0", "mine_1"]
    assert [path.name for path in (tmp_path / "s" / "mine").iterdir()] == ["thesis.tex"]
