"""The live view as a user sees it: in a terminal, through a pipe, from another terminal."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autoloop.store.journal import read_study
from tests.helpers import warm
from tests.helpers.live_app.terminal import APP as SCRIPT
from tests.helpers.live_app.terminal import Terminal, environment

APP = [str(SCRIPT), "-m", "hydra/sweeper=autoloop", "hydra/launcher=slots"]
STUDY = [
    *APP,
    "hydra.sweep.dir=study",
    "hydra.launcher.n_jobs=2",
    "hydra.sweeper.metrics={objective:loss}",
    "hydra.sweeper.variants={fast:{lr@mul:0.5}}",
]
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")

Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a command in a terminal; whatever still runs at the end of the test is ended."""
    started: list[Terminal] = []

    def run(*words: str, **settings: Any) -> Terminal:
        started.append(Terminal(words, tmp_path, **settings))
        return started[-1]

    yield run
    for terminal in started:
        terminal.child.close(force=True)


def both_at_step_40(screen: str) -> bool:
    return screen.count("40/100") == 2


def test_a_terminal_shows_the_study_while_it_runs_and_keeps_the_last_view(start: Start, tmp_path: Path):
    """Progress is there while jobs run; lines that are logged stay whole; the cursor is never lost."""
    terminal = start(*STUDY)
    screen = terminal.wait_until(both_at_step_40)
    assert "round 1 of 1: 0 done, 2 running, 0 waiting, 0 failed" in screen
    assert re.search(r"^ +0 +0 baseline +━+.* 40/100 +0\.02439 +0\.02439 +20 +\d:\d\d$", screen, re.MULTILINE)
    assert re.search(r"^ +1 +1 fast +━+.* 40/100 +0\.0122 +0\.0122 +20 +\d:\d\d$", screen, re.MULTILINE)
    assert terminal.cursor_is_visible
    (tmp_path / "gate").touch()
    assert terminal.finish() == 0
    lines = terminal.all_lines()
    assert sum(line.startswith("round 1 of 1: 2 done") for line in lines) == 1, "one view, drawn over itself"
    assert sum("round 1 of 1" in line for line in lines) == 1
    assert "best fast 0.00495, better than baseline (-50.0 %)   loss, lower is better" in lines
    assert "over: the round is done" in lines
    for event in (
        "job 0 started: baseline",
        "job 1 started: fast",
        "job 0 COMPLETE: baseline, objective 0.0099",
    ):
        assert sum(event in line for line in lines) == 1
    assert not any("to the log of the job" in line for line in lines)
    assert terminal.cursor_is_visible


def test_a_failed_job_is_a_warning_on_the_screen_without_its_control_codes(start: Start, tmp_path: Path):
    (tmp_path / "gate").touch()
    terminal = start(*STUDY, "fails=true")
    assert terminal.finish() == 1
    screen = terminal.shown()
    assert "Warnings" in screen
    assert "! job 1 fast: failed: ValueError: no luck today" in screen
    assert b"\x1b[31mluck" not in terminal.output


@pytest.mark.slow
def test_ctrl_c_ends_the_study_as_it_does_without_a_view(start: Start):
    terminal = start(*STUDY)
    terminal.wait_until(both_at_step_40)
    terminal.child.sendintr()
    assert terminal.finish() == 130
    text = "\n".join(terminal.all_lines())
    assert "interrupted; the same command with hydra.sweep.dir=study continues from here" in text
    assert "0 done, 0 running, 0 waiting, 0 failed, 2 stopped" in text
    assert terminal.cursor_is_visible


@pytest.mark.slow
def test_kill_9_leaves_the_terminal_usable_and_watch_tells_of_it(start: Start):
    terminal = start(*STUDY)
    terminal.wait_until(both_at_step_40)
    terminal.child.kill(signal.SIGKILL)
    terminal.child.wait()
    assert terminal.cursor_is_visible
    watcher = start("-m", "autoloop", "watch", "study")
    assert watcher.finish() == 1
    assert "! no process runs this study any more" in watcher.shown()


@pytest.mark.parametrize(("words", "term"), [(["hydra.sweeper.live=false"], "xterm-256color"), ([], "dumb")])
def test_a_terminal_gets_plain_lines_where_a_view_is_not_wanted_or_not_possible(
    start: Start, tmp_path: Path, words: list[str], term: str
):
    (tmp_path / "gate").touch()
    terminal = start(*STUDY, *words, term=term)
    assert terminal.finish() == 0
    text = "\n".join(terminal.all_lines())
    assert "the study ends after" in text
    assert "round 1 of 1" not in text
    assert b"\x1b" not in terminal.output


def test_a_pipe_gets_one_plain_line_for_each_event(tmp_path: Path):
    (tmp_path / "gate").touch()
    done = warm.run([sys.executable, *STUDY], cwd=tmp_path, env=environment(), check=True)
    plain = (done.stdout + done.stderr).replace("\t#", "#")  # Hydra's own lines for jobs begin with a tab
    assert not CONTROL.search(plain)
    for event in (
        "round 1: 2 jobs",
        "job 0 started: baseline",
        "job 0 COMPLETE: baseline",
        "the study ends after",
    ):
        assert plain.count(event) == 1


def test_watch_shows_a_running_study_from_another_terminal_and_ends_with_it(start: Start, tmp_path: Path):
    runner = start(*STUDY)
    runner.wait_until(both_at_step_40)
    before = snapshot(tmp_path / "study")
    watcher = start("-m", "autoloop", "watch", "study", columns=90, lines=24)
    screen = watcher.wait_until(both_at_step_40)
    assert "2 running" in screen
    assert "0 baseline" in screen and "1 fast" in screen
    assert snapshot(tmp_path / "study") == before, "watching writes nothing"
    (tmp_path / "gate").touch()
    assert watcher.finish() == 0
    assert "over: the round is done" in watcher.shown()
    assert runner.finish() == 0


@pytest.mark.slow
def test_watch_left_by_ctrl_c_leaves_the_study_running(start: Start, tmp_path: Path):
    runner = start(*STUDY)
    runner.wait_until(both_at_step_40)
    watcher = start("-m", "autoloop", "watch", "study")
    watcher.wait_until(both_at_step_40)
    watcher.child.sendintr()
    assert watcher.finish() == 130
    assert "Traceback" not in "\n".join(watcher.all_lines())
    (tmp_path / "gate").touch()
    assert runner.finish() == 0
    assert len(read_study(tmp_path / "study").jobs) == 2


def snapshot(directory: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file; the links to runs, which the sweeper keeps, left out."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file() and path.parent != directory / "wandb"
    }
