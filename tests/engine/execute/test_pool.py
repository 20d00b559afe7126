"""Jobs come back whole, or say how they died; slots are exclusive and never idle."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from autoloop.engine.execute import Reply, Request
from autoloop.engine.execute.processes import descendants, has_opened_gpu
from autoloop.store.status import read_status
from tests.engine.execute import job_bodies as bodies
from tests.engine.execute.execute_helpers import is_gone, pids_in, wait_until

HERE = __name__.rpartition(".")[0]
KILLS_ZYGOTE, SETS_UP = f"{HERE}.kills_zygote", f"{HERE}.sets_up_at_import"


def test_values_come_back_as_the_jobs_end(make_pool, job):
    """Outcomes come in the order in which jobs end, each with its value, slot, log and figures."""
    pool = make_pool(2)
    outcomes = list(pool.run([job(0, bodies.sleep, 1.0, "slow"), job(1, bodies.give, {"a": 1})]))
    assert [(outcome.index, outcome.value) for outcome in outcomes] == [(1, {"a": 1}), (0, "slow")]
    assert {outcome.slot for outcome in outcomes} == {0, 1}
    for outcome in outcomes:
        assert outcome.ok
        assert (outcome.exit_code, outcome.signal, outcome.ended_by, outcome.error) == (0, None, None, "")
        assert outcome.log.endswith(f"{outcome.index}/job.log")
        assert outcome.started_at < outcome.ended_at
        assert outcome.pid > 0
        assert outcome.max_rss_mb > 1
        assert outcome.cpu_s > 0


DEATHS = [
    # function, arguments, exit code, signal, error (a part of it)
    (bodies.fail, (), 1, None, "ValueError: no such thing"),
    (bodies.leave, (3,), 3, None, ""),
    (bodies.leave, ("bye",), 1, None, "bye"),
    (bodies.drop, (4,), 4, None, ""),
    (bodies.crash, (), None, "SIGSEGV", "Segmentation fault"),
    (bodies.be_killed, (), None, "SIGKILL", "ValueError: handled long ago"),
    (bodies.want_too_much, (), 1, None, "MemoryError"),
]


def test_every_death_is_told_and_loses_no_other_job(make_pool, job):
    """Exceptions, exits, crashes and kills each come back as data, and the jobs between them succeed."""
    requests = []
    for number, (function, args, *_) in enumerate(DEATHS):
        requests += [job(2 * number, function, *args), job(2 * number + 1, bodies.give, number)]
    outcomes = {outcome.index: outcome for outcome in make_pool(2).run(requests)}
    assert len(outcomes) == 2 * len(DEATHS)
    for number, (function, _, exit_code, signal_name, error) in enumerate(DEATHS):
        died, survived = outcomes[2 * number], outcomes[2 * number + 1]
        assert (died.exit_code, died.signal, died.ended_by) == (exit_code, signal_name, None), function
        assert error in (Path(died.log).read_text() if signal_name else died.error)
        assert not (signal_name and died.error), "a signal leaves a job no time to say why"
        assert not died.ok
        assert survived.value == number


def test_a_hanging_job_is_ended_at_its_time_limit(make_pool, job):
    """A job over its limit is ended, and the outcome says that it was the limit."""
    (outcome,) = make_pool(timeout_s=0.3).run([job(0, bodies.hang)])
    assert outcome.ended_by == "timeout"
    assert outcome.exit_code == 130
    assert outcome.error.startswith("it ran for more than")
    assert is_gone(outcome.pid)


def test_a_silent_job_is_ended_and_a_talking_one_is_not(make_pool, job):
    """A job whose log does not grow is stalled; one that goes on writing may take its time."""
    pool = make_pool(2, stall_s=0.8)
    requests = [job(0, bodies.hang), job(1, bodies.print_lines, 16, 0.1)]
    outcomes = {outcome.index: outcome for outcome in pool.run(requests)}
    assert outcomes[0].ended_by == "stalled"
    assert outcomes[1].ok


def test_a_job_that_ignores_every_polite_signal_is_killed(make_pool, job, tmp_path):
    """SIGINT and SIGTERM may be ignored; SIGKILL follows within the grace time."""
    pool = make_pool(grace_s=0.5)
    outcomes = pool.run([job(0, bodies.ignore_signals, str(tmp_path / "ready"))])
    stop_when(pool, tmp_path / "ready")
    (outcome,) = outcomes
    assert (outcome.signal, outcome.ended_by) == ("SIGKILL", "stopped")


def stop_when(pool, path):
    """Stop job 0 of ``pool``, from another thread, once ``path`` exists."""

    def stop():
        wait_until(path.exists)
        wait_until(lambda: pool.stop(0))  # the pool may hear of the start later than we

    threading.Thread(target=stop).start()


def test_a_stopped_job_may_save_what_it_has(make_pool, job, tmp_path):
    """The first signal is SIGINT, and a job that handles it delivers its value."""
    pool = make_pool(grace_s=20)
    outcomes = pool.run([job(0, bodies.tidy_up, str(tmp_path / "started"), str(tmp_path / "saved"))])
    stop_when(pool, tmp_path / "started")
    (outcome,) = outcomes
    assert (tmp_path / "saved").read_text() == "all rows"
    assert (outcome.value, outcome.exit_code, outcome.ended_by) == ("saved", 0, "stopped")
    assert not outcome.ok
    assert not pool.stop(0), "a job that has ended cannot be stopped"


@pytest.mark.parametrize("body", [bodies.leave_worker, bodies.leave_daemon])
def test_nothing_survives_the_end_of_its_job(make_pool, job, tmp_path, body):
    """Workers in sessions of their own and daemonised grandchildren are ended with their job."""
    note = tmp_path / "pid"
    (outcome,) = make_pool().run([job(0, body, str(note))])
    assert outcome.ok
    assert all(is_gone(pid) for pid in pids_in(note))


def test_nothing_survives_the_time_limit(make_pool, job, tmp_path):
    """A time limit ends the workers of a job as well."""
    note = tmp_path / "pid"
    (outcome,) = make_pool(timeout_s=0.5).run([job(0, bodies.worker_and_hang, str(note))])
    assert outcome.ended_by == "timeout"
    assert all(is_gone(pid) for pid in pids_in(note))


def test_a_job_finds_its_slot_in_its_environment(make_pool, job):
    """Each job sees the GPUs of its slot, its share of the threads and what its request sets."""
    pool = make_pool(2, gpus=("6", "GPU-b"))
    names = ("CUDA_VISIBLE_DEVICES", "ACCELERATE_USE_CPU", "MINE")
    requests = [job(index, bodies.environment, *names, env={"MINE": str(index)}) for index in range(4)]
    for outcome in pool.run(requests):
        assert outcome.gpus == (("6",), ("GPU-b",))[outcome.slot]
        assert outcome.value == {
            "CUDA_VISIBLE_DEVICES": outcome.gpus[0],
            "ACCELERATE_USE_CPU": "False",
            "MINE": str(outcome.index),
        }


def test_nothing_leaks_from_job_to_job(make_pool, job, monkeypatch):
    """What a job does to its environment stays in its process, which no other job gets."""
    monkeypatch.setenv("WANDB_SERVICE", "2-1-tcp-localhost-1")
    monkeypatch.setenv("KEPT", "yes")
    names = ("LEAK", "WANDB_SERVICE", "KEPT")
    first, second = make_pool().run(
        [
            job(0, bodies.set_variable, "LEAK", "drip"),
            job(1, bodies.environment, *names),
        ]
    )
    assert second.value == {"LEAK": None, "WANDB_SERVICE": None, "KEPT": "yes"}
    assert first.value == first.pid != second.pid


def test_a_job_sees_the_environment_of_its_own_start(make_pool, job, monkeypatch):
    """Variables that the main process changes between jobs reach the later jobs."""
    pool = make_pool()
    for value in ("one", "two"):
        monkeypatch.setenv("CHANGING", value)
        (outcome,) = pool.run([job(0, bodies.environment, "CHANGING")])
        assert outcome.value == {"CHANGING": value}


def test_jobs_draw_different_random_numbers(make_pool, job):
    """Jobs forked from one process do not share its random state."""
    pool = make_pool(preload=("numpy.random",))
    first, second = pool.run([job(0, bodies.random_numbers), job(1, bodies.random_numbers)])
    assert first.value[0] != second.value[0]
    assert first.value[1] != second.value[1]


def test_a_slot_is_held_for_the_whole_life_of_its_job(make_pool, job):
    """Jobs of one slot never overlap, whatever ends first, and all slots are used."""
    pool = make_pool(3, gpus=("0", "1", "2"))
    requests = [job(index, bodies.sleep, 0.05 * (index % 4)) for index in range(12)]
    by_slot = {}
    for outcome in pool.run(requests):
        by_slot.setdefault(outcome.slot, []).append((outcome.started_at, outcome.ended_at))
    assert set(by_slot) == {0, 1, 2}
    for times in by_slot.values():
        times.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(times))


def test_jobs_are_taken_one_by_one(make_pool, job):
    """A job is taken when a slot is free for it, so the source may wait for earlier outcomes."""
    known = threading.Event()
    taken = []

    def source():
        for index in range(3):
            taken.append(index)
            yield job(index, bodies.give, index)
        known.wait(30)
        yield job(3, bodies.give, "after the others")

    outcomes = []
    for outcome in make_pool(4).run(source()):
        outcomes.append(outcome)
        if len(outcomes) == 3:
            known.set()
    assert taken == [0, 1, 2]
    assert outcomes[-1].value == "after the others"


def test_no_job_is_taken_ahead_of_time(make_pool, job):
    """With one slot, the second job is asked for only after the first has ended."""
    taken_at = []

    def source():
        for index in range(2):
            taken_at.append(time.time())
            yield job(index, bodies.sleep, 0.2)

    first, _ = make_pool().run(source())
    assert taken_at[1] >= first.ended_at


def test_an_error_in_the_source_ends_the_run(make_pool, job):
    """What the source raises is raised where outcomes are read, after the running jobs ended."""

    def source():
        yield job(0, bodies.give, 0)
        raise LookupError("no more ideas")

    outcomes = []
    with pytest.raises(LookupError, match="no more ideas"):
        for outcome in make_pool().run(source()):
            outcomes.append(outcome)  # noqa: PERF402  what came before the error counts
    assert [outcome.value for outcome in outcomes] == [0]


def test_leaving_the_loop_ends_the_jobs(make_pool, job, tmp_path):
    """A consumer that leaves early leaves no job behind, even where the source would block."""
    never = threading.Event()

    def source():
        yield job(0, bodies.give, 0)
        yield job(1, bodies.worker_and_hang, str(tmp_path / "pid"))
        never.wait()

    run = make_pool(2).run(source())
    next(run)
    wait_until((tmp_path / "pid").exists)
    run.close()
    assert all(is_gone(pid) for pid in pids_in(tmp_path / "pid"))


def test_a_reply_says_more_than_a_value(make_pool, job):
    """A call can fail with a value: exit code and error come from its reply."""
    (outcome,) = make_pool().run(
        [job(0, bodies.give, Reply("half", error="the rest is missing", exit_code=9))]
    )
    assert (outcome.value, outcome.exit_code, outcome.error) == ("half", 9, "the rest is missing")


def test_a_command_is_a_job_as_well(make_pool, tmp_path):
    """A request may be a command; its output is in job.log and its exit code in the outcome."""
    argv = (sys.executable, "-c", "print('out'); raise SystemExit(7)")
    (outcome,) = make_pool().run([Request(0, argv=argv, job_dir=str(tmp_path / "0"))])
    assert (outcome.exit_code, outcome.value) == (7, None)
    assert (tmp_path / "0" / "job.log").read_text() == "out\n"


def test_a_program_that_is_not_there_is_a_failed_job(make_pool, tmp_path):
    """A command that cannot be started says which one."""
    (outcome,) = make_pool().run([Request(0, argv=("no-such-program",), job_dir=str(tmp_path / "0"))])
    assert outcome.exit_code == 1
    assert "no-such-program" in (tmp_path / "0" / "job.log").read_text()


def test_the_status_file_tells_the_whole_story(make_pool, job, tmp_path):
    """status.json is whole JSON while the job runs and after it ended."""
    pool = make_pool(gpus=("3",))
    status = tmp_path / "0" / "status.json"
    outcomes = pool.run([job(0, bodies.tidy_up, str(tmp_path / "started"), str(tmp_path / "saved"))])
    seen = []

    def look_and_stop():
        wait_until(lambda: (tmp_path / "started").exists() and read_status(tmp_path / "0"))
        seen.append(json.loads(status.read_text()))
        wait_until(lambda: pool.stop(0))  # the pool may hear of the start later than we

    threading.Thread(target=look_and_stop).start()
    (outcome,) = outcomes
    ended = json.loads(status.read_text())
    assert (seen[0]["state"], ended["state"]) == ("running", "ended")
    assert seen[0]["pid"] == ended["pid"] == outcome.pid
    assert ended["gpus"] == ["3"]
    assert (ended["exit_code"], ended["ended_by"], ended["signal"]) == (0, "stopped", None)
    assert ended["ended_at"] == outcome.ended_at


def test_a_dead_zygote_is_replaced(make_pool, job):
    """Jobs go on when the zygote is killed: the running one ends well, the next get a new zygote."""
    pool = make_pool()
    zygotes = []

    def source():
        yield job(0, bodies.give, 0)
        zygotes.append(pool._zygote.pid)
        os.kill(zygotes[0], signal.SIGKILL)
        wait_until(lambda: is_gone(zygotes[0]))
        yield job(1, bodies.give, 1)

    assert [outcome.value for outcome in pool.run(source())] == [0, 1]
    assert pool._zygote.pid != zygotes[0]


def test_an_import_that_kills_the_zygote_spoils_nothing(make_pool, job):
    """Jobs import by themselves where importing ended the zygote."""
    pool = make_pool(preload=(KILLS_ZYGOTE,))
    pool.share("unharmed")
    outcomes = list(pool.run([job(0, bodies.give_shared), job(1, bodies.import_and_give, KILLS_ZYGOTE)]))
    assert [outcome.value for outcome in outcomes] == ["unharmed", KILLS_ZYGOTE]


def test_what_an_import_sets_up_for_all_jobs_lasts_until_the_last_has_ended(make_pool, job):
    """Jobs run no exit handler of the process they were forked from; it does, once, at its own end."""
    pool = make_pool(preload=(SETS_UP,))
    seen = [outcome.value for outcome in pool.run(job(i, bodies.see_what_an_import_set_up) for i in range(3))]
    assert len(seen[0]) == 3
    assert seen == [seen[0]] * 3
    pool.close()
    assert not any(Path(directory).exists() for directory in seen[0])


def test_what_an_import_sets_up_outlives_interrupted_jobs_and_no_longer(make_pool, job, tmp_path):
    """Also when a consumer has had enough, or Ctrl-C came, and the last jobs are still saving."""
    pool = make_pool(preload=(SETS_UP,))
    note = tmp_path / "note"

    def requests():
        yield job(0, bodies.give, 0)
        yield job(1, bodies.see_and_hang, str(note))

    outcomes = pool.run(requests())
    next(outcomes)
    wait_until(lambda: note.exists() and note.read_text())
    outcomes.close()
    directories = note.read_text().split()
    assert len(directories) == 3
    pool.close()
    assert not any(Path(directory).exists() for directory in directories)


def test_a_job_ends_as_a_process_of_its_own(make_pool, job, tmp_path):
    """Its own exit handlers run, its threads and processes are waited for, what it logged is written."""
    (outcome,) = make_pool().run([job(0, bodies.end_in_every_way, str(tmp_path))])
    names = ("finalize", "atexit", "multiprocessing", "thread", "process")
    assert [name for name in names if not (tmp_path / name).exists()] == []
    assert (tmp_path / "log").read_text() == "logged\n"
    assert Path(outcome.log).read_text() == "printed"


def test_a_thread_that_never_ends_is_named_and_its_job_ended_by_the_limit(make_pool, job):
    """Python waits for it for ever; what the task returned is known all the same."""
    body = bodies.return_with_a_thread_that_never_ends
    (outcome,) = make_pool(timeout_s=1.5).run([job(0, body)])
    assert (outcome.ended_by, outcome.value) == ("timeout", 1)
    assert "its end waits for threads: forgotten" in Path(outcome.log).read_text()


def test_a_gpu_that_an_import_opened_is_noticed(tmp_path):
    """CUDA is told by its device file; the files that merely listing GPUs opens do not count."""
    (tmp_path / "3").symlink_to("/dev/nvidiactl")
    (tmp_path / "4").symlink_to("/dev/nvidia0")
    assert not has_opened_gpu(tmp_path)
    (tmp_path / "5").symlink_to("/dev/nvidia-uvm")
    assert has_opened_gpu(tmp_path)


def test_large_values_come_back_whole(make_pool, job):
    """A value larger than any pipe's buffer arrives, from several jobs at a time."""
    requests = [job(index, bodies.give_bytes, 20_000_000) for index in range(2)]
    assert [len(outcome.value) for outcome in make_pool(2).run(requests)] == [20_000_000] * 2


def test_what_cannot_be_shared_fails_in_the_job(make_pool, job):
    """A shared object that cannot be unpickled is an error of the jobs that ask for it."""
    pool = make_pool()
    pool.share(bodies.Unloadable())
    first, second = pool.run([job(0, bodies.give_shared), job(1, bodies.give, 1)])
    assert "ZeroDivisionError" in first.error
    assert second.value == 1


def test_a_killed_supervisor_takes_its_job_along(make_pool, job, tmp_path):
    """A job whose supervisor is killed dies, with its workers, and its outcome says why."""
    pool = make_pool()
    note = tmp_path / "pid"

    def kill_supervisor():
        wait_until(lambda: note.exists() and read_status(tmp_path / "0"))
        status = json.loads((tmp_path / "0" / "status.json").read_text())
        os.kill(status["supervisor_pid"], signal.SIGKILL)

    outcomes = pool.run([job(0, bodies.worker_and_hang, str(note)), job(1, bodies.give, 1)])
    threading.Thread(target=kill_supervisor).start()
    lost, after = outcomes
    assert "supervises" in lost.error
    assert after.value == 1
    wait_until(lambda: all(is_gone(pid) for pid in pids_in(note)))


def test_starts_are_staggered(make_pool, job):
    """Two jobs start at least stagger_s apart."""
    pool = make_pool(2, stagger_s=0.5)
    first, second = sorted(
        outcome.started_at for outcome in pool.run([job(n, bodies.give, n) for n in (0, 1)])
    )
    assert second - first > 0.45


def test_closing_leaves_no_process(make_pool, job):
    """After the last job and close() the main process has no children left."""
    before = set(descendants(os.getpid()))
    pool = make_pool(2)
    list(pool.run([job(index, bodies.give, index) for index in range(3)]))
    pool.close()
    assert set(descendants(os.getpid())) <= before


def test_dataloader_workers_live_and_die_with_their_job(make_pool, job, tmp_path):
    """DataLoader workers run in a job of a zygote that has torch loaded, and end with the job."""
    pytest.importorskip("torch")
    pool = make_pool(preload=("torch",), timeout_s=60)
    well, hung = str(tmp_path / "well"), str(tmp_path / "hang")

    def stop():
        wait_until(Path(hung).exists)
        wait_until(lambda: pool.stop(1))

    threading.Thread(target=stop).start()
    first, second = pool.run(
        [
            job(0, bodies.train_with_workers, well),
            job(1, bodies.train_with_workers, hung),
        ]
    )
    assert first.value == 28.0
    assert second.ended_by == "stopped"
    assert all(is_gone(pid) for pid in pids_in(well) + pids_in(hung))


def test_no_row_of_a_stopped_job_is_lost(make_pool, job, tmp_path):
    """W&B's rows are all on disk after a job was ended from outside, although it was hanging."""
    pytest.importorskip("wandb")
    env = {
        "WANDB_CONFIG_DIR": str(tmp_path),
        "WANDB_CACHE_DIR": str(tmp_path),
        "WANDB_ERROR_REPORTING": "false",
    }
    note = tmp_path / "note"
    request = job(0, bodies.log_to_wandb, str(tmp_path), str(note), env=env)
    pool = make_pool(grace_s=60, preload=("wandb",))
    outcomes = pool.run([request])
    stop_when(pool, note)
    (outcome,) = outcomes
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert (outcome.exit_code, outcome.signal) == (130, None)
    assert all(str(1000.5 + step).encode() in file.read_bytes() for step in range(50))


def test_importing_values_imports_nothing_heavy():
    """What the zygote imports before it is told to is light."""
    code = (
        "import sys, autoloop.engine.execute.zygote; "
        "print([name for name in ('joblib', 'torch', 'wandb', 'hydra') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_time_limit_holds_although_the_supervisor_is_stopped(make_pool, job, tmp_path):
    """A supervisor that SIGSTOP or a debugger holds is woken some seconds after it should have spoken."""

    def stop_supervisor():
        wait_until(lambda: read_status(tmp_path / "0"))
        os.kill(read_status(tmp_path / "0")["supervisor_pid"], signal.SIGSTOP)

    threading.Thread(target=stop_supervisor).start()
    (outcome,) = make_pool(timeout_s=1.0).run([job(0, bodies.hang)])
    assert (outcome.ended_by, outcome.ok) == ("timeout", False)


@pytest.fixture
def freezer():
    """A cgroup whose processes even SIGKILL does not end while it is frozen."""
    group = Path("/sys/fs/cgroup/freezer") / f"autoloop-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no freezer cgroup can be made here")
    yield group
    (group / "freezer.state").write_text("THAWED")
    wait_until(lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()


@pytest.mark.slow
def test_a_job_that_cannot_be_killed_costs_its_slot(make_pool, job, tmp_path, freezer, caplog):
    """It is told, its slot gets no further job, the other one does; without any slot the pool says why."""

    def freeze():
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        (freezer / "cgroup.procs").write_text((tmp_path / "pid").read_text())
        (freezer / "freezer.state").write_text("FROZEN")

    threading.Thread(target=freeze).start()
    pool = make_pool(2, timeout_s=2.0, grace_s=1.0)
    stuck = job(0, bodies.ignore_signals, str(tmp_path / "pid"))
    outcomes = {
        one.index: one for one in pool.run([stuck, *(job(n, bodies.sleep, 0.01) for n in range(1, 6))])
    }
    assert outcomes[0].ended_by == "timeout"
    assert "cannot be killed" in outcomes[0].error
    assert [outcomes[number].ok for number in range(1, 6)] == [True] * 5
    assert "is lost for this run" in caplog.text
    free = [slot.index for slot in pool.slots if slot.index != outcomes[0].slot]
    assert [one.slot for one in pool.run([job(6, bodies.sleep, 0.01)])] == free
