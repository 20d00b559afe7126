"""The studies below a directory."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from autoloop.errors import JournalError
from autoloop.store.files import inside
from autoloop.store.journal import FILE_NAME
from autoloop.views.report import text
from autoloop.views.serve.observed import Observed

DEEPEST = 4
"""Levels of directories that are looked through."""
MOST_STUDIES, MOST_DIRS = 500, 20_000
MOST_SHOWN = 300
"""Characters of a place that are told in an error."""
LOOK_S = 5.0
"""Seconds for which a list of studies is good."""
TAIL_BYTES = 20_000


class Shelf:
    """Finds studies, and keeps those that are looked at.

    Args:
        root: The directory; a study itself, or above some.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._known: dict[str, Observed] = {}
        self._list: list[dict[str, Any]] = []
        self._listed_at = -float("inf")

    def observed(self, place: str) -> Observed:
        """The study at a place below the directory, followed from now on.

        Raises:
            JournalError: There is none, its journal is damaged, or the place leads elsewhere.
        """
        with self._lock:
            directory = inside(self._root, place.replace("\0", "?")) if place else self._root
            known = os.path.realpath(directory)  # whatever words lead there
            if known not in self._known:
                is_study = False
                with suppress(OSError):  # a name that is too long for any file
                    is_study = (directory / FILE_NAME).is_file()
                if not is_study:
                    shown = text.clean(place[:MOST_SHOWN]) or "this directory"
                    raise JournalError(f"there is no study in {shown}")
                self._known[known] = Observed(directory)
            return self._known[known]

    def listed(self) -> list[dict[str, Any]]:
        """The studies, those written to last first."""
        with self._lock:
            if time.monotonic() - self._listed_at >= LOOK_S:
                self._list = sorted(self._found(), key=lambda one: -one["changed_at"])
                self._listed_at = time.monotonic()
            return self._list

    def _found(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        left, seen = [(self._root, 0)], 0
        while left and len(found) < MOST_STUDIES and seen < MOST_DIRS:
            directory, depth = left.pop()
            seen += 1
            is_study = (directory / FILE_NAME).is_file()
            if is_study:
                found.append(self._entry(directory))
            with suppress(OSError), os.scandir(directory) as entries:
                for entry in entries:
                    earlier = entry.name.startswith("previous_")
                    deeper = depth < DEEPEST and not entry.name.startswith(".") and (earlier or not is_study)
                    if deeper and entry.is_dir(follow_symlinks=False):
                        left.append((Path(entry.path), depth + 1))
        return found

    def _entry(self, directory: Path) -> dict[str, Any]:
        place = "" if directory == self._root else str(directory.relative_to(self._root))
        path = directory / FILE_NAME
        first, last = _ends(path)
        return {
            "dir": place,
            "name": text.clean(place or directory.resolve().name),
            "task": text.clean(str(first.get("task") or "")),
            "began_at": _number(first.get("time")),
            "changed_at": _number(last.get("time")),
            "over": text.clean(str(last.get("reason", ""))) if last.get("event") == "stop" else "",
        }


def _ends(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first and the last whole line of a journal."""
    try:
        with path.open("rb") as file:
            first = file.readline(10 * TAIL_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return {}, {}
    return _record(first), _record(lines[-1] if lines else b"")


def _record(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else 0.0
