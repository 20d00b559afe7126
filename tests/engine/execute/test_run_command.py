"""Commands inside jobs: their status comes back, and Ctrl-C reaches them once."""

import sys
import threading
import time

from autoloop.engine.execute.command import run_command
from tests.engine.execute.execute_helpers import is_gone, pids_in, wait_until
from tests.helpers.places import ROOT

COUNT_SIGINTS = """
import pathlib, signal, sys, time
count = 0
def note(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, note)
pathlib.Path(sys.argv[1]).write_text("ready")
while not count:
    time.sleep(0.01)
time.sleep(0.3)
pathlib.Path(sys.argv[2]).write_text(str(count))
sys.exit(5)
"""


def command_that_counts(ready, counted):
    return run_command([sys.executable, "-c", COUNT_SIGINTS, ready, counted])


def command_that_leaves_a_worker(note):
    code = f"from tests.engine.execute import job_bodies; job_bodies.leave_worker({note!r})"
    return run_command([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)})


def test_the_status_and_the_output_come_back(tmp_path):
    """The exit code is returned, and the output is appended to the log."""
    log = tmp_path / "train.log"
    log.write_text("before\n")
    code = "import os; print(os.environ['MINE'], os.getcwd()); raise SystemExit(3)"
    status = run_command([sys.executable, "-c", code], env={"MINE": "yes"}, cwd=tmp_path, log=log)
    assert status == 3
    assert log.read_text() == f"before\nyes {tmp_path}\n"


def test_a_signal_is_a_negative_status():
    """A command that a signal ended returns minus its number."""
    assert run_command([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) == -9


def test_a_stopped_job_passes_sigint_on_once(make_pool, job, tmp_path):
    """The command gets one SIGINT and ends in its own time; then the job ends as interrupted."""
    ready, counted = tmp_path / "ready", tmp_path / "counted"
    pool = make_pool(grace_s=30)
    run = pool.run([job(0, command_that_counts, str(ready), str(counted))])
    outcomes = []

    def collect():
        outcomes.extend(run)

    thread = threading.Thread(target=collect)
    thread.start()
    wait_until(lambda: ready.exists() and ready.read_text() == "ready")
    time.sleep(0.1)
    assert pool.stop(0)
    thread.join()
    assert counted.read_text() == "1"
    assert (outcomes[0].exit_code, outcomes[0].ended_by) == (130, "stopped")


def test_workers_of_a_command_end_with_the_job(make_pool, job, tmp_path):
    """What a command leaves running does not outlive the job."""
    note = tmp_path / "pid"
    (outcome,) = make_pool().run([job(0, command_that_leaves_a_worker, str(note))])
    assert outcome.value == 0
    assert all(is_gone(pid) for pid in pids_in(note))
