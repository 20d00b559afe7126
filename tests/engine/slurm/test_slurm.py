"""Studies on a real SLURM: the same loop as in slots, whatever happens to jobs, nodes and main processes."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys

import pytest

from autoloop.store.journal import read_study
from autoloop.study.trials import TrialState
from tests.engine.slurm.cluster import (
    SLURM,
    asked,
    end_of,
    events,
    handles,
    queued,
    ran,
    run,
    shared_gpus,
    start,
    tell,
    wait_until,
)
from tests.helpers.curves_app.launch import APP, jobs_without_their_own
from tests.helpers.flow_app.launch import always
from tests.helpers.flow_app.launch import run as run_flow
from tests.helpers.studies_app.launch import FOUR_JOBS, ROOT, TWO_JOBS, command, environment
from tests.helpers.studies_app.launch import run as run_in_slots

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.timeout(240),
    pytest.mark.usefixtures("nothing_is_left"),
]


def outline(study):
    """What a study decided and found, without the order, which the length of jobs decides."""
    jobs = study.counted()
    return sorted(
        (job.round, job.plan.parent or "", job.plan.edits, job.state, job.objective) for job in jobs
    )


def test_three_rounds_of_the_built_in_task(tmp_path):
    """Three rounds of four trainings run to their end, and no two jobs see one GPU at a time."""
    study_dir = tmp_path / "study"
    words = [
        "cluster=slurm",
        f"hydra.sweep.dir={study_dir}",
        "rounds=3",
        "steps=20",
        "n_jobs=4",
        "live=false",
    ]
    words += [
        "rules=none",
        "+rules.step={_target_:autoloop.rules.Fallback,edits:['policy.optimizer_lr@mul=0.9']}",
    ]
    words += ["hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1", "hydra.launcher.poll_s=0.5"]
    done = subprocess.run(
        [sys.executable, "-m", "autoloop.train", "-m", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    study = read_study(study_dir)
    tell(study)
    assert study.rounds == [1, 2, 3]
    assert [job.state.value for job in study.jobs.values()] == ["COMPLETE"] * 12
    assert all(len(job.gpus) == 1 for job in study.jobs.values())
    assert shared_gpus(study) == []


def test_a_study_decides_as_it_does_in_slots(tmp_path):
    """Two rounds on SLURM and in slots: the same jobs, parents, edits and results."""
    on_slurm = run(tmp_path / "slurm", FOUR_JOBS, "rounds=2", "n_jobs=4")
    in_slots = run_in_slots(tmp_path / "slots", FOUR_JOBS, "rounds=2", "n_jobs=2")
    assert (on_slurm.code, in_slots.code) == (0, 0), on_slurm.output
    assert outline(on_slurm.study) == outline(in_slots.study)
    assert (tmp_path / "slurm" / "reports" / "report.html").is_file()


def test_each_job_has_exactly_its_own_curve(tmp_path):
    """Twelve jobs that log to W&B themselves, in two rounds, two at a time."""
    done = run(tmp_path / "study", script=APP)
    assert done.code == 0, done.output
    assert len(done.study.counted()) == 12
    assert jobs_without_their_own(done) == []


def test_each_death_is_one_failed_trial(tmp_path):
    """Jobs that are killed, lose their supervisor, exit, hang or are cancelled fail alone; each tells why.

    So does one that reaches SLURM's own limit: warned ahead of it, it is ended politely and is a TIMEOUT.
    """
    limited = start(tmp_path / "limited", "do=hang", "hydra.launcher.time_min=1", "hydra.launcher.gres=null")
    study_dir = tmp_path / "study"
    ways = {
        "killed": "kill",
        "lost": "lose_supervisor",
        "exits": "exit",
        "hangs": "hang",
        "cancelled": "say_nothing",
    }
    variants = ",".join(f"{name}:{{do@set:{way}}}" for name, way in ways.items())
    process = start(study_dir, f"autoloop.variants={{{variants}}}", "n_jobs=6", "timeout_min=0.2")
    number = 1 + list(ways).index("cancelled")
    wait_until(lambda: (study_dir / str(number) / "began").exists(), process)
    asked("scancel", handles(study_dir)[number])
    done = end_of(process, study_dir)
    assert done.code == 1
    assert done.states() == {
        "baseline": "COMPLETE",
        "killed": "FAILED",
        "lost": "FAILED",
        "exits": "FAILED",
        "hangs": "TIMEOUT",
        "cancelled": "FAILED",
    }
    jobs = {job.name: job for job in done.study.jobs.values()}
    assert jobs["killed"].error == "killed by SIGKILL"
    assert "ended without a result: FAILED" in jobs["lost"].error
    assert (jobs["exits"].details.exit_code, jobs["exits"].error) == (3, "SystemExit: 3")
    assert "CANCELLED" in jobs["cancelled"].error
    warned = end_of(limited, tmp_path / "limited")
    assert warned.states() == {"baseline": "TIMEOUT"}
    assert warned.study.jobs[0].ended_at - warned.study.jobs[0].started_at < 60
    assert queued() == []


def test_a_node_that_dies_costs_its_jobs_only(cluster, tmp_path):
    """Its jobs start again in fresh run dirs where that is wanted, and are failed trials where it is not."""
    again, once = tmp_path / "again", tmp_path / "once"
    process = start(again, TWO_JOBS, "do=hang", "once=true", "n_jobs=2")
    wait_until(lambda: len(ran(again)) == 2, process)
    node = cluster.node_of(handles(again)[0])
    there = ("hydra.launcher.gres=null", f"hydra.launcher.sbatch={{nodelist:{node}}}")
    other = start(once, "do=hang", "hydra.launcher.requeue=false", *there)
    wait_until(lambda: ran(once), other)
    cluster.kill_node(node)
    done, lost = end_of(process, again), end_of(other, once)
    assert lost.code == 1
    assert lost.states() == {"baseline": "FAILED"}
    assert "NODE_FAIL" in lost.study.jobs[0].error
    assert done.code == 0, done.output
    assert done.states() == {"baseline": "COMPLETE", "half": "COMPLETE"}
    restarted = [event for event in events(again) if event["event"] == "placed" and event["restarts"]]
    assert {event["job"]: event["run_dir"] for event in restarted} == {
        job.job: f"{job.job}_again1" for job in done.study.jobs.values() if job.restarts
    }
    assert 0 in [event["job"] for event in restarted]
    assert (again / "0_again1" / "lineage.json").is_file()


def test_a_preempted_job_starts_again(tmp_path):
    """More urgent work takes the whole cluster for a moment: the study goes on afterwards, and says so."""
    study_dir = tmp_path / "study"
    process = start(study_dir, "do=hang", "once=true")
    wait_until(lambda: ran(study_dir), process)
    asked("sbatch", "--partition=urgent", "--nodes=3", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
    done = end_of(process, study_dir)
    assert done.code == 0, done.output
    (job,) = done.study.jobs.values()
    assert (job.state.value, job.run_dir, job.restarts) == ("COMPLETE", "0_again1", 1)
    assert "started again by its engine, in 0_again1" in done.output


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_later_main_process_adopts_the_jobs_that_run(tmp_path, signum):
    """The main process ends while four jobs run: they go on, and the same command collects all four."""
    study_dir = tmp_path / "study"
    words = (
        "autoloop.variants={a:{sleep_s@set:0.5},b:{sleep_s@set:0.6},c:{sleep_s@set:7.5}}",
        "sleep_s=6.0",
        "n_jobs=4",
    )
    first = start(study_dir, *words)
    wait_until(lambda: len(ran(study_dir)) == len(handles(study_dir)) == 4, first)
    first.send_signal(signum)
    first.communicate()
    assert first.returncode == (143 if signum == signal.SIGTERM else -signum)
    done = run(study_dir, *words)
    assert done.code == 0, done.output
    assert set(done.states().values()) == {"COMPLETE"}
    assert sorted(ran(study_dir)) == [0, 1, 2, 3]
    assert "is adopted" in done.output


def test_a_job_is_found_whose_submission_was_not_written_down(tmp_path):
    """Killed between SLURM's answer and the line that records it: the job is found, not run twice."""
    study_dir = tmp_path / "study"
    kill = {"TEST_KILL_WHEN": "before", "TEST_KILL_LINE": "placed:1"}
    first = start(study_dir, "sleep_s=1", script="interrupted.py", **kill)
    first.communicate()
    assert first.returncode == -signal.SIGKILL
    assert handles(study_dir) == {}
    done = run(study_dir, "sleep_s=1")
    assert done.code == 0, done.output
    assert ran(study_dir) == [0]
    assert list(handles(study_dir)) == [0]


def test_ctrl_c_ends_the_jobs(tmp_path):
    """The job that runs is ended, the one that waits is taken out and never runs; both are INTERRUPTED."""
    study_dir = tmp_path / "study"
    whole_node = "hydra.launcher.sbatch={nodelist:n1,exclusive:true}"
    process = start(study_dir, TWO_JOBS, "do=hang", "n_jobs=2", whole_node)
    wait_until(lambda: ran(study_dir) and len(handles(study_dir)) == 2, process)
    process.send_signal(signal.SIGINT)
    interrupted = end_of(process, study_dir)
    assert interrupted.code == 130
    assert set(interrupted.states().values()) == {"INTERRUPTED"}
    assert len(ran(study_dir)) == 1
    assert queued() == []


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("hydra.launcher.partition=nowhere", "invalid partition specified: nowhere"),
        ("hydra.launcher.mem_gb=17", "mem=17408MB): Memory specification can not be satisfied"),
        ("hydra.launcher.gres=gpu:3", "Requested node configuration is not available"),
    ],
)
def test_what_slurm_refuses_is_told_before_anything_runs(tmp_path, setting, reason):
    """What no node will ever have ends the command with SLURM's own words and exit code 2."""
    refused = start(tmp_path / "study", setting)
    output, _ = refused.communicate()
    assert refused.returncode == 2, output
    assert reason in output
    assert "Traceback" not in output
    assert not (tmp_path / "study" / "study.jsonl").exists()


def test_the_main_process_as_a_slurm_job(tmp_path):
    """The batch script of docs/clusters.md: warned of its time limit, it comes back and goes on."""
    study_dir = tmp_path / "study"
    page = (ROOT / "docs" / "clusters.md").read_text()
    script = re.search(r"```bash\n(.*?)```", page, re.DOTALL)[1]
    documented = next(line for line in script.splitlines() if "autoloop.train" in line)
    ours = shlex.join(command(study_dir, *SLURM, TWO_JOBS, "sleep_s=8.0", "n_jobs=2"))
    batch = tmp_path / "main.sh"
    batch.write_text(script.replace(documented, f"{ours} &"))
    subprocess.run(["sbatch", f"--chdir={tmp_path}", str(batch)], env=environment(), check=True)
    wait_until(lambda: len(ran(study_dir)) == 2 and len(handles(study_dir)) == 2)
    (main,) = asked("squeue", "--noheader", "--name=study", "--format=%i").split()
    asked("scancel", "--batch", "--signal=USR1", main)
    wait_until(lambda: not queued())
    study = read_study(study_dir)
    tell(study)
    assert [job.state.value for job in study.jobs.values()] == ["COMPLETE"] * 2
    assert sorted(ran(study_dir)) == [0, 1]
    assert len(study.resumes) == 1


def test_a_stop_rule_ends_a_job(tmp_path):
    """A child far behind its parent is ended politely, with the rows it logged, and counts as STOPPED."""
    rule = "hydra.sweeper.stop_rules={use:none,behind:{_target_:autoloop.stopping.Behind}}"
    words = ("lr=0.3", "pause_s=0.2", "steps=30", "hydra.sweeper.watch_s=0.1", "hydra.sweeper.rounds=2", rule)
    on_slurm = ("hydra.launcher.n_jobs=2", "hydra.launcher.poll_s=0.3", "hydra.sweeper.live=false")
    done = run_flow(tmp_path / "study", *words, always("worse", "lr@mul=40"), *on_slurm, launcher="slurm")
    tell(done.study)
    (bad,) = done.study.of_round(2)
    assert bad.state is TrialState.STOPPED, done.output
    assert bad.error.startswith("behind: ")
    assert 0 < bad.steps < 30


def test_hydra_submitit_launcher_works_as_any_other(tmp_path):
    """submitit_slurm runs a round, a failed job is one failed trial; one that is killed it would wait for."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    words = (
        "autoloop.variants={fails:{do@set:raise}}",
        "hydra.launcher.timeout_min=20",
        "+autoloop.live=false",
    )
    done = run_in_slots(tmp_path / "study", "hydra/launcher=submitit_slurm", *words)
    assert done.states() == {"baseline": "COMPLETE", "fails": "FAILED"}, done.output
