"""The journal on disk: append-only JSON lines, each on disk before what it says takes effect."""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from autoloop.errors import AutoloopError, JournalError
from autoloop.store.files import plain_file
from autoloop.store.lock import disown, has_open, is_at, lock_file, this_process
from autoloop.store.redact import redact_all
from autoloop.study.events import VERSION, Event, StudyBegun, read_event
from autoloop.study.own_words import own_words
from autoloop.study.record import Study

FILE_NAME = "study.jsonl"
LOCK_NAME = "study.lock"
FILES_BESIDE = (
    ".slurm",
    "controls",
    "reports",
    "multirun.yaml",
    "optimization_results.yaml",
    "best.yaml",
    "notifications.jsonl",
    "wandb",
)


class Journal:
    """The open journal of one study; one process at a time holds it.

    Attributes:
        path: The journal's file.
        study: What all its events add up to, kept current.
        lock: Held while an event is taken into account; hold it to look at ``study`` from another thread.
        observers: Called with each new event and the study it is part of, while ``lock`` is held: they must
            be quick and must not raise.
    """

    def __init__(self, study_dir: Path, clock: Callable[[], float] = time.time) -> None:
        """Lock the study, cut off a half-written last line and replay the rest.

        Args:
            study_dir: The sweep directory; made if it does not exist.
            clock: Seconds since the epoch.

        Raises:
            JournalError: Another process holds the study, the directory cannot be written, or a line is
                damaged.
        """
        self.path = study_dir / FILE_NAME
        self._clock = clock
        self.lock = threading.RLock()
        self.observers: list[Callable[[Event, Study], None]] = []
        with ExitStack() as opened:
            self._file, self._lock = (opened.enter_context(file) for file in _hold(study_dir))
            self._file_status = os.fstat(self._file.fileno())
            self._there = self.path.absolute()  # a job of this process may change its directory
            self.study, end = Study(), 0
            for event, number, after in _parse(self.path):
                _record_event(self.study, event, self.path, number)
                end = after
            self._file.truncate(end)
            opened.pop_all()

    def check(self) -> None:
        """See to it that what is written here stands where it is looked for.

        Raises:
            JournalError: The file at the study's path is another one, or none: it was removed, replaced by a
                copy, or its directory was moved.
        """
        if not is_at(self._file.fileno(), self._there) and not self._found_again():
            raise JournalError(
                f"the journal of this study is no longer at {self._there}: the file or a directory above it "
                "was removed, renamed or replaced while the study ran, so this process ends. If it was "
                "renamed, name it back or go on from there: autoloop resume DIR"
            )

    def _found_again(self) -> bool:
        """Open the journal once more where a job in this process has closed it; return whether it was."""
        with suppress(BlockingIOError, FileNotFoundError):
            if os.path.samestat(self._file_status, self._there.stat()):
                disown(self._file)
                self._file = lock_file(self._there)
                self._hold_note_again()
                return True
        return False

    def _hold_note_again(self) -> None:
        note = self._there.with_name(LOCK_NAME)
        if is_at(self._lock.fileno(), note):
            return
        disown(self._lock)
        try:
            self._lock = lock_file(note)
        except OSError:  # the journal's own lock is the one that counts
            self._lock = Path(os.devnull).open("ab", buffering=0)  # noqa: SIM115 - kept open

    def append(self, event: Event) -> Event:
        """Write one event, wait until it is on disk, then take it into account.

        NaN and infinities are written as null. Safe to call from several threads.

        Args:
            event: What happened; the time is set here.

        Returns:
            The event as every reader of the journal finds it: at its time, without secrets.

        Raises:
            JournalError: The line could not be written (disk full), would not stand where it is looked for
                (see `check`), or could not be read again; earlier lines are unharmed.
        """
        with self.lock:
            record = recorded(replace(event, time=round(self._clock(), 3)).as_record())
            record = redact_all(record, os.environ, own_words(event.kind))
            text = json.dumps(record, ensure_ascii=False, allow_nan=False)
            event = read_event(record)
            self.check()
            start = os.fstat(self._file.fileno()).st_size
            try:
                self._write(text.encode("utf-8", "backslashreplace") + b"\n")
                self.study.admit(event)
            except OSError as error:
                _cut(self._file, start)
                raise JournalError(
                    f"cannot write to {self.path}: {error.strerror or error}; what was written before is "
                    "unharmed. Make room, then give the same command again to go on"
                ) from error
            except BaseException:  # Ctrl-C as well: what the study took in of the event is not in the file
                _cut(self._file, start)
                self.study.become(_replayed(self._there))
                raise
            for observe in self.observers:
                observe(event, self.study)
            return event

    def snapshot(self) -> Study:
        """The study as it is now, for another thread to look at."""
        with self.lock:
            return self.study.copy()

    def _write(self, line: bytes) -> None:
        """Write a line and wait until it is on disk."""
        left = memoryview(line)
        while left:
            left = left[self._file.write(left) :]
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file and let go of the lock."""
        self._file.close()
        self._lock.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _hold(study_dir: Path) -> tuple[IO[bytes], IO[bytes]]:
    """Lock a study's journal, and the file in which earlier versions look for who holds it.

    The journal's own lock is the one that counts: it goes wherever the study goes. The other file says who.

    Raises:
        JournalError: Another process holds the study, or the directory cannot be written.
    """
    try:
        study_dir.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            journal = opened.enter_context(lock_file(study_dir / FILE_NAME))
            note = opened.enter_context(lock_file(study_dir / LOCK_NAME))
            note.truncate(0)
            note.write(this_process().encode())
            opened.pop_all()
            return journal, note
    except BlockingIOError as error:
        holder = _holder(study_dir)
        raise JournalError(
            f"the study in {study_dir} is being run by {holder}; wait for it or end it first"
        ) from error
    except OSError as error:
        raise JournalError(
            f"cannot write the study in {study_dir}: {error.strerror or error}; "
            "choose another hydra.sweep.dir or make it writable"
        ) from error


def _holder(study_dir: Path) -> str:
    """Who holds a study, in words, as far as that is written down: in the file beside it, else in itself."""
    with suppress(OSError):
        if holder := (study_dir / LOCK_NAME).read_text(errors="replace").strip():
            return holder
    with suppress(AutoloopError, OSError):
        study = read_study(study_dir)
        last = study.resumes[-1] if study.resumes else study.header
        if last.pid is not None:
            return f"process {last.pid} on {last.host}"
    return "another process"


def read_study(study_dir: Path) -> Study:
    """Replay a journal without locking or changing it; a half-written last line is left out.

    Raises:
        JournalError: There is no journal, or a line of it is damaged.
    """
    reader = JournalReader(study_dir)
    deque(reader.follow(), maxlen=0)
    return reader.study


def beginning_of(study_dir: Path) -> StudyBegun | None:
    """How the study in a directory began, read from the first line alone; None where there is none.

    Raises:
        JournalError: That line is damaged.
    """
    path = study_dir / FILE_NAME
    first = next((event for event, _, _ in _parse(path)), None) if path.is_file() else None
    return first if isinstance(first, StudyBegun) else None


class JournalReader:
    """Follows the journal of a study that another process may be running; it locks and changes nothing.

    Attributes:
        study: What all events read so far add up to.
    """

    def __init__(self, study_dir: Path) -> None:
        self.study = Study()
        self._path = study_dir / FILE_NAME
        self._identity = 0
        self._lines = 0
        self._offset = 0

    def update(self) -> list[Event]:
        """Read the lines that are new, take them into account and return their events.

        Where another study has taken this one's place, its first events come next and ``study`` is that one.

        Raises:
            JournalError: There is no journal, or a line of it is damaged.
        """
        return list(self.follow())

    def follow(self) -> Iterator[Event]:
        """The same, one event after the other: a long journal is never in memory as a whole."""
        try:
            status = self._path.stat()
        except OSError:
            raise JournalError(f"no study in {self._path.parent}: there is no {FILE_NAME}") from None
        if status.st_ino != self._identity or status.st_size < self._offset:
            self.study, self._identity, self._lines, self._offset = Study(), status.st_ino, 0, 0
        for event, number, end in _parse(self._path, self._offset, self._lines):
            _record_event(self.study, event, self._path, number)
            self._lines, self._offset = number, end
            yield event


def is_left(study: Study, study_dir: Path) -> bool:
    """Whether the process that ran a study last, on this machine, is not there any more."""
    last = study.resumes[-1] if study.resumes else study.header
    if last.pid is None or last.host != socket.gethostname():
        return False
    return not has_open(last.pid, study_dir / FILE_NAME)


def set_aside(study_dir: Path, study: Study) -> Path:
    """Move a study, with all that its journal refers to, into a new directory below its own; return that one.

    The journal goes last: until then what a kill leaves halfway is moved on by the next call.
    """
    number = 1
    while (study_dir / f"previous_{number}" / FILE_NAME).exists():
        number += 1
    aside = study_dir / f"previous_{number}"
    aside.mkdir(exist_ok=True)
    of_jobs = {Path(job.run_dir).parts[0] for job in study.jobs.values() if Path(job.run_dir).parts}
    for name in (*sorted(of_jobs - {"..", "/"}), *FILES_BESIDE, FILE_NAME):
        if (study_dir / name).exists() and not (aside / name).exists():
            (study_dir / name).rename(aside / name)
    return aside


def _record_event(study: Study, event: Event, path: Path, line: int) -> None:
    """Take an event into account; an error names its line."""
    try:
        study.record(event)
    except JournalError as error:
        raise JournalError(_damage(line, path, error)) from error


def _replayed(path: Path) -> Study:
    study = Study()
    for event, number, _ in _parse(path):
        _record_event(study, event, path, number)
    return study


def _damage(line: int, path: Path, why: object) -> str:
    return (
        f"line {line} of {path} is damaged ({why}); "
        "restore the file, or cut it off before that line to go on from there"
    )


def _parse(path: Path, start: int = 0, lines: int = 0) -> Iterator[tuple[Event, int, int]]:
    """Each event with the number of its line and the offset behind it.

    Args:
        path: The journal.
        start: Offset to read from.
        lines: How many lines stand before it.
    """
    end = start
    for number, line in _whole_lines(path, start, lines):
        record = _record(line, number, path)
        try:
            event = read_event(record)
        except JournalError as error:
            raise JournalError(_damage(number, path, error)) from error
        end += len(line)
        yield event, number, end


def _record(line: bytes, number: int, path: Path) -> dict[str, Any]:
    """A line as JSON has it."""
    try:
        record = json.loads(line)
        if not isinstance(record, dict) or "event" not in record:
            raise ValueError("not an event")
    except (ValueError, RecursionError) as error:
        raise JournalError(_damage(number, path, error)) from error
    if record.get("v") != VERSION:
        raise JournalError(
            f"line {number} of {path} has version {record.get('v')!r}; this autoloop reads {VERSION}"
        )
    return record


def _whole_lines(path: Path, start: int, lines: int) -> Iterator[tuple[int, bytes]]:
    """Lines that end in a newline, numbered from 1; a last line without one was being written."""
    with open(path, "rb", opener=plain_file) as file:
        file.seek(start)
        for number, line in enumerate(file, start=lines + 1):
            if line.endswith(b"\n"):
                yield number, line


def _cut(file: IO[bytes], size: int) -> None:
    """Cut off what a failed write may have left; on a full disk that still works."""
    with suppress(OSError):  # the reader leaves out a line without an end anyway
        file.truncate(size)


def recorded(value: Any) -> Any:
    """The same value in JSON's terms: tuples as lists, NaN and infinities as None, anything else as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): recorded(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [recorded(item) for item in value]
    return recorded(value.item()) if hasattr(value, "item") else str(value)
