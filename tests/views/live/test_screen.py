"""What is printed while a view is shown stays whole, and everything is put back in the end."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pyte
import pytest

from autoloop.runner.onlookers import wants_screen
from autoloop.views.live.repeat import Repeat
from autoloop.views.live.screen import Screen, can_show
from tests.views.live.test_draw import VIEW


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal, since a real one would be the tests' own."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> FakeTerminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return FakeTerminal()


@contextmanager
def shown_on(stream: FakeTerminal) -> Iterator[Screen]:
    """Standard output is that terminal, and a screen is on it."""
    with redirect_stdout(stream), Screen() as screen:
        yield screen


def test_a_log_handler_writes_above_the_view_and_gets_its_stream_back(terminal: FakeTerminal):
    logger = logging.getLogger("tests.of.the.screen")
    logger.propagate = False
    before = logging.StreamHandler(terminal)
    logger.addHandler(before)
    with redirect_stdout(terminal):
        with Screen() as screen:
            assert before.stream is not terminal
            inside = logging.StreamHandler(sys.stdout)  # as Hydra makes one when it starts a launcher
            logger.addHandler(inside)
            screen.show(VIEW)
            logger.warning("a\x1b[31mb\x1b[0m")
        assert sys.stdout is terminal
    logger.removeHandler(before)
    logger.removeHandler(inside)
    assert before.stream is terminal and inside.stream is terminal
    assert terminal.getvalue().count("a\x1b[31mb\x1b[0m\n") == 2, "colours of a line are kept"


def test_a_stream_that_is_no_terminal_is_left_alone(terminal: FakeTerminal):
    """Standard error that goes to a file still goes there."""
    error = io.StringIO()
    with redirect_stderr(error), shown_on(terminal):
        assert sys.stderr is error


def test_of_a_progress_bar_the_last_state_is_printed(terminal: FakeTerminal):
    with shown_on(terminal):
        print("\r10%", end="")
        print("\r20%", end="")
        print("\r30%\nnext", end="")
    text = terminal.getvalue()
    assert "30%" in text and "10%" not in text and "20%" not in text
    assert "next" in text, "a line without an end is not lost"


def test_many_threads_that_print_do_not_tear_the_view(terminal: FakeTerminal):
    """Every line comes out whole, and each view is erased before the next line is written."""
    views = [replace(VIEW, slots=VIEW.slots[:rows], hints=()) for rows in (1, 4)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # let threads get in each other's way as often as can be
    with shown_on(terminal) as screen:

        def speak(name: int) -> None:
            for number in range(25):
                sys.stdout.write(f"<{name}:{number}>\n")
                screen.show(views[number % 2])

        threads = [threading.Thread(target=speak, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    sys.setswitchinterval(usual)
    shown = pyte.HistoryScreen(100, 40, history=1000)
    pyte.Stream(shown).feed(terminal.getvalue().replace("\n", "\r\n"))
    lines = ["".join(line[i].data for i in range(100)).rstrip() for line in shown.history.top]
    lines += [line.rstrip() for line in shown.display]
    assert sum(line.startswith("act_ot  out/demo") for line in lines) == 1
    assert sorted(line for line in lines if line.startswith("<")) == sorted(
        f"<{name}:{number}>" for name in range(4) for number in range(25)
    )


@pytest.mark.parametrize(
    ("term", "encoding", "shows"),
    [("xterm", "utf-8", True), ("dumb", "utf-8", False), ("xterm", "latin-1", False)],
)
def test_a_view_needs_a_terminal_that_can_show_it(
    terminal: FakeTerminal, monkeypatch: pytest.MonkeyPatch, term: str, encoding: str, shows: bool
):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(FakeTerminal, "encoding", encoding)
    assert can_show(terminal) is shows
    assert not can_show(io.StringIO())


@pytest.mark.parametrize(
    ("live", "streams", "wanted"),
    [("auto", True, True), ("auto", False, False), ("true", False, True), ("false", True, False)],
)
def test_other_launchers_print_into_the_terminal_so_they_get_a_view_only_on_request(
    live: str, streams: bool, wanted: bool
):
    assert wants_screen(live, streams) is wanted  # type: ignore[arg-type]


def test_an_error_of_an_onlooker_ends_the_onlooker_only(caplog: pytest.LogCaptureFixture):
    looked = threading.Event()

    def look() -> None:
        looked.set()
        raise OSError("gone")

    with Repeat(look, 0.0, "live view"):
        assert looked.wait(30)
    assert "the live view has ended; the study goes on" in caplog.text


def test_repeating_acts_once_more_at_the_end(tmp_path: Path):
    acts: list[int] = []
    with Repeat(lambda: acts.append(1), 3600.0, "test"):
        pass
    assert acts == [1]
