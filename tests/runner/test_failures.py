"""Failures are data: whatever ends a job becomes a trial that says how, and the study goes on."""

from __future__ import annotations

import os
import shlex
import subprocess
import traceback
from pathlib import Path

import pytest
from omegaconf import DictConfig

from autoloop.engine.execute.memory import MemoryKills
from autoloop.store.journal import read_study
from tests.engine.execute.execute_helpers import wait_until
from tests.helpers.studies_app.launch import (
    FOUR_JOBS,
    TWO_JOBS,
    Ran,
    command,
    environment,
    processes_of,
    run,
    start,
)
from tests.runner.ways import WAYS

SECRET = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def many_ends(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Two rounds; the first has a job for each way of ending."""
    # every variant has an x of its own, so that no child repeats another's
    variants = ",".join(
        f"{do}:{{do@set:{do},x@set:{1 + number / 100}}}" for number, do in enumerate(WAYS, start=1)
    )
    study_dir = tmp_path_factory.mktemp("ends") / "s"
    return run(
        study_dir,
        f"autoloop.variants={{{variants}}}",
        "rounds=2",
        "+autoloop.rules.back={_target_:autoloop.rules.BackToParent,worse_by_pct:1}",
        variables={"WANDB_API_KEY": SECRET},
    )


def text_of(study_dir: Path, name: str) -> str:
    return (study_dir / name).read_text(encoding="utf-8")


def test_the_study_goes_on_and_its_exit_code_tells(many_ends):
    """All jobs end, a second round follows, and the process ends with 1 because jobs failed."""
    assert many_ends.code == 1
    assert "Traceback" not in many_ends.output
    assert all(job.state for job in many_ends.study.jobs.values())
    assert 2 in many_ends.study.rounds


def test_a_study_whose_only_job_fails_shows_no_traceback(tmp_path):
    """At the command line a line says what failed and where its log is; the traceback stands in that log."""
    ran = run(tmp_path / "s", "do=raise")
    assert (ran.code, "Traceback" in ran.output) == (1, False)
    assert "FAILED: baseline: ValueError: the data is bad (log: " in ran.output
    assert "Traceback" in text_of(tmp_path / "s", "0/job.log")


def test_a_program_that_sweeps_gets_the_error_of_the_only_job(tmp_path, hydra_sweep_runner):
    """As from Hydra's own sweepers, with the job's own traceback as far as another process can tell it."""

    def fail(config: DictConfig) -> None:
        raise ValueError("the data is bad")

    sweep = hydra_sweep_runner(
        calling_file=None,
        calling_module="hydra.test_utils.a_module",
        task_function=fail,
        config_path=None,
        config_name=None,
        overrides=["hydra/sweeper=autoloop", "hydra/launcher=slots"],
        temp_dir=tmp_path,
    )
    with pytest.raises(ValueError, match="the data is bad") as failure, sweep:
        pass
    assert "in fail" in "".join(traceback.format_exception(failure.value))


@pytest.mark.parametrize("do", WAYS)
def test_each_end_becomes_a_trial(many_ends, do):
    """The journal has its state, exit code or signal, error, the end of its log, and where the log is."""
    _, state, error, fields = WAYS[do]
    job = many_ends.study.by_name(do)
    assert job.state.value == state
    assert job.error.startswith(error)
    assert {name: getattr(job.details, name) for name in fields} == fields
    if state != "COMPLETE" and do != "no_dir":
        log = many_ends.study_dir / job.run_dir / job.details.log
        assert log.name == "job.log"
        assert log.is_file()


def test_the_terminal_and_the_reports_tell_each_failure(many_ends):
    """State, reason and log are shown at once in the terminal, and stand in Markdown and HTML."""
    page = text_of(many_ends.study_dir, "reports/report.html")
    (markdown,) = (many_ends.study_dir / "reports").glob("*.md")
    for do, (_, state, error, _) in WAYS.items():
        job = many_ends.study.by_name(do)
        if state == "COMPLETE":
            continue
        assert f"job {job.job} {state}: {do}: {error}" in many_ends.output
        assert f"{job.run_dir}/job.log" in many_ends.output or do == "no_dir"
        assert f"{job.run_dir}/job.log" in page or do == "no_dir"
        assert job.name in markdown.read_text()


def test_the_end_of_the_log_is_kept(many_ends):
    """A failed job's last lines stand in the journal, without control characters."""
    tail = many_ends.study.by_name("raise").details.log_tail
    assert tail.endswith("ValueError: the data is bad")
    assert "Traceback (most recent call last)" in tail


def test_a_secret_appears_nowhere(many_ends):
    """A key that a job prints and raises is in no file of ours and not in the terminal."""
    own = [path for path in many_ends.study_dir.rglob("*") if path.is_file() and path.name != "job.log"]
    assert [str(path) for path in own if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in many_ends.output


def test_nothing_of_ours_goes_into_a_tasks_files(many_ends):
    """A file that has the number of our pipe or of standard error holds what its task wrote."""
    job_dir = many_ends.study_dir / many_ends.study.by_name("close_all").run_dir
    written = [path.read_text() for path in sorted(job_dir.glob("mine*"))]
    assert len(written) == 30
    assert "".join(written) in ("", "into a file of mine\n")


@pytest.mark.parametrize(
    "descriptors",
    [
        "<&- 2>err | true",
        *(pytest.param(which, marks=pytest.mark.slow) for which in (">&- 2>err", "2>&-", "<&- >&- 2>&-")),
    ],
)
def test_a_study_runs_whatever_its_descriptors_are(tmp_path, descriptors):
    """Closed, as by cron and daemons, or read by nobody, as by ``| head -1``: its jobs run quietly."""
    line = f"{shlex.join(command(tmp_path / 's', TWO_JOBS))} {descriptors}"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment(), timeout=120)
    assert done.returncode == 0
    states = [job.state.value for job in read_study(tmp_path / "s").jobs.values()]
    assert states == ["COMPLETE", "COMPLETE"]
    said = tmp_path / "err"
    assert "Traceback" not in (said.read_text() if said.exists() else "")


def test_a_directory_that_hydra_would_interpolate_is_refused_before_anything_runs(tmp_path):
    """Hydra's logging reads a path with an interpolation in it; a study there would fail in every job."""
    top = tmp_path / "a${b}"
    top.mkdir()
    done = subprocess.run(
        command(Path("study"), TWO_JOBS),
        cwd=top,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert f"no study can be kept in {top / 'study'}: Hydra takes" in done.stdout
    assert "Traceback" not in done.stdout
    assert list(top.iterdir()) == []


@pytest.mark.slow
def test_a_job_in_the_main_process_may_close_all_descriptors(tmp_path):
    """Under Hydra's own launcher they are main's: the journal and its lock are taken again."""
    done = run(tmp_path / "s", TWO_JOBS, "hydra/launcher=basic", "do=close_all", "rounds=2")
    assert done.code == 0
    assert set(done.states().values()) == {"COMPLETE"}
    assert done.study.stopped is not None


def test_a_study_whose_directory_is_renamed_ends_and_begins_no_other(tmp_path):
    """Its jobs are ended with it, and it goes on from where it is now."""
    main = start(tmp_path / "s", TWO_JOBS, "sleep_s=1.5", "rounds=2", "n_jobs=1")
    wait_until(lambda: (tmp_path / "s" / "0" / "status.json").exists())
    (tmp_path / "s").rename(tmp_path / "t")
    output, _ = main.communicate(timeout=60)
    assert main.returncode == 2
    assert f"is no longer at {tmp_path / 's' / 'study.jsonl'}" in output
    assert "Traceback" not in output
    assert not (tmp_path / "s" / "study.jsonl").exists()
    assert processes_of(tmp_path / "t") == []
    assert read_study(tmp_path / "t").stopped is None


def test_infeasible_jobs_are_no_parents_but_of_rules_made_for_them(many_ends):
    """Half the batch and twice the accumulation answer missing memory; another knob, a diverged loss."""
    children = [job for job in many_ends.study.jobs.values() if job.round == 2]
    made_for = {"out_of_memory": {"oom", "oom_below", "memory_error"}, "non_finite": {"diverge"}}
    infeasible = {do for do, way in WAYS.items() if way.state == "INFEASIBLE"}
    for rule, parents in made_for.items():
        assert {job.plan.parent for job in children if job.plan.rule == rule} == parents
    assert {job.plan.parent for job in children if job.plan.rule not in made_for} & infeasible == set()
    smaller = next(job for job in children if job.plan.parent == "oom")
    assert smaller.plan.edits == ("batch_size@set=4", "gradient_accumulation_steps@set=2")
    assert smaller.state.value == "COMPLETE"
    failed = {do for do, way in WAYS.items() if way.state == "FAILED"}
    assert {job.plan.parent for job in children} & failed == set()


def test_no_config_runs_twice(many_ends):
    """What failed or was infeasible is not proposed again."""
    signatures = [job.plan.signature for job in many_ends.study.counted()]
    assert len(signatures) == len(set(signatures))


@pytest.mark.parametrize(("limit", "ended_by"), [("timeout_min", "timeout"), ("stall_min", "stalled")])
@pytest.mark.slow
def test_a_job_over_its_limit_is_a_timeout(tmp_path, limit, ended_by):
    """A hang ends by the time limit or because nothing is logged any more."""
    done = run(tmp_path / "s", f"{limit}=0.02", "do=hang", "grace_s=1")
    (job,) = done.study.jobs.values()
    assert done.code == 1
    assert (job.state.value, job.details.ended_by) == ("TIMEOUT", ended_by)
    assert job.error.endswith("for more than 0.02 minutes" if ended_by == "timeout" else "for 0.02 minutes")


def test_a_failed_job_is_tried_again_as_often_as_asked(tmp_path):
    """retries=1: the second try runs in a directory of its own, and its success is the job's."""
    done = run(tmp_path / "s", "do=raise", "once=true", "retries=1")
    assert done.code == 0, done.output
    first, second = done.study.jobs.values()
    assert (first.state.value, second.state.value, second.retry_of) == ("FAILED", "COMPLETE", 0)
    assert (first.run_dir, second.run_dir) == ("0", "1")


def test_a_supervisor_that_is_killed_costs_one_more_try(tmp_path):
    """What the machine does to a job is no failure of the job: it runs again, once without being asked to."""
    done = run(tmp_path / "s", "do=lose_supervisor", "once=true")
    assert done.code == 0, done.output
    assert [job.state.value for job in done.study.jobs.values()] == ["INTERRUPTED", "COMPLETE"]
    again = run(tmp_path / "t", "do=lose_supervisor")
    assert again.code == 1
    assert [job.state.value for job in again.study.jobs.values()] == ["INTERRUPTED", "INTERRUPTED"]


@pytest.mark.slow
def test_failures_in_a_row_end_the_study(tmp_path):
    """max_failures ends it with a clear reason and exit code 1; jobs that wait are not run."""
    variants = ",".join(f"v{number}:{{x@mul:0.{number}}}" for number in range(2, 7))
    done = run(tmp_path / "s", f"autoloop.variants={{{variants}}}", "n_jobs=1", "max_failures=2", "do=raise")
    assert done.code == 1
    assert "2 jobs failed in a row (max_failures=2)" in done.output
    assert [job.started for job in done.study.jobs.values()] == [True, True, False, False, False, False]
    fast = run(tmp_path / "t", f"autoloop.variants={{{variants}}}", "n_jobs=1", "fail_fast=true", "do=raise")
    assert fast.code == 1
    assert "job 0 (baseline) failed and fail_fast is set" in fast.output
    assert [job.started for job in fast.study.jobs.values()] == [True] + [False] * 5


def test_a_task_that_exits_under_another_launcher_is_a_trial_too(tmp_path):
    """Hydra's basic launcher runs tasks in its own process: sys.exit ends one job, not the study."""
    done = run(
        tmp_path / "s",
        "hydra/launcher=basic",
        "autoloop.variants={leave:{do@set:exit},after:{x@mul:0.5}}",
    )
    assert done.code == 1
    assert done.states() == {"baseline": "COMPLETE", "leave": "FAILED", "after": "COMPLETE"}
    assert done.study.by_name("leave").error == "SystemExit: 3"


def test_a_kill_for_lack_of_memory_is_told_by_the_kernels_count(tmp_path):
    """A SIGKILL right after the kernel's count of such kills rose is its OOM killer's."""
    counters = tmp_path / "vmstat"
    counters.write_text("nr_free_pages 7\noom_kill 3\nx 1\n")
    kills = MemoryKills(counters)
    assert not kills.happened(now=0.0)
    counters.write_text("nr_free_pages 7\noom_kill 4\nx 1\n")
    assert kills.happened(now=10.0)
    assert not kills.happened(now=60.0)
    counters.unlink()
    assert not MemoryKills(counters).happened(now=0.0)


MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")


@pytest.fixture
def small_memory():
    """A memory cgroup of 48 MB, where this machine allows to make one."""
    line = next((one for one in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in one), "")
    group = MEMORY_GROUPS / line.rpartition(":")[2].lstrip("/") / f"autoloop-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no memory cgroup can be made here")
    (group / "memory.limit_in_bytes").write_text(str(48 << 20))
    yield group
    group.rmdir()


def test_the_kernels_oom_killer_is_recognised(tmp_path, small_memory):
    """A job that the kernel kills for its memory is INFEASIBLE, and the rule answers with half the batch."""
    done = run(
        tmp_path / "s", "do=eat_memory", "rounds=2", variables={"TEST_MEMORY_GROUP": str(small_memory)}
    )
    first = done.study.jobs[0]
    assert (first.state.value, first.details.signal) == ("INFEASIBLE", "SIGKILL")
    assert first.error.startswith("out of memory: the kernel's OOM killer")
    assert done.study.jobs[1].plan.rule == "out_of_memory"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 200 kB, where this machine allows to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_a_full_disk_ends_the_study_and_it_goes_on_where_there_is_room(small_disk):
    """A real one: what was written can be read, and with more room nothing more fails."""
    arguments = (FOUR_JOBS, "rounds=2")
    full = run(small_disk / "s", *arguments)
    assert full.code == 2, full.output
    assert "nothing that was written is lost" in full.output
    assert "Traceback" not in full.output
    assert processes_of(small_disk / "s") == []
    before = full.study
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    done = run(small_disk / "s", *arguments)
    failed = [job.job for job in done.study.counted() if job.state.value == "FAILED"]
    assert done.code == bool(failed), done.output
    assert failed == [job.job for job in before.counted() if job.state and job.state.value == "FAILED"]
    assert set(done.states().values()) - {"FAILED"} == {"COMPLETE"}
    assert done.study.header == before.header
    assert {number: done.study.jobs[number].plan for number in before.jobs} == {
        number: job.plan for number, job in before.jobs.items()
    }


@pytest.mark.slow
def test_a_limit_on_files_ends_the_study_and_nothing_written_is_damaged(tmp_path):
    """A quota that stops the journal in the middle: one message, then it goes on from there."""
    arguments = (FOUR_JOBS, "rounds=2")
    full = run(tmp_path / "s", *arguments, largest_file=9000)
    assert full.code == 2
    assert "cannot write to" in full.output
    assert "nothing that was written is lost. Make room" in full.output
    assert "Traceback" not in full.output
    assert processes_of(tmp_path / "s") == []
    before = full.events
    assert "trial" in {event["event"] for event in before}
    done = run(tmp_path / "s", *arguments)
    assert done.code == 0, done.output
    assert done.events[: len(before)] == before
    assert set(done.states().values()) == {"COMPLETE"}
