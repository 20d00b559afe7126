"""Event files: which files of a directory they are, what a run is made of, and the readers of both."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, cast

from autoloop.history.files import identity, open_regular, regular
from autoloop.history.series import INTERNAL, History, RunRecord
from autoloop.history.source import Source, Tail, stamp
from autoloop.history.tensorboard.events import Events
from autoloop.history.tensorboard.framing import RecordFramer
from autoloop.history.together import Together
from autoloop.history.wanted import Wanted

TENSORBOARD = "tensorboard"
LOOKED_FOR = "a TensorBoard event file"
_MARK = "tfevents"  # in the name of every event file, as TensorBoard itself tells them
_TIME = re.compile(r"tfevents\.(\d{9,11})(?:\.|$)")
_HPARAMS_DIR = re.compile(r"\d{9,11}\.\d+")  # as add_hparams names it: last values, given by hand
_Any = TypeVar("_Any")
_PARTS_DEEP = 3  # directories below a run's in which parts of its curves may lie


def sources(folder: Path, names: Sequence[str]) -> list[Source]:
    """Return the run whose event files lie in a directory.

    Directories that ``add_scalars`` made for the parts of a curve belong to the run that they lie in.
    """
    files = [folder / name for name in names if _MARK in name]
    if not files or _above(folder):
        return []
    path = folder if len(files) == len(_events_in(folder)) else files[0]
    changed = max((status.st_mtime_ns for file in files if (status := regular(file))), default=0)
    began = min(
        (int(found[1]) * 10**9 for file in files if (found := _TIME.search(file.name))), default=changed
    )
    return [Source(path, TENSORBOARD, str(path), (stamp(began), changed), folder, TENSORBOARD)]


def tail(source: Source, keys: Iterable[str] | None = None) -> Tail:
    """Return the reader of a run's event files, or of one of them."""
    asked = None if keys is None else list(keys)
    return RunFiles(source.path, asked) if source.path.is_dir() else EventFile(source.path, asked)


def _events_in(folder: Path) -> list[Path]:
    """Return the event files in a directory, oldest first, as far as their names tell."""
    try:
        return sorted(file for file in folder.iterdir() if _MARK in file.name)
    except OSError:
        return []


def _above(folder: Path) -> bool:
    """Tell whether a directory is a part of a run that it lies in, or may be one: it has no number yet."""
    for depth, above in zip(range(_PARTS_DEEP), folder.parents, strict=False):
        if _events_in(above):
            return (
                _part(above, folder) is not None
                or not first_tag(folder)
                or (depth == 0 and bool(_HPARAMS_DIR.fullmatch(folder.name)))
            )
    return False


def _part(run: Path, folder: Path) -> str | None:
    """Return which part of a run's curve a directory holds, as ``add_scalars`` calls it; None if it is none.

    PyTorch makes ``loss_train`` of the curve ``loss`` and its part ``train``, tensorboardX ``loss/train``.
    """
    name, tag = folder.relative_to(run).as_posix(), first_tag(folder)
    beginnings = (f"{tag}/", f"{tag.replace('/', '_')}_") if tag else ()
    return next((name.removeprefix(b) for b in beginnings if name.startswith(b)), None)


def first_tag(folder: Path) -> str:
    """Return a tag in the event files of a directory; empty while there is none."""
    return next(filter(None, map(_first_tag_of, _events_in(folder))), "")


def _first_tag_of(path: Path) -> str:
    """The same of one file."""
    events = Events()
    with suppress(OSError), open_regular(path) as file:
        for batch in RecordFramer(events.skip).read(file, final=False):
            events.add(batch)
            if events.tag:
                break
    return events.tag


class RunFiles(Together):
    """The event files of one run, and those of the parts of its curves; see `autoloop.history.source.Tail`.

    Args:
        path: The run's directory.
        keys: Names and patterns of the metrics to keep; None keeps all.
    """

    def __init__(self, path: Path, keys: Iterable[str] | None = None) -> None:
        self._keys = None if keys is None else list(keys)
        self._parts: dict[Path, str] = {}
        super().__init__(path, self._found, self._tail_of, TENSORBOARD)

    def _found(self) -> list[Path]:
        """Return the event files there are now."""
        below = [folder for folder in _folders(self.path, _PARTS_DEEP) if self._is_part(folder)]
        return [file for folder in (self.path, *below) for file in _events_in(folder)]

    def _is_part(self, folder: Path) -> bool:
        if folder not in self._parts and _events_in(folder) and (part := _part(self.path, folder)):
            self._parts[folder] = part
        return folder in self._parts

    def _tail_of(self, path: Path) -> Tail:
        return EventFile(path, self._keys, self._parts.get(path.parent, ""))

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; see `Tail.history`."""
        whole, files = super().history(fresh), cast("list[EventFile]", list(self._tails.values()))
        whole.run = next((run for file in files if (run := file.run_record())), None)
        whole.note = _note([file.bounds() for file in files if not file.part], whole.note)
        return whole


def _folders(top: Path, deep: int) -> Iterator[Path]:
    """Yield the directories below one, without following links."""
    try:
        with os.scandir(top) as entries:
            inner = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    for folder in map(Path, inner):
        yield folder
        if deep > 1:
            yield from _folders(folder, deep - 1)


def _note(bounds: list[dict[str, tuple[int, int]]], known: str) -> str:
    """Return what to say where a later file begins at a lower step than an earlier one had come to."""
    highest: dict[str, int] = {}
    for one in bounds:
        for name, (first, last) in one.items():
            if first < highest.get(name, first) and not known:
                known = went_back(name, highest[name], first)
            highest[name] = max(last, highest.get(name, last))
    return known


def went_back(name: str, high: int, low: int) -> str:
    """Say that a metric's steps go back."""
    return f"the steps of {name} go back from {high} to {low}: of two values at one step the later counts"


class EventFile:
    """What an event file has said so far; see `autoloop.history.source.Tail`.

    Args:
        path: The file.
        keys: Names and patterns of the metrics to keep; None keeps all.
        part: What comes after the names of its metrics; empty where they are whole.
    """

    has_ended = False

    def __init__(self, path: Path, keys: Iterable[str] | None = None, part: str = "") -> None:
        self.path = path
        self.part = part
        self.restarts = 0
        self._wanted = Wanted(keys)
        self._events = Events(None if part else keys)
        self._framer = RecordFramer(self._events.skip)
        self._identity = (0, 0)
        self._error = ""
        self._is_final = True

    def read(self, final: bool = True) -> None:
        """Read what is new; see `Tail.read`."""
        self._is_final, self._error = final, ""
        try:
            with open_regular(self.path) as file:
                status = os.fstat(file.fileno())
                if self._identity not in ((0, 0), identity(status)) or status.st_size < self._framer.offset:
                    self._restart()
                self._identity = identity(status)
                for batch in self._framer.read(file, final):
                    self._events.add(batch)
        except OSError as error:
            self._error = f"{self.path} cannot be read: {error.strerror or error}"

    def _restart(self) -> None:
        self.restarts += 1
        self._events.restart()
        self._framer = RecordFramer(self._events.skip)

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have, or all that were asked for."""
        known = {self._named(name): name for name in self._events.points.names()}
        asked = list(known) if names is None else list(names)
        wanted = [name for name in asked if self._wanted.name(name) and name not in INTERNAL]
        return self._events.points.logged(known[name] for name in wanted if name in known)

    def _named(self, tag: str) -> str:
        return f"{tag}/{self.part}" if self.part else tag

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; see `Tail.history`."""
        found = self._events.points.series(fresh)
        internal = {name: found.pop(name) for name in INTERNAL if name in found}
        internal = {} if self.part else internal
        skipped = self._events.points.skipped()
        return History(
            self._asked(found),
            self.problem(),
            run=self.run_record(),
            skipped=self._asked(skipped),
            internal=internal,
            note=next((went_back(self._named(n), *steps) for n, steps in self._events.back.items()), ""),
            rows=self._events.points.rows,
            source=TENSORBOARD,
            path=self.path,
        )

    def _asked(self, found: dict[str, _Any]) -> dict[str, _Any]:
        """Return what was asked for, by its name in the run."""
        return {name: one for tag, one in found.items() if self._wanted.name(name := self._named(tag))}

    def bounds(self) -> dict[str, tuple[int, int]]:
        """Return the first and the highest step of each metric."""
        return self._events.bounds

    def run_record(self) -> RunRecord | None:
        """Return what is known of the run; None before its first event."""
        if self.part or self._events.began is None:
            return None
        name = self.path.parent.name
        return RunRecord(name, name=name, start_time=self._events.began)

    def problem(self) -> str:
        """Return what could not be read, in words; empty if nothing."""
        texts = [self._error, self._framer.losses.text(self.path)]
        if self._events.unreadable:
            texts.append(f"{self.path}: {self._events.unreadable} records or values are not TensorBoard's")
        if not any(texts) and self._framer.offset == 0 and self._is_final:
            texts.append(f"{self.path} is empty: the run has logged nothing, or not yet")
        return "; ".join(filter(None, texts))
