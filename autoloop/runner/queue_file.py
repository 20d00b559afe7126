"""The queue: variants that a user puts into ``queue.yaml`` of a running study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from autoloop.edits.variants import Entry, parse_entries
from autoloop.errors import AutoloopError, ConfigError
from autoloop.history.files import read_note
from autoloop.rules.base import Decision
from autoloop.store.redact import reveal
from autoloop.strategies.base import ASKED_FOR
from autoloop.study.decisions import Refusal
from autoloop.study.record import Job, Study

FILE_NAME = "queue.yaml"
MOST_VALUES = 10_000  # in a queue, each alias counted as what it stands for


class Queue(NamedTuple):
    """What stands in a queue that is still to be done.

    Attributes:
        waiting: The variants that have not run, as children of the baseline.
        changed: Those that ran with other edits than stand there now, and so will not run with these.
    """

    waiting: list[Decision]
    changed: list[Refusal]


def read_queue(study_dir: Path, study: Study, start: str) -> Queue:
    """Return what of the queue has not run.

    Args:
        study_dir: The study's directory.
        study: Its record.
        start: Name of the baseline.

    Raises:
        ConfigError: The file is no YAML, or something that is no variant stands in it.
        EditError: An edit in it cannot be read.
    """
    ran = {job.plan.evidence.get("name"): job for job in study.jobs.values() if job.rule == ASKED_FOR}
    entries = _entries(study_dir / FILE_NAME)
    return Queue(
        [_asked(entry, start) for entry in entries if entry.name not in ran],
        [
            _changed(entry, start)
            for entry in entries
            if entry.name in ran and _differs(entry, ran[entry.name])
        ],
    )


def _entries(path: Path) -> tuple[Entry, ...]:
    if not path.is_file():
        return ()
    try:
        found = yaml.safe_load(read_note(path))
        _count(found)
        return parse_entries(found)
    except AutoloopError:
        raise
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())[:300]}") from error


def _count(value: Any) -> None:
    """See to it that aliases within aliases do not make a few lines a forest.

    Raises:
        ConfigError: They do, or one stands within what it stands for.
    """
    left, count = [value], 0
    while left:
        one = left.pop()
        count += 1
        if count > MOST_VALUES:
            raise ConfigError(f"{FILE_NAME} has more than {MOST_VALUES} values, aliases included")
        left += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()


def _asked(entry: Entry, start: str) -> Decision:
    reason = entry.reason or "asked for by the user"
    return Decision(ASKED_FOR, start, reason, {"name": entry.name}, entry.edits)


def _differs(entry: Entry, job: Job) -> bool:
    """Whether an entry asks for something else than its job ran; what could not be used is in its notes."""
    ran = tuple(reveal(edit, os.environ) for edit in job.plan.edits)
    left_out = bool(job.plan.notes) and set(ran) < set(entry.edits)
    return ran != entry.edits and not left_out


def _changed(entry: Entry, start: str) -> Refusal:
    why = f"{entry.name!r} of {FILE_NAME} has run with other edits; give these a name of their own"
    return Refusal(start, ASKED_FOR, entry.edits, why)
