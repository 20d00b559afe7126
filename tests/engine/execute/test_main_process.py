"""Whatever ends the main process, its jobs and all they started end with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autoloop.engine.execute.processes import children, descendants
from tests.engine.execute.execute_helpers import is_gone, pids_in, wait_until

ENDLESS = """
import os, pathlib, time
pathlib.Path("pid.tmp").write_text(str(os.getpid()))
os.rename("pid.tmp", "pid")
time.sleep(600)
"""

PRELOAD_ENDLESS = """
from autoloop.engine.execute import Request
from autoloop.engine.execute.pool import Pool, PoolSettings
from autoloop.engine.slots import Slot
pool = Pool(PoolSettings(slots=(Slot(0),), preload=("endless",)))
list(pool.run([Request(0, argv=("true",), job_dir="0")]))
"""


@pytest.fixture
def start(tmp_path):
    """Start a main process with two running jobs; returns it, and all pids below it."""
    processes = []

    def run(body="worker_and_hang", grace_s=2.0):
        command = [sys.executable, str(Path(__file__).with_name("main_process.py"))]
        main = subprocess.Popen(
            [*command, str(tmp_path), body, str(grace_s)], stdout=subprocess.PIPE, text=True
        )
        processes.append(main)
        notes = [tmp_path / "pid0", tmp_path / "pid1"]
        wait_until(lambda: all(note.exists() for note in notes))
        below = [pid for pid in descendants(main.pid) if not _tracks_semaphores(pid)]
        below += [pid for note in notes for pid in pids_in(note)]
        assert len(set(below)) >= 5, "a zygote, two supervisors and two jobs at least"
        return main, set(below)

    yield run
    for main in processes:
        main.kill()
        main.wait()
        main.stdout.close()


def test_kill_9_leaves_nobody_behind(start):
    """Jobs, their workers, supervisors and the zygote are gone after the main process was killed."""
    main, below = start()
    main.kill()
    wait_until(lambda: all(is_gone(pid) for pid in below))


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_one_signal_asks_the_jobs_to_end(start, signum, code):
    """After Ctrl-C or SIGTERM no job starts, running ones are ended, and their outcomes are told."""
    main, below = start()
    main.send_signal(signum)
    out, _ = main.communicate(timeout=30)
    assert sorted(out.splitlines()) == ["0 interrupted None", "1 interrupted None"]
    assert main.returncode in (code, 130)
    assert all(is_gone(pid) for pid in below)


def test_kill_9_ends_a_zygote_that_is_importing(tmp_path):
    """A zygote that is busy importing for jobs to come ends with the main process."""
    (tmp_path / "endless.py").write_text(ENDLESS)
    main = subprocess.Popen([sys.executable, "-c", PRELOAD_ENDLESS], cwd=tmp_path)
    wait_until(lambda: (tmp_path / "pid").exists())
    main.kill()
    main.wait()
    wait_until(lambda: all(is_gone(pid) for pid in pids_in(tmp_path / "pid")))


def test_ctrl_c_does_not_wait_for_imports(tmp_path):
    """Ctrl-C while the zygote imports ends the main process and the zygote at once."""
    (tmp_path / "endless.py").write_text(ENDLESS)
    main = subprocess.Popen([sys.executable, "-c", PRELOAD_ENDLESS], cwd=tmp_path)
    wait_until(lambda: (tmp_path / "pid").exists())
    main.send_signal(signal.SIGINT)
    assert main.wait(timeout=30) != 0
    assert all(is_gone(pid) for pid in pids_in(tmp_path / "pid"))


def test_the_second_signal_does_not_wait(start):
    """Jobs that take their time are killed at once by a second Ctrl-C."""
    main, below = start("ignore_signals", grace_s=300.0)
    main.send_signal(signal.SIGINT)
    main.send_signal(signal.SIGTERM)
    out, _ = main.communicate(timeout=30)
    assert sorted(out.splitlines()) == ["0 interrupted SIGKILL", "1 interrupted SIGKILL"]
    assert all(is_gone(pid) for pid in below)


def test_a_second_signal_ends_jobs_whose_supervisor_is_stopped(start):
    """A debugger or SIGSTOP keeps a supervisor from obeying: it is woken, and its job is killed at once."""
    main, below = start("ignore_signals", grace_s=300.0)
    (zygote,) = children(main.pid)
    for supervisor in children(zygote):
        os.kill(supervisor, signal.SIGSTOP)
    main.send_signal(signal.SIGINT)
    main.send_signal(signal.SIGTERM)
    out, _ = main.communicate(timeout=30)
    assert [line.split()[1] for line in out.splitlines()] == ["interrupted", "interrupted"]
    wait_until(lambda: all(is_gone(pid) for pid in below))


INTERRUPTED = """
import os, signal, time
from autoloop.engine.execute.interrupts import Interrupts

def pass_on(again):
    print("again" if again else "first", flush=True)
    if not again:
        raise RuntimeError("no way")

with Interrupts(pass_on, patience_s=0.3):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
"""


def test_an_error_on_the_first_signal_does_not_lose_the_second_which_always_ends():
    """Whoever is told of a signal may fail, and what runs on after the second has its time limit."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout.split()) == (143, ["first", "again"])
    assert "no way" in done.stderr


def test_a_signal_to_the_whole_group_is_heard_once(start):
    """Ctrl-C in a terminal reaches the group; jobs are in groups of their own and are asked just once."""
    main, below = start()
    assert all(is_gone(pid) or _group(pid) != _group(main.pid) for pid in below)
    main.send_signal(signal.SIGINT)
    main.communicate(timeout=30)


def _tracks_semaphores(pid):
    """Whether it is multiprocessing's own: Python 3.14 starts one for joblib; it ends after its parent."""
    return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _group(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[2]
