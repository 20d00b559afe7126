"""SQLite files of trackers, read while others may write them: nobody waits, nothing is changed.

A file is opened read-only, and rows are fetched some thousand at a time, so that its lock is soon given back.
One with a write-ahead log that nobody has open (no ``-wal`` beside it) is read without locks, since with them
SQLite would make files beside it. What a killed writer left half done, in a journal that only a writer may
undo, is undone in a copy.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from autoloop.history.files import NotAFileError, open_regular, regular

ROWS = 10_000  # fetched at a time
SUFFIXES = (".db", ".sqlite", ".sqlite3")
_MAGIC = b"SQLite format 3\0"
_FORMAT_AT, _WRITE_AHEAD = (
    18,
    2,
)  # the byte of the header that tells how it is written, and its value with a log
_WAIT_S = 0.5  # for a writer that is about to finish
_NEEDS_A_WRITER = ("readonly", "unable to open")

#: What reading a database may raise; where damage has reached what an error quotes, it is no UTF-8.
ERRORS = (OSError, sqlite3.Error, UnicodeDecodeError)

Row = tuple[Any, ...]


def is_database(path: Path) -> bool:
    """Tell whether a file is a SQLite database by its name and its first bytes."""
    return path.suffix in SUFFIXES and _header(path).startswith(_MAGIC)


def _header(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(100)
    except OSError:
        return b""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database to be read.

    Raises:
        OSError: It is no file, or cannot be opened.
        sqlite3.Error: It is no database, or damaged, or a writer keeps it locked.
    """
    if regular(path) is None:
        raise NotAFileError(f"{path} is not a file")
    try:
        connection = _connect(path)
    except sqlite3.OperationalError as error:
        if not any(text in str(error) for text in _NEEDS_A_WRITER):
            raise
        with _copied(path) as copy:
            yield copy
        return
    with closing(connection):
        yield connection


def _connect(path: Path) -> sqlite3.Connection:
    header = _header(path)
    is_logged = len(header) > _FORMAT_AT and header[_FORMAT_AT] == _WRITE_AHEAD
    closed = is_logged and not path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro&immutable=1" if closed else "mode=ro"
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True, timeout=_WAIT_S)
    try:
        return _ready(connection)
    except ERRORS:
        connection.close()
        raise


def _ready(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a connection that has read its file once; what is no UTF-8 is no error."""
    connection.isolation_level = None
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


@contextmanager
def _copied(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy, in which SQLite undoes what was left half done."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", "-wal", "-journal"):
            beside = path.with_name(path.name + suffix)
            if regular(beside):
                shutil.copyfile(beside, Path(folder) / beside.name)
        with closing(sqlite3.connect(Path(folder) / path.name, timeout=_WAIT_S)) as connection:
            yield _ready(connection)


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of a table's columns; none where there is no such table."""
    return {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}


def waits(error: Exception) -> bool:
    """Tell whether an error means that a writer had the file locked."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def damage(connection: sqlite3.Connection, table: str) -> str:
    """Return what SQLite finds wrong with a table or its indices; empty if nothing."""
    found = connection.execute(f"PRAGMA integrity_check({table})").fetchone()
    text = str(found[0]) if found else "ok"
    return "" if text == "ok" else text.removeprefix("*** in database main ***\n")
