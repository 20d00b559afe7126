"""What the installed trainer accepts, where its versions call one setting by several names."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import IO, Any

from autoloop.store.files import write_atomic
from autoloop.tasks.command.settings import Trainer

log = logging.getLogger(__name__)

_FLAG = re.compile(r"(?<![\w-])--([A-Za-z][\w.]*)")
_LIMIT_S = 300  # for one --help, which imports what the trainer imports


def as_accepted(trainer: Trainer, job_dir: Path, keep: bool = True) -> Trainer:
    """The trainer with its settings by the names that the installed version has.

    Args:
        trainer: The trainer.
        job_dir: The job's directory; beside it the answer is kept for the other jobs.
        keep: Whether to keep it.
    """
    groups = [group for group in trainer.same if _used(trainer, group)]
    if not groups:
        return trainer
    accepted = _flags_of(trainer, job_dir.parent, keep)
    names = dict(pair for group in groups for pair in renames(group, accepted).items())
    return replace(
        trainer,
        config=renamed(trainer.config, names),
        put=renamed(trainer.put, names),
        flags=tuple(renamed(flags, names) for flags in trainer.flags),
        ints=(*trainer.ints, *(names[path] for path in trainer.ints if path in names)),
    )


def renames(group: Sequence[str], accepted: Iterable[str]) -> dict[str, str]:
    """Name -> the name to use instead, of names that mean the same; empty where none of them is accepted."""
    known = set(accepted)
    wanted = next((name for name in group if name in known), None)
    return {name: wanted for name in group if wanted is not None and name not in known}


def renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Values with other names at their top; one that has the other name too keeps its value."""
    kept = {key: value for key, value in values.items() if names.get(key) not in values}
    return {names.get(key, key): value for key, value in kept.items()}


def _used(trainer: Trainer, group: Sequence[str]) -> bool:
    places = (trainer.config, trainer.put, *trainer.flags)
    return any(place.get(name) is not None for place in places for name in group)


def _flags_of(trainer: Trainer, study_dir: Path, keep: bool) -> frozenset[str]:
    """The flags that ``--help`` names; none where the trainer cannot say."""
    command = (trainer.python, *trainer.program, "--help")
    key = hashlib.sha256(json.dumps([command, str(trainer.cwd)]).encode()).hexdigest()[:12]
    kept = study_dir / f".accepts-{key}.json"
    ask = partial(_flags, command, trainer.cwd, tuple(trainer.env.items()))
    if known := _read_kept(kept):
        return known
    return _ask_once(kept, ask) if keep else ask()


def _ask_once(kept: Path, ask: Callable[[], frozenset[str]]) -> frozenset[str]:
    """Of jobs that start at the same moment one asks; the others wait for its answer."""
    with kept.with_suffix(".lock").open("a") as lock:
        known = _read_kept(kept) if _waited(lock) else None
        if known is None:
            known = ask()
            write_atomic(kept, json.dumps(sorted(known)))
    return known


def _waited(lock: IO[str]) -> bool:
    """Lock a file; whether another process had it locked. Where files cannot be locked, everyone asks."""
    with suppress(OSError):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return True
    return False


def _read_kept(kept: Path) -> frozenset[str] | None:
    """The answer that a job of the study kept, empty if the trainer could not say; None if there is none."""
    try:
        return frozenset(json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@cache
def _flags(
    command: tuple[str, ...], cwd: Path | None, env: tuple[tuple[str, str | None], ...]
) -> frozenset[str]:
    known = {name: value for name, value in {**os.environ, **dict(env)}.items() if value is not None}
    try:
        done = subprocess.run(
            command,
            env=known,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("%s cannot be asked what it accepts: %s", " ".join(command), error)
        return frozenset()
    return frozenset(_FLAG.findall(done.stdout.decode(errors="replace")))
