"""Watching a study from another process, read only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from autoloop.store.journal import JournalReader, is_left
from autoloop.study.record import Event, Study
from autoloop.views.analysis.sources import study_metrics
from autoloop.views.live.lines import describe
from autoloop.views.live.progress import ProgressReader
from autoloop.views.live.screen import Screen, can_show
from autoloop.views.live.view import View, view
from autoloop.views.wandb_commands import leet_command

PERIOD_S = 0.5  # between two drawings
EMPTY = "the journal is empty: no study has begun here yet, or its process ended before it did"
GONE = "no process runs this study any more; the command that started it continues it"


class Follower:
    """Follows a study: journal and histories, each as far as they are new.

    Args:
        study_dir: The study's directory.

    Attributes:
        over: Whether nothing more is to come: the study is finished, or its process is gone.

    Raises:
        JournalError: There is no study, or its journal is damaged.
    """

    def __init__(self, study_dir: Path) -> None:
        self.over = False
        self._study_dir = study_dir
        self._reader = JournalReader(study_dir)
        self._progress: ProgressReader | None = None
        self._gone = False

    @property
    def study(self) -> Study:
        """The study as far as it has been read."""
        return self._reader.study

    def update(self) -> list[Event]:
        """Read the events that are new and return them."""
        gone = is_left(self.study, self._study_dir)  # asked first: what it wrote before its end is then read
        events = self._reader.update()
        self._gone = gone and self.study.stopped is None
        self.over = self._gone or self.study.stopped is not None
        return events

    def look(self) -> View:
        """What there is to see now."""
        now = time.time()
        if self._progress is None:
            self._progress = ProgressReader(self._study_dir, study_metrics(self.study))
        progress = self._progress.update(self.study, now)
        return view(self.study, progress, now, self._study_dir, self.notes, hints(self._study_dir))

    @property
    def notes(self) -> list[str]:
        """What is wrong with the study beyond what its journal tells."""
        return [GONE] if self._gone else [] if self.study.begun else [EMPTY]


def hints(study_dir: Path) -> list[str]:
    """Commands that show more of a study."""
    return list(filter(None, [leet_command(study_dir)]))


def watch(study_dir: Path, stream: IO[str], sleep: Callable[[float], None] = time.sleep) -> bool:
    """Show a study until it ends: as a live view on a terminal, else one line for each event.

    Args:
        study_dir: The study's directory.
        stream: Where to show it.
        sleep: Waits so many seconds.

    Returns:
        Whether the study was finished; False if its process is gone.

    Raises:
        JournalError: There is no study, or its journal is damaged.
    """
    watcher = Follower(study_dir)
    news = watcher.update()
    with ExitStack() as stack:
        show = _lines(watcher, stream)
        if can_show(stream):
            screen = stack.enter_context(Screen(stream))
            show = lambda _: screen.show(watcher.look())  # noqa: E731
        show(news)
        while not watcher.over:
            sleep(PERIOD_S)
            show(watcher.update())
    return watcher.study.stopped is not None


def _lines(watcher: Follower, stream: IO[str]) -> Callable[[Sequence[Event]], None]:
    """Shows events as lines, and each note once."""
    noted: set[str] = set()

    def show(events: Sequence[Event]) -> None:
        lines = [describe(event, watcher.study) for event in events]
        notes = [note for note in watcher.notes if note not in noted]
        noted.update(notes)
        for line in [*lines, *notes]:
            print(line, file=stream, flush=True)

    return show
