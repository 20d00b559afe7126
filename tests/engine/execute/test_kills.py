"""Random kills: every job has an outcome, and nobody is left behind."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autoloop.engine.execute.processes import descendants
from tests.engine.execute import job_bodies as bodies
from tests.engine.execute.execute_helpers import is_gone, wait_until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(3))
def test_random_kills_lose_no_outcome(make_pool, job, seed):
    """Jobs, supervisors and zygotes are killed at random; each job still gets its one outcome."""
    generator = random.Random(seed)
    pool = make_pool(4)
    before = set(descendants(os.getpid()))
    requests = [job(index, bodies.sleep, generator.uniform(0, 0.2), index) for index in range(80)]
    outcomes = []
    for outcome in pool.run(requests):
        outcomes.append(outcome)
        below = [pid for pid in descendants(os.getpid()) if pid not in before]
        if below and generator.random() < 0.4:
            with contextlib.suppress(ProcessLookupError):
                os.kill(generator.choice(below), signal.SIGKILL)
    assert sorted(outcome.index for outcome in outcomes) == list(range(80))
    assert all(outcome.value == outcome.index for outcome in outcomes if outcome.ok)
    assert any(outcome.ok for outcome in outcomes)
    assert not all(outcome.ok for outcome in outcomes)
    pool.close()
    wait_until(lambda: set(descendants(os.getpid())) <= before)


@pytest.mark.parametrize("seed", range(20))
def test_kill_9_at_any_moment_leaves_nobody_behind(tmp_path, seed):
    """Wherever the main process is when it is killed, all that it started ends."""
    generator = random.Random(seed)
    command = [sys.executable, str(Path(__file__).with_name("main_process.py")), str(tmp_path)]
    main = subprocess.Popen([*command, "worker_and_hang", "2.0"])
    seen = set()
    deadline = time.monotonic() + generator.uniform(0.05, 1.5)
    while time.monotonic() < deadline:
        seen.update(descendants(main.pid))
        time.sleep(0.01)
    seen.update(descendants(main.pid))
    main.kill()
    main.wait()
    wait_until(lambda: all(is_gone(pid) for pid in seen))
    notes = [int(note.read_text()) for note in tmp_path.glob("pid*") if note.read_text()]
    wait_until(lambda: all(is_gone(pid) for pid in notes))
