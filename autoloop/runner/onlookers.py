"""Who looks at a study while it runs: the terminal, the user's notify command, W&B's viewer.

None of them can change or harm it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from autoloop.config.knobs import Live
from autoloop.config.settings import Settings
from autoloop.engine.launchers import JobLauncher
from autoloop.store.journal import Journal
from autoloop.strategies.entries import SpaceEntry
from autoloop.views.export.mirror import OptunaMirror
from autoloop.views.live.progress import ProgressReader
from autoloop.views.live.repeat import Repeat
from autoloop.views.live.screen import Screen, can_show
from autoloop.views.live.view import View, view
from autoloop.views.live.watch import PERIOD_S, hints
from autoloop.views.notify.notifier import Notifier
from autoloop.views.serve.beside import page_beside
from autoloop.views.wandb_commands import RunLinks

MIRROR_PERIOD_S = 2.0  # between two looks for jobs that ended
LINKS_PERIOD_S = 5.0  # between two looks for the addresses of runs


@contextmanager
def onlookers(journal: Journal, settings: Settings, launcher: JobLauncher) -> Iterator[None]:
    """Let everybody look who may, until the context ends.

    Args:
        journal: The open journal of the study.
        settings: What the study does.
        launcher: What runs the jobs.
    """
    study_dir = journal.path.parent
    links = RunLinks(study_dir)
    with ExitStack() as stack:
        stack.enter_context(Repeat(lambda: links.update(journal.snapshot()), LINKS_PERIOD_S, "links to runs"))
        if settings.storage is not None:
            mirror = _mirror(settings, settings.storage, settings.study_name or study_dir.resolve().name)
            stack.enter_context(
                Repeat(lambda: mirror.update(journal.snapshot()), MIRROR_PERIOD_S, "copy in Optuna's storage")
            )
        if settings.serve:
            stack.enter_context(page_beside(study_dir))
        if settings.notify.command is not None:
            journal.observers.append(stack.enter_context(Notifier(settings.notify, study_dir)).on_event)
        if wants_screen(settings.live, launcher.streams) and can_show(sys.stdout):
            stack.enter_context(_shown(journal, study_dir, settings))
        yield


def _mirror(settings: Settings, storage: str, name: str) -> OptunaMirror:
    """The study as an Optuna study, with the parameters of its space."""
    space = getattr(settings.strategy, "space", None) or {}
    entries = {path: SpaceEntry.read(path, given) for path, given in space.items() if given is not False}
    return OptunaMirror(
        storage,
        name,
        choices={path: entry.choices for path, entry in entries.items() if entry.choices},
        starts={path: entry.start[0] for path, entry in entries.items() if entry.start},
        conditions={path: entry.where for path, entry in entries.items() if entry.where},
    )


def wants_screen(live: Live, streams: bool) -> bool:
    """Whether a live view is wanted with such a launcher."""
    return live == "true" or (live == "auto" and streams)


@contextmanager
def _shown(journal: Journal, study_dir: Path, settings: Settings) -> Iterator[None]:
    """Draw the study on the terminal."""
    progress = ProgressReader(study_dir, settings.metrics)

    def look() -> View:
        study, now = journal.snapshot(), time.time()
        return view(study, progress.update(study, now), now, study_dir, hints=hints(study_dir))

    with Screen() as screen, Repeat(lambda: screen.show(look()), PERIOD_S, "live view"):
        yield
