"""Sources: the files that hold what a run logged, and what the reader of each tracker's files keeps to.

A tracker is a module (or package) of this one with two functions, in the table of `autoloop.history.find`::

    sources(folder: Path, names: Sequence[str]) -> list[Source]
    tail(source: Source, keys: Iterable[str] | None) -> Tail

``sources`` says which files of one listing of a directory are the tracker's, ``tail`` reads one source.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import localtime, strftime
from typing import Protocol

from autoloop.history.series import History


@dataclass(frozen=True, slots=True)
class Source:
    """What holds the history of a run, or a part of it.

    Attributes:
        path: The file; the directory where the files of one belong together.
        kind: What kind of file it is, as messages name it: ``csv``, ``tensorboard``; of W&B
            ``log`` (``.wandb``), ``jsonl`` (``wandb-history.jsonl``) or ``summary`` (the last values only).
        run_id: Sources of one tracker and one id are parts of one run, joined in order of their start. Empty
            where the source is all there is of its run.
        started: Sorts sources by the start of their runs: a time as ``YYYYmmdd_HHMMSS``, then the last change
            in nanoseconds.
        run_dir: The run's directory.
        tracker: Who writes such files, by its name in the table of trackers.
        part: Which run of several in one file, as ``tail`` finds it there; empty where the file holds one.
    """

    path: Path
    kind: str
    run_id: str
    started: tuple[str, int]
    run_dir: Path
    tracker: str
    part: str = ""


class Tail(Protocol):
    """What one source has said so far; reading it again costs as much as the bytes that are new.

    Nothing in a file makes it raise, and nothing in the place of a file makes it wait: what could not be read
    is in the history's ``problem``.

    Attributes:
        path: The file or directory.
    """

    path: Path

    @property
    def restarts(self) -> int:
        """How often it was found replaced, or shorter than what was read, and read from its start."""

    @property
    def has_ended(self) -> bool:
        """Whether the tracker recorded the end of the run; False where it records none."""

    def read(self, final: bool = True) -> None:
        """Read what is new since the last call.

        Args:
            final: Whether nobody writes any more. If not, an end that is not yet readable, as a writer leaves
                it between two writes, waits for the next call, and is no problem.
        """

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have, or all that were asked for; found without much work."""

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; with ``fresh`` only the points that are new since the last such call."""


def stamp(time_ns: int) -> str:
    """Return a time in nanoseconds since the epoch as the first part of `Source.started`."""
    return strftime("%Y%m%d_%H%M%S", localtime(time_ns / 1e9))
