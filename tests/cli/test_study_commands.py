"""report, why, sync, promote, plan and resume: commands on one study."""

import json
import re
import shlex
import shutil

import pytest

from autoloop.history import read_history
from autoloop.store.journal import Journal, read_study
from tests.cli.app import write_run


def test_report_is_drawn_again(cli, study):
    """From journal and histories, byte for byte, curves included, even where the reports were deleted."""
    before = {path.name: path.read_bytes() for path in (study / "reports").rglob("*") if path.is_file()}
    shutil.rmtree(study / "reports")
    done = cli("report", study)
    drawn = {path.name: path.read_bytes() for path in (study / "reports").rglob("*") if path.is_file()}
    assert done.exit_code == 0 and drawn == before
    assert b'id="curves"' in drawn["report.html"]
    assert len(done.stdout.splitlines()) == len(drawn)


def test_why_tells_the_story_of_a_job_by_name_or_number(cli, study):
    """Parent, rule, numbers, edits, outcome; the nearest name for one that is not there."""
    by_name, by_number = cli("why", study, "r2_still_improving"), cli("why", study, "2")
    assert by_name.stdout == by_number.stdout
    assert "still_improving" in by_name.stdout and "lr 0.001 -> 0.002" in by_name.stdout
    wrong = cli("why", study, "r2_still_improvin")
    assert wrong.exit_code == 2 and "did you mean 'r2_still_improving'?" in wrong.stderr


def test_sync_prints_one_command_for_all_offline_runs(cli, study, tree):
    """A pattern where it names exactly the offline runs, else each of them; oldest first."""
    assert cli("sync", study).stdout == f"wandb sync {shlex.quote(str(study))}/*/wandb/offline-run-*\n"
    words = shlex.split(cli("sync", tree).stdout)
    assert words[:2] == ["wandb", "sync"] and len(words) == 2 + 5
    assert words[2].endswith("offline-run-20260101_000001-id01")


def test_sync_without_offline_runs_has_nothing_to_do(cli, tmp_path):
    """Exit code 1: there is nothing to upload."""
    run = write_run(tmp_path, 0.1, 3, "20260101_000001", {})
    run.parent.rename(run.parent.with_name("run-20260101_000001-id01"))
    assert cli("sync", tmp_path).exit_code == 1


def test_promote_prints_the_command_of_the_best_job_or_of_any(cli, study):
    """The job's exact overrides, with the user's on top."""
    best = cli("promote", study, "steps=200000")
    assert "app.py luck=luck.txt lr=0.002 steps=200000" in best.stdout
    assert "app.py luck=luck.txt" in cli("promote", study, "baseline").stdout
    assert cli("promote", study, "basline").exit_code == 2


def test_promote_starts_it_when_asked(process, study, tmp_path):
    """--run becomes the training, with its exit code."""
    out = tmp_path / "full"
    done = process(
        "-m", "autoloop", "promote", study, "steps=50", f"hydra.run.dir={out}", "--run", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert read_history(out)["train/loss"].steps[-1] == 50


def test_plan_shows_round_1_and_runs_nothing(process, tmp_path):
    """The same words as for the training; nothing is written below the directory of the study."""
    words = ("rounds=2", "steps=20", "ot.lambda_ot@set=0.3", "ot.loss_config.reg@mul=1.0,2.0")
    done = process("-m", "autoloop", "plan", *words, f"hydra.sweep.dir={tmp_path}/study", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Nothing was run." in done.stdout and "reg_mul_2.0" in done.stdout
    assert re.search(r"^job 0  baseline +ot.lambda_ot: 0.1 -> 0.3$", done.stdout, re.MULTILINE), done.stdout
    assert not (tmp_path / "study").exists()


def test_plan_of_a_mistake_is_wrong_usage(process, tmp_path):
    """As for the training itself: exit code 2, one message."""
    done = process(
        "-m", "autoloop", "plan", "ot.lambd_ot@set=0.3", f"hydra.sweep.dir={tmp_path}/s", cwd=tmp_path
    )
    assert done.returncode == 2 and "did you mean 'lambda_ot'?" in done.stderr
    assert "Traceback" not in done.stderr


def events(study):
    return [json.loads(line)["event"] for line in (study / "study.jsonl").read_text().splitlines()]


def test_resume_of_a_finished_study_runs_nothing(process, study, tmp_path):
    """Nothing is left to do, whatever became of its jobs: that is said, and is no failure."""
    before = events(study)
    done = process("-m", "autoloop", "resume", study, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing to do: the study in" in done.stdout
    assert events(study) == before


def test_resume_runs_what_is_left(process, study, tmp_path):
    """A study whose end is cut off goes on from there, with the decisions of then."""
    lines = (study / "study.jsonl").read_text().splitlines(keepends=True)
    kinds = events(study)
    cut = next(i for i, kind in enumerate(kinds) if kind == "decisions") + 1
    (study / "study.jsonl").write_text("".join(lines[:cut]))
    shutil.rmtree(study / "2")
    done = process("-m", "autoloop", "resume", study, cwd=tmp_path)
    assert done.returncode == 1, "one job failed in round 1"
    assert events(study)[cut:] == ["resume", "round", "job", "trial", "decisions", "stop"]
    assert read_study(study).jobs[2].name == "r2_still_improving"


def test_resume_failed_runs_only_what_failed(process, study, tmp_path):
    """The failed job has a new number and a new directory; nothing else runs."""
    (study / "luck.txt").touch()
    done = process("-m", "autoloop", "resume", study, "--failed", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    jobs = read_study(study).jobs
    assert [job.name for job in jobs.values()] == ["baseline", "fast", "r2_still_improving", "fast"]
    assert jobs[3].retry_of == 1 and jobs[3].state.value == "COMPLETE" and jobs[3].run_dir == "3"
    again = process("-m", "autoloop", "resume", study, "--failed", cwd=tmp_path)
    assert again.returncode == 2 and "no job of the study" in again.stderr


def test_resume_failed_waits_for_nobody(cli, study):
    """A study that another process runs is refused, and its journal is left alone."""
    before = events(study)
    with Journal(study):
        done = cli("resume", study, "--failed")
    assert done.exit_code == 2 and "is being run by process" in done.stderr
    assert events(study) == before


@pytest.mark.parametrize(
    "field, value, message", [("command", "", "does not hold"), ("cwd", "/no/such", "no longer exists")]
)
def test_resume_without_a_way_back_says_so(cli, study, field, value, message):
    """A journal without a command, or a directory that is gone."""
    lines = (study / "study.jsonl").read_text().splitlines(keepends=True)
    header = {**json.loads(lines[0]), field: value}
    (study / "study.jsonl").write_text(json.dumps(header) + "\n" + "".join(lines[1:]))
    done = cli("resume", study, "--failed")
    assert done.exit_code == 2 and message in done.stderr
