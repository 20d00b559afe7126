"""One way to run another program for a limited time."""

import subprocess
import sys

import pytest

from autoloop.engine.execute.limited import ask, run_limited
from autoloop.store.lock import is_alive, start_time

#: Starts a program that outlives it and holds its outputs open, tells its pid, then does what is said.
WITH_REST = "sleep 60 & echo $!; echo told >&2; "


def lives(pid: str) -> bool:
    return is_alive(int(pid), start_time(int(pid)) or "")


@pytest.mark.parametrize("end_rest", [True, False])
def test_a_program_s_end_is_not_held_up_by_what_it_started(end_rest):
    done = run_limited(["sh", "-c", WITH_REST + "cat; exit 3"], "given", timeout_s=30, end_rest=end_rest)
    rest, given = done.stdout.split("\n")
    assert (done.returncode, given, done.stderr) == (3, "given", "told\n")
    if not end_rest:
        subprocess.run(["kill", rest], check=True)  # it was left alone


def test_a_program_that_takes_too_long_ends_with_all_it_started(tmp_path):
    words = ["sh", "-c", f"(sleep 60; touch {tmp_path}/late) & echo $! > {tmp_path}/pid; wait"]
    with pytest.raises(subprocess.TimeoutExpired):
        run_limited(words, timeout_s=1)
    assert not lives((tmp_path / "pid").read_text())


def test_what_cannot_be_read_is_no_reason_to_lose_the_rest():
    words = [sys.executable, "-c", r"import sys; sys.stdout.buffer.write(b'a\xff\r\n')"]
    assert run_limited(words, timeout_s=30).stdout == "a\ufffd\n"
    assert run_limited(["sh", "-c", "echo a; echo b >&2"], timeout_s=30, merged=True).stdout == "a\nb\n"


@pytest.mark.parametrize("words", [["false"], ["no-such-program-here"], ["sleep", "60"]])
def test_who_asks_hears_nothing_from_a_program_that_fails_or_hangs(words):
    assert ask(words, 0.5) is None
    assert ask(["echo", "yes"], 30) == "yes\n"
