"""A run of very many metrics, cut down to those that a study looks at.

A metric has a summary in the journal, a goal, a row in tables: 100,000 of them, as a program logs that puts a
step or a layer into their names, would cost minutes a job and help nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from typing import Any

from autoloop.history.series import History

#: Metrics of one job that a study looks at.
MOST = 1_000


def bounded(history: History, watched: Iterable[str]) -> History:
    """Return a history with at most `MOST` of its metrics, and a note of how many were left out.

    Those that are watched come first, then those with the most points; of equally many the shorter name.

    Args:
        history: Any history.
        watched: Names and globs of metrics that somebody looks at.
    """
    if len(history) <= MOST:
        return history
    names = set(watched)
    globs = "|".join(translate(name) for name in names if "*" in name or "?" in name or "[" in name)
    is_watched = re.compile(globs).match if globs else names.__contains__

    def place(name: str) -> tuple[bool, int, int, str]:
        return not (name in names or is_watched(name)), -len(history[name]), len(name), name

    kept = history.select(sorted(sorted(history, key=place)[:MOST]))
    left = len(history) - len(kept)
    note = (
        f"the study uses {MOST:,} of its {len(history):,} metrics; the other {left:,} are only in its files"
    )
    kept.note = "; ".join(filter(None, [history.note, note]))
    return kept


def texts_in(settings: Any) -> tuple[str, ...]:
    """Return every text in settings, at any depth: among them are the names of metrics that are looked at."""
    if isinstance(settings, str):
        return (settings,)
    if isinstance(settings, Mapping):
        return tuple(text for pair in settings.items() for one in pair for text in texts_in(one))
    if isinstance(settings, list | tuple):
        return tuple(text for one in settings for text in texts_in(one))
    return ()
