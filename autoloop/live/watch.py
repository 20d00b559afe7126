"""Watching a study from another process, read only."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from autoloop.journal import JournalReader
from autoloop.live.lines import told
from autoloop.live.progress import ProgressReader
from autoloop.live.screen import Screen, can_show
from autoloop.live.view import View, view
from autoloop.metrics import Metrics
from autoloop.study import Study
from autoloop.wandb_commands import leet_command

PERIOD_S = 0.5
GONE = "no process runs this study any more; the command that started it goes on from here"


class Watcher:
    """Follows a study: journal and histories, each as far as they are new.

    Args:
        study_dir: The study's directory.

    Raises:
        JournalError: There is no study, or its journal is damaged.
    """

    def __init__(self, study_dir: Path) -> None:
        self.study_dir = study_dir
        self.reader = JournalReader(study_dir)
        self.news = self.reader.update()
        self._progress = ProgressReader(study_dir, study_metrics(self.study))

    @property
    def study(self) -> Study:
        """The study as far as it has been read."""
        return self.reader.study

    def look(self) -> View:
        """What there is to see now."""
        now = time.time()
        notes = [GONE] if self.left_alone else []
        progress = self._progress.update(self.study, now)
        return view(self.study, progress, now, self.study_dir, notes, leet_command(self.study_dir))

    @property
    def left_alone(self) -> bool:
        """Whether the study is unfinished and the process that ran it, on this machine, is gone."""
        last = ([self.study.header, *self.study.resumes] or [{}])[-1]
        if self.study.stopped or last.get("host") != socket.gethostname():
            return False
        return not Path(f"/proc/{last.get('pid')}").exists()

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.study.stopped is not None or self.left_alone


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
    watcher = Watcher(study_dir)
    (_draw if can_show(stream) else _print)(watcher, stream, sleep)
    return watcher.study.stopped is not None


def _draw(watcher: Watcher, stream: IO[str], sleep: Callable[[float], None]) -> None:
    with Screen(stream) as screen:
        while True:
            screen.show(watcher.look())
            if watcher.over:
                return
            sleep(PERIOD_S)
            watcher.reader.update()


def _print(watcher: Watcher, stream: IO[str], sleep: Callable[[float], None]) -> None:
    events = watcher.news
    while True:
        for event in events:
            print(told(event, watcher.study), file=stream, flush=True)
        if watcher.over:
            break
        sleep(PERIOD_S)
        events = watcher.reader.update()
    if watcher.left_alone:
        print(GONE, file=stream, flush=True)


def study_metrics(study: Study) -> Metrics:
    """Aliases, goals and the objective as the study was started with them."""
    return Metrics.read((study.header.get("settings") or {}).get("metrics") or {})
